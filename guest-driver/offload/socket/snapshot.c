// SPDX-License-Identifier: GPL-2.0-only
/*
 * A snapshot of the socket: its TCP variables into conn->final, before the valves close,
 * and the options that programs may change at any time. Reads struct tcp_sock
 * (spec/10-host-stack.md, 10.8) and writes nothing in it; state_restore.c is the way back.
 *
 * Socket owned, unless a function says that slock will do.
 */
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>
#include <net/route.h>

#include "offload/socket/snapshot.h"
#include "chimney_abi.h"
#include "compat/clock.h"
#include "compat/options.h"
#include "compat/window.h"
#include "offload/conn_types.h"
#include "offload/family.h"
#include "offload/socket/route.h"
#include "offload/socket/state_timers.h"
#include "offload/socket/tail.h"
#include "offload/socket/window.h"

/* ---------------------------------------------------------------------- its variables */

/* Where retransmission after a timeout goes on (M-32), or SND.NXT outside of one. */
static u32 first_lost(struct sock *sk)
{
	struct sk_buff *skb;

	if (inet_csk(sk)->icsk_ca_state != TCP_CA_Loss)
		return tcp_sk(sk)->snd_nxt;
	for (skb = tcp_rtx_queue_head(sk); skb; skb = skb_rb_next(skb))
		if ((TCP_SKB_CB(skb)->sacked & TCPCB_LOST) &&
		    !(TCP_SKB_CB(skb)->sacked & TCPCB_SACKED_RETRANS))
			return TCP_SKB_CB(skb)->seq;
	return tcp_sk(sk)->snd_nxt;
}

static u32 bytes_of(const struct tcp_sock *tp, u32 ssthresh)
{
	if (ssthresh >= TCP_INFINITE_SSTHRESH)
		return U32_MAX;
	return min_t(u64, (u64)ssthresh * tp->mss_cache, U32_MAX - 1);
}

/*
 * Behind a pause Linux TCP makes the window smaller before it sends (RFC 2861,
 * tcp_cwnd_restart()). The target takes the hand-over for the beginning of the pause.
 */
static void heed_pause(struct chimdrv_conn *conn, struct chimdrv_tcp_state *s)
{
	struct sock *sk = conn->sk;
	const struct tcp_sock *tp = tcp_sk(sk);
	struct dst_entry *dst = conn->route.dst;
	s32 delta = tcp_jiffies32 - (u32)tp->lsndtime, rto = inet_csk(sk)->icsk_rto;
	u32 cwnd = tcp_snd_cwnd(tp), least = dst_metric(dst, RTAX_INITCWND) ?: TCP_INIT_CWND;

	conn->snd.heeded = tp->lsndtime;
	if (!READ_ONCE(sock_net(sk)->ipv4.sysctl_tcp_slow_start_after_idle) ||
	    tp->packets_out || delta <= rto || cwnd <= least)
		return;
	s->ssthresh = bytes_of(tp, tcp_current_ssthresh(sk));
	while ((delta -= rto) > 0 && cwnd > least)
		cwnd >>= 1;
	s->cwnd = max(cwnd, least) * tp->mss_cache;
	conn->snd.heeded = tcp_jiffies32;
}

/* Socket owned, valves still open. */
void chimdrv_snapshot(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	const struct tcp_sock *tp = tcp_sk(sk);
	struct chimdrv_tcp_state *s = &conn->final;
	u32 age;	/* seconds */

	memset(s, 0, sizeof(*s));
	s->state = sk->sk_state == TCP_CLOSE_WAIT ? CHIM_TCP_CLOSE_WAIT : CHIM_TCP_ESTABLISHED;
	s->fin_received = sk->sk_state == TCP_CLOSE_WAIT;
	s->rcv_nxt = tp->rcv_nxt;
	s->rcv_wnd = chimdrv_compat_max_window(tp);
	conn->wnd.own = tcp_receive_window(tp);
	s->snd_una = tp->snd_una;
	s->snd_max = tp->snd_nxt;
	s->snd_nxt = first_lost(sk);
	if (before(s->snd_nxt, s->snd_una))
		s->snd_nxt = s->snd_una;
	s->snd_wnd = tp->snd_wnd;
	s->max_snd_wnd = tp->max_window;
	s->snd_wl1 = tp->snd_wl1;
	s->cwnd = tcp_snd_cwnd(tp) * tp->mss_cache;
	s->ssthresh = bytes_of(tp, tp->snd_ssthresh);
	heed_pause(conn, s);
	s->srtt_us = tp->srtt_us;
	s->rttvar_us = tp->rttvar_us;
	if (tp->rx_opt.tstamp_ok) {
		s->ts_recent = tp->rx_opt.ts_recent;
		age = (u32)(ktime_get_seconds() - tp->rx_opt.ts_recent_stamp);
		s->ts_recent_age = min(age, U32_MAX / CHIMDRV_TICKS) * CHIMDRV_TICKS;
		s->ts_time = chimdrv_compat_ts_clock(tp) + tp->tsoffset;
		s->last_ts_val = s->ts_time;
	}
	chimdrv_timers_capture(sk, &s->timers);
	chimdrv_tail_capture(conn);
	conn->seen.rcv_nxt = tp->rcv_nxt;
	conn->seen.snd_una = tp->snd_una;
	/* the end of the received bytes: a FIN comes after them */
	conn->rcv.seq = tp->rcv_nxt - s->fin_received;
	conn->rcv.buffered_start = conn->rcv.seq;
	conn->rcv.buffered_end = conn->rcv.seq;
	conn->snd.posted_seq = tp->snd_una;
	conn->snd.up = tp->snd_up;
}

/* ------------------------------------------------------------------------ its options */

static u32 flow_label(const struct sock *sk)
{
#if IS_ENABLED(CONFIG_IPV6)
	const struct ipv6_pinfo *np = inet6_sk(sk);
	u32 label = be32_to_cpu(np->flow_label & IPV6_FLOWLABEL_MASK);
	int mode = sock_net(sk)->ipv6.sysctl.auto_flowlabels;

	if (label || mode == IP6_AUTO_FLOW_LABEL_OFF ||
	    (mode != IP6_AUTO_FLOW_LABEL_FORCED && !chimdrv_compat_autolabel(sk)))
		return label;
	/* the kernel derives it from the flow's hash; keep the same one */
	label = be32_to_cpu((__force __be32)rol32(sk->sk_txhash, 16) & IPV6_FLOWLABEL_MASK);
	if (sock_net(sk)->ipv6.sysctl.flowlabel_state_ranges)
		label |= be32_to_cpu(IPV6_FLOWLABEL_STATELESS_FLAG);
	return label;
#else
	return 0;
#endif
}

u8 chimdrv_snapshot_ttl(const struct sock *sk, struct dst_entry *dst)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (chimdrv_is_ipv6(sk))
		return inet6_sk(sk)->hop_limit >= 0 ? inet6_sk(sk)->hop_limit :
						      ip6_dst_hoplimit(dst);
#endif
	return inet_sk(sk)->uc_ttl >= 0 ? inet_sk(sk)->uc_ttl : ip4_dst_hoplimit(dst);
}

u8 chimdrv_snapshot_tos(const struct sock *sk)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (chimdrv_is_ipv6(sk))
		return inet6_sk(sk)->tclass & ~INET_ECN_MASK;
#endif
	return inet_sk(sk)->tos & ~INET_ECN_MASK;
}

/*
 * slock or owner. Read the socket's options; true if any differs from what the target
 * knows. A changed header field is marked UNTOLD: with Linux TCP the next packet would
 * carry it.
 */
bool chimdrv_snapshot_options(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	struct dst_entry *dst = conn->route.dst;	/* the socket may have none now */
	const struct tcp_sock *tp = tcp_sk(sk);
	u16 flags = (sock_flag(sk, SOCK_KEEPOPEN) ? CHIM_TCP_KEEPALIVE : 0) |
		    (tp->nonagle & TCP_NAGLE_OFF ? 0 : CHIM_TCP_NAGLE);
	bool changed = false;

#define TAKE(field, value) do {					\
		typeof(conn->told.field) v = (value);		\
		if (conn->told.field != v) {			\
			conn->told.field = v;			\
			changed = true;				\
		}						\
	} while (0)
	TAKE(ttl, chimdrv_snapshot_ttl(sk, dst));
	TAKE(tos, chimdrv_snapshot_tos(sk));
	TAKE(prio, chimdrv_route_vlan_prio(sk, dst));
	TAKE(flow_label, chimdrv_is_ipv6(sk) ? flow_label(sk) : 0);
	if (changed)
		set_bit(CHIMDRV_C_UNTOLD, &conn->bits);
	TAKE(flags, flags);
	TAKE(ka_probes, min_t(int, keepalive_probes(tp), 255));
	TAKE(ka_time, jiffies_to_msecs(keepalive_time_when(tp)));
	TAKE(ka_intvl, jiffies_to_msecs(keepalive_intvl_when(tp)));
	TAKE(user_timeout, inet_csk(sk)->icsk_user_timeout);
#undef TAKE
	return changed;
}

/* slock or owner. Has the program changed something that the target must know? */
bool chimdrv_snapshot_changed(struct chimdrv_conn *conn)
{
	bool changed = chimdrv_snapshot_options(conn);

	return changed || test_bit(CHIMDRV_C_UNTOLD, &conn->bits) || chimdrv_window_changed(conn);
}
