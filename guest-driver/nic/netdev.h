/* SPDX-License-Identifier: GPL-2.0-only */
/* The network device. */
#ifndef CHIMDRV_NETDEV_H
#define CHIMDRV_NETDEV_H

#include "nic/nic.h"

int chimdrv_net_create(struct chimdrv_dev *cd);
void chimdrv_net_destroy(struct chimdrv_dev *cd);
bool chimdrv_net_is_ours(const struct net_device *netdev);
void chimdrv_net_watch(struct chimdrv_net *net);	/* from the service work */
/* rtnl. down: remove the rings, even if the card is dead; up: rings and filters as configured. */
int chimdrv_net_up(struct chimdrv_net *net);
void chimdrv_net_down(struct chimdrv_net *net);
/* rtnl. Run change() while the rings are removed. */
int chimdrv_net_reconfigure(struct chimdrv_net *net, void (*change)(struct chimdrv_net *, void *),
			    void *arg);

#endif /* CHIMDRV_NETDEV_H */
