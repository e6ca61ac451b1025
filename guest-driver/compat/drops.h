/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counting segments that are dropped.
 */
#ifndef CHIMDRV_COMPAT_DROPS_H
#define CHIMDRV_COMPAT_DROPS_H

#include <net/sock.h>
#include "compat_probe.h"

/* As many drops as @skb has segments. */
static inline void chimdrv_compat_drops_add(struct sock *sk, const struct sk_buff *skb)
{
#if CHIMDRV_HAS_DROPS_SKBADD
	sk_drops_skbadd(sk, skb);
#else
	sk_drops_add(sk, skb);
#endif
}

#endif /* CHIMDRV_COMPAT_DROPS_H */
