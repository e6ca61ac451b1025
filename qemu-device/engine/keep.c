/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keep.c - the keepalive timer, and its use as validation after blind attacks (BRA).
 */
#include "clock.h"
#include "conn.h"
#include "end.h"
#include "keep.h"
#include "queue.h"
#include "timer.h"
#include "toe_internal.h"

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
	/* heard_at may lie before this engine's clock began */
	uint64_t gone = now - c->rcv.heard_at, timeout = keep_timeout(c);

	if (keep_enabled(c) && !c->keep.bra_timer)
		toe_timer_set(c, TOE_TMR_KEEP, gone < timeout ? now + (timeout - gone) : now);
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

/* Enough probes without an answer; or, outside of the validation period, MaxRT of silence. */
static bool keep_limit_reached(const struct toe_conn *c, bool bra, uint64_t now)
{
	uint32_t limit = c->cached.ka_probe_count ? c->cached.ka_probe_count : 10;
	uint32_t max_rt = c->cached.max_rt;

	if (c->keep.probes >= limit)
		return true;
	return !bra && c->keep.probes && max_rt && max_rt != UINT32_MAX &&
	       now - c->rcv.heard_at >= toe_ticks_to_ns(c->t, max_rt);
}

void toe_keep_expired(struct toe_conn *c, uint64_t now)
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
		toe_queue_output(c);
		toe_timer_set(c, TOE_TMR_KEEP, now + keep_interval(c));
		return;
	}
	if (bra)
		toe_conn_set_state(c, TOE_CLOSED);	/* BRA-11 */
	toe_timer_set(c, TOE_TMR_KEEP, now);		/* stays due, and the host decides */
	toe_end_retrieve(c, TOE_WHY_TIMEOUT);
}
