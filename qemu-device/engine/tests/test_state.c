/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_state.c - the state in and out: what import refuses, round trips that lose nothing, the
 * timestamp vectors (TSP-10, TSP-11), and the timers' fields.
 */
#include "tests/rig.h"

static void expect_refused(enum toe_status s)
{
	size_t before;

	rig_create();
	before = R.allocated;
	CHECK_EQ(rig_import(), s);
	CHECK_EQ(R.allocated, before);		/* no trace (INI-6) */
	CHECK_EQ(R.t->nconns, 0);
	rig_end();
}

#define REFUSED(field, value, status)						\
	do {									\
		rig_init();							\
		R.field = value;						\
		expect_refused(status);						\
	} while (0)

TEST(import_refuses)
{
	REFUSED(k.snd_wscale, 15, TOE_BAD_FIELD);
	REFUSED(k.rcv_wscale, 15, TOE_BAD_FIELD);
	REFUSED(k.queue, 2, TOE_BAD_FIELD);
	REFUSED(k2.initial_rcv_wnd, 0, TOE_BAD_FIELD);
	REFUSED(k2.user_priority, 8, TOE_BAD_FIELD);
	REFUSED(k2.flow_label, 1 << 20, TOE_BAD_FIELD);
	REFUSED(k2.ttl, 0, TOE_BAD_FIELD);
	REFUSED(k2.initial_rcv_wnd, (1 << 20) + 1, TOE_BAD_WINDOW);
	REFUSED(d.rcv_wnd, (1 << 20) + 1, TOE_BAD_WINDOW);
	REFUSED(d.state, TOE_CLOSED, TOE_BAD_STATE);	/* STA-13 */
	REFUSED(d.state, TOE_LISTEN, TOE_BAD_STATE);
	REFUSED(d.state, TOE_SYN_SENT, TOE_BAD_STATE);
	REFUSED(d.state, TOE_SYN_RCVD, TOE_BAD_STATE);
	REFUSED(d.state, TOE_TIME_WAIT, TOE_BAD_STATE);
	REFUSED(d.state, 77, TOE_BAD_STATE);
	REFUSED(d.snd_nxt, RIG_UNA - 1, TOE_BAD_SEQUENCE);
	REFUSED(d.snd_nxt, RIG_UNA + 1, TOE_BAD_SEQUENCE);
	REFUSED(d.snd_max, RIG_UNA - 1, TOE_BAD_SEQUENCE);
	REFUSED(d.snd_max, RIG_UNA + 0x80000000u, TOE_BAD_SEQUENCE);
	REFUSED(d.snd_wnd, 0x80000000u, TOE_BAD_FIELD);
	REFUSED(buffered, (1 << 20) + 1, TOE_TOO_MANY);
}

TEST(import_without_memory)
{
	int i;

	for (i = 1; i <= 2; i++) {
		rig_init();
		rig_create();
		R.fail_alloc = i;
		CHECK_EQ(rig_import(), TOE_NO_MEMORY);
		CHECK_EQ(R.t->nconns, 0);
		rig_end();
	}
}

TEST(tuple_is_taken_once)
{
	struct toe_conn *first;

	rig_init();
	rig_create();
	CHECK_EQ(rig_import(), TOE_OK);
	first = R.c;
	CHECK_EQ(rig_import(), TOE_OK);		/* neither is live */
	CHECK_EQ(toe_conn_start(first, R.now), TOE_OK);
	CHECK_EQ(toe_conn_start(R.c, R.now), TOE_DUPLICATE);
	toe_conn_discard(R.c);
	CHECK_EQ(rig_import(), TOE_DUPLICATE);
	rig_end();
}

TEST(sends_must_cover_what_was_sent)	/* SEC-4, OSD-15 */
{
	unsigned i;
	static const struct {
		enum toe_tcp_state state;
		uint32_t chain, max;
		enum toe_status status;
	} cases[] = {
		{ TOE_ESTABLISHED, 100, 100, TOE_OK },
		{ TOE_ESTABLISHED, 100, 101, TOE_BAD_SEQUENCE },
		{ TOE_CLOSE_WAIT, 100, 101, TOE_BAD_SEQUENCE },
		{ TOE_FIN_WAIT1, 100, 101, TOE_OK },
		{ TOE_FIN_WAIT1, 100, 102, TOE_BAD_SEQUENCE },
		{ TOE_CLOSING, 0, 1, TOE_OK },
		{ TOE_LAST_ACK, 0, 1, TOE_OK },
		{ TOE_LAST_ACK, 0, 2, TOE_BAD_SEQUENCE },
	};

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		rig_init();
		R.d.state = cases[i].state;
		R.d.snd_nxt = R.d.snd_max = RIG_UNA + cases[i].max;
		rig_create();
		CHECK_EQ(rig_import(), TOE_OK);
		if (cases[i].chain)
			rig_import_send(cases[i].chain, 0);
		CHECK_EQ(toe_conn_start(R.c, R.now), cases[i].status);
		CHECK_EQ(rig_in(&(struct rig_in){ .seq = RIG_RCV, .ack = RIG_UNA }),
			 cases[i].status ? TOE_RX_RAW : TOE_RX_TAKEN);
		if (cases[i].status)
			toe_conn_discard(R.c);
		rig_end();
	}
}

TEST(fin_wait2_takes_no_sends)
{
	struct rig_req q = { .r = { .kind = TOE_REQ_SEND, .len = 1 } };

	rig_init();
	R.d.state = TOE_FIN_WAIT2;
	rig_create();
	CHECK_EQ(rig_import(), TOE_OK);
	CHECK_EQ(toe_conn_import_send(R.c, &q.r), TOE_BAD_STATE);
	rig_begin();
	CHECK_EQ(rig_out(), 0);
	rig_end();
}

/*
 * OSD-9 .. OSD-12: data in flight is left alone; then [SND.NXT, SND.MAX) is sent, then what was
 * never sent, then later sends.
 */
TEST(send_order_at_import)
{
	struct rig_req *a, *b;
	struct toe_stats s;

	rig_init();
	R.k2.flags = 0;
	R.cfg.max_gso = 0;
	R.d.snd_nxt = RIG_UNA + 2 * RIG_MSS;
	R.d.snd_max = RIG_UNA + 3 * RIG_MSS;
	R.d.rexmit_timeout_delta = 300;
	rig_create();
	CHECK_EQ(rig_import(), TOE_OK);
	a = rig_import_send(3 * RIG_MSS + 100, 0);
	b = rig_import_send(RIG_MSS, 0);
	rig_begin();
	rig_send(200, 0);
	CHECK_EQ(rig_out(), 3);
	CHECK_EQ(R.f[0].seg.seq, RIG_UNA + 2 * RIG_MSS);
	CHECK_EQ(R.f[0].seg.len, RIG_MSS);
	CHECK_EQ(R.f[1].seg.seq, RIG_UNA + 3 * RIG_MSS);
	CHECK_EQ(R.f[1].seg.len, RIG_MSS);
	CHECK_EQ(R.f[2].seg.len, 300);
	toe_get_stats(R.t, &s);
	CHECK_EQ(s.send_in_unacked, 2 * RIG_MSS);
	CHECK_EQ(s.send_in_rexmit, RIG_MSS);
	CHECK_EQ(s.send_in_unsent, RIG_MSS + 100);
	CHECK_EQ(s.tcp[0].retransmitted_segments, 1);
	CHECK_EQ(s.tcp[0].out_segments, 2);
	rig_ack(RIG_UNA + 3 * RIG_MSS + 99);
	CHECK_QUIET();			/* an ACK inside a request completes nothing (trap 3) */
	rig_ack(RIG_UNA + 3 * RIG_MSS + 100);
	CHECK_DONE(a, TOE_OK, 3 * RIG_MSS + 100);
	rig_ack(RIG_UNA + 4 * RIG_MSS + 300);
	CHECK_DONE(b, TOE_OK, RIG_MSS);
	rig_end();
}

/* The state is the one that went in. */
static void check_as_imported(const struct toe_tcp_delegated *d)
{
	CHECK_EQ(d->state, R.d.state);
	CHECK_EQ(d->rcv_nxt, R.d.rcv_nxt);
	CHECK_EQ(d->rcv_wnd, R.d.rcv_wnd);
	CHECK_EQ(d->snd_una, R.d.snd_una);
	CHECK_EQ(d->snd_nxt, R.d.snd_nxt);
	CHECK_EQ(d->snd_max, R.d.snd_max);
	CHECK_EQ(d->snd_wnd, R.d.snd_wnd);
	CHECK_EQ(d->max_snd_wnd, R.d.max_snd_wnd);
	CHECK_EQ(d->snd_wl1, R.d.snd_wl1);
	CHECK_EQ(d->cwnd, R.d.cwnd);
	CHECK_EQ(d->ssthresh, R.d.ssthresh);
	CHECK_EQ(d->srtt_us, R.d.srtt_us);
	CHECK_EQ(d->rttvar_us, R.d.rttvar_us);
	CHECK_EQ(d->srtt, 99);			/* 8 x 12.345 ms in ticks, rounded up */
	CHECK_EQ(d->rttvar, 10);
	CHECK_EQ(d->ts_recent, R.d.ts_recent);
	CHECK_EQ(d->ts_recent_age, R.d.ts_recent_age);
	CHECK_EQ(d->ts_time, R.d.ts_time);
	CHECK_EQ(d->last_ts_val, R.d.last_ts_val);
	CHECK_EQ(d->total_rt, R.d.total_rt);
	CHECK_EQ(d->dup_ack_count, R.d.dup_ack_count);
	CHECK_EQ(d->ka_probe_count, R.d.ka_probe_count);
	CHECK_EQ(d->rexmit_count, R.d.rexmit_count);
	CHECK_EQ(d->ka_timeout_delta, R.d.ka_timeout_delta);
	CHECK_EQ(d->rexmit_timeout_delta, R.d.rexmit_timeout_delta);
}

TEST(round_trip)
{
	struct toe_tcp_delegated d;
	struct toe_tcp_const k;
	struct toe_tcp_cached k2;

	rig_init();
	R.k.flags = TOE_TIMESTAMPS | TOE_SACK | TOE_WSCALE;
	R.k.snd_wscale = 7;
	R.k.rcv_wscale = 6;
	R.k.hash = 0xabcd;
	R.k2.flags = TOE_KEEPALIVE | TOE_NAGLE;
	R.k2.ka_timeout = 7200000;
	R.k2.ka_interval = 75000;
	R.k2.ka_probe_count = 9;
	R.k2.max_rt = 12345;
	R.k2.rcv_ind_size = 77;
	R.d.snd_nxt = R.d.snd_max = RIG_UNA + 500;
	R.d.cwnd = 20000;
	R.d.ssthresh = 30000;
	R.d.srtt_us = 8 * 12345;
	R.d.rttvar_us = 4 * 2345;
	R.d.total_rt = 345;
	R.d.dup_ack_count = 2;
	R.d.ka_probe_count = 3;
	R.d.ka_timeout_delta = 1234;
	R.d.rexmit_timeout_delta = 222;
	R.d.rexmit_count = 2;
	R.d.ts_recent_age = 4321;
	R.d.max_snd_wnd = 70000;
	rig_create();
	CHECK_EQ(rig_import(), TOE_OK);
	rig_import_send(500, 0);
	rig_begin();
	toe_conn_query(R.c, &k, &k2, &d, R.now);
	CHECK(!memcmp(&k, &R.k, sizeof(k)));
	CHECK(!memcmp(&k2, &R.k2, sizeof(k2)));
	check_as_imported(&d);
	rig_end();
}

TEST(idle_timers_are_minus_one)	/* STA-16; trap 4 */
{
	struct toe_tcp_delegated d;

	rig_init();
	rig_start();
	d = rig_query();
	CHECK_EQ(d.rexmit_timeout_delta, 0xffffffffu);
	CHECK_EQ(d.ka_timeout_delta, 0xffffffffu);
	CHECK_EQ(rig_deadline(), TOE_NO_DEADLINE);
	rig_end();
}

TEST(zero_delta_fires_at_once)	/* TMR-8 */
{
	rig_init();
	R.d.snd_nxt = R.d.snd_max = RIG_UNA + 500;
	R.d.rexmit_timeout_delta = 0;
	rig_create();
	CHECK_EQ(rig_import(), TOE_OK);
	rig_import_send(500, 0);
	rig_begin();
	CHECK_EQ(rig_deadline(), 0);
	CHECK_EQ(rig_tick(0), 1);
	CHECK_EQ(R.f[0].seg.seq, RIG_UNA);
	CHECK_EQ(R.f[0].seg.len, 500);
	CHECK_EQ(rig_query().rexmit_count, 1);
	rig_end();
}

TEST(ticks_scale_srtt)	/* STA-15; trap 5 */
{
	struct toe_tcp_delegated d;

	rig_init();
	R.params.ticks_per_second = 100;
	R.d.srtt_us = R.d.rttvar_us = 0;
	R.d.srtt = 8 * 5;		/* 50 ms */
	R.d.rttvar = 4 * 1;		/* 10 ms */
	rig_start();
	d = rig_query();
	CHECK_EQ(d.srtt_us, 8 * 50000);
	CHECK_EQ(d.rttvar_us, 4 * 10000);
	CHECK_EQ(d.srtt, 40);
	CHECK_EQ(d.rttvar, 4);
	rig_end();
}

/* ---- TSP-10 and TSP-11. NIC clock: milliseconds, so that tick = number in the vector. */

static void at(uint64_t nic)
{
	R.now = nic * RIG_MS;
	toe_tick(R.t, R.now);
}

/* The RTT that an echo shows now, in ticks, on a connection without a timed segment. */
static uint32_t mrtt(uint32_t echo)
{
	R.c->rtt.srtt8_us = 0;
	R.c->rec.timing = false;
	CHECK_EQ(IN(.seq = R.c->rcv.nxt, .ack = R.c->snd.una + 1, .ts_ecr = echo), TOE_RX_TAKEN);
	return R.c->rtt.srtt8_us / 8 / 1000;
}

static void ts_start(uint32_t nic, uint32_t ts_time)
{
	rig_init();
	R.now = nic * RIG_MS;
	R.k.flags = TOE_TIMESTAMPS;
	R.d.ts_time = R.d.last_ts_val = ts_time;
	R.d.snd_nxt = R.d.snd_max = RIG_UNA + 1;
	rig_create();
	CHECK_EQ(rig_import(), TOE_OK);
	rig_import_send(1, 0);
	rig_begin();
}

static uint32_t ts_of_next_send(void)
{
	rig_send(1, TOE_SEND_PUSH);
	rig_out();
	CHECK(R.nf);
	return R.f[R.nf - 1].seg.ts_val;
}

TEST(tsp_10)
{
	ts_start(200, 100);
	CHECK_EQ((int32_t)(R.c->ts_delta), -100);
	at(205);
	CHECK_EQ(mrtt(100), 5);
	at(210);
	CHECK_EQ(ts_of_next_send(), 110);
	at(215);
	CHECK_EQ(mrtt(110), 5);
	at(250);
	CHECK_EQ(ts_of_next_send(), 150);
	CHECK_EQ(rig_query().ts_time, 150);
	CHECK_EQ(rig_query().last_ts_val, 150);
	rig_end();
}

TEST(tsp_11)
{
	ts_start(200, 100);
	CHECK_EQ((int32_t)(R.c->ts_delta), -100);
	at(205);
	CHECK_EQ(mrtt(100), 5);
	at(250);
	CHECK_EQ(ts_of_next_send(), 150);
	CHECK_EQ(rig_query().ts_time, 150);
	rig_end();
	ts_start(320, 350);
	CHECK_EQ(R.c->ts_delta, 30);
	at(325);
	CHECK_EQ(mrtt(350), 5);
	rig_end();
}

TEST(timestamp_never_goes_back)	/* TSP-1 */
{
	rig_init();
	R.k.flags = TOE_TIMESTAMPS;
	R.d.ts_time = 1000;
	R.d.last_ts_val = 1020;		/* says nothing in a state that comes in */
	rig_start();
	CHECK_EQ(ts_of_next_send(), 1000);
	R.now += 50 * RIG_MS;
	CHECK_EQ(ts_of_next_send(), 1050);
	CHECK_EQ(rig_query().last_ts_val, 1050);
	rig_end();
	rig_init();
	R.k.flags = TOE_TIMESTAMPS | TOE_TS_USEC;
	R.d.ts_time = 0u - 30 * 1000 * 1000;
	R.d.last_ts_val = 0;
	rig_start();
	R.now += 50 * RIG_MS;
	CHECK_EQ(ts_of_next_send(), 0u - 29950 * 1000);
	rig_end();
}

TEST(timestamps_in_microseconds)
{
	rig_init();
	R.k.flags = TOE_TIMESTAMPS | TOE_TS_USEC;
	R.d.ts_time = R.d.last_ts_val = 0xffffff00u;
	rig_start();
	R.now += 1000 * 1000;
	CHECK_EQ(ts_of_next_send(), 0xffffff00u + 1000);
	R.now += 2400ull * RIG_SEC;	/* more than half its range, in which nothing was sent */
	CHECK_EQ(ts_of_next_send(), 0xffffff00u + 1000 + 2400000000u);
	rig_end();
}

TEST(tick_change_keeps_durations)
{
	struct toe_tcp_cached k2;
	uint64_t left;

	rig_init();
	R.k2.flags = TOE_KEEPALIVE;
	R.k2.ka_timeout = 10000;
	R.k2.ka_interval = 1000;
	R.k2.max_rt = 0xffffffff;
	rig_start();
	left = rig_deadline();
	R.params.ticks_per_second = 100;
	CHECK_EQ(toe_set_params(R.t, &R.params), TOE_OK);
	CHECK_EQ(rig_deadline(), left);
	toe_conn_query(R.c, NULL, &k2, NULL, R.now);
	CHECK_EQ(k2.ka_timeout, 1000);
	CHECK_EQ(k2.ka_interval, 100);
	CHECK_EQ(k2.max_rt, 0xffffffff);
	CHECK_EQ(rig_query().ka_timeout_delta, 1000);
	R.params.ticks_per_second = 50;
	CHECK_EQ(toe_set_params(R.t, &R.params), TOE_BAD_FIELD);
	rig_end();
}

TEST(backlog_does_not_follow_what_is_posted)	/* STA-19 */
{
	uint32_t b;

	rig_init();
	rig_start();
	b = rig_query().send_backlog_size;
	rig_send(60000, 0);
	CHECK_EQ(rig_query().send_backlog_size, b);
	rig_out();
	CHECK_EQ(rig_query().send_backlog_size, b);
	rig_end();
}

TEST(receive_backlog)
{
	rig_init();
	R.buffered = 123;
	rig_start();
	rig_data(RIG_RCV, 100, 0);
	CHECK_EQ(rig_query().receive_backlog_size, 223);
	rig_end();
}

/* Any bits in a state are refused or harmless. */
TEST(import_of_noise)
{
	struct test_rng rng = { 1 };
	unsigned i, taken = 0;

	for (i = 0; i < 1000; i++) {
		uint32_t *w = (uint32_t *)&R.d, k, n = 1 + test_below(&rng, 6);

		rig_init();
		R.k.flags = test_below(&rng, 16);
		for (k = 0; k < n; k++)
			w[test_below(&rng, sizeof(R.d) / 4)] = test_rand(&rng);
		R.d.state = test_below(&rng, 12);
		R.buffered = test_below(&rng, 300);
		rig_create();
		if (!rig_import()) {
			unsigned sends = test_below(&rng, 4);

			rig_fill_buffered();
			while (sends-- && R.c->state != TOE_FIN_WAIT2)
				rig_import_send(test_below(&rng, 5000), test_below(&rng, 4));
			if (!toe_conn_start(R.c, R.now)) {
				taken++;
				rig_check();
				rig_out();
				for (k = 0; k < 20; k++) {
					IN(.seq = R.d.rcv_nxt + test_below(&rng, 3000),
					   .ack = R.d.snd_una + test_below(&rng, 3000),
					   .len = test_below(&rng, 3000),
					   .flags = test_below(&rng, 256));
					rig_tick(test_below(&rng, 1000) * RIG_MS);
					rig_poll();
				}
				toe_conn_stop(R.c, TOE_STOP_RETURN, R.now);
				rig_check();
			}
		}
		rig_end();
	}
	CHECK(taken > 100);
}
