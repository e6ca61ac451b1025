/* SPDX-License-Identifier: GPL-2.0-only */
/* The socket as state objects. */
#ifndef CHIMDRV_STATE_EXPORT_H
#define CHIMDRV_STATE_EXPORT_H

#include <linux/types.h>

struct chim_tcp_cached;
struct chim_tcp_delegated;
struct chimdrv_blocklist;
struct chimdrv_conn;
struct chimdrv_dev;
struct chimdrv_room;
struct chimdrv_tcp_state;

/* Socket owned, captured, valves closed. */
int chimdrv_state_export(struct chimdrv_conn *conn, struct chimdrv_blocklist *bl, u32 node,
			 struct chimdrv_room **buffered);
u32 chimdrv_state_size(struct chimdrv_conn *conn);	/* owned: the most it takes */
void chimdrv_state_import(const struct chimdrv_dev *cd, struct chimdrv_tcp_state *s,
			  const struct chim_tcp_delegated *d);
/* Bring the timers of a connection in a list up to date since its snapshot. */
void chimdrv_state_age(struct chimdrv_conn *conn, struct chimdrv_blocklist *bl, u32 node);
/* slock or owner. */
u32 chimdrv_state_cached(struct chimdrv_conn *conn, struct chim_tcp_cached *c, bool update);

#endif /* CHIMDRV_STATE_EXPORT_H */
