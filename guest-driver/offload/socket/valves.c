// SPDX-License-Identifier: GPL-2.0-only
/*
 * The valves keep Linux TCP from acting while the target has the connection: it sends
 * nothing, acknowledges nothing, and runs no timer.
 *
 * Socket owned at closing, slock in release_cb afterwards. Fields of the socket that this
 * file writes (spec/10-host-stack.md, 10.8):
 *   packets_out retrans_out lost_out sacked_out highest_sack retransmit_skb_hint
 *   lost_skb_hint lost_cnt_hint tlp_high_seq undo_marker undo_retrans
 *   retrans_stamp pred_flags compressed_ack rcv_wup rcv_wnd max_window icsk_ca_state
 *   icsk_retransmits icsk_backoff icsk_probes_out icsk_probes_tstamp sk_shutdown
 *   tcp_rtx_queue sk_write_queue and all timers
 */
#include "offload/socket/valves.h"
#include "compat/timers.h"
#include "offload/conn_types.h"

#define WND_OPEN	(1u << 30)	/* no read sends an ACK, no write pushes */

static void stop_timers(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	chimdrv_compat_clear_timers(sk);
	if (hrtimer_try_to_cancel(&tp->pacing_timer) == 1)
		__sock_put(sk);
	if (hrtimer_try_to_cancel(&tp->compressed_ack_timer) == 1)
		__sock_put(sk);
	tp->compressed_ack = 0;
}

/* Move sent data in front of unsent data: one list then holds [SND.UNA, write_seq). */
void chimdrv_valves_merge(struct sock *sk)
{
	struct rb_node *n;
	struct sk_buff *skb;

	while ((n = rb_last(&sk->tcp_rtx_queue))) {
		skb = rb_to_skb(n);
		list_del(&skb->tcp_tsorted_anchor);
		tcp_rtx_queue_unlink(skb, sk);
		/* the anchor overlaps a field that a write queue skb needs */
		INIT_LIST_HEAD(&skb->tcp_tsorted_anchor);
		TCP_SKB_CB(skb)->sacked = 0;
		__skb_queue_head(&sk->sk_write_queue, skb);
	}
}

/* Socket owned. From here on Linux TCP sends nothing and acknowledges nothing. */
void chimdrv_valves_close(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct tcp_sock *tp = tcp_sk(sk);

	stop_timers(sk);
	chimdrv_valves_merge(sk);
	tp->pred_flags = 0;
	tcp_clear_all_retrans_hints(tp);
	tp->retrans_out = 0;
	tp->lost_out = 0;
	tp->sacked_out = 0;
	tp->highest_sack = NULL;
	tp->tlp_high_seq = 0;
	tp->undo_marker = 0;
	tp->undo_retrans = -1;
	tp->retrans_stamp = 0;
	if (icsk->icsk_ca_state != TCP_CA_Open && icsk->icsk_ca_ops->set_state)
		icsk->icsk_ca_ops->set_state(sk, TCP_CA_Open);
	icsk->icsk_ca_state = TCP_CA_Open;
	icsk->icsk_retransmits = 0;
	icsk->icsk_backoff = 0;
	icsk->icsk_probes_out = 0;
	icsk->icsk_probes_tstamp = 0;
	/* the target cuts segments: do not limit new skbs to half of the largest window seen */
	conn->snd.max_window = tp->max_window;
	tp->max_window = WND_OPEN;
	chimdrv_valves_hold(conn);
}

/*
 * Socket owned and slock, the target has been told to send a FIN: who writes behind it gets
 * EPIPE, as after a shutdown, also a program that waits for room already.
 */
void chimdrv_valves_end(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;

	set_bit(CHIMDRV_C_OWN_FIN, &conn->bits);
	WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | SEND_SHUTDOWN);
	sk->sk_state_change(sk);
}

/* After each section in which a process owned the socket: its options may have armed timers. */
void chimdrv_valves_hold(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	struct tcp_sock *tp = tcp_sk(sk);

	if (inet_csk(sk)->icsk_pending || inet_csk(sk)->icsk_ack.pending)
		stop_timers(sk);
	chimdrv_compat_keepalive_stop(sk);
	/* as many in flight as allowed, so that the first test on transmit says no */
	tp->packets_out = max(1u, tcp_snd_cwnd(tp));
	tp->rcv_wup = tp->rcv_nxt;
	tp->rcv_wnd = WND_OPEN;
}
