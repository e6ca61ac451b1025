/* SPDX-License-Identifier: GPL-2.0-only */
/* Restore the target's state into the socket. */
#ifndef CHIMDRV_STATE_RESTORE_H
#define CHIMDRV_STATE_RESTORE_H

struct chimdrv_conn;

/* slock, queues ours. */
void chimdrv_state_restore(struct chimdrv_conn *conn);	/* conn->final into the socket */
void chimdrv_state_replay(struct chimdrv_conn *conn);	/* FIN, RST, held segments */
void chimdrv_state_reset(struct chimdrv_conn *conn);	/* end the socket as by a RST */

#endif /* CHIMDRV_STATE_RESTORE_H */
