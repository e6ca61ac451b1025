/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page pools.
 */
#ifndef CHIMDRV_COMPAT_PAGEPOOL_H
#define CHIMDRV_COMPAT_PAGEPOOL_H

#include <linux/netdevice.h>
#include "compat_probe.h"

#if CHIMDRV_HAS_PAGE_POOL_FOLDER
#include <net/page_pool/helpers.h>
#else
#include <net/page_pool.h>
#endif

/* A pool that knows its netdev raises no warning for pages that come back late. */
static inline void chimdrv_compat_pool_netdev(struct page_pool_params *params,
					      struct net_device *netdev)
{
#if CHIMDRV_HAS_POOL_NETDEV
	params->netdev = netdev;
#endif
}

#endif /* CHIMDRV_COMPAT_PAGEPOOL_H */
