/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cc_cubic.c - CUBIC of RFC 9438: beta 0.7, C 0.4, fast convergence, the Reno-friendly region.
 * Times in milliseconds, windows in bytes, no floating point. A connection that is taken over
 * begins a new epoch at its cwnd, as after slow start: the delegated state has no place for W_max.
 */
#include "cc_cubic.h"

#define BETA_PERMILLE	700u
#define ALPHA_PERMILLE	529u	/* 3 (1 - beta) / (1 + beta): Reno's rate with CUBIC's beta */
#define MAX_T_MS	100000	/* of |t - K|: keeps the cube within 64 bits */

static void cubic_init(struct toe_cc *cc, uint64_t now)
{
	cc->u.cubic.epoch = false;
	cc->u.cubic.seen_ns = now;
	cc->u.cubic.w_max = 0;
	cc->u.cubic.prior = 0;
}

static uint32_t clamp(uint64_t bytes)
{
	return bytes < TOE_CWND_MAX ? (uint32_t)bytes : TOE_CWND_MAX;
}

/* Largest r whose cube is at most x. */
static uint32_t cube_root(uint64_t x)
{
	uint32_t r = 0;

	for (int bit = 20; bit >= 0; bit--) {
		uint64_t t = r | 1u << bit;

		if (t * t * t <= x)
			r = (uint32_t)t;
	}
	return r;
}

static void begin_epoch(struct toe_cc *cc, uint64_t now)
{
	cc->u.cubic.epoch = true;
	cc->u.cubic.epoch_ns = now;
	cc->u.cubic.rest = 0;
	cc->u.cubic.est_rest = 0;
	cc->u.cubic.w_est = cc->cwnd;
	if (cc->u.cubic.w_max > cc->cwnd) {
		uint64_t gap = cc->u.cubic.w_max - cc->cwnd;

		/* K = cbrt(gap / C) seconds, gap in segments; (1000 ms)^3 / 0.4 is 2.5e9 */
		cc->u.cubic.k_ms = cube_root(gap * 2500000000u / cc->smss);
	} else {
		cc->u.cubic.w_max = cc->cwnd;
		cc->u.cubic.k_ms = 0;
	}
}

/* W_cubic(t) in bytes. */
static uint32_t w_cubic(const struct toe_cc *cc, uint64_t t_ms)
{
	bool before = t_ms < cc->u.cubic.k_ms;
	uint64_t d = before ? cc->u.cubic.k_ms - t_ms : t_ms - cc->u.cubic.k_ms, step;

	if (d > MAX_T_MS)
		d = MAX_T_MS;
	/* 0.4 segments x (d / 1000)^3 */
	step = clamp(d * d * d / 1000000 * 4 / 10 * cc->smss / 1000);
	if (before)
		return step < cc->u.cubic.w_max ? cc->u.cubic.w_max - (uint32_t)step : 0;
	return clamp((uint64_t)cc->u.cubic.w_max + step);
}

static void grow_estimate(struct toe_cc *cc, uint32_t acked)
{
	uint32_t alpha = cc->u.cubic.w_est < cc->u.cubic.prior ? ALPHA_PERMILLE : 1000;
	uint64_t unit = 1000ull * cc->cwnd;

	cc->u.cubic.est_rest += (uint64_t)alpha * cc->smss * acked;
	cc->u.cubic.w_est = clamp(cc->u.cubic.w_est + cc->u.cubic.est_rest / unit);
	cc->u.cubic.est_rest %= unit;
}

static void avoid(struct toe_cc *cc, const struct toe_cc_ack *ack, uint32_t acked)
{
	uint64_t t_ms;
	uint32_t target, most;

	if (!cc->u.cubic.epoch)
		begin_epoch(cc, ack->now);
	t_ms = (ack->now - cc->u.cubic.epoch_ns) / 1000000;
	grow_estimate(cc, acked);
	if (w_cubic(cc, t_ms) < cc->u.cubic.w_est) {
		if (cc->u.cubic.w_est > cc->cwnd)
			cc->cwnd = cc->u.cubic.w_est;
		return;
	}
	target = w_cubic(cc, t_ms + ack->srtt_us / 1000);
	most = clamp(cc->cwnd + (uint64_t)cc->cwnd / 2);
	if (target > most)
		target = most;
	if (target <= cc->cwnd)
		return;
	cc->u.cubic.rest += (uint64_t)(target - cc->cwnd) * acked;
	most = cc->cwnd;
	cc->cwnd = clamp(cc->cwnd + cc->u.cubic.rest / most);
	cc->u.cubic.rest %= most;
}

static void cubic_on_ack(struct toe_cc *cc, const struct toe_cc_ack *ack)
{
	uint32_t left = ack->acked;
	uint64_t since = ack->now - cc->u.cubic.seen_ns;

	cc->u.cubic.seen_ns = ack->now;
	if (!ack->cwnd_limited) {
		/* Time during which cwnd was not the limit does not count (RFC 9438 5.8). */
		if (cc->u.cubic.epoch)
			cc->u.cubic.epoch_ns += since;
		return;
	}
	if (toe_cc_in_slow_start(cc)) {
		uint32_t by = toe_cc_slow_start_step(cc, ack);

		cc->cwnd = clamp((uint64_t)cc->cwnd + by);
		left -= by;
		if (toe_cc_in_slow_start(cc) || !left)
			return;
	}
	avoid(cc, ack, left < cc->cwnd ? left : cc->cwnd);
}

static void reduce(struct toe_cc *cc, uint32_t flight)
{
	uint32_t to = (uint32_t)((uint64_t)flight * BETA_PERMILLE / 1000);

	/* Fast convergence: a maximum below the last one means that new flows have joined. */
	if (cc->cwnd < cc->u.cubic.w_max)
		cc->u.cubic.w_max = (uint32_t)((uint64_t)cc->cwnd * (1000 + BETA_PERMILLE) / 2000);
	else
		cc->u.cubic.w_max = cc->cwnd;
	cc->u.cubic.prior = cc->cwnd;
	cc->u.cubic.epoch = false;
	cc->ssthresh = to > 2 * cc->smss ? to : 2 * cc->smss;
}

static void cubic_on_loss(struct toe_cc *cc, uint32_t flight, uint64_t now)
{
	(void)now;
	reduce(cc, flight);
	cc->cwnd = clamp(cc->ssthresh);
}

static void cubic_on_recovered(struct toe_cc *cc, uint32_t flight, uint64_t now)
{
	uint64_t low = (uint64_t)(flight > cc->smss ? flight : cc->smss) + cc->smss;

	(void)now;
	/* As in NewReno: no burst if little is left in flight. */
	cc->cwnd = clamp(low < cc->ssthresh ? low : cc->ssthresh);
	cc->u.cubic.epoch = false;
}

static void cubic_on_rto(struct toe_cc *cc, uint32_t flight, bool first, uint64_t now)
{
	(void)now;
	if (first)
		reduce(cc, flight);
	cc->u.cubic.epoch = false;
	cc->u.cubic.w_max = 0; /* the next epoch begins where slow start ends (RFC 9438 4.8) */
	cc->cwnd = cc->smss;
}

static void cubic_after_idle(struct toe_cc *cc, uint64_t now)
{
	uint32_t restart = toe_cc_initial_window(cc->smss);

	if (cc->cwnd > restart)
		cc->cwnd = restart;
	cc->u.cubic.epoch = false;
	cc->u.cubic.seen_ns = now;
}

const struct toe_cc_ops toe_cc_cubic = {
	.name = "cubic",
	.init = cubic_init,
	.on_ack = cubic_on_ack,
	.on_loss = cubic_on_loss,
	.on_recovered = cubic_on_recovered,
	.on_rto = cubic_on_rto,
	.after_idle = cubic_after_idle,
};
