/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * seq.h - comparison of TCP sequence numbers and of timestamps, modulo 2^32.
 *
 * Pure inline functions, used by every file of the engine. "a < b" means that b is less than 2^31
 * ahead of a. This is no order over the whole circle: compare only numbers that belong to one
 * connection's windows, or check a foreign number against a known one first.
 */
#ifndef TOE_SEQ_H
#define TOE_SEQ_H

#include <stdbool.h>
#include <stdint.h>

/* A half-open range of sequence numbers; empty if start == end. */
struct toe_range {
	uint32_t start, end;
};

/* How far a is ahead of b; negative if it is behind. */
static inline int32_t toe_seq_diff(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

static inline bool toe_seq_lt(uint32_t a, uint32_t b)
{
	return toe_seq_diff(a, b) < 0;
}

static inline bool toe_seq_leq(uint32_t a, uint32_t b)
{
	return toe_seq_diff(a, b) <= 0;
}

static inline bool toe_seq_gt(uint32_t a, uint32_t b)
{
	return toe_seq_diff(a, b) > 0;
}

static inline bool toe_seq_geq(uint32_t a, uint32_t b)
{
	return toe_seq_diff(a, b) >= 0;
}

static inline uint32_t toe_seq_min(uint32_t a, uint32_t b)
{
	return toe_seq_lt(a, b) ? a : b;
}

static inline uint32_t toe_seq_max(uint32_t a, uint32_t b)
{
	return toe_seq_gt(a, b) ? a : b;
}

/* lo <= s <= hi going forward from lo; right for any s and for hi - lo up to 2^32 - 1. */
static inline bool toe_seq_between(uint32_t lo, uint32_t s, uint32_t hi)
{
	return s - lo <= hi - lo;
}

/* lo <= s < lo + len; right for any s. */
static inline bool toe_seq_within(uint32_t lo, uint32_t s, uint32_t len)
{
	return s - lo < len;
}

static inline uint32_t toe_range_len(struct toe_range r)
{
	return r.end - r.start;
}

#endif /* TOE_SEQ_H */
