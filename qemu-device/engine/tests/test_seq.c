/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_seq.c - modular comparison, at the places where plain comparison goes wrong. */
#include "seq.h"
#include "tests/test.h"

TEST(order_holds_across_the_wrap)
{
	for (uint32_t base = 0xffffff00u; base != 0x100u; base += 0x10) {
		CHECK(toe_seq_lt(base, base + 1));
		CHECK(!toe_seq_lt(base, base));
		CHECK(toe_seq_leq(base, base));
		CHECK(toe_seq_gt(base + 0x7fffffffu, base));
		CHECK(toe_seq_geq(base, base));
		CHECK_EQ(toe_seq_max(base, base + 5), base + 5);
		CHECK_EQ(toe_seq_min(base, base + 5), base);
		CHECK(toe_seq_diff(base, base + 3) == -3);
	}
}

TEST(between_includes_both_ends)
{
	CHECK(toe_seq_between(0xfffffff0u, 0xfffffff0u, 0x10));
	CHECK(toe_seq_between(0xfffffff0u, 0x10, 0x10));
	CHECK(toe_seq_between(0xfffffff0u, 0, 0x10));
	CHECK(!toe_seq_between(0xfffffff0u, 0x11, 0x10));
	CHECK(!toe_seq_between(0xfffffff0u, 0xffffffefu, 0x10));
	CHECK(toe_seq_between(7, 7, 7));
	CHECK(!toe_seq_between(7, 8, 7));
}

TEST(within_excludes_the_end)
{
	CHECK(!toe_seq_within(5, 5, 0));
	CHECK(toe_seq_within(5, 5, 1));
	CHECK(!toe_seq_within(5, 6, 1));
	CHECK(toe_seq_within(0xffffffffu, 3, 5));
	CHECK(!toe_seq_within(0xffffffffu, 4, 5));
}

TEST(range_len_wraps)
{
	struct toe_range r = { 0xfffffffeu, 3 };

	CHECK_EQ(toe_range_len(r), 5);
}
