/* SPDX-License-Identifier: GPL-2.0-only */
/* Inline functions: the card behind a network device, a pair's counters. */
#ifndef CHIMDRV_INLINE_H
#define CHIMDRV_INLINE_H

#include <linux/netdevice.h>
#include <linux/u64_stats_sync.h>

#include "nic/nic.h"

static inline struct chimdrv_net *chimdrv_net_of(const struct net_device *netdev)
{
	return netdev_priv(netdev);
}

/* NAPI of the pair. @counter is one of pair->stats. */
static inline void chimdrv_pair_count(struct chimdrv_pair *pair, u64_stats_t *counter,
				      unsigned int n)
{
	u64_stats_update_begin(&pair->stats.sync);
	u64_stats_add(counter, n);
	u64_stats_update_end(&pair->stats.sync);
}

#endif /* CHIMDRV_INLINE_H */
