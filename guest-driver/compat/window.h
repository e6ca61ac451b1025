/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What Linux TCP takes for the receive window.
 */
#ifndef CHIMDRV_COMPAT_WINDOW_H
#define CHIMDRV_COMPAT_WINDOW_H

#include <net/tcp.h>
#include "compat_probe.h"

/* The memory that Linux TCP turns into a window of @win bytes. */
static inline u32 chimdrv_compat_space_from_win(const struct sock *sk, u32 win)
{
#if CHIMDRV_HAS_SCALING_RATIO
	return tcp_space_from_win(sk, win);
#else
	int scale = READ_ONCE(sock_net(sk)->ipv4.sysctl_tcp_adv_win_scale);

	return scale <= 0 ? win << -scale : win + win / ((1u << scale) - 1);
#endif
}

/* How many unread bytes Linux TCP lets in: with a ratio, as many as there is memory for. */
static inline u32 chimdrv_compat_most_unread(const struct sock *sk)
{
	int rcvbuf = READ_ONCE(sk->sk_rcvbuf);

#if CHIMDRV_HAS_SCALING_RATIO
	return rcvbuf;
#else
	return tcp_win_from_space(sk, rcvbuf);
#endif
}

/*
 * @edge: the furthest right edge that the peer has ever been offered. Where Linux TCP
 * keeps it, it drops what arrives beyond.
 */
static inline void chimdrv_compat_set_max_edge(struct tcp_sock *tp, u32 edge)
{
#if CHIMDRV_HAS_MAX_EDGE
	tp->rcv_mwnd_seq = edge;
#endif
}

/* How far beyond RCV.NXT the peer may send, by an older and larger offer if there was one. */
static inline u32 chimdrv_compat_max_window(const struct tcp_sock *tp)
{
#if CHIMDRV_HAS_MAX_EDGE
	return tcp_max_receive_window(tp);
#else
	return tcp_receive_window(tp);
#endif
}

#endif /* CHIMDRV_COMPAT_WINDOW_H */
