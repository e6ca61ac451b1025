/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_input.c - libFuzzer target: the input is a program for one engine with one connection. Each
 * instruction is a frame of foreign bytes, a segment whose fields lie near the connection's
 * numbers, a host command, or passing time; the invariants are checked after each. The program may
 * stop, export and import the connection in any state that it reached, and the first bytes choose
 * an arbitrary state to import.
 */
#include "tests/fuzz.h"

uint32_t take(unsigned n)
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
	F.t = toe_create(&cfg, &fuzz_ops, NULL);
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
