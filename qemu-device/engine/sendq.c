/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sendq.c - send requests: where a sequence number lies in them, and when they are done.
 *
 * The list's first byte belongs to SND.UNA or lies before it in the first request. Bytes stay in
 * the host's memory; each transmission names them by (request, offset, length). A request is done
 * when SND.UNA has passed its last byte; a graceful disconnect also needs its FIN acknowledged
 * (SND-8, DIS-6).
 */
#include "clock.h"
#include "conn.h"
#include "queue.h"
#include "sendq.h"
#include "toe_internal.h"

static uint32_t req_end(const struct toe_req *r)
{
	return r->seq + r->len;
}

static void push_back(struct toe_conn *c, struct toe_req *req)
{
	req->next = NULL;
	req->seq = c->snd.end;
	req->done = 0;
	c->snd.end += req->len;
	if (c->snd.tail)
		c->snd.tail->next = req;
	else
		c->snd.head = req;
	c->snd.tail = req;
}

void toe_sendq_append(struct toe_conn *c, struct toe_req *req)
{
	push_back(c, req);
	if (req->kind == TOE_REQ_DISCONNECT) {
		c->snd.disc = req;
		c->snd.fin = true;
	} else {
		c->snd.nreqs++;
	}
}

static struct toe_req *pop(struct toe_conn *c)
{
	struct toe_req *r = c->snd.head;

	c->snd.head = r->next;
	if (!c->snd.head)
		c->snd.tail = NULL;
	if (c->snd.cur[0] == r)
		c->snd.cur[0] = c->snd.head;
	if (c->snd.cur[1] == r)
		c->snd.cur[1] = c->snd.head;
	if (r->kind == TOE_REQ_DISCONNECT)
		c->snd.disc = NULL;
	else
		c->snd.nreqs--;
	r->next = NULL;
	return r;
}

void toe_sendq_acked(struct toe_conn *c)
{
	struct toe_req *r;

	while ((r = c->snd.head)) {
		uint32_t end = req_end(r) + (r->kind == TOE_REQ_DISCONNECT ? 1 : 0);

		if (toe_seq_gt(end, c->snd.una))
			return;
		pop(c);
		r->done = r->len;
		toe_queue_req(c, r, TOE_OK);
	}
}

/* Bytes of a request that are acknowledged. */
static uint32_t acked_part(const struct toe_conn *c, const struct toe_req *r)
{
	uint32_t n = toe_seq_gt(c->snd.una, r->seq) ? c->snd.una - r->seq : 0;

	return n < r->len ? n : r->len;
}

static void fail_first(struct toe_conn *c, enum toe_status status)
{
	struct toe_req *r = pop(c);

	r->done = acked_part(c, r);
	toe_queue_req(c, r, status);
}

void toe_sendq_fail(struct toe_conn *c, enum toe_status status)
{
	while (c->snd.head)
		fail_first(c, status);
}

/* TRM-16. The disconnect, which is last, is always completed and never handed back (TRM-41). */
void toe_sendq_stop(struct toe_conn *c, enum toe_stop_sends how)
{
	uint32_t fail = 0;
	struct toe_req *r, *prev = NULL;

	if (how == TOE_STOP_COMPLETE)
		fail = c->snd.nreqs;
	else if (how == TOE_STOP_MIX)
		fail = (c->snd.nreqs + 1) / 2;
	while (fail-- && c->snd.head && c->snd.head->kind == TOE_REQ_SEND)
		fail_first(c, TOE_UPLOADING);
	for (r = c->snd.head; r && r->kind == TOE_REQ_SEND; r = r->next) {
		r->done = acked_part(c, r);
		prev = r;
	}
	if (!r)
		return;
	if (prev)
		prev->next = NULL;
	else
		c->snd.head = NULL;
	c->snd.tail = prev;
	c->snd.cur[0] = c->snd.head;
	c->snd.cur[1] = c->snd.head;
	c->snd.disc = NULL;
	r->done = acked_part(c, r);
	toe_queue_req(c, r, TOE_UPLOADING);
}

/* Count what of a returned request is sent, to be sent again, or not sent (TRM-20). */
static void count_taken(struct toe_conn *c, const struct toe_req *r)
{
	struct toe_stats *s = &c->t->stats;
	uint32_t start = r->seq + r->done, end = req_end(r);
	uint32_t nxt = toe_seq_max(start, toe_seq_min(c->snd.nxt, end));
	uint32_t max = toe_seq_max(start, toe_seq_min(c->snd.max, end));

	s->send_back_unacked += nxt - start;
	s->send_back_rexmit += max - nxt;
	s->send_back_unsent += end - max;
}

struct toe_req *toe_conn_take_sends(struct toe_conn *c)
{
	struct toe_req *list = c->snd.head;
	const struct toe_req *r;

	if (c->phase != TOE_STOPPED)
		return NULL;
	for (r = list; r; r = r->next)
		count_taken(c, r);
	c->snd.head = NULL;
	c->snd.tail = NULL;
	c->snd.cur[0] = NULL;
	c->snd.cur[1] = NULL;
	c->snd.nreqs = 0;
	return list;
}

void toe_conn_bounds(const struct toe_conn *c, uint32_t *sends, uint32_t *buffered)
{
	*sends = c->snd.nreqs;
	*buffered = toe_rcv_held(c);
}

/*
 * STA-19: twice what the network takes in a round trip, as a power of two; what is posted does not
 * matter.
 */
uint32_t toe_sendq_backlog(const struct toe_conn *c)
{
	uint32_t want = c->cc.cwnd < c->snd.max_wnd ? c->cc.cwnd : c->snd.max_wnd, b = 64u << 10;

	while (b < (4u << 20) && b / 2 < want)
		b *= 2;
	return b;
}

/* ------------------------------------------------------------------ lookup */

static struct toe_req *find(struct toe_conn *c, uint32_t seq)
{
	struct toe_req **cur = &c->snd.cur[toe_seq_geq(seq, c->snd.max)], *r = *cur;

	if (!r || toe_seq_lt(seq, r->seq))
		r = c->snd.head;
	/*
	 * New data and retransmissions each go forward from their own cursor; only a new round of
	 * retransmission begins at the head.
	 */
	while (r && toe_seq_geq(seq, req_end(r)))
		r = r->next;
	if (r)
		*cur = r;
	return r;
}

static bool wants_push(const struct toe_req *r)
{
	if (r->kind == TOE_REQ_DISCONNECT || (r->flags & TOE_SEND_PUSH))
		return true;
	if (r->flags & TOE_SEND_MORE)
		return false;
	/* Only the FIN follows, and a full window may hold it back. */
	return !r->next || (r->next->kind == TOE_REQ_DISCONNECT && !r->next->len);
}

void toe_sendq_gather(struct toe_conn *c, uint32_t seq, uint32_t max, struct toe_gather *g)
{
	struct toe_req *r = max ? find(c, seq) : NULL;

	g->npieces = 0;
	g->len = 0;
	g->push = false;
	g->more = false;
	g->req_end = false;
	g->full = false;
	while (r && g->len < max) {
		uint32_t off = seq + g->len - r->seq, n = r->len - off;

		if (n > max - g->len)
			n = max - g->len;
		if (n) {
			if (g->npieces == TOE_MAX_PIECES) {
				g->full = true;
				return;
			}
			g->pieces[g->npieces++] =
				(struct toe_piece){.req = r, .off = off, .len = n};
			g->len += n;
		}
		g->req_end = off + n == r->len;
		if (g->req_end) {
			g->more = r->kind == TOE_REQ_SEND && (r->flags & TOE_SEND_MORE) &&
				  !(r->flags & TOE_SEND_PUSH);
			g->push = wants_push(r);
			if (g->push)
				return;
		}
		r = r->next;
	}
}

/* ------------------------------------------------------------------ commands */

enum toe_status toe_sendq_begin(struct toe_conn *c, struct toe_req *req, enum toe_req_kind kind,
				uint64_t now)
{
	toe_clock_advance(c->t, now);
	req->kind = kind;
	req->next = NULL;
	req->done = 0;
	req->push = false;
	req->seq = c->snd.end;
	if (c->aborted)
		return TOE_ABORTED;
	return c->phase == TOE_LIVE ? TOE_OK : TOE_UPLOADING;
}

enum toe_status toe_sendq_room(const struct toe_conn *c, uint32_t len)
{
	if (c->snd.fin || !toe_conn_is_established(c->state))
		return TOE_BAD_STATE;
	return len > TOE_MAX_QUEUED - (c->snd.end - c->snd.una) ? TOE_TOO_MANY : TOE_OK;
}

void toe_send(struct toe_conn *c, struct toe_req *req, uint64_t now)
{
	enum toe_status status = toe_sendq_begin(c, req, TOE_REQ_SEND, now);

	if (!status)
		status = toe_sendq_room(c, req->len);
	if (!status && c->snd.nreqs >= c->t->cfg.max_sends)
		status = TOE_TOO_MANY;
	if (status) {
		toe_queue_req(c, req, status);
		return;
	}
	toe_sendq_append(c, req);
	toe_sendq_acked(c);	/* an empty request behind acknowledged data */
	toe_queue_output(c);
}
