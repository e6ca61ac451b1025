/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Looking up an established socket by its addresses and ports.
 */
#ifndef CHIMDRV_COMPAT_LOOKUP_H
#define CHIMDRV_COMPAT_LOOKUP_H

#include <net/inet6_hashtables.h>
#include <net/inet_hashtables.h>
#include "compat_probe.h"

static inline struct sock *chimdrv_compat_lookup4(struct net *net, __be32 saddr, __be16 sport,
						  __be32 daddr, u16 dport, int dif, int sdif)
{
#if CHIMDRV_HAS_LOOKUP_BY_NET
	return __inet_lookup_established(net, saddr, sport, daddr, dport, dif, sdif);
#else
	return __inet_lookup_established(net, net->ipv4.tcp_death_row.hashinfo, saddr, sport,
					 daddr, dport, dif, sdif);
#endif
}

#if IS_ENABLED(CONFIG_IPV6)
static inline struct sock *chimdrv_compat_lookup6(struct net *net, const struct in6_addr *saddr,
						  __be16 sport, const struct in6_addr *daddr,
						  u16 dport, int dif, int sdif)
{
#if CHIMDRV_HAS_LOOKUP_BY_NET
	return __inet6_lookup_established(net, saddr, sport, daddr, dport, dif, sdif);
#else
	return __inet6_lookup_established(net, net->ipv4.tcp_death_row.hashinfo, saddr, sport,
					  daddr, dport, dif, sdif);
#endif
}
#endif

#endif /* CHIMDRV_COMPAT_LOOKUP_H */
