/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stats.h - the counters as the driver sees them.
 */
#ifndef CHIMDEV_STATS_H
#define CHIMDEV_STATS_H

#include "core/chimdev.h"

void chimdev_stats_get(ChimdevState *s, struct chim_stats *out);
void chimdev_stats_reset(ChimdevState *s, uint32_t sets);

#endif /* CHIMDEV_STATS_H */
