/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Brings up the guest's network; what init.c needs of init_net.c. */
#ifndef CHIMNEY_INIT_NET_H
#define CHIMNEY_INIT_NET_H

/* Settings that an interface takes over when it appears: to be made before drivers are loaded. */
void net_defaults(void);

/*
 * Loopback up; the Ethernet interfaces named eth0, eth1 ... in the order of their places on the PCI
 * bus; the guest's addresses on eth0. A guest without a card has loopback only.
 */
void net_up(void);

#endif
