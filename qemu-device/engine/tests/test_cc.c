/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_cc.c - congestion control: start values, RFC 5681, 3465 and 6582, and bounds for any input. */
#include "cc.h"
#include "tests/test.h"

#define MSS 1448u

static struct toe_cc cc;

static void ack(uint32_t bytes, bool limited)
{
	struct toe_cc_ack a = { .now = 0, .acked = bytes, .srtt_us = 1000, .cwnd_limited = limited };

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

TEST(any_events_keep_cwnd_in_bounds)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct test_rng r = { seed };

		toe_cc_init(&cc, &toe_cc_newreno, 1 + test_below(&r, 9000), test_rand(&r),
			    test_rand(&r), 0);
		for (int i = 0; i < 5000; i++) {
			uint32_t v = test_below(&r, 2) ? test_rand(&r) >> 2 : test_below(&r, 100000);

			switch (test_below(&r, 12)) {
			case 0: cc.ops->on_loss(&cc, v, 0); break;
			case 1: cc.ops->on_recovered(&cc, v, 0); break;
			case 2: cc.ops->on_rto(&cc, v, v & 1, 0); break;
			case 3: cc.ops->after_idle(&cc, 0); break;
			case 4: toe_cc_set_smss(&cc, test_below(&r, 9000)); break;
			default: ack(v, true);
			}
			CHECK(cc.cwnd >= cc.smss && cc.cwnd <= TOE_CWND_MAX);
			CHECK(cc.ssthresh >= 2 * cc.smss);
		}
	}
}
