// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copy received bytes that wait in the socket in oversized frames into compact ones,
 * before the card is told that there is no room. A reader that waits for more without
 * taking what is there (MSG_PEEK with MSG_WAITALL, SO_RCVLOWAT, FIONREAD) then gets as
 * much as Linux TCP would hold, which collapses its queue too.
 *
 * All of it under the socket's slock, with the socket's queues ours.
 */
#include "offload/socket/collapse.h"
#include "compat/segment.h"
#include "offload/conn_types.h"
#include "offload/od.h"
#include "offload/socket/window.h"

#define COMPACT	SKB_WITH_OVERHEAD(PAGE_SIZE)	/* bytes of a frame that fills a page */

/* Does the frame take much more memory than its bytes, and hold nothing but bytes? */
static bool wasteful(const struct sk_buff *skb, bool all)
{
	const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	u32 fair = all ? skb->len + skb->len / 4 : 2 * skb->len;

	return skb->truesize > fair && skb->len == cb->end_seq - cb->seq &&
	       !(cb->tcp_flags & (TCPHDR_SYN | TCPHDR_FIN)) && chimdrv_compat_readable(skb);
}

/* Insert an empty frame in front of @old, for bytes from @seq on. */
static struct sk_buff *compact_add(struct sock *sk, struct sk_buff *old, u32 seq)
{
	struct sk_buff *skb = alloc_skb(COMPACT, GFP_ATOMIC | __GFP_NOWARN);

	if (!skb)
		return NULL;
	memcpy(skb->cb, old->cb, sizeof(skb->cb));
	TCP_SKB_CB(skb)->seq = seq;
	TCP_SKB_CB(skb)->end_seq = seq;
	__skb_queue_before(&sk->sk_receive_queue, old, skb);
	skb_set_owner_r(skb, sk);	/* as tcp_collapse(): more is freed than charged */
	return skb;
}

/* Copy as much as fits from byte @off on. The arrival time is that of the last byte. */
static u32 compact_fill(struct sk_buff *into, const struct sk_buff *from, u32 off)
{
	u32 n = min_t(u32, skb_tailroom(into), from->len - off);

	/* wasteful() has checked that the bytes are there and readable */
	if (WARN_ON_ONCE(skb_copy_bits(from, off, skb_tail_pointer(into), n)))
		return 0;
	skb_put(into, n);
	TCP_SKB_CB(into)->end_seq += n;
	TCP_SKB_CB(into)->has_rxtstamp |= TCP_SKB_CB(from)->has_rxtstamp;
	into->tstamp = from->tstamp;
	return n;
}

/* The first byte of a frame that is neither read nor in a frame before it. */
static u32 first_of(const struct sock *sk, const struct sk_buff *skb)
{
	u32 seq = TCP_SKB_CB(skb)->seq, end;

	if (before(seq, tcp_sk(sk)->copied_seq))
		seq = tcp_sk(sk)->copied_seq;
	if (!skb_queue_is_first(&sk->sk_receive_queue, skb)) {
		end = TCP_SKB_CB(skb_queue_prev(&sk->sk_receive_queue, skb))->end_seq;
		if (before(seq, end))
			seq = end;
	}
	return seq;
}

/*
 * Copy all of one frame into compact ones in front of it, starting with @into if not
 * NULL. False: no memory; the frame stays, and the copied part overlaps it.
 */
static bool compact_frame(struct sock *sk, struct sk_buff *skb, struct sk_buff **into)
{
	u32 seq = first_of(sk, skb), end = TCP_SKB_CB(skb)->end_seq, n;

	if (*into && seq != TCP_SKB_CB(*into)->end_seq)
		*into = NULL;
	while (before(seq, end)) {
		if (!*into || !skb_tailroom(*into))
			*into = compact_add(sk, skb, seq);
		if (!*into)
			return false;
		n = compact_fill(*into, skb, seq - TCP_SKB_CB(skb)->seq);
		if (!n) {
			if (!(*into)->len) {
				__skb_unlink(*into, &sk->sk_receive_queue);
				__kfree_skb(*into);
			}
			return false;
		}
		seq += n;
	}
	__skb_unlink(skb, &sk->sk_receive_queue);
	__kfree_skb(skb);
	return true;
}

/*
 * Compact the frames that take more than twice the memory of their bytes; with @all,
 * those more than a quarter larger.
 */
int chimdrv_collapse(struct chimdrv_conn *conn, bool all)
{
	struct sk_buff *skb, *next, *into = NULL;
	struct sock *sk = conn->sk;
	int used = chimdrv_window_used(conn);
	bool whole = true;

	skb_queue_walk_safe(&sk->sk_receive_queue, skb, next) {
		if (!wasteful(skb, all)) {
			into = NULL;
			continue;
		}
		whole = compact_frame(sk, skb, &into);
		if (!whole)
			break;
	}
	chimdrv_count(conn->cd, collapses);
	if (used - chimdrv_window_used(conn) >= READ_ONCE(sk->sk_rcvbuf) / 16)
		return 1;
	return whole ? 0 : -ENOMEM;
}
