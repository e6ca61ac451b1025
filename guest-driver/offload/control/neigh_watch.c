// SPDX-License-Identifier: GPL-2.0-only
/*
 * Handle what the kernel reports about neighbors, links and addresses, and what the card
 * asks about a neighbor: update the objects where that suffices, upload where it does
 * not. Routes are in route_watch.c.
 *
 * Notifiers come in any context and only set flags, queue a work or ask for uploads; the
 * works hold od->mutex, which protects the objects.
 */
#include <linux/if_vlan.h>
#include <net/addrconf.h>
#include <net/neighbour.h>
#include <net/netevent.h>

#include "offload/control/neigh_watch.h"
#include "nic/adminq.h"
#include "nic/inline.h"
#include "nic/netdev.h"
#include "offload/ask.h"
#include "offload/card/blocklist.h"
#include "offload/card/neigh.h"
#include "offload/card/stateop.h"
#include "offload/conn.h"
#include "offload/life/look.h"
#include "offload/od.h"

/* -------------------------------------------------------------------------------- works */

static void conns_of_neigh(struct chimdrv_od *od, struct chimdrv_neigh *ng,
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
			chimdrv_ask_upload(list[i], why);
			chimdrv_conn_put(list[i]);
		}
	} while (n == CHIMDRV_BATCH);
}

/*
 * Tell the card the neighbor's new hardware address (UPD-4). If it refuses, its connections
 * come back, and the next hand-over gives it another neighbor.
 */
static void neigh_new_mac(struct chimdrv_od *od, struct chimdrv_neigh *ng, const u8 *mac)
{
	struct chimdrv_admin_cmd cmd = { };
	struct chim_neighbor_cached *k;
	struct chimdrv_blocklist bl;
	struct chim_node *n;
	u32 status = CHIM_ST_SUCCESS;
	int off, err = -EMSGSIZE;

	ether_addr_copy(ng->mac, mac);
	if (!ng->handle)
		return;
	chimdrv_blocklist_init(&bl, od->cd, 1);
	chimdrv_blocklist_node(&bl, CHIM_ROLE_OBJECT, CHIM_NEIGHBOR_CACHED, ng->handle, ng->cookie);
	off = chimdrv_blocklist_reserve(&bl, sizeof(*k));
	if (off >= 0) {
		k = chimdrv_blocklist_ptr(&bl, off);
		k->hdr.length = cpu_to_le32(sizeof(*k));
		ether_addr_copy(k->dst_mac, mac);
		k->hrd = cpu_to_le32(chimdrv_neigh_age(ng->n));
		n = chimdrv_blocklist_at(&bl, 0);
		n->state_off = cpu_to_le32(off);
		n->state_len = cpu_to_le32(sizeof(*k));
		err = chimdrv_stateop_exec(od->cd, CHIM_OP_UPDATE, &bl, 0, 0, &cmd);
		status = cmd.status ?: le32_to_cpu(n->status);
	}
	chimdrv_blocklist_fini(&bl);
	if (!err && status == CHIM_ST_SUCCESS)
		return;
	ng->failed = true;
	conns_of_neigh(od, ng, CHIMDRV_WHY_NEIGHBOR);
}

/* Upload the connections of a neighbor that is no longer valid; tell the card a new address. */
static void neigh_look(struct chimdrv_od *od, struct chimdrv_neigh *ng)
{
	u8 mac[MAX_ADDR_LEN];

	if (ng->failed)
		return;
	/* one that the kernel has forgotten, as it does without a carrier, keeps its last state */
	if (!(READ_ONCE(ng->n->nud_state) & NUD_VALID) || READ_ONCE(ng->n->dead)) {
		ng->failed = true;
		conns_of_neigh(od, ng, CHIMDRV_WHY_NEIGHBOR);
		return;
	}
	neigh_ha_snapshot(mac, ng->n, ng->n->dev);
	if (!ether_addr_equal(mac, ng->mac))
		neigh_new_mac(od, ng, mac);
}

static void neigh_work(struct work_struct *work)
{
	struct chimdrv_od *od = container_of(work, struct chimdrv_od, neigh_work.work);
	struct chimdrv_neigh *ng;

	mutex_lock(&od->mutex);
	if (test_and_clear_bit(CHIMDRV_NEIGH_DIRTY, &od->neigh_flags))
		list_for_each_entry(ng, &od->neighs, node)
			neigh_look(od, ng);
	if (test_and_clear_bit(CHIMDRV_NEIGH_IDLE, &od->neigh_flags))
		chimdrv_neigh_idle(od, !READ_ONCE(od->up));
	mutex_unlock(&od->mutex);
}

/* The card asks for the age of our confirmation (NCE-8); the answer is 0 for a stale entry. */
static void nce_answer(struct chimdrv_od *od, struct chimdrv_neigh *ng, u32 nrd)
{
	struct chim_sqe sqe = { };

	sqe.ctl = cpu_to_le32(CHIM_OP_NCE_ANSWER);
	sqe.handle = cpu_to_le32(ng->handle);
	if (READ_ONCE(ng->n->nud_state) & (NUD_REACHABLE | NUD_PERMANENT | NUD_NOARP)) {
		sqe.u.nce.hrd = cpu_to_le32(chimdrv_neigh_age(ng->n));
	} else {
		/* the card's own progress confirms the entry (NCE-10); without any, probe it */
		if (nrd < chimdrv_neigh_age(ng->n) && nrd < 30000)
			neigh_confirm(ng->n);
		else
			neigh_event_send(ng->n, NULL);
	}
	chimdrv_admin_exec(od->cd, &sqe, NULL, CHIMDRV_ADMIN_MS);
}

static bool nce_next(struct chimdrv_od *od, struct chimdrv_nce *q)
{
	bool any;

	spin_lock_bh(&od->lock);
	any = od->nnces;
	if (any)
		*q = od->nce[--od->nnces];
	spin_unlock_bh(&od->lock);
	return any;
}

static void nce_work(struct work_struct *work)
{
	struct chimdrv_od *od = container_of(work, struct chimdrv_od, nce_work);
	struct chimdrv_neigh *ng;
	struct chimdrv_nce q;

	mutex_lock(&od->mutex);
	while (nce_next(od, &q)) {
		list_for_each_entry(ng, &od->neighs, node) {
			if (ng->cookie != q.cookie || ng->handle != q.handle || !ng->n)
				continue;
			nce_answer(od, ng, q.nrd);
			break;
		}
	}
	mutex_unlock(&od->mutex);
}

void chimdrv_neigh_watch_work_init(struct chimdrv_od *od)
{
	INIT_DELAYED_WORK(&od->neigh_work, neigh_work);
	INIT_WORK(&od->nce_work, nce_work);
}

/* ---------------------------------------------------------------------------- notifiers */

/* Any context. The card below @dev looks at its neighbors soon. */
static void look_soon(struct net_device *dev)
{
	struct chimdrv_od *od;

	if (!dev)
		return;
	if (is_vlan_dev(dev))
		dev = vlan_dev_real_dev(dev);
	if (!chimdrv_net_is_ours(dev))
		return;
	od = chimdrv_od(chimdrv_net_of(dev)->cd);
	if (!od || !READ_ONCE(od->up))
		return;
	set_bit(CHIMDRV_NEIGH_DIRTY, &od->neigh_flags);
	mod_delayed_work(od->wq, &od->neigh_work, 1);
}

static int netevent(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct neighbour *n = ptr;

	if (event == NETEVENT_NEIGH_UPDATE)
		look_soon(n->dev);
	else if (event == NETEVENT_REDIRECT)
		chimdrv_look_soon();
	return NOTIFY_DONE;
}

/* Ask for the upload of one VLAN device's connections. */
static void upload_vlan(const struct net_device *dev, enum chimdrv_why why)
{
	struct chimdrv_conn *conn;
	unsigned long id = 0;

	while ((conn = chimdrv_conn_next(&id))) {
		if (READ_ONCE(conn->route.dev) == dev)
			chimdrv_ask_upload(conn, why);
		chimdrv_conn_put(conn);
	}
}

/* A device below a path changes: upload its connections. */
static void upload_dev(struct net_device *dev, enum chimdrv_why why)
{
	if (is_vlan_dev(dev))
		upload_vlan(dev, why);
	else if (chimdrv_net_is_ours(dev) && chimdrv_od(chimdrv_net_of(dev)->cd))
		chimdrv_ask_upload_all(chimdrv_net_of(dev)->cd, why, false);
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

static struct notifier_block netevent_nb = { .notifier_call = netevent };
static struct notifier_block netdev_nb = { .notifier_call = netdev_event };
#if IS_ENABLED(CONFIG_IPV6)
/* IPv6 only: IPv4 checks the source address with the route, so its loss is a change of routes. */
static int inet6addr_event(struct notifier_block *nb, unsigned long event, void *ptr)
{
	if (event == NETDEV_DOWN)
		chimdrv_look_soon();
	return NOTIFY_DONE;
}

static struct notifier_block inet6addr_nb = { .notifier_call = inet6addr_event };
#endif

/* -------------------------------------------------------------------------- module life */

int chimdrv_neigh_watch_init(void)
{
	int err = register_netdevice_notifier(&netdev_nb);

	if (err)
		return err;
	register_netevent_notifier(&netevent_nb);
#if IS_ENABLED(CONFIG_IPV6)
	register_inet6addr_notifier(&inet6addr_nb);
#endif
	return 0;
}

void chimdrv_neigh_watch_exit(void)
{
#if IS_ENABLED(CONFIG_IPV6)
	unregister_inet6addr_notifier(&inet6addr_nb);
#endif
	unregister_netevent_notifier(&netevent_nb);
	unregister_netdevice_notifier(&netdev_nb);
}
