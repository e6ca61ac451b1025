/* SPDX-License-Identifier: GPL-2.0-only */
/* The hash of received frames, and the pair that it chooses. */
#ifndef CHIMDRV_RSS_H
#define CHIMDRV_RSS_H

#include "nic/nic.h"

void chimdrv_rss_default(struct chimdrv_net *net);	/* key and table */
void chimdrv_rss_spread(struct chimdrv_net *net);	/* table over net->pairs */
void chimdrv_rss_set_key(struct chimdrv_net *net, const u8 *key);
/* Hash of a TCP socket's received segments, as the card computes it. Any context. */
u32 chimdrv_rss_hash(const struct chimdrv_net *net, const struct sock *sk);
u16 chimdrv_rss_select_queue(struct net_device *netdev, struct sk_buff *skb,
			     struct net_device *sb_dev);
struct chimdrv_pair *chimdrv_rss_pair(struct chimdrv_net *net, u32 hash);

#endif /* CHIMDRV_RSS_H */
