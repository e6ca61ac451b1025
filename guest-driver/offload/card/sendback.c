// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checks what a TERMINATE hands back against what the driver knows. The chain must name
 * our own requests, in the order of their bytes (TRM-17, TRM-23); the bytes themselves
 * never left the write queue.
 */
#include "offload/card/sendback.h"
#include "offload/conn_types.h"
#include "offload/od.h"
#include "offload/requests.h"

/* The request behind @pos that the card names, as it was posted. NULL: it names none. */
static struct chimdrv_send *named(struct chimdrv_conn *conn, struct chimdrv_send *pos,
				  const struct chim_send_ref *ref)
{
	list_for_each_entry_continue(pos, &conn->snd.list, node)
		if (pos->cookie == le64_to_cpu(ref->cookie))
			return pos->done || pos->back || pos->len != le32_to_cpu(ref->len) ?
			       NULL : pos;
	return NULL;
}

static u32 within(u32 seq, u32 start, u32 end)
{
	return before(seq, start) ? start : after(seq, end) ? end : seq;
}

/* How the sequence variables divide the bytes of a request that came back (TRM-20). */
static void count_bytes(struct chimdrv_conn *conn, const struct chimdrv_send *send,
			const struct chim_tcp_delegated *d)
{
	u32 end = send->seq + send->len;
	u32 start = within(le32_to_cpu(d->snd_una), send->seq, end);
	u32 nxt = within(le32_to_cpu(d->snd_nxt), start, end);
	u32 max = within(le32_to_cpu(d->snd_max), start, end);

	chimdrv_count_add(conn->cd, send_back_unacked_bytes, nxt - start);
	chimdrv_count_add(conn->cd, send_back_rexmit_bytes, max - nxt);
	chimdrv_count_add(conn->cd, send_back_unsent_bytes, end - max);
}

/* A bad chain changes nothing but a counter: the sequence numbers decide. */
static void take_sends(struct chimdrv_conn *conn, const struct chim_tcp_delegated *d,
		       const struct chim_send_ref *ref)
{
	struct chimdrv_send *send = list_entry(&conn->snd.list, struct chimdrv_send, node);
	u32 count = min(le32_to_cpu(d->send_count), conn->snd.room), i;

	if (count && (d->send_head || le32_to_cpu(d->send_tail) != count - 1)) {
		chimdrv_count(conn->cd, bad_entries);	/* first and last of the chain (TRM-19) */
		return;
	}
	for (i = 0; i < count; i++) {
		send = named(conn, send, &ref[i]);
		if (!send) {
			chimdrv_count(conn->cd, bad_entries);
			return;
		}
		chimdrv_count(conn->cd, send_back_requests);
		count_bytes(conn, send, d);
		conn->snd.returned = true;
	}
}

/* slock. @ref is the chain, in the memory that the driver gave for it. */
void chimdrv_sendback_take(struct chimdrv_conn *conn, const struct chim_tcp_delegated *d,
			   const struct chim_send_ref *ref)
{
	take_sends(conn, d, ref);
	chimdrv_count_add(conn->cd, rexmit_segments, le32_to_cpu(d->rexmit_segments));
}

/* LAST has been seen: nothing follows. */
void chimdrv_sendback_end(struct chimdrv_conn *conn)
{
	if (conn->snd.completed && conn->snd.returned)
		chimdrv_count(conn->cd, send_back_mixed);
}
