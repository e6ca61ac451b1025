// SPDX-License-Identifier: GPL-2.0-only
/*
 * The target's last state into Linux TCP, so that it goes on as if it had
 * never stopped: write queue and retransmission queue, window, congestion,
 * timestamps, FIN; then the segments that were held. Timers: state_timers.c.
 *
 * slock held and the socket's queues ours. Nothing sleeps and nothing fails. Fields
 * of the socket that this file writes (Linux 6.1.192 and 6.12.117), beside those
 * that the ordinary data path (send.c, deliver.c) moves:
 *   rcv_nxt rcv_wup rcv_wnd snd_una snd_nxt snd_up snd_wnd max_window snd_wl1
 *   snd_cwnd snd_ssthresh high_seq srtt_us rttvar_us mdev_us mdev_max_us rtt_seq
 *   rx_opt.ts_recent rx_opt.ts_recent_stamp tsoffset lsndtime total_retrans
 *   packets_out lost_out tsorted_sent_queue tcp_rtx_queue sk_write_queue icsk_rto
 */
#include "offload/socket/state_restore.h"
#include "compat.h"
#include "offload/conn_types.h"
#include "offload/family.h"
#include "offload/od.h"
#include "offload/socket/collapse.h"
#include "offload/socket/held.h"
#include "offload/socket/state_timers.h"
#include "offload/socket/tail.h"
#include "offload/socket/valves.h"
#include "offload/socket/write.h"

/* ---------------------------------------------------------------------- the write queue */

/*
 * Cut @skb of the write queue behind @len bytes. NULL for want of memory; both
 * callers can live with an uncut one.
 */
static struct sk_buff *split(struct sock *sk, struct sk_buff *skb, u32 len)
{
	struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	struct sk_buff *rest;
	u32 truesize = skb->truesize, moved = skb->len - len;

	if (skb_cloned(skb)) {
		if (pskb_expand_head(skb, 0, 0, GFP_ATOMIC | __GFP_NOWARN))
			return NULL;
		skb->truesize = truesize;	/* the socket was charged this */
	}
	rest = alloc_skb_fclone(MAX_TCP_HEADER, GFP_ATOMIC | __GFP_NOWARN);
	if (!rest)
		return NULL;
	rest->truesize = SKB_TRUESIZE(skb_end_offset(rest));
	skb_reserve(rest, MAX_TCP_HEADER);
	rest->ip_summed = CHECKSUM_PARTIAL;
	INIT_LIST_HEAD(&rest->tcp_tsorted_anchor);
	sk_wmem_queued_add(sk, rest->truesize);
	sk_wmem_schedule(sk, rest->truesize);	/* charged in any case, as tcp_fragment does */
	sk_mem_charge(sk, rest->truesize);
	rest->truesize += moved;
	skb->truesize -= moved;
	*TCP_SKB_CB(rest) = *cb;
	TCP_SKB_CB(rest)->seq = cb->seq + len;
	cb->end_seq = cb->seq + len;
	cb->tcp_flags &= ~(TCPHDR_FIN | TCPHDR_PSH);
	cb->eor = 0;
	skb_split(skb, rest, len);
	rest->tstamp = skb->tstamp;
	__skb_header_release(rest);
	__skb_queue_after(&sk->sk_write_queue, skb, rest);
	return rest;
}

static void into_rtx_queue(struct sock *sk, struct sk_buff *skb, u64 now)
{
	struct rb_node **p = &sk->tcp_rtx_queue.rb_node, *parent = NULL;
	struct tcp_sock *tp = tcp_sk(sk);

	__skb_unlink(skb, &sk->sk_write_queue);
	while (*p) {
		parent = *p;
		p = &parent->rb_right;
	}
	rb_link_node(&skb->rbnode, parent, p);
	rb_insert_color(&skb->rbnode, &sk->tcp_rtx_queue);
	INIT_LIST_HEAD(&skb->tcp_tsorted_anchor);
	list_add_tail(&skb->tcp_tsorted_anchor, &tp->tsorted_sent_queue);
	skb->skb_mstamp_ns = now;
	memset(&TCP_SKB_CB(skb)->tx, 0, sizeof(TCP_SKB_CB(skb)->tx));
	TCP_SKB_CB(skb)->sacked = TCPCB_REPAIRED;	/* no RTT sample from it */
	if (!tp->highest_sack)
		tp->highest_sack = skb;
	tp->packets_out += tcp_skb_pcount(skb);
}

static void set_segs(struct sk_buff *skb, u32 mss)
{
	if (skb->len <= mss) {
		TCP_SKB_CB(skb)->tcp_gso_size = 0;
		tcp_skb_pcount_set(skb, 1);
	} else {
		TCP_SKB_CB(skb)->tcp_gso_size = mss;
		tcp_skb_pcount_set(skb, DIV_ROUND_UP(skb->len, mss));
	}
}

/*
 * [SND.UNA, SND.MAX) to the retransmission queue, the rest stays to be sent. What the
 * target has sent decides alone: what Linux TCP took for sent has met the gate.
 */
static void restore_queues(struct sock *sk, const struct chimdrv_tcp_state *s)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb, *next;
	u64 now = tcp_clock_ns();
	u32 mss = max(1u, tp->mss_cache);

	chimdrv_valves_merge(sk);
	tp->packets_out = 0;
	chimdrv_write_ack(sk, s->snd_una);
	skb = skb_peek(&sk->sk_write_queue);
	if (skb && before(TCP_SKB_CB(skb)->seq, s->snd_una) &&
	    split(sk, skb, s->snd_una - TCP_SKB_CB(skb)->seq))
		chimdrv_write_ack(sk, s->snd_una);	/* the half that is acknowledged */
	tp->snd_nxt = s->snd_una;
	skb_queue_walk_safe(&sk->sk_write_queue, skb, next) {
		struct tcp_skb_cb *cb = TCP_SKB_CB(skb);

		if (!before(cb->seq, s->snd_max) || cb->seq == cb->end_seq) {
			tcp_skb_pcount_set(skb, 0);	/* cut anew when it is sent */
			continue;
		}
		if (after(cb->end_seq, s->snd_max) && split(sk, skb, s->snd_max - cb->seq))
			next = skb_queue_next(&sk->sk_write_queue, skb);
		set_segs(skb, mss);
		into_rtx_queue(sk, skb, now);
		WRITE_ONCE(tp->snd_nxt, cb->end_seq);
		if (!before(cb->seq, s->snd_nxt)) {
			cb->sacked |= TCPCB_LOST;	/* [SND.NXT, SND.MAX): to be sent again */
			tp->lost_out += tcp_skb_pcount(skb);
		}
	}
}

/* ---------------------------------------------------------------------------- variables */

static void restore_timestamps(struct tcp_sock *tp, const struct chimdrv_tcp_state *s)
{
	s32 behind;

	/* segments are stamped with the cached clock: a stale one would go behind the offset */
	chimdrv_compat_mstamp(tp);
	if (!tp->rx_opt.tstamp_ok)
		return;
	tp->rx_opt.ts_recent = s->ts_recent;
	tp->rx_opt.ts_recent_stamp = ktime_get_seconds() - s->ts_recent_age / CHIMDRV_TICKS;
	/* TSP-7, modulo 2^32; and never below what the target has sent last */
	tp->tsoffset = s->ts_time - chimdrv_compat_ts_cached(tp);
	behind = s->last_ts_val - (chimdrv_compat_ts_cached(tp) + tp->tsoffset);
	if (behind > 0)
		tp->tsoffset += behind;
}

static void restore_congestion(struct sock *sk, const struct chimdrv_tcp_state *s)
{
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	u32 mss = max(1u, tp->mss_cache);

	tcp_snd_cwnd_set(tp, clamp(s->cwnd / mss, 2u, tp->snd_cwnd_clamp));
	tp->snd_ssthresh = s->ssthresh == U32_MAX ? TCP_INFINITE_SSTHRESH :
			   max(2u, s->ssthresh / mss);
	tp->snd_cwnd_cnt = 0;
	tp->snd_cwnd_stamp = tcp_jiffies32;
	tp->prior_cwnd = 0;
	tp->high_seq = tp->snd_nxt;
	if (icsk->icsk_ca_ops->init)	/* private state is not handed over (M-34) */
		icsk->icsk_ca_ops->init(sk);
	if (tp->lost_out)
		icsk->icsk_ca_state = TCP_CA_Loss;
	if (s->srtt_us) {
		tp->srtt_us = s->srtt_us;
		tp->rttvar_us = max(s->rttvar_us, tcp_rto_min_us(sk));
		tp->mdev_us = s->rttvar_us;
		tp->mdev_max_us = tp->rttvar_us;
		tp->rtt_seq = tp->snd_nxt;
		icsk->icsk_rto = clamp_t(u32, __tcp_set_rto(tp), 1, TCP_RTO_MAX);
	}
}

/* A FIN that the target has sent: it stands at the end of the queue, sent or even acknowledged. */
static void restore_fin(struct sock *sk, struct chimdrv_tcp_state *s)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb;

	sk->sk_shutdown |= SEND_SHUTDOWN;
	if (s->snd_una == s->snd_max) {
		WRITE_ONCE(tp->write_seq, s->snd_una);
		tcp_set_state(sk, TCP_FIN_WAIT2);
		return;
	}
	/* a FIN of the peer that came meanwhile follows as a segment and moves on from here */
	tcp_set_state(sk, sk->sk_state == TCP_CLOSE_WAIT ? TCP_LAST_ACK : TCP_FIN_WAIT1);
	skb = alloc_skb_fclone(MAX_TCP_HEADER, GFP_ATOMIC);
	if (!skb)
		return;		/* the peer has it, or its own timer ends the connection */
	skb->truesize = SKB_TRUESIZE(skb_end_offset(skb));
	skb_reserve(skb, MAX_TCP_HEADER);
	skb->ip_summed = CHECKSUM_PARTIAL;
	INIT_LIST_HEAD(&skb->tcp_tsorted_anchor);
	memset(skb->cb, 0, sizeof(struct tcp_skb_cb));
	TCP_SKB_CB(skb)->seq = tp->write_seq;
	TCP_SKB_CB(skb)->end_seq = tp->write_seq + 1;
	TCP_SKB_CB(skb)->tcp_flags = TCPHDR_ACK | TCPHDR_FIN;
	tcp_skb_pcount_set(skb, 1);
	__skb_header_release(skb);
	__skb_queue_tail(&sk->sk_write_queue, skb);
	WRITE_ONCE(tp->write_seq, tp->write_seq + 1);
	sk_wmem_queued_add(sk, skb->truesize);
	sk_mem_charge(sk, skb->truesize);
}

/*
 * The window that the target has offered can be filled at once: make room for it, within
 * tcp_rmem as Linux TCP would, and beyond it only for what is promised already. What is
 * full need not grow for less than a segment, and cannot where the program has fixed the
 * size: then what waits there is made compact.
 */
static void keep_promise(struct chimdrv_conn *conn, u32 wnd)
{
	struct sock *sk = conn->sk;
	u64 used = atomic_read(&sk->sk_rmem_alloc), space = chimdrv_compat_space_from_win(sk, wnd);
	u64 most = max_t(u64, used + space, READ_ONCE(sock_net(sk)->ipv4.sysctl_tcp_rmem[2]));
	int need = min3(used + max(space, 2 * (u64)wnd), most, (u64)INT_MAX);
	u64 fits = (u64)sk->sk_rcvbuf +
		   chimdrv_compat_space_from_win(sk, 1u << tcp_sk(sk)->rx_opt.rcv_wscale);

	if (wnd >= tcp_sk(sk)->advmss && used + space > fits && need > sk->sk_rcvbuf &&
	    !(sk->sk_userlocks & SOCK_RCVBUF_LOCK))
		WRITE_ONCE(sk->sk_rcvbuf, need);
	else if (wnd && used + wnd > READ_ONCE(sk->sk_rcvbuf))
		chimdrv_collapse(conn, true);
}

/*
 * slock held, queues ours, the target finished: conn->final into the socket. All
 * received bytes are in the receive queue. Nothing sleeps and nothing fails.
 */
void chimdrv_state_restore(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	struct chimdrv_tcp_state *s = &conn->final;
	struct tcp_sock *tp = tcp_sk(sk);

	/* the kernel's own code takes the peer's FIN, from a segment made for it, then its RST */
	if (s->fin_received && sk->sk_state == TCP_ESTABLISHED) {
		set_bit(CHIMDRV_C_PEER_FIN, &conn->bits);
		if (s->rcv_nxt == tp->rcv_nxt + 1) {
			s->rcv_nxt--;
			s->rcv_wnd++;	/* the right edge stays, and a shut window takes no FIN */
		}
	} else {
		clear_bit(CHIMDRV_C_PEER_FIN, &conn->bits);
	}
	tp->rcv_nxt = s->rcv_nxt;
	tp->rcv_wup = s->rcv_nxt;
	tp->rcv_wnd = s->rcv_wnd;
	keep_promise(conn, s->rcv_wnd);
	restore_timestamps(tp, s);
	tp->snd_wnd = s->snd_wnd;
	tp->max_window = max(conn->snd.max_window, s->max_snd_wnd);
	tp->snd_wl1 = s->snd_wl1;
	tp->retrans_out = 0;
	tp->lost_out = 0;
	tp->sacked_out = 0;
	tp->highest_sack = NULL;
	if (s->fin_sent &&
	    (sk->sk_state == TCP_ESTABLISHED || sk->sk_state == TCP_CLOSE_WAIT))
		restore_fin(sk, s);
	restore_queues(sk, s);
	tp->retransmit_skb_hint = NULL;
	restore_congestion(sk, s);
	tp->total_retrans += s->rexmit_segments;
	tp->lsndtime = tcp_jiffies32;
	chimdrv_timers_restore(sk, &s->timers);
	chimdrv_tail_restore(conn);
}

/* ------------------------------------------------------------------------ what was held */

/*
 * A segment without payload, as the peer would have sent it, so that Linux TCP does
 * what it does on a FIN or RST. Its memory was put aside at attach.
 */
static void synth(struct chimdrv_conn *conn, u8 flags)
{
	struct sock *sk = conn->sk;
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb = conn->back.synth;
	struct tcphdr *th;

	if (!skb || sk->sk_state == TCP_CLOSE)
		return;
	conn->back.synth = NULL;
	th = skb_put_zero(skb, sizeof(*th));
	skb_reset_transport_header(skb);
	th->source = inet_sk(sk)->inet_dport;
	th->dest = inet_sk(sk)->inet_sport;
	th->doff = sizeof(*th) / 4;
	th->seq = htonl(tp->rcv_nxt);
	th->ack_seq = htonl(tp->snd_una);
	th->ack = 1;
	th->fin = !!(flags & TCPHDR_FIN);
	th->rst = !!(flags & TCPHDR_RST);
	th->window = htons(min(tp->snd_wnd >> tp->rx_opt.snd_wscale, 65535u));
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	skb->protocol = chimdrv_is_ipv6(sk) ? htons(ETH_P_IPV6) : htons(ETH_P_IP);
	memset(skb->cb, 0, sizeof(struct tcp_skb_cb));
	TCP_SKB_CB(skb)->seq = tp->rcv_nxt;
	TCP_SKB_CB(skb)->end_seq = tp->rcv_nxt + th->fin;
	TCP_SKB_CB(skb)->ack_seq = tp->snd_una;
	TCP_SKB_CB(skb)->tcp_flags = TCPHDR_ACK | flags;
	sk->sk_backlog_rcv(sk, skb);
}

/*
 * The target has acknowledged the FIN, so the peer does not send it again: a
 * receive queue that is full must not refuse it.
 */
static void synth_fin(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	int rcvbuf = sk->sk_rcvbuf;
	int need = atomic_read(&sk->sk_rmem_alloc) +
		   (conn->back.synth ? conn->back.synth->truesize : 0);

	WRITE_ONCE(sk->sk_rcvbuf, max(rcvbuf, need));
	synth(conn, TCPHDR_FIN);
	if (sk->sk_rcvbuf == need)
		WRITE_ONCE(sk->sk_rcvbuf, rcvbuf);
}

/*
 * slock held, queues ours, the socket with Linux TCP again: what the target took
 * on our behalf, then every segment that was held, in order (TRM-31).
 */
void chimdrv_state_replay(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	struct sk_buff *skb;

	if (test_bit(CHIMDRV_C_PEER_FIN, &conn->bits))
		synth_fin(conn);
	if (test_bit(CHIMDRV_C_PEER_RST, &conn->bits))
		synth(conn, TCPHDR_RST);
	while ((skb = chimdrv_held_next(conn))) {
		chimdrv_count(conn->cd, held_replayed);
		if (sk->sk_state == TCP_CLOSE)
			kfree_skb(skb);
		else
			sk->sk_backlog_rcv(sk, skb);
	}
}
