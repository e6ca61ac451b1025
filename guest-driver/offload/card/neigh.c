// SPDX-License-Identifier: GPL-2.0-only
/*
 * Neighbor and path objects of a card, counted by their dependents (TRE-23): finds or
 * creates them for a socket, puts their nodes into INITIATE lists, and terminates them.
 * neigh_watch.c handles changes from outside.
 *
 * od->mutex protects the objects. One without dependents is terminated soon, so that
 * peers that are long gone do not fill the card.
 */
#include <linux/if_vlan.h>
#include <net/neighbour.h>

#include "offload/card/neigh.h"
#include "nic/hw.h"
#include "offload/cache.h"
#include "offload/card/blocklist.h"
#include "offload/card/stateop.h"
#include "offload/conn_types.h"
#include "offload/family.h"
#include "offload/od.h"
#include "offload/socket/route.h"

#define IDLE_MS		2000	/* a next connection may want the same objects */

/* ------------------------------------------------------------------------------ look up */

static u16 vlan_of(struct dst_entry *dst)
{
	return is_vlan_dev(dst->dev) ? vlan_dev_vlan_id(dst->dev) : 0;
}

/* Return a valid neighbor, or have it resolved and return NULL for now. */
static struct neighbour *resolve(struct dst_entry *dst, const void *daddr, u8 *mac)
{
	struct neighbour *n = dst_neigh_lookup(dst, daddr);

	if (!n)
		return NULL;
	if (!(READ_ONCE(n->nud_state) & NUD_VALID)) {
		neigh_event_send(n, NULL);
		neigh_release(n);
		return NULL;
	}
	neigh_ha_snapshot(mac, n, n->dev);
	return n;
}

static struct chimdrv_neigh *neigh_get(struct chimdrv_od *od, struct dst_entry *dst,
				       const void *daddr)
{
	struct chimdrv_neigh *ng;
	u8 mac[MAX_ADDR_LEN];
	struct neighbour *n = resolve(dst, daddr, mac);

	if (!n)
		return NULL;
	list_for_each_entry(ng, &od->neighs, node) {
		if (ng->n == n && ng->vlan == vlan_of(dst) && !ng->failed) {
			neigh_release(n);
			return ng;
		}
	}
	ng = chimdrv_cache_alloc(CHIMDRV_CACHE_NEIGH, GFP_KERNEL | __GFP_ZERO);
	if (!ng) {
		neigh_release(n);
		return NULL;
	}
	ng->n = n;
	ether_addr_copy(ng->mac, mac);
	ng->vlan = vlan_of(dst);
	ng->cookie = ++od->neigh_id;
	ng->bl_node = CHIM_NODE_NONE;
	list_add_tail(&ng->node, &od->neighs);
	return ng;
}

/* The socket's route as it is now, if it still leads to this card. */
static struct dst_entry *route_of(struct chimdrv_od *od, struct sock *sk,
				  enum chimdrv_refusal *why)
{
	struct chimdrv_dev *cd = NULL;

	*why = CHIMDRV_NO_ROUTE;
	if (chimdrv_route_renew(sk))
		return NULL;
	*why = chimdrv_route_card(sk, &cd);
	if (!*why && cd != od->cd)
		*why = CHIMDRV_NO_DEVICE;
	return *why ? NULL : __sk_dst_get(sk);
}

struct chimdrv_path *chimdrv_path_get(struct chimdrv_od *od, struct chimdrv_conn *conn,
				      enum chimdrv_refusal *why)
{
	struct in6_addr src = { }, dst_addr = { };
	struct sock *sk = conn->sk;
	struct chimdrv_neigh *ng;
	struct chimdrv_path *p;
	struct dst_entry *dst;
	bool ipv6 = chimdrv_is_ipv6(sk);

	dst = route_of(od, sk, why);
	if (!dst)
		return NULL;
#if IS_ENABLED(CONFIG_IPV6)
	if (ipv6) {
		src = inet6_sk(sk)->saddr;
		dst_addr = sk->sk_v6_daddr;
	} else
#endif
	{
		src.s6_addr32[0] = inet_sk(sk)->inet_saddr;
		dst_addr.s6_addr32[0] = inet_sk(sk)->inet_daddr;
	}
	*why = CHIMDRV_NO_NEIGHBOR;
	ng = neigh_get(od, dst, &dst_addr);
	if (!ng)
		return NULL;
	*why = CHIMDRV_NO_NONE;
	chimdrv_route_take(conn, dst, ng->n);
	list_for_each_entry(p, &od->paths, node) {
		if (p->neigh == ng && p->ipv6 == ipv6 && ipv6_addr_equal(&p->src, &src) &&
		    ipv6_addr_equal(&p->dst, &dst_addr) && p->mtu == dst_mtu(dst)) {
			p->conns++;
			return p;
		}
	}
	p = chimdrv_cache_alloc(CHIMDRV_CACHE_PATH, GFP_KERNEL | __GFP_ZERO);
	if (!p) {
		*why = CHIMDRV_NO_MEMORY;
		return NULL;
	}
	p->neigh = ng;
	p->src = src;
	p->dst = dst_addr;
	p->ipv6 = ipv6;
	p->mtu = dst_mtu(dst);
	p->conns = 1;
	p->bl_node = CHIM_NODE_NONE;
	ng->paths++;
	list_add_tail(&p->node, &od->paths);
	return p;
}

void chimdrv_path_put(struct chimdrv_od *od, struct chimdrv_path *path)
{
	lockdep_assert_held(&od->mutex);
	path->conns--;
}

/* ----------------------------------------------------------------------- initiate lists */

/* Age of the kernel's last confirmation, ticks (VAR-N4). */
u32 chimdrv_neigh_age(const struct neighbour *n)
{
	return jiffies_to_msecs(jiffies - READ_ONCE(n->confirmed));
}

static void neigh_state(struct chimdrv_neigh *ng, struct chimdrv_blocklist *bl, u32 node)
{
	const u32 len = sizeof(struct chim_neighbor_const) + sizeof(struct chim_neighbor_cached) +
			sizeof(struct chim_neighbor_delegated);
	int off = chimdrv_blocklist_reserve(bl, len);
	struct chim_neighbor_delegated *d;
	struct chim_neighbor_cached *k;
	struct chim_neighbor_const *c;

	if (off < 0)
		return;		/* a node without state: the card refuses the list */
	c = chimdrv_blocklist_ptr(bl, off);
	c->hdr.length = cpu_to_le32(sizeof(*c));
	c->vlan_id = cpu_to_le16(ng->vlan);
	k = (void *)(c + 1);
	k->hdr.length = cpu_to_le32(sizeof(*k));
	ether_addr_copy(k->dst_mac, ng->mac);
	k->hrd = cpu_to_le32(chimdrv_neigh_age(ng->n));
	d = (void *)(k + 1);
	d->hdr.length = cpu_to_le32(sizeof(*d));
	d->nrd = k->hrd;		/* NCE-3 */
	chimdrv_blocklist_at(bl, node)->state_off = cpu_to_le32(off);
	chimdrv_blocklist_at(bl, node)->state_len = cpu_to_le32(len);
}

static void path_state(struct chimdrv_path *p, struct chimdrv_blocklist *bl, u32 node)
{
	const u32 len = sizeof(struct chim_path_const) + sizeof(struct chim_path_cached) +
			sizeof(struct chim_path_delegated);
	int off = chimdrv_blocklist_reserve(bl, len);
	struct chim_path_delegated *d;
	struct chim_path_cached *k;
	struct chim_path_const *c;

	if (off < 0)
		return;
	c = chimdrv_blocklist_ptr(bl, off);
	c->hdr.length = cpu_to_le32(sizeof(*c));
	memcpy(c->src, &p->src, 16);
	memcpy(c->dst, &p->dst, 16);
	k = (void *)(c + 1);
	k->hdr.length = cpu_to_le32(sizeof(*k));
	k->path_mtu = cpu_to_le32(p->mtu);
	d = (void *)(k + 1);
	d->hdr.length = cpu_to_le32(sizeof(*d));
	chimdrv_blocklist_at(bl, node)->state_off = cpu_to_le32(off);
	chimdrv_blocklist_at(bl, node)->state_len = cpu_to_le32(len);
}

u32 chimdrv_path_node(struct chimdrv_od *od, struct chimdrv_path *p,
		      struct chimdrv_blocklist *bl, u32 *root)
{
	struct chimdrv_neigh *ng = p->neigh;
	u8 role;

	lockdep_assert_held(&od->mutex);
	if (p->bl_node != CHIM_NODE_NONE)
		return p->bl_node;
	if (ng->bl_node == CHIM_NODE_NONE) {
		role = ng->handle ? CHIM_ROLE_LINKER : CHIM_ROLE_NEW;
		ng->bl_node = chimdrv_blocklist_node(bl, role, CHIM_NEIGHBOR_ALL, ng->handle,
						     ng->cookie);
		if (!ng->handle)
			neigh_state(ng, bl, ng->bl_node);
		chimdrv_blocklist_at(bl, ng->bl_node)->next = cpu_to_le32(*root);
		*root = ng->bl_node;
	}
	role = p->handle ? CHIM_ROLE_LINKER : CHIM_ROLE_NEW;
	p->bl_node = chimdrv_blocklist_node(bl, role, p->ipv6 ? CHIM_PATH6_ALL : CHIM_PATH4_ALL,
					    p->handle, 0);
	if (!p->handle)
		path_state(p, bl, p->bl_node);
	chimdrv_blocklist_hang(bl, ng->bl_node, p->bl_node);
	return p->bl_node;
}

/* Only a new object can be refused; the status of a linker only reflects its dependents. */
static u32 result_handle(struct chimdrv_blocklist *bl, u32 node, u32 old, u32 *refused)
{
	const struct chim_node *n = chimdrv_blocklist_at(bl, node);
	u32 status = le32_to_cpu(n->status);

	*refused = 0;
	if (old)
		return old;
	if (status == CHIM_ST_SUCCESS || status == CHIM_ST_PARTIAL_SUCCESS)
		return le32_to_cpu(n->handle);
	*refused = status;
	return 0;
}

/* od->mutex. The status with which the last list refused path or neighbor, or 0 (TRE-17). */
u32 chimdrv_path_refused(const struct chimdrv_path *path)
{
	return path->neigh->refused ?: path->refused;
}

/* Take the results of a list, or forget one (@bl NULL) that never reached the card. */
void chimdrv_path_results(struct chimdrv_od *od, struct chimdrv_blocklist *bl)
{
	struct chimdrv_neigh *ng;
	struct chimdrv_path *p;

	list_for_each_entry(ng, &od->neighs, node) {
		if (bl && ng->bl_node != CHIM_NODE_NONE)
			ng->handle = result_handle(bl, ng->bl_node, ng->handle, &ng->refused);
		ng->bl_node = CHIM_NODE_NONE;
	}
	list_for_each_entry(p, &od->paths, node) {
		if (bl && p->bl_node != CHIM_NODE_NONE)
			p->handle = result_handle(bl, p->bl_node, p->handle, &p->refused);
		p->bl_node = CHIM_NODE_NONE;
	}
}

/* --------------------------------------------------------------------- end of an object */

/*
 * TERMINATE of one idle object; paths and neighbors need no fence. False: the card still
 * has it.
 */
static bool object_terminate(struct chimdrv_od *od, u32 handle, u8 type, u32 len, u64 cookie)
{
	struct chimdrv_admin_cmd cmd = { };
	struct chim_state_hdr *hdr;
	struct chimdrv_blocklist bl;
	struct chim_node *n;
	u32 status = 0;
	int err, off;

	chimdrv_blocklist_init(&bl, od->cd, 1);
	chimdrv_blocklist_node(&bl, CHIM_ROLE_OBJECT, type, handle, cookie);
	off = chimdrv_blocklist_reserve(&bl, len);
	if (off >= 0) {
		hdr = chimdrv_blocklist_ptr(&bl, off);
		hdr->length = cpu_to_le32(len);
		n = chimdrv_blocklist_at(&bl, 0);
		n->state_off = cpu_to_le32(off);
		n->state_len = cpu_to_le32(len);
		err = chimdrv_stateop_exec(od->cd, CHIM_OP_TERMINATE, &bl, 0, 0, &cmd);
		status = le32_to_cpu(n->status);
	} else {
		err = off;
	}
	chimdrv_blocklist_fini(&bl);
	return !err && (status == CHIM_ST_SUCCESS || status == CHIM_ST_INVALID_HANDLE);
}

static void path_free(struct chimdrv_path *p)
{
	p->neigh->paths--;
	list_del(&p->node);
	chimdrv_cache_free(CHIMDRV_CACHE_PATH, p);
}

static void neigh_free(struct chimdrv_neigh *ng)
{
	list_del(&ng->node);
	if (ng->n)
		neigh_release(ng->n);
	chimdrv_cache_free(CHIMDRV_CACHE_NEIGH, ng);
}

/* od->mutex. An object may have lost its last dependent: look for such in a while. */
void chimdrv_neigh_idle_soon(struct chimdrv_od *od)
{
	chimdrv_path_results(od, NULL);
	set_bit(CHIMDRV_NEIGH_IDLE, &od->neigh_flags);
	queue_delayed_work(od->wq, &od->neigh_work, msecs_to_jiffies(IDLE_MS));
}

static bool path_terminate(struct chimdrv_od *od, const struct chimdrv_path *p)
{
	return !p->handle ||
	       object_terminate(od, p->handle,
				p->ipv6 ? CHIM_PATH6_DELEGATED : CHIM_PATH4_DELEGATED,
				sizeof(struct chim_path_delegated), 0);
}

static bool neigh_terminate(struct chimdrv_od *od, const struct chimdrv_neigh *ng)
{
	return !ng->handle ||
	       object_terminate(od, ng->handle, CHIM_NEIGHBOR_DELEGATED,
				sizeof(struct chim_neighbor_delegated), ng->cookie);
}

/*
 * The card keeps a neighbor that no connection of Linux needs. The kernel's goes if none
 * can need it again, because the removal of its device waits for it.
 */
static void neigh_kept(struct chimdrv_od *od, struct chimdrv_neigh *ng, bool down)
{
	const struct chimdrv_path *p;

	if (!ng->n || !(down || READ_ONCE(ng->n->dead)))
		return;
	list_for_each_entry(p, &od->paths, node)
		if (p->neigh == ng && p->conns > p->abandoned)
			return;
	ng->failed = true;
	neigh_release(ng->n);
	ng->n = NULL;
}

/*
 * od->mutex. Terminate objects without dependents (TRM-3). One that the card does not let
 * go stays, for a next connection or another try in a while. @down: the interface is not
 * up, and no connection can go over.
 */
void chimdrv_neigh_idle(struct chimdrv_od *od, bool down)
{
	struct chimdrv_neigh *ng, *ng2;
	struct chimdrv_path *p, *p2;
	bool all = true;

	chimdrv_path_results(od, NULL);
	if (!chimdrv_dev_alive(od->cd))
		return;			/* forgotten as a whole when the card is taken down */
	list_for_each_entry_safe(p, p2, &od->paths, node) {
		if (p->conns)
			continue;
		if (path_terminate(od, p))
			path_free(p);
		else
			all = false;
	}
	list_for_each_entry_safe(ng, ng2, &od->neighs, node) {
		if (!ng->paths && neigh_terminate(od, ng)) {
			neigh_free(ng);
			continue;
		}
		neigh_kept(od, ng, down);
		if (!ng->paths)
			all = false;
	}
	if (!all)
		chimdrv_neigh_idle_soon(od);
}

/* od->mutex. A reset removed all objects; connections that wait for an owner lose their path. */
void chimdrv_neigh_forget(struct chimdrv_od *od)
{
	struct chimdrv_neigh *ng, *ng2;
	struct chimdrv_path *p, *p2;
	struct chimdrv_conn *conn;

	spin_lock_bh(&od->lock);
	list_for_each_entry(conn, &od->conns, all)
		conn->path = NULL;
	spin_unlock_bh(&od->lock);
	list_for_each_entry_safe(p, p2, &od->paths, node)
		path_free(p);
	list_for_each_entry_safe(ng, ng2, &od->neighs, node)
		neigh_free(ng);
}
