/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a NAPI holds of received frames.
 */
#ifndef CHIMDRV_COMPAT_GRO_H
#define CHIMDRV_COMPAT_GRO_H

#include <linux/netdevice.h>
#include <net/gro.h>
#include "compat_probe.h"

/*
 * Hand up all frames that this NAPI still holds: those in GRO and those batched for the
 * stack. The core hands up the batched ones only at the end of a poll.
 */
static inline void chimdrv_gro_flush(struct napi_struct *napi)
{
#if CHIMDRV_HAS_GRO_NODE
	struct gro_node *held = &napi->gro;

	gro_flush(held, false);
#else
	struct napi_struct *held = napi;

	napi_gro_flush(held, false);
#endif
	if (!held->rx_count)
		return;
	netif_receive_skb_list(&held->rx_list);
	INIT_LIST_HEAD(&held->rx_list);
	held->rx_count = 0;
}

#endif /* CHIMDRV_COMPAT_GRO_H */
