/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_move.c - the hand-over: stop, export, some time with the host, import into the same engine or
 * another one with another clock. It does what a host must do: keeps segments that arrive meanwhile
 * and forwards them, gives returned sends again from SND.UNA on, gives unread bytes back, and
 * carries clocks and remaining times over.
 */
#include "tests/sim_host.h"

#define TICKS(h, ns) ((uint32_t)((ns) * (h)->sim->set.tps / 1000000000ull))

static bool has_fin_sent(enum toe_tcp_state state)
{
	return state == TOE_FIN_WAIT1 || state == TOE_CLOSING || state == TOE_LAST_ACK;
}

/* Whether RCV.NXT counts the peer's FIN. */
static bool has_fin_received(const struct host *h)
{
	const struct sim_settings *t = &h->sim->set;
	enum toe_tcp_state state = h->d.state;
	bool fin = h->d.rcv_nxt == t->isn[!h->end.id] + (uint32_t)t->total[!h->end.id] + 1;

	if (fin != (state == TOE_CLOSE_WAIT || state == TOE_CLOSING || state == TOE_LAST_ACK ||
		    state == TOE_TIME_WAIT || state == TOE_CLOSED))
		sim_fail(h->sim, "end %u: RCV.NXT and state %d contradict each other", h->end.id,
			 state);
	return fin;
}

/* ---- out */

void move_begin(struct host *h)
{
	struct sim *s = h->sim;
	static const enum toe_stop_sends how[] = {TOE_STOP_RETURN, TOE_STOP_COMPLETE, TOE_STOP_MIX};
	unsigned i = sim_below(s, 3);

	sim_say(s, "%u: stops the connection, way %u", h->end.id, i);
	h->phase = HOST_STOPPING;
	app_forget_indication(h);
	toe_conn_stop(h->conn, how[i], host_now(h));
}

static void take_sends_back(struct host *h)
{
	uint32_t left = h->nsends;

	for (struct toe_req *r = toe_conn_take_sends(h->conn); r; r = r->next) {
		struct host_send *s = (struct host_send *)(uintptr_t)r->cookie;

		if (!left-- || !s->with_engine) {
			sim_fail(h->sim, "end %u: a request came back twice", h->end.id);
			return;
		}
		s->with_engine = false;
	}
	for (struct host_send *s = h->sends; s; s = s->next)
		if (s->with_engine)
			sim_fail(h->sim, "end %u: a send at %" PRIu64 " was not handed back",
				 h->end.id, s->pos);
	if (h->recvs)
		sim_fail(h->sim, "end %u: receive requests were not handed back", h->end.id);
}

static void take_buffered(struct host *h)
{
	const uint8_t *span[2];
	uint32_t n[2], len = toe_conn_buffered(h->conn, span, n);
	uint32_t seq = h->d.rcv_nxt - (has_fin_received(h) ? 1 : 0) - len;

	h->buffered = malloc(len ? len : 1);
	h->buffered_len = len;
	if (n[0])
		memcpy(h->buffered, span[0], n[0]);
	if (n[1])
		memcpy(h->buffered + n[0], span[1], n[1]);
	if (n[0] + n[1] != len)
		sim_fail(h->sim, "end %u: %u bytes buffered in spans of %u and %u", h->end.id, len,
			 n[0], n[1]);
	/* Some of it the program reads while the host has the connection. */
	if (sim_chance(h->sim, 5000) || h->d.state == TOE_TIME_WAIT || h->d.state == TOE_CLOSED) {
		uint32_t got = sim_chance(h->sim, 5000) ? len : sim_below(h->sim, len + 1);

		if (h->d.state == TOE_TIME_WAIT || h->d.state == TOE_CLOSED)
			got = len;
		app_take(h, h->buffered, got, seq);
		memmove(h->buffered, h->buffered + got, len - got);
		h->buffered_len -= got;
	} else if (len && seq != h->sim->set.isn[!h->end.id] + (uint32_t)h->pos) {
		sim_fail(h->sim, "end %u: buffered bytes do not follow what was delivered",
			 h->end.id);
	}
}

static void check_export(struct host *h)
{
	struct sim *s = h->sim;
	uint32_t start = s->set.isn[h->end.id], end = start + (uint32_t)s->set.total[h->end.id] + 1;
	const struct toe_tcp_delegated *d = &h->d;

	if (d->snd_una - start > end - start || d->snd_nxt - d->snd_una > end - d->snd_una ||
	    d->snd_max - d->snd_nxt > end - d->snd_nxt)
		sim_fail(s, "end %u: SND.UNA, NXT, MAX %u %u %u of %u .. %u", h->end.id, d->snd_una,
			 d->snd_nxt, d->snd_max, start, end);
}

/* The engine is done with it: the host has the connection. */
static void arrive(struct host *h)
{
	struct sim *s = h->sim;

	toe_conn_query(h->conn, NULL, NULL, &h->d, host_now(h));
	check_export(h);
	take_sends_back(h);
	take_buffered(h);
	toe_conn_destroy(h->conn);
	h->conn = NULL;
	h->since = s->now;
	h->fin_received = h->fin_received || has_fin_received(h);
	if (h->d.state == TOE_FIN_WAIT2)
		h->fin_acked = true;
	if (h->fin_received && h->pos == s->set.total[!h->end.id])
		h->peer_closed = true;
	sim_say(s,
		"%u: has the connection back, state %d, %u sends, %u buffered, UNA +%u NXT +%u "
		"MAX +%u, "
		"rexmit in %d",
		h->end.id, h->d.state, h->nsends, h->buffered_len,
		h->d.snd_una - s->set.isn[h->end.id], h->d.snd_nxt - h->d.snd_una,
		h->d.snd_max - h->d.snd_una, (int)h->d.rexmit_timeout_delta);
	if (h->d.state == TOE_TIME_WAIT || h->d.state == TOE_CLOSED) {
		h->phase = HOST_GONE;
		h->fin_acked = true;
		return;
	}
	h->phase = HOST_AWAY;
	h->back_at = s->now + sim_below(s, sim_chance(s, 1000) ? 400000000 : 4000000);
}

/* ---- in */

static void spend(uint32_t *left, uint32_t ticks)
{
	if (*left != 0xffffffffu)
		*left = *left > ticks ? *left - ticks : 0;
}

static void carry_clocks_on(struct host *h)
{
	uint64_t away = h->sim->now - h->since;
	uint32_t ticks = TICKS(h, away);

	h->d.ts_time += h->sim->set.ts_usec ? (uint32_t)(away / 1000) : ticks;
	h->d.ts_recent_age += ticks;
	spend(&h->d.rexmit_timeout_delta, ticks);
	spend(&h->d.ka_timeout_delta, ticks);
	spend(&h->d.tlp_timeout_delta, ticks);
	spend(&h->d.delack_timeout_delta, ticks);
	h->d.idle_time += ticks;
	if (h->d.total_rt)
		h->d.total_rt += ticks;
	if (h->retrieve) {	/* the engine gave up; the host does not */
		h->d.rexmit_count = 0;
		h->d.total_rt = 0;
		h->d.ka_probe_count = 0;
		h->d.snd_wnd_probe_count = 0;
	}
	h->retrieve = false;
}

/* Returned requests start at SND.UNA again; one that carried a FIN is data now. */
static void trim_sends(struct host *h)
{
	struct sim *s = h->sim;
	uint64_t una = h->d.snd_una - s->set.isn[h->end.id];
	struct host_send **p = &h->sends;

	while (*p) {
		struct host_send *r = *p;
		uint64_t end = r->pos + r->r.len;
		bool disconnect = r->r.kind == TOE_REQ_DISCONNECT;

		if (end <= una && (r->r.len || disconnect)) {
			if (!disconnect)
				sim_fail(s, "end %u: a whole acknowledged request came back",
					 h->end.id);
			r->r.len = 0;
		} else if (r->pos < una) {
			if (r->r.done != una - r->pos)
				sim_fail(s, "end %u: %u bytes done of a request, not %" PRIu64,
					 h->end.id, r->r.done, una - r->pos);
			r->r.len = (uint32_t)(end - una);
			r->pos = una;
		} else if (r->r.done && !disconnect) {
			sim_fail(s, "end %u: a request came back with %u bytes done beyond SND.UNA",
				 h->end.id, r->r.done);
		}
		if (disconnect) {
			h->close_given = has_fin_sent(h->d.state) || h->d.state == TOE_FIN_WAIT2;
			r->r.kind = TOE_REQ_SEND;
			r->r.flags = 0;
		}
		if (!r->r.len) {
			*p = r->next;
			h->nsends--;
			free(r);
			continue;
		}
		p = &r->next;
	}
	h->sends_end = p;
}

static void reset_req(struct host_send *r)
{
	struct toe_req fresh = { .kind = r->r.kind, .flags = r->r.flags, .len = r->r.len,
				 .cookie = r->r.cookie };

	r->r = fresh;
}

/* Import the sent requests, and maybe more. Returns the first request to send afterwards. */
static struct host_send *import_sends(struct host *h)
{
	struct sim *s = h->sim;
	uint64_t max = h->d.snd_max - s->set.isn[h->end.id] - has_fin_sent(h->d.state);
	struct host_send *r = h->sends;

	while (r && (r->pos < max || has_fin_sent(h->d.state) || sim_chance(s, 6000))) {
		reset_req(r);
		r->with_engine = true;
		if (toe_conn_import_send(h->conn, &r->r) != TOE_OK)
			sim_fail(s, "end %u: import of a send failed", h->end.id);
		r = r->next;
	}
	return r;
}

static void import_buffered(struct host *h)
{
	uint8_t *span[2];
	uint32_t n[2];

	if (!h->buffered_len)
		return;
	toe_conn_import_buffered(h->conn, span, n);
	if (n[0] + n[1] != h->buffered_len) {
		sim_fail(h->sim, "end %u: no room for buffered bytes", h->end.id);
		return;
	}
	memcpy(span[0], h->buffered, n[0]);
	if (n[1])
		memcpy(span[1], h->buffered + n[0], n[1]);
	h->rearm = true;
}

static void forward_held(struct host *h)
{
	while (h->held && !h->sim->failure) {
		struct sim_frame *f = h->held;
		struct toe_seg seg;

		h->held = f->next;
		if (toe_wire_parse(f->data, f->len, 0, &seg) == TOE_WIRE_TCP)
			(void)toe_forward(h->conn, seg.tcp, seg.tcp_len, false, host_now(h));
		free(f);
	}
	h->held_end = &h->held;
	h->nheld = 0;
}

static void import(struct host *h)
{
	struct sim *s = h->sim;
	struct host_engine *e;
	struct host_send *rest;
	enum toe_status st;

	h->cur = sim_below(s, HOST_ENGINES);
	e = &h->engine[h->cur];
	h->queue = sim_below(s, e->queues);
	h->k.queue = (uint8_t)h->queue;
	h->k.cookie++;
	h->rearm = false;
	st = toe_conn_import(e->t, e->path, &h->k, &h->cached, &h->d, h->buffered_len, host_now(h),
			     &h->conn);
	if (st != TOE_OK) {
		sim_fail(s, "end %u: import failed with status %d in state %d", h->end.id, st,
			 h->d.state);
		return;
	}
	rest = import_sends(h);
	import_buffered(h);
	st = toe_conn_start(h->conn, host_now(h));
	if (st != TOE_OK) {
		sim_fail(s, "end %u: start failed with status %d in state %d", h->end.id, st,
			 h->d.state);
		return;
	}
	free(h->buffered);
	h->buffered = NULL;
	h->phase = HOST_LIVE;
	sim_say(s, "%u: gives the connection to engine %u, %u held segments", h->end.id, h->cur,
		h->nheld);
	if (sim_chance(s, 5000))
		forward_held(h);
	for (; rest; rest = rest->next) {
		reset_req(rest);
		host_give(h, rest);
	}
	forward_held(h);
	h->next_move = s->now + sim_below(s, sim_chance(s, 2000) ? 1000000000 : 60000000);
}

static void back(struct host *h)
{
	carry_clocks_on(h);
	trim_sends(h);
	if (h->sim->failure)
		return;
	h->moves++;
	h->sim->seen[SEEN_HANDOVERS]++;
	import(h);
}

void move_act(struct host *h)
{
	struct sim *s = h->sim;

	if (h->phase == HOST_LIVE &&
	    (h->retrieve || (h->moves < s->set.handovers && s->now >= h->next_move)))
		move_begin(h);
	if (h->phase == HOST_STOPPING && toe_conn_stopped(h->conn))
		arrive(h);
	if (h->phase == HOST_AWAY && s->now >= h->back_at)
		back(h);
}

void move_hold(struct host *h, const struct sim_frame *f)
{
	struct sim_frame *copy;

	if (h->nheld >= HOST_MAX_HELD)
		return;
	copy = malloc(sizeof(*copy) + f->len);
	memcpy(copy, f, sizeof(*copy) + f->len);
	copy->next = NULL;
	*h->held_end = copy;
	h->held_end = &copy->next;
	h->nheld++;
}

void move_free_held(struct host *h)
{
	while (h->held) {
		struct sim_frame *f = h->held;

		h->held = f->next;
		free(f);
	}
}

/* ---- the start: as the host's TCP has it after the handshake */

void move_first(struct host *h)
{
	struct sim *s = h->sim;
	const struct sim_settings *t = &s->set;
	unsigned me = h->end.id, peer = !me;
	uint16_t mss = (uint16_t)(t->mtu - (t->ipv6 ? 60 : 40));

	h->k = (struct toe_tcp_const){
		.flags = (t->timestamps ? TOE_TIMESTAMPS : 0) | (t->sack ? TOE_SACK : 0) |
			 (t->wscale ? TOE_WSCALE : 0) | (t->ts_usec ? TOE_TS_USEC : 0),
		.remote_port = SIM_PORT(peer), .local_port = SIM_PORT(me),
		.snd_wscale = t->shift[peer], .rcv_wscale = t->shift[me],
		.remote_mss = mss, .hash = sim_rand(s), .cookie = me * 1000,
	};
	h->cached = (struct toe_tcp_cached){
		.flags = (sim_chance(s, 3000) ? TOE_KEEPALIVE : 0) |
			 (sim_chance(s, 5000) ? TOE_NAGLE : 0),
		.ka_probe_count = 10,
		.ttl = 64,
		.initial_rcv_wnd = t->wnd[me],
		.rcv_ind_size = sim_chance(s, 2000) ? 1 + sim_below(s, 500) : 0,
		.ka_timeout = t->tps * (1 + sim_below(s, 10)),
		.ka_interval = t->tps,
		.max_rt = sim_chance(s, 5000) ? 0 : 0xffffffffu,
		.user_priority = (uint8_t)(t->vlan ? sim_below(s, 8) : 0),
		.flow_label = sim_below(s, 1u << 20),
	};
	h->d = (struct toe_tcp_delegated){
		.state = TOE_ESTABLISHED, .rcv_nxt = t->isn[peer], .rcv_wnd = t->wnd[me],
		.snd_una = t->isn[me], .snd_nxt = t->isn[me], .snd_max = t->isn[me],
		.snd_wnd = t->wnd[peer], .max_snd_wnd = t->wnd[peer], .snd_wl1 = t->isn[peer],
		.cwnd = (sim_chance(s, 5000) ? 10u : 2u) * mss, .ssthresh = 0x7fffffff,
		.ts_recent = t->ts[peer], .ts_time = t->ts[me], .last_ts_val = t->ts[me],
		.ka_timeout_delta = 0xffffffffu, .rexmit_timeout_delta = 0xffffffffu,
		.tlp_timeout_delta = 0xffffffffu, .delack_timeout_delta = 0xffffffffu,
	};
	h->since = s->now;
	import(h);
}
