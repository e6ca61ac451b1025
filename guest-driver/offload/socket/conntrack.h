/* SPDX-License-Identifier: GPL-2.0-only */
/* Connection tracking. */
#ifndef CHIMDRV_CONNTRACK_H
#define CHIMDRV_CONNTRACK_H

#include "offload/reason_types.h"

struct chimdrv_conn;
struct sk_buff;

/* RCU. The reason why the connection of this segment may not be offloaded. */
enum chimdrv_refusal chimdrv_conntrack_look(const struct sk_buff *skb);
/* RCU. Make the tracker of this segment's connection accept gaps. */
void chimdrv_conntrack_liberal(const struct sk_buff *skb);
/* RCU. Have the tracker of this segment's connection not forget it. */
void chimdrv_conntrack_keep(struct chimdrv_conn *conn, const struct sk_buff *skb);
/* slock. The same, as it has seen another one. */
void chimdrv_conntrack_seen(const struct chimdrv_conn *conn);
/* slock. From here on it may; @ended: soon, as after a RST. */
void chimdrv_conntrack_let_go(struct chimdrv_conn *conn, bool ended);
/* There are no connections any more. */
void chimdrv_conntrack_exit(void);

#endif /* CHIMDRV_CONNTRACK_H */
