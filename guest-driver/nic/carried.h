/* SPDX-License-Identifier: GPL-2.0-only */
/* Frames and bytes that the card's target has sent and received. */
#ifndef CHIMDRV_CARRIED_H
#define CHIMDRV_CARRIED_H

#include "nic/nic.h"

struct chim_stats;
void chimdrv_carried_init(struct chimdrv_dev *cd);
void chimdrv_carried_end(struct chimdrv_dev *cd);	/* process context, sleeps */
/* Any context but hard interrupt. */
void chimdrv_carried_restart(struct chimdrv_dev *cd);
void chimdrv_carried_update(struct chimdrv_dev *cd, const struct chim_stats *stats);
void chimdrv_carried_add(struct chimdrv_dev *cd, struct rtnl_link_stats64 *st);
void chimdrv_carried_begin(struct chimdrv_dev *cd);

#endif /* CHIMDRV_CARRIED_H */
