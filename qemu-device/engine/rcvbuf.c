/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rcvbuf.c - the circular receive buffer of rcvbuf.h. The byte with sequence number s lies at
 * (pos + s - base) mod cap, in order or not, so that filling a gap never moves data.
 */
#include <string.h>

#include "rcvbuf.h"

void toe_rcvbuf_init(struct toe_rcvbuf *b, uint8_t *mem, uint32_t cap, uint32_t seq)
{
	memset(b, 0, sizeof(*b));
	b->mem = mem;
	b->cap = cap;
	b->base = seq;
	b->nxt = seq;
}

/* Offset in mem of the byte off behind base; off is at most cap. */
static uint32_t place_of(const struct toe_rcvbuf *b, uint32_t off)
{
	uint32_t p = b->pos + off;

	return p >= b->cap ? p - b->cap : p;
}

static void copy_in(struct toe_rcvbuf *b, uint32_t seq, const uint8_t *data, uint32_t len)
{
	uint32_t at = place_of(b, seq - b->base);
	uint32_t first = b->cap - at < len ? b->cap - at : len;

	memcpy(b->mem + at, data, first);
	if (first < len)
		memcpy(b->mem, data + first, len - first);
}

/* The two spans of len bytes from off behind base on. */
static uint32_t two_spans(const struct toe_rcvbuf *b, uint32_t off, uint32_t len, uint8_t *span[2],
			  uint32_t span_len[2])
{
	uint32_t at = place_of(b, off);
	uint32_t first = b->cap - at < len ? b->cap - at : len;

	span[0] = first ? b->mem + at : NULL;
	span_len[0] = first;
	span[1] = first < len ? b->mem : NULL;
	span_len[1] = len - first;
	return (span_len[0] ? 1u : 0u) + (span_len[1] ? 1u : 0u);
}

void toe_rcvbuf_import(struct toe_rcvbuf *b, uint32_t len, uint8_t *span[2], uint32_t span_len[2])
{
	if (len > b->cap)
		len = b->cap;
	two_spans(b, 0, len, span, span_len);
	b->nxt = b->base + len;
}

uint8_t *toe_rcvbuf_grow(struct toe_rcvbuf *b, uint8_t *mem, uint32_t cap)
{
	uint32_t end = b->nranges ? b->ranges[b->nranges - 1].r.end : b->nxt;
	uint8_t *old = b->mem, *span[2];
	uint32_t len[2];

	two_spans(b, 0, end - b->base, span, len);
	if (len[0])
		memcpy(mem, span[0], len[0]);
	if (len[1])
		memcpy(mem + len[0], span[1], len[1]);
	b->mem = mem;
	b->cap = cap;
	b->pos = 0;
	return old;
}

static void mark_push(struct toe_rcvbuf *b, uint32_t end)
{
	if (!b->push || toe_seq_gt(end, b->push_end))
		b->push_end = end;
	b->push = true;
}

static void remove_ranges(struct toe_rcvbuf *b, uint32_t at, uint32_t n)
{
	memmove(&b->ranges[at], &b->ranges[at + n],
		(b->nranges - at - n) * sizeof(b->ranges[0]));
	b->nranges -= n;
}

/* nxt has moved: absorb the ranges that it has reached. Returns whether there were any. */
static bool absorb(struct toe_rcvbuf *b)
{
	uint32_t n = 0;

	while (n < b->nranges && toe_seq_leq(b->ranges[n].r.start, b->nxt)) {
		const struct toe_rcv_range *r = &b->ranges[n];

		b->ooo_bytes -= toe_range_len(r->r);
		b->nxt = toe_seq_max(b->nxt, r->r.end);
		/* A mark that in-order bytes have passed stays valid: base is not past it. */
		if (r->push)
			mark_push(b, r->push_end);
		n++;
	}
	remove_ranges(b, 0, n);
	return n > 0;
}

/* Bytes of s that ranges hold already; the first such part goes to *dup if that is empty. */
static uint32_t overlap(const struct toe_rcvbuf *b, struct toe_range s, struct toe_range *dup)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < b->nranges && toe_seq_lt(b->ranges[i].r.start, s.end); i++) {
		struct toe_range c = {
			.start = toe_seq_max(b->ranges[i].r.start, s.start),
			.end = toe_seq_min(b->ranges[i].r.end, s.end),
		};

		if (toe_seq_geq(c.start, c.end))
			continue;
		n += toe_range_len(c);
		if (dup->start == dup->end)
			*dup = c;
	}
	return n;
}

/* Add s to the list, merged with what it touches. False if no range is free. */
static bool add_range(struct toe_rcvbuf *b, struct toe_range s, bool push)
{
	struct toe_rcv_range n = { .r = s, .push = push, .push_end = s.end };
	uint32_t i = 0, j;

	while (i < b->nranges && toe_seq_lt(b->ranges[i].r.end, s.start))
		i++;
	for (j = i; j < b->nranges && toe_seq_leq(b->ranges[j].r.start, s.end); j++) {
		const struct toe_rcv_range *r = &b->ranges[j];

		n.r.start = toe_seq_min(n.r.start, r->r.start);
		n.r.end = toe_seq_max(n.r.end, r->r.end);
		if (r->push && (!n.push || toe_seq_gt(r->push_end, n.push_end)))
			n.push_end = r->push_end;
		n.push = n.push || r->push;
		b->ooo_bytes -= toe_range_len(r->r);
	}
	if (i == j) {
		if (b->nranges == TOE_RCV_RANGES)
			return false;
		memmove(&b->ranges[i + 1], &b->ranges[i],
			(b->nranges - i) * sizeof(b->ranges[0]));
		b->nranges++;
	} else {
		remove_ranges(b, i + 1, j - i - 1);
	}
	n.stamp = ++b->stamp;
	b->ranges[i] = n;
	b->ooo_bytes += toe_range_len(n.r);
	return true;
}

static void insert_in_order(struct toe_rcvbuf *b, struct toe_range s, bool push,
			    struct toe_rcv_result *res)
{
	uint32_t before = b->nxt;

	b->nxt = s.end;
	if (push)
		mark_push(b, s.end);
	res->filled = absorb(b);
	res->advanced = b->nxt - before;
}

void toe_rcvbuf_insert(struct toe_rcvbuf *b, uint32_t seq, const uint8_t *data, uint32_t len,
		       bool push, struct toe_rcv_result *res)
{
	struct toe_range s;
	uint32_t known;

	memset(res, 0, sizeof(*res));
	if (!len)
		return;
	if (toe_seq_lt(seq, b->nxt)) {
		uint32_t old = b->nxt - seq;

		res->dup.start = seq;
		res->dup.end = old < len ? b->nxt : seq + len;
		if (old >= len)
			return;
		seq += old;
		data += old;
		len -= old;
	}
	if (seq - b->nxt >= toe_rcvbuf_room(b)) {
		res->dropped = true;
		return;
	}
	if (len > toe_rcvbuf_room(b) - (seq - b->nxt)) {
		len = toe_rcvbuf_room(b) - (seq - b->nxt);
		res->dropped = true;
		push = false;
	}
	s.start = seq;
	s.end = seq + len;
	known = overlap(b, s, &res->dup);
	if (seq != b->nxt) {
		res->out_of_order = true;
		if (!add_range(b, s, push)) {
			res->dropped = true;
			return;
		}
	}
	if (known < len)
		copy_in(b, seq, data, len);
	res->stored = len - known;
	if (seq == b->nxt)
		insert_in_order(b, s, push, res);
}

/* Restart an empty buffer at the start of its memory: fewer split spans, warmer caches. */
static void rewind_if_empty(struct toe_rcvbuf *b)
{
	if (b->base == b->nxt && !b->nranges)
		b->pos = 0;
}

bool toe_rcvbuf_may_bypass(const struct toe_rcvbuf *b, uint32_t len)
{
	if (b->base != b->nxt)
		return false;
	return !b->nranges || b->ranges[0].r.start - b->nxt >= len;
}

uint32_t toe_rcvbuf_bypass(struct toe_rcvbuf *b, uint32_t len)
{
	uint32_t direct = b->nxt + len;

	b->pos = (uint32_t)(((uint64_t)b->pos + len) % b->cap);
	b->base = direct;
	b->nxt = direct;
	absorb(b);
	rewind_if_empty(b);
	return b->nxt - direct;
}

uint32_t toe_rcvbuf_spans(const struct toe_rcvbuf *b, uint32_t off, uint32_t len,
			  const uint8_t *span[2], uint32_t span_len[2])
{
	uint32_t have = toe_rcvbuf_len(b), n;
	uint8_t *s[2];

	if (off > have)
		off = have;
	if (len > have - off)
		len = have - off;
	n = two_spans(b, off, len, s, span_len);
	span[0] = s[0];
	span[1] = s[1];
	return n;
}

void toe_rcvbuf_consume(struct toe_rcvbuf *b, uint32_t n)
{
	if (n > toe_rcvbuf_len(b))
		n = toe_rcvbuf_len(b);
	b->pos = place_of(b, n);
	b->base += n;
	if (b->push && toe_seq_leq(b->push_end, b->base))
		b->push = false;
	rewind_if_empty(b);
}

unsigned toe_rcvbuf_sacks(const struct toe_rcvbuf *b, struct toe_range *out, unsigned max)
{
	uint32_t taken[8];
	unsigned n;

	if (max > 8)
		max = 8;
	for (n = 0; n < max && n < b->nranges; n++) {
		uint32_t best = 0;
		bool found = false;

		for (uint32_t i = 0; i < b->nranges; i++) {
			uint32_t age = b->stamp - b->ranges[i].stamp;

			if (n && age <= b->stamp - b->ranges[taken[n - 1]].stamp)
				continue;	/* taken already */
			if (!found || age < b->stamp - b->ranges[best].stamp)
				best = i;
			found = true;
		}
		taken[n] = best;
		out[n] = b->ranges[best].r;
	}
	return n;
}

bool toe_rcvbuf_covering(const struct toe_rcvbuf *b, struct toe_range r, struct toe_range *out)
{
	for (uint32_t i = 0; i < b->nranges; i++) {
		const struct toe_range *c = &b->ranges[i].r;

		if (toe_seq_leq(c->start, r.start) && toe_seq_geq(c->end, r.end)) {
			*out = *c;
			return true;
		}
	}
	return false;
}

void toe_rcvbuf_drop_ooo(struct toe_rcvbuf *b)
{
	b->nranges = 0;
	b->ooo_bytes = 0;
	rewind_if_empty(b);
}

const char *toe_rcvbuf_check(const struct toe_rcvbuf *b)
{
	uint32_t prev = b->nxt, bytes = 0;

	if (b->pos >= b->cap)
		return "rcvbuf: position outside of the memory";
	if (toe_rcvbuf_len(b) > b->cap)
		return "rcvbuf: more in-order bytes than memory";
	if (b->push && !toe_seq_within(b->base + 1, b->push_end, toe_rcvbuf_len(b)))
		return "rcvbuf: push mark outside of the in-order bytes";
	if (b->nranges > TOE_RCV_RANGES)
		return "rcvbuf: too many ranges";
	for (uint32_t i = 0; i < b->nranges; i++) {
		const struct toe_rcv_range *r = &b->ranges[i];

		if (!toe_seq_lt(prev, r->r.start) || !toe_seq_lt(r->r.start, r->r.end))
			return "rcvbuf: ranges unsorted, touching or empty";
		if (r->push && !toe_seq_within(r->r.start + 1, r->push_end, toe_range_len(r->r)))
			return "rcvbuf: push mark outside of its range";
		prev = r->r.end;
		bytes += toe_range_len(r->r);
	}
	if (prev - b->base > b->cap)
		return "rcvbuf: out-of-order data beyond the memory";
	if (bytes != b->ooo_bytes)
		return "rcvbuf: out-of-order bytes counted wrongly";
	return NULL;
}
