// SPDX-License-Identifier: GPL-2.0-only
/*
 * Print the counters of driver and card side by side, added up over all cards.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <netlink/genl/genl.h>

#include "netlink.h"
#include "show.h"
#include "stats.h"

#define MAX_STATS	512

static struct {
	char group[24];
	char name[48];
	uint64_t driver, device;
	bool has_driver, has_device;
} stat_rows[MAX_STATS];
static unsigned int stat_count;

/* Add a counter to that of the cards before. */
static void add_stat(struct nlattr **s)
{
	const char *group = get_str(s, CHIMNEY_A_GROUP), *name = get_str(s, CHIMNEY_A_NAME);
	unsigned int i;

	for (i = 0; i < stat_count; i++)
		if (!strcmp(stat_rows[i].name, name) && !strcmp(stat_rows[i].group, group))
			break;
	if (i == MAX_STATS)
		return;
	if (i == stat_count) {
		stat_count++;
		snprintf(stat_rows[i].name, sizeof(stat_rows[i].name), "%s", name);
		snprintf(stat_rows[i].group, sizeof(stat_rows[i].group), "%s", group);
	}
	stat_rows[i].driver += get_u64(s, CHIMNEY_A_DRIVER);
	stat_rows[i].device += get_u64(s, CHIMNEY_A_DEVICE);
	stat_rows[i].has_driver |= !!s[CHIMNEY_A_DRIVER];
	stat_rows[i].has_device |= !!s[CHIMNEY_A_DEVICE];
}

int take_stats(struct nl_msg *msg, void *arg)
{
	struct genlmsghdr *g = nlmsg_data(nlmsg_hdr(msg));
	struct nlattr *s[CHIMNEY_A_COUNT], *pos;
	int rem;

	(void)arg;
	nla_for_each_attr(pos, genlmsg_attrdata(g, 0), genlmsg_attrlen(g, 0), rem)
		if (nla_type(pos) == CHIMNEY_A_STAT &&
		    !nla_parse_nested(s, CHIMNEY_A_COUNT - 1, pos, NULL))
			add_stat(s);
	return NL_OK;
}

/* Returns what comes before the next member. */
static const char *json_side(const char *side, bool device)
{
	const char *comma = "";
	unsigned int i;

	printf("\"%s\":{", side);
	for (i = 0; i < stat_count; i++) {
		if (*stat_rows[i].group ||
		    !(device ? stat_rows[i].has_device : stat_rows[i].has_driver))
			continue;
		printf("%s\"%s\":%" PRIu64, comma, stat_rows[i].name,
		       device ? stat_rows[i].device : stat_rows[i].driver);
		comma = ",";
	}
	return comma;
}

static void json_group(const char *before, const char *group)
{
	const char *comma = "";
	unsigned int i;

	printf("%s\"%s\":{", before, group);
	for (i = 0; i < stat_count; i++) {
		if (strcmp(stat_rows[i].group, group))
			continue;
		printf("%s\"%s\":%" PRIu64, comma, stat_rows[i].name, stat_rows[i].driver);
		comma = ",";
	}
	printf("}");
}

void print_stats(void)
{
	unsigned int i;

	if (json) {
		printf("{");
		json_group(json_side("driver", false), "refused");
		json_group(",", "refused_no_card");
		json_group(",", "why");
		printf("},");
		json_side("device", true);
		printf("}}\n");
		return;
	}
	printf("%-32s %20s %20s\n", "", "driver", "device");
	for (i = 0; i < stat_count; i++) {
		char name[80], drv[24] = "-", dev[24] = "-";

		snprintf(name, sizeof(name), "%.23s%s%.47s", stat_rows[i].group,
			 *stat_rows[i].group ? " " : "", stat_rows[i].name);
		if (stat_rows[i].has_driver)
			snprintf(drv, sizeof(drv), "%" PRIu64, stat_rows[i].driver);
		if (stat_rows[i].has_device)
			snprintf(dev, sizeof(dev), "%" PRIu64, stat_rows[i].device);
		printf("%-32s %20s %20s\n", name, drv, dev);
	}
}
