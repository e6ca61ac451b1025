/* SPDX-License-Identifier: GPL-2.0-only */
/* Bytes received without a receive request. */
#ifndef CHIMDRV_INDICATE_H
#define CHIMDRV_INDICATE_H

#include <linux/types.h>

struct chim_cqe;
struct chimdrv_conn;
struct chimdrv_pair;

/* NAPI of the pair; take: slock. Every buffer of the indication is taken or put back. */
void chimdrv_indicate_take(struct chimdrv_conn *conn, const struct chim_cqe *cqe);
/* Count the open indication as accepted if its bytes end before @kept, which the card has kept. */
void chimdrv_indicate_settle(struct chimdrv_conn *conn, u32 kept);
void chimdrv_indicate_nobody(struct chimdrv_pair *pair, const struct chim_cqe *cqe);

#endif /* CHIMDRV_INDICATE_H */
