/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_rtt.c - RFC 6298, and the scaled, saturated values of the delegated state (STA-15). */
#include "rtt.h"
#include "tests/test.h"

#define MS 1000000ull

/* RFC-12 */
TEST(first_sample_follows_rfc6298)
{
	struct toe_rtt r;

	toe_rtt_init(&r);
	CHECK_EQ(toe_rtt_rto(&r), 1000 * MS);
	CHECK_EQ(toe_rtt_srtt_us(&r), 0);
	toe_rtt_sample(&r, 400 * MS);
	CHECK_EQ(toe_rtt_srtt_us(&r), 400000);
	CHECK_EQ(r.rttvar4_us, 800000);		/* 4 x R / 2 */
	CHECK_EQ(toe_rtt_rto(&r), 1200 * MS);
	CHECK_EQ(r.min_us, 400000);
}

TEST(second_sample_weighs_an_eighth_and_a_quarter)
{
	struct toe_rtt r;

	toe_rtt_init(&r);
	toe_rtt_sample(&r, 400 * MS);
	toe_rtt_sample(&r, 480 * MS);
	CHECK_EQ(toe_rtt_srtt_us(&r), 410000);
	CHECK_EQ(r.rttvar4_us, 800000 * 3 / 4 + 80000);
}

TEST(timeout_leaves_room_for_a_delayed_ack)
{
	struct toe_rtt r;

	toe_rtt_init(&r);
	for (int i = 0; i < 100; i++)
		toe_rtt_sample(&r, 1000);
	CHECK(toe_rtt_rto(&r) >= 200 * MS);
	CHECK(toe_rtt_rto(&r) < 201 * MS);
	toe_rtt_sample(&r, 0);
	CHECK(r.srtt8_us > 0);
}

TEST(backoff_doubles_up_to_two_minutes)
{
	struct toe_rtt r;
	uint64_t want = 1000 * MS;

	toe_rtt_init(&r);
	for (int i = 0; i < 300; i++) {
		CHECK_EQ(toe_rtt_rto(&r), want < 120000 * MS ? want : 120000 * MS);
		toe_rtt_backoff(&r);
		want = want < 120000 * MS ? want * 2 : want;
	}
	toe_rtt_sample(&r, 100 * MS);
	CHECK_EQ(toe_rtt_rto(&r), 300 * MS);
	toe_rtt_backoff(&r);
	toe_rtt_reset_backoff(&r);
	CHECK_EQ(toe_rtt_rto(&r), 300 * MS);
	CHECK_EQ(toe_rtt_rto_shifted(&r, 3), 2400 * MS);
	CHECK_EQ(toe_rtt_rto_shifted(&r, 4000000000u), 120000 * MS);
}

TEST(huge_samples_saturate)
{
	struct toe_rtt r;

	toe_rtt_init(&r);
	for (int i = 0; i < 50; i++) {
		toe_rtt_sample(&r, i & 1 ? 1 : UINT64_MAX);
		CHECK(toe_rtt_rto(&r) <= 120000 * MS);
		CHECK(toe_rtt_rto(&r) >= 200 * MS);
	}
	for (int i = 0; i < 100; i++)
		toe_rtt_sample(&r, 10 * MS);
	CHECK(toe_rtt_rto(&r) < 400 * MS);
}

TEST(import_prefers_microseconds)
{
	struct toe_rtt r;

	toe_rtt_import(&r, 8 * 1234, 4 * 100000, 999, 999, 1000, 0);
	CHECK_EQ(toe_rtt_srtt_us(&r), 1234);
	CHECK_EQ(toe_rtt_rto(&r), (1234 + 400000) * 1000ull);
	toe_rtt_import(&r, 0, 0, 8 * 50, 4 * 75, 1000, 2);
	CHECK_EQ(toe_rtt_srtt_us(&r), 50000);
	CHECK_EQ(toe_rtt_rto(&r), 4 * 350 * MS);
	toe_rtt_import(&r, 0, 0, 8 * 5, 4 * 5, 100, 0);
	CHECK_EQ(toe_rtt_srtt_us(&r), 50000);
	toe_rtt_import(&r, 0, 0, 0, 0, 1000, 0);
	CHECK_EQ(toe_rtt_rto(&r), 1000 * MS);
}

TEST(any_import_is_safe_to_go_on_with)
{
	static const uint32_t edge[] = {0,	    1,		7,	    8,	       1000,
					0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
	static const uint32_t tps[] = { 0, 10, 100, 1000, 0xffffffff };

	for (size_t i = 0; i < 9; i++)
		for (size_t j = 0; j < 9; j++)
			for (size_t k = 0; k < 5; k++) {
				struct toe_rtt r;
				uint16_t a, b;

				toe_rtt_import(&r, edge[i], edge[j], (uint16_t)edge[j],
					       (uint16_t)edge[i], tps[k], 255);
				CHECK(toe_rtt_rto(&r) <= 120000 * MS);
				toe_rtt_export_ticks(&r, tps[k], &a, &b);
				toe_rtt_sample(&r, 100 * MS);
				CHECK(toe_rtt_rto(&r) <= 120000 * MS);
				CHECK(toe_rtt_rto(&r) >= 200 * MS);
			}
}

/* STA-15 */
TEST(ticks_are_scaled_rounded_up_and_saturated)
{
	struct toe_rtt r;
	uint16_t s, v;

	toe_rtt_import(&r, 8 * 50000, 4 * 25000, 0, 0, 1000, 0);
	toe_rtt_export_ticks(&r, 1000, &s, &v);
	CHECK_EQ(s, 400);
	CHECK_EQ(v, 100);
	toe_rtt_export_ticks(&r, 10, &s, &v);
	CHECK_EQ(s, 4);
	CHECK_EQ(v, 1);
	toe_rtt_import(&r, 8, 4, 0, 0, 1000, 0);	/* 1 us must not become "none" */
	toe_rtt_export_ticks(&r, 1000, &s, &v);
	CHECK_EQ(s, 1);
	toe_rtt_import(&r, 8 * 9000000, 4 * 20000000, 0, 0, 1000, 0);	/* 9 s > 8.19 s */
	toe_rtt_export_ticks(&r, 1000, &s, &v);
	CHECK_EQ(s, 0xffff);
	CHECK_EQ(v, 0xffff);
}

/* STA-9, STA-15, TMR-2 */
TEST(ticks_survive_a_round_trip)
{
	static const uint32_t tps[] = { 10, 100, 1000 };

	for (size_t k = 0; k < 3; k++)
		for (uint32_t t = 1; t < 65536; t += 77) {
			struct toe_rtt r;
			uint16_t s, v;

			toe_rtt_import(&r, 0, 0, (uint16_t)t, (uint16_t)(65536 - t), tps[k], 0);
			toe_rtt_export_ticks(&r, tps[k], &s, &v);
			if ((uint64_t)t * 1000000 / tps[k] <= UINT32_MAX) {
				CHECK_EQ(s, t);
			}
		}
}
