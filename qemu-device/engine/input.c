/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * input.c - a received segment: the steps of RFC 9293 3.10.7.4 for synchronized states, in order.
 *
 * validate.c has the steps up to the URG bit, ack.c the one for the ACK field; data and FIN are
 * here. First of all this file decides whether a frame is the target's: a frame that is not, or
 * that the host must handle, goes back untouched as TOE_RX_RAW. Nothing is sent from here: steps
 * only note that an ACK is wanted (delack.c), and output.c sends one for all.
 */
#include <string.h>

#include "ack.h"
#include "clock.h"
#include "conn.h"
#include "delack.h"
#include "deliver.h"
#include "end.h"
#include "toe_internal.h"
#include "validate.h"

/* ------------------------------------------------------------------ data and FIN */

static void estimate_rtt(struct toe_conn *c, const struct toe_seg *seg, uint64_t now)
{
	uint64_t rtt = toe_ack_echoed_rtt(c, seg, now), us;

	if (rtt == UINT64_MAX)
		return;
	us = rtt / 1000 < UINT32_MAX / 8 ? rtt / 1000 : UINT32_MAX / 8;
	c->rcv.rtt_us =
		c->rcv.rtt_us ? c->rcv.rtt_us - c->rcv.rtt_us / 8 + (uint32_t)us / 8 : (uint32_t)us;
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
	toe_delack_schedule(c, seg, &res, now);
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
		toe_delack_now(c);
	}
	if (!c->rcv.fin_known || c->rcv.buf.nxt != c->rcv.fin_seq)
		return;
	c->rcv.fin_done = true;
	c->rcv.nxt = c->rcv.fin_seq + 1;
	c->rcv.adv = toe_seq_max(c->rcv.adv, c->rcv.nxt);
	c->rcv.ack_owed = true;
	toe_delack_now(c);
	if (c->state == TOE_ESTABLISHED)
		toe_conn_set_state(c, TOE_CLOSE_WAIT);
	else if (c->state == TOE_FIN_WAIT1)
		toe_conn_set_state(c, TOE_CLOSING);
	else if (c->state == TOE_FIN_WAIT2)
		toe_conn_set_state(c, TOE_TIME_WAIT);
	toe_deliver_fin(c);
}

/* The host takes back TIME_WAIT, and connections closed both ways (TRM-40, TMR-27). */
static void finished(struct toe_conn *c)
{
	if (!c->aborted && (c->state == TOE_TIME_WAIT || c->state == TOE_CLOSED))
		toe_end_retrieve(c, TOE_WHY_REQUESTED);
}

static enum toe_verdict_rx input_segment(struct toe_conn *c, struct toe_seg *seg, uint64_t now)
{
	uint32_t fin = seg->seq + seg->len;
	enum toe_step s = toe_validate(c, seg, now);

	if (s != TOE_NEXT)
		return s == TOE_RAW ? TOE_RX_RAW : TOE_RX_TAKEN;
	toe_ack_segment(c, seg, now);
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

	toe_clock_advance(t, now);
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
	if (input_segment(c, &seg, t->now) == TOE_RX_RAW)
		return TOE_RX_RAW;
	count_received(c, &seg, len);
	return TOE_RX_TAKEN;
}

/* Do not count the forwarded bytes; those buffered behind them came by the wire, and count. */
static enum toe_verdict_rx input_forwarded(struct toe_conn *c, struct toe_seg *seg)
{
	uint32_t from = c->rcv.buf.nxt, end = seg->seq + seg->len;
	enum toe_verdict_rx result = input_segment(c, seg, c->t->now);

	end = toe_seq_min(c->rcv.buf.nxt, end);
	if (toe_seq_gt(end, from))
		c->t->stats.payload_in -= end - from;
	return result;
}

enum toe_status toe_forward(struct toe_conn *c, const uint8_t *data, uint32_t len, bool csum_ok,
			    uint64_t now)
{
	struct toe_seg seg;

	toe_clock_advance(c->t, now);
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
