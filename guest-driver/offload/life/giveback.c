// SPDX-License-Identifier: GPL-2.0-only
/*
 * The last step of every upload: the target has let go, and what it handed over goes into
 * the socket, which Linux TCP then owns again; or the connection cannot go on and ends with
 * an error.
 *
 * Runs under the socket's slock, with the socket's queues ours: nobody owns the socket, or
 * its owner is in release_cb. Only chimdrv_giveback_release() does without the queues.
 */
#include "offload/life/giveback.h"
#include "chimney_genl.h"
#include "compat/ack.h"
#include "compat/state.h"
#include "offload/card/forward.h"
#include "offload/card/indicate.h"
#include "offload/card/recv.h"
#include "offload/card/send.h"
#include "offload/card/sq.h"
#include "offload/conn.h"
#include "offload/life/backoff.h"
#include "offload/life/notify.h"
#include "offload/od.h"
#include "offload/socket/attach.h"
#include "offload/socket/deliver.h"
#include "offload/socket/lend.h"
#include "offload/socket/state_restore.h"
#include "offload/socket/tail.h"
#include "offload/socket/window.h"
#include "offload/socket/write.h"

/*
 * The program has read while the target's window was small, and may not read again to
 * tell the peer of the room. This is the test of tcp_cleanup_rbuf().
 */
static bool window_has_opened(struct chimdrv_conn *conn)
{
	const struct tcp_sock *tp = tcp_sk(conn->sk);
	u32 now = tcp_receive_window(tp);

	return !(conn->sk->sk_shutdown & RCV_SHUTDOWN) && now <= tp->window_clamp / 2 &&
	       chimdrv_window_now(conn) >= max_t(u32, 2 * now, tp->advmss);
}

/*
 * slock held. Let Linux TCP send what it may, by its release_cb: nothing more direct is
 * exported. An owed ACK has its timer; another is sent only if the window has opened.
 */
static void kick(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	int soft = READ_ONCE(sk->sk_err_soft);

	if (sk->sk_state == TCP_CLOSE)
		return;
	if (window_has_opened(conn) && !test_bit(CHIMDRV_C_PEER_RST, &conn->bits)) {
		chimdrv_compat_send_ack(sk, tcp_sk(sk)->rcv_nxt);
		WRITE_ONCE(sk->sk_err_soft, soft);	/* there may be no route for it */
	}
	if (!test_and_set_bit(TCP_TSQ_DEFERRED, &sk->sk_tsq_flags))
		sock_hold(sk);
	/* 6.1 gives up ownership inside: only where there is none, or where it ends anyway */
	if (conn->releasing || !sock_owned_by_user(sk))
		chimdrv_attach_base(sk)->release_cb(sk);
}

void chimdrv_giveback_drop_requests(struct chimdrv_conn *conn)
{
	chimdrv_tail_stop(conn);
	chimdrv_send_drop(conn);
	chimdrv_recv_drop(conn);
	chimdrv_forward_drop(conn);
	chimdrv_lend_end(conn);
	__skb_queue_purge(&conn->back.kept);
}

static void end_socket(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;

	tcp_sk(sk)->packets_out = 0;
	chimdrv_detach(conn);
	if (sk->sk_state == TCP_CLOSE)
		return;
	if (!chimdrv_compat_done(sk, conn->back.err))
		chimdrv_state_reset(conn);
}

/*
 * slock, queues ours. End the connection: the card or received bytes are lost, or the
 * target has closed it for good.
 */
void chimdrv_giveback_die(struct chimdrv_conn *conn)
{
	chimdrv_giveback_drop_requests(conn);
	chimdrv_conn_put_target(conn);
	if (test_bit(CHIMDRV_C_GONE, &conn->bits))
		chimdrv_count(conn->cd, lost_connections);	/* which is no upload */
	if (!test_bit(CHIMDRV_C_DETACHED, &conn->bits)) {
		end_socket(conn);
		chimdrv_conn_put(conn);		/* the socket's */
	} else {
		chimdrv_conn_set_state(conn, CHIMDRV_HOST);
	}
}

/* slock. The card was reset or is gone: free what it might have touched. */
void chimdrv_giveback_release(struct chimdrv_conn *conn)
{
	chimdrv_giveback_drop_requests(conn);
	chimdrv_conn_put_target(conn);
}

/* A peer that hears nothing would take it for alive, and its segments would not go raw. */
void chimdrv_giveback_reset(struct chimdrv_conn *conn)
{
	int err;

	if (test_bit(CHIMDRV_C_RESET, &conn->bits) || test_bit(CHIMDRV_C_GONE, &conn->bits))
		return;
	err = chimdrv_sq_disconnect(conn, CHIM_DISCONNECT_ABORTIVE);
	if (!err) {
		set_bit(CHIMDRV_C_RESET, &conn->bits);
		atomic_inc(&chimdrv_od(conn->cd)->resets);
	} else if (err == -EBUSY && time_before(jiffies, conn->back.end)) {
		chimdrv_sq_pend(conn);
	}
}

/*
 * slock, queues ours. The card neither gives the connection back nor fails. End it for
 * the program, but keep all memory that the card may still read or write.
 */
void chimdrv_giveback_abandon(struct chimdrv_conn *conn)
{
	if (conn->state == CHIMDRV_HOST)
		return;
	chimdrv_tail_stop(conn);
	chimdrv_lend_end(conn);
	if (!test_bit(CHIMDRV_C_DETACHED, &conn->bits)) {
		chimdrv_write_reap(conn);
		chimdrv_deliver_drain(conn);
		chimdrv_write_keep(conn);
		end_socket(conn);
		chimdrv_conn_put(conn);		/* the socket's */
	} else {
		chimdrv_conn_set_state(conn, CHIMDRV_HOST);
	}
	if (test_bit(CHIMDRV_C_GONE, &conn->bits))
		chimdrv_giveback_release(conn);
}

/* Count what was under way when a connection went back: each is a case of its own. */
static void count_cargo(struct chimdrv_conn *conn)
{
	const struct tcp_sock *tp = tcp_sk(conn->sk);
	bool in_flight = before(tp->snd_una, tp->snd_nxt);
	bool unread = before(tp->copied_seq, tp->rcv_nxt);
	bool unsent = before(tp->snd_nxt, tp->write_seq);

	if (in_flight)
		chimdrv_count(conn->cd, upload_in_flight);
	if (unread)
		chimdrv_count(conn->cd, upload_unread);
	if (unsent)
		chimdrv_count(conn->cd, upload_unsent);
	if (in_flight && unread && unsent)
		chimdrv_count(conn->cd, upload_all);
}

/*
 * The target has given up because the user timeout was over, and nothing has been
 * acknowledged since. Linux TCP would find that at its next timer; but some versions take
 * jiffies for milliseconds there if the peer has taken its window back, and may even miss
 * that timer.
 */
static bool user_timeout_is_over(const struct chimdrv_conn *conn)
{
	u32 limit = READ_ONCE(inet_csk(conn->sk)->icsk_user_timeout);
	const struct tcp_sock *tp = tcp_sk(conn->sk);

	return conn->back.err == ETIMEDOUT && limit && conn->final.timers.waited >= limit &&
	       tp->snd_una == conn->final.snd_una && tp->snd_una != tp->write_seq &&
	       (tp->packets_out || !tp->snd_wnd);
}

/* As Linux TCP does when it gives up: the error of an ICMP message explains more. */
static void give_up(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;

	NET_INC_STATS(sock_net(sk), LINUX_MIB_TCPABORTONTIMEOUT);
	chimdrv_write_purge(sk);
	conn->back.err = READ_ONCE(sk->sk_err_soft) ?: ETIMEDOUT;
	if (!chimdrv_compat_done(sk, conn->back.err))
		chimdrv_state_reset(conn);
}

/* slock, queues ours. Restore the socket from conn->final and return it to Linux TCP. */
void chimdrv_giveback_restore(struct chimdrv_conn *conn)
{
	chimdrv_state_restore(conn);
	count_cargo(conn);
	chimdrv_detach(conn);
	chimdrv_state_replay(conn);
	if (conn->sk->sk_state != TCP_CLOSE && user_timeout_is_over(conn))
		give_up(conn);
	kick(conn);
	chimdrv_conn_put(conn);			/* the socket's */
}

/*
 * The connection was not offloaded: leave everything as it was before. While HOLDING,
 * Linux TCP has run all the time; else it goes on from where it was stopped.
 */
void chimdrv_giveback_undo(struct chimdrv_conn *conn)
{
	if (test_bit(CHIMDRV_C_DETACHED, &conn->bits)) {	/* the socket died meanwhile */
		chimdrv_giveback_drop_requests(conn);
		chimdrv_conn_set_state(conn, CHIMDRV_HOST);
	} else if (conn->state == CHIMDRV_HOLDING) {
		chimdrv_detach(conn);
		chimdrv_state_replay(conn);
		chimdrv_conn_put(conn);		/* the socket's */
	} else {
		chimdrv_giveback_drop_requests(conn);
		chimdrv_giveback_restore(conn);
	}
}

/* Does the state that the target gave back fit the socket? No acknowledged byte may be missing. */
static bool fits(struct chimdrv_conn *conn)
{
	const struct tcp_sock *tp = tcp_sk(conn->sk);
	struct chimdrv_tcp_state *s = &conn->final;

	/* if the card does not report a FIN: one number beyond the bytes is one */
	if (s->state == CHIM_TCP_CLOSED && s->rcv_nxt == tp->rcv_nxt + 1)
		s->fin_received = true;
	if (!test_bit(CHIMDRV_C_LOST, &conn->bits) &&
	    (s->rcv_nxt == tp->rcv_nxt ||
	     (s->rcv_nxt == tp->rcv_nxt + 1 && s->fin_received)) &&
	    !before(s->snd_una, tp->snd_una) && !before(s->snd_max, s->snd_una) &&
	    !after(s->snd_max, tp->write_seq + 1))
		return true;
	set_bit(CHIMDRV_C_LOST, &conn->bits);
	pr_warn_ratelimited("%s: %s: RCV.NXT %x/%x SND.UNA %x/%x SND.MAX %x/%x\n",
			    CHIMDRV_NAME, "connection ended, final state does not fit",
			    s->rcv_nxt, tp->rcv_nxt, s->snd_una, tp->snd_una,
			    s->snd_max, tp->write_seq);
	return false;
}

/* LAST and the admin completion have been processed (OP-H6). slock, queues ours. */
void chimdrv_giveback_finish(struct chimdrv_conn *conn)
{
	const struct chimdrv_tcp_state *s = &conn->final;
	struct sock *sk = conn->sk;

	chimdrv_indicate_settle(conn, conn->back.start);
	if (test_bit(CHIMDRV_C_DETACHED, &conn->bits)) {	/* the socket died meanwhile */
		chimdrv_giveback_drop_requests(conn);
		chimdrv_conn_set_state(conn, CHIMDRV_HOST);
		return;
	}
	chimdrv_deliver_merge_back(conn);
	chimdrv_write_reap(conn);
	chimdrv_giveback_drop_requests(conn);
	if (sk->sk_state == TCP_CLOSE || !fits(conn)) {
		chimdrv_giveback_die(conn);
		return;
	}
	if (conn->back.reason == CHIMDRV_WHY_CARD || conn->back.reason == CHIMDRV_WHY_LATE ||
	    conn->back.reason == CHIMDRV_WHY_TIMESTAMPING)
		chimdrv_backoff_came_back(conn->sk);
	if (s->state == CHIM_TCP_CLOSED && !test_bit(CHIMDRV_C_PEER_RST, &conn->bits)) {
		if (s->fin_received) {
			sock_set_flag(sk, SOCK_DONE);	/* readers find the end before the error */
			WRITE_ONCE(tcp_sk(sk)->rcv_nxt, s->rcv_nxt);	/* FIONREAD takes it off */
		}
		if (s->snd_una == tcp_sk(sk)->write_seq + 1)
			conn->back.err = 0;	/* both FINs acknowledged */
		chimdrv_giveback_die(conn);
	} else {
		chimdrv_giveback_restore(conn);
	}
	chimdrv_notify(conn, CHIMNEY_EVENT_UPLOADED);
}
