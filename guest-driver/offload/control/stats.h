/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of the offload half's counters; a fixed number, plain ones before reasons. */
#ifndef CHIMDRV_STATS_H
#define CHIMDRV_STATS_H

#include <linux/types.h>

struct chimdrv_dev;

/* As ethtool -S shows them; chimneyctl leaves the prefix out. */
#define CHIMDRV_DRV_PREFIX	"drv_"
#define CHIMDRV_REFUSED_PREFIX	"refused_"
#define CHIMDRV_WHY_PREFIX	"uploaded_"

unsigned int chimdrv_stats_count(void);
unsigned int chimdrv_stats_plain(void);
const char *chimdrv_stats_name(unsigned int i);
void chimdrv_stats_read(struct chimdrv_dev *cd, u64 *values);

#endif /* CHIMDRV_STATS_H */
