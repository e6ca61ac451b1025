/* SPDX-License-Identifier: GPL-2.0-only */
/* The neighbor and path objects of a card, under od->mutex. */
#ifndef CHIMDRV_NEIGH_H
#define CHIMDRV_NEIGH_H

#include <linux/etherdevice.h>
#include <linux/in6.h>
#include <linux/list.h>

#include "offload/reason_types.h"

struct chimdrv_blocklist;
struct chimdrv_conn;
struct chimdrv_od;
struct neighbour;

struct chimdrv_neigh {
	struct list_head node;		/* od->neighs */
	struct neighbour *n;		/* with a reference; NULL if only the card has it still */
	u8 mac[ETH_ALEN];
	u16 vlan;
	u32 handle;
	u64 cookie;
	unsigned int paths;
	u32 bl_node;			/* in the list under construction, or CHIM_NODE_NONE */
	u32 refused;			/* the card's status if the last list failed to add it */
	bool failed;			/* unreachable, or without @n: no new connections */
};

struct chimdrv_path {
	struct list_head node;		/* od->paths */
	struct chimdrv_neigh *neigh;
	struct in6_addr src, dst;	/* IPv4 in the first word */
	bool ipv6;
	u32 mtu;
	u32 handle;
	unsigned int conns;
	unsigned int abandoned;		/* of these, those that only the card has still */
	u32 bl_node;
	u32 refused;
};

/* od->neigh_flags, atomic bit operations */
#define CHIMDRV_NEIGH_DIRTY	0	/* look at all neighbors again */
#define CHIMDRV_NEIGH_IDLE	1	/* look for objects without dependents */

/* Any context. Age of the kernel's last confirmation, ticks (VAR-N4). */
u32 chimdrv_neigh_age(const struct neighbour *n);

/*
 * od->mutex held, socket owned. Find or create the connection's path, and count a
 * dependent. New objects have handle 0.
 */
struct chimdrv_path *chimdrv_path_get(struct chimdrv_od *od, struct chimdrv_conn *conn,
				      enum chimdrv_refusal *why);
void chimdrv_path_put(struct chimdrv_od *od, struct chimdrv_path *path);
/* The node of the path in an INITIATE list, below its neighbor's. */
u32 chimdrv_path_node(struct chimdrv_od *od, struct chimdrv_path *path,
		      struct chimdrv_blocklist *bl, u32 *root);
void chimdrv_path_results(struct chimdrv_od *od, struct chimdrv_blocklist *bl);
u32 chimdrv_path_refused(const struct chimdrv_path *path);
void chimdrv_neigh_idle_soon(struct chimdrv_od *od);
void chimdrv_neigh_idle(struct chimdrv_od *od, bool down);	/* terminate what nothing needs */
void chimdrv_neigh_forget(struct chimdrv_od *od);	/* the card has lost them all */

#endif /* CHIMDRV_NEIGH_H */
