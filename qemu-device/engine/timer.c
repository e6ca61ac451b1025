/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * timer.c - deadlines of connections, the heap over them, and what their expiry does.
 *
 * A connection is in the heap once, under a key not later than its earliest deadline. Postponing or
 * stopping a timer touches only the connection; the key is put right when it comes to the top. So
 * an ACK that restarts the retransmission timer costs nothing, and the heap is exact at its top
 * after toe_timer_settle(). Keepalive with its use as validation after blind attacks (BRA) is here
 * too; retransmission is recovery.c's.
 */
#include "toe_internal.h"

/* ------------------------------------------------------------------ heap */

static void put(struct toe *t, uint32_t pos, struct toe_conn *c)
{
	t->heap[pos] = c;
	c->heap_pos = pos;
}

static void sift_up(struct toe *t, struct toe_conn *c)
{
	uint32_t pos = c->heap_pos;

	while (pos > 1 && t->heap[pos / 2]->heap_key > c->heap_key) {
		put(t, pos, t->heap[pos / 2]);
		pos /= 2;
	}
	put(t, pos, c);
}

static void sift_down(struct toe *t, struct toe_conn *c)
{
	uint32_t pos = c->heap_pos, child;

	while ((child = 2 * pos) <= t->heap_len) {
		if (child < t->heap_len && t->heap[child + 1]->heap_key < t->heap[child]->heap_key)
			child++;
		if (t->heap[child]->heap_key >= c->heap_key)
			break;
		put(t, pos, t->heap[child]);
		pos = child;
	}
	put(t, pos, c);
}

static void heap_remove(struct toe *t, struct toe_conn *c)
{
	struct toe_conn *last;
	uint32_t pos = c->heap_pos;

	if (!pos)
		return;
	last = t->heap[t->heap_len--];
	c->heap_pos = 0;
	if (last == c)
		return;
	put(t, pos, last);
	sift_up(t, last);
	sift_down(t, last);
}

static uint64_t earliest(const struct toe_conn *c)
{
	uint64_t min = TOE_NO_DEADLINE;
	unsigned i;

	for (i = 0; i < TOE_TMRS; i++)
		if (c->tmr[i] < min)
			min = c->tmr[i];
	return min;
}

void toe_timer_settle(struct toe *t)
{
	while (t->heap_len) {
		struct toe_conn *c = t->heap[1];
		uint64_t key = earliest(c);

		if (key == c->heap_key)
			return;
		if (key == TOE_NO_DEADLINE) {
			heap_remove(t, c);
		} else {
			c->heap_key = key;
			sift_down(t, c);
		}
	}
}

/* ------------------------------------------------------------------ timers */

void toe_timer_init(struct toe_conn *c)
{
	unsigned i;

	for (i = 0; i < TOE_TMRS; i++)
		c->tmr[i] = TOE_NO_DEADLINE;
}

void toe_timer_set(struct toe_conn *c, enum toe_timer which, uint64_t deadline)
{
	struct toe *t = c->t;

	if (c->frozen || c->phase != TOE_LIVE)
		return;
	c->tmr[which] = deadline;
	if (!c->heap_pos) {
		c->heap_key = deadline;
		t->heap_len++;
		put(t, t->heap_len, c);
		sift_up(t, c);
	} else if (deadline < c->heap_key) {
		c->heap_key = deadline;
		sift_up(t, c);
	}
}

void toe_timer_clear(struct toe_conn *c, enum toe_timer which)
{
	if (!c->frozen)
		c->tmr[which] = TOE_NO_DEADLINE;
}

void toe_timer_freeze(struct toe_conn *c)
{
	heap_remove(c->t, c);
	c->tmr[TOE_TMR_DELACK] = TOE_NO_DEADLINE;
	c->tmr[TOE_TMR_PUSH] = TOE_NO_DEADLINE;
	c->tmr[TOE_TMR_SWS] = TOE_NO_DEADLINE;
	c->tmr[TOE_TMR_WND] = TOE_NO_DEADLINE;
	c->frozen = true;
}

/* ------------------------------------------------------------------ keepalive */

static bool keep_enabled(const struct toe_conn *c)
{
	return c->cached.flags & TOE_KEEPALIVE;
}

static uint64_t keep_timeout(const struct toe_conn *c)
{
	return c->cached.ka_timeout ? toe_ticks_to_ns(c->t, c->cached.ka_timeout) : 7200 * TOE_NSEC;
}

static uint64_t keep_interval(const struct toe_conn *c)
{
	return c->cached.ka_interval ? toe_ticks_to_ns(c->t, c->cached.ka_interval) : TOE_NSEC;
}

void toe_keep_restart(struct toe_conn *c, uint64_t now)
{
	if (keep_enabled(c))
		toe_timer_set(c, TOE_TMR_KEEP, now + keep_timeout(c));
	else if (!c->keep.bra_timer)
		toe_timer_clear(c, TOE_TMR_KEEP);
}

void toe_keep_moved(struct toe_conn *c, uint64_t now)
{
	uint64_t at = c->rcv.heard_at + keep_timeout(c);

	if (keep_enabled(c) && !c->keep.bra_timer)
		toe_timer_set(c, TOE_TMR_KEEP, at > now ? at : now);
}

void toe_keep_segment(struct toe_conn *c, uint64_t now)
{
	c->rcv.heard_at = now;
	c->keep.probes = 0;
	c->keep.bra = false;
	if (c->keep.bra_timer) {
		c->keep.bra_timer = false;
		toe_timer_clear(c, TOE_TMR_KEEP);
	}
	if (keep_enabled(c))
		toe_timer_set(c, TOE_TMR_KEEP, now + keep_timeout(c));
}

void toe_keep_challenged(struct toe_conn *c, uint64_t now)
{
	c->keep.bra = true;
	if (!toe_timer_running(c, TOE_TMR_KEEP))
		c->keep.bra_timer = true;
	else if (c->tmr[TOE_TMR_KEEP] <= now + TOE_BRA_KEEP_NS)
		return;
	toe_timer_set(c, TOE_TMR_KEEP, now + TOE_BRA_KEEP_NS);
}

/* Enough probes without an answer; or MaxRT, which bounds this silence like any other. */
static bool keep_limit_reached(const struct toe_conn *c, bool bra, uint64_t now)
{
	uint32_t limit = c->cached.ka_probe_count ? c->cached.ka_probe_count : 10;
	uint32_t max_rt = c->cached.max_rt;

	if (c->keep.probes >= limit)
		return true;
	return !bra && c->keep.probes && max_rt && max_rt != UINT32_MAX &&
	       now - c->rcv.heard_at >= toe_ticks_to_ns(c->t, max_rt);
}

static void keep_expired(struct toe_conn *c, uint64_t now)
{
	bool bra = c->keep.bra || c->keep.bra_timer;

	if (!keep_enabled(c) && !bra)
		return;
	if (!bra && c->snd.una != c->snd.max) {
		toe_keep_restart(c, now);	/* the retransmission timer watches the peer now */
		return;
	}
	if (!keep_limit_reached(c, bra, now)) {
		c->keep.probes++;
		c->out.keep_probe = true;
		toe_output_kick(c);
		toe_timer_set(c, TOE_TMR_KEEP, now + keep_interval(c));
		return;
	}
	if (bra)
		toe_conn_set_state(c, TOE_CLOSED);	/* BRA-11 */
	toe_timer_set(c, TOE_TMR_KEEP, now);		/* stays due, and the host decides */
	toe_event_retrieve(c, TOE_WHY_TIMEOUT);
}

/* ------------------------------------------------------------------ expiry */

static void expired(struct toe_conn *c, enum toe_timer which, uint64_t now)
{
	switch (which) {
	case TOE_TMR_REXMT:
		toe_recovery_timeout(c, now);
		break;
	case TOE_TMR_KEEP:
		keep_expired(c, now);
		break;
	case TOE_TMR_DELACK:
		c->rcv.ack_now = true;
		toe_output_kick(c);
		break;
	case TOE_TMR_PUSH:
		toe_deliver_push_timer(c);
		break;
	case TOE_TMR_SWS:
		c->snd.sws_force = true;
		toe_output_kick(c);
		break;
	case TOE_TMR_TLP:
		toe_recovery_tlp(c, now);
		break;
	case TOE_TMR_WND:
		c->rcv.sws_force = true;
		c->rcv.ack_now = true;
		toe_output_kick(c);
		break;
	case TOE_TMRS:
		break;
	}
}

void toe_timer_expire(struct toe *t, uint64_t now)
{
	/*
	 * A handler never arms a timer for now or earlier, so each connection comes up once; the
	 * count is a guard.
	 */
	uint32_t left = 2 * t->heap_len + 2;

	toe_timer_settle(t);
	while (left-- && t->heap_len && t->heap[1]->heap_key <= now) {
		struct toe_conn *c = t->heap[1];
		unsigned i;

		for (i = 0; i < TOE_TMRS && !c->frozen; i++) {
			if (c->tmr[i] > now)
				continue;
			c->tmr[i] = TOE_NO_DEADLINE;
			expired(c, (enum toe_timer)i, now);
		}
		toe_timer_settle(t);
	}
}

const char *toe_timer_check(const struct toe *t)
{
	uint32_t i;

	for (i = 1; i <= t->heap_len; i++) {
		const struct toe_conn *c = t->heap[i];

		if (c->heap_pos != i)
			return "a connection does not know its place in the heap";
		if (i > 1 && t->heap[i / 2]->heap_key > c->heap_key)
			return "the heap is out of order";
		if (c->heap_key > earliest(c))
			return "a heap key is later than a timer of its connection";
		if (c->frozen || c->phase != TOE_LIVE)
			return "an ended connection is in the heap";
	}
	return NULL;
}
