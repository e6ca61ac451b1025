// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel reports about routes, rules and nexthops, in every network namespace.
 * It tells that something has changed and not whom it concerns, and one command can
 * change thousands: so a work looks at each offloaded connection, once for as many
 * reports as have come, and takes a fifth of a processor at most. A connection that
 * sends looks by itself and does not wait for it (progress.c).
 *
 * Notifiers come in any context and only queue the work. The work holds no lock but
 * one connection's slock at a time.
 */
#include <linux/rtnetlink.h>
#include <linux/workqueue.h>
#include <net/fib_notifier.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>
#include <net/nexthop.h>

#include "offload/conn.h"

#define SHARE	4	/* for so many times as long as the last look took there is no other */
#define PAUSE_MIN	(10 * NSEC_PER_MSEC)
#define PAUSE_MAX	HZ

struct watch_net {
	struct notifier_block fib;
	struct notifier_block nexthop;
};

static unsigned int watch_net_id;
static u64 watch_not_before;	/* ktime_get_ns(); written by the work */

static bool any_conn(void)
{
	struct chimdrv_conn *conn;
	unsigned long id = 0;

	conn = chimdrv_conn_next(&id);
	if (!conn)
		return false;
	chimdrv_conn_put(conn);
	return true;
}

/*
 * The reports come while the change is being made: under rtnl, or with bottom halves
 * off where a router advertises. Afterwards a route that it concerns is invalid.
 */
static void wait_for_change(void)
{
	rtnl_lock();
	rtnl_unlock();
	synchronize_rcu_expedited();
}

static void watch_work_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(watch_work, watch_work_fn);

static void watch_work_fn(struct work_struct *work)
{
	struct chimdrv_conn *conn;
	unsigned long id = 0;
	u64 start, end;

	if (!any_conn())
		return;
	start = ktime_get_ns();
	wait_for_change();
	while ((conn = chimdrv_conn_next(&id))) {
		chimdrv_progress_look(conn);
		chimdrv_conn_put(conn);
		cond_resched();
	}
	end = ktime_get_ns();
	WRITE_ONCE(watch_not_before, end + max_t(u64, SHARE * (end - start), PAUSE_MIN));
}

/* Any context. Have all connections looked at. */
void chimdrv_route_look_soon(void)
{
	s64 pause = READ_ONCE(watch_not_before) - ktime_get_ns();

	queue_delayed_work(system_unbound_wq, &watch_work,
			   pause > 0 ? min(nsecs_to_jiffies(pause), (unsigned long)PAUSE_MAX) : 0);
}

static int route_event(struct notifier_block *nb, unsigned long event, void *ptr)
{
	chimdrv_route_look_soon();
	return NOTIFY_DONE;
}

static int __net_init watch_net_init(struct net *net)
{
	struct watch_net *wn = net_generic(net, watch_net_id);
	int err;

	wn->fib.notifier_call = route_event;
	wn->nexthop.notifier_call = route_event;
	err = register_fib_notifier(net, &wn->fib, NULL, NULL);
	if (err)
		return err;
	err = register_nexthop_notifier(net, &wn->nexthop, NULL);
	if (err)
		unregister_fib_notifier(net, &wn->fib);
	return err;
}

static void __net_exit watch_net_exit(struct net *net)
{
	struct watch_net *wn = net_generic(net, watch_net_id);

	unregister_nexthop_notifier(net, &wn->nexthop);
	unregister_fib_notifier(net, &wn->fib);
}

static struct pernet_operations watch_net_ops = {
	.init = watch_net_init,
	.exit = watch_net_exit,
	.id = &watch_net_id,
	.size = sizeof(struct watch_net),
};

int chimdrv_route_watch_init(void)
{
	return register_pernet_subsys(&watch_net_ops);
}

/* The notifiers of neigh_watch.c, which queue the work too, are gone. */
void chimdrv_route_watch_exit(void)
{
	unregister_pernet_subsys(&watch_net_ops);
	cancel_delayed_work_sync(&watch_work);
}
