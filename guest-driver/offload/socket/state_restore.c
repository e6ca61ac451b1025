// SPDX-License-Identifier: GPL-2.0-only
/*
 * Restore the target's last state into Linux TCP, so that it goes on as if it had never
 * stopped: write queue and retransmission queue, window, congestion, timestamps, FIN;
 * then replay the held segments. Timers: state_timers.c.
 *
 * slock held and the socket's queues ours. Nothing sleeps and nothing fails. Fields of
 * the socket that this file writes (spec/10-host-stack.md, 10.8), beside those that the
 * ordinary data path (send.c, deliver.c) moves:
 *   rcv_nxt rcv_wup rcv_wnd rcv_mwnd_seq snd_una snd_nxt snd_up snd_wnd max_window snd_wl1
 *   write_seq snd_cwnd snd_cwnd_cnt snd_cwnd_stamp snd_ssthresh prior_cwnd high_seq icsk_ca_state
 *   srtt_us rttvar_us mdev_us mdev_max_us rtt_seq icsk_rto lsndtime total_retrans
 *   frto rx_opt.ts_recent rx_opt.ts_recent_stamp tsoffset sk_state sk_shutdown sk_rcvbuf
 *   packets_out lost_out retrans_out sacked_out highest_sack retransmit_skb_hint
 *   tsorted_sent_queue tcp_rtx_queue sk_write_queue
 */
#include "offload/socket/state_restore.h"
#include "compat/clock.h"
#include "compat/options.h"
#include "compat/relied.h"
#include "compat/state.h"
#include "compat/timers.h"
#include "compat/window.h"
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

/* A stamp belongs to one byte, and that to one of the two parts of a cut. */
static void split_stamp(struct sk_buff *skb, struct sk_buff *rest)
{
	struct skb_shared_info *from = skb_shinfo(skb), *to = skb_shinfo(rest);

	if (!chimdrv_write_is_stamped(skb) || before(from->tskey, TCP_SKB_CB(rest)->seq)) {
		TCP_SKB_CB(rest)->txstamp_ack = 0;
		return;
	}
	to->tx_flags |= from->tx_flags & SKBTX_ANY_TSTAMP;
	from->tx_flags &= ~SKBTX_ANY_TSTAMP;
	to->tskey = from->tskey;
	TCP_SKB_CB(skb)->txstamp_ack = 0;
}

/*
 * Cut @skb of the write queue after @len bytes. NULL: no memory; both callers can go on
 * with an uncut one.
 */
static struct sk_buff *split(struct sock *sk, struct sk_buff *skb, u32 len)
{
	struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	struct sk_buff *rest;
	u32 truesize = skb->truesize, moved = skb->len - len;

	if (skb_cloned(skb)) {
		if (pskb_expand_head(skb, 0, 0, GFP_ATOMIC | __GFP_NOWARN))
			return NULL;
		skb->truesize = truesize;	/* what the socket was charged */
	}
	rest = alloc_skb_fclone(MAX_TCP_HEADER, GFP_ATOMIC | __GFP_NOWARN);
	if (!rest)
		return NULL;
	rest->truesize = SKB_TRUESIZE(skb_end_offset(rest));
	skb_reserve(rest, MAX_TCP_HEADER);
	rest->ip_summed = CHECKSUM_PARTIAL;
	INIT_LIST_HEAD(&rest->tcp_tsorted_anchor);
	sk_wmem_queued_add(sk, rest->truesize);
	sk_wmem_schedule(sk, rest->truesize);	/* charge regardless, as tcp_fragment does */
	sk_mem_charge(sk, rest->truesize);
	rest->truesize += moved;
	skb->truesize -= moved;
	*TCP_SKB_CB(rest) = *cb;
	TCP_SKB_CB(rest)->seq = cb->seq + len;
	cb->end_seq = cb->seq + len;
	cb->tcp_flags &= ~(TCPHDR_FIN | TCPHDR_PSH);
	cb->eor = 0;
	skb_split(skb, rest, len);
	split_stamp(skb, rest);
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
	TCP_SKB_CB(skb)->sacked = TCPCB_REPAIRED;	/* take no RTT sample from it */
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
 * Move [SND.UNA, SND.MAX) to the retransmission queue; the rest is still to be sent. Only
 * what the target has sent counts: the gate dropped what Linux TCP believes it has sent.
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
		chimdrv_write_ack(sk, s->snd_una);	/* free the acknowledged half */
	tp->snd_nxt = s->snd_una;
	skb_queue_walk_safe(&sk->sk_write_queue, skb, next) {
		struct tcp_skb_cb *cb = TCP_SKB_CB(skb);

		if (!before(cb->seq, s->snd_max) || cb->seq == cb->end_seq) {
			tcp_skb_pcount_set(skb, 0);	/* segmented again when it is sent */
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

	/* segments get the cached clock: a stale one would undercut the offset */
	chimdrv_compat_mstamp(tp);
	if (!tp->rx_opt.tstamp_ok)
		return;
	tp->rx_opt.ts_recent = s->ts_recent;
	tp->rx_opt.ts_recent_stamp = ktime_get_seconds() - s->ts_recent_age / CHIMDRV_TICKS;
	/* TSP-7, modulo 2^32; never below the last value that the target sent */
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
	tp->frto = 0;			/* of an earlier loss, before the offload */
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
		icsk->icsk_rto = clamp_t(u32, __tcp_set_rto(tp), 1,
					 chimdrv_compat_rto_max(sk));
	}
}

/*
 * Restore a FIN that the target has sent: it ends the queue, and may even be acknowledged.
 * Its memory was set aside at attach: without it in the queue, Linux TCP would take every
 * ACK of the peer for one of what was never sent. One that the target was to send and has
 * not is for Linux TCP to send (TRM-41).
 */
static void restore_fin(struct chimdrv_conn *conn)
{
	const struct chimdrv_tcp_state *s = &conn->final;
	struct sk_buff *skb = conn->back.own_fin;
	struct sock *sk = conn->sk;
	struct tcp_sock *tp = tcp_sk(sk);

	sk->sk_shutdown |= SEND_SHUTDOWN;
	if (!s->fin_sent)
		tp->nonagle |= TCP_NAGLE_PUSH;	/* a corked tail leaves with it */
	if (s->fin_sent && s->snd_una == s->snd_max) {
		WRITE_ONCE(tp->write_seq, s->snd_una);
		chimdrv_compat_set_state(sk, TCP_FIN_WAIT2);
		return;
	}
	/* a peer's FIN that came meanwhile is replayed as a segment, which moves the state on */
	chimdrv_compat_set_state(sk, sk->sk_state == TCP_CLOSE_WAIT ? TCP_LAST_ACK : TCP_FIN_WAIT1);
	conn->back.own_fin = NULL;
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

/* The furthest right edge that the peer may have been offered, by Linux TCP or the target. */
static u32 furthest_edge(const struct chimdrv_conn *conn)
{
	u32 edge = conn->final.rcv_nxt + conn->final.rcv_wnd;

	return conn->wnd.most && after(conn->wnd.edge, edge) ? conn->wnd.edge : edge;
}

/*
 * The peer may fill the offered window at once, so make room for it: within tcp_rmem as
 * Linux TCP would, beyond it only for what is already promised. A buffer that is full
 * does not grow for less than a segment, nor where the program has fixed its size: then
 * compact what waits.
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
 * slock held, queues ours, the target finished: restore conn->final into the socket. All
 * received bytes are in the receive queue. Nothing sleeps and nothing fails.
 */
void chimdrv_state_restore(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	struct chimdrv_tcp_state *s = &conn->final;
	struct tcp_sock *tp = tcp_sk(sk);

	/* the kernel itself takes the peer's FIN, from a segment made for it, then its RST */
	if (s->fin_received && sk->sk_state == TCP_ESTABLISHED) {
		set_bit(CHIMDRV_C_PEER_FIN, &conn->bits);
		if (s->rcv_nxt == tp->rcv_nxt + 1) {
			s->rcv_nxt--;
			s->rcv_wnd++;	/* keep the right edge; a shut window takes no FIN */
		}
	} else {
		clear_bit(CHIMDRV_C_PEER_FIN, &conn->bits);
	}
	tp->rcv_nxt = s->rcv_nxt;
	tp->rcv_wup = s->rcv_nxt;
	/* Linux TCP may have taken an offer back, for want of memory, and announces it anew */
	tp->rcv_wnd = test_bit(CHIMDRV_C_UNDO, &conn->bits) ? conn->wnd.own : s->rcv_wnd;
	chimdrv_compat_set_max_edge(tp, furthest_edge(conn));
	keep_promise(conn, s->rcv_wnd);
	restore_timestamps(tp, s);
	tp->snd_wnd = s->snd_wnd;
	tp->max_window = max(conn->snd.max_window, s->max_snd_wnd);
	tp->snd_wl1 = s->snd_wl1;
	tp->retrans_out = 0;
	tp->lost_out = 0;
	tp->sacked_out = 0;
	tp->highest_sack = NULL;
	if ((s->fin_sent || test_bit(CHIMDRV_C_OWN_FIN, &conn->bits)) &&
	    (sk->sk_state == TCP_ESTABLISHED || sk->sk_state == TCP_CLOSE_WAIT))
		restore_fin(conn);
	restore_queues(sk, s);
	tp->retransmit_skb_hint = NULL;
	restore_congestion(sk, s);
	tp->total_retrans += s->rexmit_segments;
	if (tp->packets_out)
		tp->lsndtime = tcp_jiffies32;
	else if (time_after32(conn->snd.heeded, (u32)tp->lsndtime))
		tp->lsndtime = conn->snd.heeded;
	chimdrv_timers_restore(sk, &s->timers);
	chimdrv_tail_restore(conn);
}

/* ------------------------------------------------------------------------ what was held */

/*
 * tcp_v6_do_rcv() reads the header for programs that ask for the hop limit, traffic class
 * or interface of what has come last. Nothing newer is known than what it has read last.
 */
static void synth_ipv6(struct sk_buff *skb, const struct sock *sk)
{
#if IS_ENABLED(CONFIG_IPV6)
	const struct ipv6_pinfo *np = inet6_sk(sk);
	struct ipv6hdr *ip = skb_put_zero(skb, sizeof(*ip));

	skb_reset_network_header(skb);
	*(__be32 *)ip = htonl(6 << 28) | (np->rcv_flowinfo & IPV6_FLOWINFO_MASK);
	if (chimdrv_compat_reflects_label(sk))
		*(__be32 *)ip |= np->flow_label & IPV6_FLOWLABEL_MASK;
	ip->payload_len = htons(sizeof(struct tcphdr));
	ip->nexthdr = IPPROTO_TCP;
	ip->hop_limit = np->mcast_hops;
	ip->saddr = sk->sk_v6_daddr;
	ip->daddr = sk->sk_v6_rcv_saddr;
	TCP_SKB_CB(skb)->header.h6.iif = np->mcast_oif;
	__skb_pull(skb, sizeof(*ip));
#endif
}

/*
 * Give Linux TCP a segment without payload, as the peer would have sent it, so that it
 * acts on a FIN or RST. Its memory, @mem, was set aside at attach.
 */
static void synth(struct chimdrv_conn *conn, struct sk_buff **mem, u8 flags)
{
	struct sock *sk = conn->sk;
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb = *mem;
	struct tcphdr *th;

	if (!skb || sk->sk_state == TCP_CLOSE)
		return;
	*mem = NULL;
	memset(skb->cb, 0, sizeof(struct tcp_skb_cb));
	if (chimdrv_is_ipv6(sk))
		synth_ipv6(skb, sk);
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
	TCP_SKB_CB(skb)->seq = tp->rcv_nxt;
	TCP_SKB_CB(skb)->end_seq = tp->rcv_nxt + th->fin;
	TCP_SKB_CB(skb)->ack_seq = tp->snd_una;
	TCP_SKB_CB(skb)->tcp_flags = TCPHDR_ACK | flags;
	sk->sk_backlog_rcv(sk, skb);
}

/*
 * slock held, queues ours, the socket with Linux TCP again. A RST ends the connection; the
 * error that the program sees is not the RST's but ours, or none. SO_ERROR needs no lock:
 * if it has taken the RST's already, ours would be a second one.
 */
void chimdrv_state_reset(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	int err;

	synth(conn, &conn->back.rst, TCPHDR_RST);
	err = READ_ONCE(sk->sk_err);
	if (err)
		cmpxchg(&sk->sk_err, err, conn->back.err);
}

/*
 * The target has acknowledged the FIN and the peer will not resend it, so a full receive
 * queue must not refuse it.
 */
static void synth_fin(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	int rcvbuf = sk->sk_rcvbuf;
	int need = atomic_read(&sk->sk_rmem_alloc) +
		   (conn->back.fin ? conn->back.fin->truesize : 0);

	WRITE_ONCE(sk->sk_rcvbuf, max(rcvbuf, need));
	synth(conn, &conn->back.fin, TCPHDR_FIN);
	if (sk->sk_rcvbuf == need)
		WRITE_ONCE(sk->sk_rcvbuf, rcvbuf);
}

/*
 * slock held, queues ours, the socket with Linux TCP again: replay the FIN and the RST that
 * the target received for us, then every held segment in order (TRM-31).
 */
void chimdrv_state_replay(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	struct sk_buff *skb;

	if (test_bit(CHIMDRV_C_PEER_FIN, &conn->bits))
		synth_fin(conn);
	if (test_bit(CHIMDRV_C_PEER_RST, &conn->bits))
		synth(conn, &conn->back.rst, TCPHDR_RST);
	while ((skb = chimdrv_held_next(conn))) {
		chimdrv_count(conn->cd, held_replayed);
		if (sk->sk_state == TCP_CLOSE)
			kfree_skb(skb);
		else
			sk->sk_backlog_rcv(sk, skb);
	}
}
