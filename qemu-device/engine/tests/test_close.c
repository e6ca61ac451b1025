/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_close.c - the closing states: graceful and abortive disconnects, the peer's FIN in every
 * state, FIN_WAIT_2's timer, imports of half-closed connections, and the upload requests of
 * finished connections.
 */
#include "tests/rig.h"

#define FIN TOE_FIN

TEST(graceful_with_data)	/* DIS-3, DIS-5, DIS-6 */
{
	struct rig_req *s, *d;

	rig_init();
	rig_start();
	s = rig_send(100, 0);
	d = rig_disconnect(50, TOE_DISC_GRACEFUL);
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.f[0].seg.len, 150);
	CHECK(R.f[0].seg.flags & FIN);
	CHECK(R.f[0].seg.flags & TOE_PSH);
	CHECK_EQ(R.c->state, TOE_FIN_WAIT1);
	CHECK_EQ(rig_query().snd_max, RIG_UNA + 151);
	rig_ack(RIG_UNA + 150);
	CHECK_DONE(s, TOE_OK, 100);
	CHECK_QUIET();			/* the FIN counts (DIS-6) */
	CHECK_EQ(R.c->state, TOE_FIN_WAIT1);
	rig_ack(RIG_UNA + 151);
	CHECK_DONE(d, TOE_OK, 50);
	CHECK_EQ(R.c->state, TOE_FIN_WAIT2);
	rig_out();
	CHECK_EQ(rig_deadline(), 120 * RIG_SEC);	/* TMR-18 */
	rig_end();
}

TEST(half_close_goes_on_receiving)	/* DIS-4, DIS-15 */
{
	struct rig_req *r;

	rig_init();
	rig_start();
	rig_disconnect(0, TOE_DISC_GRACEFUL);
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.f[0].seg.flags, FIN | TOE_ACK);
	rig_ack(RIG_UNA + 1);
	CHECK_EQ(rig_poll(), TOE_EV_DISCONNECT_DONE);
	r = rig_recv(10, 0);
	R.now += 50 * RIG_SEC;
	rig_data(RIG_RCV, 10, 0);
	CHECK_DONE(r, TOE_OK, 10);
	rig_tick(40 * RIG_MS);
	CHECK_EQ(rig_deadline(), 120 * RIG_SEC - 40 * RIG_MS);	/* TMR-19 */
	rig_data(RIG_RCV + 10, 5, FIN);
	CHECK_EQ(R.c->state, TOE_TIME_WAIT);
	CHECK_EQ(rig_query().rexmit_timeout_delta, 0xffffffffu);	/* STA-16 */
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.f[0].seg.ack, RIG_RCV + 16);
	CHECK_EQ(rig_poll(), TOE_EV_RETRIEVE);	/* TRM-40 */
	CHECK_EQ(R.ev.info, 10);
	CHECK_INDICATED(RIG_RCV + 10, 5);	/* delivery ends all the same */
	rig_verdict(5);
	CHECK_EQ(rig_poll(), TOE_EV_PEER_CLOSED);
	CHECK_QUIET();
	CHECK_EQ(IN(.seq = RIG_RCV + 15, .ack = RIG_UNA + 1, .flags = FIN), TOE_RX_RAW);
	CHECK_EQ(rig_deadline(), TOE_NO_DEADLINE);
	rig_end();
}

TEST(fin_wait2_times_out)	/* TMR-20 */
{
	rig_init();
	R.d.state = TOE_FIN_WAIT2;
	R.d.rexmit_timeout_delta = 5000;	/* TMR-21 */
	rig_start();
	CHECK_EQ(rig_deadline(), 5 * RIG_SEC);
	rig_tick(5 * RIG_SEC);
	CHECK_EQ(rig_poll(), TOE_EV_RETRIEVE);
	CHECK_EQ(R.ev.info, 8);
	CHECK_EQ(R.c->state, TOE_CLOSED);
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA, .flags = FIN), TOE_RX_RAW);
	rig_end();
}

TEST(peer_closes_first)
{
	struct rig_req *s, *d;

	rig_init();
	rig_start();
	rig_data(RIG_RCV, 0, FIN);
	CHECK_EQ(R.c->state, TOE_CLOSE_WAIT);
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.f[0].seg.ack, RIG_RCV + 1);
	CHECK_EQ(rig_poll(), TOE_EV_PEER_CLOSED);
	s = rig_send(100, 0);		/* sends go on */
	CHECK_EQ(rig_out(), 1);
	rig_ack(RIG_UNA + 100);
	CHECK_DONE(s, TOE_OK, 100);
	d = rig_disconnect(0, TOE_DISC_GRACEFUL);
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.c->state, TOE_LAST_ACK);
	rig_ack(RIG_UNA + 101);
	CHECK_DONE(d, TOE_OK, 0);
	CHECK_EQ(R.c->state, TOE_CLOSED);
	CHECK_EQ(rig_poll(), TOE_EV_RETRIEVE);
	CHECK_EQ(R.ev.info, 10);
	CHECK_QUIET();
	CHECK_EQ(IN(.seq = RIG_RCV + 1, .ack = RIG_UNA + 101), TOE_RX_RAW);
	rig_end();
}

TEST(simultaneous_close)
{
	rig_init();
	rig_start();
	rig_disconnect(0, TOE_DISC_GRACEFUL);
	rig_out();
	rig_data(RIG_RCV, 0, FIN);
	CHECK_EQ(R.c->state, TOE_CLOSING);
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.f[0].seg.ack, RIG_RCV + 1);
	CHECK_EQ(R.f[0].seg.seq, RIG_UNA + 1);
	rig_ack(RIG_UNA + 1);
	CHECK_EQ(R.c->state, TOE_TIME_WAIT);
	CHECK_EQ(rig_poll(), TOE_EV_PEER_CLOSED);
	CHECK_EQ(rig_poll(), TOE_EV_DISCONNECT_DONE);
	CHECK_EQ(rig_poll(), TOE_EV_RETRIEVE);
	CHECK_QUIET();
	rig_end();
}

TEST(fin_acks_fin)
{
	rig_init();
	rig_start();
	rig_disconnect(0, TOE_DISC_GRACEFUL);
	rig_out();
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA + 1, .flags = FIN), TOE_RX_TAKEN);
	CHECK_EQ(R.c->state, TOE_TIME_WAIT);
	CHECK_EQ(rig_out(), 1);
	rig_end();
}

TEST(fin_is_retransmitted)
{
	rig_init();
	rig_start();
	rig_send(10, 0);
	rig_out();
	rig_disconnect(0, TOE_DISC_GRACEFUL);
	rig_out();
	rig_ack(RIG_UNA + 10);
	CHECK_EQ(rig_tick(rig_deadline()), 1);
	CHECK_EQ(R.f[0].seg.seq, RIG_UNA + 10);
	CHECK_EQ(R.f[0].seg.len, 0);
	CHECK(R.f[0].seg.flags & FIN);
	CHECK_EQ(R.c->state, TOE_FIN_WAIT1);
	rig_end();
}

TEST(lost_data_and_fin_go_again_together)
{
	rig_init();
	rig_start();
	rig_send(10, 0);
	rig_disconnect(20, TOE_DISC_GRACEFUL);
	rig_out();
	CHECK_EQ(rig_tick(rig_deadline()), 1);
	CHECK_EQ(R.f[0].seg.seq, RIG_UNA);
	CHECK_EQ(R.f[0].seg.len, 30);
	CHECK(R.f[0].seg.flags & FIN);
	rig_end();
}

TEST(fin_waits_for_window)
{
	rig_init();
	R.d.snd_wnd = 10;
	R.d.max_snd_wnd = 10;
	rig_start();
	rig_send(10, 0);
	rig_disconnect(0, TOE_DISC_GRACEFUL);
	CHECK_EQ(rig_out(), 1);
	CHECK(!(R.f[0].seg.flags & FIN));
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA + 10, .wnd = -1), TOE_RX_TAKEN);
	CHECK_EQ(rig_out(), 0);
	CHECK_EQ(rig_tick(rig_deadline()), 1);	/* a probe, and nothing more */
	CHECK(!(R.f[0].seg.flags & FIN));
	CHECK_EQ(R.c->state, TOE_ESTABLISHED);
	rig_ack(RIG_UNA + 10);
	CHECK_EQ(rig_out(), 1);
	CHECK(R.f[0].seg.flags & FIN);
	CHECK_EQ(R.c->state, TOE_FIN_WAIT1);
	rig_ack(RIG_UNA + 11);
	CHECK_EQ(R.c->state, TOE_FIN_WAIT2);
	rig_end();
}

TEST(nothing_follows_a_disconnect)
{
	struct rig_req *s, *d;

	rig_init();
	rig_start();
	rig_disconnect(0, TOE_DISC_GRACEFUL);
	s = rig_send(10, 0);
	CHECK_DONE(s, TOE_BAD_STATE, 0);
	d = rig_disconnect(0, TOE_DISC_GRACEFUL);
	CHECK_DONE(d, TOE_BAD_STATE, 0);
	d = rig_disconnect(5, TOE_DISC_ABORTIVE);
	CHECK_DONE(d, TOE_BAD_FIELD, 0);	/* it holds no data (DIS-8) */
	d = rig_disconnect(0, 0);
	CHECK_DONE(d, TOE_BAD_FIELD, 0);
	d = rig_disconnect(0, TOE_DISC_ABORTIVE | TOE_DISC_GRACEFUL);
	CHECK_DONE(d, TOE_BAD_FIELD, 0);
	rig_end();
}

TEST(abortive)	/* DIS-8 .. DIS-11 */
{
	struct rig_req *s, *d, *r, *late;
	struct toe_stats st;

	rig_init();
	rig_start();
	s = rig_send(100, 0);
	rig_out();
	rig_data(RIG_RCV, 10, 0);
	CHECK_INDICATED(RIG_RCV, 10);
	r = rig_recv(10, 0);
	d = rig_disconnect(0, TOE_DISC_ABORTIVE);
	CHECK_DONE(s, TOE_ABORTED, 0);
	CHECK_DONE(r, TOE_ABORTED, 0);
	CHECK_QUIET();			/* SUCCESS means that the RST has left */
	R.blocked = true;
	CHECK_EQ(rig_out(), 0);
	CHECK_QUIET();
	R.blocked = false;
	toe_writable(R.t, 0);
	CHECK_EQ(rig_out(), 1);
	CHECK(R.f[0].seg.flags & TOE_RST);
	CHECK_EQ(R.f[0].seg.seq, RIG_UNA + 100);
	CHECK_EQ(R.f[0].seg.ack, RIG_RCV);	/* nothing is acknowledged any more */
	CHECK_DONE(d, TOE_OK, 0);
	CHECK_QUIET();
	CHECK_EQ(R.c->state, TOE_CLOSED);
	late = rig_disconnect(0, TOE_DISC_ABORTIVE);
	CHECK_DONE(late, TOE_ABORTED, 0);
	CHECK_EQ(rig_out(), 0);
	rig_verdict(10);
	toe_get_stats(R.t, &st);
	CHECK_EQ(st.tcp[0].out_resets, 1);
	CHECK_EQ(st.tcp[0].reset_established, 1);
	rig_end();
}

TEST(abortive_over_invalid_path)
{
	struct rig_req *d;

	rig_init();
	rig_start();
	toe_path_invalidate(R.p, R.now);
	CHECK_EQ(rig_poll(), TOE_EV_RETRIEVE);
	d = rig_disconnect(0, TOE_DISC_ABORTIVE);
	CHECK_DONE(d, TOE_ABORTED, 0);
	CHECK_EQ(rig_out(), 0);
	rig_end();
}

TEST(imported_half_closed)	/* OSD-15 */
{
	static const struct {
		enum toe_tcp_state from, to;
	} cases[] = {
		{TOE_FIN_WAIT1, TOE_FIN_WAIT2},
		{TOE_CLOSING, TOE_TIME_WAIT},
		{TOE_LAST_ACK, TOE_CLOSED},
	};
	unsigned i;

	for (i = 0; i < 3; i++) {
		struct rig_req *s;

		rig_init();
		R.d.state = cases[i].from;
		R.d.snd_nxt = R.d.snd_max = RIG_UNA + 101;
		R.d.rexmit_timeout_delta = 10;
		rig_create();
		CHECK_EQ(rig_import(), TOE_OK);
		s = rig_import_send(100, 0);
		rig_begin();
		CHECK_EQ(rig_out(), 0);
		CHECK_EQ(rig_tick(10 * RIG_MS), 1);
		CHECK_EQ(R.f[0].seg.len, 100);
		CHECK(R.f[0].seg.flags & FIN);	/* whoever owns the connection retransmits it */
		rig_ack(RIG_UNA + 100);
		CHECK_DONE(s, TOE_OK, 100);
		CHECK_EQ(R.c->state, cases[i].from);
		rig_ack(RIG_UNA + 101);
		CHECK_EQ(R.c->state, cases[i].to);
		s = rig_send(1, 0);
		rig_out();
		while (rig_poll() >= 0)
			;
		CHECK(s->r.status != TOE_OK);
		rig_end();
	}
}

TEST(imported_with_fin_to_resend)
{
	rig_init();
	R.d.state = TOE_FIN_WAIT1;
	R.d.snd_nxt = RIG_UNA;
	R.d.snd_max = RIG_UNA + 1;
	rig_start();
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.f[0].seg.seq, RIG_UNA);
	CHECK(R.f[0].seg.flags & FIN);
	rig_end();
}

TEST(fin_out_of_order)
{
	rig_init();
	rig_start();
	rig_data(RIG_RCV + 100, 50, FIN);
	CHECK_EQ(R.c->state, TOE_ESTABLISHED);
	rig_data(RIG_RCV + 150, 50, 0);		/* nothing can follow a FIN */
	rig_data(RIG_RCV, 100, 0);
	CHECK_EQ(R.c->state, TOE_CLOSE_WAIT);
	CHECK_EQ(R.c->rcv.nxt, RIG_RCV + 151);
	CHECK_INDICATED(RIG_RCV, 150);
	rig_verdict(150);
	CHECK_EQ(rig_poll(), TOE_EV_PEER_CLOSED);
	rig_end();
}

TEST(fin_before_known_data_is_none)
{
	rig_init();
	rig_start();
	rig_data(RIG_RCV + 100, 50, 0);
	rig_data(RIG_RCV, 50, FIN);
	CHECK_EQ(R.c->state, TOE_ESTABLISHED);
	CHECK_EQ(R.c->rcv.nxt, RIG_RCV + 50);
	rig_data(RIG_RCV + 50, 50, 0);
	CHECK_EQ(R.c->rcv.nxt, RIG_RCV + 150);
	rig_end();
}

TEST(fin_again)
{
	rig_init();
	rig_start();
	rig_data(RIG_RCV, 10, FIN);
	rig_out();
	rig_data(RIG_RCV, 10, FIN);		/* our ACK was lost */
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.f[0].seg.ack, RIG_RCV + 11);
	CHECK_EQ(R.c->state, TOE_CLOSE_WAIT);
	rig_end();
}

/* an RST or a timeout takes away the state that told of them */
TEST(fins_of_a_closed_connection)
{
	struct toe_tcp_delegated d;

	rig_init();
	rig_start();
	rig_data(RIG_RCV, 10, FIN);
	d = rig_query();
	CHECK(d.fin_received && !d.fin_sent);
	CHECK_EQ(IN(.seq = RIG_RCV + 11, .flags = TOE_RST), TOE_RX_TAKEN);
	CHECK_EQ(R.c->state, TOE_CLOSED);
	d = rig_query();
	CHECK(d.fin_received && !d.fin_sent);
	CHECK_EQ(d.rcv_nxt, RIG_RCV + 11);
	CHECK_EQ(d.receive_backlog_size, 10);
	rig_end();

	rig_init();
	rig_start();
	rig_data(RIG_RCV, 10, 0);
	CHECK_EQ(IN(.seq = RIG_RCV + 10, .flags = TOE_RST), TOE_RX_TAKEN);
	d = rig_query();
	CHECK(!d.fin_received && !d.fin_sent);
	rig_end();

	rig_init();
	rig_start();
	rig_disconnect(5, TOE_DISC_GRACEFUL);
	CHECK(!rig_query().fin_sent);		/* wanted, not sent */
	rig_out();
	CHECK(rig_query().fin_sent);
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA + 6, .flags = TOE_RST), TOE_RX_TAKEN);
	d = rig_query();
	CHECK(!d.fin_received && d.fin_sent);
	CHECK_EQ(d.snd_max, RIG_UNA + 6);
	rig_end();
}

TEST(rst_while_closing)
{
	static const enum toe_tcp_state states[] = {
		TOE_FIN_WAIT1, TOE_FIN_WAIT2, TOE_CLOSE_WAIT, TOE_CLOSING, TOE_LAST_ACK,
	};
	unsigned i;

	for (i = 0; i < 5; i++) {
		rig_init();
		R.d.state = states[i];
		if (states[i] != TOE_FIN_WAIT2 && states[i] != TOE_CLOSE_WAIT)
			R.d.snd_nxt = R.d.snd_max = RIG_UNA + 1;
		rig_start();
		CHECK_EQ(IN(.seq = RIG_RCV, .flags = TOE_RST), TOE_RX_TAKEN);
		CHECK_EQ(rig_poll(), TOE_EV_ABORTED);
		CHECK_QUIET();
		CHECK_EQ(R.c->state, TOE_CLOSED);
		rig_end();
	}
}
