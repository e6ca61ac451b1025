/* SPDX-License-Identifier: GPL-2.0-only */
/* A segment that is sent only to see what happens to it on its way to the card. */
#ifndef CHIMDRV_PROBE_H
#define CHIMDRV_PROBE_H

#include <linux/types.h>

#include "offload/reason_types.h"

struct chimdrv_conn;
struct net_device;
struct sk_buff;
struct sock;

/* Owned, HOLDING, od->mutex. Does a segment reach the card as the socket wrote it? */
enum chimdrv_refusal chimdrv_probe(struct chimdrv_conn *conn, unsigned long end,
				   bool (*drained)(struct sock *sk, unsigned long end));

/* Destructor of a probe, by which the TX path recognizes it. */
void chimdrv_probe_free(struct sk_buff *skb);
/* TX lock. A probe has reached the card; the caller frees it. */
void chimdrv_probe_take(const struct sk_buff *skb, const struct net_device *netdev);

#endif /* CHIMDRV_PROBE_H */
