/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_timer.c - the timers of a connection that may not, or need not, send: persist and its
 * probes, keepalive, what an update restarts, the first data after an idle time.
 */
#include "tests/rig.h"

/* ------------------------------------------------------------------ persist */

static void zero_window(uint32_t ack)
{
	CHECK_EQ(IN(.seq = R.c->rcv.nxt, .ack = ack, .wnd = -1), TOE_RX_TAKEN);
}

/* TMR-14: RTO | probe, RTO | probe, 2 RTO | probe, 4 RTO | zero-window ACK, 2 RTO | probe, RTO */
TEST(persist_sequence)
{
	const uint64_t rto = 210 * RIG_MS;

	rig_init();
	R.d.snd_wnd = 0;
	rig_start();
	rig_send(3000, 0);
	CHECK_EQ(rig_out(), 0);
	CHECK_EQ(rig_deadline(), rto);
	CHECK_EQ(rig_query().snd_wnd_probe_count, 0);
	CHECK_EQ(rig_tick(rto), 1);
	CHECK_EQ(R.f[0].seg.seq, RIG_UNA - 1);
	CHECK_EQ(R.f[0].seg.len, 0);
	CHECK_EQ(rig_query().snd_max, RIG_UNA);
	CHECK_EQ(rig_query().rexmit_count, 1);
	CHECK_EQ(rig_deadline(), rto);
	CHECK_EQ(rig_tick(rto), 1);
	CHECK_EQ(rig_deadline(), 2 * rto);
	CHECK_EQ(rig_tick(2 * rto), 1);
	CHECK_EQ(rig_deadline(), 4 * rto);
	CHECK_EQ(rig_query().rexmit_count, 3);
	zero_window(RIG_UNA);
	CHECK_EQ(rig_out(), 0);
	CHECK_EQ(rig_query().snd_wnd_probe_count, 1);
	CHECK_EQ(rig_query().rexmit_count, 0);
	CHECK_EQ(rig_deadline(), 2 * rto);
	CHECK_EQ(rig_tick(2 * rto), 1);
	CHECK_EQ(rig_deadline(), rto);
	rig_ack(RIG_UNA);		/* TMR-15 */
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.f[0].seg.seq, RIG_UNA);
	CHECK_EQ(R.f[0].seg.len, 3000);
	rig_ack(RIG_UNA + 3000);
	CHECK_EQ(rig_poll(), TOE_EV_SEND_DONE);
	CHECK_EQ(rig_query().rexmit_timeout_delta, 0xffffffffu);
	rig_end();
}

TEST(persist_is_taken_over)	/* TMR-17, TMR-28 */
{
	rig_init();
	R.d.snd_wnd = 0;
	R.d.snd_wnd_probe_count = 2;
	R.d.rexmit_count = 1;
	R.d.rexmit_timeout_delta = 77;
	rig_create();
	CHECK_EQ(rig_import(), TOE_OK);
	rig_import_send(10, 0);
	rig_begin();
	CHECK_EQ(rig_deadline(), 77 * RIG_MS);
	CHECK_EQ(rig_tick(77 * RIG_MS), 1);
	CHECK_EQ(rig_deadline(), 420 * RIG_MS);
	CHECK_EQ(rig_query().snd_wnd_probe_count, 2);
	CHECK_EQ(rig_query().rexmit_count, 2);
	rig_end();
}

TEST(persist_gives_up)	/* TMR-16 */
{
	unsigned n = 0;

	rig_init();
	R.d.snd_wnd = 0;
	rig_start();
	rig_send(10, 0);
	rig_out();
	while (rig_poll() != TOE_EV_RETRIEVE) {
		CHECK(n++ < 20);
		rig_tick(rig_deadline());
	}
	CHECK_EQ(R.ev.info, 8);
	CHECK_EQ(n, 7);			/* six probes, one more than the limit, and the end */
	rig_end();
}

TEST(zero_window_with_data_in_flight)
{
	rig_init();
	R.cfg.max_gso = 0;
	rig_start();
	rig_send(4 * RIG_MSS, 0);
	rig_out();
	zero_window(RIG_UNA + RIG_MSS);
	CHECK_EQ(rig_out(), 0);
	CHECK_EQ(rig_tick(rig_deadline()), 1);
	CHECK_EQ(R.f[0].seg.seq, RIG_UNA + RIG_MSS - 1);
	CHECK_EQ(R.f[0].seg.len, 0);
	rig_ack(RIG_UNA + RIG_MSS);
	CHECK_EQ(rig_out(), 3);
	CHECK_EQ(R.f[0].seg.seq, RIG_UNA + RIG_MSS);
	rig_end();
}

TEST(peers_data_does_not_put_probes_off)
{
	uint32_t i;

	rig_init();
	R.d.snd_wnd = 0;
	rig_start();
	rig_recv(60000, TOE_RECV_NONPUSH);
	rig_send(10, 0);
	rig_out();
	for (i = 0; i < 20; i++) {
		CHECK_EQ(IN(.seq = RIG_RCV + 100 * i, .ack = RIG_UNA, .len = 100, .wnd = -1),
			 TOE_RX_TAKEN);
		rig_out();
	}
	CHECK_EQ(rig_query().snd_wnd_probe_count, 0);
	CHECK_EQ(rig_query().rexmit_timeout_delta, 210);
	rig_end();
}

TEST(acks_stay_acceptable_after_a_probe)
{
	rig_init();
	R.d.snd_wnd = 0;
	rig_start();
	rig_send(10, 0);
	rig_out();
	rig_tick(rig_deadline());
	rig_data(RIG_RCV, 10, TOE_PSH);
	rig_data(RIG_RCV + 10, 10, TOE_PSH);
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.f[0].seg.seq, RIG_UNA);	/* the peer's window ends there */
	rig_end();
}

/* ------------------------------------------------------------------ keepalive, idle */

TEST(keepalive)	/* TMR-22 */
{
	unsigned i;

	rig_init();
	R.k2.flags = TOE_KEEPALIVE;
	R.k2.ka_timeout = 10000;
	R.k2.ka_interval = 1000;
	R.k2.ka_probe_count = 3;
	rig_start();
	CHECK_EQ(rig_deadline(), 10 * RIG_SEC);
	R.now += 4 * RIG_SEC;
	rig_ack(RIG_UNA);		/* the peer lives */
	rig_out();
	CHECK_EQ(rig_deadline(), 10 * RIG_SEC);
	for (i = 0; i < 3; i++) {
		CHECK_EQ(rig_tick(rig_deadline()), 1);
		CHECK_EQ(R.f[0].seg.seq, RIG_UNA - 1);
		CHECK_EQ(R.f[0].seg.len, 0);
		CHECK_EQ(rig_deadline(), RIG_SEC);
	}
	CHECK_EQ(rig_query().ka_probe_count, 3);
	CHECK_EQ(rig_tick(RIG_SEC), 0);
	CHECK_EQ(rig_poll(), TOE_EV_RETRIEVE);
	CHECK_EQ(R.ev.info, 8);
	rig_end();
}

TEST(keepalive_is_taken_over)	/* TMR-23 */
{
	rig_init();
	R.k2.flags = TOE_KEEPALIVE;
	R.k2.ka_timeout = 10000;
	R.k2.ka_interval = 1000;
	R.k2.ka_probe_count = 3;
	R.d.ka_probe_count = 2;
	R.d.ka_timeout_delta = 300;
	rig_start();
	CHECK_EQ(rig_tick(300 * RIG_MS), 1);
	CHECK_EQ(rig_tick(RIG_SEC), 0);
	CHECK_EQ(rig_poll(), TOE_EV_RETRIEVE);
	rig_end();
}

TEST(update_restarts_timers)	/* UPD-8 .. UPD-11 */
{
	rig_init();
	R.k2.flags = TOE_KEEPALIVE;
	R.k2.ka_timeout = 10000;
	R.d.ka_probe_count = 2;
	rig_start();
	R.now += 5 * RIG_SEC;
	R.k2.flags = TOE_KEEPALIVE | TOE_KA_RESTART;
	R.k2.ka_timeout = 20000;
	CHECK_EQ(toe_conn_update(R.c, &R.k2, R.now), TOE_OK);
	rig_out();
	CHECK_EQ(rig_deadline(), 20 * RIG_SEC);
	CHECK_EQ(rig_query().ka_probe_count, 0);
	R.k2.flags = 0;
	CHECK_EQ(toe_conn_update(R.c, &R.k2, R.now), TOE_OK);
	rig_out();
	CHECK_EQ(rig_deadline(), TOE_NO_DEADLINE);
	rig_send(10, 0);
	rig_out();
	rig_tick(rig_deadline());
	rig_tick(rig_deadline());
	CHECK(rig_query().total_rt);
	R.k2.flags = TOE_MAXRT_RESTART;
	CHECK_EQ(toe_conn_update(R.c, &R.k2, R.now), TOE_OK);
	CHECK_EQ(rig_query().total_rt, 0);
	rig_end();
}

TEST(restart_after_idle)	/* RFC 5681 4.1 */
{
	rig_init();
	rig_start();
	R.now += 10 * RIG_SEC;
	rig_send(60000, 0);
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.f[0].seg.len, 10 * RIG_MSS);
	rig_end();
}
