/* SPDX-License-Identifier: GPL-2.0-only */
/* The last step of every way back. */
#ifndef CHIMDRV_GIVEBACK_H
#define CHIMDRV_GIVEBACK_H

struct chimdrv_conn;

/* slock, queues ours: LAST and the completion of the TERMINATE have been processed. */
void chimdrv_giveback_finish(struct chimdrv_conn *conn);
/* slock, queues ours: conn->final into the socket, the socket to Linux TCP. */
void chimdrv_giveback_restore(struct chimdrv_conn *conn);
/* slock, queues ours: it ends with conn->back.err. Both drop the socket's hold. */
void chimdrv_giveback_die(struct chimdrv_conn *conn);
/* slock, queues ours: it ends, but the card may still touch its memory. */
void chimdrv_giveback_abandon(struct chimdrv_conn *conn);
/* slock: of an abandoned one, now that the card touches nothing any more. */
void chimdrv_giveback_release(struct chimdrv_conn *conn);
/* slock, queues ours: HOLDING or INITIATING, and the card does not take it. */
void chimdrv_giveback_undo(struct chimdrv_conn *conn);
/* slock. The card touches no memory of the connection any more. */
void chimdrv_giveback_drop_requests(struct chimdrv_conn *conn);

#endif /* CHIMDRV_GIVEBACK_H */
