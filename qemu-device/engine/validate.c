/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * validate.c - whether a received segment is acceptable: the steps of RFC 9293 3.10.7.4 up to the
 * URG bit, in order. Each says whether to go on.
 */
#include "ack.h"
#include "conn.h"
#include "delack.h"
#include "end.h"
#include "keep.h"
#include "neigh.h"
#include "queue.h"
#include "recovery.h"
#include "toe_internal.h"
#include "validate.h"

static void ack_unacceptable(struct toe_conn *c, const struct toe_seg *seg, uint64_t now)
{
	if (toe_seg_space(seg))
		toe_delack_now(c);
	else
		toe_delack_rarely(c, now);
}

/*
 * RFC 7323 5.3 with Linux's exceptions: ignore a TS.Recent that has expired, or is 0 because the
 * peer's SYN had no clock yet.
 */
static bool ts_in_order(const struct toe_conn *c, const struct toe_seg *seg, uint32_t slack,
			uint64_t now)
{
	return toe_seq_geq(seg->ts_val + slack, c->rcv.ts_recent) || !c->rcv.ts_recent ||
	       now - c->rcv.ts_recent_at > TOE_PAWS_NS;
}

/*
 * A bare ACK without news that another has overtaken. The retransmission timeout limits its age,
 * taking the peer's clock as one of milliseconds.
 */
static bool overtaken_ack(const struct toe_conn *c, const struct toe_seg *seg)
{
	uint64_t replay_ms = toe_rtt_rto(&c->rtt) * 1000 / TOE_NSEC;

	return (seg->flags & TOE_ACK) && !toe_seg_space(seg) && seg->seq == c->rcv.nxt &&
	       seg->ack == c->snd.una && seg->seq == c->snd.wl1 &&
	       toe_ack_window(c, seg) <= c->snd.wnd &&
	       c->rcv.ts_recent - seg->ts_val <= replay_ms;
}

/*
 * PAWS as Linux does it. One tick backwards is allowed, for peers that read the clock on several
 * processors. A segment without the option is allowed too: some peers' keepalives lack it (RFC 7323
 * 3.2 would drop it, RFC 1323 did not).
 */
static enum toe_step step_paws(struct toe_conn *c, const struct toe_seg *seg, uint64_t now)
{
	if (!(c->k.flags & TOE_TIMESTAMPS) || !seg->has_ts || (seg->flags & TOE_RST))
		return TOE_NEXT;
	if (ts_in_order(c, seg, 1, now) || overtaken_ack(c, seg))
		return TOE_NEXT;
	ack_unacceptable(c, seg, now);
	return TOE_DONE;
}

/*
 * RFC 5961 3 demands the exact number. As in Linux, what looks exact to the peer counts too: some
 * peers send their FIN's number, or one behind a gap that our SACK reported.
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
static enum toe_step old_segment(struct toe_conn *c, const struct toe_seg *seg, uint64_t now)
{
	if (seg->flags & TOE_RST)
		return rst_is_exact(c, seg) ? TOE_NEXT : TOE_DONE;
	if (seg->len && (c->k.flags & TOE_SACK)) {
		c->rcv.dsack.start = seg->seq;
		c->rcv.dsack.end = toe_seq_min(seg->seq + seg->len, c->rcv.nxt);
	}
	ack_unacceptable(c, seg, now);
	return TOE_DONE;
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
 * First, check the sequence number: RFC 9293's table, including the ACKs that it allows when the
 * window is shut.
 */
static enum toe_step step_sequence(struct toe_conn *c, struct toe_seg *seg, uint64_t now)
{
	uint32_t wnd = toe_seq_gt(c->rcv.adv, c->rcv.nxt) ? c->rcv.adv - c->rcv.nxt : 0;
	uint32_t space = toe_seg_space(seg), off = seg->seq - c->rcv.nxt;

	if (toe_seq_lt(seg->seq, c->rcv.nxt)) {
		if (toe_seq_leq(seg->seq + space, c->rcv.nxt))
			return old_segment(c, seg, now);
		/* The SYN's number is old: neither in order nor in the window. */
		if (seg->flags & TOE_SYN)
			return TOE_DONE;
		trim(seg, c->rcv.nxt - seg->seq + wnd);
		return TOE_NEXT;
	}
	if (seg->flags & TOE_RST)
		return off < wnd || !off ? TOE_NEXT : TOE_DONE;
	/* A peer that has filled the window sends its ACKs from the right edge. */
	if (!space && off <= wnd)
		return TOE_NEXT;
	if (off >= wnd && off) {
		ack_unacceptable(c, seg, now);
		return TOE_DONE;
	}
	if (!wnd && space && !(seg->flags & TOE_SYN)) {
		toe_delack_now(c);	/* a window probe; its ACK and a bare FIN are good */
		if (seg->len) {
			seg->len = 0;
			seg->flags &= (uint16_t)~(TOE_FIN | TOE_PSH);
		}
		return TOE_NEXT;
	}
	if (!(seg->flags & TOE_SYN))
		trim(seg, wnd - off);
	return TOE_NEXT;
}

/* Second, check the RST bit (BRA-2 .. BRA-4). */
static enum toe_step step_rst(struct toe_conn *c, const struct toe_seg *seg, uint64_t now)
{
	if (!(seg->flags & TOE_RST))
		return TOE_NEXT;
	if (rst_is_exact(c, seg)) {
		toe_queue_aborted(c);
		toe_end_abort(c);
	} else if (!c->keep.bra && toe_seq_gt(seg->seq, c->rcv.nxt)) {
		toe_keep_challenged(c, now);
		toe_delack_now(c);
	}
	return TOE_DONE;
}

/* Fourth, check the SYN bit (BRA-6, BRA-7). */
static enum toe_step step_syn(struct toe_conn *c, const struct toe_seg *seg, uint64_t now)
{
	if (!(seg->flags & TOE_SYN))
		return TOE_NEXT;
	if (seg->seq == c->rcv.nxt) {
		toe_conn_set_state(c, TOE_CLOSED);
		toe_end_retrieve(c, TOE_WHY_REQUESTED);
	} else if (!c->keep.syn_challenged ||
		   now - c->keep.syn_challenge_at >= TOE_SYN_CHALLENGE_NS) {
		c->keep.syn_challenged = true;
		c->keep.syn_challenge_at = now;
		toe_keep_challenged(c, now);
		toe_delack_now(c);
	}
	return TOE_DONE;
}

/*
 * Fifth, check the ACK field (RFC 5961 5). An ACK of data never sent is an accident or an attack:
 * Linux does not answer it in ESTABLISHED, RFC 5961 would.
 */
static enum toe_step step_ack_valid(struct toe_conn *c, const struct toe_seg *seg, uint64_t now)
{
	if (!(seg->flags & TOE_ACK))
		return TOE_DONE;
	if (toe_seq_gt(seg->ack, c->snd.max)) {
		if (c->state != TOE_ESTABLISHED)
			toe_delack_rarely(c, now);
		return TOE_DONE;
	}
	if (toe_seq_lt(seg->ack, c->snd.una - c->snd.max_wnd)) {
		toe_delack_rarely(c, now);
		return TOE_DONE;
	}
	return TOE_NEXT;
}

/* Sixth, check the URG bit: the host handles it and all that follows (NSP-9 .. NSP-14). */
static enum toe_step step_urg(struct toe_conn *c, const struct toe_seg *seg)
{
	if (!(seg->flags & TOE_URG) || c->rcv.fin_done)
		return TOE_NEXT;
	toe_end_retrieve(c, TOE_WHY_URGENT);
	return TOE_RAW;
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

enum toe_step toe_validate(struct toe_conn *c, struct toe_seg *seg, uint64_t now)
{
	enum toe_step s;

	s = step_paws(c, seg, now);
	if (s == TOE_NEXT)
		s = step_sequence(c, seg, now);
	if (s == TOE_NEXT)
		s = step_rst(c, seg, now);
	if (s == TOE_NEXT)
		s = step_syn(c, seg, now);
	if (s == TOE_NEXT)
		s = step_ack_valid(c, seg, now);
	if (s == TOE_NEXT)
		s = step_urg(c, seg);
	if (s == TOE_NEXT)
		accepted(c, seg, now);
	return s;
}
