// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which sockets may be offloaded: the conditions with their reasons. Nothing here
 * changes a socket.
 *
 * Each says under what it reads: the socket lock, or RCU for a first look.
 */
#include <linux/fs.h>
#include <net/transp_v6.h>

#include "offload/socket/check.h"
#include "chimney_abi.h"
#include "compat.h"
#include "nic/hw.h"
#include "offload/family.h"
#include "offload/socket/attach.h"
#include "offload/socket/route.h"

static bool has_ip_options(const struct sock *sk)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (chimdrv_is_ipv6(sk))
		return rcu_access_pointer(inet6_sk(sk)->opt);
#endif
	return rcu_access_pointer(inet_sk(sk)->inet_opt);
}

/* Options that the target does not know; they change without a call that passes by the driver. */
enum chimdrv_refusal chimdrv_check_option(const struct sock *sk)
{
	const struct net *net = sock_net(sk);

	if (READ_ONCE(sk->sk_tsflags) & SOF_TIMESTAMPING_TX_RECORD_MASK)
		return CHIMDRV_NO_TIMESTAMPING;
	if (READ_ONCE(inet_sk(sk)->min_ttl))
		return CHIMDRV_NO_MIN_TTL;
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6 && READ_ONCE(inet6_sk(sk)->min_hopcount))
		return CHIMDRV_NO_MIN_TTL;
#endif
	if (tcp_sk(sk)->thin_lto || READ_ONCE(net->ipv4.sysctl_tcp_thin_linear_timeouts))
		return CHIMDRV_NO_TIMEOUTS;
	if (inet_csk(sk)->icsk_mtup.enabled || READ_ONCE(net->ipv4.sysctl_tcp_mtu_probing))
		return CHIMDRV_NO_PROBING;
	return CHIMDRV_NO_NONE;
}

/*
 * SO_MAX_PACING_RATE, or a congestion control that paces: kept by Linux TCP, or by
 * sch_fq, which the target's segments do not pass.
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

/*
 * Its last descriptor is closed: the close may have chosen Linux TCP's operation before
 * the socket was ours, and not have come as far as the socket lock. RCU or owner.
 */
static bool closing(const struct sock *sk)
{
	const struct socket *sock = READ_ONCE(sk->sk_socket);
	const struct file *file = sock ? READ_ONCE(sock->file) : NULL;

	return file && !file_count(file);	/* a socket of the kernel's own has no file */
}

/* What holds for a socket whoever has it. */
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
	if (!good_congestion_control(sk))	/* before pacing, which some of them ask for */
		return CHIMDRV_NO_CONGESTION;
	if (chimdrv_check_paced(sk))
		return CHIMDRV_NO_PACING;
	if (tp->ecn_flags & TCP_ECN_OK)
		return CHIMDRV_NO_ECN;
	if (BPF_SOCK_OPS_TEST_FLAG(tp, BPF_SOCK_OPS_ALL_CB_FLAGS))
		return CHIMDRV_NO_BPF;
	return CHIMDRV_NO_NONE;
}

/* What passes by itself: try again in a moment. */
enum chimdrv_refusal chimdrv_check_moment(struct sock *sk)
{
	if (!RB_EMPTY_ROOT(&tcp_sk(sk)->out_of_order_queue))
		return CHIMDRV_NO_OOO;
	if (inet_csk(sk)->icsk_ca_state == TCP_CA_CWR ||
	    inet_csk(sk)->icsk_ca_state == TCP_CA_Recovery)
		return CHIMDRV_NO_RECOVERY;
	return CHIMDRV_NO_NONE;
}

/* What forbids it whatever the card. */
static enum chimdrv_refusal check_socket(struct sock *sk)
{
	if (chimdrv_is_ours(sk))
		return CHIMDRV_NO_ALREADY;
	if (inet_csk(sk)->icsk_ulp_ops)
		return CHIMDRV_NO_ULP;
	if (sk->sk_prot != &tcp_prot
#if IS_ENABLED(CONFIG_IPV6)
	    && sk->sk_prot != &tcpv6_prot
#endif
	    )
		return CHIMDRV_NO_PROTO;
	return chimdrv_check_again(sk);
}

/*
 * @cd is not held: it is good as long as the RCU section of the caller. It is set for a
 * refusal too where the route leads to a card of ours, and left alone where it does not.
 */
enum chimdrv_refusal chimdrv_check(struct sock *sk, struct chimdrv_dev **cd)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	enum chimdrv_refusal way, why;

	if (sk->sk_protocol != IPPROTO_TCP || sk->sk_type != SOCK_STREAM)
		return CHIMDRV_NO_PROTO;
	way = chimdrv_route_card(sk, cd);
	if (way == CHIMDRV_NO_DEVICE)	/* whatever else stands in the way is not our concern */
		return way;
	why = check_socket(sk);
	if (why || way)
		return why ?: way;
	if (tp->rx_opt.tstamp_ok && chimdrv_compat_usec_ts(tp) &&
	    !chimdrv_hw_has(*cd, CHIM_F_EXT_TS_US))
		return CHIMDRV_NO_USEC;
	return CHIMDRV_NO_NONE;
}
