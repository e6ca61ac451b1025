/* SPDX-License-Identifier: GPL-2.0-only */
/* Asking for an upload or an update of a connection. */
#ifndef CHIMDRV_ASK_H
#define CHIMDRV_ASK_H

#include <linux/types.h>

#include "offload/reason_types.h"

struct chimdrv_conn;
struct chimdrv_dev;
struct chimdrv_od;

/* Any context. Ask for an upload; the worker does it. */
void chimdrv_ask_upload(struct chimdrv_conn *conn, enum chimdrv_why why);
/* od->lock; the caller queues od->upload_work afterwards. */
void chimdrv_ask_upload_locked(struct chimdrv_od *od, struct chimdrv_conn *conn,
			       enum chimdrv_why why);
/* slock: for an upload that was asked for before the offload had ended. */
void chimdrv_ask_upload_again(struct chimdrv_conn *conn);
/* Any context; @wait sleeps. Sockets that are owned may still be on their way back afterwards. */
void chimdrv_ask_upload_all(struct chimdrv_dev *cd, enum chimdrv_why why, bool wait);
/*
 * No socket lock held. Sleep until the socket is back. -EINTR: this task is being killed.
 * -ETIMEDOUT: not back yet, mostly because somebody owns it. _end: nothing cuts it short.
 */
int chimdrv_ask_wait(struct chimdrv_conn *conn, long timeout);
void chimdrv_ask_wait_end(struct chimdrv_conn *conn);
/* Any context. Have the worker tell the target the cached variables as they are now. */
void chimdrv_ask_update(struct chimdrv_conn *conn);
void chimdrv_ask_update_again(struct chimdrv_conn *conn);	/* after a pause */

#endif /* CHIMDRV_ASK_H */
