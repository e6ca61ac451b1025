/* SPDX-License-Identifier: GPL-2.0-only */
/* The receive window as a promise. */
#ifndef CHIMDRV_WINDOW_H
#define CHIMDRV_WINDOW_H

#include <linux/types.h>

struct chimdrv_conn;

/* All slock; windows in bytes, limits in bytes of memory. */
int chimdrv_window_used(const struct chimdrv_conn *conn);
u32 chimdrv_window_now(const struct chimdrv_conn *conn);
int chimdrv_window_limit(const struct chimdrv_conn *conn);
/* Has the socket, with what waits for it, room for @bytes more in frames of @truesize? */
bool chimdrv_window_fits(const struct chimdrv_conn *conn, u32 bytes, unsigned int truesize);
/* And does tcp_mem let it have them? */
bool chimdrv_window_has_room(const struct chimdrv_conn *conn, u32 bytes, unsigned int truesize);
/* Does tcp_mem let it have more? */
bool chimdrv_window_has_memory(const struct chimdrv_conn *conn);
bool chimdrv_window_has_half(const struct chimdrv_conn *conn);
void chimdrv_window_begin(struct chimdrv_conn *conn, u32 promised);
u32 chimdrv_window_owed(const struct chimdrv_conn *conn);	/* without slock: approximate */
void chimdrv_window_taken(struct chimdrv_conn *conn);
bool chimdrv_window_changed(const struct chimdrv_conn *conn);	/* must the target be told? */
u32 chimdrv_window_tell(struct chimdrv_conn *conn);
void chimdrv_window_told(struct chimdrv_conn *conn, u32 wnd);
bool chimdrv_window_gave_way(const struct chimdrv_conn *conn);

#endif /* CHIMDRV_WINDOW_H */
