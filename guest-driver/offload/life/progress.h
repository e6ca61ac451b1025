/* SPDX-License-Identifier: GPL-2.0-only */
/* What is due next for a connection. */
#ifndef CHIMDRV_PROGRESS_H
#define CHIMDRV_PROGRESS_H

struct chimdrv_conn;

void chimdrv_progress_init(struct chimdrv_conn *conn);	/* for a new connection */
/* slock: do what is due; what needs the socket's queues only if nobody owns the socket. */
void chimdrv_progress_check(struct chimdrv_conn *conn);
/* Process context, no lock: look at what may have changed for the connection. */
void chimdrv_progress_look(struct chimdrv_conn *conn);
void chimdrv_progress_receive(struct chimdrv_conn *conn);
/* release_cb, slock held. */
void chimdrv_progress_released(struct chimdrv_conn *conn);

#endif /* CHIMDRV_PROGRESS_H */
