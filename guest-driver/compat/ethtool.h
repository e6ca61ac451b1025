/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The operations of ethtool.
 */
#ifndef CHIMDRV_COMPAT_ETHTOOL_H
#define CHIMDRV_COMPAT_ETHTOOL_H

#include <linux/ethtool.h>
#include "compat_probe.h"

/* Receive-side scaling: one structure instead of three arguments. */
#define CHIMDRV_RXFH_PARAM CHIMDRV_HAS_RXFH_PARAM

/* Operations of their own for the number of receive queues, and for what the hash is of. */
#define CHIMDRV_RX_RING_COUNT CHIMDRV_HAS_RX_RING_COUNT

#endif /* CHIMDRV_COMPAT_ETHTOOL_H */
