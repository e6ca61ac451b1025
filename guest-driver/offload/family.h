/* SPDX-License-Identifier: GPL-2.0-only */
/* The address family of a connection. */
#ifndef CHIMDRV_FAMILY_H
#define CHIMDRV_FAMILY_H

#include <net/ipv6.h>

struct sock;

/* IPv6 on the wire; a mapped address is IPv4 there. */
static inline bool chimdrv_is_ipv6(const struct sock *sk)
{
#if IS_ENABLED(CONFIG_IPV6)
	return sk->sk_family == AF_INET6 && !ipv6_addr_v4mapped(&sk->sk_v6_daddr);
#else
	return false;
#endif
}

#endif /* CHIMDRV_FAMILY_H */
