/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cc.c - what all congestion control algorithms share: initial value and bounds of cwnd.
 */
#include "cc.h"

uint32_t toe_cc_initial_window(uint32_t smss)
{
	uint32_t two = 2 * smss, floor = two > 14600 ? two : 14600;

	return 10 * smss < floor ? 10 * smss : floor;
}

void toe_cc_init(struct toe_cc *cc, const struct toe_cc_ops *ops, uint32_t smss, uint32_t cwnd,
		 uint32_t ssthresh, uint64_t now)
{
	cc->ops = ops;
	cc->smss = smss ? smss : 1;
	cc->cwnd = cwnd ? cwnd : toe_cc_initial_window(cc->smss);
	cc->ssthresh = ssthresh ? ssthresh : TOE_SSTHRESH_INF;
	if (cc->cwnd > TOE_CWND_MAX)
		cc->cwnd = TOE_CWND_MAX;
	if (cc->cwnd < cc->smss)
		cc->cwnd = cc->smss;
	if (cc->ssthresh < 2 * cc->smss)
		cc->ssthresh = 2 * cc->smss;
	ops->init(cc, now);
}

void toe_cc_set_smss(struct toe_cc *cc, uint32_t smss)
{
	cc->smss = smss ? smss : 1;
	if (cc->cwnd < cc->smss)
		cc->cwnd = cc->smss;
	if (cc->ssthresh < 2 * cc->smss)
		cc->ssthresh = 2 * cc->smss;
}
