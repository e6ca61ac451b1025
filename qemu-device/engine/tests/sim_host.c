/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_host.c - drives the two engines of an end: frames in, events, time, and the check of all
 * invariants after every step.
 */
#include "tests/sim_host.h"

/* ---- events */

void host_give(struct host *h, struct host_send *s)
{
	s->with_engine = true;
	sim_say(h->sim, "%u: gives %s of %u bytes at %" PRIu64, h->end.id,
		s->r.kind == TOE_REQ_SEND ? "a send" : "the close", s->r.len, s->pos);
	if (s->r.kind == TOE_REQ_SEND)
		toe_send(h->conn, &s->r, host_now(h));
	else
		toe_disconnect(h->conn, &s->r, host_now(h));
}

static void send_done(struct host *h, struct host_send *s, uint32_t una)
{
	struct sim *sim = h->sim;
	uint32_t end = sim->set.isn[h->end.id] + (uint32_t)(s->pos + s->r.len);

	sim_say(sim, "%u: request at %" PRIu64 " done, %u of %u, status %d", h->end.id, s->pos,
		s->r.done, s->r.len, s->r.status);
	if (!s->with_engine)
		sim_fail(sim, "end %u: a request came back twice", h->end.id);
	s->with_engine = false;
	if (s->r.status == TOE_UPLOADING && h->phase == HOST_STOPPING)
		return;		/* it stays in the list, for the next engine */
	if (s->r.status != TOE_OK) {
		sim_fail(sim, "end %u: a request failed with status %d", h->end.id, s->r.status);
		return;
	}
	if (h->sends != s || s->r.done != s->r.len) {
		sim_fail(sim, "end %u: a completion out of order, or of %u of %u bytes", h->end.id,
			 s->r.done, s->r.len);
		return;
	}
	if (s->r.kind == TOE_REQ_DISCONNECT)
		h->fin_acked = true;
	else if ((int32_t)(una - end) < 0)
		sim_fail(sim, "end %u: a send is done before it is acknowledged", h->end.id);
	h->sends = s->next;
	if (!h->sends)
		h->sends_end = &h->sends;
	h->nsends--;
	free(s);
}

static void peer_closed(struct host *h)
{
	if (h->pos != h->sim->set.total[!h->end.id])
		sim_fail(h->sim, "end %u: told of the close at byte %" PRIu64, h->end.id, h->pos);
	h->peer_closed = true;
}

static void event(struct host *h, struct host_engine *e, const struct toe_event *ev)
{
	if (ev->type != TOE_EV_NCE && (ev->conn != h->conn || ev->cookie != h->k.cookie)) {
		sim_fail(h->sim, "end %u: event %d of another connection", h->end.id, ev->type);
		return;
	}
	switch (ev->type) {
	case TOE_EV_SEND_DONE:
	case TOE_EV_DISCONNECT_DONE:
		send_done(h, (struct host_send *)(uintptr_t)ev->req->cookie, ev->seq);
		break;
	case TOE_EV_RECV_DONE:
		app_received(h, (struct host_recv *)(uintptr_t)ev->req->cookie);
		break;
	case TOE_EV_INDICATE:
		app_indicated(h, ev);
		break;
	case TOE_EV_PEER_CLOSED:
		peer_closed(h);
		break;
	case TOE_EV_ABORTED:
		sim_fail(h->sim, "end %u: the connection was aborted", h->end.id);
		break;
	case TOE_EV_RETRIEVE:
		sim_say(h->sim, "%u: asked to take the connection back, reason %u", h->end.id,
			ev->info);
		h->retrieve = true;
		break;
	case TOE_EV_BACKLOG:
		break;
	case TOE_EV_NCE:
		toe_neigh_answer(ev->neigh, 0, host_clock(h, (unsigned)(e - h->engine)));
		break;
	}
}

/* Poll and output until neither has anything more. */
static void drain(struct host *h, unsigned i)
{
	struct host_engine *e = &h->engine[i];
	struct sim *s = h->sim;
	bool more = true;

	for (unsigned guard = 0; more && !s->failure; guard++) {
		struct toe_event nce;

		more = false;
		while (!s->failure && toe_poll_nce(e->t, &nce))
			event(h, e, &nce);
		for (unsigned q = 0; q < e->queues; q++) {
			struct toe_event ev;
			uint32_t room = sim_chance(s, 8000) ? 65536 : sim_below(s, 3000);

			for (unsigned n = 0; n < 64 && !s->failure && toe_poll(e->t, q, room, &ev);
			     n++) {
				event(h, e, &ev);
				more = true;
			}
			if (e->blocked[q] && sim_link_ready(s, h->end.id)) {
				e->blocked[q] = false;
				toe_writable(e->t, q);
			}
			more |= toe_output(e->t, q, host_clock(h, i), 1 + sim_below(s, 20));
		}
		if (guard > 20000)
			sim_fail(s, "end %u: events or output without end", h->end.id);
	}
}

static void check(struct host *h)
{
	for (unsigned i = 0; i < HOST_ENGINES && !h->sim->failure; i++) {
		const char *broken = toe_check(h->engine[i].t);

		if (broken)
			sim_fail(h->sim, "end %u: %s", h->end.id, broken);
	}
}

/* ---- the end */

/* TIME_WAIT is the host's: answer what arrives with the last ACK. */
static void answer_in_time_wait(struct host *h, const struct toe_seg *seg)
{
	const struct sim_settings *t = &h->sim->set;
	struct toe_hdr hdr = {
		.src_mac = sim_mac[h->end.id], .dst_mac = sim_mac[!h->end.id], .tagged = t->vlan,
		.tci = SIM_VLAN, .ipv6 = t->ipv6,
		.src = t->ipv6 ? sim_addr6[h->end.id] : sim_addr4[h->end.id],
		.dst = t->ipv6 ? sim_addr6[!h->end.id] : sim_addr4[!h->end.id],
		.ttl = 64, .ip_id = 1, .src_port = h->k.local_port, .dst_port = h->k.remote_port,
		.seq = h->d.snd_max, .ack = h->d.rcv_nxt, .flags = TOE_ACK, .wnd = 1000,
		.has_ts = t->timestamps, .ts_ecr = seg->ts_val,
	};
	uint64_t away = h->sim->now - h->since;
	uint8_t buf[TOE_MAX_HEADER];
	uint16_t l3, l4;
	uint32_t len;

	if (h->d.state != TOE_TIME_WAIT || !toe_seg_space(seg))
		return;
	hdr.ts_val =
		h->d.ts_time + (uint32_t)(t->ts_usec ? away / 1000 : away * t->tps / 1000000000);
	len = toe_wire_build(&hdr, buf, &l3, &l4);
	sim_finish_tcp(buf, len, l3, l4);
	sim_link_send(h->sim, h->end.id, buf, len, l3, l4, 0);
}

/* The raw path: what is valid waits for the connection to be with an engine again. */
static void raw(struct host *h, const struct sim_frame *f)
{
	struct toe_seg seg;

	if (toe_wire_parse(f->data, f->len, 0, &seg) != TOE_WIRE_TCP || !toe_wire_csum_ok(&seg) ||
	    seg.dst_port != SIM_PORT(h->end.id) || memcmp(seg.dst_mac, sim_mac[h->end.id], 6))
		return;
	if (h->phase == HOST_GONE) {
		answer_in_time_wait(h, &seg);
	} else if (h->phase == HOST_LIVE && !h->retrieve) {
		struct toe_tcp_delegated d;

		toe_conn_query(h->conn, NULL, NULL, &d, host_now(h));
		if (d.state != TOE_TIME_WAIT && d.state != TOE_CLOSED &&
		    (!h->sim->set.vlan || (seg.tagged && (seg.tci & 0xfff) == SIM_VLAN)))
			sim_fail(h->sim, "end %u: a segment of the live connection went raw",
				 h->end.id);
		move_hold(h, f);
	} else {
		move_hold(h, f);
	}
}

static void host_input(struct sim_end *end, const struct sim_frame *f)
{
	struct host *h = (struct host *)end;
	struct sim *s = h->sim;
	struct toe_rx rx = { .data = f->data, .len = f->len, .gso_size = f->gso_size,
			     .csum_ok = !s->set.corrupt && sim_chance(s, 5000) };
	struct toe_seg seg;

	if (h->phase == HOST_LIVE && !f->gso_size && sim_chance(s, 200) &&
	    toe_wire_parse(f->data, f->len, 0, &seg) == TOE_WIRE_TCP) {
		(void)toe_forward(h->conn, seg.tcp, seg.tcp_len, false, host_now(h));
		return;
	}
	if (toe_input(h->engine[h->cur].t, &rx, host_now(h)) == TOE_RX_RAW)
		raw(h, f);
	if (h->phase == HOST_LIVE && !h->retrieve && sim_chance(s, s->set.attacks))
		side_attack(h);
	if (sim_chance(s, 2000))
		drain(h, h->cur);
}

/* The host takes the connection back when it is over, asked or not. */
static void look_whether_over(struct host *h)
{
	struct toe_tcp_delegated d;

	toe_conn_query(h->conn, NULL, NULL, &d, host_now(h));
	if ((d.state == TOE_TIME_WAIT || d.state == TOE_CLOSED) && sim_chance(h->sim, 3000))
		h->retrieve = true;
}

static void host_step(struct sim_end *end)
{
	struct host *h = (struct host *)end;
	struct sim *s = h->sim;

	for (unsigned i = 0; i < HOST_ENGINES; i++)
		if (toe_next_deadline(h->engine[i].t) <= host_clock(h, i))
			toe_tick(h->engine[i].t, host_clock(h, i));
	if (h->phase == HOST_LIVE) {
		app_act(h);
		if (s->set.side)
			side_act(h);
	}
	for (unsigned n = 0; n < 3; n++) {
		for (unsigned i = 0; i < HOST_ENGINES; i++)
			drain(h, i);
		if (!s->failure)
			move_act(h);
	}
	check(h);
	if (h->phase == HOST_LIVE && !s->failure)
		look_whether_over(h);
}

static uint64_t host_deadline(struct sim_end *end)
{
	struct host *h = (struct host *)end;
	uint64_t t = SIM_NEVER;

	for (unsigned i = 0; i < HOST_ENGINES; i++) {
		uint64_t d = toe_next_deadline(h->engine[i].t);

		if (d != TOE_NO_DEADLINE)
			d = d > h->engine[i].clock ? d - h->engine[i].clock : 0;
		t = d < t ? d : t;
	}
	if (h->phase == HOST_LIVE) {
		t = h->next_action < t ? h->next_action : t;
		t = h->verdict_due && h->verdict_at < t ? h->verdict_at : t;
		t = h->moves < h->sim->set.handovers && h->next_move < t ? h->next_move : t;
	} else if (h->phase == HOST_AWAY) {
		t = h->back_at < t ? h->back_at : t;
	} else if (h->phase == HOST_STOPPING && !h->engine[h->cur].blocked[h->queue]) {
		t = h->sim->now;
	}
	return t;
}

static bool host_done(struct sim_end *end)
{
	struct host *h = (struct host *)end;

	return h->phase == HOST_GONE;
}

static void finish(struct host *h)
{
	struct sim *s = h->sim;

	if (h->phase != HOST_GONE)
		return;
	if (h->pos != s->set.total[!h->end.id])
		sim_fail(s, "end %u: closed with %" PRIu64 " bytes received", h->end.id, h->pos);
	if (!h->fin_acked || !h->peer_closed || h->nsends)
		sim_fail(s, "end %u: closed, but FIN acked %d, peer closed %d, %u sends left",
			 h->end.id, h->fin_acked, h->peer_closed, h->nsends);
}

static void host_describe(struct sim_end *end, FILE *to)
{
	struct host *h = (struct host *)end;

	fprintf(to,
		"phase %d, written %" PRIu64 " of %" PRIu64 ", read %" PRIu64 " of %" PRIu64
		", %u sends, %u receives, mode %d, rearm %d, verdict due %d, closed %d, "
		"fin acked %d, moves %u\n",
		h->phase, h->written, h->sim->set.total[end->id], h->pos,
		h->sim->set.total[!end->id], h->nsends, h->nrecvs, h->mode, h->rearm,
		h->verdict_due, h->peer_closed, h->fin_acked, h->moves);
	if (h->conn) {
		struct toe_tcp_delegated d;

		toe_conn_query(h->conn, NULL, NULL, &d, host_now(h));
		fprintf(to,
			"    state %d UNA +%u NXT +%u MAX +%u wnd %u cwnd %u ssthresh %u "
			"srtt %u us, "
			"rexmit #%u in %d, RCV.NXT +%u wnd %u\n",
			d.state, d.snd_una - h->sim->set.isn[end->id], d.snd_nxt - d.snd_una,
			d.snd_max - d.snd_una, d.snd_wnd, d.cwnd, d.ssthresh, d.srtt_us / 8,
			d.rexmit_count, (int)d.rexmit_timeout_delta,
			d.rcv_nxt - h->sim->set.isn[!end->id], d.rcv_wnd);
	}
}

static void host_destroy(struct sim_end *end)
{
	struct host *h = (struct host *)end;

	for (unsigned i = 0; i < HOST_ENGINES; i++) {
		toe_reset(h->engine[i].t);
		toe_destroy(h->engine[i].t);
	}
	while (h->sends) {
		struct host_send *r = h->sends;

		h->sends = r->next;
		free(r);
	}
	while (h->recvs) {
		struct host_recv *r = h->recvs;

		h->recvs = r->next;
		free(r->buf);
		free(r);
	}
	move_free_held(h);
	free(h->buffered);
	free(h);
}

static void host_step_and_finish(struct sim_end *end)
{
	host_step(end);
	finish((struct host *)end);
}

static const struct sim_end_ops host_end_ops = {
	.input = host_input,
	.step = host_step_and_finish,
	.deadline = host_deadline,
	.done = host_done,
	.describe = host_describe,
	.destroy = host_destroy,
};

static void make_engine(struct host *h, unsigned i)
{
	struct sim *s = h->sim;
	const struct sim_settings *t = &s->set;
	struct host_engine *e = &h->engine[i];
	struct toe_config cfg = {
		.max_conns = 2, .max_paths = 2, .max_neighs = 2, .max_rcv_wnd = 1 << 20,
		.max_buffered = 1 << 20, .max_sends = HOST_MAX_SENDS, .max_recvs = HOST_MAX_RECVS,
		.max_mtu = 9216, .queues = (uint8_t)(1 + sim_below(s, 3)),
	};
	struct toe_neigh_state n = { .vlan_id = t->vlan ? SIM_VLAN : 0 };
	struct toe_path_state p = { .ipv6 = t->ipv6, .mtu = t->mtu };
	struct toe_params par;

	e->h = h;
	e->clock = (uint64_t)sim_rand(s) * (sim_chance(s, 5000) ? 1 : 4000);
	e->queues = cfg.queues;
	cfg.max_gso = sim_chance(s, 3000) ? 0 : 3000 + sim_below(s, 60000);
	cfg.now = host_clock(h, i);
	cfg.ip_id_start = sim_chance(s, 5000) ? (uint16_t)(0xffff - sim_below(s, 200)) : 0;
	memcpy(cfg.mac, sim_mac[h->end.id], 6);
	memcpy(n.dst_mac, sim_mac[!h->end.id], 6);
	memcpy(p.src, t->ipv6 ? sim_addr6[h->end.id] : sim_addr4[h->end.id], t->ipv6 ? 16 : 4);
	memcpy(p.dst, t->ipv6 ? sim_addr6[!h->end.id] : sim_addr4[!h->end.id], t->ipv6 ? 16 : 4);
	e->t = toe_create(&cfg, &host_ops, e);
	if (!e->t)
		abort();
	par = *toe_get_params(e->t);
	par.ticks_per_second = t->tps;
	par.delayed_ack_ticks = (uint8_t)(t->tps / 5);
	par.push_ticks = t->tps / 2;
	par.sws_prevention_ticks = t->tps / 5;
	par.nce_stale_ticks = t->tps * 30;
	par.max_retransmissions = 20;
	if (toe_set_params(e->t, &par) != TOE_OK ||
	    toe_neigh_create(e->t, &n, i, cfg.now, &e->neigh) != TOE_OK ||
	    toe_neigh_create(e->t, &n, i + 10, cfg.now, &e->second) != TOE_OK ||
	    toe_path_create(e->t, e->neigh, &p, &e->path) != TOE_OK)
		sim_fail(s, "end %u: parameters, neighbor or path refused", h->end.id);
}

struct sim_end *sim_host_create(struct sim *s, unsigned id)
{
	struct host *h = calloc(1, sizeof(*h));

	h->end = (struct sim_end){ .ops = &host_end_ops, .sim = s, .id = id };
	h->sim = s;
	h->mtu = s->set.mtu;
	h->sends_end = &h->sends;
	h->recvs_end = &h->recvs;
	h->held_end = &h->held;
	for (unsigned i = 0; i < HOST_ENGINES; i++)
		make_engine(h, i);
	move_first(h);
	return &h->end;
}
