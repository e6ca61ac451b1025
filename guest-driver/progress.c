// SPDX-License-Identifier: GPL-2.0-only
/*
 * What moves a connection on once something has arrived for it: markers of a
 * hand-over, completions, room in a ring, or the end of a section in which a
 * process owned the socket. It finds out what is due now and calls who does it.
 *
 * All of it under the socket's slock. What touches the socket's queues waits until
 * nobody owns the socket, or for release_cb of the owner.
 */
#include "chimdrv_conn.h"

/* slock. The target has it: what was held goes there first, then everything else. */
static void go(struct chimdrv_conn *conn)
{
	if (conn->state != CHIMDRV_INITIATING || !test_bit(CHIMDRV_C_OPENED, &conn->bits) ||
	    !test_bit(CHIMDRV_C_CUTOVER, &conn->bits) || !test_bit(CHIMDRV_C_ADMIN, &conn->bits))
		return;
	chimdrv_conn_set_state(conn, CHIMDRV_OFFLOADED);
	set_bit(CHIMDRV_C_FRESH, &conn->bits);
	chimdrv_recv_post(conn);
	chimdrv_fwd_flush(conn);
}

/* What a program may have done with which the connection cannot stay. */
static enum chimdrv_why must_leave(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	struct tcp_sock *tp = tcp_sk(sk);

	if (tp->snd_up != conn->snd_up) {
		if (after(tp->snd_up, tp->snd_una)) {
			set_bit(CHIMDRV_C_QUIET, &conn->bits);
			return CHIMDRV_WHY_URGENT;
		}
		conn->snd_up = tp->snd_up;
	}
	if (rcu_access_pointer(sk->sk_filter) ||
	    /* pairs with the release in sch_fq, as in TCP itself */
	    smp_load_acquire(&sk->sk_pacing_status) == SK_PACING_NEEDED)
		return CHIMDRV_WHY_FILTER;
	if (chimdrv_policy_option(sk))
		return CHIMDRV_WHY_SOCKOPT;
	if ((sk->sk_state != TCP_ESTABLISHED && sk->sk_state != TCP_CLOSE_WAIT) ||
	    (sk->sk_shutdown & SEND_SHUTDOWN))
		return CHIMDRV_WHY_SHUTDOWN;
	return CHIMDRV_WHY_NONE;
}

/* slock, queues ours, OFFLOADED. */
static void heed_program(struct chimdrv_conn *conn)
{
	enum chimdrv_why why = must_leave(conn);

	clear_bit(CHIMDRV_C_FRESH, &conn->bits);
	if (why)
		chimdrv_upload_ask(conn, why);
	else if (chimdrv_state_changed(conn))
		chimdrv_update_ask(conn);
}

/* slock, queues ours. */
static void run(struct chimdrv_conn *conn)
{
	if (test_bit(CHIMDRV_C_UNDO, &conn->bits) && conn->state != CHIMDRV_HOST) {
		chimdrv_handback_undo(conn);
		return;
	}
	if (conn->state <= CHIMDRV_HOLDING)
		return;
	if (test_bit(CHIMDRV_C_GONE, &conn->bits)) {
		chimdrv_handback_die(conn);
		return;
	}
	if (!test_bit(CHIMDRV_C_DETACHED, &conn->bits)) {
		chimdrv_send_reap(conn);
		chimdrv_deliver_drain(conn);
	}
	if (conn->state == CHIMDRV_OFFLOADED && !test_bit(CHIMDRV_C_DETACHED, &conn->bits)) {
		/* owners that came while it went over have left without a look at what they did */
		if (test_bit(CHIMDRV_C_FRESH, &conn->bits))
			heed_program(conn);
		chimdrv_fwd_flush(conn);
		chimdrv_recv_post(conn);
		if (!test_bit(CHIMDRV_C_QUIET, &conn->bits))
			chimdrv_send_post(conn);
	} else if (conn->state == CHIMDRV_TERMINATING && test_bit(CHIMDRV_C_LAST, &conn->bits) &&
		   test_bit(CHIMDRV_C_FINAL, &conn->bits)) {
		chimdrv_handback_finish(conn);
	}
}

/* slock. */
void chimdrv_progress_check(struct chimdrv_conn *conn)
{
	go(conn);
	if (!sock_owned_by_user(conn->sk))
		run(conn);
}

/* What the owner has done with a socket that is not kernel TCP's. */
static void look_after_owner(struct chimdrv_conn *conn)
{
	struct tcp_sock *tp = tcp_sk(conn->sk);

	if (tp->rcv_nxt != conn->seen_rcv_nxt || tp->snd_una != conn->seen_snd_una) {
		chimdrv_count(conn->cd, leaks);	/* kernel TCP has processed a segment */
		conn->seen_rcv_nxt = tp->rcv_nxt;
		conn->seen_snd_una = tp->snd_una;
	}
	chimdrv_valves_hold(conn);
	if (conn->state == CHIMDRV_OFFLOADED)
		heed_program(conn);
}

/* release_cb: slock held, whoever owned the socket is done. */
void chimdrv_progress_released(struct chimdrv_conn *conn)
{
	if (conn->state > CHIMDRV_HOLDING)
		look_after_owner(conn);
	conn->releasing = true;
	run(conn);
	conn->releasing = false;
	if (conn->state == CHIMDRV_OFFLOADED && !test_bit(CHIMDRV_C_QUIET, &conn->bits) &&
	    !test_bit(CHIMDRV_C_DETACHED, &conn->bits))
		chimdrv_frag_provide(conn);
}
