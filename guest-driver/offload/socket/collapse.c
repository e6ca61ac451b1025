// SPDX-License-Identifier: GPL-2.0-only
/*
 * Received bytes that wait in the socket in frames much larger than they are: copied
 * into compact ones, before the card is told that there is no room. So a reader that
 * waits for more without taking what is there (MSG_PEEK with MSG_WAITALL, SO_RCVLOWAT,
 * FIONREAD) gets as much as Linux TCP, which collapses its queue too, would hold.
 *
 * All of it under the socket's slock, with the socket's queues ours.
 */
#include "offload/socket/collapse.h"
#include "compat.h"
#include "offload/conn_types.h"
#include "offload/od.h"
#include "offload/socket/window.h"

#define COMPACT	SKB_WITH_OVERHEAD(PAGE_SIZE)	/* bytes of a frame that fills a page */

/* Much more memory than bytes, and nothing that only the frame itself says. */
static bool wasteful(const struct sk_buff *skb, bool all)
{
	const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	u32 fair = all ? skb->len + skb->len / 4 : 2 * skb->len;

	return skb->truesize > fair && skb->len == cb->end_seq - cb->seq &&
	       !(cb->tcp_flags & (TCPHDR_SYN | TCPHDR_FIN)) && chimdrv_compat_readable(skb);
}

/* An empty frame in front of @old, whose bytes begin at @seq. */
static struct sk_buff *compact_add(struct sock *sk, struct sk_buff *old, u32 seq)
{
	struct sk_buff *skb = alloc_skb(COMPACT, GFP_ATOMIC | __GFP_NOWARN);

	if (!skb)
		return NULL;
	memcpy(skb->cb, old->cb, sizeof(skb->cb));
	TCP_SKB_CB(skb)->seq = seq;
	TCP_SKB_CB(skb)->end_seq = seq;
	__skb_queue_before(&sk->sk_receive_queue, old, skb);
	skb_set_owner_r(skb, sk);	/* as tcp_collapse(): more than this is given back */
	return skb;
}

/* As much as fits from byte @off on. The time of arrival is that of the last byte. */
static u32 compact_fill(struct sk_buff *into, const struct sk_buff *from, u32 off)
{
	u32 n = min_t(u32, skb_tailroom(into), from->len - off);

	/* the bytes are there and can be read: see wasteful() */
	if (WARN_ON_ONCE(skb_copy_bits(from, off, skb_tail_pointer(into), n)))
		return 0;
	skb_put(into, n);
	TCP_SKB_CB(into)->end_seq += n;
	TCP_SKB_CB(into)->has_rxtstamp |= TCP_SKB_CB(from)->has_rxtstamp;
	into->tstamp = from->tstamp;
	return n;
}

/*
 * All of one frame into compact ones in front of it. @into: the one to go on with, or
 * NULL. False: memory is short; the frame stays, and what was copied overlaps it.
 */
static bool compact_frame(struct sock *sk, struct sk_buff *skb, struct sk_buff **into)
{
	u32 seq = TCP_SKB_CB(skb)->seq, end = TCP_SKB_CB(skb)->end_seq, n;

	if (before(seq, tcp_sk(sk)->copied_seq))
		seq = tcp_sk(sk)->copied_seq;
	if (*into && before(seq, TCP_SKB_CB(*into)->end_seq))
		seq = TCP_SKB_CB(*into)->end_seq;
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
 * Frames that are twice as large as their bytes; @all: those that are larger by a
 * quarter. Returns whether so much has become free that the card may go on.
 */
bool chimdrv_collapse(struct chimdrv_conn *conn, bool all)
{
	struct sk_buff *skb, *next, *into = NULL;
	struct sock *sk = conn->sk;
	int used = chimdrv_window_used(conn);

	skb_queue_walk_safe(&sk->sk_receive_queue, skb, next) {
		if (!wasteful(skb, all))
			into = NULL;
		else if (!compact_frame(sk, skb, &into))
			break;
	}
	chimdrv_count(conn->cd, collapses);
	return used - chimdrv_window_used(conn) >= READ_ONCE(sk->sk_rcvbuf) / 16;
}
