/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sack.c - the scoreboard of sack.h. A "hole" lies between two ranges, or between una and the first
 * one. All bytes of a hole have the same ranges above them, so one walk over the ranges answers
 * each question of RFC 6675.
 */
#include <string.h>

#include "sack.h"

void toe_sack_init(struct toe_sack *s, uint32_t una)
{
	memset(s, 0, sizeof(*s));
	s->una = una;
	s->high_rxt = una;
}

static void remove_ranges(struct toe_sack *s, uint32_t at, uint32_t n)
{
	memmove(&s->ranges[at], &s->ranges[at + n],
		(s->nranges - at - n) * sizeof(s->ranges[0]));
	s->nranges -= n;
}

void toe_sack_advance(struct toe_sack *s, uint32_t una)
{
	uint32_t n = 0;

	while (n < s->nranges && toe_seq_leq(s->ranges[n].end, una))
		s->bytes -= toe_range_len(s->ranges[n++]);
	remove_ranges(s, 0, n);
	if (s->nranges && toe_seq_lt(s->ranges[0].start, una)) {
		s->bytes -= una - s->ranges[0].start;
		s->ranges[0].start = una;
	}
	s->una = una;
	s->high_rxt = toe_seq_max(s->high_rxt, una);
}

/* Returns where b's newly reported part ends: above that, every byte of b was known. */
static uint32_t top_of_new(const struct toe_sack *s, struct toe_range b)
{
	uint32_t top = b.end;

	for (uint32_t i = s->nranges; i-- > 0;) {
		if (toe_seq_lt(s->ranges[i].end, top))
			break;
		if (toe_seq_lt(s->ranges[i].start, top))
			top = s->ranges[i].start;
	}
	return top;
}

/*
 * Add a valid block. Returns the number of new bytes; 0 with *full set if no range is free for it.
 */
static uint32_t add(struct toe_sack *s, struct toe_range b, bool *full)
{
	struct toe_range n = b;
	uint32_t i = 0, j, old = 0;

	while (i < s->nranges && toe_seq_lt(s->ranges[i].end, b.start))
		i++;
	for (j = i; j < s->nranges && toe_seq_leq(s->ranges[j].start, b.end); j++) {
		n.start = toe_seq_min(n.start, s->ranges[j].start);
		n.end = toe_seq_max(n.end, s->ranges[j].end);
		old += toe_range_len(s->ranges[j]);
	}
	if (i == j) {
		if (s->nranges == TOE_SACK_RANGES) {
			*full = true;
			return 0;
		}
		memmove(&s->ranges[i + 1], &s->ranges[i],
			(s->nranges - i) * sizeof(s->ranges[0]));
		s->nranges++;
	} else {
		remove_ranges(s, i + 1, j - i - 1);
	}
	s->ranges[i] = n;
	s->bytes += toe_range_len(n) - old;
	return toe_range_len(n) - old;
}

static bool is_dsack(const struct toe_sack *s, const struct toe_range *blocks, unsigned n)
{
	if (!toe_seq_lt(blocks[0].start, blocks[0].end))
		return false;
	if (toe_seq_lt(blocks[0].start, s->una))
		return true;
	return n > 1 && toe_seq_geq(blocks[0].start, blocks[1].start) &&
	       toe_seq_leq(blocks[0].end, blocks[1].end);
}

void toe_sack_update(struct toe_sack *s, uint32_t max, const struct toe_range *blocks, unsigned n,
		     struct toe_sack_result *res)
{
	memset(res, 0, sizeof(*res));
	for (unsigned i = 0; i < n; i++) {
		struct toe_range b = blocks[i];
		uint32_t top, fresh;
		bool full = false;

		if (i == 0 && is_dsack(s, blocks, n)) {
			res->dsack = true;
			res->dup = b;
			continue;
		}
		/*
		 * Checking that both ends lie in una .. max, in this order, is enough: nothing in
		 * it can overflow.
		 */
		if (b.start == b.end || b.end - s->una > max - s->una ||
		    b.start - s->una >= b.end - s->una) {
			res->ignored++;
			continue;
		}
		top = top_of_new(s, b);
		fresh = add(s, b, &full);
		if (full)
			res->ignored++;
		if (fresh && (!res->newly || toe_seq_gt(top, res->high_new)))
			res->high_new = top;
		res->newly += fresh;
	}
}

/* Is the hole below range i lost? above: bytes in ranges i and up. */
static bool hole_lost(const struct toe_sack *s, uint32_t i, uint32_t above, uint32_t smss,
		      uint32_t dup_thresh)
{
	if (i >= s->nranges)
		return false;
	if (s->nranges - i >= dup_thresh)
		return true;
	return above > (uint64_t)(dup_thresh - 1) * smss;
}

bool toe_sack_is_lost(const struct toe_sack *s, uint32_t seq, uint32_t smss, uint32_t dup_thresh)
{
	uint32_t above = s->bytes;

	for (uint32_t i = 0; i < s->nranges; i++) {
		if (toe_seq_lt(seq, s->ranges[i].start))
			return hole_lost(s, i, above, smss, dup_thresh);
		if (toe_seq_lt(seq, s->ranges[i].end))
			return false;
		above -= toe_range_len(s->ranges[i]);
	}
	return false;
}

bool toe_sack_is_sacked(const struct toe_sack *s, uint32_t seq)
{
	for (uint32_t i = 0; i < s->nranges; i++) {
		if (toe_seq_lt(seq, s->ranges[i].start))
			return false;
		if (toe_seq_lt(seq, s->ranges[i].end))
			return true;
	}
	return false;
}

uint32_t toe_sack_highest(const struct toe_sack *s)
{
	return s->nranges ? s->ranges[s->nranges - 1].end : s->una;
}

/* Hole i of nranges + 1, cut to end at max; false if nothing is left of it. */
static bool hole(const struct toe_sack *s, uint32_t i, uint32_t max, struct toe_range *h)
{
	h->start = i ? s->ranges[i - 1].end : s->una;
	h->end = i < s->nranges ? toe_seq_min(s->ranges[i].start, max) : max;
	return toe_seq_lt(h->start, h->end);
}

uint32_t toe_sack_pipe(const struct toe_sack *s, uint32_t max, uint32_t smss, uint32_t dup_thresh)
{
	uint32_t pipe = 0, above = s->bytes;

	for (uint32_t i = 0; i <= s->nranges; i++) {
		struct toe_range h;

		if (hole(s, i, max, &h)) {
			uint32_t rxt = toe_seq_min(h.end, s->high_rxt);

			if (!hole_lost(s, i, above, smss, dup_thresh))
				pipe += toe_range_len(h);
			if (toe_seq_gt(rxt, h.start))
				pipe += rxt - h.start;
		}
		if (i < s->nranges)
			above -= toe_range_len(s->ranges[i]);
	}
	return pipe;
}

/* Rules 1 and 3: the lowest hole below the highest range that was not retransmitted yet. */
static bool first_hole(const struct toe_sack *s, uint32_t max, uint32_t smss, uint32_t dup_thresh,
		       struct toe_range *r, bool *lost)
{
	uint32_t above = s->bytes;

	for (uint32_t i = 0; i < s->nranges; i++) {
		if (hole(s, i, max, r)) {
			r->start = toe_seq_max(r->start, s->high_rxt);
			if (toe_seq_lt(r->start, r->end)) {
				*lost = hole_lost(s, i, above, smss, dup_thresh);
				return true;
			}
		}
		above -= toe_range_len(s->ranges[i]);
	}
	return false;
}

/* Rule 4: at most smss bytes with the highest byte that has not been reported. */
static bool rescue(const struct toe_sack *s, uint32_t max, uint32_t smss, struct toe_range *r)
{
	if (s->rescued && !toe_seq_gt(s->una, s->high_rescue))
		return false;
	for (uint32_t i = s->nranges + 1; i-- > 0;) {
		if (!hole(s, i, max, r))
			continue;
		if (toe_range_len(*r) > smss)
			r->start = r->end - smss;
		return true;
	}
	return false;
}

enum toe_sack_rule toe_sack_next(const struct toe_sack *s, uint32_t max, uint32_t smss,
				 uint32_t dup_thresh, bool have_new, struct toe_range *r)
{
	bool lost = false;
	bool found = first_hole(s, max, smss, dup_thresh, r, &lost);

	if (found && lost)
		return TOE_SACK_LOST;
	if (have_new)
		return TOE_SACK_NEW;
	if (found)
		return TOE_SACK_HOLE;
	if (rescue(s, max, smss, r))
		return TOE_SACK_RESCUE;
	return TOE_SACK_NOTHING;
}

void toe_sack_retransmitted(struct toe_sack *s, struct toe_range r, enum toe_sack_rule rule,
			    uint32_t recovery_point)
{
	if (rule == TOE_SACK_RESCUE) {
		s->rescued = true;
		s->high_rescue = recovery_point;
	} else if (rule == TOE_SACK_LOST || rule == TOE_SACK_HOLE) {
		s->high_rxt = toe_seq_max(s->high_rxt, r.end);
	}
}

void toe_sack_restart(struct toe_sack *s)
{
	s->high_rxt = s->una;
	s->rescued = false;
}

bool toe_sack_rto(struct toe_sack *s)
{
	bool reneged = s->nranges && s->ranges[0].start == s->una;

	toe_sack_restart(s);
	if (reneged) {
		s->nranges = 0;
		s->bytes = 0;
	}
	return reneged;
}

bool toe_sack_unsacked(const struct toe_sack *s, uint32_t seq, uint32_t max, uint32_t max_len,
		       struct toe_range *r)
{
	for (uint32_t i = 0; i <= s->nranges; i++) {
		if (!hole(s, i, max, r))
			continue;
		r->start = toe_seq_max(r->start, seq);
		if (!toe_seq_lt(r->start, r->end))
			continue;
		if (toe_range_len(*r) > max_len)
			r->end = r->start + max_len;
		return true;
	}
	return false;
}

const char *toe_sack_check(const struct toe_sack *s, uint32_t max)
{
	uint32_t prev = s->una, bytes = 0;

	if (s->nranges > TOE_SACK_RANGES)
		return "sack: too many ranges";
	for (uint32_t i = 0; i < s->nranges; i++) {
		const struct toe_range *r = &s->ranges[i];

		if (!toe_seq_lt(r->start, r->end))
			return "sack: empty range";
		if (i ? !toe_seq_lt(prev, r->start) : toe_seq_lt(r->start, s->una))
			return "sack: ranges unsorted or touching";
		prev = r->end;
		bytes += toe_range_len(*r);
	}
	if (toe_seq_gt(prev, max))
		return "sack: range beyond SND.MAX";
	if (bytes != s->bytes)
		return "sack: bytes counted wrongly";
	if (toe_seq_lt(s->high_rxt, s->una))
		return "sack: HighRxt below SND.UNA";
	return NULL;
}
