/* SPDX-License-Identifier: GPL-2.0-only */
/* Admin commands of the NIC half, and the card's counters. */
#ifndef CHIMDRV_ADMIN_CMDS_H
#define CHIMDRV_ADMIN_CMDS_H

#include "nic/nic.h"

/* Process context; they sleep. */
int chimdrv_admin_create_ring(struct chimdrv_ring *ring);
int chimdrv_admin_destroy_ring(struct chimdrv_ring *ring);
int chimdrv_admin_set_rx_mode(struct chimdrv_net *net, bool enable);
struct netdev_hw_addr_list;
/* The filter is made of these lists, which nobody changes meanwhile, instead of the netdev's. */
int chimdrv_admin_set_rx_lists(struct chimdrv_net *net, const struct netdev_hw_addr_list *uc,
			       const struct netdev_hw_addr_list *mc);
int chimdrv_admin_set_rss(struct chimdrv_net *net, const u8 *key, const u8 *table);
int chimdrv_admin_set_vlans(struct chimdrv_net *net);
struct chim_params;
int chimdrv_admin_set_params(struct chimdrv_dev *cd, const struct chim_params *params);
int chimdrv_admin_set_mtu(struct chimdrv_dev *cd, unsigned int mtu);
int chimdrv_admin_set_coalesce(struct chimdrv_dev *cd, unsigned int pair,
			       const struct chimdrv_coalesce *coalesce);
/* The card's counters as an array, in the order of chimdrv_admin_stat_name(). */
unsigned int chimdrv_admin_stat_count(void);
const char *chimdrv_admin_stat_name(unsigned int i);
int chimdrv_admin_get_stats(struct chimdrv_dev *cd, u64 *values);

#endif /* CHIMDRV_ADMIN_CMDS_H */
