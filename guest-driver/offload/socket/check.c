// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which sockets may be offloaded: the conditions, and the reason if one is not met.
 * Nothing here changes a socket.
 *
 * Called under the socket lock or slock; chimdrv_check() also under RCU, for a first
 * look.
 */
#include <linux/fs.h>
#include <net/transp_v6.h>

#include "offload/socket/check.h"
#include "chimney_abi.h"
#include "compat/clock.h"
#include "compat/ecn.h"
#include "compat/options.h"
#include "compat/segment.h"
#include "compat/timers.h"
#include "nic/hw.h"
#include "offload/family.h"
#include "offload/kernel.h"
#include "offload/socket/attach.h"
#include "offload/socket/route.h"
#include "offload/socket/write.h"

#define CWND_BOUNDLESS	65535	/* some congestion controls leave this behind */

/* Stamps of what is sent, or options that say how they are told; those may ask for each write. */
#define TX_STAMPS	(SOF_TIMESTAMPING_TX_RECORD_MASK | SOF_TIMESTAMPING_OPT_ID | \
			 SOF_TIMESTAMPING_OPT_TSONLY | SOF_TIMESTAMPING_OPT_STATS)

static bool has_ip_options(const struct sock *sk)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (chimdrv_is_ipv6(sk))
		return rcu_access_pointer(inet6_sk(sk)->opt);
#endif
	return rcu_access_pointer(inet_sk(sk)->inet_opt);
}

/* Does the socket keep headers of what it receives, for the program or for what it sends? */
static bool keeps_headers(const struct sock *sk)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (chimdrv_is_ipv6(sk))
		return inet6_sk(sk)->rxopt.all || chimdrv_compat_reflects_label(sk);
#endif
	return false;
}

/* Limits of its timers and of its congestion window that are tighter than the target's. */
static enum chimdrv_refusal check_limits(const struct sock *sk)
{
	const struct inet_connection_sock *icsk = inet_csk(sk);

	if (chimdrv_compat_rto_max(sk) != TCP_RTO_MAX ||
	    READ_ONCE(icsk->icsk_rto_min) < TCP_RTO_MIN ||
	    READ_ONCE(icsk->icsk_delack_max) < TCP_DELACK_MAX)
		return CHIMDRV_NO_LIMITS;
	if (tcp_sk(sk)->snd_cwnd_clamp < CWND_BOUNDLESS)
		return CHIMDRV_NO_METRIC;
	return CHIMDRV_NO_NONE;
}

/* Options that the target does not know, and whose changes the driver does not see. */
enum chimdrv_refusal chimdrv_check_option(const struct sock *sk)
{
	const struct net *net = sock_net(sk);

	if (READ_ONCE(sk->sk_tsflags) & TX_STAMPS || chimdrv_compat_bpf_stamps(sk))
		return CHIMDRV_NO_TIMESTAMPING;
	if (READ_ONCE(inet_sk(sk)->min_ttl))
		return CHIMDRV_NO_MIN_TTL;
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6 && READ_ONCE(inet6_sk(sk)->min_hopcount))
		return CHIMDRV_NO_MIN_TTL;
#endif
	if (tcp_sk(sk)->thin_lto || READ_ONCE(net->ipv4.sysctl_tcp_thin_linear_timeouts))
		return CHIMDRV_NO_TIMEOUTS;
	if (check_limits(sk))
		return check_limits(sk);
	if (READ_ONCE(tcp_sk(sk)->tcp_tx_delay))
		return CHIMDRV_NO_TX_DELAY;
	if (keeps_headers(sk))
		return CHIMDRV_NO_OPTIONS;
	if (inet_csk(sk)->icsk_mtup.enabled || READ_ONCE(net->ipv4.sysctl_tcp_mtu_probing))
		return CHIMDRV_NO_PROBING;
	return CHIMDRV_NO_NONE;
}

/*
 * SO_MAX_PACING_RATE, or a congestion control that paces. Linux TCP or sch_fq enforces
 * the rate, and the target's segments pass neither.
 */
bool chimdrv_check_paced(const struct sock *sk)
{
	/* pairs with the release in sch_fq, as in TCP itself */
	u32 status = smp_load_acquire(&sk->sk_pacing_status);

	return status == SK_PACING_NEEDED ||
	       (status == SK_PACING_FQ && READ_ONCE(sk->sk_max_pacing_rate) != ~0UL);
}

static bool good_congestion_control(const struct sock *sk)
{
	const char *name = inet_csk(sk)->icsk_ca_ops->name;

	return !strcmp(name, "cubic") || !strcmp(name, "reno");
}

/* What a BPF program can change at any time, without a call that the driver sees. */
enum chimdrv_refusal chimdrv_check_bpf(const struct sock *sk)
{
	if (!good_congestion_control(sk))
		return CHIMDRV_NO_CONGESTION;
	if (BPF_SOCK_OPS_TEST_FLAG(tcp_sk(sk), BPF_SOCK_OPS_ALL_CB_FLAGS))
		return CHIMDRV_NO_BPF;
	return CHIMDRV_NO_NONE;
}

/*
 * Has the last descriptor been closed? The close may have chosen Linux TCP's operation
 * before the socket became ours, and still be on its way to the socket lock. RCU or
 * owner.
 */
static bool closing(const struct sock *sk)
{
	const struct socket *sock = READ_ONCE(sk->sk_socket);
	struct file *file = sock ? READ_ONCE(sock->file) : NULL;

	return file && !file_count(file);	/* a kernel socket has no file */
}

/* The conditions that hold whether Linux TCP or the target has the socket. */
enum chimdrv_refusal chimdrv_check_again(struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	if (sk->sk_state != TCP_ESTABLISHED && sk->sk_state != TCP_CLOSE_WAIT)
		return CHIMDRV_NO_STATE;
	if (sk->sk_shutdown & SEND_SHUTDOWN)
		return CHIMDRV_NO_STATE;
	if (!sk->sk_socket || sock_flag(sk, SOCK_DEAD) || closing(sk))
		return CHIMDRV_NO_ORPHAN;
	if (tp->repair)
		return CHIMDRV_NO_REPAIR;
	if (tp->urg_data || tp->snd_una != tp->snd_up)
		return CHIMDRV_NO_URGENT;
	if (chimdrv_compat_signed(tp))
		return CHIMDRV_NO_SIGNED;
	if (chimdrv_compat_psp(sk))
		return CHIMDRV_NO_PSP;
	if (rcu_access_pointer(sk->sk_filter))
		return CHIMDRV_NO_FILTER;
	if (rcu_access_pointer(tp->fastopen_rsk))
		return CHIMDRV_NO_FASTOPEN;
#ifdef CONFIG_XFRM
	if (rcu_access_pointer(sk->sk_policy[0]) || rcu_access_pointer(sk->sk_policy[1]))
		return CHIMDRV_NO_XFRM;
#endif
	if (chimdrv_check_option(sk))
		return chimdrv_check_option(sk);
	if (has_ip_options(sk))
		return CHIMDRV_NO_OPTIONS;
	if (chimdrv_compat_transparent(sk))
		return CHIMDRV_NO_TRANSPARENT;
	if (chimdrv_check_bpf(sk))	/* before pacing: some congestion controls pace */
		return chimdrv_check_bpf(sk);
	if (chimdrv_check_paced(sk))
		return CHIMDRV_NO_PACING;
	if (chimdrv_compat_ecn(tp))
		return CHIMDRV_NO_ECN;
	return CHIMDRV_NO_NONE;
}

/* Are there received bytes that the CPU cannot read? The program has to take them first. */
static bool unreadable_received(const struct sock *sk)
{
	const struct sk_buff *skb;

	skb_queue_walk(&sk->sk_receive_queue, skb)
		if (!chimdrv_compat_readable(skb))
			return true;
	return false;
}

/* Owned. Conditions that pass: by themselves, or when the program reads. */
enum chimdrv_refusal chimdrv_check_moment(struct sock *sk)
{
	if (unreadable_received(sk))
		return CHIMDRV_NO_UNREADABLE;
	if (!RB_EMPTY_ROOT(&tcp_sk(sk)->out_of_order_queue))
		return CHIMDRV_NO_OOO;
	if (inet_csk(sk)->icsk_ca_state == TCP_CA_CWR ||
	    inet_csk(sk)->icsk_ca_state == TCP_CA_Recovery)
		return CHIMDRV_NO_RECOVERY;
	if (chimdrv_write_any_stamped(sk))
		return CHIMDRV_NO_TIMESTAMPING;
	return CHIMDRV_NO_NONE;
}

/* The conditions that do not depend on the card. */
static enum chimdrv_refusal check_socket(struct sock *sk)
{
	const struct tcp_ulp_ops *ulp;

	if (chimdrv_is_ours(sk))
		return CHIMDRV_NO_ALREADY;
	ulp = READ_ONCE(inet_csk(sk)->icsk_ulp_ops);
	if (ulp)	/* below a socket of MPTCP, even one that has fallen back to TCP */
		return strcmp(ulp->name, "mptcp") ? CHIMDRV_NO_ULP : CHIMDRV_NO_MPTCP;
	if (sk->sk_prot != &tcp_prot
#if IS_ENABLED(CONFIG_IPV6)
	    && sk->sk_prot != &tcpv6_prot
#endif
	    )
		return CHIMDRV_NO_PROTO;
	return chimdrv_check_again(sk);
}

/*
 * Takes no reference on @cd: it is valid in the caller's RCU section. It is also set for
 * a refusal if the route leads to a card of ours; otherwise it is left alone.
 */
enum chimdrv_refusal chimdrv_check(struct sock *sk, struct chimdrv_dev **cd)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	enum chimdrv_refusal way, why;

	if (sk->sk_protocol != IPPROTO_TCP || sk->sk_type != SOCK_STREAM)
		return CHIMDRV_NO_PROTO;
	way = chimdrv_route_card(sk, cd);
	if (way == CHIMDRV_NO_DEVICE)	/* not our socket: no other reason matters */
		return way;
	if (!chimdrv_kernel_ok())
		return CHIMDRV_NO_KERNEL;
	why = check_socket(sk);
	if (why || way)
		return why ?: way;
	if (tp->rx_opt.tstamp_ok && chimdrv_compat_usec_ts(tp) &&
	    !chimdrv_hw_has(*cd, CHIM_F_EXT_TS_US))
		return CHIMDRV_NO_USEC;
	return CHIMDRV_NO_NONE;
}
