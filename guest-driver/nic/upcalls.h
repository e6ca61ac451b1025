/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The upcalls: how the NIC half calls the half above, which it does not know otherwise.
 * The offload half registers one table before the first card is bound; it stays valid
 * until the last has gone. Every entry is set.
 */
#ifndef CHIMDRV_UPCALLS_H
#define CHIMDRV_UPCALLS_H

#include "nic/nic.h"

struct chimdrv_upcalls {
	/*
	 * NAPI of the pair, softirq. entry: a local copy of one CQ entry; the consumer
	 * index passes it only after the return, so a verdict is posted first (RING-H8).
	 * cutover: the CUTOVER entry of the raw ring; every frame before it has gone up the
	 * stack. poll_end: once per poll, maybe with space in the SQ: run pair->pending.
	 */
	void (*entry)(struct chimdrv_pair *pair, const struct chim_cqe *cqe);
	void (*cutover)(struct chimdrv_pair *pair, u64 cookie);
	void (*poll_end)(struct chimdrv_pair *pair);

	/* Events of the admin CQ. Process context, bottom halves disabled: do not sleep. */
	void (*upload_all)(struct chimdrv_dev *cd);
	void (*nce)(struct chimdrv_dev *cd, const struct chim_cqe *cqe);

	/*
	 * rtnl held. up: the pairs run, connections may be offloaded. down: upload every
	 * connection of the card before the rings go; returns once the card has none, or
	 * has failed (then gone follows).
	 */
	void (*up)(struct chimdrv_net *net);
	void (*down)(struct chimdrv_net *net);
	/*
	 * The card has failed and does no DMA any more; all admin commands have ended.
	 * Process context, may sleep, rtnl may be held. Every connection offloaded to it
	 * ends with an error (M-21). May be called more than once.
	 */
	void (*gone)(struct chimdrv_dev *cd);

	/* Process context. The card has been reset: its counters restart at zero. */
	void (*reset)(struct chimdrv_dev *cd);
	/* Any context. Does the card have connections? */
	bool (*busy)(struct chimdrv_dev *cd);
	/* For debugfs, while the card exists: how many objects of each kind it has. */
	void (*show)(struct seq_file *m, struct chimdrv_dev *cd);

	/*
	 * A frame with this destructor must not be sent. Under the TX lock: probe_take sees
	 * it, then it is freed.
	 */
	void (*probe)(struct sk_buff *skb);
	void (*probe_take)(const struct sk_buff *skb, const struct net_device *netdev);

	/* Counters for ethtool -S; the same number each time. */
	unsigned int (*stat_count)(void);
	const char *(*stat_name)(unsigned int i);
	void (*stats)(struct chimdrv_dev *cd, u64 *values);
};

extern const struct chimdrv_upcalls *chimdrv_up;

/* Module init, before the first card is bound. */
void chimdrv_upcalls_register(const struct chimdrv_upcalls *upcalls);

#endif /* CHIMDRV_UPCALLS_H */
