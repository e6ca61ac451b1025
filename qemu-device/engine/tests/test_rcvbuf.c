/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_rcvbuf.c - the receive buffer, case by case and against a model that keeps one flag per
 * byte. Byte s of the stream has the value of_seq(s), so that every byte read shows where it
 * belongs.
 */
#include "rcvbuf.h"
#include "tests/test.h"

#define CAP 1000u

static uint8_t mem[CAP];
static struct toe_rcvbuf b;
static struct toe_rcv_result res;

static uint8_t of_seq(uint32_t s)
{
	return (uint8_t)(s * 2654435761u >> 24);
}

static void put(uint32_t seq, uint32_t len, bool push)
{
	uint8_t data[4 * CAP];

	for (uint32_t i = 0; i < len; i++)
		data[i] = of_seq(seq + i);
	toe_rcvbuf_insert(&b, seq, data, len, push, &res);
	CHECK_NULL(toe_rcvbuf_check(&b));
}

static void check_bytes(uint32_t off, uint32_t len)
{
	const uint8_t *span[2];
	uint32_t n[2], seq = b.base + off;

	toe_rcvbuf_spans(&b, off, len, span, n);
	for (int i = 0; i < 2; i++)
		for (uint32_t k = 0; k < n[i]; k++, seq++)
			CHECK_EQ(span[i][k], of_seq(seq));
	CHECK_EQ(seq, b.base + off + len);
}

TEST(in_order_data_is_kept_and_read)
{
	toe_rcvbuf_init(&b, mem, CAP, 0xffffff00u);
	put(0xffffff00u, 400, false);
	CHECK_EQ(res.advanced, 400);
	CHECK_EQ(res.stored, 400);
	CHECK(!res.out_of_order && !res.filled && !res.dropped);
	CHECK_EQ(b.nxt, 0xffffff00u + 400);
	CHECK_EQ(toe_rcvbuf_room(&b), 600);
	check_bytes(0, 400);
	toe_rcvbuf_consume(&b, 300);
	put(b.nxt, 800, false);		/* around the end of the memory; 100 + 800 held */
	CHECK_EQ(res.advanced, 800);
	check_bytes(0, 900);
	check_bytes(650, 200);
	toe_rcvbuf_consume(&b, 5000);
	CHECK_EQ(toe_rcvbuf_len(&b), 0);
	CHECK_EQ(b.pos, 0);
}

/* RFC-13 */
TEST(a_gap_is_filled_without_a_copy)
{
	toe_rcvbuf_init(&b, mem, CAP, 100);
	put(200, 100, false);
	CHECK(res.out_of_order);
	CHECK_EQ(res.advanced, 0);
	CHECK_EQ(res.stored, 100);
	put(400, 100, false);
	put(100, 100, false);
	CHECK_EQ(res.advanced, 200);
	CHECK(res.filled);
	CHECK_EQ(b.nxt, 300);
	put(300, 100, false);
	CHECK_EQ(b.nxt, 500);
	CHECK_EQ(b.nranges, 0);
	check_bytes(0, 400);
}

TEST(latest_segment_comes_first_in_the_blocks)
{
	struct toe_range out[4];

	toe_rcvbuf_init(&b, mem, CAP, 0);
	put(100, 10, false);
	put(300, 10, false);
	put(200, 10, false);
	CHECK_EQ(toe_rcvbuf_sacks(&b, out, 4), 3);
	CHECK_EQ(out[0].start, 200);
	CHECK_EQ(out[1].start, 300);
	CHECK_EQ(out[2].start, 100);
	put(110, 5, false);		/* grows the oldest: it is the latest now */
	CHECK_EQ(toe_rcvbuf_sacks(&b, out, 2), 2);
	CHECK_EQ(out[0].start, 100);
	CHECK_EQ(out[0].end, 115);
	CHECK_EQ(out[1].start, 200);
	put(200, 10, false);		/* a duplicate says so as well */
	CHECK_EQ(res.stored, 0);
	CHECK_EQ(toe_rcvbuf_sacks(&b, out, 1), 1);
	CHECK_EQ(out[0].start, 200);
}

TEST(duplicates_are_reported)
{
	struct toe_range c;

	toe_rcvbuf_init(&b, mem, CAP, 1000);
	put(1000, 100, false);
	put(1000, 100, false);
	CHECK_EQ(res.dup.start, 1000);
	CHECK_EQ(res.dup.end, 1100);
	CHECK_EQ(res.stored, 0);
	put(1050, 100, false);
	CHECK_EQ(res.dup.start, 1050);
	CHECK_EQ(res.dup.end, 1100);
	CHECK_EQ(res.advanced, 50);
	put(1300, 100, false);
	CHECK_EQ(res.dup.start, res.dup.end);
	put(1250, 100, false);
	CHECK_EQ(res.dup.start, 1300);
	CHECK_EQ(res.dup.end, 1350);
	CHECK_EQ(res.stored, 50);
	CHECK(toe_rcvbuf_covering(&b, res.dup, &c));
	CHECK_EQ(c.start, 1250);
	CHECK_EQ(c.end, 1400);
	put(1240, 200, false);		/* over it on both sides */
	CHECK_EQ(res.stored, 50);
	CHECK_EQ(b.ooo_bytes, 200);
	put(10, 20, false);		/* long gone */
	CHECK_EQ(res.dup.start, 10);
	CHECK_EQ(res.dup.end, 30);
	check_bytes(0, 150);
}

TEST(what_does_not_fit_is_refused)
{
	toe_rcvbuf_init(&b, mem, CAP, 0);
	put(1000, 1, false);
	CHECK(res.dropped);
	CHECK_EQ(res.stored, 0);
	put(990, 20, true);
	CHECK(res.dropped && res.out_of_order);
	CHECK_EQ(res.stored, 10);
	put(0, 2000, true);
	CHECK(res.dropped);
	CHECK_EQ(res.advanced, 1000);
	CHECK_EQ(toe_rcvbuf_push_len(&b), 0);	/* the byte with PSH is not here */
	CHECK_EQ(toe_rcvbuf_room(&b), 0);
	put(1000, 1, false);
	CHECK(res.dropped);
	check_bytes(0, 1000);
	put(0x80000000u, 100, false);
	CHECK_EQ(res.stored, 0);
	put(0x7fffffffu, 100, false);
	CHECK_EQ(res.stored, 0);
}

/* SegmentSmack's kind of attack. */
TEST(tiny_segments_meet_a_bound)
{
	toe_rcvbuf_init(&b, mem, CAP, 0);
	for (uint32_t i = 0; i < 400; i++)
		put(2 + 2 * i, 1, false);
	CHECK_EQ(b.nranges, TOE_RCV_RANGES);
	CHECK(res.dropped);
	put(3, 1, false);		/* joins two: accepted even now */
	CHECK(!res.dropped);
	CHECK_EQ(b.nranges, TOE_RCV_RANGES - 1);
	put(0, 2, false);
	CHECK_EQ(b.nxt, 5);
}

/* DLV-12, DLV-13: each byte's PSH waits with it. */
TEST(push_marks_follow_their_bytes)
{
	toe_rcvbuf_init(&b, mem, CAP, 0);
	put(0, 10, true);
	CHECK_EQ(toe_rcvbuf_push_len(&b), 10);
	put(10, 10, false);
	CHECK_EQ(toe_rcvbuf_push_len(&b), 10);
	put(40, 10, true);
	put(50, 10, false);
	CHECK_EQ(toe_rcvbuf_push_len(&b), 10);
	put(20, 20, false);
	CHECK_EQ(b.nxt, 60);
	CHECK_EQ(toe_rcvbuf_push_len(&b), 50);
	toe_rcvbuf_consume(&b, 49);
	CHECK_EQ(toe_rcvbuf_push_len(&b), 1);
	toe_rcvbuf_consume(&b, 1);
	CHECK_EQ(toe_rcvbuf_push_len(&b), 0);
}

/* BRD-2: the bytes lie to the left of RCV.NXT. */
TEST(import_gives_room_for_buffered_data)
{
	uint8_t *span[2];
	uint32_t n[2];

	toe_rcvbuf_init(&b, mem, CAP, 0xfffffff0u);
	toe_rcvbuf_import(&b, 100, span, n);
	CHECK_EQ(n[0] + n[1], 100);
	for (uint32_t i = 0; i < n[0]; i++)
		span[0][i] = of_seq(0xfffffff0u + i);
	CHECK_EQ(b.nxt, 0xfffffff0u + 100);
	CHECK_NULL(toe_rcvbuf_check(&b));
	check_bytes(0, 100);
	toe_rcvbuf_init(&b, mem, CAP, 5);
	toe_rcvbuf_import(&b, 0, span, n);
	CHECK(!span[0] && !span[1]);
}

TEST(growing_keeps_every_byte)
{
	static uint8_t big[4 * CAP];

	toe_rcvbuf_init(&b, mem, CAP, 0);
	put(0, 900, false);
	toe_rcvbuf_consume(&b, 850);
	put(900, 300, true);
	put(1300, 200, true);
	CHECK(toe_rcvbuf_grow(&b, big, sizeof(big)) == mem);
	memset(mem, 0, sizeof(mem));
	CHECK_NULL(toe_rcvbuf_check(&b));
	check_bytes(0, 350);
	put(1200, 100, false);
	CHECK_EQ(b.nxt, 1500);
	check_bytes(0, 650);
	put(1500, 3000, false);
	check_bytes(0, 3650);
}

TEST(bypass_leaves_the_memory_in_step)
{
	toe_rcvbuf_init(&b, mem, CAP, 0);
	CHECK(toe_rcvbuf_may_bypass(&b, 100000));
	CHECK_EQ(toe_rcvbuf_bypass(&b, 2300), 0);
	CHECK_EQ(b.nxt, 2300);
	put(2500, 100, true);
	CHECK(!toe_rcvbuf_may_bypass(&b, 201));
	CHECK(toe_rcvbuf_may_bypass(&b, 150));
	CHECK_EQ(toe_rcvbuf_bypass(&b, 150), 0);
	CHECK(toe_rcvbuf_may_bypass(&b, 50));
	CHECK_EQ(toe_rcvbuf_bypass(&b, 50), 100);
	CHECK_EQ(b.nxt, 2600);
	CHECK_NULL(toe_rcvbuf_check(&b));
	check_bytes(0, 100);
	CHECK_EQ(toe_rcvbuf_push_len(&b), 100);
	CHECK(!toe_rcvbuf_may_bypass(&b, 1));
}

TEST(dropping_keeps_the_in_order_part)
{
	toe_rcvbuf_init(&b, mem, CAP, 0);
	put(0, 10, false);
	put(20, 10, false);
	toe_rcvbuf_drop_ooo(&b);
	CHECK_NULL(toe_rcvbuf_check(&b));
	CHECK_EQ(b.nxt, 10);
	put(10, 10, false);
	CHECK_EQ(b.nxt, 20);
	check_bytes(0, 20);
}

/* The model: have[s - start] for a stretch of sequence space; everything is recomputed from it. */
static void model_run(uint64_t seed)
{
	enum { SPAN = 6000 };
	static bool have[SPAN];
	struct test_rng r = { seed };
	uint32_t start = test_rand(&r), base = 0, nxt = 0;

	memset(have, 0, sizeof(have));
	toe_rcvbuf_init(&b, mem, CAP, start);
	while (base < SPAN - CAP - 200) {
		uint32_t off = nxt + test_below(&r, 400), len = test_below(&r, 150), end,
			 before = nxt;

		off -= test_below(&r, 200) < off ? test_below(&r, 200) : 0;
		if (off > SPAN)
			off = nxt;
		if (test_below(&r, 8) == 0)
			off = nxt;
		put(start + off, len, test_below(&r, 4) == 0);
		end = off + len < base + CAP ? off + len : base + CAP;
		if (!(res.dropped && res.out_of_order && !res.stored))
			for (uint32_t i = off; i < end; i++)
				have[i] = true;
		while (have[nxt])
			nxt++;
		CHECK_EQ(b.nxt, start + nxt);
		CHECK_EQ(res.advanced, nxt - before);
		check_bytes(0, nxt - base);
		for (uint32_t i = 0; i < b.nranges; i++)
			for (uint32_t s = b.ranges[i].r.start; s != b.ranges[i].r.end; s++) {
				uint32_t at = (b.pos + (s - b.base)) % CAP;

				CHECK(have[s - start]);
				CHECK_EQ(mem[at], of_seq(s));
			}
		if (test_below(&r, 3) == 0) {
			uint32_t n = test_below(&r, nxt - base + 1);

			toe_rcvbuf_consume(&b, n);
			base += n;
			CHECK_NULL(toe_rcvbuf_check(&b));
		}
	}
}

TEST(random_segments_agree_with_a_model)
{
	for (uint64_t seed = 1; seed <= 60; seed++)
		model_run(seed);
}
