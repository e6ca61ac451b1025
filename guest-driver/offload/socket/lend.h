/* SPDX-License-Identifier: GPL-2.0-only */
/* Pages that programs write into, lent by the driver. */
#ifndef CHIMDRV_LEND_H
#define CHIMDRV_LEND_H

struct chimdrv_conn;
struct chimdrv_od;

void chimdrv_lend_provide(struct chimdrv_conn *conn);	/* release_cb, slock held */
void chimdrv_lend_end(struct chimdrv_conn *conn);	/* slock, queues ours */
void chimdrv_lend_work_init(struct chimdrv_od *od);
void chimdrv_lend_fini(struct chimdrv_od *od);

#endif /* CHIMDRV_LEND_H */
