/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * output.c - what to send now, and the frame for it.
 *
 * Order of precedence: RST, probes, retransmission in fast recovery, data from SND.NXT on (which is
 * retransmission up to SND.MAX), an ACK that nothing carried. Every frame carries the ACK of the
 * moment, so one toe_output() acknowledges all input before it with one frame.
 */
#include <string.h>

#include "toe_internal.h"

#define BURST		16	/* frames of one connection before the next one's turn */
#define MAX_PAYLOAD	(65535 - 120)

enum outcome { IDLE, SENT, BLOCKED };

/* What a frame is to hold. */
struct plan {
	uint32_t seq;
	uint32_t ack;
	uint16_t flags;
	uint32_t mss;			/* payload per segment */
	uint8_t  nsacks;
	struct toe_range sacks[TOE_MAX_SACKS];
	struct toe_gather g;
};

void toe_output_kick(struct toe_conn *c)
{
	if (toe_list_empty(&c->out_link) && c->phase != TOE_IMPORTED)
		toe_list_append(&c->t->q[c->k.queue].out, &c->out_link);
}

bool toe_output_queued(const struct toe_conn *c)
{
	return !toe_list_empty(&c->out_link);
}

bool toe_output_has_data(const struct toe_conn *c)
{
	return toe_seq_lt(c->snd.nxt, toe_snd_limit(c));
}

/* ------------------------------------------------------------------ receive window */

uint32_t toe_output_window(const struct toe_conn *c)
{
	uint32_t held = toe_deliver_held(c), room = toe_rcvbuf_room(&c->rcv.buf);
	uint32_t wnd = c->rcv.wnd_limit > held ? c->rcv.wnd_limit - held : 0;

	return wnd < room ? wnd : room;
}

static uint32_t offered(const struct toe_conn *c)
{
	return toe_seq_gt(c->rcv.adv, c->rcv.nxt) ? c->rcv.adv - c->rcv.nxt : 0;
}

/* RFC 1122 4.2.3.3: the right edge moves by no less than a segment or half of the window. */
static uint32_t window_step(const struct toe_conn *c)
{
	uint32_t half = c->rcv.wnd_limit / 2, mss = c->rcv.mss_est ? c->rcv.mss_est : c->snd.mss;

	return half < mss ? half : mss;
}

/*
 * The window field of a segment. The right edge never moves left, as far as rounding to the scale
 * lets us.
 */
static uint16_t window_field(struct toe_conn *c)
{
	unsigned shift = c->k.flags & TOE_WSCALE ? c->k.rcv_wscale : 0;
	uint32_t now = offered(c), want = toe_output_window(c), field;

	if (want < now + window_step(c) && !(c->rcv.sws_force && want > now))
		want = now;
	field = want >> shift;
	if ((field << shift) < now) {
		uint32_t up = (now + (1u << shift) - 1) >> shift;

		if ((up << shift) <= toe_rcvbuf_room(&c->rcv.buf))
			field = up;
	}
	if (field > 65535)
		field = 65535;
	c->rcv.adv = toe_seq_max(c->rcv.adv, c->rcv.nxt + (field << shift));
	return (uint16_t)field;
}

void toe_output_window_opened(struct toe_conn *c)
{
	uint32_t now = offered(c), want = toe_output_window(c), limit = c->rcv.wnd_limit;
	uint32_t mss = c->rcv.mss_est ? c->rcv.mss_est : c->snd.mss, gain;

	if (want <= now || c->rcv.fin_done || c->rx_off)
		return;
	gain = want - now;
	if (gain < 2 * mss && gain < limit / 2) {
		/*
		 * Too little to tell; but a peer that has nothing left is told in the end (TMR-26).
		 */
		if (now < mss && !toe_timer_running(c, TOE_TMR_WND))
			toe_timer_set(c, TOE_TMR_WND,
				      c->t->now + toe_ticks_to_ns(
							  c->t, c->t->params.sws_prevention_ticks));
		return;
	}
	/* A peer that has a wide window left anyway needs no segment of its own for this. */
	if (gain >= limit / 4 || now <= limit / 8 || limit <= 8 * mss) {
		c->rcv.ack_now = true;
		toe_output_kick(c);
	}
}

/* ------------------------------------------------------------------ a frame */

uint32_t toe_output_ts(struct toe_conn *c, uint64_t now)
{
	uint32_t ts = (uint32_t)(now / c->ts_unit) + c->ts_delta;

	if (toe_seq_lt(ts, c->last_ts))
		ts = c->last_ts;
	return ts;
}

static uint8_t collect_sacks(struct toe_conn *c, struct toe_range *out)
{
	unsigned max = toe_wire_max_sacks(c->k.flags & TOE_TIMESTAMPS), n = 0, i, got;
	struct toe_range r, found[TOE_MAX_SACKS];

	if (!(c->k.flags & TOE_SACK))
		return 0;
	if (toe_range_len(c->rcv.dsack)) {
		out[n++] = c->rcv.dsack;
		if (toe_rcvbuf_covering(&c->rcv.buf, c->rcv.dsack, &r))
			out[n++] = r;
	}
	if (!c->rcv.buf.nranges)
		return (uint8_t)n;
	got = toe_rcvbuf_sacks(&c->rcv.buf, found, max);
	for (i = 0; i < got && n < max; i++)
		if (n < 2 || found[i].start != out[1].start || !toe_range_len(c->rcv.dsack))
			out[n++] = found[i];
	return (uint8_t)n;
}

/* A plan with everything but what to send. */
static void begin(struct toe_conn *c, struct plan *pl, uint32_t seq, bool data)
{
	pl->seq = seq;
	pl->ack = c->rcv.nxt;
	pl->flags = TOE_ACK;
	pl->mss = c->snd.mss;
	pl->g.npieces = 0;
	pl->g.len = 0;
	pl->nsacks = collect_sacks(c, pl->sacks);
	if (pl->nsacks && data) {
		uint32_t opts = toe_wire_options_len(false, pl->nsacks);

		if (pl->mss > opts + 64)
			pl->mss -= opts;
		else
			pl->nsacks = 0;
	}
}

static uint16_t take_ip_ids(struct toe *t, uint32_t n)
{
	uint16_t id;

	/* the kernel behind the wire counts on, and must not leave our half */
	if (n > 0x10000u - t->ip_id)
		t->ip_id = 0x8000;
	id = t->ip_id;
	t->ip_id = (uint16_t)(t->ip_id + n);
	if (t->ip_id < 0x8000)
		t->ip_id = 0x8000;
	return id;
}

static bool is_zero_mac(const uint8_t *m)
{
	return !(m[0] | m[1] | m[2] | m[3] | m[4] | m[5]);
}

static void fill_header(struct toe_conn *c, const struct plan *pl, struct toe_hdr *h, uint64_t now)
{
	const struct toe_neigh *n = c->p->n;
	const struct toe_path_state *p = &c->p->s;
	unsigned i;

	h->src_mac = is_zero_mac(n->s.src_mac) ? c->t->cfg.mac : n->s.src_mac;
	h->dst_mac = n->s.dst_mac;
	h->tagged = n->s.vlan_id || c->cached.user_priority;
	h->tci = (uint16_t)(c->cached.user_priority << 13 | n->s.vlan_id);
	h->ipv6 = p->ipv6;
	h->src = p->src;
	h->dst = p->dst;
	h->ttl = c->cached.ttl;
	h->tos = c->cached.tos & 0xfc;	/* not ECN capable: CE and ECE have no home in the state */
	h->flow_label = c->cached.flow_label;
	h->src_port = c->k.local_port;
	h->dst_port = c->k.remote_port;
	h->seq = pl->seq;
	h->ack = pl->ack;
	h->flags = pl->flags;
	h->has_ts = c->k.flags & TOE_TIMESTAMPS;
	if (h->has_ts) {
		h->ts_val = toe_output_ts(c, now);
		h->ts_ecr = c->rcv.ts_recent;
	}
	h->nsacks = pl->nsacks;
	for (i = 0; i < pl->nsacks; i++)
		h->sacks[i] = pl->sacks[i];
	h->payload_len = pl->g.len;
}

static void count_sent(struct toe_conn *c, const struct plan *pl, uint32_t nsegs, uint32_t l3_len)
{
	struct toe_ip_stats *ip = toe_ip_stats(c);
	struct toe_tcp_stats *tcp = toe_tcp_stats(c);
	uint32_t space = pl->g.len + !!(pl->flags & TOE_FIN), end = pl->seq + space, old = 0;

	ip->out_requests += nsegs;
	ip->out_octets += (uint64_t)l3_len * nsegs + pl->g.len;
	if (space && toe_seq_lt(pl->seq, c->snd.max))
		old = (toe_seq_min(end, c->snd.max) - pl->seq + pl->mss - 1) / pl->mss;
	if (old > nsegs)
		old = nsegs;
	tcp->retransmitted_segments += old;
	if (!old)
		tcp->out_segments += nsegs;
	else if (toe_seq_gt(end, c->snd.max))
		tcp->out_segments += nsegs > old ? nsegs - old : 1;
	c->t->stats.payload_out += pl->g.len;
	if (pl->flags & TOE_RST)
		tcp->out_resets++;
}

/* An ACK has left. */
static void acked(struct toe_conn *c, const struct plan *pl)
{
	c->rcv.last_ack = pl->ack;
	c->rcv.ack_owed = false;
	c->rcv.ack_segs = 0;
	if (pl->nsacks)
		c->rcv.dsack.end = c->rcv.dsack.start;
	if (c->rcv.dup_acks)
		c->rcv.dup_acks--;
	c->rcv.ack_now = c->rcv.dup_acks;
	c->rcv.sws_force = false;
	toe_timer_clear(c, TOE_TMR_DELACK);
}

static bool emit(struct toe_conn *c, struct plan *pl, uint64_t now)
{
	struct toe *t = c->t;
	uint8_t header[TOE_MAX_HEADER];
	uint32_t nsegs = pl->g.len > pl->mss ? (pl->g.len + pl->mss - 1) / pl->mss : 1,
		 adv = c->rcv.adv;
	uint16_t ip_id = t->ip_id;
	struct toe_frame f = {
		.header = header,
		.gso_size = nsegs > 1 ? (uint16_t)pl->mss : 0,
		.ipv6 = c->p->s.ipv6,
		.queue = c->k.queue,
		.npieces = pl->g.npieces,
		.payload_len = pl->g.len,
		.pieces = pl->g.pieces,
		.cookie = c->k.cookie,
	};
	struct toe_hdr h;

	memset(&h, 0, sizeof(h));
	fill_header(c, pl, &h, now);
	if (!f.ipv6)
		h.ip_id = take_ip_ids(t, nsegs);
	h.wnd = window_field(c);
	f.header_len = toe_wire_build(&h, header, &f.l3_off, &f.l4_off);
	toe_neigh_sending(c->p->n, now);
	if (!t->ops.emit(t->opaque, &f)) {
		t->q[c->k.queue].blocked = true;
		t->ip_id = ip_id;
		c->rcv.adv = adv;
		return false;
	}
	if (h.has_ts)
		c->last_ts = h.ts_val;
	count_sent(c, pl, nsegs, f.header_len - f.l3_off);
	acked(c, pl);
	return true;
}

/*
 * A sequence number for segments without data that the peer accepts: a probe may have gone beyond
 * its window.
 */
static uint32_t bare_seq(const struct toe_conn *c)
{
	uint32_t edge = c->snd.una + c->snd.wnd;

	return toe_seq_leq(c->snd.max, edge) ? c->snd.max : edge;
}

static enum outcome send_bare(struct toe_conn *c, uint32_t seq, uint64_t now)
{
	struct plan pl;

	begin(c, &pl, seq, false);
	return emit(c, &pl, now) ? SENT : BLOCKED;
}

static enum outcome send_rst(struct toe_conn *c, uint64_t now)
{
	struct plan pl;
	struct toe_req *req = c->out.rst_req;

	begin(c, &pl, bare_seq(c), false);
	pl.flags = TOE_RST | TOE_ACK;
	pl.ack = c->rcv.last_ack;	/* nothing more is acknowledged (DIS-11) */
	pl.nsacks = 0;
	if (!emit(c, &pl, now))
		return BLOCKED;
	c->out.rst = false;
	c->out.rst_req = NULL;
	if (req)
		toe_event_req(c, req, TOE_OK);
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
static enum outcome send_plan(struct toe_conn *c, struct plan *pl, uint64_t now)
{
	uint32_t space = pl->g.len + !!(pl->flags & TOE_FIN), end = pl->seq + space;
	bool rexmit = toe_seq_lt(pl->seq, c->snd.max);

	if (pl->g.push || (pl->flags & TOE_FIN && pl->g.len))
		pl->flags |= TOE_PSH;
	if (!emit(c, pl, now))
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

	return max > mss ? max - max % mss : mss;
}

/*
 * Fill a plan with up to len bytes from its seq on. Only the last segment of a frame may be short:
 * if the number of pieces ends it early, it is cut to whole segments.
 */
static void gather(struct toe_conn *c, struct plan *pl, uint32_t len)
{
	uint32_t most = largest_payload(c, pl->mss);

	toe_sendq_gather(c, pl->seq, len < most ? len : most, &pl->g);
	if (pl->g.full && pl->g.len > pl->mss && pl->g.len % pl->mss)
		toe_sendq_gather(c, pl->seq, pl->g.len - pl->g.len % pl->mss, &pl->g);
}

/* Bytes of [seq, end) that are data: the FIN's number is none. */
static uint32_t data_len(const struct toe_conn *c, uint32_t seq, uint32_t end)
{
	end = toe_seq_min(end, c->snd.end);
	return toe_seq_gt(end, seq) ? end - seq : 0;
}

/* Retransmit from r.start on, up to r.end or max bytes. *end: what was covered. */
static enum outcome resend(struct toe_conn *c, struct toe_range r, uint32_t max, uint32_t *end,
			   uint64_t now)
{
	struct plan pl;
	uint32_t len;

	begin(c, &pl, r.start, true);
	len = data_len(c, r.start, r.end);
	if (len > max)
		len = max < pl.mss ? pl.mss : max - max % pl.mss;
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
	return toe_output_has_data(c) && toe_seq_lt(c->snd.nxt, c->snd.una + c->snd.wnd);
}

static uint32_t cwnd_space(const struct toe_conn *c)
{
	uint32_t pipe = toe_recovery_pipe(c);

	return c->cc.cwnd > pipe ? c->cc.cwnd - pipe : 0;
}

/* Fast recovery with SACK (RFC 6675 5). *go_on: new data is what is wanted. */
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
	/* The rescue is for a lost tail, not for what is under way again. */
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

/* Nagle, with Minshall's relief: only a short segment that is under way holds the next one back. */
static bool is_nagled(const struct toe_conn *c)
{
	return (c->cached.flags & TOE_NAGLE) && toe_seq_gt(c->snd.sml, c->snd.una);
}

/* May a frame that ends in a short segment go out? total: bytes queued from SND.NXT on. */
static bool should_send_short(struct toe_conn *c, const struct plan *pl, uint32_t total,
			      uint64_t now)
{
	if ((pl->flags & TOE_FIN) || c->snd.sws_force || toe_seq_lt(pl->seq, c->snd.max))
		return true;
	if (total >= pl->mss && pl->g.push)
		return true;		/* more could not have been put into it */
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
 * The part of the queue that may go out from SND.NXT on: end of it, and whether anything is left at
 * all.
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
 * With large frames, wait while ACKs are due anyway: frames that only use what one ACK freed get
 * smaller and smaller. room: what the windows allow now, of total bytes queued. What is in flight
 * is at least as much, so ACKs do come.
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
	struct plan pl;

	if (!sendable(c, &end))
		return IDLE;
	idle_restart(c, now);
	begin(c, &pl, c->snd.nxt, true);
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
	gather(c, &pl, space < total ? space - space % pl.mss : total);
	if (c->snd.fin && pl.seq + pl.g.len == c->snd.end && toe_seq_gt(end, c->snd.end))
		pl.flags |= TOE_FIN;
	total = data_len(c, c->snd.nxt, c->snd.end);
	if (pl.g.len % pl.mss && !should_send_short(c, &pl, total, now)) {
		if (pl.g.len < pl.mss)
			return IDLE;
		gather(c, &pl, pl.g.len - pl.g.len % pl.mss);
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
 * One byte, or the FIN, whatever the window says (RFC 9293 3.8.6.1). It is sent again once the
 * window opens.
 */
static enum outcome send_window_probe(struct toe_conn *c, uint64_t now)
{
	struct plan pl;
	enum outcome got;

	begin(c, &pl, c->snd.una, true);
	gather(c, &pl, data_len(c, c->snd.una, c->snd.una + 1));
	if (!pl.g.len && c->snd.fin && c->snd.una == c->snd.end)
		pl.flags |= TOE_FIN;
	if (!pl.g.len && !(pl.flags & TOE_FIN)) {
		c->out.wnd_probe = false;
		return IDLE;
	}
	got = send_plan(c, &pl, now);
	if (got != SENT)
		return got;
	c->out.wnd_probe = false;
	c->snd.nxt = c->snd.una;
	c->rec.state = TOE_REC_LOSS;
	c->rec.recover = c->snd.max;
	c->rec.timing = false;
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

static void drop_invalid(struct toe_conn *c)
{
	struct toe_req *req = c->out.rst_req;

	c->rcv.ack_now = false;
	c->rcv.dup_acks = 0;
	c->out.rst = false;
	c->out.rst_req = NULL;
	if (req)
		toe_event_req(c, req, TOE_ABORTED);
}

static enum outcome output_one(struct toe_conn *c, uint64_t now)
{
	enum outcome got;

	if (toe_conn_is_invalid(c)) {
		drop_invalid(c);
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
 * Up to budget frames of one connection; takes what it used. Leaves it in the list if there may be
 * more.
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
	 * Data that the peer's window holds back needs the persist timer even though nothing was
	 * sent.
	 */
	if (!c->tx_off)
		toe_recovery_arm(c, false, now);
}

bool toe_output(struct toe *t, unsigned queue, uint64_t now, unsigned max_frames)
{
	struct toe_queue *q;

	toe_engine_clock(t, now);
	if (queue >= t->cfg.queues)
		return false;
	q = &t->q[queue];
	while (!q->blocked && max_frames && !toe_list_empty(&q->out))
		output_conn(toe_container(q->out.next, struct toe_conn, out_link), t->now,
			    &max_frames);
	toe_timer_settle(t);
	return !q->blocked && !toe_list_empty(&q->out);
}
