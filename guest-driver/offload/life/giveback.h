/* SPDX-License-Identifier: GPL-2.0-only */
/* The last step of every upload. */
#ifndef CHIMDRV_GIVEBACK_H
#define CHIMDRV_GIVEBACK_H

struct chimdrv_conn;

/* slock, queues ours: LAST and the completion of the TERMINATE have been processed. */
void chimdrv_giveback_finish(struct chimdrv_conn *conn);
/* slock, queues ours: restore the socket from conn->final, return it to Linux TCP. */
void chimdrv_giveback_restore(struct chimdrv_conn *conn);
/* slock, queues ours: end it with conn->back.err. Like restore, drops the socket's reference. */
void chimdrv_giveback_die(struct chimdrv_conn *conn);
/* slock, queues ours: end it, but keep the memory that the card may still touch. */
void chimdrv_giveback_abandon(struct chimdrv_conn *conn);
/* slock: have the target send an RST, once; until back.end, if the SQ is full */
void chimdrv_giveback_reset(struct chimdrv_conn *conn);
/* slock: free what an abandoned connection kept; the card touches it no more. */
void chimdrv_giveback_release(struct chimdrv_conn *conn);
/* slock, queues ours: HOLDING or INITIATING, and it is not offloaded. */
void chimdrv_giveback_undo(struct chimdrv_conn *conn);
/* slock. The card touches no memory of the connection any more. */
void chimdrv_giveback_drop_requests(struct chimdrv_conn *conn);

#endif /* CHIMDRV_GIVEBACK_H */
