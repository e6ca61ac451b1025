// SPDX-License-Identifier: GPL-2.0-only
/*
 * The counters of the offload half as ethtool -S and chimneyctl show them: names,
 * and values at one moment. They are atomic and need no lock.
 */
#include "chimdrv_conn.h"

static const char * const stat_names[] = {
#define X(name) "offload_" #name,
	CHIMDRV_CASES(X)
	CHIMDRV_OWN(X)
#undef X
};

unsigned int chimdrv_offload_stats_count(void)
{
	return ARRAY_SIZE(stat_names);
}

const char *chimdrv_offload_stats_name(unsigned int i)
{
	return stat_names[i];
}

void chimdrv_offload_stats_read(struct chimdrv_dev *cd, u64 *values)
{
	struct chimdrv_offload *od = chimdrv_od(cd);

	if (!od) {
		memset(values, 0, sizeof(*values) * ARRAY_SIZE(stat_names));
		return;
	}
#define X(name) *values++ = atomic64_read(&od->count.name);
	CHIMDRV_CASES(X)
	CHIMDRV_OWN(X)
#undef X
}
