/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * import.c - a connection's state in: import in two steps, and update. export.c has the state out.
 *
 * This is the one place that converts ticks to time, and it trusts nothing: its input may hold any
 * bits, and what it accepts cannot harm the rest. Import reserves all memory, so that nothing later
 * can fail for lack of it.
 */
#include <string.h>

#include "cc_newreno.h"
#include "clock.h"
#include "conn.h"
#include "keep.h"
#include "list.h"
#include "queue.h"
#include "recovery.h"
#include "sendq.h"
#include "timer.h"
#include "toe_internal.h"

#define WINDOW_SLACK	65536u	/* beyond the window, for rounding to the scale */

static bool has_sent_fin_state(enum toe_tcp_state s)
{
	return s == TOE_FIN_WAIT1 || s == TOE_FIN_WAIT2 || s == TOE_CLOSING || s == TOE_LAST_ACK;
}

static bool has_received_fin_state(enum toe_tcp_state s)
{
	return s == TOE_CLOSE_WAIT || s == TOE_CLOSING || s == TOE_LAST_ACK;
}

/* ------------------------------------------------------------------ import */

static enum toe_status check_const(const struct toe *t, const struct toe_path *p,
				   const struct toe_tcp_const *c)
{
	if (c->snd_wscale > 14 || c->rcv_wscale > 14 || c->queue >= t->cfg.queues)
		return TOE_BAD_FIELD;
	if (p->invalid || p->n->invalid)
		return TOE_BAD_STATE;
	return TOE_OK;
}

/* @wnd: the window counts; in an update it may not. */
static enum toe_status check_cached(const struct toe *t, const struct toe_tcp_cached *k, bool wnd)
{
	if ((wnd && !k->initial_rcv_wnd) || k->user_priority > 7 || k->flow_label > 0xfffff ||
	    !k->ttl)
		return TOE_BAD_FIELD;
	return wnd && k->initial_rcv_wnd > t->cfg.max_rcv_wnd ? TOE_BAD_WINDOW : TOE_OK;
}

static enum toe_status check_delegated(const struct toe *t, const struct toe_tcp_delegated *d)
{
	if (d->state < TOE_ESTABLISHED || d->state > TOE_LAST_ACK)
		return TOE_BAD_STATE;
	if (d->rcv_wnd > t->cfg.max_rcv_wnd)
		return TOE_BAD_WINDOW;
	if (d->snd_nxt - d->snd_una > TOE_MAX_QUEUED + 1 ||
	    d->snd_max - d->snd_una > TOE_MAX_QUEUED + 1 ||
	    d->snd_nxt - d->snd_una > d->snd_max - d->snd_una)
		return TOE_BAD_SEQUENCE;
	if (d->snd_wnd > (1u << 30) || d->max_snd_wnd > (1u << 30))
		return TOE_BAD_FIELD;
	if (d->state == TOE_FIN_WAIT2 && d->snd_max != d->snd_una)
		return TOE_BAD_SEQUENCE;
	return TOE_OK;
}

static enum toe_status check_import(const struct toe *t, const struct toe_path *p,
				    const struct toe_tcp_const *c, const struct toe_tcp_cached *k,
				    const struct toe_tcp_delegated *d, uint32_t buffered)
{
	enum toe_status s = check_const(t, p, c);

	if (!s)
		s = check_cached(t, k, true);
	if (!s)
		s = check_delegated(t, d);
	if (!s && buffered > t->cfg.max_buffered)
		s = TOE_TOO_MANY;
	return s;
}

static void import_send(struct toe_conn *c, const struct toe_tcp_delegated *d)
{
	struct toe_snd *s = &c->snd;

	s->una = d->snd_una;
	s->nxt = d->snd_nxt;
	s->max = d->snd_max;
	s->end = d->snd_una;
	s->wnd = d->snd_wnd;
	s->max_wnd = d->max_snd_wnd > d->snd_wnd ? d->max_snd_wnd : d->snd_wnd;
	s->wl1 = d->snd_wl1;
	s->wl2 = d->snd_una;
	s->sml = d->snd_una;
	s->fin = has_sent_fin_state(d->state);
}

static void import_receive(struct toe_conn *c, const struct toe_tcp_delegated *d, uint8_t *mem,
			   uint32_t cap, uint32_t buffered, uint64_t now)
{
	unsigned shift = c->k.flags & TOE_WSCALE ? c->k.rcv_wscale : 0;
	uint32_t most = 65535u << shift, wnd = d->rcv_wnd < most ? d->rcv_wnd : most;
	bool fin = has_received_fin_state(d->state);
	struct toe_rcv *r = &c->rcv;

	r->nxt = d->rcv_nxt;
	r->adv = d->rcv_nxt + wnd;
	r->last_ack = d->rcv_nxt;
	r->progress_edge = r->adv;
	r->fin_known = fin;
	r->fin_done = fin;
	r->fin_seq = d->rcv_nxt - 1;
	r->wnd_limit = c->cached.initial_rcv_wnd;
	r->ts_recent = d->ts_recent;
	r->ts_recent_at = now - toe_ticks_to_ns(c->t, d->ts_recent_age);
	r->heard_at = now - toe_ticks_to_ns(c->t, d->idle_time);
	r->ack_owed = d->delack_timeout_delta != TOE_TICKS_IDLE;
	r->ack_segs = r->ack_owed;
	toe_rcvbuf_init(&r->buf, mem, cap, d->rcv_nxt - (fin ? 1 : 0) - buffered);
}

static void import_timestamps(struct toe_conn *c, const struct toe_tcp_delegated *d, uint64_t now)
{
	c->ts_unit = c->k.flags & TOE_TS_USEC ? 1000 : c->t->tick_ns;
	c->ts_delta = d->ts_time - (uint32_t)(now / c->ts_unit);
	c->last_ts = d->ts_time;
}

static void import_recovery(struct toe_conn *c, const struct toe_tcp_delegated *d, uint64_t now)
{
	struct toe_rec *r = &c->rec;
	bool persist = d->state != TOE_FIN_WAIT2 && !d->snd_wnd;

	r->state = d->snd_nxt == d->snd_max ? TOE_REC_OPEN : TOE_REC_LOSS;
	r->recover = r->state == TOE_REC_OPEN ? d->snd_una - 1 : d->snd_max;
	r->dupacks = d->dup_ack_count;
	r->rexmits = d->rexmit_count;
	r->probe_round = persist ? d->snd_wnd_probe_count : 0;
	r->rt_running = d->total_rt != 0;
	r->rt_since = now - toe_ticks_to_ns(c->t, d->total_rt);
	toe_rtt_import(&c->rtt, d->srtt_us, d->rttvar_us, d->srtt, d->rttvar,
		       c->t->params.ticks_per_second,
		       persist || d->state == TOE_FIN_WAIT2 ? 0 : d->rexmit_count);
	toe_sack_init(&c->sack, d->snd_una);
	toe_cc_init(&c->cc, &toe_cc_newreno, c->snd.mss, d->cwnd, d->ssthresh, now);
}

static struct toe_conn *alloc_conn(struct toe *t, uint32_t cap, uint8_t **mem)
{
	struct toe_conn *c = t->ops.alloc(t->opaque, sizeof(*c));

	if (!c)
		return NULL;
	*mem = t->ops.alloc(t->opaque, cap);
	if (!*mem) {
		t->ops.free(t->opaque, c, sizeof(*c));
		return NULL;
	}
	return c;
}

static uint32_t buffer_size(const struct toe_tcp_cached *k, const struct toe_tcp_delegated *d,
			    uint32_t buffered)
{
	uint32_t need = d->rcv_wnd + buffered;

	return (need > k->initial_rcv_wnd ? need : k->initial_rcv_wnd) + WINDOW_SLACK;
}

static void link_conn(struct toe_conn *c, struct toe *t, struct toe_path *p)
{
	c->t = t;
	c->p = p;
	toe_list_init(&c->ev_link);
	toe_list_init(&c->out_link);
	toe_list_append(&t->conns, &c->all);
	toe_list_append(&p->conns, &c->path_link);
	t->nconns++;
	toe_timer_init(c);
}

enum toe_status toe_conn_import(struct toe *t, struct toe_path *p, const struct toe_tcp_const *c,
				const struct toe_tcp_cached *k, const struct toe_tcp_delegated *d,
				uint32_t buffered_len, uint64_t now, struct toe_conn **out)
{
	enum toe_status s = check_import(t, p, c, k, d, buffered_len);
	uint32_t cap;
	struct toe_conn *conn;
	uint8_t *mem;

	toe_clock_advance(t, now);
	if (s)
		return s;
	if (t->nconns >= t->cfg.max_conns)
		return TOE_TOO_MANY;
	if (toe_conn_lookup(t, p->s.ipv6, p->s.src, p->s.dst, c->local_port, c->remote_port))
		return TOE_DUPLICATE;
	cap = buffer_size(k, d, buffered_len);
	conn = alloc_conn(t, cap, &mem);
	if (!conn)
		return TOE_NO_MEMORY;
	link_conn(conn, t, p);
	conn->phase = TOE_IMPORTED;
	conn->state = d->state;
	conn->k = *c;
	conn->cached = *k;
	import_send(conn, d);
	toe_conn_set_mss(conn);
	import_receive(conn, d, mem, cap, buffered_len, t->now);
	import_timestamps(conn, d, t->now);
	import_recovery(conn, d, t->now);
	conn->keep.probes = d->ka_probe_count;
	conn->rexmt_in = d->rexmit_timeout_delta;
	conn->keep_in = d->ka_timeout_delta;
	conn->tlp_in = d->tlp_timeout_delta;
	conn->delack_in = d->delack_timeout_delta;
	conn->dlv.old_bytes = buffered_len;
	conn->dlv.refused = buffered_len;		/* BRD-12 */
	conn->dlv.closed = conn->rcv.fin_done && !buffered_len;
	*out = conn;
	return TOE_OK;
}

enum toe_status toe_conn_import_send(struct toe_conn *c, struct toe_req *req)
{
	if (c->phase != TOE_IMPORTED || req->kind != TOE_REQ_SEND || c->state == TOE_FIN_WAIT2)
		return TOE_BAD_STATE;
	if (c->snd.nreqs >= c->t->cfg.max_sends ||
	    req->len > TOE_MAX_QUEUED - (c->snd.end - c->snd.una))
		return TOE_TOO_MANY;
	req->push = false;
	toe_sendq_append(c, req);
	return TOE_OK;
}

void toe_conn_import_buffered(struct toe_conn *c, uint8_t *span[2], uint32_t span_len[2])
{
	if (c->phase != TOE_IMPORTED || toe_rcv_held(c)) {
		span[0] = span[1] = NULL;
		span_len[0] = span_len[1] = 0;
		return;
	}
	toe_rcvbuf_import(&c->rcv.buf, c->dlv.old_bytes, span, span_len);
}

/* No more can have been sent than is queued. In FIN_WAIT_2 the FIN's number lies before SND.UNA. */
static enum toe_status check_sends(struct toe_conn *c)
{
	if (c->state == TOE_FIN_WAIT2) {
		c->snd.end = c->snd.una - 1;
		return TOE_OK;
	}
	return c->snd.max - c->snd.una <= toe_snd_limit(c) - c->snd.una ? TOE_OK : TOE_BAD_SEQUENCE;
}

/* An ACK that the previous owner owed: send it when it was due, or at once (TMR-5). */
static void start_delack(struct toe_conn *c, uint64_t now)
{
	if (c->delack_in == TOE_TICKS_IDLE)
		return;
	if (c->delack_in)
		toe_timer_set(c, TOE_TMR_DELACK, now + toe_ticks_to_ns(c->t, c->delack_in));
	else
		c->rcv.ack_now = true;
}

static void start_tlp(struct toe_conn *c, uint64_t now)
{
	if (c->tlp_in != TOE_TICKS_IDLE && (c->k.flags & TOE_SACK) && !c->rec.persist &&
	    c->rec.state == TOE_REC_OPEN && c->snd.una != c->snd.max)
		toe_timer_set(c, TOE_TMR_TLP, now + toe_ticks_to_ns(c->t, c->tlp_in));
}

static void start_timers(struct toe_conn *c, uint64_t now)
{
	bool persist = c->state != TOE_FIN_WAIT2 && !c->snd.wnd;
	bool waiting = c->state == TOE_FIN_WAIT2 || c->snd.una != c->snd.max ||
		       (persist && toe_snd_has_data(c));

	if (c->rexmt_in != TOE_TICKS_IDLE && waiting) {
		c->rec.persist = persist;
		toe_timer_set(c, TOE_TMR_REXMT, now + toe_ticks_to_ns(c->t, c->rexmt_in));
	}
	if (!waiting)
		c->rec.rt_running = false;
	toe_recovery_arm(c, false, now);
	start_tlp(c, now);
	start_delack(c, now);
	if (c->cached.flags & TOE_KEEPALIVE) {
		if (c->keep_in == TOE_TICKS_IDLE)
			toe_keep_restart(c, now);
		else
			toe_timer_set(c, TOE_TMR_KEEP, now + toe_ticks_to_ns(c->t, c->keep_in));
	} else if (c->keep_in != TOE_TICKS_IDLE) {
		/*
		 * With keepalive off, only the validation after a blind attack runs it (BRA-8,
		 * BRA-12).
		 */
		c->keep.bra = true;
		c->keep.bra_timer = true;
		toe_timer_set(c, TOE_TMR_KEEP, now + toe_ticks_to_ns(c->t, c->keep_in));
	}
	if (toe_rcv_held(c))	/* BRD-10 */
		toe_timer_set(c, TOE_TMR_PUSH,
			      now + toe_ticks_to_ns(c->t, c->t->params.push_ticks));
}

static void count_imported(struct toe_conn *c)
{
	struct toe_stats *s = &c->t->stats;
	uint32_t bytes = c->snd.end - c->snd.una;
	uint32_t sent = c->snd.nxt - c->snd.una, max = c->snd.max - c->snd.una;

	if (c->state == TOE_FIN_WAIT2)
		bytes = 0;
	sent = sent < bytes ? sent : bytes;
	max = max < bytes ? max : bytes;
	s->send_in_unacked += sent;
	s->send_in_rexmit += max - sent;
	s->send_in_unsent += bytes - max;
	s->buffered_in += toe_rcv_held(c);
}

enum toe_status toe_conn_start(struct toe_conn *c, uint64_t now)
{
	enum toe_tcp_state state = c->state;
	enum toe_status s;

	toe_clock_advance(c->t, now);
	now = c->t->now;
	if (c->phase != TOE_IMPORTED)
		return TOE_BAD_STATE;
	if (toe_rcv_held(c) != c->dlv.old_bytes)
		return TOE_BAD_FIELD;
	s = check_sends(c);
	if (s)
		return s;
	if (toe_conn_is_invalid(c))
		return TOE_BAD_STATE;
	if (!toe_conn_hash_add(c))
		return TOE_DUPLICATE;
	c->phase = TOE_LIVE;
	c->state = TOE_LISTEN;		/* so that the gauge counts it */
	toe_conn_set_state(c, state);
	c->snd.last_sent = now;
	c->snd.backlog = toe_sendq_backlog(c);
	c->snd.backlog_at = now;
	c->rcv.grace_until = now + c->t->cfg.takeover_grace;
	count_imported(c);
	start_timers(c, now);
	toe_sendq_acked(c);
	toe_queue_output(c);
	toe_queue_events(c);
	return TOE_OK;
}

/* ------------------------------------------------------------------ update */

/*
 * Get a larger buffer for a larger window. An open indication keeps the old one until its verdict.
 */
static enum toe_status grow_buffer(struct toe_conn *c, uint32_t wnd)
{
	struct toe *t = c->t;
	uint32_t cap = wnd + WINDOW_SLACK, old_cap = c->rcv.buf.cap;
	uint8_t *mem, *old;

	if (cap <= old_cap)
		return TOE_OK;
	mem = t->ops.alloc(t->opaque, cap);
	if (!mem)
		return TOE_NO_MEMORY;
	old = toe_rcvbuf_grow(&c->rcv.buf, mem, cap);
	if (c->dlv.busy && !c->rcv.old_mem) {
		c->rcv.old_mem = old;
		c->rcv.old_cap = old_cap;
	} else {
		t->ops.free(t->opaque, old, old_cap);
	}
	return TOE_OK;
}

static void update_keepalive(struct toe_conn *c, const struct toe_tcp_cached *k, uint64_t now)
{
	bool was_on = c->cached.flags & TOE_KEEPALIVE, on = k->flags & TOE_KEEPALIVE;
	bool restart = k->flags & (TOE_KA_RESTART | TOE_MAXRT_RESTART);	/* E-8 */
	bool other = k->ka_timeout != c->cached.ka_timeout;

	if (restart)
		c->keep.probes = 0;
	c->cached.ka_probe_count = k->ka_probe_count;
	c->cached.ka_timeout = k->ka_timeout;
	c->cached.ka_interval = k->ka_interval;
	c->cached.flags = k->flags & (TOE_KEEPALIVE | TOE_NAGLE);
	if (was_on != on || restart)
		toe_keep_restart(c, now);
	else if (other)
		toe_keep_moved(c, now);
}

enum toe_status toe_conn_update(struct toe_conn *c, const struct toe_tcp_cached *k, uint64_t now)
{
	enum toe_status s = check_cached(c->t, k, k->flags & TOE_UPDATE_RCV_WND);

	toe_clock_advance(c->t, now);
	now = c->t->now;
	if (s)
		return s;
	if (c->phase != TOE_LIVE)
		return TOE_BAD_STATE;
	if (k->flags & TOE_UPDATE_RCV_WND) {
		s = grow_buffer(c, k->initial_rcv_wnd);
		if (s)
			return s;
		c->cached.initial_rcv_wnd = k->initial_rcv_wnd;
		c->rcv.wnd_limit = k->initial_rcv_wnd;
		if (!c->rx_off && !c->rcv.fin_done)
			c->rcv.ack_now = true;		/* UPD-7 */
	}
	update_keepalive(c, k, now);
	if ((k->flags & TOE_MAXRT_RESTART) || (k->max_rt && k->max_rt != c->cached.max_rt))
		c->rec.rt_since = now;		/* UPD-9, UPD-11 */
	c->cached.max_rt = k->max_rt;
	c->cached.ttl = k->ttl;
	c->cached.tos = k->tos;
	c->cached.user_priority = k->user_priority;
	c->cached.flow_label = k->flow_label;
	c->cached.rcv_ind_size = k->rcv_ind_size;
	toe_queue_output(c);
	return TOE_OK;
}

