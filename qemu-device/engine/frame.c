/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * frame.c - builds a connection's frame: the current window and SACK blocks, the header from TCP
 * object, path and neighbor, IP IDs, and the counters once it has left.
 *
 * output.c decides which bytes go; every frame leaves through toe_frame_emit() and carries the ACK.
 */
#include <string.h>

#include "clock.h"
#include "conn.h"
#include "frame.h"
#include "neigh.h"
#include "queue.h"
#include "timer.h"
#include "toe_internal.h"

/* ------------------------------------------------------------------ receive window */

static uint32_t offered(const struct toe_conn *c)
{
	return toe_seq_gt(c->rcv.adv, c->rcv.nxt) ? c->rcv.adv - c->rcv.nxt : 0;
}

uint32_t toe_frame_window(const struct toe_conn *c)
{
	uint32_t held = toe_rcv_held(c), room = toe_rcvbuf_room(&c->rcv.buf);
	uint32_t wnd = c->rcv.wnd_limit > held ? c->rcv.wnd_limit - held : 0;

	if (c->rcv.edge_held)
		wnd = offered(c);
	return wnd < room ? wnd : room;
}

/* RFC 1122 4.2.3.3: the right edge moves by at least a segment or half of the window. */
static uint32_t window_step(const struct toe_conn *c)
{
	uint32_t half = c->rcv.wnd_limit / 2, mss = c->rcv.mss_est ? c->rcv.mss_est : c->snd.mss;

	return half < mss ? half : mss;
}

/*
 * The window field of a segment. The right edge never moves left, as far as rounding to the scale
 * allows.
 */
static uint16_t window_field(struct toe_conn *c)
{
	unsigned shift = c->k.flags & TOE_WSCALE ? c->k.rcv_wscale : 0;
	uint32_t now = offered(c), want = toe_frame_window(c), field;

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

void toe_frame_window_opened(struct toe_conn *c)
{
	uint32_t now = offered(c), want = toe_frame_window(c), limit = c->rcv.wnd_limit;
	uint32_t mss = c->rcv.mss_est ? c->rcv.mss_est : c->snd.mss, gain;

	if (want <= now || c->rcv.fin_done || c->rx_off)
		return;
	gain = want - now;
	if (gain < 2 * mss && gain < limit / 2) {
		/* Too little to report now; if less than a segment is left, it waits (TMR-26). */
		if (now < mss && !toe_timer_running(c, TOE_TMR_WND))
			toe_timer_set(c, TOE_TMR_WND,
				      c->t->now + toe_ticks_to_ns(
							  c->t, c->t->params.sws_prevention_ticks));
		return;
	}
	/* A peer that still has a wide window needs no separate window update. */
	if (gain >= limit / 4 || now <= limit / 8 || limit <= 8 * mss) {
		c->rcv.ack_now = true;
		toe_queue_output(c);
	}
}

void toe_conn_hold_edge(struct toe_conn *c, bool on)
{
	c->rcv.edge_held = on;
	if (!on && c->phase == TOE_LIVE)
		toe_frame_window_opened(c);
}

/* ------------------------------------------------------------------ a frame */

uint32_t toe_frame_ts(struct toe_conn *c, uint64_t now)
{
	return (uint32_t)(now / c->ts_unit) + c->ts_delta;
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
	/* a gap right after the take-over is no loss yet (toe_config.takeover_grace) */
	if (!c->rcv.buf.nranges || c->t->now < c->rcv.grace_until)
		return (uint8_t)n;
	got = toe_rcvbuf_sacks(&c->rcv.buf, found, max);
	for (i = 0; i < got && n < max; i++)
		if (n < 2 || found[i].start != out[1].start || !toe_range_len(c->rcv.dsack))
			out[n++] = found[i];
	return (uint8_t)n;
}

/* Begin a plan: set everything except what to send. */
void toe_frame_begin(struct toe_conn *c, struct toe_plan *pl, uint32_t seq, bool data)
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

	/* the kernel that cuts a large frame counts on, and must not leave our half */
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

static void fill_header(struct toe_conn *c, const struct toe_plan *pl, struct toe_hdr *h,
			uint64_t now)
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
		h->ts_val = toe_frame_ts(c, now);
		h->ts_ecr = c->rcv.ts_recent;
	}
	h->nsacks = pl->nsacks;
	for (i = 0; i < pl->nsacks; i++)
		h->sacks[i] = pl->sacks[i];
	h->payload_len = pl->g.len;
}

static void count_sent(struct toe_conn *c, const struct toe_plan *pl, uint32_t nsegs,
		       uint32_t l3_len)
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
	c->t->stats.retransmitted += old;
	c->snd.rexmits += old;
	if (!old)
		tcp->out_segments += nsegs;
	else if (toe_seq_gt(end, c->snd.max))
		tcp->out_segments += nsegs > old ? nsegs - old : 1;
	c->t->stats.payload_out += pl->g.len;
	if (pl->flags & TOE_RST)
		tcp->out_resets++;
}

/* An ACK has left. */
static void acked(struct toe_conn *c, const struct toe_plan *pl)
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

bool toe_frame_emit(struct toe_conn *c, struct toe_plan *pl, uint64_t now)
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
