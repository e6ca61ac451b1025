/* SPDX-License-Identifier: GPL-2.0-only */
/* One UPDATE for all connections that wait. */
#ifndef CHIMDRV_UPDATE_H
#define CHIMDRV_UPDATE_H

struct chimdrv_od;

void chimdrv_update_work_init(struct chimdrv_od *od);

#endif /* CHIMDRV_UPDATE_H */
