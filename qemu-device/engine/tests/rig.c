/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rig.c - builds the rig of rig.h and drives it: what the engine calls, the state that a test
 * starts from, segments in, requests, events. Each step ends with a check of all invariants.
 */
#include "tests/rig.h"

struct rig R;

/* ---- callbacks */

static void *rig_alloc(void *opaque, size_t size)
{
	(void)opaque;
	if (R.fail_alloc && !--R.fail_alloc)
		return NULL;
	R.allocated += size;
	return calloc(1, size);
}

static void rig_free(void *opaque, void *p, size_t size)
{
	(void)opaque;
	R.allocated -= size;
	free(p);
}

static uint32_t rig_random(void *opaque)
{
	(void)opaque;
	return 0x12345678;
}

static bool rig_emit(void *opaque, const struct toe_frame *f)
{
	struct rig_frame *o = &R.f[R.nf];
	uint32_t at = f->header_len, i, k;

	(void)opaque;
	if (R.blocked)
		return false;
	CHECK(R.nf + 1 < RIG_FRAMES && f->header_len + f->payload_len <= sizeof(o->data));
	memcpy(o->data, f->header, f->header_len);
	for (i = 0; i < f->npieces; i++) {
		const struct rig_req *q = toe_container(f->pieces[i].req, struct rig_req, r);

		CHECK(f->pieces[i].len && f->pieces[i].off + f->pieces[i].len <= q->r.len &&
		      !q->back);
		for (k = 0; k < f->pieces[i].len; k++)
			o->data[at++] = rig_byte(q->base + f->pieces[i].off + k);
	}
	CHECK_EQ(at, f->header_len + f->payload_len);
	o->len = at;
	/* The checksum as an offloading backend completes it. */
	{
		uint16_t sum = (uint16_t)~toe_csum_fold(
			toe_csum_add(0, o->data + f->l4_off, at - f->l4_off));

		memcpy(o->data + f->l4_off + 16, &sum, 2);
	}
	CHECK_EQ(toe_wire_parse(o->data, at, f->gso_size, &o->seg), TOE_WIRE_TCP);
	CHECK(toe_wire_csum_ok(&o->seg));
	CHECK_EQ(o->seg.len, f->payload_len);
	for (i = 0; i < o->seg.len; i++)
		CHECK_EQ(o->seg.payload[i], rig_byte(o->seg.seq + i));
	if (f->gso_size)
		CHECK(f->payload_len > f->gso_size);
	o->gso = f->gso_size;
	o->npieces = f->npieces;
	o->ip_id = (uint16_t)(o->data[f->l3_off + 4] << 8 | o->data[f->l3_off + 5]);
	if (!f->ipv6)
		CHECK_EQ(o->data[f->l3_off + 6], 0x40);	/* DF */
	R.nf++;
	return true;
}

static void rig_place(void *opaque, struct toe_req *req, uint32_t off, const uint8_t *src,
			     uint32_t len)
{
	struct rig_req *q = toe_container(req, struct rig_req, r);

	(void)opaque;
	CHECK(len && off + len <= req->len && off + len <= sizeof(q->mem) && !q->back);
	memcpy(q->mem + off, src, len);
}

const struct toe_ops rig_ops = { rig_alloc, rig_free, rig_random, rig_emit, rig_place };

void rig_check(void)
{
	CHECK_NULL(toe_check(R.t));
}

/* ---- set-up */

static void init_engine(void)
{
	R.cfg = (struct toe_config){
		.max_conns = 8,
		.max_paths = 4,
		.max_neighs = 4,
		.max_rcv_wnd = 1 << 20,
		.max_buffered = 1 << 20,
		.max_sends = 64,
		.max_recvs = 16,
		.max_mtu = 9000,
		.max_gso = 65536 - 1,
		.queues = 2,
		.mac = {2, 0, 0, 0, 0, 1},
		.ip_id_start = 0x8000,
	};
	R.params = (struct toe_params){
		.ticks_per_second = 1000,
		.ack_frequency = 2,
		.delayed_ack_ticks = 40,
		.max_retransmissions = 5,
		.doubt_retransmissions = 3,
		.sws_prevention_ticks = 200,
		.dup_ack_threshold = 3,
		.push_ticks = 500,
		.nce_stale_ticks = 1000000,
	};
}

static void init_connection(void)
{
	R.ns = (struct toe_neigh_state){ .dst_mac = { 2, 0, 0, 0, 0, 2 } };
	R.ps = (struct toe_path_state){.src = {10, 77, 0, 2}, .dst = {10, 77, 0, 1}, .mtu = 1500};
	R.k = (struct toe_tcp_const){
		.remote_port = 80, .local_port = 4000, .remote_mss = RIG_MSS, .cookie = 77};
	R.k2 = (struct toe_tcp_cached){ .ttl = 64, .initial_rcv_wnd = 65535 };
	R.d = (struct toe_tcp_delegated){
		.state = TOE_ESTABLISHED,
		.rcv_nxt = RIG_RCV,
		.rcv_wnd = 65535,
		.snd_una = RIG_UNA,
		.snd_nxt = RIG_UNA,
		.snd_max = RIG_UNA,
		.snd_wnd = 65535,
		.max_snd_wnd = 65535,
		.snd_wl1 = RIG_RCV,
		.cwnd = 100 * RIG_MSS,
		.ssthresh = TOE_SSTHRESH_INF,
		.srtt_us = 8 * 10000,
		.rttvar_us = 4 * 1000,
		.ts_recent = 700000,
		.ts_time = 100,
		.last_ts_val = 100,
		.ka_timeout_delta = TOE_TICKS_IDLE,
		.rexmit_timeout_delta = TOE_TICKS_IDLE,
		.tlp_timeout_delta = TOE_TICKS_IDLE,
		.delack_timeout_delta = TOE_TICKS_IDLE,
	};
}

void rig_init(void)
{
	struct rig_frame *f = R.f ? R.f : calloc(RIG_FRAMES, sizeof(*f));

	memset(&R, 0, sizeof(R));
	R.f = f;
	R.now = 100 * RIG_SEC;
	R.peer_ts = 700000;
	init_engine();
	init_connection();
}

void rig_create(void)
{
	R.cfg.now = R.now;
	R.t = toe_create(&R.cfg, &rig_ops, &R);
	CHECK(R.t);
	CHECK_EQ(toe_set_params(R.t, &R.params), TOE_OK);
	CHECK_EQ(toe_neigh_create(R.t, &R.ns, 55, R.now, &R.n), TOE_OK);
	CHECK_EQ(toe_path_create(R.t, R.n, &R.ps, &R.p), TOE_OK);
	R.out_base = R.d.snd_una;
}

enum toe_status rig_import(void)
{
	return toe_conn_import(R.t, R.p, &R.k, &R.k2, &R.d, R.buffered, R.now, &R.c);
}

void rig_fill_buffered(void)
{
	uint8_t *span[2];
	uint32_t len[2], seq = R.d.rcv_nxt - R.buffered - R.c->rcv.fin_done, i, k;

	if (!R.buffered)
		return;
	toe_conn_import_buffered(R.c, span, len);
	CHECK_EQ(len[0] + len[1], R.buffered);
	for (i = 0; i < 2; i++)
		for (k = 0; k < len[i]; k++)
			span[i][k] = rig_byte(seq++);
}

void rig_begin(void)
{
	CHECK_EQ(toe_conn_start(R.c, R.now), TOE_OK);
	rig_check();
}

void rig_start(void)
{
	rig_create();
	CHECK_EQ(rig_import(), TOE_OK);
	rig_fill_buffered();
	rig_begin();
}

void rig_end(void)
{
	toe_destroy(R.t);
	CHECK_EQ(R.allocated, 0);
	while (R.reqs) {
		struct rig_req *q = R.reqs;

		R.reqs = q->next;
		free(q);
	}
	free(R.f);
	R.f = NULL;
}

/* ---- time and output */

unsigned rig_out(void)
{
	R.nf = 0;
	while (toe_output(R.t, R.k.queue, R.now, 64))
		;
	rig_check();
	return R.nf;
}

unsigned rig_tick(uint64_t ns)
{
	R.now += ns;
	toe_tick(R.t, R.now);
	rig_check();
	return rig_out();
}

uint64_t rig_deadline(void)
{
	uint64_t at = toe_next_deadline(R.t);

	return at == TOE_NO_DEADLINE ? at : at > R.now ? at - R.now : 0;
}

uint32_t rig_first_ack(void)
{
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.f[0].seg.len, 0);
	return R.f[0].seg.ack;
}

/* ---- segments in */

enum toe_verdict_rx rig_in(struct rig_in *in)
{
	static uint8_t buf[70000];
	uint16_t l3, l4, sum;
	struct toe_hdr h = {
		.src_mac = R.ns.dst_mac,
		.dst_mac = R.cfg.mac,
		.tagged = in->tagged,
		.tci = in->tci,
		.ipv6 = R.ps.ipv6,
		.src = R.ps.dst,
		.dst = R.ps.src,
		.ttl = 64,
		.src_port = R.k.remote_port,
		.dst_port = R.k.local_port,
		.seq = in->seq,
		.ack = in->ack,
		.flags = (uint16_t)(in->flags | (in->no_ack ? 0 : TOE_ACK)),
		.wnd = (uint16_t)(in->wnd < 0 ? 0 :
				  in->wnd     ? in->wnd :
						65535),
		.has_ts = (R.k.flags & TOE_TIMESTAMPS) && !in->no_ts,
		.ts_val = in->ts_val ? in->ts_val : R.peer_ts,
		.ts_ecr = in->ts_ecr,
		.nsacks = in->nsacks,
		.payload_len = in->len,
	};
	uint32_t hl, i;
	struct toe_rx rx = { .data = buf, .gso_size = in->gso };
	enum toe_verdict_rx v = TOE_RX_TAKEN;

	memcpy(h.sacks, in->sacks, sizeof(h.sacks));
	hl = toe_wire_build(&h, buf, &l3, &l4);
	for (i = 0; i < in->len; i++)
		buf[hl + i] = rig_byte(in->seq + !!(in->flags & TOE_SYN) + i);
	sum = (uint16_t)~toe_csum_fold(toe_csum_add(0, buf + l4, hl - l4 + in->len));
	memcpy(buf + l4 + 16, &sum, 2);
	if (in->bad_csum)
		buf[l4 + 16] ^= 0x55;
	rx.len = hl + in->len;
	if (in->tcp_only)
		in->status = toe_forward(R.c, buf + l4, rx.len - l4, false, R.now);
	else
		v = toe_input(R.t, &rx, R.now);
	rig_check();
	return v;
}

void rig_data(uint32_t seq, uint32_t len, uint16_t flags)
{
	CHECK_EQ(IN(.seq = seq, .ack = R.c->snd.una, .len = len, .flags = flags), TOE_RX_TAKEN);
}

void rig_ack(uint32_t ack)
{
	CHECK_EQ(IN(.seq = R.c->rcv.nxt, .ack = ack), TOE_RX_TAKEN);
}

/* ---- requests and events */

static struct rig_req *rig_req_new(uint32_t len, uint32_t flags)
{
	struct rig_req *q = calloc(1, sizeof(*q));

	q->next = R.reqs;
	R.reqs = q;
	q->r.len = len;
	q->r.flags = flags;
	return q;
}

struct rig_req *rig_send(uint32_t len, uint32_t flags)
{
	struct rig_req *q = rig_req_new(len, flags);

	q->base = R.out_base;
	R.out_base += len;
	toe_send(R.c, &q->r, R.now);
	rig_check();
	return q;
}

struct rig_req *rig_import_send(uint32_t len, uint32_t flags)
{
	struct rig_req *q = rig_req_new(len, flags);

	q->base = R.out_base;
	R.out_base += len;
	CHECK_EQ(toe_conn_import_send(R.c, &q->r), TOE_OK);
	return q;
}

struct rig_req *rig_disconnect(uint32_t len, uint32_t flags)
{
	struct rig_req *q = rig_req_new(len, flags);

	q->base = R.out_base;
	R.out_base += len;
	toe_disconnect(R.c, &q->r, R.now);
	rig_check();
	return q;
}

struct rig_req *rig_recv_pre(uint32_t len, uint32_t flags, uint32_t prefilled)
{
	struct rig_req *q = rig_req_new(len, flags);

	q->r.prefilled = prefilled;
	toe_recv(R.c, &q->r, R.now);
	rig_check();
	return q;
}

struct rig_req *rig_recv(uint32_t len, uint32_t flags)
{
	return rig_recv_pre(len, flags, 0);
}

int rig_poll_room(uint32_t room)
{
	unsigned i;
	uint32_t k, seq;

	if (!toe_poll_nce(R.t, &R.ev) && !toe_poll(R.t, R.k.queue, room, &R.ev)) {
		rig_check();
		return -1;
	}
	if (R.ev.req) {
		struct rig_req *q = toe_container(R.ev.req, struct rig_req, r);

		CHECK(!q->back);
		q->back = true;
	}
	if (R.ev.type == TOE_EV_INDICATE) {
		R.ind = R.ev.indication;
		seq = R.ev.seq;
		for (i = 0; i < 2; i++)
			for (k = 0; k < R.ev.span_len[i]; k++)
				CHECK_EQ(R.ev.span[i][k], rig_byte(seq++));
	}
	rig_check();
	return (int)R.ev.type;
}

int rig_poll(void)
{
	return rig_poll_room(1 << 20);
}

void rig_check_bytes(const struct rig_req *q)
{
	uint32_t i;

	for (i = q->r.prefilled; i < q->r.done; i++)
		CHECK_EQ(q->mem[i], rig_byte(q->r.rcv_seq + i - q->r.prefilled));
}

void rig_verdict(uint32_t consumed)
{
	CHECK_EQ(toe_verdict(R.c, R.ind, consumed, R.now), TOE_OK);
	rig_check();
}

struct toe_tcp_delegated rig_query(void)
{
	struct toe_tcp_delegated d;

	toe_conn_query(R.c, NULL, NULL, &d, R.now);
	return d;
}

struct toe_stats rig_stats(void)
{
	struct toe_stats s;

	toe_get_stats(R.t, &s);
	return s;
}

