/* SPDX-License-Identifier: GPL-2.0-only */
/* What the connection tracker knows of a segment. */
#ifndef CHIMDRV_CONNTRACK_H
#define CHIMDRV_CONNTRACK_H

#include "offload/reason_types.h"

struct sk_buff;

/* RCU. Why a connection whose segment this is cannot be the target's. */
enum chimdrv_refusal chimdrv_conntrack_look(const struct sk_buff *skb);
/* RCU. The tracker of whose connection this is a segment takes gaps for what they are. */
void chimdrv_conntrack_liberal(const struct sk_buff *skb);

#endif /* CHIMDRV_CONNTRACK_H */
