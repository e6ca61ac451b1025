// SPDX-License-Identifier: GPL-2.0-only
/*
 * Indications: received bytes that the card brings without a request, in buffers of
 * the pair's indication ring. They become frames for deliver.c as far as the socket
 * has room; the verdict tells the card of the rest.
 *
 * All of it under the socket's slock, whoever owns the socket, in the NAPI poll of
 * the connection's pair, whose buffers they are.
 */
#include "offload/card/indicate.h"
#include "nic/hw.h"
#include "nic/pair.h"
#include "offload/ask.h"
#include "offload/card/recv.h"
#include "offload/card/sq.h"
#include "offload/conn_types.h"
#include "offload/frame.h"
#include "offload/od.h"
#include "offload/socket/deliver.h"
#include "offload/socket/window.h"

/* Bytes of an indication that are worth copying: what fits into 2 KiB, a segment for example. */
#define COPY_BELOW	SKB_WITH_OVERHEAD(2048)
#define BULK_AFTER	4	/* so many large ones in a row */

struct ind {
	struct chimdrv_pair *pair;
	u32 first;	/* index of the first buffer */
	u32 count;
	u32 size;	/* of a buffer */
	u32 bytes;
};

static bool ind_parse(struct chimdrv_pair *pair, const struct chim_cqe *cqe, struct ind *ind)
{
	ind->pair = pair;
	ind->first = le32_to_cpu(cqe->ind_first);
	ind->count = le16_to_cpu(cqe->ind_count);
	ind->size = chimdrv_pair_ib_size(pair);
	ind->bytes = le32_to_cpu(cqe->bytes);
	if (ind->count && ind->bytes > (ind->count - 1) * (u64)ind->size &&
	    ind->bytes <= ind->count * (u64)ind->size)
		return true;
	chimdrv_count(pair->cd, bad_entries);
	chimdrv_dev_fail(pair->cd, "indication whose length does not fit its buffers");
	return false;
}

static u32 ind_len(const struct ind *ind, u32 i)
{
	return i + 1 < ind->count ? ind->size : ind->bytes - (ind->count - 1) * ind->size;
}

/* Nobody takes it: the buffers go back to the ring. */
void chimdrv_indicate_nobody(struct chimdrv_pair *pair, const struct chim_cqe *cqe)
{
	struct ind ind;
	u32 i;

	if (!ind_parse(pair, cqe, &ind))
		return;
	for (i = 0; i < ind.count; i++)
		chimdrv_pair_ib_put_back(pair, ind.first + i);
}

/* One small buffer, copied. */
static struct sk_buff *ind_copy(const struct ind *ind)
{
	struct sk_buff *skb = alloc_skb(ind->bytes, GFP_ATOMIC | __GFP_NOWARN);
	const void *src;

	if (!skb)
		return NULL;
	memset(skb->cb, 0, sizeof(struct tcp_skb_cb));
	src = chimdrv_pair_ib_peek(ind->pair, ind->first, ind->bytes);
	if (!src) {
		kfree_skb(skb);
		return NULL;
	}
	skb_put_data(skb, src, ind->bytes);
	chimdrv_pair_ib_put_back(ind->pair, ind->first);
	return skb;
}

/*
 * Buffers of an indication into frames, as long as the socket has room; those that
 * begin before @must in any case. Returns the bytes taken; buffers not taken are
 * still in the ring.
 */
static u32 ind_take(struct chimdrv_conn *conn, const struct ind *ind, u32 seq, u32 must,
		    u32 *done)
{
	u32 taken = 0, i, len, used = 0, first = seq;
	struct sk_buff *skb = NULL;
	struct page *page;
	bool force;

	*done = 0;
	if (ind->count == 1 && ind->bytes <= COPY_BELOW) {
		if (!before(seq, must) && !chimdrv_window_has_room(conn, ind->bytes, 0))
			return 0;
		skb = ind_copy(ind);
		if (skb) {
			chimdrv_deliver_queue(conn, skb, seq);
			*done = 1;
			return ind->bytes;
		}
	}
	skb = NULL;
	for (i = 0; i < ind->count; i++) {
		len = ind_len(ind, i);
		force = before(first + taken, must);
		if (!force && !chimdrv_window_has_room(conn, taken + len, used))
			break;
		if (!skb) {
			skb = chimdrv_frame(GFP_ATOMIC);
			if (!skb && force) {
				skb = conn->rcv.spare;
				conn->rcv.spare = NULL;
			}
			if (!skb)
				break;
		}
		page = chimdrv_pair_ib_take(ind->pair, ind->first + i, len);
		if (!page)
			break;
		skb_mark_for_recycle(skb);
		skb_add_rx_frag(skb, skb_shinfo(skb)->nr_frags, page, 0, len, ind->size);
		used = skb->truesize;
		taken += len;
		if (skb_shinfo(skb)->nr_frags == MAX_SKB_FRAGS) {
			chimdrv_deliver_queue(conn, skb, seq);
			seq += skb->len;
			skb = NULL;
			used = 0;
		}
	}
	if (skb && skb->len)
		chimdrv_deliver_queue(conn, skb, seq);
	else if (!conn->rcv.spare)
		conn->rcv.spare = skb;	/* it may be that one */
	else
		kfree_skb(skb);
	*done = i;
	return taken;
}

static void ind_refused(struct chimdrv_conn *conn, u32 bytes, u32 taken)
{
	chimdrv_count(conn->cd, verdicts);
	if (taken)
		chimdrv_count(conn->cd, verdict_partial);
	else
		chimdrv_count(conn->cd, verdict_refused);
	conn->rcv.refused_bytes = bytes - taken;
	conn->rcv.refused_limit = chimdrv_window_limit(conn);
	conn->rcv.collapse_tried = false;
	/* memory was short, not room: nobody has to read before it is tried again */
	conn->rcv.collapse_helped = chimdrv_window_has_room(conn, conn->rcv.refused_bytes, 0);
	set_bit(CHIMDRV_C_REFUSED, &conn->bits);
	if (chimdrv_window_changed(conn))
		chimdrv_ask_update(conn);
}

/*
 * Whether the card counts the last indication as accepted is known with the next
 * one, or at the upload: what the consumer index had not passed in time comes
 * back as BufferedData (OP-D12), and is neither accepted nor lost.
 */
void chimdrv_indicate_settle(struct chimdrv_conn *conn, u32 kept)
{
	if (!conn->rcv.open_bytes)
		return;
	if (!after(conn->rcv.open_end, kept)) {
		chimdrv_count(conn->cd, verdict_accepted);
		chimdrv_count_add(conn->cd, buffered_indicated_bytes, conn->rcv.open_buffered);
	}
	conn->rcv.open_bytes = 0;
}

static void ind_taken(struct chimdrv_conn *conn, u32 seq, u32 bytes)
{
	conn->rcv.open_end = seq + bytes;
	conn->rcv.open_bytes = bytes;
	conn->rcv.open_buffered = chimdrv_deliver_of_buffered(conn, seq, bytes);
	conn->rcv.refused_bytes = 0;
	conn->rcv.big_inds = bytes >= CHIMDRV_BULK_BYTES ? conn->rcv.big_inds + 1 : 0;
	if (conn->rcv.big_inds >= BULK_AFTER)
		set_bit(CHIMDRV_C_BULK, &conn->bits);
}

/*
 * Requests in nonpush mode are on their way for these very bytes. Taken now, the
 * requests would wait for as many newer ones, which may never come; refused, the
 * bytes fill them. False: the verdict found no room.
 */
static bool ind_leave(struct chimdrv_conn *conn, const struct ind *ind, u32 number)
{
	u32 i;

	if (chimdrv_sq_verdict(conn, number, 0))
		return false;
	chimdrv_count(conn->cd, verdicts);
	chimdrv_count(conn->cd, verdict_refused);
	conn->rcv.refused_bytes = ind->bytes;
	for (i = 0; i < ind->count; i++)
		chimdrv_pair_ib_put_back(conn->pair, ind->first + i);
	return true;
}

/*
 * INDICATE. Decided here and now, whoever owns the socket, because the verdict
 * must stand in the ring before the consumer index passes the entry (RING-H8).
 * Behind a FENCE nothing may be posted: everything is taken (OP-H5).
 */
void chimdrv_indicate_take(struct chimdrv_conn *conn, const struct chim_cqe *cqe)
{
	u32 seq = le32_to_cpu(cqe->seq), taken, done, i;
	bool fenced = conn->state == CHIMDRV_TERMINATING, refused = false;
	struct ind ind;
	bool claimed = !fenced && chimdrv_recv_claims(conn);
	u32 must = seq;

	if (!ind_parse(conn->pair, cqe, &ind))
		return;
	if (!chimdrv_deliver_seq_ok(conn, seq)) {
		chimdrv_indicate_nobody(conn->pair, cqe);
		return;
	}
	chimdrv_indicate_settle(conn, conn->rcv.open_end);
	chimdrv_count(conn->cd, indications);
	conn->rcv.rtt_us = le32_to_cpu(cqe->rcv_rtt_us);
	if (claimed && ind_leave(conn, &ind, le32_to_cpu(cqe->info)))
		return;
	/* what replaces bytes of the socket needs no room; behind the FENCE nothing is refused */
	if (fenced)
		must = seq + ind.bytes;
	else if (conn->rcv.buffered)
		must = conn->rcv.buffered_end;
	taken = ind_take(conn, &ind, seq, must, &done);
	if (taken < ind.bytes && !fenced &&
	    chimdrv_sq_verdict(conn, le32_to_cpu(cqe->info), taken)) {
		/* no room for the verdict: then it is taken, whatever the memory says */
		struct ind rest = ind;
		u32 more = 0;

		rest.first += done;
		rest.count -= done;
		rest.bytes -= taken;
		taken += ind_take(conn, &rest, seq + taken, seq + ind.bytes, &more);
		done += more;
		if (taken < ind.bytes)
			set_bit(CHIMDRV_C_LOST, &conn->bits);
	} else if (taken < ind.bytes) {
		if (fenced)
			set_bit(CHIMDRV_C_LOST, &conn->bits);
		else
			refused = true;
	}
	for (i = done; i < ind.count; i++)
		chimdrv_pair_ib_put_back(conn->pair, ind.first + i);
	chimdrv_deliver_seq_advance(conn, seq + taken);
	if (refused)
		ind_refused(conn, ind.bytes, taken);
	if (taken == ind.bytes)
		ind_taken(conn, seq, ind.bytes);
	else
		chimdrv_count_add(conn->cd, buffered_indicated_bytes,
				  chimdrv_deliver_of_buffered(conn, seq, taken));
	if (claimed || test_bit(CHIMDRV_C_LOST, &conn->bits))
		chimdrv_ask_upload(conn, CHIMDRV_WHY_CARD);
}
