/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel's netlink family "netdev" shows of the queues. */
#ifndef CHIMDRV_QUEUES_H
#define CHIMDRV_QUEUES_H

#include "nic/nic.h"

void chimdrv_queues_create(struct net_device *netdev);	/* before it is registered */
/* rtnl. The pair's NAPI and interrupt serve its queues from now on; or no longer. */
void chimdrv_queues_link(struct chimdrv_pair *pair);
void chimdrv_queues_unlink(struct chimdrv_pair *pair);

#endif /* CHIMDRV_QUEUES_H */
