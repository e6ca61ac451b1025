/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * delack.c - when to acknowledge received data and odd segments: at once, at a limited rate, or by
 * the delayed ACK timer.
 *
 * This file sends nothing: output.c sends one ACK for all.
 */
#include "clock.h"
#include "delack.h"
#include "queue.h"
#include "timer.h"
#include "toe_internal.h"

void toe_delack_now(struct toe_conn *c)
{
	c->rcv.ack_now = true;
	toe_queue_output(c);
}

/* Limit the rate of ACKs for segments without data, so that two ends never keep each other busy. */
void toe_delack_rarely(struct toe_conn *c, uint64_t now)
{
	if (c->rcv.answered && now - c->rcv.answered_at < TOE_CHALLENGE_NS)
		return;
	c->rcv.answered = true;
	c->rcv.answered_at = now;
	toe_delack_now(c);
}

/* A gap right after the take-over: the host will forward the missing segments. */
static bool is_takeover_gap(const struct toe_conn *c, const struct toe_rcv_result *res,
			    uint64_t now)
{
	return now < c->rcv.grace_until && c->rcv.buf.nranges && !res->dropped &&
	       !toe_range_len(res->dup);
}

static void ack_later(struct toe_conn *c, uint64_t when)
{
	if (!toe_timer_running(c, TOE_TMR_DELACK) || c->tmr[TOE_TMR_DELACK] > when)
		toe_timer_set(c, TOE_TMR_DELACK, when);
}

/*
 * RFC 5681 4.2: acknowledge at once what is out of order or fills a gap, the rest after a number of
 * segments or ticks (TMR-5).
 */
void toe_delack_schedule(struct toe_conn *c, const struct toe_seg *seg,
			 const struct toe_rcv_result *res, uint64_t now)
{
	const struct toe_params *p = &c->t->params;

	if (toe_range_len(res->dup) && (c->k.flags & TOE_SACK))
		c->rcv.dsack = res->dup;
	c->rcv.ack_owed = true;
	c->rcv.ack_segs += toe_seg_count(seg);
	if (is_takeover_gap(c, res, now)) {
		ack_later(c, c->rcv.grace_until);
		return;
	}
	if (res->out_of_order && !(c->k.flags & TOE_SACK) && c->rcv.dup_acks < 8)
		c->rcv.dup_acks++;
	if (res->out_of_order || res->filled || res->dropped || toe_range_len(res->dup) ||
	    c->rcv.buf.nranges || c->rcv.ack_segs >= p->ack_frequency || !p->delayed_ack_ticks)
		toe_delack_now(c);
	else
		ack_later(c, now + toe_ticks_to_ns(c->t, p->delayed_ack_ticks));
}
