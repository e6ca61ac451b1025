/* SPDX-License-Identifier: GPL-2.0-only */
/* Collect and print the counters. */
#ifndef CHIMNEYCTL_STATS_H
#define CHIMNEYCTL_STATS_H

struct nl_msg;

int take_stats(struct nl_msg *msg, void *arg);	/* add one card's */
void print_stats(void);

#endif /* CHIMNEYCTL_STATS_H */
