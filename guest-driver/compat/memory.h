/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What all sockets together may take.
 */
#ifndef CHIMDRV_COMPAT_MEMORY_H
#define CHIMDRV_COMPAT_MEMORY_H

#include <net/tcp.h>
#include "compat_probe.h"

#if CHIMDRV_HAS_PROTO_MEMORY
#include <net/proto_memory.h>
#endif

/* Is the protocol short of memory, and not only the socket's control group? */
static inline bool chimdrv_compat_mem_pressure(const struct sock *sk)
{
#if CHIMDRV_HAS_PROTO_MEMORY
	return sk_under_global_memory_pressure(sk);
#else
	return sk_under_memory_pressure(sk);
#endif
}

/* Is the socket's memory counted by its control group alone? */
static inline bool chimdrv_compat_bypasses_mem(const struct sock *sk)
{
#if CHIMDRV_HAS_BYPASS_PROT_MEM
	return sk->sk_bypass_prot_mem;
#else
	return false;
#endif
}

#endif /* CHIMDRV_COMPAT_MEMORY_H */
