/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rcvbuf.h - received bytes of one connection: a circular buffer addressed by sequence number.
 *
 * Bytes [base, nxt) are in order, acknowledged and not delivered yet. Out-of-order data already
 * lies at its final place in the same memory; a bounded, sorted list of ranges above nxt describes
 * it. Used by input (insert, SACK blocks), deliver (spans, consume, push marks), import and export.
 * The FIN is not in here: nxt counts data only, and the caller keeps the FIN's number. The caller
 * owns the memory; nothing here allocates, and TOE_RCV_RANGES bounds every loop.
 */
#ifndef TOE_RCVBUF_H
#define TOE_RCVBUF_H

#include <stdbool.h>
#include <stdint.h>

#include "seq.h"

#define TOE_RCV_RANGES	64	/* out-of-order ranges held; more are refused */

struct toe_rcv_range {
	struct toe_range r;
	uint32_t stamp;		/* of its latest segment, for the order of SACK blocks */
	uint32_t push_end;	/* end of the last PSH segment in it, if push */
	bool     push;
};

struct toe_rcvbuf {
	uint8_t *mem;
	uint32_t cap;		/* bytes of mem, 2^30 at most */
	uint32_t pos;		/* offset of base in mem */
	uint32_t base, nxt;
	uint32_t push_end;	/* end of the last in-order PSH segment, in (base, nxt], if push */
	bool     push;
	uint32_t stamp;		/* counts segments that were put out of order */
	uint32_t nranges;
	uint32_t ooo_bytes;	/* in ranges */
	/* sorted, disjoint, not touching, above nxt */
	struct toe_rcv_range ranges[TOE_RCV_RANGES];
};

/* What an insert did. */
struct toe_rcv_result {
	uint32_t advanced;	/* bytes that nxt moved forward, filled gaps included */
	uint32_t stored;	/* new bytes taken, in order or not */
	bool     out_of_order;	/* the segment, cut to what is new, begins above nxt */
	bool     filled;	/* nxt moved over data that was out of order: acknowledge at once */
	bool     dropped;	/* bytes refused: beyond the capacity, or no range was free */
	struct toe_range dup;	/* first duplicate part, for a DSACK block, or empty (RFC 2883) */
};

/* An empty buffer over cap bytes of mem (1 .. 2^30) whose next byte is seq. */
void toe_rcvbuf_init(struct toe_rcvbuf *b, uint8_t *mem, uint32_t cap, uint32_t seq);

/*
 * Make the first len bytes (cap at most) from base in-order data, and return where to write them:
 * two spans, the second NULL if unused. Only for an empty buffer, to import BufferedData. nxt moves
 * by len.
 */
void toe_rcvbuf_import(struct toe_rcvbuf *b, uint32_t len, uint8_t *span[2], uint32_t span_len[2]);

/*
 * Move everything to larger memory (cap must not shrink). Returns the old memory, which is the
 * caller's again; pointers into it are dead.
 */
uint8_t *toe_rcvbuf_grow(struct toe_rcvbuf *b, uint8_t *mem, uint32_t cap);

/* In-order bytes held. */
static inline uint32_t toe_rcvbuf_len(const struct toe_rcvbuf *b)
{
	return b->nxt - b->base;
}

/* Bytes from nxt on that fit: an upper bound for the window to offer. */
static inline uint32_t toe_rcvbuf_room(const struct toe_rcvbuf *b)
{
	return b->cap - toe_rcvbuf_len(b);
}

/*
 * Insert a segment's data. seq may be anything: bytes before nxt are duplicates (those before base
 * are never written), bytes that do not fit are refused. The caller has checked the segment against
 * its window. push: PSH on the last byte. len 0 does nothing.
 */
void toe_rcvbuf_insert(struct toe_rcvbuf *b, uint32_t seq, const uint8_t *data, uint32_t len,
		       bool push, struct toe_rcv_result *res);

/*
 * Short cut past the memory: may the len bytes at nxt be given to their reader directly? True if
 * nothing is buffered in order and no out-of-order data overlaps them. Then toe_rcvbuf_bypass()
 * moves base and nxt over them; returns how far nxt moved beyond len, because out-of-order data
 * followed (that part is in the buffer, in order).
 */
bool toe_rcvbuf_may_bypass(const struct toe_rcvbuf *b, uint32_t len);
uint32_t toe_rcvbuf_bypass(struct toe_rcvbuf *b, uint32_t len);

/*
 * Where the in-order bytes off .. off + len from base lie (cut to what there is): two spans, unused
 * ones NULL and 0. Returns their number. Valid until the next change except insert.
 */
uint32_t toe_rcvbuf_spans(const struct toe_rcvbuf *b, uint32_t off, uint32_t len,
			  const uint8_t *span[2], uint32_t span_len[2]);

/* Drop n in-order bytes from base (at most what there is); push marks among them go too. */
void toe_rcvbuf_consume(struct toe_rcvbuf *b, uint32_t n);

/*
 * Bytes from base to the end of the last PSH segment held in order; 0 if there is none. Earlier
 * marks are merged into the last one (a reader never waits because of that).
 */
static inline uint32_t toe_rcvbuf_push_len(const struct toe_rcvbuf *b)
{
	return b->push ? b->push_end - b->base : 0;
}

/* Blocks to report (RFC 2018 4): the range of the latest segment first. Returns their number. */
unsigned toe_rcvbuf_sacks(const struct toe_rcvbuf *b, struct toe_range *out, unsigned max);

/* The out-of-order range that holds r, for the second block after a DSACK; false if none does. */
bool toe_rcvbuf_covering(const struct toe_rcvbuf *b, struct toe_range r, struct toe_range *out);

/* Forget all out-of-order data (TRM-33, or reneging under pressure). */
void toe_rcvbuf_drop_ooo(struct toe_rcvbuf *b);

/* For tests: a sentence of what is broken, or NULL. */
const char *toe_rcvbuf_check(const struct toe_rcvbuf *b);

#endif /* TOE_RCVBUF_H */
