/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_app.c - the program at an end: writes its stream in requests of odd sizes, reads the other
 * one by indications and posted requests in all modes, pauses reading, and closes.
 */
#include "tests/sim_host.h"

void app_take(struct host *h, const uint8_t *p, uint32_t len, uint32_t seq)
{
	struct sim *s = h->sim;
	uint32_t want = s->set.isn[!h->end.id] + (uint32_t)h->pos;

	if (len && seq != want)
		sim_fail(s, "end %u got sequence number %u, expected %u", h->end.id, seq, want);
	sim_compare(s, !h->end.id, h->pos, p, len);
	h->pos += len;
}

/* ---- reading */

void app_post(struct host *h, bool empty)
{
	struct sim *s = h->sim;
	struct host_recv *r;
	uint32_t len = empty ? 0 : 1 + sim_below(s, sim_chance(s, 3000) ? 100 : 20000);

	if (h->nrecvs >= HOST_MAX_RECVS)
		return;
	r = calloc(1, sizeof(*r));
	r->buf = malloc(len ? len : 1);
	r->r.kind = TOE_REQ_RECV;
	r->r.len = len;
	r->r.cookie = (uintptr_t)r;
	if (sim_chance(s, 4000)) {
		r->r.flags = TOE_RECV_NONPUSH;
		if (sim_chance(s, 3000))
			r->r.prefilled = sim_below(s, len);
	}
	*h->recvs_end = r;
	h->recvs_end = &r->next;
	h->nrecvs++;
	h->rearm = false;
	sim_say(s, "%u: posts %u%s, %u filled", h->end.id, len, r->r.flags ? " nonpush" : "",
		r->r.prefilled);
	toe_recv(h->conn, &r->r, host_now(h));
}

void app_received(struct host *h, struct host_recv *r)
{
	struct sim *s = h->sim;
	uint32_t n;

	if (h->recvs != r) {
		sim_fail(s, "end %u: receive requests came back out of order", h->end.id);
		return;
	}
	h->recvs = r->next;
	if (!h->recvs)
		h->recvs_end = &h->recvs;
	h->nrecvs--;
	sim_say(s, "%u: received %u of %u, status %d%s", h->end.id, r->r.done, r->r.len,
		r->r.status, r->r.push ? " push" : "");
	if (r->r.status == TOE_ABORTED)
		sim_fail(s, "end %u: a receive request was aborted", h->end.id);
	if (r->r.done > r->r.len || r->r.done < r->r.prefilled)
		sim_fail(s, "end %u: %u bytes in a request of %u with %u before", h->end.id,
			 r->r.done, r->r.len, r->r.prefilled);
	else if (r->r.status == TOE_OK && r->r.flags == TOE_RECV_NONPUSH && r->r.done < r->r.len &&
		 h->pos + r->r.done - r->r.prefilled < s->set.total[!h->end.id])
		sim_fail(s, "end %u: a nonpush request came back with %u of %u bytes", h->end.id,
			 r->r.done, r->r.len);
	if (!s->failure) {
		n = r->r.done - r->r.prefilled;
		app_take(h, r->buf + r->r.prefilled, n, n ? r->r.rcv_seq : 0);
	}
	free(r->buf);
	free(r);
}

void app_forget_indication(struct host *h)
{
	h->verdict_due = false;
}

void app_verdict(struct host *h)
{
	struct sim *s = h->sim;
	struct toe_event *ev = &h->ind;
	uint32_t len = ev->span_len[0] + ev->span_len[1], take = len, first;

	if (!s->set.eager && (h->mode == READ_NOTHING || sim_chance(s, 1000)))
		take = sim_chance(s, 3000) ? sim_below(s, len) : 0;
	if (sim_chance(s, 500) && toe_verdict(h->conn, ev->indication, len + 1, host_now(h)) !=
	    TOE_BAD_FIELD)
		sim_fail(s, "end %u: a verdict of too many bytes was taken", h->end.id);
	if (sim_chance(s, 500) && toe_verdict(h->conn, ev->indication + 1, take, host_now(h)) !=
	    TOE_BAD_FIELD)
		sim_fail(s, "end %u: a verdict on another indication was taken", h->end.id);
	sim_say(s, "%u: takes %u of %u indicated bytes", h->end.id, take, len);
	first = take < ev->span_len[0] ? take : ev->span_len[0];
	app_take(h, ev->span[0], first, ev->seq);
	if (take > first)
		app_take(h, ev->span[1], take - first, ev->seq + first);
	h->verdict_due = false;
	/* Requests that are posted already make the engine go on. */
	h->rearm = take < len && !h->nrecvs;
	/* Nothing may be touched behind this. */
	if (toe_verdict(h->conn, ev->indication, take, host_now(h)) != TOE_OK)
		sim_fail(s, "end %u: a verdict was refused", h->end.id);
}

void app_indicated(struct host *h, const struct toe_event *ev)
{
	struct sim *s = h->sim;

	if (h->verdict_due || h->rearm)
		sim_fail(s, "end %u: an indication %s", h->end.id,
			 h->rearm ? "after a refusal" : "while another one is open");
	h->ind = *ev;
	h->verdict_due = true;
	h->verdict_at = s->now + (s->set.eager || sim_chance(s, 7000) ? 0 : sim_below(s, 3000000));
	if (h->verdict_at == s->now)
		app_verdict(h);
}

static void choose_mode(struct host *h)
{
	struct sim *s = h->sim;

	if (s->now < h->mode_until)
		return;
	h->mode = sim_chance(s, 1500) ? READ_NOTHING :
		  sim_chance(s, 5000) ? READ_POSTED :
					READ_INDICATED;
	h->mode_until = s->now + sim_below(s, h->mode == READ_NOTHING && sim_chance(s, 1000) ?
					   2000000000 : 60000000);
}

static void read_some(struct host *h)
{
	struct sim *s = h->sim;

	choose_mode(h);
	if (h->verdict_due && s->now >= h->verdict_at)
		app_verdict(h);
	if (h->mode == READ_NOTHING || h->peer_closed)
		return;
	if (h->mode == READ_POSTED)
		for (uint32_t n = sim_below(s, 3); n && h->nrecvs < HOST_MAX_RECVS; n--)
			app_post(h, false);
	if (h->rearm && !h->verdict_due)
		app_post(h, sim_chance(s, 5000));
}

/* ---- writing */

static void add_send(struct host *h, enum toe_req_kind kind, uint32_t len)
{
	struct sim *s = h->sim;
	struct host_send *r = calloc(1, sizeof(*r));

	r->r.kind = kind;
	r->r.len = len;
	r->r.cookie = (uintptr_t)r;
	if (kind == TOE_REQ_DISCONNECT)
		r->r.flags = TOE_DISC_GRACEFUL;
	else
		r->r.flags = (sim_chance(s, 2000) ? TOE_SEND_MORE : 0) |
			     (sim_chance(s, 2000) ? TOE_SEND_PUSH : 0);
	r->pos = h->written;
	h->written += len;
	*h->sends_end = r;
	h->sends_end = &r->next;
	h->nsends++;
	host_give(h, r);
}

static void write_some(struct host *h)
{
	struct sim *s = h->sim;
	uint64_t total = s->set.total[h->end.id];
	uint32_t most = sim_chance(s, 3000) ? 300 : 20000;

	while (h->written < total && h->nsends < HOST_MAX_SENDS && !sim_chance(s, 3000)) {
		uint64_t left = total - h->written;
		uint32_t n = 1 + sim_below(s, most);

		if (n >= left && sim_chance(s, 3000)) {
			add_send(h, TOE_REQ_DISCONNECT, (uint32_t)left);
			h->close_given = true;
			return;
		}
		add_send(h, TOE_REQ_SEND, n < left ? n : (uint32_t)left);
	}
	if (h->written == total && !h->close_given && sim_chance(s, 5000)) {
		add_send(h, TOE_REQ_DISCONNECT, 0);
		h->close_given = true;
	}
}

static void write_eagerly(struct host *h)
{
	uint64_t total = h->sim->set.total[h->end.id];

	while (h->written < total && h->nsends < HOST_MAX_SENDS) {
		uint64_t left = total - h->written;

		add_send(h, TOE_REQ_SEND, left < 65536 ? (uint32_t)left : 65536);
	}
	if (h->written == total && !h->close_given && h->nsends < HOST_MAX_SENDS) {
		add_send(h, TOE_REQ_DISCONNECT, 0);
		h->close_given = true;
	}
}

void app_act(struct host *h)
{
	struct sim *s = h->sim;

	if (h->verdict_due && s->now >= h->verdict_at)
		app_verdict(h);
	if (s->set.eager) {
		h->next_action = SIM_NEVER;
		write_eagerly(h);
		return;
	}
	if (s->now < h->next_action)
		return;
	h->next_action = s->now + 100000 + sim_below(s, sim_chance(s, 1000) ? 300000000 : 8000000);
	if (sim_chance(s, 5000)) {
		read_some(h);
		write_some(h);
	} else {
		write_some(h);
		read_some(h);
	}
}
