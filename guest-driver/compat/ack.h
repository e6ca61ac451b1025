/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sending an ACK.
 */
#ifndef CHIMDRV_COMPAT_ACK_H
#define CHIMDRV_COMPAT_ACK_H

#include <net/tcp.h>

/* A third argument (TCP flags) came by backport within 6.12, so the type decides. */
static inline void chimdrv_compat_send_ack2(void *fn, struct sock *sk, u32 nxt)
{
	((void (*)(struct sock *, u32))fn)(sk, nxt);
}

static inline void chimdrv_compat_send_ack3(void *fn, struct sock *sk, u32 nxt)
{
	((void (*)(struct sock *, u32, u16))fn)(sk, nxt, 0);
}

#define chimdrv_compat_send_ack(sk, nxt)					\
	(_Generic(&__tcp_send_ack,						\
		  void (*)(struct sock *, u32) : chimdrv_compat_send_ack2,	\
		  void (*)(struct sock *, u32, u16) : chimdrv_compat_send_ack3)	\
		 (__tcp_send_ack, sk, nxt))

#endif /* CHIMDRV_COMPAT_ACK_H */
