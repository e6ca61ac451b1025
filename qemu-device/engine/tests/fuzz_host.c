/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_host.c - the host of the fuzzed connection: what the engine calls, requests and their way
 * back, events and frames, and the connection's state in and out. Any claim of the engine that
 * cannot be true ends the run.
 */
#include "tests/fuzz.h"

struct fuzz F;

void broken(const char *why)
{
	fprintf(stderr, "fuzz_input: %s\n", why);
	abort();
}

/* ---- callbacks */

static void *f_alloc(void *opaque, size_t size)
{
	(void)opaque;
	return calloc(1, size);
}

static void f_free(void *opaque, void *p, size_t size)
{
	(void)opaque;
	(void)size;
	free(p);
}

static uint32_t f_random(void *opaque)
{
	(void)opaque;
	return 0x5eed5eed;
}

static struct fuzz_req *of(const struct toe_req *r)
{
	for (unsigned i = 0; i < MAX_REQS; i++)
		if (&F.reqs[i].r == r)
			return F.reqs[i].given ? &F.reqs[i] : NULL;
	return NULL;
}

static bool f_emit(void *opaque, const struct toe_frame *f)
{
	uint32_t sum = 0;

	(void)opaque;
	for (unsigned i = 0; i < f->npieces; i++) {
		const struct toe_piece *p = &f->pieces[i];

		if (!of(p->req) || p->off > p->req->len || p->len > p->req->len - p->off)
			broken("a frame reads what is not the engine's");
		sum += p->len;
	}
	if (sum != f->payload_len || f->header_len > TOE_MAX_HEADER)
		broken("a frame's lengths do not add up");
	if (++F.emitted > 20000)
		broken("frames without end");
	return F.emitted % 7 != 3;
}

static void f_place(void *opaque, struct toe_req *req, uint32_t off, const uint8_t *src,
		    uint32_t len)
{
	struct fuzz_req *r = of(req);

	(void)opaque;
	if (!r || off > req->len || len > req->len - off)
		broken("bytes placed outside of a request");
	memcpy(r->mem + off, src, len);
}

const struct toe_ops fuzz_ops = { f_alloc, f_free, f_random, f_emit, f_place };

/* ---- the connection */

static void give_back(struct toe_req *r)
{
	struct fuzz_req *q = of(r);

	if (!q)
		broken("a request came back that was not given");
	if (r->done > r->len)
		broken("more done than asked for");
	q->given = false;
	free(q->mem);
	q->mem = NULL;
}

struct toe_req *new_req(enum toe_req_kind kind, uint32_t flags, uint32_t len)
{
	for (unsigned i = 0; i < MAX_REQS; i++) {
		struct fuzz_req *q = &F.reqs[i];

		if (q->given)
			continue;
		memset(&q->r, 0, sizeof(q->r));
		q->r.kind = kind;
		q->r.flags = flags;
		q->r.len = len;
		q->given = true;
		q->mem = malloc(len ? len : 1);
		return &q->r;
	}
	return NULL;
}

static void forget(struct toe_req *r)
{
	struct fuzz_req *q = of(r);

	q->given = false;
	free(q->mem);
	q->mem = NULL;
}

void drain(void)
{
	struct toe_event ev;

	for (unsigned n = 0; n < 1000; n++) {
		while (toe_poll_nce(F.t, &ev))
			continue;
		while (toe_poll(F.t, 0, 1 + take(1) * 300, &ev)) {
			if (ev.req)
				give_back(ev.req);
			if (ev.type == TOE_EV_INDICATE) {
				F.ind = ev.indication;
				F.ind_len = ev.span_len[0] + ev.span_len[1];
			}
		}
		toe_writable(F.t, 0);
		if (!toe_output(F.t, 0, F.now, 16))
			return;
	}
	broken("output without end");
}

void check(void)
{
	const char *why = toe_check(F.t);

	if (why)
		broken(why);
}

static void import(const struct toe_tcp_delegated *d, uint32_t buffered, bool outstanding)
{
	uint8_t *span[2];
	uint32_t n[2];
	struct toe_req *r = NULL;

	if (toe_conn_import(F.t, F.p, &F.k, &F.k2, d, buffered, F.now, &F.c) != TOE_OK) {
		F.c = NULL;
		return;
	}
	if (outstanding) {
		uint32_t len = d->snd_max - d->snd_una;

		r = new_req(TOE_REQ_SEND, 0, len < 100000 ? len : 100);
		if (r && toe_conn_import_send(F.c, r) != TOE_OK) {
			forget(r);
			r = NULL;
		}
	}
	if (buffered) {
		toe_conn_import_buffered(F.c, span, n);
		for (unsigned i = 0; i < 2; i++)
			if (n[i])
				memset(span[i], 'b', n[i]);
	}
	if (toe_conn_start(F.c, F.now) == TOE_OK)
		return;
	toe_conn_discard(F.c);
	if (r)
		forget(r);
	F.c = NULL;
}

void import_anything(void)
{
	struct toe_tcp_delegated d = {
		.state = (enum toe_tcp_state)(take(1) % 12),
		.rcv_nxt = take(4),
		.rcv_wnd = take(3),
		.snd_una = take(4),
		.snd_wnd = take(4),
		.max_snd_wnd = take(4),
		.snd_wl1 = take(4),
		.cwnd = take(4),
		.ssthresh = take(4),
		.srtt = (uint16_t)take(2),
		.rttvar = (uint16_t)take(2),
		.srtt_us = take(4),
		.rttvar_us = take(4),
		.ts_recent = take(4),
		.ts_recent_age = take(4),
		.ts_time = take(4),
		.total_rt = take(4),
		.dup_ack_count = (uint8_t)take(1),
		.snd_wnd_probe_count = (uint8_t)take(1),
		.ka_probe_count = (uint8_t)take(1),
		.rexmit_count = (uint8_t)take(1),
		.ka_timeout_delta = take(4),
		.rexmit_timeout_delta = take(4),
		.tlp_timeout_delta = take(4),
		.delack_timeout_delta = take(4),
		.idle_time = take(4),
	};

	d.snd_nxt = d.snd_una + take(2);
	d.snd_max = d.snd_nxt + take(take(1) & 1 ? 4 : 2);
	F.k.flags = take(1) & 15;
	F.k.snd_wscale = (uint8_t)take(1);
	F.k.rcv_wscale = (uint8_t)take(1);
	F.k.remote_mss = (uint16_t)take(2);
	F.k2.flags = take(1) & 31;
	F.k2.max_rt = take(4);
	F.k2.ka_timeout = take(4);
	F.k2.ka_interval = take(4);
	F.k2.ka_probe_count = (uint8_t)take(1);
	F.k2.rcv_ind_size = take(2);
	F.k2.initial_rcv_wnd = take(3);
	import(&d, take(2), take(1) & 1);
}

void import_plain(void)
{
	struct toe_tcp_delegated d = {
		.state = TOE_ESTABLISHED,
		.rcv_nxt = 0xfffff000u,
		.rcv_wnd = 30000,
		.snd_una = 0xffffe000u,
		.snd_nxt = 0xffffe000u,
		.snd_max = 0xffffe000u,
		.snd_wnd = 20000,
		.max_snd_wnd = 20000,
		.snd_wl1 = 0xfffff000u,
		.cwnd = 14600,
		.ssthresh = 0x7fffffff,
		.ts_recent = 1000,
		.ts_time = 5000,
		.ka_timeout_delta = 0xffffffffu,
		.rexmit_timeout_delta = 0xffffffffu,
		.tlp_timeout_delta = 0xffffffffu,
		.delack_timeout_delta = 0xffffffffu,
	};

	F.k.flags = TOE_TIMESTAMPS * (take(1) & 1) | TOE_SACK | TOE_WSCALE;
	F.k.snd_wscale = 3;
	F.k.rcv_wscale = 2;
	F.k.remote_mss = 1460;
	F.k2.initial_rcv_wnd = 30000;
	import(&d, 0, false);
}

void move(void)
{
	struct toe_tcp_delegated d;
	const uint8_t *span[2];
	uint32_t n[2], buffered;
	struct toe_req *r, *next;

	toe_conn_stop(F.c, (enum toe_stop_sends)(take(1) % 3), F.now);
	for (unsigned i = 0; !toe_conn_stopped(F.c); i++) {
		drain();
		if (i > 100)
			broken("a stop without end");
	}
	toe_conn_query(F.c, &F.k, &F.k2, &d, F.now);
	for (r = toe_conn_take_sends(F.c); r; r = next) {
		next = r->next;
		give_back(r);
	}
	buffered = toe_conn_buffered(F.c, span, n);
	if (buffered != n[0] + n[1])
		broken("buffered bytes do not add up");
	toe_conn_destroy(F.c);
	F.c = NULL;
	F.ind_len = 0;
	for (unsigned i = 0; i < MAX_REQS; i++)
		if (F.reqs[i].given)
			broken("a request did not come back");
	import(&d, buffered, true);
}
