/* SPDX-License-Identifier: GPL-2.0-only */
/* What ethtool sets and shows. */
#ifndef CHIMDRV_ETHTOOL_H
#define CHIMDRV_ETHTOOL_H

#include "nic/nic.h"

extern const struct ethtool_ops chimdrv_ethtool_ops;

#endif /* CHIMDRV_ETHTOOL_H */
