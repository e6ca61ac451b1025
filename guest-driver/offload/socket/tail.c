// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tail: the last, partial segment of what a program has written, and how long it
 * stays in the write queue, which is as long as with Linux TCP (tcp_nagle_check() with
 * TCP_NAGLE_CORK, tcp_push(), tcp_check_probe_timer()). What leaves the queue is posted
 * to go at once, so that nothing has to be taken back from the target. The target applies
 * Nagle's own rule, which depends on what is in flight.
 *
 * All of it under the socket's slock, with the socket's queues ours. Fields of the socket
 * that this file writes: nonagle.
 */
#include "offload/socket/tail.h"
#include "compat/timers.h"
#include "offload/conn.h"

/* The caller has a reference too. */
static void tail_timer_stop(struct chimdrv_conn *conn)
{
	conn->tail.due = false;
	if (timer_pending(&conn->tail.timer) && timer_delete(&conn->tail.timer))
		chimdrv_conn_put(conn);
}

/* Socket owned, before the capture. Note how long Linux TCP still keeps its tail. */
void chimdrv_tail_capture(struct chimdrv_conn *conn)
{
	const struct inet_connection_sock *icsk = inet_csk(conn->sk);

	conn->tail.runs = icsk->icsk_pending == ICSK_TIME_PROBE0 && tcp_sk(conn->sk)->snd_wnd;
	conn->tail.until = chimdrv_compat_xmit_expires(conn->sk);
}

/* slock, Linux TCP's timer started: keep the tail for the rest of its time. */
void chimdrv_tail_restore(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;

	if (conn->tail.runs && inet_csk(sk)->icsk_pending == ICSK_TIME_PROBE0 &&
	    tcp_sk(sk)->snd_wnd)
		inet_csk_reset_xmit_timer(sk, ICSK_TIME_PROBE0,
					  max_t(long, conn->tail.until - jiffies, 1),
					  chimdrv_compat_rto_max(sk));
}

/* Bytes sent before the hand-over are no longer kept. @sent: the highest sequence number sent. */
void chimdrv_tail_begin(struct chimdrv_conn *conn, u32 sent)
{
	conn->tail.seq = sent;
	conn->tail.corked = tcp_sk(conn->sk)->nonagle & TCP_NAGLE_CORK;
	conn->tail.acked = false;
}

/* An ACK came: without a cork Linux TCP now sends what it has. */
void chimdrv_tail_acked(struct chimdrv_conn *conn)
{
	conn->tail.acked = true;
}

/* Has anything happened that lets all written bytes leave? */
static bool released(struct chimdrv_conn *conn)
{
	const struct tcp_sock *tp = tcp_sk(conn->sk);
	const struct sk_buff *tail = skb_peek_tail(&conn->sk->sk_write_queue);

	if (tp->nonagle & TCP_NAGLE_PUSH)	/* TCP_NODELAY was set, or set again */
		return true;
	if (conn->tail.due && !conn->snd.n)
		return true;
	if (tp->nonagle & TCP_NAGLE_CORK)
		return false;
	/* an uncork, an ACK, or a write without MSG_MORE, such as the end of a splice */
	return conn->tail.corked || conn->tail.acked ||
	       !tail || (TCP_SKB_CB(tail)->tcp_flags & TCPHDR_PSH);
}

/* Where the bytes that may leave end, of data that ends at @all. */
u32 chimdrv_tail_end(struct chimdrv_conn *conn, u32 all)
{
	struct tcp_sock *tp = tcp_sk(conn->sk);

	if (before(conn->tail.seq, conn->snd.posted_seq))
		conn->tail.seq = conn->snd.posted_seq;
	if (released(conn))
		conn->tail.seq = all;
	/* covers what is queued now; the kernel clears it with the next skb, which may not come */
	tp->nonagle &= ~TCP_NAGLE_PUSH;
	conn->tail.corked = tp->nonagle & TCP_NAGLE_CORK;
	conn->tail.acked = false;
	if (!tp->mss_cache)
		return all;
	return all - (all - conn->tail.seq) % tp->mss_cache;
}

/* After posting. @kept: is there a tail? The timer runs only with nothing in flight. */
void chimdrv_tail_watch(struct chimdrv_conn *conn, bool kept)
{
	if (!kept || conn->snd.n) {
		tail_timer_stop(conn);
		conn->tail.runs = false;
		return;
	}
	if (timer_pending(&conn->tail.timer) || conn->tail.due)
		return;
	if (!conn->tail.runs)
		conn->tail.until = jiffies + tcp_probe0_base(conn->sk);
	conn->tail.runs = true;
	refcount_inc(&conn->refs);
	mod_timer(&conn->tail.timer, conn->tail.until);
}

/* The target has none of it any more. What left in spite of a cork may leave with Linux TCP. */
void chimdrv_tail_stop(struct chimdrv_conn *conn)
{
	struct tcp_sock *tp = tcp_sk(conn->sk);

	tail_timer_stop(conn);
	if (!test_bit(CHIMDRV_C_DETACHED, &conn->bits) && (tp->nonagle & TCP_NAGLE_CORK) &&
	    conn->tail.seq == tp->write_seq)
		tp->nonagle |= TCP_NAGLE_PUSH;
}
