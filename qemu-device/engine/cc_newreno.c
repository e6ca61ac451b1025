/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cc_newreno.c - slow start and congestion avoidance of RFC 5681 with byte counting (RFC 3465,
 * limit 2, after a timeout 1). recovery.c decides which segments recovery sends.
 */
#include "cc_newreno.h"

static void newreno_init(struct toe_cc *cc, uint64_t now)
{
	(void)now;
	cc->u.newreno.acked = 0;
}

static void grow(struct toe_cc *cc, uint32_t by)
{
	cc->cwnd = by < TOE_CWND_MAX - cc->cwnd ? cc->cwnd + by : TOE_CWND_MAX;
}

static void newreno_on_ack(struct toe_cc *cc, const struct toe_cc_ack *ack)
{
	uint32_t left = ack->acked;

	if (!ack->cwnd_limited)
		return;		/* RFC 7661's worry: a window that was not used proves nothing */
	if (toe_cc_in_slow_start(cc)) {
		uint32_t by = toe_cc_slow_start_step(cc, ack);

		grow(cc, by);
		left -= by;
		if (toe_cc_in_slow_start(cc) || !left)
			return;
	}
	/* One SMSS per cwnd of acknowledged bytes; the rest of a very large ACK counts once. */
	if (left > cc->cwnd)
		left = cc->cwnd;
	cc->u.newreno.acked += left;
	if (cc->u.newreno.acked >= cc->cwnd) {
		cc->u.newreno.acked -= cc->cwnd;
		grow(cc, cc->smss);
	}
}

static uint32_t half(const struct toe_cc *cc, uint32_t flight)
{
	return flight / 2 > 2 * cc->smss ? flight / 2 : 2 * cc->smss;
}

static void newreno_on_loss(struct toe_cc *cc, uint32_t flight, uint64_t now)
{
	(void)now;
	cc->ssthresh = half(cc, flight);
	cc->cwnd = cc->ssthresh;
	cc->u.newreno.acked = 0;
}

static void newreno_on_recovered(struct toe_cc *cc, uint32_t flight, uint64_t now)
{
	uint32_t low = (flight > cc->smss ? flight : cc->smss) + cc->smss;

	(void)now;
	/*
	 * RFC 6582 3.2 step 3, option 1: avoid a burst if little is left in flight; slow start then
	 * returns to ssthresh.
	 */
	cc->cwnd = low < cc->ssthresh ? low : cc->ssthresh;
	cc->u.newreno.acked = 0;
}

static void newreno_on_rto(struct toe_cc *cc, uint32_t flight, bool first, uint64_t now)
{
	(void)now;
	if (first)
		cc->ssthresh = half(cc, flight);
	cc->cwnd = cc->smss;
	cc->u.newreno.acked = 0;
}

static void newreno_after_idle(struct toe_cc *cc, uint64_t now)
{
	uint32_t restart = toe_cc_initial_window(cc->smss);

	(void)now;
	if (cc->cwnd > restart)
		cc->cwnd = restart;
	cc->u.newreno.acked = 0;
}

const struct toe_cc_ops toe_cc_newreno = {
	.name = "newreno",
	.init = newreno_init,
	.on_ack = newreno_on_ack,
	.on_loss = newreno_on_loss,
	.on_recovered = newreno_on_recovered,
	.on_rto = newreno_on_rto,
	.after_idle = newreno_after_idle,
};
