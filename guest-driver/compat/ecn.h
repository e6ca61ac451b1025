/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Explicit congestion notification.
 */
#ifndef CHIMDRV_COMPAT_ECN_H
#define CHIMDRV_COMPAT_ECN_H

#include <net/tcp.h>
#include "compat_probe.h"

/* Has the connection negotiated ECN, in whichever form? */
static inline bool chimdrv_compat_ecn(const struct tcp_sock *tp)
{
#if CHIMDRV_HAS_ECN_MODE
	return tcp_ecn_mode_any(tp);
#else
	return tp->ecn_flags & TCP_ECN_OK;
#endif
}

#endif /* CHIMDRV_COMPAT_ECN_H */
