// SPDX-License-Identifier: GPL-2.0-only
/*
 * Indications: received bytes that the card delivers without a request, in buffers of
 * the pair's indication ring. They become frames for deliver.c as far as the socket has
 * room; a verdict tells the card how much was taken, if not all.
 *
 * Under slock, whoever owns the socket, except chimdrv_indicate_nobody(). Buffers are
 * touched only in the NAPI poll of their pair.
 */
#include "offload/card/indicate.h"
#include "nic/hw.h"
#include "nic/pair.h"
#include "offload/ask.h"
#include "offload/card/recv.h"
#include "offload/card/sq.h"
#include "offload/conn.h"
#include "offload/frame.h"
#include "offload/od.h"
#include "offload/socket/deliver.h"
#include "offload/socket/window.h"

/* Copy an indication if it is no longer than what fits into 2 KiB, for example one segment. */
#define COPY_BELOW	SKB_WITH_OVERHEAD(2048)
#define BULK_AFTER	4	/* large indications in a row */

struct ind {
	struct chimdrv_pair *pair;
	u32 first;	/* index of the first buffer */
	u32 count;
	u32 size;	/* of a buffer */
	u32 bytes;
	u32 must;	/* bytes before it are taken, whether the socket has room or not */
	bool final;	/* no verdict is possible: so are all, and what is not taken is lost */
};

static bool ind_parse(struct chimdrv_pair *pair, const struct chim_cqe *cqe, struct ind *ind)
{
	ind->pair = pair;
	ind->first = le32_to_cpu(cqe->ind_first);
	ind->count = le16_to_cpu(cqe->ind_count);
	ind->size = chimdrv_pair_ib_size(pair);
	ind->bytes = le32_to_cpu(cqe->bytes);
	ind->must = le32_to_cpu(cqe->seq);
	ind->final = false;
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

/* No connection takes it: put its buffers back into the ring. */
void chimdrv_indicate_nobody(struct chimdrv_pair *pair, const struct chim_cqe *cqe)
{
	struct ind ind;
	u32 i;

	if (!ind_parse(pair, cqe, &ind))
		return;
	for (i = 0; i < ind.count; i++)
		chimdrv_pair_ib_put_back(pair, ind.first + i);
}

/* Copy one small buffer. */
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
 * May the buffer at @seq be taken? With it the indication's bytes are @bytes; those before
 * it are in frames of @used.
 */
static bool ind_may(const struct chimdrv_conn *conn, const struct ind *ind, u32 seq, u32 bytes,
		    u32 used)
{
	return ind->final || before(seq, ind->must) || chimdrv_window_has_room(conn, bytes, used);
}

/* A frame for received bytes; the spare one only if there is no other way. */
static struct sk_buff *ind_frame(struct chimdrv_conn *conn, const struct ind *ind)
{
	struct sk_buff *skb = chimdrv_frame(GFP_ATOMIC);

	if (!skb && ind->final)
		swap(skb, conn->rcv.spare);
	return skb;
}

/*
 * Move buffers of an indication into frames as long as they may be taken and there is
 * memory. Returns the bytes taken, and in *done the buffers; the others are still in the
 * ring.
 */
static u32 ind_take(struct chimdrv_conn *conn, const struct ind *ind, u32 seq, u32 *done)
{
	u32 taken = 0, i, len, used = 0, first = seq;
	struct sk_buff *skb = NULL;
	struct page *page;

	*done = 0;
	if (ind->count == 1 && ind->bytes <= COPY_BELOW) {
		if (!ind_may(conn, ind, seq, ind->bytes, 0))
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
		if (!ind_may(conn, ind, first + taken, taken + len, used))
			break;
		if (!skb)
			skb = ind_frame(conn, ind);
		if (!skb)
			break;
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
	conn->rcv.collapse_helped = chimdrv_window_fits(conn, conn->rcv.refused_bytes, 0);
	set_bit(CHIMDRV_C_REFUSED, &conn->bits);
	if (chimdrv_window_changed(conn))
		chimdrv_ask_update(conn);
}

/*
 * The next indication, or the upload, shows whether the card counts the last one as
 * accepted: what the consumer index had not passed in time comes back as BufferedData
 * (OP-D12), neither accepted nor lost.
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
 * Nonpush requests are posted for these very bytes. If the bytes were taken now, the
 * requests would wait for as many newer ones, which may never come; if refused, the
 * bytes fill them. False: there was no room for the verdict.
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
 * INDICATE. Decide at once, whoever owns the socket: the verdict must be in the ring
 * before the consumer index passes the entry (RING-H8). Behind a FENCE nothing may be
 * posted, so everything is taken (OP-H5).
 */
void chimdrv_indicate_take(struct chimdrv_conn *conn, const struct chim_cqe *cqe)
{
	u32 seq = le32_to_cpu(cqe->seq), taken, done, i;
	bool fenced = conn->state == CHIMDRV_TERMINATING, refused = false;
	struct ind ind;
	bool claimed = !fenced && chimdrv_recv_claims(conn);

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
	ind.final = fenced;
	if (conn->rcv.buffered)
		ind.must = conn->rcv.buffered_end;
	taken = ind_take(conn, &ind, seq, &done);
	if (taken < ind.bytes && !fenced &&
	    chimdrv_sq_verdict(conn, le32_to_cpu(cqe->info), taken)) {
		/* no room for the verdict: then it is taken, whatever the memory says */
		struct ind rest = ind;
		u32 more = 0;

		rest.first += done;
		rest.count -= done;
		rest.bytes -= taken;
		rest.final = true;
		taken += ind_take(conn, &rest, seq + taken, &more);
		done += more;
		if (taken < ind.bytes)
			set_bit(CHIMDRV_C_LOST, &conn->bits);
	} else if (taken < ind.bytes) {
		if (fenced)
			set_bit(CHIMDRV_C_LOST, &conn->bits);
		else
			refused = true;
	}
	if (!conn->rcv.spare)
		chimdrv_conn_want_spare(conn);
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
