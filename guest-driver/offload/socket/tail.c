// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tail: the last, partial segment of what a program has written, and how long it
 * stays in the write queue. That is what Linux TCP would do (tcp_nagle_check() with
 * TCP_NAGLE_CORK, tcp_push(), tcp_check_probe_timer()); what has left the queue is
 * posted to go at once, so that nothing has to be taken back from the target. Nagle's
 * own rule, which looks at what is in flight, is the target's.
 *
 * All of it under the socket's slock, with the socket's queues ours. Fields of the
 * socket that this file writes: nonagle.
 */
#include "offload/socket/tail.h"
#include "offload/conn.h"

/* The caller has a reference too. */
static void tail_timer_stop(struct chimdrv_conn *conn)
{
	conn->tail.due = false;
	if (timer_pending(&conn->tail.timer) && timer_delete(&conn->tail.timer))
		chimdrv_conn_put(conn);
}

/* Socket owned, about to be captured. How long Linux TCP still keeps the tail that it has. */
void chimdrv_tail_capture(struct chimdrv_conn *conn)
{
	const struct inet_connection_sock *icsk = inet_csk(conn->sk);

	conn->tail.runs = icsk->icsk_pending == ICSK_TIME_PROBE0 && tcp_sk(conn->sk)->snd_wnd;
	conn->tail.until = icsk->icsk_timeout;
}

/* slock, Linux TCP's timer started: it keeps the tail for the rest of its time. */
void chimdrv_tail_restore(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;

	if (conn->tail.runs && inet_csk(sk)->icsk_pending == ICSK_TIME_PROBE0 &&
	    tcp_sk(sk)->snd_wnd)
		inet_csk_reset_xmit_timer(sk, ICSK_TIME_PROBE0,
					  max_t(long, conn->tail.until - jiffies, 1),
					  TCP_RTO_MAX);
}

/*
 * What was sent before the hand-over is not kept any more. @sent: the highest sequence
 * number that has been.
 */
void chimdrv_tail_begin(struct chimdrv_conn *conn, u32 sent)
{
	conn->tail.seq = sent;
	conn->tail.corked = tcp_sk(conn->sk)->nonagle & TCP_NAGLE_CORK;
	conn->tail.acked = false;
}

/* Something was acknowledged: without a cork Linux TCP sends what it has. */
void chimdrv_tail_acked(struct chimdrv_conn *conn)
{
	conn->tail.acked = true;
}

/* Has anything happened with which all that is written may leave? */
static bool released(struct chimdrv_conn *conn)
{
	const struct tcp_sock *tp = tcp_sk(conn->sk);
	const struct sk_buff *tail = skb_peek_tail(&conn->sk->sk_write_queue);

	if (tp->nonagle & TCP_NAGLE_PUSH)	/* TCP_NODELAY, set again or for the first time */
		return true;
	if (conn->tail.due && !conn->snd.n)
		return true;
	if (tp->nonagle & TCP_NAGLE_CORK)
		return false;
	/* an uncork, an ACK, or a write without MSG_MORE, which the end of a splice is too */
	return conn->tail.corked || conn->tail.acked ||
	       !tail || (TCP_SKB_CB(tail)->tcp_flags & TCPHDR_PSH);
}

/* The end of what may leave, of data that ends at @all. */
u32 chimdrv_tail_end(struct chimdrv_conn *conn, u32 all)
{
	struct tcp_sock *tp = tcp_sk(conn->sk);

	if (before(conn->tail.seq, conn->snd.posted_seq))
		conn->tail.seq = conn->snd.posted_seq;
	if (released(conn))
		conn->tail.seq = all;
	/* for what is queued now; the kernel forgets it with the next skb, which may not come */
	tp->nonagle &= ~TCP_NAGLE_PUSH;
	conn->tail.corked = tp->nonagle & TCP_NAGLE_CORK;
	conn->tail.acked = false;
	if (!tp->mss_cache)
		return all;
	return all - (all - conn->tail.seq) % tp->mss_cache;
}

/* After posting. A tail is kept, or none: the timer runs with nothing in flight only. */
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

/*
 * The target has nothing of it any more. What had been let go in spite of a cork stays
 * let go with Linux TCP.
 */
void chimdrv_tail_stop(struct chimdrv_conn *conn)
{
	struct tcp_sock *tp = tcp_sk(conn->sk);

	tail_timer_stop(conn);
	if (!test_bit(CHIMDRV_C_DETACHED, &conn->bits) && (tp->nonagle & TCP_NAGLE_CORK) &&
	    conn->tail.seq == tp->write_seq)
		tp->nonagle |= TCP_NAGLE_PUSH;
}
