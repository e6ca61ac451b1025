/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * deliver.c - the delivery algorithm: in-order data into receive requests, or indications (DLV).
 *
 * Two places hold data: the requests, and the in-order part of the receive buffer, which is the set
 * "buffered" and what an indication offers. While requests are posted and the connection is not
 * busy, that part is empty, and data goes straight from the frame into the request. A connection is
 * busy from an indication to its verdict. A completion never makes it busy (M-10).
 */
#include "clock.h"
#include "conn.h"
#include "deliver.h"
#include "frame.h"
#include "queue.h"
#include "timer.h"
#include "toe_internal.h"

/* ------------------------------------------------------------------ requests */

static void complete_head(struct toe_conn *c, enum toe_status status)
{
	struct toe_req *r = c->dlv.head;

	c->dlv.head = r->next;
	if (!c->dlv.head)
		c->dlv.tail = NULL;
	c->dlv.nreqs--;
	if (r->done == r->prefilled)
		r->rcv_seq = c->rcv.buf.base;
	r->next = NULL;
	toe_queue_req(c, r, status);
}

static bool is_partly_filled(const struct toe_conn *c)
{
	return c->dlv.head && c->dlv.head->done;
}

static bool is_push_mode(const struct toe_req *r)
{
	return !(r->flags & TOE_RECV_NONPUSH);
}

/* Bytes to place, and where a PSH was among them. */
struct run {
	uint32_t seq;
	bool     push;
	uint32_t push_end;
	bool     completed;	/* a request was completed */
};

/* Put bytes into requests and complete each that fills. Returns how many bytes found room. */
static uint32_t place_run(struct toe_conn *c, struct run *run, const uint8_t *src, uint32_t len)
{
	uint32_t placed = 0;

	while (placed < len && c->dlv.head) {
		struct toe_req *r = c->dlv.head;
		uint32_t n = r->len - r->done, old;

		if (n > len - placed)
			n = len - placed;
		if (n) {
			if (r->done == r->prefilled)
				r->rcv_seq = run->seq;
			c->t->ops.place(c->t->opaque, r, r->done, src + placed, n);
			old = n < c->dlv.old_bytes ? n : c->dlv.old_bytes;
			c->dlv.old_bytes -= old;
			r->done_buffered += old;
			c->t->stats.buffered_to_recv += old;
			r->done += n;
			placed += n;
			run->seq += n;
			r->push = run->push && run->seq == run->push_end;
		}
		if (r->done == r->len) {	/* filled, or zero bytes long (DLV-11) */
			run->completed = true;
			complete_head(c, TOE_OK);
		}
	}
	return placed;
}

/* The end of FILL: complete a partly filled request, or start its push timer. */
static void end_of_fill(struct toe_conn *c, const struct run *run, bool all_placed, uint64_t now)
{
	if (run->completed)
		toe_timer_clear(c, TOE_TMR_PUSH);
	if (!all_placed || !is_partly_filled(c) || !is_push_mode(c->dlv.head))
		return;
	if (run->push && run->seq == run->push_end) {
		complete_head(c, TOE_OK);
		toe_timer_clear(c, TOE_TMR_PUSH);
	} else {
		toe_timer_set(c, TOE_TMR_PUSH,
			      now + toe_ticks_to_ns(c->t, c->t->params.push_ticks));
	}
}

/* A request may be full when it is posted (RRQ-14); complete it when it reaches the head. */
static void complete_full(struct toe_conn *c)
{
	while (c->dlv.head && c->dlv.head->len && c->dlv.head->done == c->dlv.head->len)
		complete_head(c, TOE_OK);
}

/* ------------------------------------------------------------------ FILL */

/* Fill requests from the first len bytes of the buffer, taken as one segment. */
static void fill_part(struct toe_conn *c, uint32_t len, uint64_t now)
{
	struct toe_rcvbuf *b = &c->rcv.buf;
	struct run run = { .seq = b->base, .push = b->push, .push_end = b->push_end };
	const uint8_t *span[2];
	uint32_t span_len[2], placed;

	toe_rcvbuf_spans(b, 0, len, span, span_len);
	placed = place_run(c, &run, span[0], span_len[0]);
	if (span_len[1] && placed == span_len[0])
		placed += place_run(c, &run, span[1], span_len[1]);
	toe_rcvbuf_consume(b, placed);
	end_of_fill(c, &run, placed == len, now);
}

/* per_segment: in-order bytes up to the last PSH count as one segment, the rest as another. */
static void fill_from_buffer(struct toe_conn *c, bool per_segment, uint64_t now)
{
	uint32_t push_len = toe_rcvbuf_push_len(&c->rcv.buf), len = toe_rcv_held(c);

	complete_full(c);
	if (per_segment && push_len && push_len < len && c->dlv.head)
		fill_part(c, push_len, now);
	len = toe_rcv_held(c);
	if (len && c->dlv.head)
		fill_part(c, len, now);
	complete_full(c);
	toe_frame_window_opened(c);
}

/* ------------------------------------------------------------------ entries */

static void insert(struct toe_conn *c, uint32_t seq, const uint8_t *data, uint32_t len, bool push,
		   uint64_t now, struct toe_rcv_result *res)
{
	toe_rcvbuf_insert(&c->rcv.buf, seq, data, len, push, res);
	if (!res->advanced || c->dlv.busy || c->dlv_off)
		return;
	if (c->dlv.head)
		fill_from_buffer(c, true, now);
	toe_queue_events(c);
}

void toe_deliver_segment(struct toe_conn *c, uint32_t seq, const uint8_t *data, uint32_t len,
			 bool push, uint64_t now, struct toe_rcv_result *res)
{
	struct toe_rcvbuf *b = &c->rcv.buf;
	struct run run = { .seq = seq, .push = push, .push_end = seq + len };
	uint32_t placed, extra;

	if (!c->dlv.head || c->dlv.busy || c->dlv_off || seq != b->nxt ||
	    !toe_rcvbuf_may_bypass(b, len)) {
		insert(c, seq, data, len, push, now, res);
		return;
	}
	complete_full(c);
	placed = place_run(c, &run, data, len);
	extra = toe_rcvbuf_bypass(b, placed);
	end_of_fill(c, &run, placed == len, now);
	complete_full(c);
	*res = (struct toe_rcv_result){
		.advanced = placed + extra, .stored = placed, .filled = extra};
	if (placed < len) {
		insert(c, seq + placed, data + placed, len - placed, push, now, res);
		res->advanced += placed;
		res->stored += placed;
	} else if (extra) {
		fill_from_buffer(c, true, now);
		toe_queue_events(c);
	}
}

void toe_deliver_fin(struct toe_conn *c)
{
	if (!c->rcv.fin_done || c->dlv.closed || c->dlv.busy || c->dlv_off || toe_rcv_held(c))
		return;
	toe_timer_clear(c, TOE_TMR_PUSH);
	while (c->dlv.head)
		/* nothing more can fill them (RRQ-23); empty ones complete too: E-25 */
		complete_head(c, TOE_OK);
	c->dlv.closed = true;
	toe_queue_closed(c);
}

void toe_deliver_push_timer(struct toe_conn *c)
{
	if (is_partly_filled(c) && is_push_mode(c->dlv.head)) {
		complete_head(c, TOE_OK);
		complete_full(c);
	}
}

void toe_deliver_fail(struct toe_conn *c, enum toe_status status)
{
	while (c->dlv.head)
		complete_head(c, status);
}

static enum toe_status check_recv(const struct toe_conn *c, const struct toe_req *req)
{
	if (req->prefilled > req->len)
		return TOE_BAD_FIELD;	/* checked first: nobody may be told this count */
	if (c->aborted)
		return TOE_ABORTED;
	if (c->phase != TOE_LIVE)
		return TOE_UPLOADING;
	if (c->dlv.closed)
		return TOE_BAD_STATE;
	if (c->dlv.nreqs >= c->t->cfg.max_recvs)
		return TOE_TOO_MANY;
	return TOE_OK;
}

void toe_recv(struct toe_conn *c, struct toe_req *req, uint64_t now)
{
	enum toe_status status;

	toe_clock_advance(c->t, now);
	req->kind = TOE_REQ_RECV;
	req->next = NULL;
	req->done = req->prefilled;
	req->rcv_seq = 0;
	req->push = false;
	req->done_buffered = 0;
	req->seq = 0;
	status = check_recv(c, req);
	if (status) {
		req->rcv_seq = c->rcv.buf.base;
		if (status == TOE_BAD_FIELD)
			req->done = 0;
		toe_queue_req(c, req, status);
		return;
	}
	if (c->dlv.tail)
		c->dlv.tail->next = req;
	else
		c->dlv.head = req;
	c->dlv.tail = req;
	c->dlv.nreqs++;
	if (c->dlv_off)
		return;			/* comes back with the upload */
	toe_queue_events(c);
	if (c->dlv.busy)
		return;
	c->dlv.refused = false;
	if (req == c->dlv.head && req->prefilled && is_push_mode(req))	/* RRQ-15 */
		toe_timer_set(c, TOE_TMR_PUSH,
			      c->t->now + toe_ticks_to_ns(c->t, c->t->params.push_ticks));
	fill_from_buffer(c, false, c->t->now);
	toe_deliver_fin(c);
	toe_queue_events(c);
}

/* ------------------------------------------------------------------ indications */

void toe_deliver_indicate(struct toe_conn *c, uint32_t room, struct toe_event *ev)
{
	uint32_t n = toe_rcv_held(c), size = c->cached.rcv_ind_size;

	if (n > room)
		n = room;
	if (n > TOE_MAX_INDICATION)
		n = TOE_MAX_INDICATION;
	if (size && n > size)
		n = size;
	ev->type = TOE_EV_INDICATE;
	ev->seq = c->rcv.buf.base;
	ev->indication = ++c->dlv.ind_no;
	ev->rcv_rtt_us = c->rcv.rtt_us;
	ev->buffered = n < c->dlv.old_bytes ? n : c->dlv.old_bytes;
	ev->push = toe_rcvbuf_push_len(&c->rcv.buf) == n;
	toe_rcvbuf_spans(&c->rcv.buf, 0, n, ev->span, ev->span_len);
	c->dlv.ind_len = n;
	c->dlv.busy = true;
}

enum toe_status toe_verdict(struct toe_conn *c, uint32_t indication, uint32_t consumed,
			    uint64_t now)
{
	struct toe *t = c->t;
	uint32_t old;

	toe_clock_advance(t, now);
	if (!c->dlv.busy || indication != c->dlv.ind_no || consumed > c->dlv.ind_len)
		return TOE_BAD_FIELD;
	c->dlv.busy = false;
	old = consumed < c->dlv.old_bytes ? consumed : c->dlv.old_bytes;
	c->dlv.old_bytes -= old;
	t->stats.buffered_indicated += old;
	toe_rcvbuf_consume(&c->rcv.buf, consumed);
	if (c->rcv.old_mem) {
		t->ops.free(t->opaque, c->rcv.old_mem, c->rcv.old_cap);
		c->rcv.old_mem = NULL;
	}
	if (c->dlv_off)
		return TOE_OK;
	if (c->dlv.head)
		fill_from_buffer(c, false, t->now);
	else
		c->dlv.refused = consumed < c->dlv.ind_len;
	toe_frame_window_opened(c);
	toe_deliver_fin(c);
	toe_queue_events(c);
	return TOE_OK;
}
