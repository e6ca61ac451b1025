/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel reports about neighbors and devices. */
#ifndef CHIMDRV_NEIGH_WATCH_H
#define CHIMDRV_NEIGH_WATCH_H

struct chimdrv_od;

int chimdrv_neigh_watch_init(void);
void chimdrv_neigh_watch_exit(void);
void chimdrv_neigh_watch_work_init(struct chimdrv_od *od);

#endif /* CHIMDRV_NEIGH_WATCH_H */
