/* SPDX-License-Identifier: GPL-2.0-only */
/* Frames to the wire, and the fences behind them. */
#ifndef CHIMDRV_TX_H
#define CHIMDRV_TX_H

#include "nic/nic.h"

netdev_tx_t chimdrv_tx_xmit(struct sk_buff *skb, struct net_device *netdev);
void chimdrv_tx_poll(struct chimdrv_pair *pair, int budget);	/* NAPI; takes the TX lock */
void chimdrv_tx_drain(struct chimdrv_pair *pair);	/* takes the TX lock */

/*
 * Post TX_FENCE{id} behind every frame in the pair's TX ring. Any context but hard
 * interrupt, no TX lock held. -EBUSY: the ring is full for the moment. -ENETDOWN: no
 * ring.
 */
int chimdrv_tx_fence(struct chimdrv_pair *pair, u32 fence_id);
bool chimdrv_tx_moves(struct chimdrv_pair *pair, unsigned long end);	/* sleeps */

#endif /* CHIMDRV_TX_H */
