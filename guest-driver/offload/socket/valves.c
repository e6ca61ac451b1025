// SPDX-License-Identifier: GPL-2.0-only
/*
 * The valves: what keeps Linux TCP from acting while the target has the
 * connection. It sends nothing, acknowledges nothing, and no timer runs.
 *
 * Socket owned at closing, slock in release_cb afterwards. Fields of the socket
 * that this file writes (Linux 6.1.192 and 6.12.117):
 *   packets_out retrans_out lost_out sacked_out highest_sack retransmit_skb_hint
 *   lost_skb_hint lost_cnt_hint tlp_high_seq undo_marker undo_retrans
 *   retrans_stamp pred_flags compressed_ack rcv_wup rcv_wnd max_window icsk_ca_state
 *   icsk_retransmits icsk_backoff icsk_probes_out icsk_probes_tstamp
 *   tcp_rtx_queue sk_write_queue and all timers
 */
#include "offload/socket/valves.h"
#include "offload/conn_types.h"

#define WND_OPEN	(1u << 30)	/* no read wants to acknowledge, no write to push */

static void stop_timers(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	inet_csk_clear_xmit_timers(sk);
	if (hrtimer_try_to_cancel(&tp->pacing_timer) == 1)
		__sock_put(sk);
	if (hrtimer_try_to_cancel(&tp->compressed_ack_timer) == 1)
		__sock_put(sk);
	tp->compressed_ack = 0;
}

/* What has been sent goes in front of what has not: one list holds [SND.UNA, write_seq). */
void chimdrv_valves_merge(struct sock *sk)
{
	struct rb_node *n;
	struct sk_buff *skb;

	while ((n = rb_last(&sk->tcp_rtx_queue))) {
		skb = rb_to_skb(n);
		list_del(&skb->tcp_tsorted_anchor);
		tcp_rtx_queue_unlink(skb, sk);
		/* the anchor shares memory with what a write queue skb needs */
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
	/* the size of new skbs is the target's affair: not half of the largest window seen here */
	conn->snd.max_window = tp->max_window;
	tp->max_window = WND_OPEN;
	chimdrv_valves_hold(conn);
}

/* Again after each section in which a process owned the socket: options may have armed timers. */
void chimdrv_valves_hold(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	struct tcp_sock *tp = tcp_sk(sk);

	if (inet_csk(sk)->icsk_pending || inet_csk(sk)->icsk_ack.pending)
		stop_timers(sk);
	inet_csk_delete_keepalive_timer(sk);
	/* as many in flight as may be: the first test on the way out says no */
	tp->packets_out = max(1u, tcp_snd_cwnd(tp));
	tp->rcv_wup = tp->rcv_nxt;
	tp->rcv_wnd = WND_OPEN;
}
