/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ack.c - the ACK field of an acceptable segment: what it acknowledges, the window that it offers,
 * the round-trip time that it shows.
 */
#include "ack.h"
#include "conn.h"
#include "neigh.h"
#include "queue.h"
#include "recovery.h"
#include "sendq.h"
#include "toe_internal.h"

uint64_t toe_ack_echoed_rtt(const struct toe_conn *c, const struct toe_seg *seg, uint64_t now)
{
	uint32_t ticks = (uint32_t)(now / c->ts_unit) + c->ts_delta - seg->ts_ecr;

	if (!(c->k.flags & TOE_TIMESTAMPS) || !seg->has_ts || !seg->ts_ecr || ticks > INT32_MAX)
		return UINT64_MAX;
	return ticks ? ticks * c->ts_unit : c->ts_unit / 2;
}

static void sample_rtt(struct toe_conn *c, const struct toe_seg *seg, uint64_t now)
{
	uint64_t rtt;

	if (c->rec.timing) {
		if (toe_seq_lt(seg->ack, c->rec.timed_seq))
			return;
		c->rec.timing = false;
		toe_rtt_sample(&c->rtt, now - c->rec.timed_at);
		return;
	}
	rtt = toe_ack_echoed_rtt(c, seg, now);
	if (rtt != UINT64_MAX)
		toe_rtt_sample(&c->rtt, rtt);
}

static void fin_acked(struct toe_conn *c, uint64_t now)
{
	if (c->state == TOE_FIN_WAIT1) {
		toe_conn_set_state(c, TOE_FIN_WAIT2);
		toe_recovery_arm(c, true, now);
	} else if (c->state == TOE_CLOSING) {
		toe_conn_set_state(c, TOE_TIME_WAIT);
	} else if (c->state == TOE_LAST_ACK) {
		toe_conn_set_state(c, TOE_CLOSED);
	}
}

static void advance(struct toe_conn *c, const struct toe_seg *seg, struct toe_ack_info *a,
		    uint64_t now)
{
	sample_rtt(c, seg, now);
	toe_rtt_reset_backoff(&c->rtt);
	c->snd.una = seg->ack;
	c->snd.nxt = toe_seq_max(c->snd.nxt, c->snd.una);
	if (toe_seq_lt(c->snd.sml, c->snd.una))
		c->snd.sml = c->snd.una;
	toe_sack_advance(&c->sack, c->snd.una);
	toe_sendq_acked(c);
	toe_neigh_confirm(c->p->n, now);
	a->acked = seg->ack - (c->snd.una - a->acked);
}

/*
 * RFC 9293 takes the window from the newest segment by (sequence, acknowledgement). Take it also
 * from any segment whose ACK is the highest so far: a peer that went back to retransmit sends ACKs
 * from a lower number, and keeping the old window would move its right edge along with SND.UNA,
 * beyond what was offered.
 */
static void update_window(struct toe_conn *c, const struct toe_seg *seg, uint32_t wnd,
			  bool advanced, uint64_t now)
{
	uint32_t old = c->snd.wnd;

	if (advanced || toe_seq_lt(c->snd.wl1, seg->seq) ||
	    (c->snd.wl1 == seg->seq && toe_seq_leq(c->snd.wl2, seg->ack))) {
		c->snd.wnd = wnd;
		c->snd.wl1 = seg->seq;
		c->snd.wl2 = seg->ack;
		if (wnd > c->snd.max_wnd)
			c->snd.max_wnd = wnd;
	}
	if (c->snd.wnd != old || !wnd)
		toe_recovery_window(c, old, !wnd, now);
}

static bool take_sacks(struct toe_conn *c, const struct toe_seg *seg)
{
	struct toe_sack_result res;

	if (!(c->k.flags & TOE_SACK) || !seg->nsacks)
		return false;
	toe_sack_update(&c->sack, c->snd.max, seg->sacks, seg->nsacks, &res);
	return res.newly;
}

static void tell_backlog(struct toe_conn *c, uint64_t now)
{
	uint32_t b = toe_sendq_backlog(c);

	/*
	 * A window that was cut soon recovers: report only a decrease to a quarter or less (EVT-5).
	 */
	if ((b <= c->snd.backlog && b > c->snd.backlog / 4) ||
	    now - c->snd.backlog_at < TOE_NSEC / 10)
		return;
	c->snd.backlog = b;
	c->snd.backlog_at = now;
	toe_queue_backlog(c, b);
}

void toe_ack_segment(struct toe_conn *c, const struct toe_seg *seg, uint64_t now)
{
	uint32_t wnd = toe_ack_window(c, seg);
	struct toe_ack_info a = { .flight = c->snd.max - c->snd.una };
	bool bare = !toe_seg_space(seg), fin_before = toe_fin_sent(c) && c->snd.una == c->snd.max;

	if (toe_seq_lt(seg->ack, c->snd.una))
		return;		/* old: its data may be new */
	if (seg->ack != c->snd.una) {
		a.acked = seg->ack - c->snd.una;
		advance(c, seg, &a, now);
	} else {
		a.dup = bare && c->snd.una != c->snd.max && wnd == c->snd.wnd;
	}
	a.sacked = take_sacks(c, seg);
	if (c->k.flags & TOE_SACK)
		a.dup = a.sacked && !a.acked;
	update_window(c, seg, wnd, a.acked != 0, now);
	if (a.acked || a.dup || a.sacked)
		toe_recovery_ack(c, &a, now);
	if (a.acked) {
		toe_recovery_arm(c, true, now);
		tell_backlog(c, now);
	}
	if (toe_fin_sent(c) && c->snd.una == c->snd.max && !fin_before)
		fin_acked(c, now);
	toe_queue_output(c);
}
