/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * invariants.c - what is true of every connection between any two calls; for tests.
 */
#include "conn.h"
#include "list.h"
#include "timer.h"
#include "toe_internal.h"

static const char *check_send(const struct toe_conn *c)
{
	const struct toe_snd *s = &c->snd;
	const struct toe_req *r;
	uint32_t n = 0, seq = s->head ? s->head->seq : s->end;

	if (s->nxt - s->una > s->max - s->una || s->max - s->una > TOE_MAX_QUEUED + 1)
		return "SND.UNA <= SND.NXT <= SND.MAX does not hold";
	if (toe_seq_gt(s->max, toe_snd_limit(c)))
		return "SND.MAX is behind the end of the send queue";
	for (r = s->head; r; r = r->next) {
		if (r->seq != seq)
			return "the send queue has a gap in sequence numbers";
		seq += r->len;
		n += r->kind == TOE_REQ_SEND;
		if (!r->next && r != s->tail)
			return "the send queue's tail is wrong";
	}
	if (seq != s->end || n != s->nreqs)
		return "the send queue's length does not equal its sequence span";
	if (s->head && toe_seq_gt(s->head->seq, s->una))
		return "the send queue begins behind SND.UNA";
	if (s->head && s->head->len && toe_seq_leq(s->head->seq + s->head->len, s->una) &&
	    s->head != s->disc)
		return "an acknowledged request is still queued";
	return NULL;
}

static const char *check_receive(const struct toe_conn *c)
{
	const struct toe_rcv *r = &c->rcv;
	const struct toe_req *q;
	uint32_t n = 0;

	if (r->nxt != r->buf.nxt + (r->fin_done ? 1 : 0))
		return "RCV.NXT and the receive buffer disagree";
	if (toe_seq_lt(r->adv, r->nxt))
		return "the right edge of the window is left of RCV.NXT";
	for (q = c->dlv.head; q; q = q->next, n++)
		if (q->done > q->len || (q != c->dlv.head && q->done != q->prefilled))
			return "a receive request holds more than it may";
	if (n != c->dlv.nreqs)
		return "the number of receive requests is wrong";
	if (c->dlv.busy && c->dlv.ind_len > toe_rcv_held(c))
		return "an indication covers more than is buffered";
	if (!c->dlv.busy && !c->dlv_off && c->dlv.head && toe_rcv_held(c))
		return "data waits although a request is posted";
	if (c->dlv.old_bytes > toe_rcv_held(c))
		return "more BufferedData is accounted for than is buffered";
	return toe_rcvbuf_check(&r->buf);
}

static const char *check_timers(const struct toe_conn *c)
{
	bool rexmt = toe_timer_running(c, TOE_TMR_REXMT);

	if (c->frozen)
		return c->heap_pos ? "a frozen connection is in the heap" : NULL;
	if (c->state != TOE_FIN_WAIT2 && !rexmt && c->snd.una != c->snd.max)
		return "data is in flight and no timer runs";
	if (c->state == TOE_FIN_WAIT2 && !rexmt)
		return "FIN_WAIT_2 without its timer";
	if (c->state != TOE_FIN_WAIT2 && rexmt && c->snd.una == c->snd.max && !c->rec.persist)
		return "the retransmission timer runs with nothing in flight";
	return NULL;
}

const char *toe_conn_check(const struct toe_conn *c)
{
	const char *why = check_receive(c);

	if (!why && c->phase == TOE_LIVE && !c->aborted)
		why = check_send(c);
	if (!why && c->phase == TOE_LIVE)
		why = check_timers(c);
	if (!why)
		why = toe_sack_check(&c->sack, c->snd.max);
	if (!why && !c->ev_head != !c->ev_tail)
		why = "the event list is broken";
	if (!why && c->ev_head && toe_list_empty(&c->ev_link))
		why = "events wait and the connection is in no list";
	return why;
}
