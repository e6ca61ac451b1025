/* SPDX-License-Identifier: GPL-2.0-only */
/* Offloading sockets, in batches. */
#ifndef CHIMDRV_OFFLOAD_H
#define CHIMDRV_OFFLOAD_H

#include <linux/list.h>

/*
 * Process context, no lock. The list is of struct chimdrv_candidate, each of which has its
 * answer afterwards. The module reference of each connection is taken here.
 */
void chimdrv_offload_list(struct list_head *candidates);

#endif /* CHIMDRV_OFFLOAD_H */
