/* SPDX-License-Identifier: GPL-2.0-only */
/* The last, partial segment of what a program has written. */
#ifndef CHIMDRV_TAIL_H
#define CHIMDRV_TAIL_H

#include <linux/types.h>

struct chimdrv_conn;

/* Socket owned: keep back nothing before @sent. */
void chimdrv_tail_begin(struct chimdrv_conn *conn, u32 sent);
void chimdrv_tail_capture(struct chimdrv_conn *conn);	/* owned: with the snapshot */
void chimdrv_tail_restore(struct chimdrv_conn *conn);	/* slock: after the kernel's timers */
/* slock, queues ours. Where the bytes that may leave end, of data that ends at @all. */
u32 chimdrv_tail_end(struct chimdrv_conn *conn, u32 all);
void chimdrv_tail_acked(struct chimdrv_conn *conn);	/* slock: something was acknowledged */
void chimdrv_tail_watch(struct chimdrv_conn *conn, bool kept);	/* slock, after posting */
void chimdrv_tail_stop(struct chimdrv_conn *conn);	/* slock; the target has none of it */

#endif /* CHIMDRV_TAIL_H */
