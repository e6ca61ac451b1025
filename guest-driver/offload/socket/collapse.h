/* SPDX-License-Identifier: GPL-2.0-only */
/* Move received bytes into less memory. */
#ifndef CHIMDRV_COLLAPSE_H
#define CHIMDRV_COLLAPSE_H

#include <linux/types.h>

struct chimdrv_conn;

/*
 * slock, queues ours. 1: enough was freed for the card to go on; 0: it was not; -ENOMEM:
 * there was no memory for all of it.
 */
int chimdrv_collapse(struct chimdrv_conn *conn, bool all);

#endif /* CHIMDRV_COLLAPSE_H */
