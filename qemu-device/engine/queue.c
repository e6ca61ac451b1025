/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * queue.c - the lists of a queue: connections with events, and connections with something to send.
 *
 * Every file that changes a connection uses this one to put it into a list; event.c and output.c
 * take it out when its turn comes. A finished request is its own list node, and each connection has
 * its few markers (closed, aborted, retrieve, backlog), so nothing is allocated and nothing is
 * lost.
 */
#include "conn.h"
#include "list.h"
#include "queue.h"
#include "toe_internal.h"

/* ------------------------------------------------------------------ events */

static struct toe_queue *queue_of(struct toe_conn *c)
{
	return &c->t->q[c->k.queue];
}

bool toe_queue_has_events(const struct toe_conn *c)
{
	return c->ev_head;
}

bool toe_queue_wants_indication(const struct toe_conn *c)
{
	return c->phase == TOE_LIVE && !c->dlv_off && !c->dlv.busy && !c->dlv.refused &&
	       !c->dlv.head && toe_rcv_held(c);
}

void toe_queue_events(struct toe_conn *c)
{
	bool listed = !toe_list_empty(&c->ev_link);

	if (c->ev_head) {
		if (listed && !c->ev_waiting)
			return;
	} else if (toe_queue_wants_indication(c)) {
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
	toe_queue_events(c);
}

void toe_queue_req(struct toe_conn *c, struct toe_req *req, enum toe_status status)
{
	req->status = status;
	append(c, req);
}

void toe_queue_marker(struct toe_conn *c, struct toe_req *marker, bool *queued)
{
	if (*queued)
		return;
	*queued = true;
	append(c, marker);
}

void toe_queue_closed(struct toe_conn *c)
{
	toe_queue_marker(c, &c->ev_closed, &c->closed_queued);
}

void toe_queue_aborted(struct toe_conn *c)
{
	toe_queue_marker(c, &c->ev_aborted, &c->aborted_queued);
}

void toe_queue_backlog(struct toe_conn *c, uint32_t bytes)
{
	c->ev_backlog.len = bytes;
	toe_queue_marker(c, &c->ev_backlog, &c->backlog_queued);
}

/* ------------------------------------------------------------------ output */

void toe_queue_output(struct toe_conn *c)
{
	if (toe_list_empty(&c->out_link) && c->phase != TOE_IMPORTED)
		toe_list_append(&c->t->q[c->k.queue].out, &c->out_link);
}

bool toe_queue_has_output(const struct toe_conn *c)
{
	return !toe_list_empty(&c->out_link);
}
