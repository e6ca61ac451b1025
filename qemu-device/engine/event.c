/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * event.c - events on their way to the host, which polls them here, in order per connection.
 *
 * queue.c puts events into the lists. An indication is not a list node: it is a condition that is
 * checked when everything before it has been polled, so that it carries all data received by then.
 */
#include <string.h>

#include "deliver.h"
#include "list.h"
#include "queue.h"
#include "toe_internal.h"

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

/* Remove the connection whose turn it is from its list. */
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

/* Get the next event of a connection that is in no list; false if none, or no room for it yet. */
static bool poll_conn(struct toe_conn *c, uint32_t ind_room, struct toe_event *ev)
{
	if (!c->ev_head && !toe_queue_wants_indication(c))
		return false;
	if (!c->ev_head && !ind_room) {
		c->ev_waiting = true;
		toe_list_append(&c->t->q[c->k.queue].waiting, &c->ev_link);
		return false;
	}
	ev->conn = c;
	ev->cookie = c->k.cookie;
	if (c->ev_head)
		pop_node(c, ev);
	else
		toe_deliver_indicate(c, ind_room, ev);
	toe_queue_events(c);
	return true;
}

bool toe_poll(struct toe *t, unsigned queue, uint32_t ind_room, struct toe_event *ev)
{
	struct toe_conn *c;

	memset(ev, 0, sizeof(*ev));
	if (queue >= t->cfg.queues)
		return false;
	/* Each turn takes a connection out of a list, or from ready to waiting: the loop ends. */
	while ((c = take_first(&t->q[queue], ind_room)))
		if (poll_conn(c, ind_room, ev))
			return true;
	return false;
}
