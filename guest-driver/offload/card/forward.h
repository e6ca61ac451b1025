/* SPDX-License-Identifier: GPL-2.0-only */
/* Forwarding held segments to the target. */
#ifndef CHIMDRV_FORWARD_H
#define CHIMDRV_FORWARD_H

struct chim_cqe;
struct chimdrv_conn;

void chimdrv_forward_flush(struct chimdrv_conn *conn);	/* hold list to the target */
void chimdrv_forward_done(struct chimdrv_conn *conn, const struct chim_cqe *cqe);
void chimdrv_forward_drop(struct chimdrv_conn *conn);

#endif /* CHIMDRV_FORWARD_H */
