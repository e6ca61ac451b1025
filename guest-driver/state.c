// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's TCP variables as state objects, and back (04-state-objects.md).
 * The only file that reaches into struct tcp_sock to hand a connection over.
 *
 * Written against Linux 6.1.192 and 6.12.117. Fields written, beside those that
 * the ordinary data path (send.c, deliver.c) moves:
 *   to stand still   packets_out retrans_out lost_out sacked_out highest_sack
 *                    retransmit_skb_hint lost_skb_hint lost_cnt_hint tlp_high_seq
 *                    undo_marker undo_retrans pred_flags compressed_ack rcv_wup
 *                    rcv_wnd icsk_ca_state icsk_retransmits icsk_backoff
 *                    icsk_probes_out and all timers
 *   to go on         rcv_nxt rcv_wup rcv_wnd snd_una snd_nxt snd_up snd_wnd
 *                    max_window snd_wl1 snd_cwnd snd_ssthresh high_seq srtt_us
 *                    rttvar_us mdev_us mdev_max_us rtt_seq rx_opt.ts_recent
 *                    rx_opt.ts_recent_stamp tsoffset rcv_tstamp lsndtime
 *                    retrans_stamp packets_out lost_out tsorted_sent_queue
 *                    tcp_rtx_queue sk_write_queue icsk_rto icsk_pending
 */
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>
#include <net/route.h>

#include "chimdrv_conn.h"

#define WND_OPEN	(1u << 30)	/* so much offered that no read ever wants to acknowledge */
#define TICKS		1000		/* ticks per second: the card's default, and jiffies in ms */

/* -------------------------------------------------------------------- out of the socket */

static u32 jiffies_left(unsigned long expires)
{
	long left = (long)(expires - jiffies);

	return left > 0 ? jiffies_to_msecs(left) : 0;
}

/* Where a retransmission after a timeout would start (M-32); else SND.NXT itself. */
static u32 first_lost(struct sock *sk)
{
	struct sk_buff *skb;

	if (inet_csk(sk)->icsk_ca_state != TCP_CA_Loss)
		return tcp_sk(sk)->snd_nxt;
	for (skb = tcp_rtx_queue_head(sk); skb; skb = skb_rb_next(skb))
		if ((TCP_SKB_CB(skb)->sacked & TCPCB_LOST) &&
		    !(TCP_SKB_CB(skb)->sacked & TCPCB_SACKED_RETRANS))
			return max_t(u32, TCP_SKB_CB(skb)->seq - tcp_sk(sk)->snd_una, 0) +
			       tcp_sk(sk)->snd_una;
	return tcp_sk(sk)->snd_nxt;
}

/* Socket owned, valves still open. */
void chimdrv_state_capture(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	const struct tcp_sock *tp = tcp_sk(sk);
	struct chimdrv_tcp_state *s = &conn->final;

	memset(s, 0, sizeof(*s));
	s->state = sk->sk_state == TCP_CLOSE_WAIT ? CHIM_TCP_CLOSE_WAIT : CHIM_TCP_ESTABLISHED;
	s->rcv_nxt = tp->rcv_nxt;
	s->rcv_wnd = tcp_receive_window(tp);
	s->snd_una = tp->snd_una;
	s->snd_max = tp->snd_nxt;
	s->snd_nxt = first_lost(sk);
	if (before(s->snd_nxt, s->snd_una))
		s->snd_nxt = s->snd_una;
	s->snd_wnd = tp->snd_wnd;
	s->max_snd_wnd = tp->max_window;
	s->snd_wl1 = tp->snd_wl1;
	s->cwnd = tcp_snd_cwnd(tp) * tp->mss_cache;
	s->ssthresh = tp->snd_ssthresh >= TCP_INFINITE_SSTHRESH ? U32_MAX :
		      (u32)min_t(u64, (u64)tp->snd_ssthresh * tp->mss_cache, U32_MAX - 1);
	s->srtt_us = tp->srtt_us;
	s->rttvar_us = tp->rttvar_us;
	if (tp->rx_opt.tstamp_ok) {
		s->ts_recent = tp->rx_opt.ts_recent;
		s->ts_recent_age = (u32)(ktime_get_seconds() - tp->rx_opt.ts_recent_stamp) * TICKS;
		s->ts_time = chimdrv_compat_ts_clock(tp) + tp->tsoffset;
		s->last_ts_val = s->ts_time;
	}
	s->rexmit_count = inet_csk(sk)->icsk_retransmits;
	conn->seen_rcv_nxt = tp->rcv_nxt;
	conn->seen_snd_una = tp->snd_una;
	/* where the received bytes end: a FIN is behind them */
	conn->rx_seq = tp->rcv_nxt - (s->state == CHIM_TCP_CLOSE_WAIT);
	conn->buffered_start = conn->rx_seq;
	conn->buffered_end = conn->rx_seq;
	conn->posted_seq = tp->snd_una;
	conn->snd_up = tp->snd_up;
}

/* What may be offered: what the socket would take empty, never less than offered already. */
u32 chimdrv_state_window(struct chimdrv_conn *conn)
{
	const struct tcp_sock *tp = tcp_sk(conn->sk);
	u32 wnd = max_t(int, tcp_full_space(conn->sk), 2 * tp->advmss);

	wnd = min_t(u32, wnd, tp->window_clamp);
	wnd = min_t(u32, wnd, 65535u << tp->rx_opt.rcv_wscale);
	return min(wnd, conn->cd->limits.rcv_wnd);
}

static u32 flow_label(const struct sock *sk)
{
#if IS_ENABLED(CONFIG_IPV6)
	const struct ipv6_pinfo *np = inet6_sk(sk);
	u32 label = be32_to_cpu(np->flow_label & IPV6_FLOWLABEL_MASK);
	int mode = sock_net(sk)->ipv6.sysctl.auto_flowlabels;

	if (label || mode == IP6_AUTO_FLOW_LABEL_OFF || mode == IP6_AUTO_FLOW_LABEL_OPTIN)
		return label;
	/* the kernel derives it from the flow's hash; go on with the same */
	label = be32_to_cpu((__force __be32)rol32(sk->sk_txhash, 16) & IPV6_FLOWLABEL_MASK);
	if (sock_net(sk)->ipv6.sysctl.flowlabel_state_ranges)
		label |= be32_to_cpu(IPV6_FLOWLABEL_STATELESS_FLAG);
	return label;
#else
	return 0;
#endif
}

static bool is_ipv6(const struct sock *sk)
{
	return sk->sk_family == AF_INET6 && !ipv6_addr_v4mapped(&sk->sk_v6_daddr);
}

static u8 hop_limit(struct sock *sk)
{
	struct dst_entry *dst = __sk_dst_get(sk);

#if IS_ENABLED(CONFIG_IPV6)
	if (is_ipv6(sk))
		return inet6_sk(sk)->hop_limit >= 0 ? inet6_sk(sk)->hop_limit :
		       (dst ? ip6_dst_hoplimit(dst) : 64);
#endif
	return inet_sk(sk)->uc_ttl >= 0 ? inet_sk(sk)->uc_ttl : (dst ? ip4_dst_hoplimit(dst) : 64);
}

static u8 traffic_class(const struct sock *sk)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (is_ipv6(sk))
		return inet6_sk(sk)->tclass & ~INET_ECN_MASK;
#endif
	return inet_sk(sk)->tos & ~INET_ECN_MASK;
}

/* Read the options of the socket; true if any differs from what the target knows. */
static bool read_options(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	const struct tcp_sock *tp = tcp_sk(sk);
	u16 flags = (sock_flag(sk, SOCK_KEEPOPEN) ? CHIM_TCP_KEEPALIVE : 0) |
		    (tp->nonagle & TCP_NAGLE_OFF ? 0 : CHIM_TCP_NAGLE);
	bool changed = false;

#define TAKE(field, value) do {					\
		typeof(conn->field) v = (value);		\
		if (conn->field != v) {				\
			conn->field = v;			\
			changed = true;				\
		}						\
	} while (0)
	TAKE(opt_flags, flags);
	TAKE(ttl, hop_limit(sk));
	TAKE(tos, traffic_class(sk));
	TAKE(prio, chimdrv_path_vlan_prio(sk));
	TAKE(ka_probes, min_t(int, keepalive_probes(tp), 255));
	TAKE(ka_time, jiffies_to_msecs(keepalive_time_when(tp)));
	TAKE(ka_intvl, jiffies_to_msecs(keepalive_intvl_when(tp)));
	TAKE(user_timeout, inet_csk(sk)->icsk_user_timeout);
	TAKE(flow_label, is_ipv6(sk) ? flow_label(sk) : 0);
#undef TAKE
	return changed;
}

/* slock or owner. Has the program changed something that the target must know? */
bool chimdrv_state_changed(struct chimdrv_conn *conn)
{
	u32 wnd = chimdrv_state_window(conn);
	bool changed = read_options(conn);

	/* Growth by autotuning; each update costs a command, so only real steps count. */
	return changed || wnd >= conn->wnd_granted + conn->wnd_granted / 4;
}

void chimdrv_state_cached(struct chimdrv_conn *conn, struct chim_tcp_cached *c, bool update)
{
	u32 wnd = max(conn->wnd_granted, chimdrv_state_window(conn));

	c->hdr.length = cpu_to_le32(sizeof(*c));
	c->flags = cpu_to_le16(conn->opt_flags |
			       (update && wnd != conn->wnd_granted ? CHIM_TCP_UPDATE_RCV_WND : 0));
	c->ka_probe_count = conn->ka_probes;
	c->ttl = conn->ttl;
	c->tos = conn->tos;
	c->user_priority = conn->prio;
	c->initial_rcv_wnd = cpu_to_le32(wnd);
	c->ka_timeout = cpu_to_le32(conn->ka_time);
	c->ka_interval = cpu_to_le32(conn->ka_intvl);
	c->max_rt = cpu_to_le32(conn->user_timeout);
	c->flow_label = cpu_to_le32(conn->flow_label);
	conn->wnd_granted = wnd;
}

static void export_const(struct chimdrv_conn *conn, struct chim_tcp_const *c)
{
	const struct tcp_sock *tp = tcp_sk(conn->sk);
	const struct inet_sock *inet = inet_sk(conn->sk);
	u16 flags = 0;

	if (tp->rx_opt.tstamp_ok)
		flags |= CHIM_TCP_TIMESTAMPS;
	if (tcp_is_sack(tp))
		flags |= CHIM_TCP_SACK;
	if (tp->rx_opt.wscale_ok)
		flags |= CHIM_TCP_WSCALE;
	if (tp->rx_opt.tstamp_ok && chimdrv_compat_usec_ts(tp))
		flags |= CHIM_TCP_TS_USEC;
	c->hdr.length = cpu_to_le32(sizeof(*c));
	c->flags = cpu_to_le16(flags);
	c->remote_port = inet->inet_dport;
	c->local_port = inet->inet_sport;
	if (tp->rx_opt.wscale_ok) {
		c->snd_wscale = tp->rx_opt.snd_wscale;
		c->rcv_wscale = tp->rx_opt.rcv_wscale;
	}
	c->remote_mss = cpu_to_le16(tp->rx_opt.mss_clamp);
	c->hash = cpu_to_le32(conn->hash);
}

static u16 sat16(u64 v)
{
	return min_t(u64, v, U16_MAX);
}

static void export_delegated(struct chimdrv_conn *conn, struct chim_tcp_delegated *d)
{
	const struct chimdrv_tcp_state *s = &conn->final;
	struct inet_connection_sock *icsk = inet_csk(conn->sk);
	const struct tcp_sock *tp = tcp_sk(conn->sk);

	d->hdr.length = cpu_to_le32(sizeof(*d));
	d->state = s->state;
	d->rexmit_count = s->snd_wnd ? s->rexmit_count : 0;
	d->rcv_nxt = cpu_to_le32(s->rcv_nxt);
	d->rcv_wnd = cpu_to_le32(s->rcv_wnd);
	d->snd_una = cpu_to_le32(s->snd_una);
	d->snd_nxt = cpu_to_le32(s->snd_nxt);
	d->snd_max = cpu_to_le32(s->snd_max);
	d->snd_wnd = cpu_to_le32(s->snd_wnd);
	d->max_snd_wnd = cpu_to_le32(s->max_snd_wnd);
	d->snd_wl1 = cpu_to_le32(s->snd_wl1);
	d->cwnd = cpu_to_le32(s->cwnd);
	d->ssthresh = cpu_to_le32(s->ssthresh);
	d->srtt = cpu_to_le16(sat16(s->srtt_us / (USEC_PER_SEC / TICKS)));
	d->rttvar = cpu_to_le16(sat16(s->rttvar_us / (USEC_PER_SEC / TICKS)));
	d->srtt_us = cpu_to_le32(s->srtt_us);
	d->rttvar_us = cpu_to_le32(s->rttvar_us);
	d->ts_recent = cpu_to_le32(s->ts_recent);
	d->ts_recent_age = cpu_to_le32(s->ts_recent_age);
	d->ts_time = cpu_to_le32(s->ts_time);
	d->ka_timeout_delta = cpu_to_le32(CHIM_TIMER_IDLE);
	if (sock_flag(conn->sk, SOCK_KEEPOPEN)) {
		u32 when = keepalive_time_when(tp), elapsed = keepalive_time_elapsed(tp);

		d->ka_timeout_delta = cpu_to_le32(jiffies_to_msecs(when > elapsed ?
								   when - elapsed : 1));
		d->ka_probe_count = icsk->icsk_probes_out;
	}
	d->rexmit_timeout_delta = cpu_to_le32(CHIM_TIMER_IDLE);
	if (s->snd_max != s->snd_una)
		d->rexmit_timeout_delta = cpu_to_le32(icsk->icsk_pending == ICSK_TIME_RETRANS ?
						      jiffies_left(icsk->icsk_timeout) + 1 :
						      jiffies_to_msecs(icsk->icsk_rto));
}

/* ------------------------------------------------------------------- BufferedData out */

/* The newest unread bytes, copied; they stay readable in the socket (BRD-1, BRD-2). */
static int export_buffered(struct chimdrv_conn *conn, struct chimdrv_blist *bl,
			   struct chim_tcp_delegated **d, u32 d_off, struct chimdrv_room **out)
{
	struct sock *sk = conn->sk;
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 end = conn->buffered_end, start, from, to;
	u32 len = before(tp->copied_seq, end) ? end - tp->copied_seq : 0;
	struct chimdrv_room *room;
	struct sk_buff *skb;
	int off;

	*out = NULL;
	len = min3(len, conn->cd->limits.buffered, chimdrv_state_window(conn) / 2);
	if (!len || !chimdrv_hw_has(conn->cd, CHIM_F_BUFFERED))
		return 0;
	room = chimdrv_room_create(conn->cd->dev, len, DMA_TO_DEVICE);
	if (!room)
		return 0;	/* a freedom, not a need: the bytes stay with the socket */
	start = end - len;
	skb_queue_walk(&sk->sk_receive_queue, skb) {
		from = TCP_SKB_CB(skb)->seq;
		to = from + skb->len;
		if (!after(to, start))
			continue;
		if (before(from, start))
			from = start;
		if (!chimdrv_compat_readable(skb) || after(to, end) ||
		    chimdrv_room_write(room, from - start, skb, from - TCP_SKB_CB(skb)->seq,
				       to - from)) {
			chimdrv_room_destroy(room);
			return 0;
		}
	}
	off = chimdrv_blist_reserve(bl, room->count * sizeof(struct chim_sge));
	if (off < 0) {
		chimdrv_room_destroy(room);
		return off;
	}
	*d = chimdrv_blist_ptr(bl, d_off);
	(*d)->buffered_off = cpu_to_le32(off);
	(*d)->buffered_sges = cpu_to_le32(chimdrv_room_sges(room, chimdrv_blist_ptr(bl, off), len));
	(*d)->buffered_len = cpu_to_le32(len);
	conn->refused_bytes = len;	/* waits in the card for receive requests (BRD-6) */
	conn->buffered = len;
	conn->buffered_recvs = 0;
	conn->buffered_start = start;
	*out = room;
	return 0;
}

/*
 * Socket owned, captured, valves closed: node @node of the list gets the whole
 * state. Send requests of the chain are then in conn->sends, mapped.
 */
int chimdrv_state_export(struct chimdrv_conn *conn, struct chimdrv_blist *bl, u32 node,
			 struct chimdrv_room **buffered)
{
	const u32 len = sizeof(struct chim_tcp_const) + sizeof(struct chim_tcp_cached) +
			sizeof(struct chim_tcp_delegated);
	int off = chimdrv_blist_reserve(bl, len), err;
	struct chim_tcp_delegated *d;
	u32 d_off, chain, count;

	if (off < 0)
		return off;
	d_off = off + sizeof(struct chim_tcp_const) + sizeof(struct chim_tcp_cached);
	read_options(conn);
	conn->wnd_granted = 0;
	export_const(conn, chimdrv_blist_ptr(bl, off));
	chimdrv_state_cached(conn, chimdrv_blist_ptr(bl, off + sizeof(struct chim_tcp_const)),
			     false);
	export_delegated(conn, chimdrv_blist_ptr(bl, d_off));
	err = chimdrv_send_chain(conn, bl, &chain, &count);
	if (err)
		return err;
	d = chimdrv_blist_ptr(bl, d_off);
	if (count) {
		d->send_off = cpu_to_le32(chain);
		d->send_count = cpu_to_le32(count);
		d->send_tail = cpu_to_le32(count - 1);
	}
	err = export_buffered(conn, bl, &d, d_off, buffered);
	if (err)
		return err;
	chimdrv_blist_at(bl, node)->state_off = cpu_to_le32(off);
	chimdrv_blist_at(bl, node)->state_len = cpu_to_le32(len);
	chimdrv_blist_at(bl, node)->pair = cpu_to_le16(conn->pair->number);
	return 0;
}

void chimdrv_state_import(struct chimdrv_tcp_state *s, const struct chim_tcp_delegated *d)
{
	s->state = d->state;
	s->rcv_nxt = le32_to_cpu(d->rcv_nxt);
	s->rcv_wnd = le32_to_cpu(d->rcv_wnd);
	s->snd_una = le32_to_cpu(d->snd_una);
	s->snd_nxt = le32_to_cpu(d->snd_nxt);
	s->snd_max = le32_to_cpu(d->snd_max);
	s->snd_wnd = le32_to_cpu(d->snd_wnd);
	s->max_snd_wnd = le32_to_cpu(d->max_snd_wnd);
	s->snd_wl1 = le32_to_cpu(d->snd_wl1);
	s->cwnd = le32_to_cpu(d->cwnd);
	s->ssthresh = le32_to_cpu(d->ssthresh);
	s->srtt_us = le32_to_cpu(d->srtt_us) ?: le16_to_cpu(d->srtt) * (USEC_PER_SEC / TICKS);
	s->rttvar_us = le32_to_cpu(d->rttvar_us) ?: le16_to_cpu(d->rttvar) * (USEC_PER_SEC / TICKS);
	s->ts_recent = le32_to_cpu(d->ts_recent);
	s->ts_recent_age = le32_to_cpu(d->ts_recent_age);
	s->ts_time = le32_to_cpu(d->ts_time);
	s->last_ts_val = le32_to_cpu(d->last_ts_val);
	s->dup_ack_count = d->dup_ack_count;
	s->rexmit_count = d->rexmit_count;
	s->send_backlog = le32_to_cpu(d->send_backlog_size);
	s->receive_backlog = le32_to_cpu(d->receive_backlog_size);
}

/* ----------------------------------------------------------------------------- valves */

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
static void merge_rtx_queue(struct sock *sk)
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

/* Socket owned. From here on the kernel's TCP sends nothing and acknowledges nothing. */
void chimdrv_state_close_valves(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct tcp_sock *tp = tcp_sk(sk);

	stop_timers(sk);
	merge_rtx_queue(sk);
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
	chimdrv_state_hold_valves(conn);
}

/* Again after each section in which a process owned the socket: options may have armed timers. */
void chimdrv_state_hold_valves(struct chimdrv_conn *conn)
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

/* -------------------------------------------------------------------- into the socket */

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

/* Free what is acknowledged; an empty tail is being filled by a sender and stays. */
void chimdrv_state_ack(struct sock *sk, u32 una)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb;

	while ((skb = skb_peek(&sk->sk_write_queue))) {
		struct tcp_skb_cb *cb = TCP_SKB_CB(skb);

		if (after(cb->end_seq, una) || cb->end_seq == cb->seq)
			break;
		tcp_unlink_write_queue(skb, sk);
		tcp_wmem_free_skb(sk, skb);
	}
	if (after(una, tp->snd_una)) {
		tp->bytes_acked += una - tp->snd_una;
		if (tp->snd_up == tp->snd_una)
			WRITE_ONCE(tp->snd_up, una);
		WRITE_ONCE(tp->snd_una, una);
	}
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

/* [SND.UNA, SND.MAX) to the retransmission queue, the rest stays to be sent. */
static void restore_queues(struct sock *sk, const struct chimdrv_tcp_state *s)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb, *next;
	u64 now = tcp_clock_ns();
	u32 mss = max(1u, tp->mss_cache);

	tp->packets_out = 0;
	chimdrv_state_ack(sk, s->snd_una);
	skb = skb_peek(&sk->sk_write_queue);
	if (skb && before(TCP_SKB_CB(skb)->seq, s->snd_una) &&
	    split(sk, skb, s->snd_una - TCP_SKB_CB(skb)->seq))
		chimdrv_state_ack(sk, s->snd_una);	/* the half that is acknowledged */
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

static void restore_timestamps(struct tcp_sock *tp, const struct chimdrv_tcp_state *s)
{
	s32 behind;

	/* segments are stamped with the cached clock: a stale one would go back behind the offset */
	chimdrv_compat_mstamp(tp);
	if (!tp->rx_opt.tstamp_ok)
		return;
	tp->rx_opt.ts_recent = s->ts_recent;
	tp->rx_opt.ts_recent_stamp = ktime_get_seconds() - s->ts_recent_age / TICKS;
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
	if (tp->lost_out) {
		icsk->icsk_ca_state = TCP_CA_Loss;
		tp->retrans_stamp = 0;
	}
	if (s->srtt_us) {
		tp->srtt_us = s->srtt_us;
		tp->rttvar_us = max(s->rttvar_us, tcp_rto_min_us(sk));
		tp->mdev_us = s->rttvar_us;
		tp->mdev_max_us = tp->rttvar_us;
		tp->rtt_seq = tp->snd_nxt;
		icsk->icsk_rto = clamp_t(u32, __tcp_set_rto(tp), 1, TCP_RTO_MAX);
	}
}

static void restore_timers(struct sock *sk)
{
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct tcp_sock *tp = tcp_sk(sk);

	icsk->icsk_pending = 0;
	icsk->icsk_retransmits = 0;
	icsk->icsk_backoff = 0;
	icsk->icsk_probes_out = 0;
	if (tp->packets_out)
		inet_csk_reset_xmit_timer(sk, ICSK_TIME_RETRANS, icsk->icsk_rto, TCP_RTO_MAX);
	else if (!tcp_write_queue_empty(sk))
		tcp_check_probe_timer(sk);
	if (sock_flag(sk, SOCK_KEEPOPEN))
		inet_csk_reset_keepalive_timer(sk, keepalive_time_when(tp));
}

/* A FIN that the target has sent: it stands at the end of the queue, sent or even acknowledged. */
static void restore_fin(struct sock *sk, struct chimdrv_tcp_state *s)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb;

	sk->sk_shutdown |= SEND_SHUTDOWN;
	if (s->state == CHIM_TCP_FIN_WAIT2 || s->state == CHIM_TCP_TIME_WAIT) {
		WRITE_ONCE(tp->write_seq, s->snd_una);
		tcp_set_state(sk, TCP_FIN_WAIT2);
		return;
	}
	/* a FIN of the peer that came meanwhile follows as a segment and moves on from here */
	tcp_set_state(sk, sk->sk_state == TCP_CLOSE_WAIT ? TCP_LAST_ACK : TCP_FIN_WAIT1);
	skb = alloc_skb_fclone(MAX_TCP_HEADER, GFP_ATOMIC);
	if (!skb)
		return;		/* the peer has it or will miss it; its own timer ends the connection */
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

static bool fin_sent(u8 state)
{
	return state == CHIM_TCP_FIN_WAIT1 || state == CHIM_TCP_FIN_WAIT2 ||
	       state == CHIM_TCP_CLOSING || state == CHIM_TCP_LAST_ACK ||
	       state == CHIM_TCP_TIME_WAIT;
}

static bool fin_seen(u8 state)
{
	return state == CHIM_TCP_CLOSE_WAIT || state == CHIM_TCP_CLOSING ||
	       state == CHIM_TCP_LAST_ACK || state == CHIM_TCP_TIME_WAIT;
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

	/* the kernel's own code takes the peer's FIN, from a segment made for it */
	if (fin_seen(s->state) && sk->sk_state == TCP_ESTABLISHED) {
		set_bit(CHIMDRV_C_PEER_FIN, &conn->bits);
		if (s->rcv_nxt == tp->rcv_nxt + 1)
			s->rcv_nxt--;
	} else {
		clear_bit(CHIMDRV_C_PEER_FIN, &conn->bits);
	}
	tp->rcv_nxt = s->rcv_nxt;
	tp->rcv_wup = s->rcv_nxt;
	tp->rcv_wnd = s->rcv_wnd;
	restore_timestamps(tp, s);
	tp->snd_wnd = s->snd_wnd;
	tp->max_window = max(tp->max_window, s->max_snd_wnd);
	tp->snd_wl1 = s->snd_wl1;
	tp->retrans_out = 0;
	tp->lost_out = 0;
	tp->sacked_out = 0;
	tp->highest_sack = NULL;
	if (fin_sent(s->state) && (sk->sk_state == TCP_ESTABLISHED || sk->sk_state == TCP_CLOSE_WAIT))
		restore_fin(sk, s);
	restore_queues(sk, s);
	tp->retransmit_skb_hint = NULL;
	restore_congestion(sk, s);
	tp->rcv_tstamp = tcp_jiffies32;
	tp->lsndtime = tcp_jiffies32;
	restore_timers(sk);
}

/*
 * A segment without payload, as the peer would have sent it, so that the kernel's
 * TCP does what it does on a FIN or RST. Its memory was put aside at attach.
 */
static void synth(struct chimdrv_conn *conn, u8 flags)
{
	struct sock *sk = conn->sk;
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb = conn->synth;
	struct tcphdr *th;

	if (!skb || sk->sk_state == TCP_CLOSE)
		return;
	conn->synth = NULL;
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
	skb->protocol = is_ipv6(sk) ? htons(ETH_P_IPV6) : htons(ETH_P_IP);
	memset(skb->cb, 0, sizeof(struct tcp_skb_cb));
	TCP_SKB_CB(skb)->seq = tp->rcv_nxt;
	TCP_SKB_CB(skb)->end_seq = tp->rcv_nxt + th->fin;
	TCP_SKB_CB(skb)->ack_seq = tp->snd_una;
	TCP_SKB_CB(skb)->tcp_flags = TCPHDR_ACK | flags;
	sk->sk_backlog_rcv(sk, skb);
}

/*
 * slock held, queues ours, the socket with kernel TCP again: what the target took
 * on our behalf, then every segment that was held, in order (TRM-31).
 */
void chimdrv_state_replay(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	struct sk_buff *skb;

	if (test_bit(CHIMDRV_C_PEER_FIN, &conn->bits))
		synth(conn, TCPHDR_FIN);
	if (test_bit(CHIMDRV_C_PEER_RST, &conn->bits))
		synth(conn, TCPHDR_RST);
	while ((skb = __skb_dequeue(&conn->returned)) || (skb = __skb_dequeue(&conn->hold))) {
		chimdrv_count(conn->cd, held_replayed);
		if (sk->sk_state == TCP_CLOSE)
			kfree_skb(skb);
		else
			sk->sk_backlog_rcv(sk, skb);
	}
}
