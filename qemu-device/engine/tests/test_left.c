/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_left.c - each timer's remaining time and counts at a hand-over: taken over, carried on, and
 * handed back as if the owner had never changed.
 */
#include "tests/rig.h"

#define MSS RIG_MSS
#define IDLE TOE_TICKS_IDLE

static void import_with_sends(uint32_t len)
{
	rig_create();
	CHECK_EQ(rig_import(), TOE_OK);
	if (len)
		rig_import_send(len, 0);
	rig_begin();
}

static void sack(uint32_t ack, uint32_t start, uint32_t end)
{
	CHECK_EQ(IN(.seq = R.c->rcv.nxt, .ack = ack, .nsacks = 1, .sacks = {{start, end}}),
		 TOE_RX_TAKEN);
}

static void stop(void)
{
	toe_conn_stop(R.c, TOE_STOP_RETURN, R.now);
	while (rig_poll() >= 0)
		;
	rig_out();
	CHECK(toe_conn_stopped(R.c));
}

/* ------------------------------------------------------------------ nothing is lost or added */

static void random_timers(struct test_rng *r, uint32_t *sends)
{
	bool keep = test_below(r, 2), persist = test_below(r, 3) == 0, flight = test_below(r, 3);

	*sends = (persist || flight) ? 3 * MSS : 0;
	R.k.flags = TOE_SACK;
	R.d.srtt_us = 8 * (1 + test_below(r, 1000000));
	R.d.rttvar_us = 4 * (1 + test_below(r, 1000000));
	R.d.idle_time = test_below(r, 5000);
	if (persist) {
		R.d.snd_wnd = 0;
		R.d.snd_wnd_probe_count = (uint8_t)test_below(r, 8);
	}
	if (flight)
		R.d.snd_nxt = R.d.snd_max = RIG_UNA + 3 * MSS;
	if (*sends) {
		R.d.rexmit_count = (uint8_t)test_below(r, 5);
		R.d.rexmit_timeout_delta = 1 + test_below(r, 120000);
		R.d.total_rt = test_below(r, 2) ? test_below(r, 100000) : 0;
	}
	if (flight && !persist) {
		R.d.dup_ack_count = (uint8_t)test_below(r, 3);
		if (test_below(r, 2))
			R.d.tlp_timeout_delta = test_below(r, R.d.rexmit_timeout_delta);
	}
	if (keep) {
		R.k2.flags = TOE_KEEPALIVE;
		R.k2.ka_timeout = 7200000;
		R.k2.ka_interval = 75000;
		R.k2.ka_probe_count = 9;
		R.d.ka_probe_count = (uint8_t)test_below(r, 9);
		R.d.ka_timeout_delta = 1 + test_below(r, 7200000);
	}
	if (test_below(r, 2))
		R.d.delack_timeout_delta = test_below(r, 40);
}

static void check_left(uint32_t passed)
{
	struct toe_tcp_delegated d = rig_query();

#define SPENT(field)								\
	CHECK_EQ(d.field, R.d.field == IDLE ? IDLE :				\
			  R.d.field > passed ? R.d.field - passed : 0)
	SPENT(rexmit_timeout_delta);
	SPENT(ka_timeout_delta);
	SPENT(tlp_timeout_delta);
	SPENT(delack_timeout_delta);
#undef SPENT
	CHECK_EQ(d.total_rt, R.d.total_rt ? R.d.total_rt + passed : 0);
	CHECK_EQ(d.idle_time, R.d.idle_time + passed);
	CHECK_EQ(d.rexmit_count, R.d.rexmit_count);
	CHECK_EQ(d.snd_wnd_probe_count, R.d.snd_wnd_probe_count);
	CHECK_EQ(d.ka_probe_count, R.d.ka_probe_count);
	CHECK_EQ(d.dup_ack_count, R.d.dup_ack_count);
	CHECK_EQ(d.srtt_us, R.d.srtt_us);
	CHECK_EQ(d.rttvar_us, R.d.rttvar_us);
}

TEST(in_and_out_changes_nothing)	/* TMR-8, TMR-17, TMR-23, VAR-D18 .. VAR-D24 */
{
	struct test_rng rng = { 1 };
	uint32_t i, sends;

	for (i = 0; i < 1000; i++) {
		rig_init();
		if (i & 1)
			R.now = 1 * RIG_MS;	/* a clock that is younger than what has passed */
		random_timers(&rng, &sends);
		import_with_sends(sends);
		check_left(0);
		R.now += 7 * RIG_MS;	/* nobody calls the engine meanwhile */
		check_left(7);
		rig_end();
	}
}

TEST(hand_overs_do_not_put_a_timeout_off)	/* TMR-8 */
{
	struct toe_tcp_delegated d;
	unsigned i;

	rig_init();
	R.d.snd_nxt = R.d.snd_max = RIG_UNA + 500;
	R.d.rexmit_timeout_delta = 100;
	R.d.rexmit_count = 4;
	R.d.total_rt = 3000;
	for (i = 0; i < 19; i++) {
		uint64_t now = R.now;

		import_with_sends(500);
		CHECK_EQ(rig_tick(5 * RIG_MS), 0);
		stop();
		d = rig_query();
		now = R.now;
		rig_end();
		rig_init();
		R.now = now;
		R.d = d;
	}
	CHECK_EQ(R.d.rexmit_timeout_delta, 5);
	import_with_sends(500);
	CHECK_EQ(rig_deadline(), 5 * RIG_MS);
	CHECK_EQ(rig_tick(5 * RIG_MS), 1);
	CHECK_EQ(R.f[0].seg.seq, RIG_UNA);
	CHECK_EQ(rig_query().rexmit_count, 5);
	CHECK_EQ(rig_query().total_rt, 3100);
	rig_end();
}

/* ------------------------------------------------------------------ tail loss probe */

TEST(tail_loss_probe_is_taken_over)
{
	rig_init();
	R.k.flags = TOE_SACK;
	R.cfg.max_gso = 0;
	R.d.snd_nxt = R.d.snd_max = RIG_UNA + 3 * MSS;
	R.d.rexmit_timeout_delta = 150;
	R.d.tlp_timeout_delta = 9;
	import_with_sends(3 * MSS);
	CHECK_EQ(rig_deadline(), 9 * RIG_MS);
	CHECK_EQ(rig_tick(9 * RIG_MS), 1);
	CHECK_EQ(R.f[0].seg.seq, RIG_UNA + 2 * MSS);
	CHECK_EQ(rig_query().tlp_timeout_delta, IDLE);	/* once is enough */
	rig_end();
}

TEST(tail_loss_probe_is_handed_over)
{
	rig_init();
	R.k.flags = TOE_SACK;
	R.cfg.max_gso = 0;
	rig_start();
	rig_send(3 * MSS, 0);
	rig_out();
	R.now += 4 * RIG_MS;
	stop();
	CHECK_EQ(rig_query().tlp_timeout_delta, 18);
	CHECK_EQ(rig_query().rexmit_timeout_delta, 206);
	rig_end();
}

/* Reported ranges and a recovery do not travel: the tail is probed instead. */
TEST(scoreboard_goes_and_a_probe_comes)
{
	rig_init();
	R.k.flags = TOE_SACK;
	R.cfg.max_gso = 0;
	rig_start();
	rig_send(6 * MSS, 0);
	rig_out();
	R.now += 5 * RIG_MS;
	sack(RIG_UNA, RIG_UNA + MSS, RIG_UNA + 2 * MSS);
	CHECK_EQ(rig_query().tlp_timeout_delta, 17);
	sack(RIG_UNA, RIG_UNA + MSS, RIG_UNA + 6 * MSS);
	CHECK_EQ(rig_out(), 1);			/* fast retransmit: all that is lost is under way */
	stop();
	CHECK_EQ(rig_query().snd_nxt, RIG_UNA + 6 * MSS);
	CHECK_EQ(rig_query().tlp_timeout_delta, 22);
	rig_end();
}

/* What has ended has no probe, whatever the peer had reported of what was in flight (STA-16). */
TEST(no_probe_of_what_has_ended)
{
	unsigned way;

	for (way = 0; way < 3; way++) {
		rig_init();
		R.k.flags = TOE_SACK;
		R.cfg.max_gso = 0;
		rig_start();
		rig_send(2 * MSS, 0);
		CHECK_EQ(rig_out(), 2);
		sack(RIG_UNA, RIG_UNA + MSS, RIG_UNA + 2 * MSS);
		CHECK(rig_query().tlp_timeout_delta != IDLE);
		if (way == 2)
			rig_disconnect(0, TOE_DISC_ABORTIVE);
		else
			IN(.seq = RIG_RCV, .ack = RIG_UNA, .flags = way ? TOE_SYN : TOE_RST);
		CHECK_EQ(R.c->state, TOE_CLOSED);
		CHECK_EQ(rig_query().tlp_timeout_delta, IDLE);
		rig_out();
		stop();
		CHECK_EQ(rig_query().tlp_timeout_delta, IDLE);
		CHECK_EQ(rig_query().rexmit_timeout_delta, IDLE);
		rig_end();
	}
}

/* ------------------------------------------------------------------ an ACK that is owed */

TEST(owed_ack_is_taken_over)
{
	rig_init();
	R.d.delack_timeout_delta = 17;
	rig_start();
	CHECK_EQ(rig_out(), 0);
	CHECK_EQ(rig_tick(16 * RIG_MS), 0);
	CHECK_EQ(rig_tick(1 * RIG_MS), 1);
	CHECK_EQ(R.f[0].seg.ack, RIG_RCV);
	CHECK_EQ(rig_query().delack_timeout_delta, IDLE);
	rig_end();

	rig_init();
	R.d.delack_timeout_delta = 0;	/* it was due already */
	rig_start();
	CHECK_EQ(rig_out(), 1);
	rig_end();

	rig_init();
	R.d.delack_timeout_delta = 17;
	rig_start();
	rig_data(RIG_RCV, 100, TOE_PSH);	/* the second segment (TMR-5) */
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.f[0].seg.ack, RIG_RCV + 100);
	CHECK_EQ(rig_deadline() > 17 * RIG_MS, true);
	rig_end();

	rig_init();
	R.d.state = TOE_CLOSE_WAIT;
	R.d.delack_timeout_delta = 17;
	rig_start();
	CHECK_EQ(rig_tick(17 * RIG_MS), 1);
	CHECK_EQ(R.f[0].seg.ack, RIG_RCV);
	rig_end();

	rig_init();
	rig_start();
	CHECK_EQ(rig_out(), 0);			/* nothing owed, nothing sent */
	CHECK_EQ(rig_deadline(), TOE_NO_DEADLINE);
	rig_end();
}

TEST(owed_ack_leaves_or_is_told)	/* TRM-32, INV-5 */
{
	rig_init();
	rig_start();
	rig_data(RIG_RCV, 10, TOE_PSH);
	CHECK_EQ(rig_query().delack_timeout_delta, 40);
	toe_conn_stop(R.c, TOE_STOP_RETURN, R.now);
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(rig_query().delack_timeout_delta, IDLE);
	rig_end();

	rig_init();
	rig_start();
	rig_data(RIG_RCV, 10, TOE_PSH);
	toe_conn_invalidate(R.c, R.now);	/* nothing may leave: the host sends it */
	toe_conn_stop(R.c, TOE_STOP_RETURN, R.now);
	CHECK_EQ(rig_out(), 0);
	CHECK_EQ(rig_query().delack_timeout_delta, 0);
	rig_end();
}

/* ------------------------------------------------------------------ MaxRT, whatever waits */

static void zero_window(void)
{
	CHECK_EQ(IN(.seq = R.c->rcv.nxt, .ack = R.c->snd.una, .wnd = -1), TOE_RX_TAKEN);
	CHECK_EQ(rig_out(), 0);
}

TEST(max_rt_limits_a_shut_window)	/* VAR-K7, VAR-D18 */
{
	uint64_t first;
	unsigned n = 0;

	rig_init();
	R.d.snd_wnd = 0;
	R.k2.max_rt = 5000;
	rig_start();
	rig_send(3000, 0);
	rig_out();
	first = R.now + rig_deadline();
	while (rig_poll() != TOE_EV_RETRIEVE) {
		CHECK(rig_deadline() != TOE_NO_DEADLINE && n++ < 50);
		if (rig_tick(rig_deadline()))
			zero_window();		/* the peer lives, and answers each probe */
	}
	CHECK_EQ(R.ev.info, TOE_WHY_TIMEOUT);
	CHECK_EQ(R.now - first, 5000 * RIG_MS);
	CHECK_EQ(rig_query().total_rt, 5000);
	CHECK_EQ(rig_query().rexmit_timeout_delta, 0);
	rig_end();
}

TEST(time_at_a_shut_window_travels)	/* VAR-D18 */
{
	rig_init();
	R.d.snd_wnd = 0;
	R.k2.max_rt = 5000;
	R.d.total_rt = 4700;
	R.d.rexmit_timeout_delta = 100;
	R.d.snd_wnd_probe_count = 3;
	import_with_sends(100);
	CHECK_EQ(rig_tick(100 * RIG_MS), 1);
	zero_window();
	CHECK_EQ(rig_deadline(), 200 * RIG_MS);	/* not the next round's time, but what is left */
	CHECK_EQ(rig_tick(200 * RIG_MS), 0);
	CHECK_EQ(rig_poll(), TOE_EV_RETRIEVE);
	rig_end();

	rig_init();
	R.d.snd_wnd = 0;
	R.d.total_rt = 4700;
	R.k2.max_rt = 5000;
	import_with_sends(100);
	rig_ack(RIG_UNA);		/* it opens: what goes out now has all its time */
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(rig_query().total_rt, 0);
	rig_end();
}

TEST(no_limit_leaves_a_shut_window_alone)	/* VAR-K7 */
{
	unsigned i;

	rig_init();
	R.d.snd_wnd = 0;
	rig_start();
	rig_send(3000, 0);
	rig_out();
	for (i = 0; i < 40; i++) {
		CHECK_EQ(rig_tick(rig_deadline()), 1);
		zero_window();
		CHECK(rig_poll() != TOE_EV_RETRIEVE);
	}
	rig_end();
}

TEST(keepalive_time_counts_from_what_was_heard)	/* as Linux lets TCP_KEEPIDLE */
{
	struct toe_tcp_cached k;

	rig_init();
	R.k2.flags = TOE_KEEPALIVE;
	R.k2.ka_timeout = 7200000;
	R.k2.ka_interval = 1000;
	R.k2.ka_probe_count = 9;
	rig_start();
	rig_data(RIG_RCV, 10, 0);
	rig_out();
	rig_tick(4 * RIG_SEC);
	k = R.c->cached;
	k.ka_timeout = 10000;
	CHECK_EQ(toe_conn_update(R.c, &k, R.now), TOE_OK);
	CHECK_EQ(rig_deadline(), 6 * RIG_SEC);
	k.ka_timeout = 1000;		/* over already */
	CHECK_EQ(toe_conn_update(R.c, &k, R.now), TOE_OK);
	CHECK_EQ(rig_deadline(), 0);
	CHECK_EQ(rig_tick(0), 1);
	rig_end();
}

TEST(keepalive_time_of_a_peer_heard_before_the_clock_began)
{
	struct toe_tcp_cached k;

	rig_init();
	R.k2.flags = TOE_KEEPALIVE;
	R.k2.ka_timeout = 7200000;
	R.k2.ka_interval = 1000;
	R.k2.ka_probe_count = 9;
	R.d.idle_time = (uint32_t)(R.now / RIG_MS) + 100000;
	R.d.ka_timeout_delta = 7000000;
	rig_start();
	k = R.c->cached;
	k.ka_timeout = 10000;
	CHECK_EQ(toe_conn_update(R.c, &k, R.now), TOE_OK);
	CHECK_EQ(rig_deadline(), 0);
	rig_end();
}

TEST(max_rt_limits_keepalive)
{
	rig_init();
	R.k2.flags = TOE_KEEPALIVE;
	R.k2.ka_timeout = 10000;
	R.k2.ka_interval = 1000;
	R.k2.ka_probe_count = 9;
	R.k2.max_rt = 12000;
	rig_start();
	CHECK_EQ(rig_tick(10 * RIG_SEC), 1);
	CHECK_EQ(rig_tick(RIG_SEC), 1);
	CHECK_EQ(rig_tick(RIG_SEC), 0);
	CHECK_EQ(rig_poll(), TOE_EV_RETRIEVE);
	CHECK_EQ(rig_query().ka_probe_count, 2);
	CHECK_EQ(rig_query().ka_timeout_delta, 0);	/* the host decides, and at once */
	CHECK_EQ(rig_query().idle_time, 12000);
	rig_end();
}
