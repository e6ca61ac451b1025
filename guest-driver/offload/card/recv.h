/* SPDX-License-Identifier: GPL-2.0-only */
/* Bytes received by receive requests. */
#ifndef CHIMDRV_RECV_H
#define CHIMDRV_RECV_H

#include <linux/types.h>

struct chim_cqe;
struct chimdrv_conn;

#define CHIMDRV_BULK_BYTES	(32 * 1024)	/* received at once: counts as large */

bool chimdrv_recv_claims(const struct chimdrv_conn *conn);	/* slock */
void chimdrv_recv_post(struct chimdrv_conn *conn);	/* slock: post those that are due */
void chimdrv_recv_done(struct chimdrv_conn *conn, const struct chim_cqe *cqe);	/* slock */
void chimdrv_recv_drop(struct chimdrv_conn *conn);	/* slock; the card writes them no more */

#endif /* CHIMDRV_RECV_H */
