/* SPDX-License-Identifier: GPL-2.0-only */
/* The listener for offloads and uploads. */
#ifndef CHIMDRV_NOTIFY_H
#define CHIMDRV_NOTIFY_H

#include <linux/types.h>

struct chimdrv_conn;

void chimdrv_notify_register(void (*fn)(struct chimdrv_conn *conn, u32 event));
void chimdrv_notify(struct chimdrv_conn *conn, u32 event);	/* slock */

#endif /* CHIMDRV_NOTIFY_H */
