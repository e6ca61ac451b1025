// SPDX-License-Identifier: GPL-2.0-only
/*
 * Read the link state from the card's register, and make the netdev's carrier follow it.
 */
#include "nic/link.h"
#include "nic/hw.h"

/* Any context that may read registers. */
void chimdrv_link_read(struct chimdrv_net *net)
{
	bool up = chimdrv_hw_link(net->cd);

	if (!chimdrv_dev_alive(net->cd))
		up = false;
	if (up)
		net->cd->link_speed = chimdrv_hw_speed(net->cd);
	if (up == netif_carrier_ok(net->netdev))
		return;
	if (up)
		netif_carrier_on(net->netdev);
	else
		netif_carrier_off(net->netdev);
	netdev_info(net->netdev, "link %s\n", up ? "up" : "down");
}
