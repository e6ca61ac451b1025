/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * frame.h - one frame: the plan, its sending, and the window that it offers.
 */
#ifndef TOE_FRAME_H
#define TOE_FRAME_H

#include "sendq.h"
#include "toe_internal.h"

/* What a frame is to hold. */
struct toe_plan {
	uint32_t seq;
	uint32_t ack;
	uint16_t flags;
	uint32_t mss;			/* payload per segment */
	uint8_t  nsacks;
	struct toe_range sacks[TOE_MAX_SACKS];
	struct toe_gather g;
};

/* Begin a plan: all except the bytes to send. data: leave room for them beside the SACK blocks. */
void toe_frame_begin(struct toe_conn *c, struct toe_plan *pl, uint32_t seq, bool data);
/* Send the frame. false: the backend takes nothing now, and nothing has changed. */
bool toe_frame_emit(struct toe_conn *c, struct toe_plan *pl, uint64_t now);
uint32_t toe_frame_ts(struct toe_conn *c, uint64_t now);
/* Bytes that may be offered from RCV.NXT on. */
uint32_t toe_frame_window(const struct toe_conn *c);
/* The reader has made room: tell the peer if that is worth a segment. */
void toe_frame_window_opened(struct toe_conn *c);

#endif /* TOE_FRAME_H */
