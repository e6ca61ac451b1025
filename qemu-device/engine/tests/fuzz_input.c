/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_input.c - libFuzzer target: the input is a program for one engine with one connection. Each
 * instruction is a frame of foreign bytes, a segment whose fields lie near the connection's
 * numbers, a command of the host, or time. The invariants are checked after each. A stop, export
 * and import in the middle takes any state that came about, and the first bytes choose an imported
 * state freely.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "include/toe.h"
#include "wire.h"

#define MAX_REQS 64

struct fuzz_req {
	struct toe_req r;
	bool given;
	uint8_t *mem;
};

static struct {
	const uint8_t *data;
	size_t left;
	struct toe *t;
	struct toe_neigh *n;
	struct toe_path *p;
	struct toe_conn *c;
	struct toe_tcp_const k;
	struct toe_tcp_cached k2;
	struct fuzz_req reqs[MAX_REQS];
	uint64_t now;
	uint32_t ind, ind_len;
	unsigned emitted;
} F;

static void broken(const char *why)
{
	fprintf(stderr, "fuzz_input: %s\n", why);
	abort();
}

static uint32_t take(unsigned n)
{
	uint32_t v = 0;

	while (n--) {
		v = v << 8 | (F.left ? *F.data : 0);
		if (F.left) {
			F.data++;
			F.left--;
		}
	}
	return v;
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

static const struct toe_ops ops = { f_alloc, f_free, f_random, f_emit, f_place };

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

static struct toe_req *new_req(enum toe_req_kind kind, uint32_t flags, uint32_t len)
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

static void drain(void)
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

static void check(void)
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

/* Any state at all: refused, or good to go on with. */
static void import_anything(void)
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

static void import_plain(void)
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

static void move(void)
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

/* ---- instructions */

static void frame(void)
{
	uint8_t *copy;
	uint32_t len = take(1);
	struct toe_rx rx = { .csum_ok = take(1) & 1, .gso_size = (uint16_t)take(2) };

	len = len < F.left ? len : (uint32_t)F.left;
	copy = malloc(len ? len : 1);
	memcpy(copy, F.data, len);
	F.data += len;
	F.left -= len;
	rx.data = copy;
	rx.len = len;
	toe_input(F.t, &rx, F.now);
	free(copy);
}

static void segment(void)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 }, own[6] = { 2, 0, 0, 0, 0, 2 };
	static const uint8_t a[4] = { 10, 0, 0, 1 }, b[4] = { 10, 0, 0, 2 };
	struct toe_tcp_delegated d;
	struct toe_hdr h = {.src_mac = mac,
			    .dst_mac = own,
			    .src = b,
			    .dst = a,
			    .ttl = 64,
			    .src_port = 2,
			    .dst_port = 1};
	uint8_t buf[TOE_MAX_HEADER + 4096];
	uint16_t l3, l4;
	uint32_t hlen, kind = take(1);
	struct toe_rx rx = { .data = buf, .csum_ok = true };

	toe_conn_query(F.c, NULL, NULL, &d, F.now);
	h.seq = d.rcv_nxt + (kind & 1 ? (uint32_t)(int16_t)take(2) : 0);
	h.ack = kind & 2 ? d.snd_max + (uint32_t)(int8_t)take(1) : d.snd_una + take(2);
	h.flags = kind & 4 ? (uint16_t)take(1) : TOE_ACK;
	h.wnd = (uint16_t)(kind & 8 ? take(2) : 2000);
	h.has_ts = F.k.flags & TOE_TIMESTAMPS;
	h.ts_val = d.ts_recent + take(1);
	h.ts_ecr = d.last_ts_val;
	if (kind & 16) {
		h.nsacks = (uint8_t)(1 + take(1) % 4);
		for (unsigned i = 0; i < h.nsacks; i++) {
			h.sacks[i].start = d.snd_una + take(2);
			h.sacks[i].end = h.sacks[i].start + take(2);
		}
	}
	h.payload_len = kind & 32 ? take(2) % 4096 : 0;
	hlen = toe_wire_build(&h, buf, &l3, &l4);
	memset(buf + hlen, 'x', h.payload_len);
	rx.len = hlen + h.payload_len;
	rx.gso_size = (uint16_t)(kind & 64 ? 1 + take(1) * 8 : 0);
	if (kind & 128)
		(void)toe_forward(F.c, buf + l4, rx.len - l4, true, F.now);
	else
		toe_input(F.t, &rx, F.now);
}

static void command(void)
{
	struct toe_req *r;
	uint32_t what = take(1);

	switch (what % 10) {
	case 0:
	case 1:
		r = new_req(TOE_REQ_SEND, what >> 4 & 3, take(2) + 1);
		if (r)
			toe_send(F.c, r, F.now);
		break;
	case 2:
	case 3:
		r = new_req(TOE_REQ_RECV, what & 16 ? TOE_RECV_NONPUSH : 0, take(2));
		if (!r)
			break;
		r->prefilled = what & 32 ? take(2) : 0;
		toe_recv(F.c, r, F.now);
		break;
	case 4:
		r = new_req(TOE_REQ_DISCONNECT,
			    what & 16 && what & 32 ? TOE_DISC_ABORTIVE : TOE_DISC_GRACEFUL,
			    what & 64 ? take(2) : 0);
		if (r)
			toe_disconnect(F.c, r, F.now);
		break;
	case 5:
		(void)toe_verdict(F.c, F.ind, what & 16 ? F.ind_len : take(2), F.now);
		break;
	case 6:
		F.k2.flags = take(1) & 31;
		F.k2.initial_rcv_wnd = take(3);
		F.k2.ka_timeout = take(2);
		F.k2.max_rt = take(2);
		(void)toe_conn_update(F.c, &F.k2, F.now);
		break;
	case 7:
		(void)toe_path_update(F.p, take(2));
		break;
	case 8:
		move();
		break;
	default:
		if (what & 16)
			toe_conn_invalidate(F.c, F.now);
		else
			toe_neigh_answer(F.n, take(4), F.now);
	}
}

static void step(void)
{
	uint32_t op = take(1);

	if (op % 8 == 0) {
		frame();
	} else if (op % 8 < 4) {
		if (F.c)
			segment();
	} else if (op % 8 < 6) {
		if (F.c)
			command();
	} else if (op % 8 == 6) {
		F.now += (uint64_t)take(2) * (op & 8 ? 10000000 : 100000);
		toe_tick(F.t, F.now);
	} else {
		uint64_t d = toe_next_deadline(F.t);

		if (d != TOE_NO_DEADLINE && d > F.now && d - F.now < (uint64_t)1 << 50)
			F.now = d;
		toe_tick(F.t, F.now);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct toe_config cfg = {
		.max_conns = 2, .max_paths = 1, .max_neighs = 1, .max_rcv_wnd = 1 << 18,
		.max_buffered = 1 << 18, .max_sends = MAX_REQS, .max_recvs = 16, .max_mtu = 9000,
		.max_gso = 60000, .queues = 1, .mac = { 2, 0, 0, 0, 0, 2 },
	};
	struct toe_neigh_state ns = { .dst_mac = { 2, 0, 0, 0, 0, 1 } };
	struct toe_path_state ps = { .src = { 10, 0, 0, 1 }, .dst = { 10, 0, 0, 2 }, .mtu = 1500 };

	memset(&F, 0, sizeof(F));
	F.data = data;
	F.left = size;
	F.now = cfg.now = (uint64_t)take(4) << 8;
	F.t = toe_create(&cfg, &ops, NULL);
	if (!F.t || toe_neigh_create(F.t, &ns, 1, F.now, &F.n) != TOE_OK ||
	    toe_path_create(F.t, F.n, &ps, &F.p) != TOE_OK)
		broken("create failed");
	F.k = (struct toe_tcp_const){ .local_port = 1, .remote_port = 2, .cookie = 7 };
	F.k2 = (struct toe_tcp_cached){ .ttl = 64 };
	if (take(1) & 1)
		import_anything();
	else
		import_plain();
	for (unsigned n = 0; F.left && n < 300; n++) {
		step();
		drain();
		check();
	}
	toe_reset(F.t);
	toe_destroy(F.t);
	for (unsigned i = 0; i < MAX_REQS; i++)
		free(F.reqs[i].mem);
	return 0;
}
