/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the route of a socket leads. */
#ifndef CHIMDRV_ROUTE_H
#define CHIMDRV_ROUTE_H

#include <linux/types.h>

#include "offload/reason_types.h"

struct chimdrv_conn;
struct chimdrv_dev;
struct dst_entry;
struct neighbour;
struct sock;

/* Socket lock, or RCU for a first look: the card that the socket's route leads to. */
enum chimdrv_refusal chimdrv_route_card(struct sock *sk, struct chimdrv_dev **cd);
/* Socket owned, od->mutex: record the way given to the target. */
void chimdrv_route_take(struct chimdrv_conn *conn, struct dst_entry *dst,
			const struct neighbour *n);
void chimdrv_route_drop(struct chimdrv_conn *conn);	/* slock, or the last holder */
int chimdrv_route_renew(struct sock *sk);	/* socket lock */
u32 chimdrv_route_vlan_prio(const struct sock *sk, const struct dst_entry *dst);
/* slock, queues ours, OFFLOADED. Must the route be checked? Why can the connection not stay? */
bool chimdrv_route_stale(const struct chimdrv_conn *conn);
enum chimdrv_why chimdrv_route_check(struct chimdrv_conn *conn);

#endif /* CHIMDRV_ROUTE_H */
