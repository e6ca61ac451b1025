// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moves a connection on when something has happened to it: a marker of a hand-over, a
 * completion or room in a ring has come, or a process has released the socket. This file
 * decides what is due now, and calls the file that does it.
 *
 * Everything here runs under the socket's slock. What touches the socket's queues waits
 * until nobody owns the socket, or runs in the owner's release_cb.
 */
#include "offload/life/progress.h"
#include "chimney_genl.h"
#include "compat/options.h"
#include "compat/timers.h"
#include "offload/ask.h"
#include "offload/card/forward.h"
#include "offload/card/recv.h"
#include "offload/card/send.h"
#include "offload/conn.h"
#include "offload/life/giveback.h"
#include "offload/life/notify.h"
#include "offload/od.h"
#include "offload/socket/check.h"
#include "offload/socket/deliver.h"
#include "offload/socket/lend.h"
#include "offload/socket/route.h"
#include "offload/socket/snapshot.h"
#include "offload/socket/valves.h"
#include "offload/socket/write.h"

/* slock. When markers and answer are in: OFFLOADED; held segments go to the target before sends. */
static void go(struct chimdrv_conn *conn)
{
	if (conn->state != CHIMDRV_INITIATING || test_bit(CHIMDRV_C_GONE, &conn->bits) ||
	    !test_bit(CHIMDRV_C_OPENED, &conn->bits) ||
	    !test_bit(CHIMDRV_C_CUTOVER, &conn->bits) || !test_bit(CHIMDRV_C_ADMIN, &conn->bits))
		return;
	chimdrv_conn_set_state(conn, CHIMDRV_OFFLOADED);
	set_bit(CHIMDRV_C_FRESH, &conn->bits);
	chimdrv_recv_post(conn);
	chimdrv_forward_flush(conn);
	chimdrv_notify(conn, CHIMNEY_EVENT_OFFLOADED);
	if (test_bit(CHIMDRV_C_UPLOAD, &conn->bits))
		chimdrv_ask_upload_again(conn);
}

/*
 * Has the program done something for which the connection must go back? What it writes
 * next is for Linux TCP: the target gets no more to send.
 */
static enum chimdrv_why must_leave(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	struct tcp_sock *tp = tcp_sk(sk);

	if (tp->snd_up != conn->snd.up) {
		if (after(tp->snd_up, tp->snd_una))
			return CHIMDRV_WHY_URGENT;
		conn->snd.up = tp->snd_up;
	}
	if (rcu_access_pointer(sk->sk_filter))
		return CHIMDRV_WHY_FILTER;
	if (chimdrv_check_paced(sk))
		return CHIMDRV_WHY_PACING;
	/* mostly an option whose call had begun before the socket was ours */
	if (chimdrv_check_option(sk) || tp->repair || chimdrv_compat_signed(tp) ||
	    chimdrv_compat_psp(sk) || chimdrv_check_bpf(sk))
		return CHIMDRV_WHY_SOCKOPT;
	if ((sk->sk_state != TCP_ESTABLISHED && sk->sk_state != TCP_CLOSE_WAIT) ||
	    ((sk->sk_shutdown & SEND_SHUTDOWN) && !test_bit(CHIMDRV_C_OWN_FIN, &conn->bits)))
		return CHIMDRV_WHY_SHUTDOWN;
	return CHIMDRV_WHY_NONE;
}

/*
 * Options or routes have changed: the connection may have another way, or none. Linux TCP
 * would send no more on the old way.
 */
static enum chimdrv_why must_leave_route(struct chimdrv_conn *conn)
{
	if (test_bit(CHIMDRV_C_FRESH, &conn->bits) || chimdrv_route_stale(conn))
		return chimdrv_route_check(conn);
	return CHIMDRV_WHY_NONE;
}

/* slock, queues ours, OFFLOADED. */
static void heed_program(struct chimdrv_conn *conn)
{
	enum chimdrv_why why = must_leave(conn);
	u32 timeout = conn->told.user_timeout;
	bool changed;

	if (!why)
		why = must_leave_route(conn);
	if (why)
		set_bit(CHIMDRV_C_QUIET, &conn->bits);
	clear_bit(CHIMDRV_C_FRESH, &conn->bits);
	changed = chimdrv_snapshot_changed(conn);
	/* with Linux TCP it counts what has been waited already; an UPDATE begins anew (UPD-11) */
	if (!why && conn->told.user_timeout != timeout && conn->snd.n)
		why = CHIMDRV_WHY_SOCKOPT;
	if (why)
		chimdrv_ask_upload(conn, why);
	else if (changed)
		chimdrv_ask_update(conn);
}

/* The card has handed over everything; the connection survives if the card fails now. */
static bool handed_over(const struct chimdrv_conn *conn)
{
	return conn->state == CHIMDRV_TERMINATING && test_bit(CHIMDRV_C_LAST, &conn->bits) &&
	       test_bit(CHIMDRV_C_FINAL, &conn->bits);
}

/* slock, queues ours. */
static void run(struct chimdrv_conn *conn)
{
	if (test_bit(CHIMDRV_C_ABANDONED, &conn->bits)) {
		chimdrv_giveback_abandon(conn);
		return;
	}
	if (test_bit(CHIMDRV_C_UNDO, &conn->bits) && conn->state != CHIMDRV_HOST) {
		chimdrv_giveback_undo(conn);
		return;
	}
	if (conn->state <= CHIMDRV_HOLDING)
		return;
	if (test_bit(CHIMDRV_C_GONE, &conn->bits) && !handed_over(conn)) {
		chimdrv_giveback_die(conn);
		return;
	}
	if (!test_bit(CHIMDRV_C_DETACHED, &conn->bits)) {
		chimdrv_write_reap(conn);
		chimdrv_deliver_drain(conn);
	}
	if (conn->state == CHIMDRV_OFFLOADED && !test_bit(CHIMDRV_C_DETACHED, &conn->bits)) {
		/* owners that came while it went over have left without a look at what they did */
		if (test_bit(CHIMDRV_C_FRESH, &conn->bits) ||
		    (!test_bit(CHIMDRV_C_UPLOAD, &conn->bits) && chimdrv_route_stale(conn)))
			heed_program(conn);
		chimdrv_forward_flush(conn);
		chimdrv_recv_post(conn);
		if (!test_bit(CHIMDRV_C_QUIET, &conn->bits))
			chimdrv_send_post(conn);
	} else if (handed_over(conn)) {
		chimdrv_giveback_finish(conn);
	}
}

/* slock. */
void chimdrv_progress_check(struct chimdrv_conn *conn)
{
	go(conn);
	if (test_bit(CHIMDRV_C_ABANDONED, &conn->bits) && conn->state == CHIMDRV_HOST) {
		if (test_bit(CHIMDRV_C_GONE, &conn->bits))
			chimdrv_giveback_release(conn);
		else
			chimdrv_giveback_reset(conn);
		return;
	}
	if (!sock_owned_by_user(conn->sk))
		run(conn);
}

/* Whether more may be received is all that has changed; if somebody owns it, as below. */
void chimdrv_progress_receive(struct chimdrv_conn *conn)
{
	spin_lock_bh(&conn->sk->sk_lock.slock);
	if (conn->state == CHIMDRV_OFFLOADED && !test_bit(CHIMDRV_C_DETACHED, &conn->bits) &&
	    !sock_owned_by_user(conn->sk))
		chimdrv_recv_post(conn);
	spin_unlock_bh(&conn->sk->sk_lock.slock);
}

/* If somebody owns the socket, its release_cb looks. */
void chimdrv_progress_look(struct chimdrv_conn *conn)
{
	spin_lock_bh(&conn->sk->sk_lock.slock);
	set_bit(CHIMDRV_C_FRESH, &conn->bits);
	chimdrv_progress_check(conn);
	spin_unlock_bh(&conn->sk->sk_lock.slock);
}

/* Look at what the owner did with a socket that Linux TCP does not own. */
static void look_after_owner(struct chimdrv_conn *conn)
{
	struct tcp_sock *tp = tcp_sk(conn->sk);

	if (tp->rcv_nxt != conn->seen.rcv_nxt || tp->snd_una != conn->seen.snd_una) {
		chimdrv_count(conn->cd, leaks);	/* Linux TCP has processed a segment */
		conn->seen.rcv_nxt = tp->rcv_nxt;
		conn->seen.snd_una = tp->snd_una;
	}
	chimdrv_valves_hold(conn);
	if (conn->state == CHIMDRV_OFFLOADED)
		heed_program(conn);
}

/*
 * release_cb, slock held: the owner of the socket is done. From 6.12 on tcp_sendmsg() and
 * tcp_recvmsg() also call it in the middle, and look at the queues anew behind it.
 */
void chimdrv_progress_released(struct chimdrv_conn *conn)
{
	if (conn->state > CHIMDRV_HOLDING)
		look_after_owner(conn);
	conn->releasing = true;
	run(conn);
	conn->releasing = false;
	if (conn->state == CHIMDRV_OFFLOADED && !test_bit(CHIMDRV_C_QUIET, &conn->bits) &&
	    !test_bit(CHIMDRV_C_DETACHED, &conn->bits))
		chimdrv_lend_provide(conn);
}

/*
 * The time is up for which Linux TCP keeps a tail if nothing else is in flight: its
 * probe timer would now send it. The timer holds a reference.
 */
static void tail_due(struct timer_list *timer)
{
	struct chimdrv_conn *conn = timer_container_of(conn, timer, tail.timer);
	struct sock *sk = conn->sk;

	bh_lock_sock(sk);
	conn->tail.due = true;
	chimdrv_progress_check(conn);	/* or release_cb, if the socket is owned */
	bh_unlock_sock(sk);
	chimdrv_conn_put(conn);
}

/* For a new connection. */
void chimdrv_progress_init(struct chimdrv_conn *conn)
{
	timer_setup(&conn->tail.timer, tail_due, 0);
}
