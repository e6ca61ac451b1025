/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_sack.c - the scoreboard: RFC 2018, 2883 and 6675 case by case, attacks, and a model that
 * keeps one flag per byte and answers IsLost and SetPipe straight from RFC 6675's text.
 */
#include "sack.h"
#include "tests/test.h"

#define MSS 100u
#define THRESH 3u

static struct toe_sack s;
static struct toe_sack_result res;

static void take(uint32_t max, uint32_t a, uint32_t b)
{
	struct toe_range r = { a, b };

	toe_sack_update(&s, max, &r, 1, &res);
	CHECK_NULL(toe_sack_check(&s, max));
}

TEST(blocks_join_and_are_counted_once)
{
	toe_sack_init(&s, 1000);
	take(3000, 1100, 1200);
	CHECK_EQ(res.newly, 100);
	CHECK_EQ(res.high_new, 1200);
	take(3000, 1100, 1200);
	CHECK_EQ(res.newly, 0);
	take(3000, 1300, 1400);
	take(3000, 1150, 1350);
	CHECK_EQ(res.newly, 100);
	CHECK_EQ(res.high_new, 1300);
	CHECK_EQ(s.nranges, 1);
	CHECK_EQ(s.bytes, 300);
	CHECK_EQ(toe_sack_highest(&s), 1400);
	CHECK(toe_sack_is_sacked(&s, 1399));
	CHECK(!toe_sack_is_sacked(&s, 1400));
	CHECK(!toe_sack_is_sacked(&s, 1099));
	toe_sack_advance(&s, 1200);
	CHECK_EQ(s.bytes, 200);
	toe_sack_advance(&s, 1400);
	CHECK_EQ(s.nranges, 0);
	CHECK_EQ(toe_sack_highest(&s), 1400);
}

TEST(invalid_blocks_are_ignored)
{
	static const uint32_t bad[][2] = {
		{ 2000, 2000 }, { 2100, 2000 }, { 2900, 3001 }, { 3000, 3100 }, { 5000, 6000 },
		{ 2000, 2000 + 0x80000000u }, { 2000, 1999 }, { 2000, 0x7fffffff }, { 3001, 3002 },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		toe_sack_init(&s, 1000);
		take(3000, bad[i][0], bad[i][1]);
		CHECK_EQ(s.nranges, 0);
		CHECK_EQ(res.newly, 0);
		CHECK_EQ(res.ignored, 1);
		CHECK(!res.dsack);
	}
	toe_sack_init(&s, 1000);
	take(3000, 2900, 3000);		/* up to SND.MAX is fine */
	CHECK_EQ(res.newly, 100);
	toe_sack_init(&s, 1000);
	take(1000, 1000, 1001);		/* nothing was sent */
	CHECK_EQ(res.ignored, 1);
}

TEST(duplicates_are_told_from_news)
{
	struct toe_range below[2] = { { 900, 1000 }, { 1500, 1600 } };
	struct toe_range inside[2] = { { 1500, 1600 }, { 1400, 1700 } };
	struct toe_range second[2] = { { 1500, 1600 }, { 900, 1000 } };

	toe_sack_init(&s, 1000);
	toe_sack_update(&s, 3000, below, 2, &res);
	CHECK(res.dsack);
	CHECK_EQ(res.dup.start, 900);
	CHECK_EQ(res.newly, 100);
	toe_sack_init(&s, 1000);
	toe_sack_update(&s, 3000, inside, 2, &res);
	CHECK(res.dsack);
	CHECK_EQ(res.newly, 300);
	toe_sack_init(&s, 1000);
	toe_sack_update(&s, 3000, second, 2, &res);
	CHECK(!res.dsack);		/* an old block in second place is just old */
	CHECK_EQ(res.ignored, 1);
	toe_sack_init(&s, 1000);
	take(3000, 800, 700);
	CHECK(!res.dsack);
}

TEST(loss_needs_three_ranges_or_more_than_two_segments)
{
	toe_sack_init(&s, 0);
	take(10000, 100, 300);
	CHECK(!toe_sack_is_lost(&s, 0, MSS, THRESH));	/* 200 is not more than 200 */
	take(10000, 300, 301);
	CHECK(toe_sack_is_lost(&s, 0, MSS, THRESH));
	CHECK(toe_sack_is_lost(&s, 99, MSS, THRESH));
	CHECK(!toe_sack_is_lost(&s, 100, MSS, THRESH));
	CHECK(!toe_sack_is_lost(&s, 301, MSS, THRESH));
	toe_sack_init(&s, 0);
	take(10000, 100, 110);
	take(10000, 200, 210);
	CHECK(!toe_sack_is_lost(&s, 50, MSS, THRESH));
	take(10000, 300, 310);
	CHECK(toe_sack_is_lost(&s, 50, MSS, THRESH));
	CHECK(!toe_sack_is_lost(&s, 150, MSS, THRESH));
	CHECK(toe_sack_is_lost(&s, 150, MSS, 2));
}

TEST(next_segment_follows_the_rules_in_order)
{
	struct toe_range r;

	toe_sack_init(&s, 0);
	take(2000, 100, 200);
	take(2000, 300, 400);
	take(2000, 500, 700);
	/* Holes: 0..100 lost, 200..300 lost (300 bytes above), 400..500 not, 700..2000 not. */
	CHECK_EQ(toe_sack_next(&s, 2000, MSS, THRESH, true, &r), TOE_SACK_LOST);
	CHECK_EQ(r.start, 0);
	CHECK_EQ(r.end, 100);
	toe_sack_retransmitted(&s, r, TOE_SACK_LOST, 2000);
	CHECK_EQ(toe_sack_next(&s, 2000, MSS, THRESH, true, &r), TOE_SACK_LOST);
	CHECK_EQ(r.start, 200);
	r.end = 250;
	toe_sack_retransmitted(&s, r, TOE_SACK_LOST, 2000);
	CHECK_EQ(toe_sack_next(&s, 2000, MSS, THRESH, true, &r), TOE_SACK_LOST);
	CHECK_EQ(r.start, 250);
	CHECK_EQ(r.end, 300);
	toe_sack_retransmitted(&s, r, TOE_SACK_LOST, 2000);
	CHECK_EQ(toe_sack_next(&s, 2000, MSS, THRESH, true, &r), TOE_SACK_NEW);
	CHECK_EQ(toe_sack_next(&s, 2000, MSS, THRESH, false, &r), TOE_SACK_HOLE);
	CHECK_EQ(r.start, 400);
	CHECK_EQ(r.end, 500);
	toe_sack_retransmitted(&s, r, TOE_SACK_HOLE, 2000);
	CHECK_EQ(toe_sack_next(&s, 2000, MSS, THRESH, false, &r), TOE_SACK_RESCUE);
	CHECK_EQ(r.start, 1900);
	CHECK_EQ(r.end, 2000);
	toe_sack_retransmitted(&s, r, TOE_SACK_RESCUE, 2000);
	CHECK_EQ(toe_sack_next(&s, 2000, MSS, THRESH, false, &r), TOE_SACK_NOTHING);
	CHECK_EQ(s.high_rxt, 500);
	toe_sack_restart(&s);
	CHECK_EQ(toe_sack_next(&s, 2000, MSS, THRESH, false, &r), TOE_SACK_LOST);
	CHECK_EQ(r.start, 0);
}

TEST(rescue_takes_the_highest_unreported_byte)
{
	struct toe_range r;

	toe_sack_init(&s, 0);
	take(1000, 800, 1000);
	s.high_rxt = 800;
	CHECK_EQ(toe_sack_next(&s, 1000, MSS, THRESH, false, &r), TOE_SACK_RESCUE);
	CHECK_EQ(r.start, 700);
	CHECK_EQ(r.end, 800);
}

/* RFC-15: SACK information is advice; the peer may renege (RFC 2018 8). */
TEST(timeout_forgets_only_when_the_peer_reneged)
{
	toe_sack_init(&s, 0);
	take(1000, 100, 200);
	s.high_rxt = 100;
	CHECK(!toe_sack_rto(&s));
	CHECK_EQ(s.nranges, 1);
	CHECK_EQ(s.high_rxt, 0);
	toe_sack_advance(&s, 150); /* acknowledges into a range that should have gone with it */
	CHECK(toe_sack_rto(&s));
	CHECK_EQ(s.nranges, 0);
	CHECK_EQ(s.bytes, 0);
}

TEST(go_back_n_skips_what_arrived)
{
	struct toe_range r;

	toe_sack_init(&s, 0);
	take(1000, 100, 200);
	take(1000, 300, 1000);
	CHECK(toe_sack_unsacked(&s, 0, 1000, 60, &r));
	CHECK_EQ(r.start, 0);
	CHECK_EQ(r.end, 60);
	CHECK(toe_sack_unsacked(&s, 60, 1000, 60, &r));
	CHECK_EQ(r.end, 100);
	CHECK(toe_sack_unsacked(&s, 100, 1000, 60, &r));
	CHECK_EQ(r.start, 200);
	CHECK(!toe_sack_unsacked(&s, 300, 1000, 60, &r));
	CHECK(!toe_sack_unsacked(&s, 0, 0, 60, &r));
}

/* CVE-2019-11477 and its kin: one-byte blocks everywhere; memory and results must stay sound. */
TEST(a_storm_of_blocks_meets_a_bound)
{
	struct test_rng r = { 9 };
	uint32_t una = 0xffff0000u, max = una + (1u << 30);

	toe_sack_init(&s, una);
	for (int i = 0; i < 200000; i++) {
		struct toe_range blocks[4];

		for (int k = 0; k < 4; k++) {
			blocks[k].start = una + test_below(&r, i & 1 ? 4000 : UINT32_MAX);
			blocks[k].end = blocks[k].start + (i & 2 ? 1 : test_rand(&r));
		}
		toe_sack_update(&s, max, blocks, 4, &res);
		CHECK(s.nranges <= TOE_SACK_RANGES);
		CHECK(toe_sack_pipe(&s, max, 8, THRESH) <= 2 * (max - una));
		if (i % 1000 == 0) {
			CHECK_NULL(toe_sack_check(&s, max));
			una += test_below(&r, 100);
			toe_sack_advance(&s, una);
			CHECK_NULL(toe_sack_check(&s, max));
		}
	}
}

/* RFC 6675's definitions byte by byte. */
enum { SPAN = 1200 };
static bool got[SPAN];

static bool model_lost(uint32_t at, uint32_t top)
{
	uint32_t bytes = 0, runs = 0;

	for (uint32_t i = at + 1; i < top; i++)
		if (got[i]) {
			bytes++;
			runs += !got[i - 1] || i - 1 == at;
		}
	return runs >= THRESH || bytes > (THRESH - 1) * MSS;
}

static uint32_t model_pipe(uint32_t una, uint32_t max, uint32_t high_rxt)
{
	uint32_t pipe = 0;

	for (uint32_t i = una; i < max; i++)
		if (!got[i])
			pipe += !model_lost(i, max) + (i < high_rxt);
	return pipe;
}

TEST(random_blocks_agree_with_a_model)
{
	for (uint64_t seed = 1; seed <= 25; seed++) {
		struct test_rng r = { seed };
		uint32_t isn = test_rand(&r), una = 0, max = SPAN;

		memset(got, 0, sizeof(got));
		toe_sack_init(&s, isn);
		for (int i = 0; i < 30; i++) {
			uint32_t a = una + test_below(&r, max - una - 1),
				 n = 1 + test_below(&r, 90);
			uint32_t fresh = 0, b = a + n < max ? a + n : max;

			take(isn + max, isn + a, isn + b);
			for (uint32_t k = a; k < b; k++) {
				fresh += !got[k];
				got[k] = true;
			}
			CHECK_EQ(res.newly, fresh);
			s.high_rxt = isn + una + test_below(&r, max - una);
			CHECK_EQ(toe_sack_pipe(&s, isn + max, MSS, THRESH),
				 model_pipe(una, max, s.high_rxt - isn));
			for (uint32_t k = una; k < max; k += 37) {
				CHECK_EQ(toe_sack_is_sacked(&s, isn + k), got[k]);
				if (!got[k])
					CHECK_EQ(toe_sack_is_lost(&s, isn + k, MSS, THRESH),
						 model_lost(k, max));
			}
			if (test_below(&r, 6) == 0) {
				una += test_below(&r, 60);
				while (una < max && got[una])
					una++;
				if (una >= max - 2)
					break;
				toe_sack_advance(&s, isn + una);
				CHECK_NULL(toe_sack_check(&s, isn + max));
			}
		}
	}
}
