/* SPDX-License-Identifier: GPL-2.0-only */
/* Unread data at the offload. */
#ifndef CHIMDRV_UNREAD_H
#define CHIMDRV_UNREAD_H

#include <linux/types.h>

struct chim_tcp_delegated;
struct chimdrv_blocklist;
struct chimdrv_conn;
struct chimdrv_room;

/* Socket owned, valves closed. @out: the copy, or NULL if none goes to the card. */
int chimdrv_unread_export(struct chimdrv_conn *conn, struct chimdrv_blocklist *bl,
			  struct chim_tcp_delegated **d, u32 d_off, struct chimdrv_room **out);

#endif /* CHIMDRV_UNREAD_H */
