/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The timers of a connection: when they expire, starting and stopping them.
 */
#ifndef CHIMDRV_COMPAT_TIMERS_H
#define CHIMDRV_COMPAT_TIMERS_H

#include <net/tcp.h>
#include "compat_probe.h"

/* Renamed in 6.16. */
#ifndef timer_container_of
#define timer_container_of from_timer
#endif

/* When the timer expires that retransmission, probes of the window and of the tail share. */
static inline unsigned long chimdrv_compat_xmit_expires(const struct sock *sk)
{
#if CHIMDRV_HAS_TIMER_EXPIRY
	return tcp_timeout_expires(sk);
#else
	return inet_csk(sk)->icsk_timeout;
#endif
}

static inline unsigned long chimdrv_compat_delack_expires(const struct sock *sk)
{
#if CHIMDRV_HAS_TIMER_EXPIRY
	return icsk_delack_timeout(inet_csk(sk));
#else
	return inet_csk(sk)->icsk_ack.timeout;
#endif
}

/* The longest RTO, in jiffies. */
static inline u32 chimdrv_compat_rto_max(const struct sock *sk)
{
#if CHIMDRV_HAS_RTO_MAX
	return tcp_rto_max(sk);
#else
	return TCP_RTO_MAX;
#endif
}

/*
 * inet_csk_clear_xmit_timers() and the two functions for keepalive, where the kernel keeps
 * them to itself: only where timers know their expiry, see chimdrv_compat_xmit_expires().
 */
static inline void chimdrv_compat_clear_timers(struct sock *sk)
{
#if CHIMDRV_EXPORTS_INET_CSK_CLEAR_XMIT_TIMERS
	inet_csk_clear_xmit_timers(sk);
#else
	struct inet_connection_sock *icsk = inet_csk(sk);

	/* timers look at these before they take slock */
	smp_store_release(&icsk->icsk_pending, 0);
	/* likewise */
	smp_store_release(&icsk->icsk_ack.pending, 0);
	sk_stop_timer(sk, &sk->tcp_retransmit_timer);
	sk_stop_timer(sk, &icsk->icsk_delack_timer);
	sk_stop_timer(sk, &icsk->icsk_keepalive_timer);
#endif
}

static inline void chimdrv_compat_keepalive_stop(struct sock *sk)
{
#if CHIMDRV_EXPORTS_INET_CSK_DELETE_KEEPALIVE_TIMER
	inet_csk_delete_keepalive_timer(sk);
#else
	sk_stop_timer(sk, &inet_csk(sk)->icsk_keepalive_timer);
#endif
}

static inline void chimdrv_compat_keepalive_start(struct sock *sk, unsigned long left)
{
#if CHIMDRV_EXPORTS_INET_CSK_RESET_KEEPALIVE_TIMER
	inet_csk_reset_keepalive_timer(sk, left);
#else
	sk_reset_timer(sk, &inet_csk(sk)->icsk_keepalive_timer, jiffies + left);
#endif
}

#endif /* CHIMDRV_COMPAT_TIMERS_H */
