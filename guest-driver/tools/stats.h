/* SPDX-License-Identifier: GPL-2.0-only */
/* The counters. */
#ifndef CHIMNEYCTL_STATS_H
#define CHIMNEYCTL_STATS_H

struct nl_msg;

int take_stats(struct nl_msg *msg, void *arg);	/* one card's, added to those before */
void print_stats(void);

#endif /* CHIMNEYCTL_STATS_H */
