/* SPDX-License-Identifier: GPL-2.0-only */
/* Sends that a TERMINATE hands back. */
#ifndef CHIMDRV_SENDBACK_H
#define CHIMDRV_SENDBACK_H

struct chim_send_ref;
struct chim_tcp_delegated;
struct chimdrv_conn;

/* slock. What a TERMINATE hands back; @ref is the chain, in memory that the driver gave. */
void chimdrv_sendback_take(struct chimdrv_conn *conn, const struct chim_tcp_delegated *d,
			   const struct chim_send_ref *ref);
void chimdrv_sendback_end(struct chimdrv_conn *conn);	/* LAST has been seen */

#endif /* CHIMDRV_SENDBACK_H */
