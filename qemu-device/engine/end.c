/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * end.c - how a connection ends here: retrieved, halted, aborted, disconnected, stopped, freed.
 *
 * An end has three steps, each of which may come alone: halt (the upload was requested: nothing is
 * processed any more), stop (the host uploads) and free. Only the last releases anything (DIS-13).
 */
#include "clock.h"
#include "conn.h"
#include "deliver.h"
#include "end.h"
#include "list.h"
#include "queue.h"
#include "sendq.h"
#include "timer.h"
#include "toe_internal.h"

/* ------------------------------------------------------------------ asked back */

/* Neither receive nor send any more. deliver: data received so far may still be delivered. */
static void halt(struct toe_conn *c, bool deliver)
{
	c->rx_off = true;
	c->tx_off = true;
	c->dlv_off = !deliver;
	c->out.keep_probe = false;
	c->out.wnd_probe = false;
	c->out.tlp_probe = false;
	toe_timer_freeze(c);
	/* Acknowledge what was received while there is time (TRM-32). */
	if (c->rcv.ack_owed)
		c->rcv.ack_now = true;
	toe_queue_output(c);
	toe_queue_events(c);
}

static bool is_mandatory(enum toe_reason why)
{
	return why == TOE_WHY_URGENT || (why >= TOE_WHY_TIMEOUT && why <= TOE_WHY_HARDWARE);
}

void toe_end_retrieve(struct toe_conn *c, enum toe_reason why)
{
	bool ended = c->state == TOE_TIME_WAIT || c->state == TOE_CLOSED;
	bool half = c->state == TOE_FIN_WAIT1 || c->state == TOE_FIN_WAIT2 ||
		    c->state == TOE_CLOSE_WAIT;

	if (c->phase != TOE_LIVE || c->asked || c->aborted)
		return;
	if (!is_mandatory(why) && half)
		return;		/* TRM-9 */
	if (ended) {			/* nothing is left that a timer could be for (STA-16) */
		toe_timer_clear(c, TOE_TMR_REXMT);
		toe_timer_clear(c, TOE_TMR_KEEP);
		toe_timer_clear(c, TOE_TMR_TLP);
	}
	if (!c->retrieve_queued || is_mandatory(why))
		c->retrieve_reason = why;
	toe_queue_marker(c, &c->ev_retrieve, &c->retrieve_queued);
	if (is_mandatory(why)) {
		c->asked = true;
		halt(c, ended && why == TOE_WHY_REQUESTED);
	}
}

void toe_conn_invalidate(struct toe_conn *c, uint64_t now)
{
	toe_clock_advance(c->t, now);
	c->invalid = true;
	toe_end_retrieve(c, TOE_WHY_INVALID);
}

/* ------------------------------------------------------------------ aborted, disconnected */

void toe_end_abort(struct toe_conn *c)
{
	c->aborted = true;
	toe_conn_set_state(c, TOE_CLOSED);
	c->rcv.ack_now = false;
	c->rcv.ack_owed = false;
	c->rcv.dup_acks = 0;
	c->rec.rt_running = false;
	halt(c, false);
	c->tmr[TOE_TMR_REXMT] = TOE_NO_DEADLINE;
	c->tmr[TOE_TMR_KEEP] = TOE_NO_DEADLINE;
	c->tmr[TOE_TMR_TLP] = TOE_NO_DEADLINE;
	toe_sendq_fail(c, TOE_ABORTED);
	toe_deliver_fail(c, TOE_ABORTED);
}

static void disconnect_abortive(struct toe_conn *c, struct toe_req *req)
{
	if (toe_conn_is_invalid(c)) {
		toe_end_abort(c);
		toe_queue_req(c, req, TOE_ABORTED);
		return;
	}
	toe_end_abort(c);
	c->out.rst = true;
	c->out.rst_req = req;
	toe_queue_output(c);
}

void toe_disconnect(struct toe_conn *c, struct toe_req *req, uint64_t now)
{
	enum toe_status status = toe_sendq_begin(c, req, TOE_REQ_DISCONNECT, now);
	bool abortive = req->flags & TOE_DISC_ABORTIVE;

	if (!status && (abortive == !!(req->flags & TOE_DISC_GRACEFUL) || (abortive && req->len)))
		status = TOE_BAD_FIELD;
	if (!status && !abortive)
		status = toe_sendq_room(c, req->len);
	if (status) {
		toe_queue_req(c, req, status);
	} else if (abortive) {
		disconnect_abortive(c, req);
	} else {
		toe_sendq_append(c, req);
		toe_queue_output(c);
	}
}

/* ------------------------------------------------------------------ stopped, freed */

/*
 * The state that goes back does not include recovery's. If data is known to be lost, SND.NXT is
 * pulled back to it, so that the host sends it again without waiting for a timeout.
 */
static void pull_back(struct toe_conn *c)
{
	struct toe_range r;

	if (c->rec.state != TOE_REC_FAST || c->snd.nxt != c->snd.max)
		return;
	if (!(c->k.flags & TOE_SACK)) {
		if (c->rec.force)
			c->snd.nxt = c->snd.una;
		return;
	}
	if (toe_sack_next(&c->sack, c->snd.max, c->snd.mss, c->t->params.dup_ack_threshold, false,
			  &r) == TOE_SACK_LOST)
		c->snd.nxt = r.start;
}

void toe_conn_stop(struct toe_conn *c, enum toe_stop_sends how, uint64_t now)
{
	struct toe *t = c->t;

	toe_clock_advance(t, now);
	if (c->phase != TOE_LIVE)
		return;
	toe_conn_hash_del(c);
	pull_back(c);
	halt(c, false);
	if (toe_conn_is_established(c->state))
		toe_tcp_stats(c)->currently_established--;
	c->phase = TOE_STOPPED;
	c->dlv.busy = false;
	toe_rcvbuf_drop_ooo(&c->rcv.buf);
	toe_deliver_fail(c, c->aborted ? TOE_ABORTED : TOE_UPLOADING);
	toe_sendq_stop(c, how);
	t->stats.buffered_out += toe_rcv_held(c);
	if (!c->rcv.ack_now && !c->out.rst)
		toe_list_remove(&c->out_link);
	toe_queue_events(c);
}

bool toe_conn_stopped(const struct toe_conn *c)
{
	return c->phase == TOE_STOPPED && !toe_queue_has_events(c) && !toe_queue_has_output(c);
}

void toe_end_free(struct toe_conn *c)
{
	struct toe *t = c->t;

	toe_conn_hash_del(c);
	toe_timer_freeze(c);
	if (c->phase == TOE_LIVE && toe_conn_is_established(c->state))
		toe_tcp_stats(c)->currently_established--;
	toe_list_remove(&c->ev_link);
	toe_list_remove(&c->out_link);
	toe_list_remove(&c->path_link);
	toe_list_remove(&c->all);
	t->nconns--;
	if (c->rcv.old_mem)
		t->ops.free(t->opaque, c->rcv.old_mem, c->rcv.old_cap);
	if (c->rcv.buf.mem)
		t->ops.free(t->opaque, c->rcv.buf.mem, c->rcv.buf.cap);
	t->ops.free(t->opaque, c, sizeof(*c));
}

void toe_conn_discard(struct toe_conn *c)
{
	if (c->phase == TOE_IMPORTED)
		toe_end_free(c);
}

void toe_conn_destroy(struct toe_conn *c)
{
	if (c->phase == TOE_STOPPED)
		toe_end_free(c);
}
