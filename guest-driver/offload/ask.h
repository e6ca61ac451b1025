/* SPDX-License-Identifier: GPL-2.0-only */
/* Wishes for a connection, for all rooms. */
#ifndef CHIMDRV_ASK_H
#define CHIMDRV_ASK_H

#include <linux/types.h>

#include "offload/reason_types.h"

struct chimdrv_conn;
struct chimdrv_dev;
struct chimdrv_od;

/* Any context. Ask for the connection to go back; the worker does it. */
void chimdrv_ask_upload(struct chimdrv_conn *conn, enum chimdrv_why why);
/* od->lock; the caller queues od->upload_work afterwards. */
void chimdrv_ask_upload_locked(struct chimdrv_od *od, struct chimdrv_conn *conn,
			       enum chimdrv_why why);
/* slock: it was asked for before the connection went over. */
void chimdrv_ask_upload_again(struct chimdrv_conn *conn);
/* Any context, unless @wait, which sleeps; sockets that are owned may still be on their way. */
void chimdrv_ask_upload_all(struct chimdrv_dev *cd, enum chimdrv_why why, bool wait);
/*
 * Sleep until it is back, no socket lock held. -EINTR: this task is being killed.
 * -ETIMEDOUT: somebody owns the socket. end: no signal cuts it short.
 */
int chimdrv_ask_wait(struct chimdrv_conn *conn, long timeout);
void chimdrv_ask_wait_end(struct chimdrv_conn *conn);
/* Any context. Tell the target the cached variables as they are now; the worker does it. */
void chimdrv_ask_update(struct chimdrv_conn *conn);
void chimdrv_ask_update_later(struct chimdrv_conn *conn, unsigned long delay);	/* jiffies */

#endif /* CHIMDRV_ASK_H */
