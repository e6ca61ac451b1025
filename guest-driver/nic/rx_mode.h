/* SPDX-License-Identifier: GPL-2.0-only */
/* The receive filter, as an operation of the network device. */
#ifndef CHIMDRV_RX_MODE_H
#define CHIMDRV_RX_MODE_H

#include "nic/nic.h"

struct netdev_hw_addr_list;

void chimdrv_rx_mode_create(struct chimdrv_net *net);
void chimdrv_rx_mode_destroy(struct chimdrv_net *net);	/* the netdev is unregistered */
/* One of them, as compat/rxmode.h says. */
int chimdrv_rx_mode_set_async(struct net_device *netdev, struct netdev_hw_addr_list *uc,
			      struct netdev_hw_addr_list *mc);
void chimdrv_rx_mode_set(struct net_device *netdev);

#endif /* CHIMDRV_RX_MODE_H */
