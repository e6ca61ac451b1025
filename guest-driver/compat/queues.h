/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel knows of the queues of a network device.
 */
#ifndef CHIMDRV_COMPAT_QUEUES_H
#define CHIMDRV_COMPAT_QUEUES_H

#include <linux/netdevice.h>
#include "compat_probe.h"

#if CHIMDRV_HAS_QUEUE_STATS
#include <net/netdev_queues.h>
#endif

/* A NAPI that keeps its number and its settings while the interface is down. */
static inline void chimdrv_compat_napi_add(struct net_device *netdev, struct napi_struct *napi,
					   int (*poll)(struct napi_struct *, int),
					   unsigned int index)
{
#if CHIMDRV_HAS_NAPI_CONFIG
	netif_napi_add_config(netdev, napi, poll, index);
#else
	netif_napi_add(netdev, napi, poll);
#endif
}

/* rtnl. @napi serves this receive queue and this transmit queue; NULL: nothing does. */
static inline void chimdrv_compat_queue_napi(struct net_device *netdev, unsigned int queue,
					     struct napi_struct *napi)
{
#if CHIMDRV_HAS_QUEUE_NAPI
	netif_queue_set_napi(netdev, queue, NETDEV_QUEUE_TYPE_RX, napi);
	netif_queue_set_napi(netdev, queue, NETDEV_QUEUE_TYPE_TX, napi);
#endif
}

/* Sleeps. The interrupt that schedules @napi; -1: none. */
static inline void chimdrv_compat_napi_irq(struct napi_struct *napi, int irq)
{
#if CHIMDRV_HAS_QUEUE_NAPI
	netif_napi_set_irq(napi, irq);
#endif
}

#endif /* CHIMDRV_COMPAT_QUEUES_H */
