/* SPDX-License-Identifier: GPL-2.0-only */
/* Received bytes into less memory. */
#ifndef CHIMDRV_COLLAPSE_H
#define CHIMDRV_COLLAPSE_H

#include <linux/types.h>

struct chimdrv_conn;

/* slock, queues ours. Has it helped? */
bool chimdrv_collapse(struct chimdrv_conn *conn, bool all);

#endif /* CHIMDRV_COLLAPSE_H */
