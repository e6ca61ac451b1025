/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions of TCP's state machine that some kernels keep to themselves.
 */
#ifndef CHIMDRV_COMPAT_STATE_H
#define CHIMDRV_COMPAT_STATE_H

#include <net/tcp.h>
#include "compat_probe.h"

/*
 * tcp_set_state() for a connection that is established and goes on to send a FIN. The rest
 * of that function is for programs of BPF, and their sockets are not ours.
 */
static inline void chimdrv_compat_set_state(struct sock *sk, int state)
{
#if CHIMDRV_EXPORTS_TCP_SET_STATE
	tcp_set_state(sk, state);
#else
	TCP_DEC_STATS(sock_net(sk), TCP_MIB_CURRESTAB);
	smp_wmb();	/* pairs with inet_sk_state_load(); the exported function has none */
	inet_sk_set_state(sk, state);
#endif
}

/* End a connection with an error, or with none. False: only a RST can do it. */
static inline bool chimdrv_compat_done(struct sock *sk, int err)
{
#if CHIMDRV_EXPORTS_TCP_DONE
	if (err)
		WRITE_ONCE(sk->sk_err, err);	/* before the state, as tcp_poll() expects */
	tcp_done(sk);
	if (err && !sock_flag(sk, SOCK_DEAD))
		sk_error_report(sk);
	return true;
#else
	return false;
#endif
}

/* The backlog function of IPv4, for segments of a socket that IPv4 is mapped into. */
#if CHIMDRV_EXPORTS_TCP_V4_DO_RCV
#define chimdrv_compat_v4_do_rcv tcp_v4_do_rcv
#else
#define chimdrv_compat_v4_do_rcv tcp_prot.backlog_rcv
#endif

#endif /* CHIMDRV_COMPAT_STATE_H */
