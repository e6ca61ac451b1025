// SPDX-License-Identifier: GPL-2.0-only
/*
 * Gives the card what programs write: posts, completes and drops requests for byte ranges of
 * the write queue (write.c), and builds the chain of requests that an offload hands over.
 *
 * Runs under the socket's slock; the chain is built with the socket owned. Posting needs the
 * socket's queues: nobody owns the socket, or its owner is in release_cb.
 */
#include <linux/dma-mapping.h>

#include "offload/card/send.h"
#include "offload/ask.h"
#include "offload/cache.h"
#include "offload/card/blocklist.h"
#include "offload/card/sq.h"
#include "offload/conn_types.h"
#include "offload/od.h"
#include "offload/requests.h"
#include "offload/socket/route.h"
#include "offload/socket/tail.h"
#include "offload/socket/write.h"

#define BACKLOG_MIN	(256 * 1024)

/* ----------------------------------------------------------------------------- requests */

/*
 * What the target may do at the end of a request: push it, if the program's data ends
 * there; wait for more, if another request is certain to follow; else neither. @room:
 * requests that may be posted at once.
 */
static u32 send_flags(const struct chimdrv_conn *conn, const struct chimdrv_send *send, u32 end,
		      u32 all, u32 room)
{
	u32 last = send->seq + send->len;

	if (last == all && chimdrv_write_pushes(conn->sk))
		return CHIM_SEND_PUSH;
	/* it is posted now, or when one in front completes */
	return before(last, end) && (conn->snd.n || room > 1) ? CHIM_SEND_MORE : 0;
}

static void send_account(struct chimdrv_conn *conn, struct chimdrv_send *send)
{
	list_add_tail(&send->node, &conn->snd.list);
	conn->snd.n++;
	conn->snd.posted_bytes += send->len;
	conn->snd.posted_seq = send->seq + send->len;
}

/* Queues ours. Give the target what the program has written since the last post. */
void chimdrv_send_post(struct chimdrv_conn *conn)
{
	u32 limit = max_t(u32, conn->snd.backlog, max(2 * conn->snd.cwnd_bytes, (u32)BACKLOG_MIN));
	const struct chimdrv_limits *lim = &conn->cd->limits;
	struct tcp_sock *tp = tcp_sk(conn->sk);
	u32 all = chimdrv_write_end(conn->sk), end = chimdrv_tail_end(conn, all);
	u32 room = conn->snd.room ?: lim->sends, len;
	struct chimdrv_send *send;
	struct chimdrv_sq_cmd cmd = { };
	int err;

	if (test_bit(CHIMDRV_C_UNTOLD, &conn->bits))
		return;		/* with a header that the target does not know yet */
	if (chimdrv_route_stale(conn))
		return;		/* perhaps not this way; progress.c looks first */
	while (before(conn->snd.posted_seq, end) && conn->snd.n < room &&
	       conn->snd.posted_bytes < limit) {
		len = min3(end - conn->snd.posted_seq, (u32)CHIMDRV_SEND_LEN, lim->send_len);
		send = chimdrv_write_request(conn, conn->snd.posted_seq, len, GFP_ATOMIC);
		if (IS_ERR(send)) {
			if (PTR_ERR(send) == -ENOMEM)
				chimdrv_sq_pend(conn);
			else
				chimdrv_ask_upload(conn, PTR_ERR(send) == -ETIME ?
						   CHIMDRV_WHY_TIMESTAMPING :
						   CHIMDRV_WHY_UNREADABLE);
			break;
		}
		send->flags = send_flags(conn, send, end, all, room);
		send->cookie = ++conn->next_cookie;
		cmd.ctl = CHIM_OP_SEND | send->flags << CHIM_CTL_FLAGS_SHIFT;
		cmd.cookie = send->cookie;
		cmd.len = send->len;
		cmd.sge = send->sge;
		cmd.nsge = send->nsge;
		err = chimdrv_sq_post(conn, &cmd);
		if (err) {
			chimdrv_write_unmap(conn, send);
			chimdrv_cache_free(CHIMDRV_CACHE_SEND, send);
			if (err == -EBUSY)
				chimdrv_sq_pend(conn);
			break;
		}
		send_account(conn, send);
		tp->lsndtime = tcp_jiffies32;
		chimdrv_count(conn->cd, sends);
	}
	chimdrv_tail_watch(conn, end != all);
	WRITE_ONCE(tp->snd_nxt, conn->snd.posted_seq);	/* SIOCOUTQNSD, TCP_NOTSENT_LOWAT */
}

/* An upper bound. A request ends when it is full or out of slots, and may cut a piece in two. */
u32 chimdrv_send_chain_size(struct chimdrv_conn *conn)
{
	u32 slots = min_t(u32, CHIMDRV_SEND_SGES, conn->cd->limits.sge);
	u32 len = min_t(u32, CHIMDRV_SEND_LEN, conn->cd->limits.send_len);
	struct sock *sk = conn->sk;
	u32 parts = chimdrv_write_pieces(sk), sends;

	sends = (tcp_sk(sk)->write_seq - tcp_sk(sk)->snd_una) / len + parts / slots + 2;
	sends = min(sends, conn->cd->limits.sends);
	return sends * (sizeof(struct chim_send_ref) + 8) +
	       min(parts + sends, sends * slots) * sizeof(struct chim_sge);
}

/*
 * At initiate, socket owned: turn [SND.UNA, write_seq) into a chain of requests (OSD-1),
 * each with its scatter list in the block list. What does not fit is sent later.
 */
int chimdrv_send_chain(struct chimdrv_conn *conn, struct chimdrv_blocklist *bl, u32 *off,
		       u32 *count)
{
	const struct chimdrv_tcp_state *s = &conn->final;
	u32 all = chimdrv_write_end(conn->sk), n = 0, end, i, len;
	struct chim_send_ref *ref;
	struct chimdrv_send *send;
	struct chim_sge *sge;
	int refs, sges, err = -ENOBUFS;

	chimdrv_tail_begin(conn, s->snd_max);
	end = chimdrv_tail_end(conn, all);
	while (before(conn->snd.posted_seq, end) && conn->snd.n < conn->cd->limits.sends) {
		len = min3(end - conn->snd.posted_seq, (u32)CHIMDRV_SEND_LEN,
			   conn->cd->limits.send_len);
		send = chimdrv_write_request(conn, conn->snd.posted_seq, len, GFP_KERNEL);
		if (IS_ERR(send)) {
			err = PTR_ERR(send);
			break;
		}
		send->flags = send_flags(conn, send, end, all, conn->cd->limits.sends);
		send->cookie = ++conn->next_cookie;
		send_account(conn, send);
	}
	/* everything sent already must be in it, or the sequence numbers contradict each other */
	if (before(conn->snd.posted_seq, s->snd_max) || err == -ETIME)
		return err;
	*count = conn->snd.n;
	*off = 0;
	if (!conn->snd.n)
		return 0;
	refs = chimdrv_blocklist_reserve(bl, conn->snd.n * sizeof(*ref));
	if (refs < 0)
		return refs;
	list_for_each_entry(send, &conn->snd.list, node) {
		sges = chimdrv_blocklist_reserve(bl, send->nsge * sizeof(*sge));
		if (sges < 0)
			return sges;
		sge = chimdrv_blocklist_ptr(bl, sges);
		for (i = 0; i < send->nsge; i++) {
			sge[i].addr = cpu_to_le64(send->sge[i].addr);
			sge[i].len = cpu_to_le32(send->sge[i].len);
		}
		ref = (struct chim_send_ref *)chimdrv_blocklist_ptr(bl, refs) + n++;
		ref->cookie = cpu_to_le64(send->cookie);
		ref->len = cpu_to_le32(send->len);
		ref->sge_off = cpu_to_le32(sges);
		ref->sge_count = cpu_to_le32(send->nsge);
		ref->flags = cpu_to_le32(send->flags);
	}
	*off = refs;
	return 0;
}

/* -------------------------------------------------------------------------- completions */

/* SEND completed; chimdrv_write_reap() takes the bytes off the socket's queue later. */
void chimdrv_send_done(struct chimdrv_conn *conn, const struct chim_cqe *cqe)
{
	u32 status = le32_to_cpu(cqe->status);
	struct chimdrv_send *send;

	list_for_each_entry(send, &conn->snd.list, node)
		if (!send->done && !send->back && send->cookie == le64_to_cpu(cqe->cookie))
			break;
	if (list_entry_is_head(send, &conn->snd.list, node)) {
		chimdrv_count(conn->cd, bad_entries);
		return;
	}
	chimdrv_count(conn->cd, send_completions);
	if (le16_to_cpu(cqe->flags) & CHIM_CQE_BATCH)
		chimdrv_count(conn->cd, send_batches);
	chimdrv_write_unmap(conn, send);
	if (status == CHIM_ST_SUCCESS && le32_to_cpu(cqe->bytes) == send->len) {
		send->done = true;
		conn->snd.cwnd_bytes = le32_to_cpu(cqe->cwnd);
		conn->snd.srtt_us = le32_to_cpu(cqe->srtt_us);
		return;
	}
	/* its bytes stay in the write queue; sequence numbers tell the rest (TRM-42) */
	send->back = true;
	if (status == CHIM_ST_UPLOAD_IN_PROGRESS) {
		chimdrv_count(conn->cd, send_back_completed);
		conn->snd.completed = true;
	}
	set_bit(CHIMDRV_C_QUIET, &conn->bits);
	if (!test_bit(CHIMDRV_C_UPLOAD, &conn->bits))
		chimdrv_ask_upload(conn, CHIMDRV_WHY_CARD);
}

/* The card no longer reads memory of the connection: drop its requests; the bytes stay queued. */
void chimdrv_send_drop(struct chimdrv_conn *conn)
{
	struct chimdrv_send *send, *next;

	list_for_each_entry_safe(send, next, &conn->snd.list, node)
		chimdrv_write_free(conn, send);
}
