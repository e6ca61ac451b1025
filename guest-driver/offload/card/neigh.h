/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The neighbor and path objects of a card, for neigh.c and neigh_watch.c. All of it
 * under od->mutex.
 */
#ifndef CHIMDRV_NEIGH_H
#define CHIMDRV_NEIGH_H

#include "offload/conn.h"

struct chimdrv_neigh {
	struct list_head node;		/* od->neighs */
	struct neighbour *n;		/* with a reference */
	u8 mac[ETH_ALEN];
	u16 vlan;
	u32 handle;
	u64 cookie;
	unsigned int paths;
	u32 bl_node;			/* in the list under construction, or CHIM_NODE_NONE */
	u32 refused;			/* the card's status, if the last list did not get it in */
	bool failed;			/* not reachable: nothing new on it */
};

struct chimdrv_path {
	struct list_head node;		/* od->paths */
	struct chimdrv_neigh *neigh;
	struct in6_addr src, dst;	/* IPv4 in the first word */
	bool ipv6;
	u32 mtu;
	u32 handle;
	unsigned int conns;
	u32 bl_node;
	u32 refused;
};

/* od->neigh_flags, atomic bit operations */
#define CHIMDRV_NEIGH_DIRTY	0	/* look at all neighbors again */
#define CHIMDRV_NEIGH_IDLE	1	/* look for objects without dependents */

/* Any context. Age of the kernel's last confirmation, ticks (VAR-N4). */
u32 chimdrv_neigh_age(const struct neighbour *n);

#endif /* CHIMDRV_NEIGH_H */
