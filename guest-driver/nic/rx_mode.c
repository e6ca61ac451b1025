// SPDX-License-Identifier: GPL-2.0-only
/*
 * The receive filter, when the kernel asks for another one: the card is told under rtnl,
 * where one may sleep. On older kernels that takes a work of our own.
 */
#include <linux/rtnetlink.h>

#include "nic/rx_mode.h"
#include "compat/rxmode.h"
#include "nic/admin_cmds.h"
#include "nic/hw.h"
#include "nic/inline.h"

#if CHIMDRV_RX_MODE_ASYNC
/* rtnl. If it fails, the kernel tries again; if the card has failed, chimdrv_net_up() will. */
int chimdrv_rx_mode_set_async(struct net_device *netdev, struct netdev_hw_addr_list *uc,
			      struct netdev_hw_addr_list *mc)
{
	struct chimdrv_net *net = chimdrv_net_of(netdev);
	int err;

	if (!net->running)
		return 0;
	err = chimdrv_admin_set_rx_lists(net, uc, mc);
	return chimdrv_dev_alive(net->cd) ? err : 0;
}

void chimdrv_rx_mode_create(struct chimdrv_net *net)
{
}

void chimdrv_rx_mode_destroy(struct chimdrv_net *net)
{
}
#else
static void rx_mode_work(struct work_struct *work)
{
	struct chimdrv_net *net = container_of(work, struct chimdrv_net, rx_mode_work);

	rtnl_lock();
	if (net->running && chimdrv_admin_set_rx_mode(net, true) && chimdrv_dev_alive(net->cd))
		netdev_warn(net->netdev, "the card refused the receive filter\n");
	rtnl_unlock();
}

/* Called with the address lock held. */
void chimdrv_rx_mode_set(struct net_device *netdev)
{
	struct chimdrv_net *net = chimdrv_net_of(netdev);

	queue_work(net->cd->wq, &net->rx_mode_work);
}

void chimdrv_rx_mode_create(struct chimdrv_net *net)
{
	INIT_WORK(&net->rx_mode_work, rx_mode_work);
}

void chimdrv_rx_mode_destroy(struct chimdrv_net *net)
{
	cancel_work_sync(&net->rx_mode_work);
}
#endif
