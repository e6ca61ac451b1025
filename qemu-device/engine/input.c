/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * input.c - a received segment: the steps of RFC 9293 3.10.7.4 for synchronized states, in order.
 *
 * Each step is a function that says whether to go on. In front of them stand the questions whether
 * the frame is the target's at all: whatever is not, or what the host has to deal with, goes back
 * as TOE_RX_RAW untouched. Nothing is sent from here: steps only note that an ACK is wanted, and
 * output.c sends one for all.
 */
#include <string.h>

#include "toe_internal.h"

enum step {
	NEXT,		/* go on */
	DONE,		/* dealt with, or rightly dropped */
	RAW,		/* for the host, and nothing has changed */
};

/* ------------------------------------------------------------------ answers */

static void ack_at_once(struct toe_conn *c)
{
	c->rcv.ack_now = true;
	toe_output_kick(c);
}

/* Segments that carry nothing are answered rarely, so that two ends never keep each other busy. */
static void ack_rarely(struct toe_conn *c, uint64_t now)
{
	if (c->rcv.answered && now - c->rcv.answered_at < TOE_CHALLENGE_NS)
		return;
	c->rcv.answered = true;
	c->rcv.answered_at = now;
	ack_at_once(c);
}

static void ack_unacceptable(struct toe_conn *c, const struct toe_seg *seg, uint64_t now)
{
	if (toe_seg_space(seg))
		ack_at_once(c);
	else
		ack_rarely(c, now);
}

/* ------------------------------------------------------------------ steps */

/*
 * RFC 7323 5.3 with Linux's exceptions: a TS.Recent that has expired or is 0, of peers
 * whose SYN had no clock yet, says nothing.
 */
static bool ts_in_order(const struct toe_conn *c, const struct toe_seg *seg, uint32_t slack,
			uint64_t now)
{
	return toe_seq_geq(seg->ts_val + slack, c->rcv.ts_recent) || !c->rcv.ts_recent ||
	       now - c->rcv.ts_recent_at > TOE_PAWS_NS;
}

static uint32_t scaled_window(const struct toe_conn *c, const struct toe_seg *seg)
{
	return (uint32_t)seg->wnd << (c->k.flags & TOE_WSCALE ? c->k.snd_wscale : 0);
}

/*
 * A bare ACK that says nothing new and that another has overtaken on its way. Its age is bounded by
 * the retransmission timeout, the peer's clock taken as one of milliseconds.
 */
static bool overtaken_ack(const struct toe_conn *c, const struct toe_seg *seg)
{
	uint64_t replay_ms = toe_rtt_rto(&c->rtt) * 1000 / TOE_NSEC;

	return (seg->flags & TOE_ACK) && !toe_seg_space(seg) && seg->seq == c->rcv.nxt &&
	       seg->ack == c->snd.una && seg->seq == c->snd.wl1 &&
	       scaled_window(c, seg) <= c->snd.wnd &&
	       c->rcv.ts_recent - seg->ts_val <= replay_ms;
}

/*
 * PAWS as Linux does it. One tick is forgiven, for peers that read the clock on several processors,
 * and so is a segment without the option: keepalives of some peers have none (RFC 7323 3.2 would
 * have it dropped, and RFC 1323 did not).
 */
static enum step step_paws(struct toe_conn *c, const struct toe_seg *seg, uint64_t now)
{
	if (!(c->k.flags & TOE_TIMESTAMPS) || !seg->has_ts || (seg->flags & TOE_RST))
		return NEXT;
	if (ts_in_order(c, seg, 1, now) || overtaken_ack(c, seg))
		return NEXT;
	ack_unacceptable(c, seg, now);
	return DONE;
}

/*
 * RFC 5961 3 demands the exact number. As Linux does, what looks exact to the peer counts
 * too: some send the number of their FIN, and of what came behind a gap they have seen an ACK.
 */
static bool rst_is_exact(const struct toe_conn *c, const struct toe_seg *seg)
{
	const struct toe_rcvbuf *b = &c->rcv.buf;
	uint32_t last = c->rcv.nxt, i;

	if (seg->seq == c->rcv.nxt)
		return true;
	if (seg->seq + 1 == c->rcv.nxt)
		return c->rcv.fin_done;
	if (!(c->k.flags & TOE_SACK))
		return false;
	for (i = 0; i < b->nranges; i++)
		last = toe_seq_max(last, b->ranges[i].r.end);
	return seg->seq == last;
}

/* A segment wholly to the left of the window. */
static enum step old_segment(struct toe_conn *c, const struct toe_seg *seg, uint64_t now)
{
	if (seg->flags & TOE_RST)
		return rst_is_exact(c, seg) ? NEXT : DONE;
	if (seg->len && (c->k.flags & TOE_SACK)) {
		c->rcv.dsack.start = seg->seq;
		c->rcv.dsack.end = toe_seq_min(seg->seq + seg->len, c->rcv.nxt);
	}
	ack_unacceptable(c, seg, now);
	return DONE;
}

/* Cut what lies to the right of the window. */
static void trim(struct toe_seg *seg, uint32_t keep)
{
	if (seg->len + !!(seg->flags & TOE_FIN) <= keep)
		return;
	if (seg->len > keep) {
		seg->len = keep;
		seg->flags &= (uint16_t)~(TOE_FIN | TOE_PSH);
	} else if (keep) {
		seg->flags &= (uint16_t)~TOE_FIN;
	}
}

/*
 * First, check sequence number. RFC 9293's table, and what it lets through for ACKs when the window
 * is shut.
 */
static enum step step_sequence(struct toe_conn *c, struct toe_seg *seg, uint64_t now)
{
	uint32_t wnd = toe_seq_gt(c->rcv.adv, c->rcv.nxt) ? c->rcv.adv - c->rcv.nxt : 0;
	uint32_t space = toe_seg_space(seg), off = seg->seq - c->rcv.nxt;

	if (toe_seq_lt(seg->seq, c->rcv.nxt)) {
		if (toe_seq_leq(seg->seq + space, c->rcv.nxt))
			return old_segment(c, seg, now);
		/* Its first number is old: neither in order nor in the window. */
		if (seg->flags & TOE_SYN)
			return DONE;
		trim(seg, c->rcv.nxt - seg->seq + wnd);
		return NEXT;
	}
	if (seg->flags & TOE_RST)
		return off < wnd || !off ? NEXT : DONE;
	/* A peer that has filled the window sends its ACKs from the right edge. */
	if (!space && off <= wnd)
		return NEXT;
	if (off >= wnd && off) {
		ack_unacceptable(c, seg, now);
		return DONE;
	}
	if (!wnd && space && !(seg->flags & TOE_SYN)) {
		ack_at_once(c);		/* a window probe; its ACK and a bare FIN are good */
		if (seg->len) {
			seg->len = 0;
			seg->flags &= (uint16_t)~(TOE_FIN | TOE_PSH);
		}
		return NEXT;
	}
	if (!(seg->flags & TOE_SYN))
		trim(seg, wnd - off);
	return NEXT;
}

/* Second, check the RST bit (BRA-2 .. BRA-4). */
static enum step step_rst(struct toe_conn *c, const struct toe_seg *seg, uint64_t now)
{
	if (!(seg->flags & TOE_RST))
		return NEXT;
	if (rst_is_exact(c, seg)) {
		toe_event_aborted(c);
		toe_conn_abort(c);
	} else if (!c->keep.bra && toe_seq_gt(seg->seq, c->rcv.nxt)) {
		toe_keep_challenged(c, now);
		ack_at_once(c);
	}
	return DONE;
}

/* Fourth, check the SYN bit (BRA-6, BRA-7). */
static enum step step_syn(struct toe_conn *c, const struct toe_seg *seg, uint64_t now)
{
	if (!(seg->flags & TOE_SYN))
		return NEXT;
	if (seg->seq == c->rcv.nxt) {
		toe_conn_set_state(c, TOE_CLOSED);
		toe_event_retrieve(c, TOE_WHY_REQUESTED);
	} else if (!c->keep.syn_challenged ||
		   now - c->keep.syn_challenge_at >= TOE_SYN_CHALLENGE_NS) {
		c->keep.syn_challenged = true;
		c->keep.syn_challenge_at = now;
		toe_keep_challenged(c, now);
		ack_at_once(c);
	}
	return DONE;
}

/*
 * Fifth, check the ACK field (RFC 5961 5). Data that was never sent is acknowledged by accident or
 * by an attacker: Linux does not answer that in ESTABLISHED, RFC 5961 would.
 */
static enum step step_ack_valid(struct toe_conn *c, const struct toe_seg *seg, uint64_t now)
{
	if (!(seg->flags & TOE_ACK))
		return DONE;
	if (toe_seq_gt(seg->ack, c->snd.max)) {
		if (c->state != TOE_ESTABLISHED)
			ack_rarely(c, now);
		return DONE;
	}
	if (toe_seq_lt(seg->ack, c->snd.una - c->snd.max_wnd)) {
		ack_rarely(c, now);
		return DONE;
	}
	return NEXT;
}

/* Sixth, check the URG bit: the host deals with it, and with all that follows (NSP-9 .. NSP-14). */
static enum step step_urg(struct toe_conn *c, const struct toe_seg *seg)
{
	if (!(seg->flags & TOE_URG) || c->rcv.fin_done)
		return NEXT;
	toe_event_retrieve(c, TOE_WHY_URGENT);
	return RAW;
}

/* The segment is acceptable: RFC 7323 4.3, keepalive, FIN_WAIT_2. */
static void accepted(struct toe_conn *c, const struct toe_seg *seg, uint64_t now)
{
	uint32_t end = seg->seq + seg->len;

	if (seg->has_ts && (c->k.flags & TOE_TIMESTAMPS) &&
	    toe_seq_leq(seg->seq, c->rcv.last_ack) && ts_in_order(c, seg, 0, now)) {
		c->rcv.ts_recent = seg->ts_val;
		c->rcv.ts_recent_at = now;
	}
	toe_keep_segment(c, now);
	if (c->state == TOE_FIN_WAIT2)
		toe_recovery_arm(c, true, now);
	if (seg->len && toe_seq_gt(end, c->rcv.progress_edge)) {
		c->rcv.progress_edge = c->rcv.adv;
		toe_neigh_confirm(c->p->n, now);
	}
}

/* ------------------------------------------------------------------ the ACK field */

static uint64_t echoed_rtt(struct toe_conn *c, const struct toe_seg *seg, uint64_t now)
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
	rtt = echoed_rtt(c, seg, now);
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
 * RFC 9293: the window of the newest segment by (sequence, acknowledgement) counts. And that of any
 * segment whose ACK is the highest so far: a peer that went back to retransmit sends ACKs from a
 * lower number, and keeping the old window would move its right edge along with SND.UNA, beyond
 * what was offered.
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
	uint32_t b = toe_state_backlog(c);

	/*
	 * A window that was cut comes back soon: shrinking is only told when it is by much (EVT-5).
	 */
	if ((b <= c->snd.backlog && b > c->snd.backlog / 4) ||
	    now - c->snd.backlog_at < TOE_NSEC / 10)
		return;
	c->snd.backlog = b;
	c->snd.backlog_at = now;
	toe_event_backlog(c, b);
}

static void step_ack(struct toe_conn *c, const struct toe_seg *seg, uint64_t now)
{
	uint32_t wnd = scaled_window(c, seg);
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
	toe_output_kick(c);
}

/* ------------------------------------------------------------------ data and FIN */

static void estimate_rtt(struct toe_conn *c, const struct toe_seg *seg, uint64_t now)
{
	uint64_t rtt = echoed_rtt(c, seg, now), us;

	if (rtt == UINT64_MAX)
		return;
	us = rtt / 1000 < UINT32_MAX / 8 ? rtt / 1000 : UINT32_MAX / 8;
	c->rcv.rtt_us =
		c->rcv.rtt_us ? c->rcv.rtt_us - c->rcv.rtt_us / 8 + (uint32_t)us / 8 : (uint32_t)us;
}

/* A gap right after the take-over: what fills it is with the host, and about to be forwarded. */
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
 * RFC 5681 4.2: at once for what is out of order or fills a gap, else after so many segments or
 * ticks (TMR-5).
 */
static void schedule_ack(struct toe_conn *c, const struct toe_seg *seg,
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
		ack_at_once(c);
	else
		ack_later(c, now + toe_ticks_to_ns(c->t, p->delayed_ack_ticks));
}

/* Seventh, process the segment text. */
static void step_text(struct toe_conn *c, struct toe_seg *seg, uint64_t now)
{
	uint32_t size = seg->gso_size && seg->gso_size < seg->len ? seg->gso_size : seg->len;
	struct toe_rcv_result res;

	if (!seg->len || c->rcv.fin_done)
		return;
	if (c->rcv.fin_known && toe_seq_gt(seg->seq + seg->len, c->rcv.fin_seq)) {
		if (toe_seq_geq(seg->seq, c->rcv.fin_seq))
			return;		/* nothing can follow a FIN */
		seg->len = c->rcv.fin_seq - seg->seq;
	}
	if (size > c->rcv.mss_est)
		c->rcv.mss_est = size;
	memset(&res, 0, sizeof(res));
	toe_deliver_segment(c, seg->seq, seg->payload, seg->len, seg->flags & TOE_PSH, now, &res);
	c->rcv.nxt = c->rcv.buf.nxt;
	c->t->stats.payload_in += res.advanced;
	if (res.dropped)
		toe_ip_stats(c)->in_discards++;
	if (res.advanced)
		estimate_rtt(c, seg, now);
	schedule_ack(c, seg, &res, now);
}

/* Data beyond it has been taken: then it is no FIN. */
static bool fin_plausible(const struct toe_conn *c, uint32_t fin)
{
	const struct toe_rcvbuf *b = &c->rcv.buf;
	uint32_t top = b->nranges ? b->ranges[b->nranges - 1].r.end : b->nxt;

	return toe_seq_geq(fin, top) && (!c->rcv.fin_known || fin == c->rcv.fin_seq);
}

/* Eighth, check the FIN bit. */
static void step_fin(struct toe_conn *c, const struct toe_seg *seg, uint32_t fin)
{
	if (c->rcv.fin_done)
		return;
	if ((seg->flags & TOE_FIN) && fin_plausible(c, fin)) {
		c->rcv.fin_known = true;
		c->rcv.fin_seq = fin;
		ack_at_once(c);
	}
	if (!c->rcv.fin_known || c->rcv.buf.nxt != c->rcv.fin_seq)
		return;
	c->rcv.fin_done = true;
	c->rcv.nxt = c->rcv.fin_seq + 1;
	c->rcv.adv = toe_seq_max(c->rcv.adv, c->rcv.nxt);
	c->rcv.ack_owed = true;
	ack_at_once(c);
	if (c->state == TOE_ESTABLISHED)
		toe_conn_set_state(c, TOE_CLOSE_WAIT);
	else if (c->state == TOE_FIN_WAIT1)
		toe_conn_set_state(c, TOE_CLOSING);
	else if (c->state == TOE_FIN_WAIT2)
		toe_conn_set_state(c, TOE_TIME_WAIT);
	toe_deliver_fin(c);
}

/* TIME_WAIT is the host's, and so is a connection that is closed both ways (TRM-40, TMR-27). */
static void finished(struct toe_conn *c)
{
	if (!c->aborted && (c->state == TOE_TIME_WAIT || c->state == TOE_CLOSED))
		toe_event_retrieve(c, TOE_WHY_REQUESTED);
}

enum toe_verdict_rx toe_input_segment(struct toe_conn *c, struct toe_seg *seg, uint64_t now)
{
	uint32_t fin = seg->seq + seg->len;
	enum step s;

	s = step_paws(c, seg, now);
	if (s == NEXT)
		s = step_sequence(c, seg, now);
	if (s == NEXT)
		s = step_rst(c, seg, now);
	if (s == NEXT)
		s = step_syn(c, seg, now);
	if (s == NEXT)
		s = step_ack_valid(c, seg, now);
	if (s == NEXT)
		s = step_urg(c, seg);
	if (s != NEXT)
		return s == RAW ? TOE_RX_RAW : TOE_RX_TAKEN;
	accepted(c, seg, now);
	step_ack(c, seg, now);
	step_text(c, seg, now);
	step_fin(c, seg, fin);
	finished(c);
	return TOE_RX_TAKEN;
}

/* ------------------------------------------------------------------ frames */

static bool mac_is_ours(const struct toe_conn *c, const uint8_t *dst)
{
	static const uint8_t none[6];
	const uint8_t *own = c->p->n->s.src_mac;

	if (dst[0] & 1)
		return true;	/* the NIC has filtered it (STA-11) */
	return !memcmp(dst, memcmp(own, none, 6) ? own : c->t->cfg.mac, 6);
}

/* VLN-6. */
static bool vlan_matches(const struct toe_conn *c, const struct toe_seg *seg)
{
	uint16_t id = c->p->n->s.vlan_id;

	return !id || (seg->tagged && (seg->tci & 0xfff) == id);
}

static void count_received(struct toe_conn *c, const struct toe_seg *seg, uint32_t len)
{
	struct toe_ip_stats *ip = toe_ip_stats(c);
	uint32_t n = toe_seg_count(seg);

	ip->in_receives += n;
	ip->in_delivers += n;
	ip->in_octets += seg->ip_len + (uint64_t)(n - 1) * (seg->ip_len - len);
	toe_tcp_stats(c)->in_segments += n;
}

enum toe_verdict_rx toe_input(struct toe *t, const struct toe_rx *rx, uint64_t now)
{
	struct toe_conn *c;
	struct toe_seg seg;
	uint32_t len;

	toe_engine_clock(t, now);
	if (!t->nconns || toe_wire_parse(rx->data, rx->len, rx->gso_size, &seg) != TOE_WIRE_TCP)
		return TOE_RX_RAW;
	c = toe_conn_lookup(t, seg.ipv6, seg.dst, seg.src, seg.dst_port, seg.src_port);
	if (!c || !mac_is_ours(c, seg.dst_mac))
		return TOE_RX_RAW;
	if (!vlan_matches(c, &seg))
		return TOE_RX_TAKEN;
	if (c->rx_off || (!rx->csum_ok && !toe_wire_csum_ok(&seg)))
		return TOE_RX_RAW;
	len = seg.len;
	if (toe_input_segment(c, &seg, t->now) == TOE_RX_RAW)
		return TOE_RX_RAW;
	count_received(c, &seg, len);
	return TOE_RX_TAKEN;
}

/* The host has brought its bytes; what waited behind them came by the wire, and counts. */
static enum toe_verdict_rx input_forwarded(struct toe_conn *c, struct toe_seg *seg)
{
	uint32_t from = c->rcv.buf.nxt, end = seg->seq + seg->len;
	enum toe_verdict_rx result = toe_input_segment(c, seg, c->t->now);

	end = toe_seq_min(c->rcv.buf.nxt, end);
	if (toe_seq_gt(end, from))
		c->t->stats.payload_in -= end - from;
	return result;
}

enum toe_status toe_forward(struct toe_conn *c, const uint8_t *data, uint32_t len, bool csum_ok,
			    uint64_t now)
{
	struct toe_seg seg;

	toe_engine_clock(c->t, now);
	if (c->aborted)
		return TOE_ABORTED;
	if (c->phase != TOE_LIVE || c->rx_off)
		return TOE_UPLOADING;
	if (toe_wire_parse_tcp(data, len, &seg) != TOE_WIRE_TCP)
		return TOE_BAD_FIELD;
	seg.ipv6 = c->p->s.ipv6;
	memcpy(seg.src, c->p->s.dst, sizeof(seg.src));
	memcpy(seg.dst, c->p->s.src, sizeof(seg.dst));
	if (seg.src_port != c->k.remote_port || seg.dst_port != c->k.local_port)
		return TOE_BAD_FIELD;
	if (!csum_ok && !toe_wire_csum_ok(&seg))
		return TOE_BAD_FIELD;
	return input_forwarded(c, &seg) == TOE_RX_RAW ? TOE_UPLOADING : TOE_OK;
}
