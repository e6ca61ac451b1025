/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * recovery.c - what is lost, and what the shared timer does: RFC 6675 and 6582 recovery, RFC 6298
 * timeouts, the persist timer's rounds, FIN_WAIT_2, and the tail loss probe.
 *
 * This file sets states, counts and deadlines; output.c sends accordingly. The window is never
 * inflated: pipe estimates what is in the network, and duplicate ACKs reduce it, which also gives
 * limited transmit (RFC 3042).
 */
#include "clock.h"
#include "conn.h"
#include "end.h"
#include "neigh.h"
#include "queue.h"
#include "recovery.h"
#include "timer.h"
#include "toe_internal.h"

static bool has_sack(const struct toe_conn *c)
{
	return c->k.flags & TOE_SACK;
}

static uint32_t dup_thresh(const struct toe_conn *c)
{
	return c->t->params.dup_ack_threshold;
}

/* Reported bytes below seq. */
static uint32_t sacked_below(const struct toe_sack *s, uint32_t seq)
{
	uint32_t i, n = 0;

	for (i = 0; i < s->nranges && toe_seq_lt(s->ranges[i].start, seq); i++)
		n += toe_seq_min(s->ranges[i].end, seq) - s->ranges[i].start;
	return n;
}

uint32_t toe_recovery_pipe(const struct toe_conn *c)
{
	uint32_t sent = c->snd.nxt - c->snd.una, dup;

	/* data beyond SND.NXT is no longer in the network */
	if (c->rec.state == TOE_REC_LOSS)
		return sent - sacked_below(&c->sack, c->snd.nxt);
	if (has_sack(c)) {
		if (!c->sack.nranges && c->rec.state == TOE_REC_OPEN)
			return sent;
		return toe_sack_pipe(&c->sack, c->snd.nxt, c->snd.mss, dup_thresh(c));
	}
	dup = c->rec.dupacks * c->snd.mss;	/* both are below 2^16 */
	return sent > dup ? sent - dup : 0;
}

uint64_t toe_recovery_total_rt(const struct toe_conn *c, uint64_t now)
{
	/* it may have begun before this engine's clock did */
	if (!c->rec.rt_running || (int64_t)(now - c->rec.rt_since) <= 0)
		return 0;
	return now - c->rec.rt_since;
}

/* ------------------------------------------------------------------ ACKs */

static void enter_fast(struct toe_conn *c, uint64_t now)
{
	c->cc.ops->on_loss(&c->cc, c->snd.max - c->snd.una, now);
	c->rec.state = TOE_REC_FAST;
	c->rec.recover = c->snd.max;
	c->rec.force = true;
	c->rec.timing = false;
	c->out.tlp_probe = false;
	toe_timer_clear(c, TOE_TMR_TLP);
	toe_sack_restart(&c->sack);
}

static bool should_enter_fast(const struct toe_conn *c)
{
	if (c->rec.state != TOE_REC_OPEN || c->snd.una == c->snd.max || c->rec.persist)
		return false;
	if (has_sack(c))
		return (c->sack.nranges && c->rec.dupacks >= dup_thresh(c)) ||
		       toe_sack_is_lost(&c->sack, c->snd.una, c->snd.mss, dup_thresh(c));
	return c->rec.dupacks >= dup_thresh(c) && toe_seq_gt(c->snd.una, c->rec.recover);
}

static void leave(struct toe_conn *c)
{
	c->rec.state = TOE_REC_OPEN;
	c->rec.dupacks = 0;
	c->rec.force = false;
	toe_sack_restart(&c->sack);
}

static void grow(struct toe_conn *c, const struct toe_ack_info *a, uint64_t now)
{
	struct toe_cc_ack ack = {
		.now = now,
		.acked = a->acked,
		.srtt_us = toe_rtt_srtt_us(&c->rtt),
		.cwnd_limited = c->snd.cwnd_limited || a->flight + c->snd.mss > c->cc.cwnd ||
				(toe_cc_in_slow_start(&c->cc) && a->flight >= c->cc.cwnd / 2),
		.after_rto = c->rec.state == TOE_REC_LOSS,
	};

	c->cc.ops->on_ack(&c->cc, &ack);
	c->snd.cwnd_limited = false;
}

/* An ACK inside the recovery range: the next hole is lost as well (RFC 6582). */
static void partial_ack(struct toe_conn *c, uint32_t acked)
{
	uint32_t segs = (acked + c->snd.mss - 1) / c->snd.mss;

	if (has_sack(c))
		return;
	c->rec.dupacks -= segs - 1 < c->rec.dupacks ? segs - 1 : c->rec.dupacks;
	c->rec.force = true;
}

static void progress(struct toe_conn *c, const struct toe_ack_info *a, uint64_t now)
{
	c->rec.rexmits = 0;
	c->rec.rt_running = false;
	c->rec.tlp_sent = false;
	c->out.tlp_probe = false;
	switch (c->rec.state) {
	case TOE_REC_OPEN:
		c->rec.dupacks = 0;
		grow(c, a, now);
		break;
	case TOE_REC_FAST:
		if (toe_seq_geq(c->snd.una, c->rec.recover)) {
			c->cc.ops->on_recovered(&c->cc, c->snd.max - c->snd.una, now);
			leave(c);
		} else {
			partial_ack(c, a->acked);
		}
		break;
	case TOE_REC_LOSS:
		c->rec.dupacks = 0;
		c->rec.force = false;
		grow(c, a, now);
		if (toe_seq_geq(c->snd.una, c->rec.recover))
			leave(c);
		break;
	}
}

void toe_recovery_ack(struct toe_conn *c, const struct toe_ack_info *a, uint64_t now)
{
	if (a->acked)
		progress(c, a, now);
	if (a->dup && c->rec.dupacks < UINT16_MAX)
		c->rec.dupacks++;
	if (should_enter_fast(c))
		enter_fast(c, now);
}

void toe_recovery_restart(struct toe_conn *c)
{
	if (c->snd.una == c->snd.max)
		return;
	c->snd.nxt = c->snd.una;
	c->rec.state = TOE_REC_LOSS;
	c->rec.recover = c->snd.max;
	c->rec.force = true;
	c->rec.dupacks = 0;
	c->rec.timing = false;
	toe_sack_restart(&c->sack);
	toe_queue_output(c);
}

/* ------------------------------------------------------------------ the shared timer */

static bool wants_persist(const struct toe_conn *c)
{
	return !c->snd.wnd && (c->snd.una != c->snd.max || toe_snd_has_data(c));
}

static bool limited_by_time(const struct toe_conn *c)
{
	return c->cached.max_rt && c->cached.max_rt != UINT32_MAX;
}

/* Data waits no longer than MaxRT, whether in flight or for a shut window to open. */
static bool time_is_up(const struct toe_conn *c, uint64_t now)
{
	return limited_by_time(c) && c->rec.rt_running &&
	       toe_recovery_total_rt(c, now) >= toe_ticks_to_ns(c->t, c->cached.max_rt);
}

/* Set the shared timer to now + in nanoseconds, or to when MaxRT is over. */
static void set_shared(struct toe_conn *c, uint64_t in, uint64_t now)
{
	uint64_t at = now + in, end;

	if (c->rec.rt_running && limited_by_time(c)) {
		end = c->rec.rt_since + toe_ticks_to_ns(c->t, c->cached.max_rt);
		if (end > now && end < at)
			at = end;
	}
	toe_timer_set(c, TOE_TMR_REXMT, at);
}

static void set_rexmt(struct toe_conn *c, uint64_t now)
{
	set_shared(c, toe_rtt_rto(&c->rtt), now);
}

static void start_rt(struct toe_conn *c, uint64_t now)
{
	if (c->rec.rt_running)
		return;
	c->rec.rt_running = true;
	c->rec.rt_since = now;
}

/* The probe's delay after the last segment, ns; 0: no round-trip time is known, hence no probe. */
static uint64_t probe_timeout(const struct toe_conn *c)
{
	uint64_t pto = (uint64_t)toe_rtt_srtt_us(&c->rtt) * 2000;

	if (!pto)
		return 0;
	return pto + (c->snd.max - c->snd.una <= c->snd.mss ? TOE_RTO_MIN_US * 1000ull : 2000000);
}

static bool may_probe_tail(const struct toe_conn *c)
{
	return has_sack(c) && !c->rec.tlp_sent && !c->rec.persist && c->snd.una != c->snd.max;
}

/*
 * Reported ranges or a recovery under way suppress the probe, but the next owner of the connection
 * knows of neither (M-33): tell it when the probe would have been due. Without a retransmission
 * timer nothing is due any more (STA-16).
 */
uint64_t toe_recovery_tlp_at(const struct toe_conn *c)
{
	uint64_t at = c->tmr[TOE_TMR_TLP], pto = probe_timeout(c);

	if (at != TOE_NO_DEADLINE || !may_probe_tail(c) || !pto || c->snd.nxt != c->snd.max ||
	    c->rec.state == TOE_REC_LOSS || !toe_timer_running(c, TOE_TMR_REXMT) ||
	    (c->rec.state == TOE_REC_OPEN && !c->sack.nranges))
		return at;
	at = c->snd.last_sent + pto;
	return at < c->tmr[TOE_TMR_REXMT] ? at : TOE_NO_DEADLINE;
}

static void arm_tlp(struct toe_conn *c, uint64_t now)
{
	uint64_t pto = probe_timeout(c);

	if (!may_probe_tail(c) || !pto || c->rec.state != TOE_REC_OPEN || c->sack.nranges) {
		toe_timer_clear(c, TOE_TMR_TLP);
		return;
	}
	if (now + pto < c->tmr[TOE_TMR_REXMT])
		toe_timer_set(c, TOE_TMR_TLP, now + pto);
	else
		toe_timer_clear(c, TOE_TMR_TLP);
}

void toe_recovery_arm(struct toe_conn *c, bool restart, uint64_t now)
{
	if (c->state == TOE_FIN_WAIT2) {
		toe_timer_clear(c, TOE_TMR_TLP);
		if (restart || !toe_timer_running(c, TOE_TMR_REXMT))
			toe_timer_set(c, TOE_TMR_REXMT, now + TOE_FIN_WAIT2_NS);
		return;
	}
	if (wants_persist(c)) {
		toe_timer_clear(c, TOE_TMR_TLP);
		if (c->rec.persist)
			return;
		c->rec.persist = true;			/* TMR-11 */
		c->rec.probe_round = 0;
		c->rec.rexmits = 0;
		toe_rtt_reset_backoff(&c->rtt);
		set_shared(c, toe_rtt_rto_shifted(&c->rtt, 0), now);
		return;
	}
	if (c->rec.persist) {				/* TMR-15 */
		c->rec.persist = false;
		c->rec.probe_round = 0;
		c->rec.rexmits = 0;
		c->rec.rt_running = false;
		c->out.wnd_probe = false;
		restart = true;
	}
	if (c->snd.una == c->snd.max) {
		toe_timer_clear(c, TOE_TMR_REXMT);
		toe_timer_clear(c, TOE_TMR_TLP);
		return;
	}
	if (restart || !toe_timer_running(c, TOE_TMR_REXMT)) {
		set_rexmt(c, now);
		arm_tlp(c, now);
	}
}

void toe_recovery_window(struct toe_conn *c, uint32_t old_wnd, bool zero_answer, uint64_t now)
{
	/*
	 * Only the answer to a probe begins a round: data that the peer sends while its window is
	 * shut must not delay the next probe.
	 */
	if (!c->snd.wnd && c->rec.persist && zero_answer && c->rec.rexmits) {
		if (c->rec.probe_round < UINT8_MAX)
			c->rec.probe_round++;
		c->rec.rexmits = 0;
		set_shared(c, toe_rtt_rto_shifted(&c->rtt, c->rec.probe_round), now);
	}
	if (c->snd.wnd != old_wnd)
		toe_recovery_arm(c, false, now);
}

/* A segment was sent: start the timer, and time one segment at a time. */
void toe_recovery_sent(struct toe_conn *c, uint32_t seq, uint32_t space, bool rexmit, uint64_t now)
{
	if (rexmit) {
		c->rec.timing = false;
	} else if (!c->rec.timing) {
		c->rec.timing = true;
		c->rec.timed_seq = seq + (space < c->snd.mss ? space : c->snd.mss);
		c->rec.timed_at = now;
	}
	toe_recovery_arm(c, false, now);
	if (!rexmit)
		arm_tlp(c, now);
}

/* ------------------------------------------------------------------ expiry */

/* The limit is reached: the timer stays due, and the host decides (TMR-7). */
static void give_up(struct toe_conn *c, uint64_t now)
{
	toe_timer_set(c, TOE_TMR_REXMT, now);
	toe_end_retrieve(c, TOE_WHY_TIMEOUT);
}

static void persist_expired(struct toe_conn *c, uint64_t now)
{
	if (c->rec.rexmits > c->t->params.max_retransmissions || time_is_up(c, now)) {
		give_up(c, now);
		return;
	}
	start_rt(c, now);
	c->out.wnd_probe = true;
	toe_queue_output(c);
	set_shared(c, toe_rtt_rto_shifted(&c->rtt, c->rec.rexmits), now);
	if (c->rec.rexmits < UINT8_MAX)
		c->rec.rexmits++;
}

static bool limit_reached(const struct toe_conn *c, uint64_t now)
{
	if (!c->cached.max_rt)
		return c->rec.rexmits >= c->t->params.max_retransmissions;
	return time_is_up(c, now);
}

static void rexmt_expired(struct toe_conn *c, uint64_t now)
{
	bool first = !c->rec.rexmits;

	if (limit_reached(c, now)) {
		give_up(c, now);
		return;
	}
	start_rt(c, now);
	c->cc.ops->on_rto(&c->cc, c->snd.max - c->snd.una, first, now);
	if (c->rec.rexmits < UINT8_MAX)
		c->rec.rexmits++;
	toe_rtt_backoff(&c->rtt);
	toe_sack_rto(&c->sack);
	toe_recovery_restart(c);
	toe_timer_clear(c, TOE_TMR_TLP);
	set_rexmt(c, now);
	if (c->rec.rexmits == c->t->params.doubt_retransmissions)
		toe_neigh_raise(c->p->n, now);	/* NCE-13 */
}

void toe_recovery_timeout(struct toe_conn *c, uint64_t now)
{
	if (c->state == TOE_FIN_WAIT2) {
		toe_conn_set_state(c, TOE_CLOSED);	/* TMR-20 */
		toe_end_retrieve(c, TOE_WHY_TIMEOUT);
	} else if (wants_persist(c)) {
		persist_expired(c, now);
	} else if (c->snd.una != c->snd.max) {
		rexmt_expired(c, now);
	}
}

/*
 * No ACK for two round-trip times and a margin: send something, so that SACK can show what is
 * missing (RFC 8985 7).
 */
void toe_recovery_tlp(struct toe_conn *c, uint64_t now)
{
	if (c->rec.state != TOE_REC_OPEN || c->snd.una == c->snd.max || c->rec.persist ||
	    c->rec.tlp_sent)
		return;
	c->rec.tlp_sent = true;
	c->out.tlp_probe = true;
	set_rexmt(c, now);
	toe_queue_output(c);
}
