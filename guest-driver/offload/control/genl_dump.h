/* SPDX-License-Identifier: GPL-2.0-only */
/* Lists and counters as netlink messages. */
#ifndef CHIMDRV_GENL_DUMP_H
#define CHIMDRV_GENL_DUMP_H

struct chimdrv_conn;
struct netlink_callback;
struct sk_buff;

int chimdrv_genl_dump_start(struct netlink_callback *cb);
int chimdrv_genl_dump_status(struct sk_buff *skb, struct netlink_callback *cb);
int chimdrv_genl_dump_stats(struct sk_buff *skb, struct netlink_callback *cb);
int chimdrv_genl_dump_list(struct sk_buff *skb, struct netlink_callback *cb);
/* Any context, with a reference: put one connection into a message. */
int chimdrv_genl_put_conn(struct sk_buff *msg, const struct chimdrv_conn *conn);

#endif /* CHIMDRV_GENL_DUMP_H */
