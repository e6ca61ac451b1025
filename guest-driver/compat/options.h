/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Options of a socket.
 */
#ifndef CHIMDRV_COMPAT_OPTIONS_H
#define CHIMDRV_COMPAT_OPTIONS_H

#include <net/ipv6.h>
#include <net/tcp.h>
#include "compat_probe.h"

#if IS_ENABLED(CONFIG_IPV6)
/* Does the socket want a flow label that it has not set? By its option, else the default. */
static inline bool chimdrv_compat_autolabel(const struct sock *sk)
{
#if CHIMDRV_HAS_INET6_FLAGS
	if (inet6_test_bit(AUTOFLOWLABEL_SET, sk))
		return inet6_test_bit(AUTOFLOWLABEL, sk);
#else
	if (inet6_sk(sk)->autoflowlabel_set)
		return inet6_sk(sk)->autoflowlabel;
#endif
	return ip6_default_np_autolabel(sock_net(sk));
}

/* Does the socket send the flow label that it has received last? */
static inline bool chimdrv_compat_reflects_label(const struct sock *sk)
{
#if CHIMDRV_HAS_INET6_FLAGS
	return inet6_test_bit(REPFLOW, sk);
#else
	return inet6_sk(sk)->repflow;
#endif
}
#endif

static inline bool chimdrv_compat_transparent(const struct sock *sk)
{
#if CHIMDRV_HAS_INET_FLAGS
	return inet_test_bit(TRANSPARENT, sk);
#else
	return inet_sk(sk)->transparent;
#endif
}

/* Values of TCP_AO_*, in the order of the kernels that have them. */
#define CHIMDRV_TCP_AO_FIRST	38
#define CHIMDRV_TCP_AO_LAST	42

/* Has the socket an MD5 or AO key? RCU, slock or owner. */
static inline bool chimdrv_compat_signed(const struct tcp_sock *tp)
{
#ifdef CONFIG_TCP_MD5SIG
	/* stays, without keys, when the last one has been removed */
	const struct tcp_md5sig_info *keys = rcu_dereference_raw(tp->md5sig_info);

	if (keys && !hlist_empty(&keys->head))
		return true;
#endif
#if CHIMDRV_HAS_TCP_AO
	if (rcu_access_pointer(tp->ao_info))
		return true;
#endif
	return false;
}

/* Does a program of BPF get timestamps of what the socket sends? */
static inline bool chimdrv_compat_bpf_stamps(const struct sock *sk)
{
#if CHIMDRV_HAS_BPF_STAMPS
	return READ_ONCE(sk->sk_bpf_cb_flags);
#else
	return false;
#endif
}

/*
 * Is what it sends and receives encrypted by PSP? Where the kernel has PSP and the probe does
 * not find the association, any socket's may be: none is offloaded.
 */
static inline bool chimdrv_compat_psp(const struct sock *sk)
{
#if CHIMDRV_HAS_PSP
	return rcu_access_pointer(sk->psp_assoc);
#else
	return IS_ENABLED(CONFIG_INET_PSP);
#endif
}

#endif /* CHIMDRV_COMPAT_OPTIONS_H */
