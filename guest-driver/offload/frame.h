/* SPDX-License-Identifier: GPL-2.0-only */
/* A frame for received bytes, as deliver.c puts it into the socket. */
#ifndef CHIMDRV_FRAME_H
#define CHIMDRV_FRAME_H

#include <linux/skbuff.h>
#include <net/tcp.h>

/* An empty one, or NULL. */
static inline struct sk_buff *chimdrv_frame(gfp_t gfp)
{
	struct sk_buff *skb = alloc_skb(0, gfp | __GFP_NOWARN);

	if (skb)
		memset(skb->cb, 0, sizeof(struct tcp_skb_cb));
	return skb;
}

#endif /* CHIMDRV_FRAME_H */
