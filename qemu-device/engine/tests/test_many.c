/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_many.c - many connections on one engine: each segment finds its own, timers fire in order of
 * time, queues share, limits hold, and all memory is given back. Public interface only.
 */
#include "include/toe.h"
#include "wire.h"
#include "tests/test.h"

#define CONNS	1000u
#define QUEUES	4u
#define SEC	1000000000ull

static const uint8_t mac_a[6] = { 2, 0, 0, 0, 0, 1 }, mac_b[6] = { 2, 0, 0, 0, 0, 2 };
static const uint8_t ip_a[4] = { 10, 0, 0, 1 }, ip_b[4] = { 10, 0, 0, 2 };

static struct toe *t;
static struct toe_neigh *neigh;
static struct toe_path *path;
static struct toe_conn *conn[CONNS];
static uint64_t due[CONNS];	/* keepalive, by our own count; 0: none */
static uint64_t now;
static size_t allocated;
static unsigned emitted, by_queue[QUEUES];
static uint64_t last_cookie;

static void *t_alloc(void *opaque, size_t size)
{
	(void)opaque;
	allocated += size;
	return calloc(1, size);
}

static void t_free(void *opaque, void *p, size_t size)
{
	(void)opaque;
	allocated -= size;
	free(p);
}

static uint32_t t_random(void *opaque)
{
	(void)opaque;
	return 4711;
}

static bool t_emit(void *opaque, const struct toe_frame *f)
{
	(void)opaque;
	emitted++;
	by_queue[f->queue]++;
	last_cookie = f->cookie;
	/* A keepalive probe: due[] says when it may leave. */
	if (!f->payload_len && due[f->cookie]) {
		CHECK(now >= due[f->cookie]);
		due[f->cookie] = 0;
	}
	return true;
}

static void t_place(void *opaque, struct toe_req *req, uint32_t off, const uint8_t *src,
		    uint32_t len)
{
	(void)opaque;
	(void)req;
	(void)off;
	(void)src;
	(void)len;
}

static const struct toe_ops ops = { t_alloc, t_free, t_random, t_emit, t_place };

static void set_up(uint32_t max)
{
	struct toe_config cfg = {.max_conns = max,
				 .max_paths = 1,
				 .max_neighs = 1,
				 .max_rcv_wnd = 65536,
				 .max_buffered = 4096,
				 .max_sends = 4,
				 .max_recvs = 4,
				 .max_mtu = 1500,
				 .queues = QUEUES,
				 .now = 1};
	struct toe_neigh_state n = { .dst_mac = { 2, 0, 0, 0, 0, 2 } };
	struct toe_path_state p = { .mtu = 1500 };

	memcpy(cfg.mac, mac_a, 6);
	memcpy(p.src, ip_a, 4);
	memcpy(p.dst, ip_b, 4);
	allocated = 0;
	now = 1;
	emitted = 0;
	memset(by_queue, 0, sizeof(by_queue));
	memset(conn, 0, sizeof(conn));
	memset(due, 0, sizeof(due));
	t = toe_create(&cfg, &ops, NULL);
	CHECK(t);
	CHECK_EQ(toe_neigh_create(t, &n, 0, now, &neigh), TOE_OK);
	CHECK_EQ(toe_path_create(t, neigh, &p, &path), TOE_OK);
}

static enum toe_status add(unsigned i, uint16_t local, uint16_t remote, uint32_t keepalive_ms)
{
	struct toe_tcp_const k = { .local_port = local, .remote_port = remote, .remote_mss = 1460,
				   .queue = (uint8_t)(i % QUEUES), .cookie = i };
	struct toe_tcp_cached k2 = { .flags = keepalive_ms ? TOE_KEEPALIVE : 0, .ka_probe_count = 3,
				     .ka_timeout = 3600000, .ka_interval = 1000, .ttl = 64,
				     .initial_rcv_wnd = 8192 };
	struct toe_tcp_delegated d = {.state = TOE_ESTABLISHED,
				      .rcv_nxt = 1000 + i,
				      .rcv_wnd = 8192,
				      .snd_una = 1,
				      .snd_nxt = 1,
				      .snd_max = 1,
				      .snd_wnd = 8192,
				      .max_snd_wnd = 8192,
				      .snd_wl1 = 1000 + i,
				      .cwnd = 14600,
				      .rexmit_timeout_delta = 0xffffffffu,
				      .tlp_timeout_delta = 0xffffffffu,
				      .delack_timeout_delta = 0xffffffffu,
				      .ka_timeout_delta =
					      keepalive_ms ? keepalive_ms : 0xffffffffu};
	enum toe_status s = toe_conn_import(t, path, &k, &k2, &d, 0, now, &conn[i]);

	if (s) {
		conn[i] = NULL;
		return s;
	}
	s = toe_conn_start(conn[i], now);
	if (s) {
		toe_conn_discard(conn[i]);
		conn[i] = NULL;
	}
	return s;
}

static void output(void)
{
	for (unsigned q = 0; q < QUEUES; q++)
		while (toe_output(t, q, now, 16))
			;
}

static void drain(void)
{
	struct toe_event ev;

	for (unsigned q = 0; q < QUEUES; q++)
		while (toe_poll(t, q, 65536, &ev))
			;
	output();
}

static void end(unsigned i)
{
	toe_conn_stop(conn[i], TOE_STOP_RETURN, now);
	drain();
	CHECK(toe_conn_stopped(conn[i]));
	toe_conn_destroy(conn[i]);
	conn[i] = NULL;
}

static void tear_down(void)
{
	for (unsigned i = 0; i < CONNS; i++)
		if (conn[i])
			end(i);
	CHECK_NULL(toe_check(t));
	CHECK_EQ(toe_path_destroy(path), TOE_OK);
	CHECK_EQ(toe_neigh_destroy(neigh), TOE_OK);
	toe_destroy(t);
	CHECK_EQ(allocated, 0);
}

/* A segment for connection i with one byte of data. */
static enum toe_verdict_rx deliver(unsigned i, uint16_t local, uint16_t remote)
{
	struct toe_hdr h = {.src_mac = mac_b,
			    .dst_mac = mac_a,
			    .src = ip_b,
			    .dst = ip_a,
			    .ttl = 64,
			    .src_port = remote,
			    .dst_port = local,
			    .seq = 1000 + i,
			    .ack = 1,
			    .flags = TOE_ACK | TOE_PSH,
			    .wnd = 8192,
			    .payload_len = 1};
	uint8_t buf[TOE_MAX_HEADER + 1];
	struct toe_rx rx = { .data = buf, .csum_ok = true };
	uint16_t l3, l4;

	rx.len = toe_wire_build(&h, buf, &l3, &l4);
	buf[rx.len++] = (uint8_t)i;
	return toe_input(t, &rx, now);
}

TEST(each_segment_finds_its_connection)
{
	struct toe_event ev;

	set_up(CONNS);
	for (unsigned i = 0; i < CONNS; i++)
		CHECK_EQ(add(i, (uint16_t)(1000 + i % 10), (uint16_t)(2000 + i / 10), 0), TOE_OK);
	CHECK_EQ(deliver(0, 999, 2000), TOE_RX_RAW);
	CHECK_EQ(deliver(0, 2000, 1000), TOE_RX_RAW);
	for (unsigned n = 0; n < CONNS; n++) {
		unsigned i = n * 7919 % CONNS;

		CHECK_EQ(deliver(i, (uint16_t)(1000 + i % 10), (uint16_t)(2000 + i / 10)),
			 TOE_RX_TAKEN);
		CHECK(toe_poll(t, i % QUEUES, 65536, &ev));
		CHECK_EQ(ev.type, TOE_EV_INDICATE);
		CHECK_EQ(ev.cookie, i);
		CHECK(ev.conn == conn[i]);
		CHECK_EQ(ev.span[0][0], (uint8_t)i);
		CHECK_EQ(toe_verdict(conn[i], ev.indication, 1, now), TOE_OK);
	}
	CHECK_NULL(toe_check(t));
	tear_down();
}

TEST(destroying_some_leaves_the_others)
{
	struct test_rng r = { 5 };

	set_up(CONNS);
	for (unsigned i = 0; i < CONNS; i++)
		CHECK_EQ(add(i, 80, (uint16_t)(1 + i), 1 + test_below(&r, 100000)), TOE_OK);
	for (unsigned n = 0; n < CONNS / 2; n++) {
		unsigned i = test_below(&r, CONNS);

		if (conn[i])
			end(i);
		if (n % 50 == 0)
			CHECK_NULL(toe_check(t));
	}
	for (unsigned i = 0; i < CONNS; i++)
		CHECK_EQ(deliver(i, 80, (uint16_t)(1 + i)), conn[i] ? TOE_RX_TAKEN : TOE_RX_RAW);
	tear_down();
}

/* TMR-22, TMR-23 */
TEST(timers_fire_when_they_are_due_and_not_before)
{
	struct test_rng r = { 8 };

	set_up(CONNS);
	for (unsigned i = 0; i < CONNS; i++) {
		uint32_t ms = 1 + test_below(&r, 30000);

		CHECK_EQ(add(i, 80, (uint16_t)(1 + i), ms), TOE_OK);
		due[i] = now + ms * 1000000ull;
	}
	output();
	for (unsigned n = 0; n < 8 * CONNS; n++) {
		uint64_t d = toe_next_deadline(t), least = TOE_NO_DEADLINE;

		for (unsigned i = 0; i < CONNS; i++)
			if (due[i] && due[i] < least)
				least = due[i];
		if (least == TOE_NO_DEADLINE)
			break;
		CHECK(d <= least);
		now = d > now ? d : now;
		toe_tick(t, now);
		drain();
		for (unsigned i = 0; i < CONNS; i++)
			CHECK(!due[i] || due[i] > now);
		if (n % 100 == 0)
			CHECK_NULL(toe_check(t));
	}
	for (unsigned i = 0; i < CONNS; i++)
		CHECK(!due[i]);
	tear_down();
}

TEST(queues_are_independent_and_shared_fairly)
{
	static struct toe_req reqs[CONNS];
	unsigned seen[CONNS] = { 0 };

	set_up(CONNS);
	for (unsigned i = 0; i < CONNS; i++) {
		CHECK_EQ(add(i, 80, (uint16_t)(1 + i), 0), TOE_OK);
		reqs[i] = (struct toe_req){ .kind = TOE_REQ_SEND, .len = 5 * 1460, .cookie = i };
		toe_send(conn[i], &reqs[i], now);
	}
	/* One frame at a time: every connection gets a first one well before any gets a second. */
	for (unsigned n = 0; n < CONNS / QUEUES * 5; n++) {
		toe_output(t, 1, now, 1);
		seen[last_cookie]++;
	}
	for (unsigned i = 0; i < CONNS; i++)
		CHECK_EQ(!!seen[i], i % QUEUES == 1);
	CHECK_EQ(by_queue[0] + by_queue[2] + by_queue[3], 0);
	drain();
	CHECK_EQ(by_queue[0], by_queue[1]);
	CHECK_EQ(emitted, 5 * CONNS);
	toe_reset(t);
	memset(conn, 0, sizeof(conn));
	toe_destroy(t);
	CHECK_EQ(allocated, 0);
}

TEST(limits_and_duplicates_are_refused)
{
	set_up(3);
	CHECK_EQ(add(0, 80, 1, 0), TOE_OK);
	CHECK_EQ(add(1, 80, 1, 0), TOE_DUPLICATE);
	CHECK_EQ(add(1, 80, 2, 0), TOE_OK);
	CHECK_EQ(add(2, 80, 3, 0), TOE_OK);
	CHECK_EQ(add(3, 80, 4, 0), TOE_TOO_MANY);
	CHECK_EQ(toe_path_destroy(path), TOE_IN_USE);
	CHECK_EQ(toe_neigh_destroy(neigh), TOE_IN_USE);
	end(1);
	CHECK_EQ(add(3, 80, 2, 0), TOE_OK);
	tear_down();
}
