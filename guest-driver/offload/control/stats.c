// SPDX-License-Identifier: GPL-2.0-only
/*
 * The counters of the offload half as ethtool -S and chimneyctl show them: names,
 * and values at one moment. They are atomic and need no lock.
 *
 * First the plain ones, then for each reason how many connections were refused and
 * how many went back.
 */
#include <linux/ethtool.h>

#include "offload/control/stats.h"
#include "offload/od.h"

#define PLAIN(name)	CHIMDRV_DRV_PREFIX #name,
#define REFUSED(id, name) CHIMDRV_REFUSED_PREFIX name,
#define WHY(id, name)	CHIMDRV_WHY_PREFIX name,
static const char * const stat_names[] = { CHIMDRV_CASES(PLAIN) CHIMDRV_OWN(PLAIN) };
static const char * const refused_names[] = { CHIMDRV_REFUSALS(REFUSED) };
static const char * const why_names[] = { CHIMDRV_WHYS(WHY) };

/* ethtool would truncate longer names. */
#define FITS(text)	static_assert(sizeof(text) <= ETH_GSTRING_LEN);
#define PLAIN_FITS(name) FITS(CHIMDRV_DRV_PREFIX #name)
#define REFUSED_FITS(id, name) FITS(CHIMDRV_REFUSED_PREFIX name)
#define WHY_FITS(id, name) FITS(CHIMDRV_WHY_PREFIX name)
CHIMDRV_CASES(PLAIN_FITS)
CHIMDRV_OWN(PLAIN_FITS)
CHIMDRV_REFUSALS(REFUSED_FITS)
CHIMDRV_WHYS(WHY_FITS)

/* Reason 0 of either set means none and is not counted. */
#define REFUSED_COUNT	(ARRAY_SIZE(refused_names) - 1)
#define WHY_COUNT	(ARRAY_SIZE(why_names) - 1)

unsigned int chimdrv_stats_plain(void)
{
	return ARRAY_SIZE(stat_names);
}

unsigned int chimdrv_stats_count(void)
{
	return ARRAY_SIZE(stat_names) + REFUSED_COUNT + WHY_COUNT;
}

const char *chimdrv_stats_name(unsigned int i)
{
	if (i < ARRAY_SIZE(stat_names))
		return stat_names[i];
	i -= ARRAY_SIZE(stat_names);
	return i < REFUSED_COUNT ? refused_names[i + 1] : why_names[i - REFUSED_COUNT + 1];
}

void chimdrv_stats_read(struct chimdrv_dev *cd, u64 *values)
{
	struct chimdrv_od *od = chimdrv_od(cd);
	unsigned int i;

	if (!od) {
		memset(values, 0, sizeof(*values) * chimdrv_stats_count());
		return;
	}
#define X(name) *values++ = atomic64_read(&od->count.name);
	CHIMDRV_CASES(X)
	CHIMDRV_OWN(X)
#undef X
	for (i = 1; i <= REFUSED_COUNT; i++)
		*values++ = atomic64_read(&od->count.refused[i]);
	for (i = 1; i <= WHY_COUNT; i++)
		*values++ = atomic64_read(&od->count.why[i]);
}
