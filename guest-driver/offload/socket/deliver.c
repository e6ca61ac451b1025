// SPDX-License-Identifier: GPL-2.0-only
/*
 * Received bytes on their way into the socket: the queue in which they wait while a
 * process owns the socket (conn->rcv.queue), their place in sk_receive_queue by sequence
 * number, and the checks of the sequence numbers.
 *
 * All of it under the socket's slock. Functions that touch the receive queue say "queues
 * ours": nobody owns the socket, or the owner's release_cb calls.
 */
#include "offload/socket/deliver.h"
#include "compat/clock.h"
#include "nic/hw.h"
#include "offload/conn.h"
#include "offload/od.h"
#include "offload/socket/tcp_info.h"
#include "offload/socket/window.h"

#define OLD_BYTES	(1u << 30)	/* how old a repeated byte can be */

/* --------------------------------------------------------------------- sequence numbers */

/*
 * The card must deliver bytes without a gap, and none older than the BufferedData that it
 * was given. False: the card has broken this and has been failed.
 */
bool chimdrv_deliver_seq_ok(struct chimdrv_conn *conn, u32 seq)
{
	u32 oldest = conn->rcv.buffered ? conn->rcv.buffered_start : conn->rcv.seq - OLD_BYTES;

	if (!after(seq, conn->rcv.seq) && !before(seq, oldest))
		return true;
	chimdrv_count(conn->cd, bad_entries);
	netdev_err(conn->cd->net->netdev,
		   "handle %x: received bytes at %x, not in %x..%x (state %s, bits %lx)\n",
		   conn->handle, seq, oldest, conn->rcv.seq, chimdrv_conn_state_name(conn->state),
		   conn->bits);
	chimdrv_dev_fail(conn->cd, "received bytes with impossible sequence numbers");
	return false;
}

void chimdrv_deliver_seq_advance(struct chimdrv_conn *conn, u32 end)
{
	if (after(end, conn->rcv.seq)) {
		conn->rcv.seq = end;
		chimdrv_window_taken(conn);
	}
	if (!before(end, conn->rcv.buffered_end))
		conn->rcv.buffered = 0;	/* all of it is back; now room counts */
	/* keep it near, so that comparisons hold beyond half the sequence space */
	if (conn->rcv.seq - conn->rcv.buffered_end > OLD_BYTES)
		conn->rcv.buffered_end = conn->rcv.seq - OLD_BYTES;
}

/* How many of the bytes [seq, seq + bytes) the card was given as BufferedData. */
u32 chimdrv_deliver_of_buffered(const struct chimdrv_conn *conn, u32 seq, u32 bytes)
{
	return before(seq, conn->rcv.buffered_end) ? min(bytes, conn->rcv.buffered_end - seq) : 0;
}

/* ---------------------------------------------------------------------- into the socket */

/* The time of arrival, for programs that ask for it. */
static void stamp(const struct sock *sk, struct sk_buff *skb)
{
	if (!sock_flag(sk, SOCK_RCVTSTAMP) && !sock_flag(sk, SOCK_TIMESTAMPING_RX_SOFTWARE))
		return;
	__net_timestamp(skb);
	TCP_SKB_CB(skb)->has_rxtstamp = 1;
}

/* BufferedData comes again: it arrived when the bytes did that it takes the place of. */
static void stamp_again(const struct sock *sk, struct sk_buff *skb, struct sk_buff *old)
{
	if (after(TCP_SKB_CB(skb)->end_seq, tcp_sk(sk)->rcv_nxt))
		return;
	TCP_SKB_CB(skb)->has_rxtstamp = TCP_SKB_CB(old)->has_rxtstamp;
	skb->tstamp = old->tstamp;
	*skb_hwtstamps(skb) = *skb_hwtstamps(old);
}

void chimdrv_deliver_queue(struct chimdrv_conn *conn, struct sk_buff *skb, u32 seq)
{
	TCP_SKB_CB(skb)->seq = seq;
	TCP_SKB_CB(skb)->end_seq = seq + skb->len;
	TCP_SKB_CB(skb)->tcp_flags = TCPHDR_ACK;
	stamp(conn->sk, skb);
	conn->rcv.queue_truesize += skb->truesize;
	__skb_queue_tail(&conn->rcv.queue, skb);
}

/*
 * Queues ours. Put new bytes in their place among the queued ones; old frames that they
 * cover are freed. Frames may overlap, as the kernel's own do, but each must reach
 * further than all before it, or the reader would meet one that it has already passed.
 * False: all the bytes are there already.
 */
static bool insert(struct sock *sk, struct sk_buff *new)
{
	struct tcp_skb_cb *n = TCP_SKB_CB(new), *o;
	struct sk_buff *old, *next, *prev = NULL;
	u32 have = tcp_sk(sk)->copied_seq;	/* read, or in an earlier frame */

	skb_queue_walk_safe(&sk->sk_receive_queue, old, next) {
		o = TCP_SKB_CB(old);
		if (after(o->end_seq, n->seq)) {
			if (!before(o->seq, n->end_seq))
				break;
			if (after(o->end_seq, n->end_seq)) {	/* reaches further than the new */
				if (!after(o->seq, n->seq) || !after(o->seq, have) ||
				    pskb_trim(new, o->seq - n->seq))
					return false;
				n->end_seq = o->seq;
				break;
			}
			stamp_again(sk, new, old);
			if (!before(o->seq, n->seq) || !after(n->seq, have)) {
				__skb_unlink(old, &sk->sk_receive_queue);
				__kfree_skb(old);
				continue;
			}
			if (!pskb_trim(old, n->seq - o->seq))
				o->end_seq = n->seq;	/* else it overlaps */
		}
		prev = old;
		if (after(o->end_seq, have))
			have = o->end_seq;
	}
	if (!after(n->end_seq, have))
		return false;
	if (prev)
		__skb_queue_after(&sk->sk_receive_queue, prev, new);
	else
		__skb_queue_head(&sk->sk_receive_queue, new);
	return true;
}

/* Queues ours. Append to the last frame if the bytes follow on and fit. */
static bool join_tail(struct sock *sk, struct sk_buff *skb)
{
	struct sk_buff *tail = skb_peek_tail(&sk->sk_receive_queue);

	if (!tail || skb_is_nonlinear(skb) || (int)skb->len > skb_tailroom(tail) ||
	    skb_cloned(tail) || TCP_SKB_CB(tail)->end_seq != TCP_SKB_CB(skb)->seq)
		return false;
	skb_put_data(tail, skb->data, skb->len);
	TCP_SKB_CB(tail)->end_seq = TCP_SKB_CB(skb)->end_seq;
	if (TCP_SKB_CB(skb)->has_rxtstamp) {
		TCP_SKB_CB(tail)->has_rxtstamp = 1;
		tail->tstamp = skb->tstamp;
	}
	consume_skb(skb);
	return true;
}

/*
 * Charge the socket and its control group, whatever the limits: the bytes have been
 * acknowledged. sk_forced_mem_schedule() is not exported, but neither does the kernel
 * refuse what a sender needs beyond its buffer. That may be more than the frame; the rest
 * goes back.
 */
static void charge(struct sock *sk, struct sk_buff *skb)
{
	int sndbuf = sk->sk_sndbuf, need, size;

	sk_rmem_schedule(sk, skb, skb->truesize);
	need = (int)skb->truesize - sk->sk_forward_alloc;
	if (need <= 0)
		return;
	size = max(need, sk->sk_userlocks & SOCK_SNDBUF_LOCK ? sndbuf - sk->sk_wmem_queued :
							       SOCK_MIN_SNDBUF);
	if (!__sk_mem_schedule(sk, size, SK_MEM_SEND))
		return;			/* reserved by SO_RESERVE_MEM: charged with the next */
	if (sk_mem_pages(size) > sk_mem_pages(need))
		__sk_mem_reclaim(sk, (sk_mem_pages(size) - sk_mem_pages(need)) << PAGE_SHIFT);
	/* the kernel has lowered it, and a poll() without a lock may have seen that */
	WRITE_ONCE(sk->sk_sndbuf, sndbuf);
	smp_mb();	/* pairs with tcp_poll()'s, between SOCK_NOSPACE and the second look */
	if (sk->sk_socket && test_bit(SOCK_NOSPACE, &sk->sk_socket->flags))
		sk->sk_write_space(sk);
}

/* Queues ours. Queue accepted bytes where they belong, whatever the memory limit. */
static void place(struct sock *sk, struct sk_buff *skb)
{
	bool next = TCP_SKB_CB(skb)->seq == tcp_sk(sk)->rcv_nxt;

	if (next && join_tail(sk, skb))
		return;
	charge(sk, skb);
	skb_set_owner_r(skb, sk);
	if (next)
		__skb_queue_tail(&sk->sk_receive_queue, skb);
	else if (!insert(sk, skb))
		__kfree_skb(skb);
}

/* Queues ours. Takes the skb. */
static void deliver(struct chimdrv_conn *conn, struct sk_buff *skb)
{
	struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	struct sock *sk = conn->sk;
	struct tcp_sock *tp = tcp_sk(sk);
	u32 end;

	if (!after(cb->end_seq, tp->copied_seq)) {	/* which is never beyond RCV.NXT */
		consume_skb(skb);		/* read already */
		return;
	}
	if (!cb->has_rxtstamp)		/* it came back with the upload */
		stamp(sk, skb);
	end = cb->end_seq;
	place(sk, skb);
	if (after(end, tp->rcv_nxt)) {
		tp->bytes_received += end - tp->rcv_nxt;
		conn->bytes_in += end - tp->rcv_nxt;
		chimdrv_count_add(conn->cd, bytes_in, end - tp->rcv_nxt);
		WRITE_ONCE(tp->rcv_nxt, end);
		tp->rcv_wup = end;
	}
	conn->seen.rcv_nxt = tp->rcv_nxt;
}

/* Queues ours. Move what has arrived for the socket into it. */
void chimdrv_deliver_drain(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	struct tcp_sock *tp = tcp_sk(sk);
	u32 had = tp->rcv_nxt;
	struct sk_buff *skb;
	bool any = false;

	while ((skb = __skb_dequeue(&conn->rcv.queue))) {
		conn->rcv.queue_truesize -= skb->truesize;
		deliver(conn, skb);
		any = true;
	}
	if (tp->rcv_nxt != had) {
		inet_csk(sk)->icsk_ack.lrcvtime = tcp_jiffies32;
		chimdrv_tcp_info_heard(sk);
	}
	if (any) {
		/* receive autotuning needs an RTT estimate */
		if (conn->rcv.rtt_us)
			tp->rcv_rtt_est.rtt_us = conn->rcv.rtt_us << 3;
		else if (!tp->rcv_rtt_est.rtt_us && tp->srtt_us)
			tp->rcv_rtt_est.rtt_us = tp->srtt_us;
		chimdrv_compat_mstamp(tp);
	}
	/* after a refusal wake too: a reader may wait for more than the buffer holds */
	if (!sock_flag(sk, SOCK_DEAD) &&
	    ((any && tcp_epollin_ready(sk, sk->sk_rcvlowat)) ||
	     test_bit(CHIMDRV_C_REFUSED, &conn->bits)) && tp->rcv_nxt != tp->copied_seq)
		sk->sk_data_ready(sk);
}

/* Queues ours. Merge the BufferedData that came back with the upload. */
void chimdrv_deliver_merge_back(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	u32 before_nxt = tcp_sk(sk)->rcv_nxt;
	struct sk_buff *skb;

	while ((skb = __skb_dequeue(&conn->back.bytes))) {
		if (after(TCP_SKB_CB(skb)->seq, tcp_sk(sk)->rcv_nxt)) {
			set_bit(CHIMDRV_C_LOST, &conn->bits);
			kfree_skb(skb);
			continue;
		}
		deliver(conn, skb);
	}
	if (tcp_sk(sk)->rcv_nxt != before_nxt && !sock_flag(sk, SOCK_DEAD) &&
	    tcp_epollin_ready(sk, sk->sk_rcvlowat))
		sk->sk_data_ready(sk);
}
