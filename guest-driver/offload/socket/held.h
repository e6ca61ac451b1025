/* SPDX-License-Identifier: GPL-2.0-only */
/* Segments held for a connection. */
#ifndef CHIMDRV_HELD_H
#define CHIMDRV_HELD_H

struct chimdrv_conn;
struct sk_buff;

void chimdrv_held_add(struct chimdrv_conn *conn, struct sk_buff *skb);
/* Take the oldest segment, or NULL. */
struct sk_buff *chimdrv_held_next(struct chimdrv_conn *conn);

#endif /* CHIMDRV_HELD_H */
