/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * event.c - events on their way to the host, in order per connection.
 *
 * A finished request is its own list node, and so are the few markers that each connection has
 * (closed, aborted, retrieve, backlog), so nothing is allocated and nothing is lost. An indication
 * is no node: it is a condition of deliver.c that is looked at when everything before it has been
 * polled, so that it carries all that has gathered.
 */
#include <string.h>

#include "toe_internal.h"

static struct toe_queue *queue_of(struct toe_conn *c)
{
	return &c->t->q[c->k.queue];
}

bool toe_event_pending(const struct toe_conn *c)
{
	return c->ev_head;
}

void toe_event_kick(struct toe_conn *c)
{
	bool listed = !toe_list_empty(&c->ev_link);

	if (c->ev_head) {
		if (listed && !c->ev_waiting)
			return;
	} else if (toe_deliver_wants_indication(c)) {
		if (listed)
			return;
	} else {
		toe_list_remove(&c->ev_link);
		c->ev_waiting = false;
		return;
	}
	toe_list_remove(&c->ev_link);
	toe_list_append(&queue_of(c)->ready, &c->ev_link);
	c->ev_waiting = false;
}

static void append(struct toe_conn *c, struct toe_req *node)
{
	node->next = NULL;
	if (c->ev_tail)
		c->ev_tail->next = node;
	else
		c->ev_head = node;
	c->ev_tail = node;
	toe_event_kick(c);
}

void toe_event_req(struct toe_conn *c, struct toe_req *req, enum toe_status status)
{
	req->status = status;
	append(c, req);
}

static void append_marker(struct toe_conn *c, struct toe_req *marker, bool *queued)
{
	if (*queued)
		return;
	*queued = true;
	append(c, marker);
}

void toe_event_closed(struct toe_conn *c)
{
	append_marker(c, &c->ev_closed, &c->closed_queued);
}

void toe_event_aborted(struct toe_conn *c)
{
	append_marker(c, &c->ev_aborted, &c->aborted_queued);
}

void toe_event_backlog(struct toe_conn *c, uint32_t bytes)
{
	c->ev_backlog.len = bytes;
	append_marker(c, &c->ev_backlog, &c->backlog_queued);
}

static bool is_mandatory(enum toe_reason why)
{
	return why == TOE_WHY_URGENT || (why >= TOE_WHY_TIMEOUT && why <= TOE_WHY_HARDWARE);
}

void toe_event_retrieve(struct toe_conn *c, enum toe_reason why)
{
	bool ended = c->state == TOE_TIME_WAIT || c->state == TOE_CLOSED;
	bool half = c->state == TOE_FIN_WAIT1 || c->state == TOE_FIN_WAIT2 ||
		    c->state == TOE_CLOSE_WAIT;

	if (c->phase != TOE_LIVE || c->asked || c->aborted)
		return;
	if (!is_mandatory(why) && half)
		return;		/* TRM-9 */
	if (!c->retrieve_queued || is_mandatory(why))
		c->retrieve_reason = why;
	append_marker(c, &c->ev_retrieve, &c->retrieve_queued);
	if (is_mandatory(why)) {
		c->asked = true;
		toe_conn_halt(c, ended && why == TOE_WHY_REQUESTED);
	}
}

static void fill_req(struct toe_conn *c, struct toe_req *req, struct toe_event *ev)
{
	ev->req = req;
	ev->push = req->push;
	switch (req->kind) {
	case TOE_REQ_SEND:
		ev->type = TOE_EV_SEND_DONE;
		ev->seq = c->snd.una;
		ev->cwnd = c->cc.cwnd;
		ev->srtt_us = toe_rtt_srtt_us(&c->rtt);
		break;
	case TOE_REQ_RECV:
		ev->type = TOE_EV_RECV_DONE;
		ev->seq = req->rcv_seq;
		ev->rcv_rtt_us = c->rcv.rtt_us;
		break;
	case TOE_REQ_DISCONNECT:
		ev->type = TOE_EV_DISCONNECT_DONE;
		ev->seq = c->snd.una;
		break;
	}
}

static void fill_node(struct toe_conn *c, struct toe_req *node, struct toe_event *ev)
{
	if (node == &c->ev_closed) {
		c->closed_queued = false;
		ev->type = TOE_EV_PEER_CLOSED;
	} else if (node == &c->ev_aborted) {
		c->aborted_queued = false;
		ev->type = TOE_EV_ABORTED;
	} else if (node == &c->ev_retrieve) {
		c->retrieve_queued = false;
		ev->type = TOE_EV_RETRIEVE;
		ev->info = c->retrieve_reason;
	} else if (node == &c->ev_backlog) {
		c->backlog_queued = false;
		ev->type = TOE_EV_BACKLOG;
		ev->info = node->len;
	} else {
		fill_req(c, node, ev);
	}
}

bool toe_poll_nce(struct toe *t, struct toe_event *ev)
{
	struct toe_neigh *n;

	memset(ev, 0, sizeof(*ev));
	if (toe_list_empty(&t->nce))
		return false;
	n = toe_container(t->nce.next, struct toe_neigh, nce);
	toe_list_remove(&n->nce);
	ev->type = TOE_EV_NCE;
	ev->neigh = n;
	ev->cookie = n->cookie;
	ev->info = n->ev_nrd;
	ev->info2 = n->ev_hrd;
	return true;
}

/* Take the first connection whose turn it is out of its list. */
static struct toe_conn *take_first(struct toe_queue *q, bool room)
{
	struct toe_link *from = room && !toe_list_empty(&q->waiting) ? &q->waiting : &q->ready;
	struct toe_conn *c;

	if (toe_list_empty(from))
		return NULL;
	c = toe_container(from->next, struct toe_conn, ev_link);
	toe_list_remove(&c->ev_link);
	c->ev_waiting = false;
	return c;
}

static void pop_node(struct toe_conn *c, struct toe_event *ev)
{
	struct toe_req *node = c->ev_head;

	c->ev_head = node->next;
	if (!c->ev_head)
		c->ev_tail = NULL;
	fill_node(c, node, ev);
	node->next = NULL;
}

/* The next event of one connection, which is in no list now; false if it has to wait for room. */
static bool poll_conn(struct toe_conn *c, uint32_t ind_room, struct toe_event *ev)
{
	if (!c->ev_head && !toe_deliver_wants_indication(c))
		return false;
	if (!c->ev_head && !ind_room) {
		c->ev_waiting = true;
		toe_list_append(&queue_of(c)->waiting, &c->ev_link);
		return false;
	}
	ev->conn = c;
	ev->cookie = c->k.cookie;
	if (c->ev_head)
		pop_node(c, ev);
	else
		toe_deliver_indicate(c, ind_room, ev);
	toe_event_kick(c);
	return true;
}

bool toe_poll(struct toe *t, unsigned queue, uint32_t ind_room, struct toe_event *ev)
{
	struct toe_conn *c;

	memset(ev, 0, sizeof(*ev));
	if (queue >= t->cfg.queues)
		return false;
	/* Each turn takes a connection out of a list or from ready to waiting: the loop ends. */
	while ((c = take_first(&t->q[queue], ind_room)))
		if (poll_conn(c, ind_room, ev))
			return true;
	return false;
}
