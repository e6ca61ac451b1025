// SPDX-License-Identifier: GPL-2.0-only
/*
 * Watch what the kernel reports about routes, rules and nexthops, in every network
 * namespace. A report says that something has changed, not which connections it concerns,
 * so all of them are looked at (look.c).
 *
 * Notifiers come in any context and only ask for that.
 */
#include <net/fib_notifier.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>
#include <net/nexthop.h>

#include "offload/control/route_watch.h"
#include "offload/life/look.h"

struct watch_net {
	struct notifier_block fib;
	struct notifier_block nexthop;
};

static unsigned int watch_net_id;

static int fib_event(struct notifier_block *nb, unsigned long event, void *ptr)
{
	if (event == FIB_EVENT_RULE_ADD || event == FIB_EVENT_RULE_DEL)
		chimdrv_look_late();
	else
		chimdrv_look_soon();
	return NOTIFY_DONE;
}

static int nexthop_event(struct notifier_block *nb, unsigned long event, void *ptr)
{
	chimdrv_look_soon();
	return NOTIFY_DONE;
}

static int __net_init watch_net_init(struct net *net)
{
	struct watch_net *wn = net_generic(net, watch_net_id);
	int err;

	wn->fib.notifier_call = fib_event;
	wn->nexthop.notifier_call = nexthop_event;
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
	int err = register_pernet_subsys(&watch_net_ops);

	/* A notifier that has been taken back may have asked for a look. */
	if (err)
		chimdrv_look_end();
	return err;
}

/* Called when the notifiers of neigh_watch.c, which also ask for looks, are gone. */
void chimdrv_route_watch_exit(void)
{
	unregister_pernet_subsys(&watch_net_ops);
	chimdrv_look_end();
}
