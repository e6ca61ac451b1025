/* SPDX-License-Identifier: GPL-2.0-only */
/* Send requests for bytes of the write queue. */
#ifndef CHIMDRV_SEND_H
#define CHIMDRV_SEND_H

#include <linux/types.h>

struct chim_cqe;
struct chimdrv_blocklist;
struct chimdrv_conn;

void chimdrv_send_post(struct chimdrv_conn *conn);	/* socket queues must be ours */
/* Socket owned: the most that the chain takes of a block list. */
u32 chimdrv_send_chain_size(struct chimdrv_conn *conn);
/* Socket owned, valves closed. */
int chimdrv_send_chain(struct chimdrv_conn *conn, struct chimdrv_blocklist *bl, u32 *off,
		       u32 *count);
void chimdrv_send_done(struct chimdrv_conn *conn, const struct chim_cqe *cqe);	/* slock */
void chimdrv_send_drop(struct chimdrv_conn *conn);	/* slock; the card reads them no more */

#endif /* CHIMDRV_SEND_H */
