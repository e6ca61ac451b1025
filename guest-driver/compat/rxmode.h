/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Setting the receive filter.
 */
#ifndef CHIMDRV_COMPAT_RXMODE_H
#define CHIMDRV_COMPAT_RXMODE_H

#include <linux/netdevice.h>
#include "compat_probe.h"

/* The kernel asks for it where one may sleep; else with the address lock held. */
#define CHIMDRV_RX_MODE_ASYNC CHIMDRV_HAS_RX_MODE_ASYNC

#endif /* CHIMDRV_COMPAT_RXMODE_H */
