/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_cc.c - congestion control: start values, RFC 5681, 3465 and 6582, and bounds for any input.
 */
#include "cc_cubic.h"
#include "cc_newreno.h"
#include "tests/test.h"

#define MSS 1448u

static struct toe_cc cc;

static void ack(uint32_t bytes, bool limited)
{
	struct toe_cc_ack a = {.now = 0, .acked = bytes, .srtt_us = 1000, .cwnd_limited = limited};

	cc.ops->on_ack(&cc, &a);
}

static void ack_after_rto(uint32_t bytes)
{
	struct toe_cc_ack a = {.acked = bytes, .cwnd_limited = true, .after_rto = true};

	cc.ops->on_ack(&cc, &a);
}

TEST(start_values_are_taken_over_or_made_up)
{
	toe_cc_init(&cc, &toe_cc_newreno, MSS, 0, 0, 0);
	CHECK_EQ(cc.cwnd, 14480);
	CHECK_EQ(cc.ssthresh, TOE_SSTHRESH_INF);
	CHECK_EQ(toe_cc_initial_window(500), 5000);
	CHECK_EQ(toe_cc_initial_window(8960), 17920);
	toe_cc_init(&cc, &toe_cc_newreno, MSS, 100000, 50000, 0);
	CHECK_EQ(cc.cwnd, 100000);
	CHECK_EQ(cc.ssthresh, 50000);
	toe_cc_init(&cc, &toe_cc_newreno, MSS, 1, 1, 0);
	CHECK_EQ(cc.cwnd, MSS);
	CHECK_EQ(cc.ssthresh, 2 * MSS);
	toe_cc_init(&cc, &toe_cc_newreno, 0, UINT32_MAX, UINT32_MAX, 0);
	CHECK_EQ(cc.cwnd, TOE_CWND_MAX);
}

/* RFC-8 */
TEST(slow_start_counts_bytes_up_to_two_segments)
{
	toe_cc_init(&cc, &toe_cc_newreno, MSS, 10 * MSS, 100 * MSS, 0);
	ack(MSS, true);
	CHECK_EQ(cc.cwnd, 11 * MSS);
	ack(2 * MSS, true);
	CHECK_EQ(cc.cwnd, 13 * MSS);
	ack(40 * MSS, true);
	CHECK_EQ(cc.cwnd, 15 * MSS);
	ack(100, true);			/* divided ACKs gain nothing */
	CHECK_EQ(cc.cwnd, 15 * MSS + 100);
	ack(MSS, false);
	CHECK_EQ(cc.cwnd, 15 * MSS + 100);
}

/* RFC-8; RFC 3465 2.3 */
static void one_segment_after_rto(const struct toe_cc_ops *ops)
{
	toe_cc_init(&cc, ops, MSS, 40 * MSS, 0, 0);
	cc.ops->on_rto(&cc, 40 * MSS, true, 0);
	ack_after_rto(10 * MSS);
	CHECK_EQ(cc.cwnd, 2 * MSS);
	ack_after_rto(100);
	CHECK_EQ(cc.cwnd, 2 * MSS + 100);
	ack(10 * MSS, true);			/* all that was lost is there */
	CHECK_EQ(cc.cwnd, 4 * MSS + 100);
}

TEST(slow_start_after_a_timeout_counts_one_segment)
{
	one_segment_after_rto(&toe_cc_newreno);
	one_segment_after_rto(&toe_cc_cubic);
}

TEST(avoidance_adds_a_segment_per_window)
{
	uint32_t sent = 0;

	toe_cc_init(&cc, &toe_cc_newreno, MSS, 20 * MSS, 20 * MSS, 0);
	while (cc.cwnd == 20 * MSS) {
		ack(MSS, true);
		sent++;
	}
	CHECK_EQ(sent, 20);
	CHECK_EQ(cc.cwnd, 21 * MSS);
	ack(1000 * MSS, true);
	CHECK_EQ(cc.cwnd, 22 * MSS);
}

/* RFC-8 */
TEST(loss_halves_the_flight)
{
	toe_cc_init(&cc, &toe_cc_newreno, MSS, 40 * MSS, 0, 0);
	cc.ops->on_loss(&cc, 30 * MSS, 0);
	CHECK_EQ(cc.ssthresh, 15 * MSS);
	CHECK_EQ(cc.cwnd, 15 * MSS);
	cc.ops->on_recovered(&cc, 3 * MSS, 0);
	CHECK_EQ(cc.cwnd, 4 * MSS);
	CHECK_EQ(cc.ssthresh, 15 * MSS);
	cc.ops->on_loss(&cc, MSS, 0);
	CHECK_EQ(cc.ssthresh, 2 * MSS);
}

TEST(timeout_restarts_from_one_segment)
{
	toe_cc_init(&cc, &toe_cc_newreno, MSS, 40 * MSS, 0, 0);
	cc.ops->on_rto(&cc, 40 * MSS, true, 0);
	CHECK_EQ(cc.cwnd, MSS);
	CHECK_EQ(cc.ssthresh, 20 * MSS);
	cc.ops->on_rto(&cc, MSS, false, 0);
	CHECK_EQ(cc.ssthresh, 20 * MSS);
}

TEST(idle_shrinks_to_the_restart_window)
{
	toe_cc_init(&cc, &toe_cc_newreno, MSS, 40 * MSS, 30 * MSS, 0);
	cc.ops->after_idle(&cc, 0);
	CHECK_EQ(cc.cwnd, 10 * MSS);
	CHECK_EQ(cc.ssthresh, 30 * MSS);
	toe_cc_init(&cc, &toe_cc_newreno, MSS, 3 * MSS, 30 * MSS, 0);
	cc.ops->after_idle(&cc, 0);
	CHECK_EQ(cc.cwnd, 3 * MSS);
}

/* ---- CUBIC */

static void ack_at(uint64_t ms, uint32_t bytes, uint32_t srtt_ms)
{
	struct toe_cc_ack a = { .now = ms * 1000000, .acked = bytes, .srtt_us = srtt_ms * 1000,
				.cwnd_limited = true };

	cc.ops->on_ack(&cc, &a);
}

/* Acknowledge a whole window per round trip, from ms on, for the given number of round trips. */
static uint64_t rounds(uint64_t ms, uint32_t rtt, uint32_t n)
{
	while (n--) {
		ms += rtt;
		for (uint32_t left = cc.cwnd; left >= MSS; left -= MSS)
			ack_at(ms, MSS, rtt);
	}
	return ms;
}

TEST(cubic_reduces_by_three_tenths)
{
	toe_cc_init(&cc, &toe_cc_cubic, MSS, 100 * MSS, 0, 0);
	cc.ops->on_loss(&cc, 100 * MSS, 0);
	CHECK_EQ(cc.ssthresh, 70 * MSS);
	CHECK_EQ(cc.cwnd, 70 * MSS);
	cc.ops->on_recovered(&cc, 70 * MSS, 0);
	CHECK_EQ(cc.cwnd, 70 * MSS);
	cc.ops->on_loss(&cc, 70 * MSS, 0);	/* fast convergence: below the last maximum */
	CHECK_EQ(cc.u.cubic.w_max, 70 * MSS * 17 / 20);
}

TEST(cubic_comes_back_to_its_maximum_after_k)
{
	uint64_t ms;

	/*
	 * K = cbrt(300 / 0.4) = 9.08 s for W_max 1000 segments; a round trip of 200 ms keeps Reno
	 * out of the way.
	 */
	toe_cc_init(&cc, &toe_cc_cubic, MSS, 1000 * MSS, 0, 0);
	cc.ops->on_loss(&cc, 1000 * MSS, 0);
	cc.ops->on_recovered(&cc, 700 * MSS, 0);
	ms = rounds(0, 200, 1);
	CHECK(cc.u.cubic.k_ms >= 9080 && cc.u.cubic.k_ms <= 9090);
	ms = rounds(ms, 200, 22);		/* half of the way: nearly there */
	CHECK(cc.cwnd > 940 * MSS && cc.cwnd < 1000 * MSS);
	ms = rounds(ms, 200, 24);
	CHECK(cc.cwnd > 985 * MSS && cc.cwnd < 1015 * MSS);
	rounds(ms, 200, 45);			/* as far behind K as the start was before it */
	CHECK(cc.cwnd > 1240 * MSS && cc.cwnd < 1320 * MSS);
}

TEST(cubic_is_no_slower_than_reno)
{
	/* Short round trips: the Reno-friendly estimate leads. 0.529 segments per round trip. */
	toe_cc_init(&cc, &toe_cc_cubic, MSS, 40 * MSS, 0, 0);
	cc.ops->on_loss(&cc, 40 * MSS, 0);
	cc.ops->on_recovered(&cc, 28 * MSS, 0);
	rounds(0, 2, 20);
	CHECK(cc.cwnd >= 37 * MSS && cc.cwnd <= 40 * MSS);
}

TEST(cubic_time_stands_still_while_not_limited)
{
	struct toe_cc_ack idle = { .now = 5000000000u, .acked = MSS, .srtt_us = 100000 };
	uint32_t before;

	toe_cc_init(&cc, &toe_cc_cubic, MSS, 100 * MSS, 100 * MSS, 0);
	ack_at(10, MSS, 100);
	before = cc.cwnd;
	cc.ops->on_ack(&cc, &idle);
	CHECK_EQ(cc.cwnd, before);
	ack_at(5010, MSS, 100);
	CHECK(cc.cwnd - before < MSS);
}

TEST(cubic_forgets_its_maximum_at_a_timeout)
{
	toe_cc_init(&cc, &toe_cc_cubic, MSS, 100 * MSS, 0, 0);
	cc.ops->on_rto(&cc, 100 * MSS, true, 0);
	CHECK_EQ(cc.cwnd, MSS);
	CHECK_EQ(cc.ssthresh, 70 * MSS);
	rounds(0, 10, 20);
	CHECK_EQ(cc.u.cubic.k_ms, 0);
}

static void any_events(const struct toe_cc_ops *ops)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct test_rng r = { seed };
		uint64_t ms = 0;

		toe_cc_init(&cc, ops, 1 + test_below(&r, 9000), test_rand(&r), test_rand(&r), 0);
		for (int i = 0; i < 5000; i++) {
			uint32_t v =
				test_below(&r, 2) ? test_rand(&r) >> 2 : test_below(&r, 100000);
			uint64_t now;

			ms += test_below(&r, test_below(&r, 50) ? 20 : 1u << 30);
			now = ms * 1000000;
			switch (test_below(&r, 12)) {
			case 0: cc.ops->on_loss(&cc, v, now); break;
			case 1: cc.ops->on_recovered(&cc, v, now); break;
			case 2: cc.ops->on_rto(&cc, v, v & 1, now); break;
			case 3: cc.ops->after_idle(&cc, now); break;
			case 4: toe_cc_set_smss(&cc, test_below(&r, 9000)); break;
			default: ack_at(ms, v, test_below(&r, 3) ? 10 : test_rand(&r) >> 10);
			}
			CHECK(cc.cwnd >= cc.smss && cc.cwnd <= TOE_CWND_MAX);
			CHECK(cc.ssthresh >= 2 * cc.smss);
		}
	}
}

TEST(any_events_keep_newreno_in_bounds)
{
	any_events(&toe_cc_newreno);
}

TEST(any_events_keep_cubic_in_bounds)
{
	any_events(&toe_cc_cubic);
}
