// SPDX-License-Identifier: GPL-2.0-only
/*
 * Neighbor and path objects of a card, counted by their dependents (TRE-23), and
 * what the kernel reports about neighbors, routes, links and addresses: updates of
 * the objects where that suffices, uploads where it does not.
 *
 * Objects live under od->mutex. An object without dependents is terminated at the
 * next occasion, so that a card is not filled by peers that are long gone.
 */
#include <linux/if_vlan.h>
#include <linux/inetdevice.h>
#include <net/addrconf.h>
#include <net/neighbour.h>
#include <net/netevent.h>
#include <net/ip6_route.h>

#include "chimdrv_conn.h"

struct chimdrv_neigh {
	struct list_head node;		/* od->neighs */
	struct neighbour *n;		/* with a reference */
	u8 mac[ETH_ALEN];
	u16 vlan;
	u32 handle;
	u64 cookie;
	unsigned int paths;
	u32 bl_node;			/* in the list under construction, or CHIM_NODE_NONE */
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
};

/* neigh_flags */
#define NEIGH_DIRTY	0	/* look at all neighbors again */
#define NEIGH_IDLE	1	/* look for objects without dependents */

#define IDLE_MS		2000	/* a next connection may want the same objects */

/* ---------------------------------------------------------------------------- look up */

static u16 vlan_of(struct dst_entry *dst)
{
	return is_vlan_dev(dst->dev) ? vlan_dev_vlan_id(dst->dev) : 0;
}

/* User priority of the socket's frames, from the VLAN device's egress map. */
u32 chimdrv_path_vlan_prio(struct sock *sk)
{
	struct dst_entry *dst = __sk_dst_get(sk);

	if (!dst || !is_vlan_dev(dst->dev))
		return 0;
	return vlan_dev_get_egress_qos_mask(dst->dev, sk->sk_priority) >> VLAN_PRIO_SHIFT;
}

/* A valid neighbor, or a push to resolve it and nothing for now. */
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

static struct chimdrv_neigh *neigh_get(struct chimdrv_offload *od, struct dst_entry *dst,
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
	ng = kzalloc(sizeof(*ng), GFP_KERNEL);
	if (!ng) {
		neigh_release(n);
		return NULL;
	}
	ng->n = n;
	ether_addr_copy(ng->mac, mac);
	ng->vlan = vlan_of(dst);
	ng->cookie = (u64)(uintptr_t)ng;	/* only compared, never followed */
	ng->bl_node = CHIM_NODE_NONE;
	list_add_tail(&ng->node, &od->neighs);
	return ng;
}

struct chimdrv_path *chimdrv_path_get(struct chimdrv_offload *od, struct sock *sk,
				      enum chimdrv_refusal *why)
{
	struct in6_addr src = { }, dst_addr = { };
	struct chimdrv_neigh *ng;
	struct chimdrv_path *p;
	struct dst_entry *dst;
	bool ipv6 = chimdrv_is_ipv6(sk);

	*why = CHIMDRV_NO_ROUTE;
	if (inet_csk(sk)->icsk_af_ops->rebuild_header(sk))
		return NULL;
	dst = __sk_dst_get(sk);
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
	list_for_each_entry(p, &od->paths, node) {
		if (p->neigh == ng && p->ipv6 == ipv6 && ipv6_addr_equal(&p->src, &src) &&
		    ipv6_addr_equal(&p->dst, &dst_addr) && p->mtu == dst_mtu(dst)) {
			p->conns++;
			return p;
		}
	}
	p = kzalloc(sizeof(*p), GFP_KERNEL);
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

void chimdrv_path_put(struct chimdrv_offload *od, struct chimdrv_path *path)
{
	lockdep_assert_held(&od->mutex);
	path->conns--;
}

u32 chimdrv_neigh_handle_of(struct chimdrv_path *path)
{
	return path->neigh->handle;
}

u32 chimdrv_path_handle(struct chimdrv_path *path)
{
	return path->handle;
}

/* --------------------------------------------------------------------- initiate lists */

/* Age of the kernel's last confirmation, ticks (VAR-N4). */
static u32 neigh_age(const struct neighbour *n)
{
	return jiffies_to_msecs(jiffies - READ_ONCE(n->confirmed));
}

static void neigh_state(struct chimdrv_neigh *ng, struct chimdrv_blist *bl, u32 node)
{
	const u32 len = sizeof(struct chim_neighbor_const) + sizeof(struct chim_neighbor_cached) +
			sizeof(struct chim_neighbor_delegated);
	int off = chimdrv_blist_reserve(bl, len);
	struct chim_neighbor_delegated *d;
	struct chim_neighbor_cached *k;
	struct chim_neighbor_const *c;

	if (off < 0)
		return;		/* a node without state: the card refuses the list */
	c = chimdrv_blist_ptr(bl, off);
	c->hdr.length = cpu_to_le32(sizeof(*c));
	c->vlan_id = cpu_to_le16(ng->vlan);
	k = (void *)(c + 1);
	k->hdr.length = cpu_to_le32(sizeof(*k));
	ether_addr_copy(k->dst_mac, ng->mac);
	k->hrd = cpu_to_le32(neigh_age(ng->n));
	d = (void *)(k + 1);
	d->hdr.length = cpu_to_le32(sizeof(*d));
	d->nrd = k->hrd;		/* NCE-3 */
	chimdrv_blist_at(bl, node)->state_off = cpu_to_le32(off);
	chimdrv_blist_at(bl, node)->state_len = cpu_to_le32(len);
}

static void path_state(struct chimdrv_path *p, struct chimdrv_blist *bl, u32 node)
{
	const u32 len = sizeof(struct chim_path_const) + sizeof(struct chim_path_cached) +
			sizeof(struct chim_path_delegated);
	int off = chimdrv_blist_reserve(bl, len);
	struct chim_path_delegated *d;
	struct chim_path_cached *k;
	struct chim_path_const *c;

	if (off < 0)
		return;
	c = chimdrv_blist_ptr(bl, off);
	c->hdr.length = cpu_to_le32(sizeof(*c));
	memcpy(c->src, &p->src, 16);
	memcpy(c->dst, &p->dst, 16);
	k = (void *)(c + 1);
	k->hdr.length = cpu_to_le32(sizeof(*k));
	k->path_mtu = cpu_to_le32(p->mtu);
	d = (void *)(k + 1);
	d->hdr.length = cpu_to_le32(sizeof(*d));
	chimdrv_blist_at(bl, node)->state_off = cpu_to_le32(off);
	chimdrv_blist_at(bl, node)->state_len = cpu_to_le32(len);
}

u32 chimdrv_path_node(struct chimdrv_offload *od, struct chimdrv_path *p,
		      struct chimdrv_blist *bl, u32 *root)
{
	struct chimdrv_neigh *ng = p->neigh;

	lockdep_assert_held(&od->mutex);
	if (p->bl_node != CHIM_NODE_NONE)
		return p->bl_node;
	if (ng->bl_node == CHIM_NODE_NONE) {
		ng->bl_node = chimdrv_blist_node(bl, ng->handle ? CHIM_ROLE_LINKER : CHIM_ROLE_NEW,
						 CHIM_NEIGHBOR_ALL, ng->handle, ng->cookie);
		if (!ng->handle)
			neigh_state(ng, bl, ng->bl_node);
		chimdrv_blist_at(bl, ng->bl_node)->next = cpu_to_le32(*root);
		*root = ng->bl_node;
	}
	p->bl_node = chimdrv_blist_node(bl, p->handle ? CHIM_ROLE_LINKER : CHIM_ROLE_NEW,
					p->ipv6 ? CHIM_PATH6_ALL : CHIM_PATH4_ALL, p->handle, 0);
	if (!p->handle)
		path_state(p, bl, p->bl_node);
	chimdrv_blist_at(bl, p->bl_node)->next = chimdrv_blist_at(bl, ng->bl_node)->dependent;
	chimdrv_blist_at(bl, ng->bl_node)->dependent = cpu_to_le32(p->bl_node);
	return p->bl_node;
}

static u32 result_handle(struct chimdrv_blist *bl, u32 node, u32 old)
{
	const struct chim_node *n = chimdrv_blist_at(bl, node);
	u32 status = le32_to_cpu(n->status);

	if (old || (status != CHIM_ST_SUCCESS && status != CHIM_ST_PARTIAL_SUCCESS))
		return old;
	return le32_to_cpu(n->handle);
}

/* The list was processed, or (@bl NULL) never reached the card. */
void chimdrv_path_results(struct chimdrv_offload *od, struct chimdrv_blist *bl)
{
	struct chimdrv_neigh *ng;
	struct chimdrv_path *p;

	list_for_each_entry(ng, &od->neighs, node) {
		if (bl && ng->bl_node != CHIM_NODE_NONE)
			ng->handle = result_handle(bl, ng->bl_node, ng->handle);
		ng->bl_node = CHIM_NODE_NONE;
	}
	list_for_each_entry(p, &od->paths, node) {
		if (bl && p->bl_node != CHIM_NODE_NONE)
			p->handle = result_handle(bl, p->bl_node, p->handle);
		p->bl_node = CHIM_NODE_NONE;
	}
}

/* ------------------------------------------------------------------- end of an object */

/* TERMINATE of one idle object; paths and neighbors need no fence. */
static int object_terminate(struct chimdrv_offload *od, u32 handle, u8 type, u32 len, u64 cookie)
{
	struct chimdrv_admin_cmd cmd = { };
	struct chim_state_hdr *hdr;
	struct chimdrv_blist bl;
	struct chim_node *n;
	int err, off;

	err = chimdrv_blist_init(&bl, 1);
	if (err)
		return err;
	chimdrv_blist_node(&bl, CHIM_ROLE_OBJECT, type, handle, cookie);
	off = chimdrv_blist_reserve(&bl, len);
	if (off >= 0) {
		hdr = chimdrv_blist_ptr(&bl, off);
		hdr->length = cpu_to_le32(len);
		n = chimdrv_blist_at(&bl, 0);
		n->state_off = cpu_to_le32(off);
		n->state_len = cpu_to_le32(len);
		err = chimdrv_stateop_exec(od->cd, CHIM_OP_TERMINATE, &bl, 0, 0, &cmd);
	} else {
		err = off;
	}
	chimdrv_blist_fini(&bl);
	return err;
}

static void path_free(struct chimdrv_path *p)
{
	p->neigh->paths--;
	list_del(&p->node);
	kfree(p);
}

static void neigh_free(struct chimdrv_neigh *ng)
{
	list_del(&ng->node);
	neigh_release(ng->n);
	kfree(ng);
}

/* od->mutex. Some object may have lost its last dependent; see to it in a while. */
void chimdrv_neigh_idle_soon(struct chimdrv_offload *od)
{
	chimdrv_path_results(od, NULL);
	set_bit(NEIGH_IDLE, &od->neigh_flags);
	queue_delayed_work(od->wq, &od->neigh_work, msecs_to_jiffies(IDLE_MS));
}

/* od->mutex. Terminate what has no dependents (TRM-3). */
void chimdrv_neigh_idle(struct chimdrv_offload *od)
{
	struct chimdrv_neigh *ng, *ng2;
	struct chimdrv_path *p, *p2;

	chimdrv_path_results(od, NULL);
	if (!chimdrv_dev_alive(od->cd))
		return;			/* forgotten as a whole when the card is taken down */
	list_for_each_entry_safe(p, p2, &od->paths, node) {
		if (p->conns)
			continue;
		if (p->handle)
			object_terminate(od, p->handle,
					 p->ipv6 ? CHIM_PATH6_DELEGATED : CHIM_PATH4_DELEGATED,
					 sizeof(struct chim_path_delegated), 0);
		path_free(p);
	}
	list_for_each_entry_safe(ng, ng2, &od->neighs, node) {
		if (ng->paths)
			continue;
		if (ng->handle)
			object_terminate(od, ng->handle, CHIM_NEIGHBOR_DELEGATED,
					 sizeof(struct chim_neighbor_delegated), ng->cookie);
		neigh_free(ng);
	}
}

/* od->mutex. A reset has taken all objects away. */
void chimdrv_neigh_forget(struct chimdrv_offload *od)
{
	struct chimdrv_neigh *ng, *ng2;
	struct chimdrv_path *p, *p2;

	list_for_each_entry_safe(p, p2, &od->paths, node)
		path_free(p);
	list_for_each_entry_safe(ng, ng2, &od->neighs, node)
		neigh_free(ng);
}

/* ------------------------------------------------------------------ what the kernel says */

static void conns_of_neigh(struct chimdrv_offload *od, struct chimdrv_neigh *ng,
			   enum chimdrv_why why)
{
	struct chimdrv_conn *conn, *list[CHIMDRV_BATCH];
	unsigned int n, i;

	do {
		n = 0;
		spin_lock_bh(&od->lock);
		list_for_each_entry(conn, &od->conns, all)
			if (conn->path && conn->path->neigh == ng && n < CHIMDRV_BATCH &&
			    !test_bit(CHIMDRV_C_UPLOAD, &conn->bits) && chimdrv_conn_get(conn))
				list[n++] = conn;
		spin_unlock_bh(&od->lock);
		for (i = 0; i < n; i++) {
			chimdrv_upload_ask(list[i], why);
			chimdrv_conn_put(list[i]);
		}
	} while (n == CHIMDRV_BATCH);
}

/* The neighbor has another hardware address (UPD-4). */
static void neigh_new_mac(struct chimdrv_offload *od, struct chimdrv_neigh *ng, const u8 *mac)
{
	struct chimdrv_admin_cmd cmd = { };
	struct chim_neighbor_cached *k;
	struct chimdrv_blist bl;
	struct chim_node *n;
	int off, err = -ENOMEM;

	ether_addr_copy(ng->mac, mac);
	if (!ng->handle || chimdrv_blist_init(&bl, 1))
		return;
	chimdrv_blist_node(&bl, CHIM_ROLE_OBJECT, CHIM_NEIGHBOR_CACHED, ng->handle, ng->cookie);
	off = chimdrv_blist_reserve(&bl, sizeof(*k));
	if (off >= 0) {
		k = chimdrv_blist_ptr(&bl, off);
		k->hdr.length = cpu_to_le32(sizeof(*k));
		ether_addr_copy(k->dst_mac, mac);
		k->hrd = cpu_to_le32(neigh_age(ng->n));
		n = chimdrv_blist_at(&bl, 0);
		n->state_off = cpu_to_le32(off);
		n->state_len = cpu_to_le32(sizeof(*k));
		err = chimdrv_stateop_exec(od->cd, CHIM_OP_UPDATE, &bl, 0, 0, &cmd);
		chimdrv_count(od->cd, updates);
	}
	chimdrv_blist_fini(&bl);
	if (err || cmd.status)
		conns_of_neigh(od, ng, CHIMDRV_WHY_NEIGHBOR);	/* UPD-15 */
}

/* The card's own progress counts as confirmation (NCE-10); a stale entry without any is probed. */
static void neigh_look(struct chimdrv_offload *od, struct chimdrv_neigh *ng)
{
	u8 state = READ_ONCE(ng->n->nud_state);
	u8 mac[MAX_ADDR_LEN];

	if (ng->failed)
		return;
	if (!(state & NUD_VALID)) {
		ng->failed = true;
		conns_of_neigh(od, ng, CHIMDRV_WHY_NEIGHBOR);
		return;
	}
	neigh_ha_snapshot(mac, ng->n, ng->n->dev);
	if (!ether_addr_equal(mac, ng->mac))
		neigh_new_mac(od, ng, mac);
}

void chimdrv_neigh_work(struct work_struct *work)
{
	struct chimdrv_offload *od = container_of(work, struct chimdrv_offload, neigh_work.work);
	struct chimdrv_neigh *ng;

	mutex_lock(&od->mutex);
	if (test_and_clear_bit(NEIGH_DIRTY, &od->neigh_flags))
		list_for_each_entry(ng, &od->neighs, node)
			neigh_look(od, ng);
	if (test_and_clear_bit(NEIGH_IDLE, &od->neigh_flags))
		chimdrv_neigh_idle(od);
	mutex_unlock(&od->mutex);
}

/* The card asks how old our confirmation is (NCE-8); 0 when the entry is stale. */
void chimdrv_neigh_nce_work(struct work_struct *work)
{
	struct chimdrv_offload *od = container_of(work, struct chimdrv_offload, nce_work);
	struct chim_sqe sqe = { };
	struct chimdrv_neigh *ng;
	u32 handle, nrd;
	bool asked;

	mutex_lock(&od->mutex);
	spin_lock_bh(&od->lock);
	handle = od->nce.handle;
	nrd = od->nce.nrd;
	asked = od->nce.asked;
	od->nce.asked = false;
	spin_unlock_bh(&od->lock);
	if (!asked)
		goto out;
	list_for_each_entry(ng, &od->neighs, node) {
		if (ng->handle != handle)
			continue;
		sqe.ctl = cpu_to_le32(CHIM_OP_NCE_ANSWER);
		sqe.handle = cpu_to_le32(handle);
		if (READ_ONCE(ng->n->nud_state) & (NUD_REACHABLE | NUD_PERMANENT | NUD_NOARP)) {
			sqe.u.nce.hrd = cpu_to_le32(neigh_age(ng->n));
		} else {
			/* the target may know better, else have the kernel probe it */
			if (nrd < neigh_age(ng->n) && nrd < 30000)
				neigh_confirm(ng->n);
			else
				neigh_event_send(ng->n, NULL);
		}
		chimdrv_admin_exec(od->cd, &sqe, NULL, CHIMDRV_ADMIN_MS);
		break;
	}
out:
	mutex_unlock(&od->mutex);
}

void chimdrv_neigh_dev_init(struct chimdrv_offload *od)
{
	INIT_DELAYED_WORK(&od->neigh_work, chimdrv_neigh_work);
	INIT_WORK(&od->nce_work, chimdrv_neigh_nce_work);
}

/* Any context. Every card looks at its neighbors soon. */
static void look_soon(struct net_device *dev)
{
	struct chimdrv_offload *od;

	if (!dev)
		return;
	if (is_vlan_dev(dev))
		dev = vlan_dev_real_dev(dev);
	if (!chimdrv_net_is_ours(dev))
		return;
	od = chimdrv_od(chimdrv_net_of(dev)->cd);
	if (!od || !READ_ONCE(od->up))
		return;
	set_bit(NEIGH_DIRTY, &od->neigh_flags);
	mod_delayed_work(od->wq, &od->neigh_work, 1);
}

static int netevent(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct netevent_redirect *r = ptr;
	struct neighbour *n = ptr;

	if (event == NETEVENT_NEIGH_UPDATE) {
		look_soon(n->dev);
	} else if (event == NETEVENT_REDIRECT && r->old && r->old->dev &&
		   chimdrv_net_is_ours(r->old->dev)) {
		struct chimdrv_dev *cd = chimdrv_net_of(r->old->dev)->cd;

		if (chimdrv_od(cd))
			chimdrv_upload_all(cd, CHIMDRV_WHY_ROUTE, false);
	}
	return NOTIFY_DONE;
}

/* A local address goes, or a device below a path changes: its connections go back. */
static void upload_dev(struct net_device *dev, enum chimdrv_why why)
{
	if (is_vlan_dev(dev))
		dev = vlan_dev_real_dev(dev);
	if (chimdrv_net_is_ours(dev) && chimdrv_od(chimdrv_net_of(dev)->cd))
		chimdrv_upload_all(chimdrv_net_of(dev)->cd, why, false);
}

static int netdev_event(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);

	switch (event) {
	case NETDEV_GOING_DOWN:
	case NETDEV_UNREGISTER:
	case NETDEV_CHANGEADDR:
		upload_dev(dev, CHIMDRV_WHY_LINK);
		break;
	case NETDEV_CHANGEMTU:
		upload_dev(dev, CHIMDRV_WHY_MTU);
		break;
	}
	return NOTIFY_DONE;
}

static int inetaddr_event(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct in_ifaddr *ifa = ptr;

	if (event == NETDEV_DOWN)
		upload_dev(ifa->ifa_dev->dev, CHIMDRV_WHY_ROUTE);
	return NOTIFY_DONE;
}

static struct notifier_block netevent_nb = { .notifier_call = netevent };
static struct notifier_block netdev_nb = { .notifier_call = netdev_event };
static struct notifier_block inetaddr_nb = { .notifier_call = inetaddr_event };
#if IS_ENABLED(CONFIG_IPV6)
static int inet6addr_event(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct inet6_ifaddr *ifa = ptr;

	if (event == NETDEV_DOWN)
		upload_dev(ifa->idev->dev, CHIMDRV_WHY_ROUTE);
	return NOTIFY_DONE;
}

static struct notifier_block inet6addr_nb = { .notifier_call = inet6addr_event };
#endif

int chimdrv_neigh_init(void)
{
	int err = register_netdevice_notifier(&netdev_nb);

	if (err)
		return err;
	register_netevent_notifier(&netevent_nb);
	register_inetaddr_notifier(&inetaddr_nb);
#if IS_ENABLED(CONFIG_IPV6)
	register_inet6addr_notifier(&inet6addr_nb);
#endif
	return 0;
}

void chimdrv_neigh_exit(void)
{
#if IS_ENABLED(CONFIG_IPV6)
	unregister_inet6addr_notifier(&inet6addr_nb);
#endif
	unregister_inetaddr_notifier(&inetaddr_nb);
	unregister_netevent_notifier(&netevent_nb);
	unregister_netdevice_notifier(&netdev_nb);
}
