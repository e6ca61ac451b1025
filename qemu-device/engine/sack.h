/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sack.h - the sender's SACK scoreboard over [SND.UNA, SND.MAX): which ranges the wire peer has,
 * which are lost (RFC 6675), how much is in flight, and what to retransmit next.
 *
 * Knows sequence numbers only. The list of ranges is bounded; a block that would need one more is
 * ignored, which costs a retransmission at worst. Every function takes time in proportion to
 * TOE_SACK_RANGES, whatever the peer sends. Without SACK the board stays empty, and the caller
 * counts duplicate ACKs itself (RFC 6582).
 */
#ifndef TOE_SACK_H
#define TOE_SACK_H

#include <stdbool.h>
#include <stdint.h>

#include "seq.h"

#define TOE_SACK_RANGES	64

struct toe_sack {
	uint32_t una;		/* everything below is acknowledged */
	uint32_t high_rxt;	/* all below is acknowledged or retransmitted in this recovery */
	uint32_t high_rescue;	/* RescueRxt of RFC 6675, if rescued */
	bool     rescued;
	uint32_t bytes;		/* in ranges */
	uint32_t nranges;
	/* sorted, disjoint, not touching, not below una */
	struct toe_range ranges[TOE_SACK_RANGES];
};

/* What a segment's blocks reported. */
struct toe_sack_result {
	uint32_t newly;		/* bytes not known before to have arrived */
	uint32_t high_new;	/* end of the highest new part, if newly (for RACK) */
	bool     dsack;		/* the first block reports a duplicate */
	struct toe_range dup;
	uint8_t  ignored;	/* blocks that were neither valid nor a DSACK */
};

/* An empty board. */
void toe_sack_init(struct toe_sack *s, uint32_t una);

/*
 * SND.UNA moved to una: forget what lies below. Call before the same segment's toe_sack_update().
 */
void toe_sack_advance(struct toe_sack *s, uint32_t una);

/*
 * Take the blocks of an acceptable ACK; max is SND.MAX. A block is valid if it lies in una .. max
 * and is not empty. A first block below una, or inside the second one, is a DSACK (RFC 2883). All
 * others are ignored.
 */
void toe_sack_update(struct toe_sack *s, uint32_t max, const struct toe_range *blocks, unsigned n,
		     struct toe_sack_result *res);

/* IsLost of RFC 6675 for the byte at seq: enough arrived above it. */
bool toe_sack_is_lost(const struct toe_sack *s, uint32_t seq, uint32_t smss, uint32_t dup_thresh);

/* The byte at seq has been reported as arrived. */
bool toe_sack_is_sacked(const struct toe_sack *s, uint32_t seq);

/* One past the highest byte reported; una if nothing was. */
uint32_t toe_sack_highest(const struct toe_sack *s);

/*
 * SetPipe of RFC 6675: bytes believed to be in the network, of those below max (SND.NXT or
 * SND.MAX).
 */
uint32_t toe_sack_pipe(const struct toe_sack *s, uint32_t max, uint32_t smss, uint32_t dup_thresh);

enum toe_sack_rule {	/* which rule of NextSeg() chose */
	TOE_SACK_NOTHING,
	TOE_SACK_LOST,		/* rule 1: a lost range, retransmit */
	TOE_SACK_NEW,		/* rule 2: send new data, as much as the caller likes */
	TOE_SACK_HOLE,		/* rule 3: a hole not known to be lost, retransmit */
	TOE_SACK_RESCUE,	/* rule 4: the last segment once per recovery, retransmit */
};

/*
 * NextSeg of RFC 6675. max is the end of what was sent, have_new whether new data could be sent
 * now. For LOST and HOLE r is the rest of the hole; the caller retransmits its first segment or
 * large frame. For RESCUE r is what to retransmit, at most smss. Then it calls
 * toe_sack_retransmitted(). The first retransmission of a recovery, at una, is the caller's,
 * whatever this says (step 4.3).
 */
enum toe_sack_rule toe_sack_next(const struct toe_sack *s, uint32_t max, uint32_t smss,
				 uint32_t dup_thresh, bool have_new, struct toe_range *r);

/* r has been retransmitted by the given rule; recovery_point is RFC 6675's RecoveryPoint. */
void toe_sack_retransmitted(struct toe_sack *s, struct toe_range r, enum toe_sack_rule rule,
			    uint32_t recovery_point);

/* Recovery begins (or ended): nothing is retransmitted yet. */
void toe_sack_restart(struct toe_sack *s);

/*
 * Retransmission timeout: nothing counts as retransmitted any more. If the first range begins at
 * una, the peer has reneged (it would have acknowledged that range): all ranges are forgotten.
 * Otherwise they are kept. Returns whether the peer reneged.
 */
bool toe_sack_rto(struct toe_sack *s);

/*
 * The first range of at most max_len bytes from seq on that has not been reported, below max; for
 * go-back-N after a timeout. False if there is none.
 */
bool toe_sack_unsacked(const struct toe_sack *s, uint32_t seq, uint32_t max, uint32_t max_len,
		       struct toe_range *r);

/* For tests: a sentence of what is broken, or NULL. */
const char *toe_sack_check(const struct toe_sack *s, uint32_t max);

#endif /* TOE_SACK_H */
