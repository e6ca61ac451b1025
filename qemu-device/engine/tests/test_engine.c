/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_engine.c - the engine around its connections: refusals at creation, limits, many connections
 * at once in lookup, heap and lists, independent queues, reset.
 */
#include "tests/rig.h"

#define MANY 500u

static struct toe *create(void)
{
	return toe_create(&R.cfg, &rig_ops, &R);
}

#define REFUSED(field, value)							\
	do {									\
		rig_init();							\
		R.cfg.field = value;						\
		CHECK(!create());						\
		CHECK_EQ(R.allocated, 0);					\
		free(R.f);							\
		R.f = NULL;							\
	} while (0)

TEST(config_is_checked)
{
	REFUSED(max_conns, 0);
	REFUSED(max_paths, 0);
	REFUSED(max_neighs, 0);
	REFUSED(max_rcv_wnd, 0);
	REFUSED(max_rcv_wnd, 1u << 30);
	REFUSED(max_buffered, 1u << 30);
	REFUSED(max_sends, 0);
	REFUSED(max_recvs, 0);
	REFUSED(max_mtu, 100);
	REFUSED(max_mtu, 70000);
	REFUSED(max_gso, 70000);
	REFUSED(queues, 0);
	REFUSED(queues, TOE_MAX_QUEUES + 1);
	REFUSED(ip_id_start, 0x7fff);
}

TEST(creation_without_memory)
{
	int i;

	for (i = 1; i <= 3; i++) {
		rig_init();
		R.fail_alloc = i;
		CHECK(!create());
		CHECK_EQ(R.allocated, 0);
		free(R.f);
		R.f = NULL;
	}
}

TEST(parameters_are_checked)
{
	struct toe_params p;

	rig_init();
	rig_create();
	p = *toe_get_params(R.t);
	p.dup_ack_threshold = 0;
	CHECK_EQ(toe_set_params(R.t, &p), TOE_BAD_FIELD);
	p.dup_ack_threshold = 256;
	CHECK_EQ(toe_set_params(R.t, &p), TOE_BAD_FIELD);
	p.dup_ack_threshold = 3;
	p.ticks_per_second = 0;
	CHECK_EQ(toe_set_params(R.t, &p), TOE_BAD_FIELD);
	rig_end();
}

TEST(object_limits)
{
	struct toe_neigh *n;
	struct toe_path_state ps, got;
	struct toe_path *p;
	unsigned i;

	rig_init();
	rig_create();
	R.fail_alloc = 1;
	CHECK_EQ(toe_neigh_create(R.t, &R.ns, 0, R.now, &n), TOE_NO_MEMORY);
	R.fail_alloc = 1;
	CHECK_EQ(toe_path_create(R.t, R.n, &R.ps, &p), TOE_NO_MEMORY);
	R.ns.vlan_id = 4096;
	CHECK_EQ(toe_neigh_create(R.t, &R.ns, 0, R.now, &n), TOE_BAD_FIELD);
	R.ns.vlan_id = 4095;
	for (i = 1; i < R.cfg.max_neighs; i++)
		CHECK_EQ(toe_neigh_create(R.t, &R.ns, i, R.now, &n), TOE_OK);
	CHECK_EQ(toe_neigh_create(R.t, &R.ns, 0, R.now, &n), TOE_TOO_MANY);
	for (i = 1; i < R.cfg.max_paths; i++)
		CHECK_EQ(toe_path_create(R.t, R.n, &R.ps, &p), TOE_OK);
	CHECK_EQ(toe_path_create(R.t, R.n, &R.ps, &p), TOE_TOO_MANY);
	toe_path_query(R.p, &got);
	CHECK(!memcmp(&got, &R.ps, sizeof(got)));
	ps = R.ps;
	ps.mtu = 9001;
	CHECK_EQ(toe_path_create(R.t, R.n, &ps, &p), TOE_BAD_MTU);
	ps.mtu = 67;
	CHECK_EQ(toe_path_create(R.t, R.n, &ps, &p), TOE_BAD_FIELD);
	ps.mtu = 1279;
	ps.ipv6 = true;
	CHECK_EQ(toe_path_create(R.t, R.n, &ps, &p), TOE_BAD_FIELD);
	ps.mtu = 1280;
	CHECK_EQ(toe_path_destroy(R.p), TOE_OK);
	CHECK_EQ(toe_path_create(R.t, R.n, &ps, &R.p), TOE_OK);
	toe_path_invalidate(R.p, R.now);
	CHECK_EQ(rig_import(), TOE_BAD_STATE);
	toe_neigh_invalidate(R.n, R.now);
	CHECK_EQ(toe_path_create(R.t, R.n, &ps, &p), TOE_BAD_STATE);
	rig_end();
}

static struct toe_conn *conns[MANY];

static void many(void)
{
	unsigned i;

	rig_init();
	R.cfg.max_conns = MANY;
	rig_create();
	for (i = 0; i < MANY; i++) {
		R.k.local_port = (uint16_t)(4000 + i);
		R.k.queue = i % 2;
		R.k.cookie = i;
		CHECK_EQ(rig_import(), TOE_OK);
		CHECK_EQ(toe_conn_start(R.c, R.now), TOE_OK);
		conns[i] = R.c;
		CHECK_EQ(toe_conn_cookie(R.c), i);
		CHECK_EQ(toe_conn_queue(R.c), i % 2);
	}
	R.k.local_port = 3999;
	CHECK_EQ(rig_import(), TOE_TOO_MANY);
	rig_check();
}

TEST(lookup_among_many)
{
	unsigned i;

	many();
	for (i = 0; i < MANY; i++) {
		R.k.local_port = (uint16_t)(4000 + i);
		CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA, .len = 1 + i), TOE_RX_TAKEN);
		CHECK_EQ(conns[i]->rcv.nxt, RIG_RCV + 1 + i);
	}
	for (i = 0; i < MANY; i += 3)
		toe_conn_stop(conns[i], TOE_STOP_RETURN, R.now);
	for (i = 0; i < MANY; i++) {
		R.k.local_port = (uint16_t)(4000 + i);
		CHECK_EQ(IN(.seq = RIG_RCV + 1 + i, .ack = RIG_UNA, .len = 1),
			 i % 3 ? TOE_RX_TAKEN : TOE_RX_RAW);
	}
	rig_end();
}

TEST(events_by_queue)
{
	unsigned i, n[2] = { 0, 0 }, q;

	many();
	for (i = 0; i < MANY; i++) {
		R.k.local_port = (uint16_t)(4000 + i);
		CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA, .len = 10), TOE_RX_TAKEN);
	}
	CHECK(!toe_poll(R.t, 0, 0, &R.ev));
	CHECK(!toe_poll(R.t, 2, 1000, &R.ev));
	for (q = 0; q < 2; q++) {
		while (toe_poll(R.t, q, 1000, &R.ev)) {
			CHECK_EQ(R.ev.type, TOE_EV_INDICATE);
			CHECK_EQ(R.ev.cookie % 2, q);
			n[q]++;
		}
	}
	CHECK_EQ(n[0] + n[1], MANY);
	rig_end();
}

/* Timers set in random order expire in order, each at its time, whatever was stopped in between. */
TEST(heap_in_order)
{
	struct test_rng rng = { 5 };
	uint64_t due[MANY], last = 0;
	unsigned i, fired = 0, armed = 0;

	many();
	rig_out();
	for (i = 0; i < MANY; i++) {
		due[i] = R.now + (1 + test_below(&rng, 5000)) * RIG_MS;
		toe_timer_set(conns[i], TOE_TMR_DELACK, due[i]);
	}
	for (i = 0; i < MANY; i += 2) {
		due[i] += test_below(&rng, 3000) * RIG_MS;	/* later: the heap is not touched */
		toe_timer_set(conns[i], TOE_TMR_DELACK, due[i]);
	}
	for (i = 0; i < MANY; i += 5)
		toe_timer_clear(conns[i], TOE_TMR_DELACK);
	for (i = 0; i < MANY; i += 7)
		toe_conn_stop(conns[i], TOE_STOP_RETURN, R.now);
	rig_check();
	for (i = 0; i < MANY; i++)
		armed += i % 5 && i % 7;
	rig_out();
	while (rig_deadline() != TOE_NO_DEADLINE) {
		uint64_t at = toe_next_deadline(R.t);

		CHECK(at >= last && at > R.now - 1);
		last = at;
		R.now = at;
		toe_tick(R.t, R.now);
		rig_check();
		for (i = 0; i < MANY; i++) {
			if (conns[i]->rcv.ack_now) {
				CHECK_EQ(due[i], at);
				conns[i]->rcv.ack_now = false;
				fired++;
			}
		}
		R.nf = 0;
		toe_output(R.t, 0, R.now, 100);
		toe_output(R.t, 1, R.now, 100);
	}
	CHECK_EQ(fired, armed);
	rig_end();
}

TEST(turns_are_fair)
{
	unsigned i, first = 0;

	rig_init();
	R.cfg.max_gso = 0;
	rig_create();
	for (i = 0; i < 2; i++) {
		R.k.local_port = (uint16_t)(4000 + i);
		CHECK_EQ(rig_import(), TOE_OK);
		CHECK_EQ(toe_conn_start(R.c, R.now), TOE_OK);
		R.out_base = RIG_UNA;
		rig_send(60000, 0);
	}
	R.nf = 0;
	toe_output(R.t, 0, R.now, 32);
	for (i = 0; i < R.nf; i++)
		first += R.f[i].seg.src_port == 4000;
	CHECK_EQ(first, 16);
	rig_end();
}

TEST(bad_queue_numbers)
{
	rig_init();
	rig_start();
	CHECK(!toe_output(R.t, 2, R.now, 10));
	toe_writable(R.t, 99);
	CHECK(!toe_poll(R.t, 99, 10, &R.ev));
	rig_end();
}

TEST(time_does_not_go_back)
{
	rig_init();
	rig_start();
	rig_send(10, 0);
	rig_out();
	R.now -= 50 * RIG_SEC;		/* a host that breaks the rule does no harm */
	rig_ack(RIG_UNA + 10);
	toe_tick(R.t, 0);
	rig_check();
	CHECK(R.c->rtt.srtt8_us < 8 * 1000000);
	rig_end();
}
