/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * output.c - what to send now.
 *
 * Order of precedence: RST, probes, retransmission in fast recovery, data from SND.NXT on (which is
 * retransmission up to SND.MAX), an ACK that nothing carried. Every frame carries the ACK of the
 * moment, so one toe_output() acknowledges all input before it with one frame.
 */
#include "clock.h"
#include "conn.h"
#include "frame.h"
#include "list.h"
#include "queue.h"
#include "recovery.h"
#include "sendq.h"
#include "timer.h"
#include "toe_internal.h"

#define BURST		16	/* frames of one connection before the next one's turn */
#define MAX_PAYLOAD	(65535 - 120)

enum outcome { IDLE, SENT, BLOCKED };

/* The part of len that fills segments. */
static uint32_t whole(uint32_t len, uint32_t mss)
{
	return mss ? len - len % mss : len;
}

/*
 * A sequence number that the peer accepts in a segment without data: SND.MAX may lie beyond its
 * window.
 */
static uint32_t bare_seq(const struct toe_conn *c)
{
	uint32_t edge = c->snd.una + c->snd.wnd;

	return toe_seq_leq(c->snd.max, edge) ? c->snd.max : edge;
}

static enum outcome send_bare(struct toe_conn *c, uint32_t seq, uint64_t now)
{
	struct toe_plan pl;

	toe_frame_begin(c, &pl, seq, false);
	return toe_frame_emit(c, &pl, now) ? SENT : BLOCKED;
}

static enum outcome send_rst(struct toe_conn *c, uint64_t now)
{
	struct toe_plan pl;
	struct toe_req *req = c->out.rst_req;

	toe_frame_begin(c, &pl, bare_seq(c), false);
	pl.flags = TOE_RST | TOE_ACK;
	pl.ack = c->rcv.last_ack;	/* nothing more is acknowledged (DIS-11) */
	pl.nsacks = 0;
	if (!toe_frame_emit(c, &pl, now))
		return BLOCKED;
	c->out.rst = false;
	c->out.rst_req = NULL;
	if (req)
		toe_queue_req(c, req, TOE_OK);
	return SENT;
}

/* ------------------------------------------------------------------ data */

/* The FIN goes out for the first time. */
static void fin_sent(struct toe_conn *c)
{
	if (c->state == TOE_ESTABLISHED)
		toe_conn_set_state(c, TOE_FIN_WAIT1);
	else if (c->state == TOE_CLOSE_WAIT)
		toe_conn_set_state(c, TOE_LAST_ACK);
}

/* Send the plan's data, and a FIN if its flags say so; account for it. */
static enum outcome send_plan(struct toe_conn *c, struct toe_plan *pl, uint64_t now)
{
	uint32_t space = pl->g.len + !!(pl->flags & TOE_FIN), end = pl->seq + space;
	bool rexmit = toe_seq_lt(pl->seq, c->snd.max);

	if (pl->g.push || (pl->flags & TOE_FIN && pl->g.len))
		pl->flags |= TOE_PSH;
	if (!toe_frame_emit(c, pl, now))
		return BLOCKED;
	c->snd.last_sent = now;
	if (pl->g.len % pl->mss && toe_seq_gt(end, c->snd.sml))
		c->snd.sml = end;
	if (toe_seq_gt(end, c->snd.max)) {
		c->snd.max = end;
		if (toe_fin_sent(c))
			fin_sent(c);
	}
	toe_recovery_sent(c, pl->seq, space, rexmit, now);
	return SENT;
}

static uint32_t largest_payload(const struct toe_conn *c, uint32_t mss)
{
	uint32_t max = c->t->cfg.max_gso < MAX_PAYLOAD ? c->t->cfg.max_gso : MAX_PAYLOAD;

	return max > mss ? whole(max, mss) : mss;
}

/*
 * Fill a plan with up to len bytes from its seq. Only a frame's last segment may be short: if the
 * number of pieces ends the frame early, cut it to whole segments.
 */
static void gather(struct toe_conn *c, struct toe_plan *pl, uint32_t len)
{
	uint32_t most = largest_payload(c, pl->mss);

	toe_sendq_gather(c, pl->seq, len < most ? len : most, &pl->g);
	if (pl->g.full && pl->g.len > pl->mss && pl->g.len % pl->mss)
		toe_sendq_gather(c, pl->seq, whole(pl->g.len, pl->mss), &pl->g);
}

/* Bytes of data in [seq, end): the FIN's number does not count. */
static uint32_t data_len(const struct toe_conn *c, uint32_t seq, uint32_t end)
{
	end = toe_seq_min(end, c->snd.end);
	return toe_seq_gt(end, seq) ? end - seq : 0;
}

/* Retransmit from r.start, up to r.end or max bytes. *end: where the frame ended. */
static enum outcome resend(struct toe_conn *c, struct toe_range r, uint32_t max, uint32_t *end,
			   uint64_t now)
{
	struct toe_plan pl;
	uint32_t len;

	toe_frame_begin(c, &pl, r.start, true);
	len = data_len(c, r.start, r.end);
	if (len > max)
		len = max < pl.mss ? pl.mss : whole(max, pl.mss);
	if (len > data_len(c, r.start, r.end))
		len = data_len(c, r.start, r.end);
	gather(c, &pl, len);
	*end = pl.seq + pl.g.len;
	if (toe_fin_sent(c) && *end == c->snd.end && toe_seq_gt(r.end, c->snd.end)) {
		pl.flags |= TOE_FIN;
		*end += 1;
	}
	if (*end == pl.seq)
		return IDLE;
	return send_plan(c, &pl, now);
}

static bool may_send_new(const struct toe_conn *c)
{
	return toe_snd_has_data(c) && toe_seq_lt(c->snd.nxt, c->snd.una + c->snd.wnd);
}

static uint32_t cwnd_space(const struct toe_conn *c)
{
	uint32_t pipe = toe_recovery_pipe(c);

	return c->cc.cwnd > pipe ? c->cc.cwnd - pipe : 0;
}

/* Fast recovery with SACK (RFC 6675 5). *go_on: the caller is to send new data. */
static enum outcome recover_sack(struct toe_conn *c, bool *go_on, uint64_t now)
{
	uint32_t space = cwnd_space(c), end, most;
	struct toe_range r;
	enum toe_sack_rule rule;
	enum outcome got;

	if (!c->rec.force && space < c->snd.mss)
		return IDLE;
	rule = toe_sack_next(&c->sack, c->snd.max, c->snd.mss, c->t->params.dup_ack_threshold,
			     may_send_new(c), &r);
	if (c->rec.force) {	/* step 4.3: the first segment, whatever the blocks say */
		rule = TOE_SACK_LOST;
		if (!toe_sack_unsacked(&c->sack, c->snd.una, c->snd.max, c->snd.mss, &r))
			return IDLE;
	}
	/* Rescue only a lost tail, not what has already been retransmitted. */
	if (rule == TOE_SACK_RESCUE && toe_seq_lt(r.start, c->sack.high_rxt))
		rule = TOE_SACK_NOTHING;
	*go_on = rule == TOE_SACK_NEW;
	if (rule == TOE_SACK_NEW || rule == TOE_SACK_NOTHING)
		return IDLE;
	most = rule == TOE_SACK_LOST && space > c->snd.mss ? space : c->snd.mss;
	got = resend(c, r, most, &end, now);
	if (got == SENT) {
		c->rec.force = false;
		r.end = end;
		toe_sack_retransmitted(&c->sack, r, rule, c->rec.recover);
	}
	return got;
}

static enum outcome recover(struct toe_conn *c, bool *go_on, uint64_t now)
{
	struct toe_range r = { c->snd.una, c->snd.max };
	enum outcome got;
	uint32_t end;

	*go_on = false;
	if (c->k.flags & TOE_SACK)
		return recover_sack(c, go_on, now);
	*go_on = true;
	if (!c->rec.force)
		return IDLE;
	got = resend(c, r, c->snd.mss, &end, now);
	if (got != BLOCKED)
		c->rec.force = false;
	return got;
}

/* Nagle as modified by Minshall: only a short segment in flight holds the next one back. */
static bool is_nagled(const struct toe_conn *c)
{
	return (c->cached.flags & TOE_NAGLE) && toe_seq_gt(c->snd.sml, c->snd.una);
}

/* May a frame that ends in a short segment go out? total: bytes queued from SND.NXT on. */
static bool should_send_short(struct toe_conn *c, const struct toe_plan *pl, uint32_t total,
			      uint64_t now)
{
	if ((pl->flags & TOE_FIN) || c->snd.sws_force || toe_seq_lt(pl->seq, c->snd.max))
		return true;
	if (total >= pl->mss && pl->g.push)
		return true;		/* no more could be put into it */
	if (pl->g.len == total ? !pl->g.more : pl->g.req_end)
		return !is_nagled(c);
	if (pl->g.len != total && pl->g.len >= c->snd.max_wnd / 2)
		return true;
	if (!toe_timer_running(c, TOE_TMR_SWS))
		toe_timer_set(c, TOE_TMR_SWS,
			      now + toe_ticks_to_ns(c->t, c->t->params.sws_prevention_ticks));
	return false;
}

/*
 * How far the queue may be sent from SND.NXT: *end, and whether there is anything to send at all.
 */
static bool sendable(struct toe_conn *c, uint32_t *end)
{
	uint32_t edge = c->snd.una + c->snd.wnd, limit = toe_snd_limit(c);
	struct toe_range r;

	if (c->rec.state == TOE_REC_LOSS && toe_seq_lt(c->snd.nxt, c->snd.max) && c->sack.nranges) {
		if (!toe_sack_unsacked(&c->sack, c->snd.nxt, c->snd.max, TOE_MAX_QUEUED, &r)) {
			c->snd.nxt = c->snd.max;
		} else {
			c->snd.nxt = r.start;
			if (r.end != c->snd.max)
				limit = r.end;
		}
	}
	*end = toe_seq_min(limit, edge);
	return toe_seq_lt(c->snd.nxt, *end);
}

static void idle_restart(struct toe_conn *c, uint64_t now)
{
	if (c->snd.una == c->snd.max && now - c->snd.last_sent > toe_rtt_rto(&c->rtt))
		c->cc.ops->after_idle(&c->cc, now);
}

/*
 * With large frames, wait while ACKs are due anyway: frames that use only what one ACK freed get
 * smaller and smaller. room: what the windows allow now, of total bytes queued. At least as much is
 * in flight, so ACKs will come.
 */
static bool should_defer(const struct toe_conn *c, uint32_t mss, uint32_t room, uint32_t total)
{
	uint32_t wnd = c->cc.cwnd < c->snd.wnd ? c->cc.cwnd : c->snd.wnd,
		 least = largest_payload(c, mss);

	if (least > wnd / 3)
		least = wnd / 3;
	return c->rec.state == TOE_REC_OPEN && room < total && room < least &&
	       c->snd.nxt - c->snd.una > room + mss;
}

/* Data from SND.NXT on, as much as windows and rules allow. force: one segment beyond cwnd. */
static enum outcome send_next(struct toe_conn *c, bool force, uint64_t now)
{
	uint32_t end, total, space;
	enum outcome got;
	struct toe_plan pl;

	if (!sendable(c, &end))
		return IDLE;
	idle_restart(c, now);
	toe_frame_begin(c, &pl, c->snd.nxt, true);
	total = data_len(c, c->snd.nxt, end);
	space = cwnd_space(c);
	if (force && space < pl.mss)
		space = pl.mss;
	if (space < total)
		c->snd.cwnd_limited = true;
	if (space < pl.mss && space < total)
		return IDLE;
	if (!force && should_defer(c, pl.mss, space < total ? space : total,
				   data_len(c, c->snd.nxt, c->snd.end)))
		return IDLE;
	gather(c, &pl, space < total ? whole(space, pl.mss) : total);
	if (c->snd.fin && pl.seq + pl.g.len == c->snd.end && toe_seq_gt(end, c->snd.end))
		pl.flags |= TOE_FIN;
	total = data_len(c, c->snd.nxt, c->snd.end);
	if (pl.g.len % pl.mss && !should_send_short(c, &pl, total, now)) {
		if (pl.g.len < pl.mss)
			return IDLE;
		gather(c, &pl, whole(pl.g.len, pl.mss));
	}
	got = send_plan(c, &pl, now);
	if (got == SENT) {
		c->snd.nxt = pl.seq + pl.g.len + !!(pl.flags & TOE_FIN);
		c->snd.sws_force = false;
		c->rec.force = false;
		toe_timer_clear(c, TOE_TMR_SWS);
	}
	return got;
}

/*
 * As in Linux: send the number before SND.UNA and no data, which every peer answers with its
 * window. The probe puts nothing in flight, so the connection can be handed back with its window
 * shut. What the peer may have refused because its window had shut is sent again once it opens.
 */
static enum outcome send_window_probe(struct toe_conn *c, uint64_t now)
{
	enum outcome got = send_bare(c, c->snd.una - 1, now);

	if (got != SENT)
		return got;
	c->out.wnd_probe = false;
	if (c->snd.una != c->snd.max) {
		c->snd.nxt = c->snd.una;
		c->rec.state = TOE_REC_LOSS;
		c->rec.recover = c->snd.max;
		c->rec.timing = false;
	}
	return SENT;
}

/* New data if there is any, else the last segment again. */
static enum outcome send_tlp(struct toe_conn *c, uint64_t now)
{
	struct toe_range r = { c->snd.una, c->snd.max };
	enum outcome got = IDLE;
	uint32_t end;

	if (may_send_new(c))
		got = send_next(c, true, now);
	if (got == IDLE) {
		if (c->snd.max - c->snd.una > c->snd.mss)
			r.start = c->snd.max - c->snd.mss;
		got = resend(c, r, c->snd.mss, &end, now);
	}
	if (got != BLOCKED)
		c->out.tlp_probe = false;
	return got;
}

static enum outcome send_data(struct toe_conn *c, uint64_t now)
{
	enum outcome got;
	bool go_on = true;

	if (c->out.wnd_probe) {
		got = send_window_probe(c, now);
		if (got != IDLE)
			return got;
	}
	if (!c->snd.wnd)
		return IDLE;
	if (c->out.tlp_probe && c->rec.state == TOE_REC_OPEN)
		return send_tlp(c, now);
	if (c->rec.state == TOE_REC_FAST) {
		got = recover(c, &go_on, now);
		if (got != IDLE || !go_on)
			return got;
	}
	return send_next(c, c->rec.state == TOE_REC_LOSS && c->rec.force, now);
}

/* ------------------------------------------------------------------ turns */

/* Neither ACK nor RST will leave; an abortive disconnect that waited for its RST is over. */
static void drop_owed(struct toe_conn *c, enum toe_status status)
{
	struct toe_req *req = c->out.rst_req;

	c->rcv.ack_now = false;
	c->rcv.dup_acks = 0;
	c->out.rst = false;
	c->out.rst_req = NULL;
	if (req)
		toe_queue_req(c, req, status);
}

bool toe_conn_give_up(struct toe_conn *c)
{
	if (c->phase != TOE_STOPPED || !toe_queue_has_output(c))
		return false;
	drop_owed(c, TOE_UPLOADING);
	toe_list_remove(&c->out_link);
	return true;
}

static enum outcome output_one(struct toe_conn *c, uint64_t now)
{
	enum outcome got;

	if (toe_conn_is_invalid(c)) {
		drop_owed(c, TOE_ABORTED);
		return IDLE;
	}
	if (c->out.rst)
		return send_rst(c, now);
	if (!c->tx_off) {
		if (c->out.keep_probe) {
			got = send_bare(c, c->snd.una - 1, now);
			if (got == SENT)
				c->out.keep_probe = false;
			return got;
		}
		got = send_data(c, now);
		if (got != IDLE)
			return got;
	}
	return c->rcv.ack_now ? send_bare(c, bare_seq(c), now) : IDLE;
}

/*
 * Send up to *budget frames of one connection and subtract them. If there may be more, it stays in
 * the list.
 */
static void output_conn(struct toe_conn *c, uint64_t now, unsigned *budget)
{
	struct toe_link *list = &c->t->q[c->k.queue].out;
	unsigned burst = *budget < BURST ? *budget : BURST;
	enum outcome got = SENT;

	while (burst && got == SENT) {
		got = output_one(c, now);
		if (got == SENT) {
			burst--;
			(*budget)--;
		}
	}
	if (got == BLOCKED)
		return;			/* first in line when the backend is ready */
	toe_list_remove(&c->out_link);
	if (got == SENT) {
		toe_list_append(list, &c->out_link);
		return;
	}
	/*
	 * Data held back by the peer's window needs the persist timer even though nothing was sent.
	 */
	if (!c->tx_off)
		toe_recovery_arm(c, false, now);
}

bool toe_output(struct toe *t, unsigned queue, uint64_t now, unsigned max_frames)
{
	struct toe_queue *q;

	toe_clock_advance(t, now);
	if (queue >= t->cfg.queues)
		return false;
	q = &t->q[queue];
	while (!q->blocked && max_frames && !toe_list_empty(&q->out))
		output_conn(toe_container(q->out.next, struct toe_conn, out_link), t->now,
			    &max_frames);
	toe_timer_settle(t);
	return !q->blocked && !toe_list_empty(&q->out);
}
