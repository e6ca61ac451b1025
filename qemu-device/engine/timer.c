/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * timer.c - deadlines of connections, and the heap over them. On expiry engine.c calls each timer's
 * file.
 *
 * A connection is in the heap once, under a key not later than its earliest deadline. Postponing or
 * stopping a timer touches only the connection; the key is corrected when it comes to the top. So
 * an ACK that restarts the retransmission timer costs nothing, and after toe_timer_settle() the top
 * of the heap is exact.
 */
#include "timer.h"
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
