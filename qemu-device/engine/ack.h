/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ack.h - the ACK field of a received segment.
 */
#ifndef TOE_ACK_H
#define TOE_ACK_H

#include "toe_internal.h"

static inline uint32_t toe_ack_window(const struct toe_conn *c, const struct toe_seg *seg)
{
	return (uint32_t)seg->wnd << (c->k.flags & TOE_WSCALE ? c->k.snd_wscale : 0);
}

/* The round-trip time that its timestamp echo shows, in nanoseconds; or UINT64_MAX. */
uint64_t toe_ack_echoed_rtt(const struct toe_conn *c, const struct toe_seg *seg, uint64_t now);
void toe_ack_segment(struct toe_conn *c, const struct toe_seg *seg, uint64_t now);

#endif /* TOE_ACK_H */
