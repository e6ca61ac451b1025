/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_blind.c - RST and SYN that somebody may have guessed (BRA): which ones end the connection,
 * which are answered by an ACK, and the validation of the peer that follows.
 */
#include "tests/rig.h"

TEST(rst_in_sequence)	/* BRA-3, DIS-16 */
{
	struct rig_req *s, *d, *r;
	struct toe_stats st;

	rig_init();
	rig_start();
	s = rig_send(100, 0);
	d = rig_disconnect(0, TOE_DISC_GRACEFUL);
	r = rig_recv(100, 0);
	rig_data(RIG_RCV, 30, 0);
	CHECK_EQ(IN(.seq = RIG_RCV + 30, .flags = TOE_RST, .no_ack = true), TOE_RX_TAKEN);
	CHECK_EQ(rig_poll(), TOE_EV_ABORTED);
	CHECK_DONE(s, TOE_ABORTED, 0);
	CHECK_DONE(d, TOE_ABORTED, 0);
	CHECK_DONE(r, TOE_ABORTED, 30);
	CHECK_QUIET();
	CHECK_EQ(rig_out(), 0);
	CHECK_EQ(R.c->state, TOE_CLOSED);
	CHECK_EQ(IN(.seq = RIG_RCV + 30, .ack = RIG_UNA), TOE_RX_RAW);	/* DIS-18 */
	s = rig_send(1, 0);
	CHECK_DONE(s, TOE_ABORTED, 0);
	r = rig_recv(1, 0);
	CHECK_DONE(r, TOE_ABORTED, 0);
	toe_get_stats(R.t, &st);
	CHECK_EQ(st.tcp[0].reset_established, 1);
	CHECK_EQ(st.tcp[0].currently_established, 0);
	CHECK_EQ(st.tcp[0].out_resets, 0);
	rig_end();
}

TEST(rst_elsewhere)	/* BRA-2, BRA-4, BRA-8, BRA-13 */
{
	rig_init();
	rig_start();
	CHECK_EQ(IN(.seq = RIG_RCV - 1, .flags = TOE_RST, .no_ack = true), TOE_RX_TAKEN);
	CHECK_EQ(IN(.seq = RIG_RCV + 65535, .flags = TOE_RST, .no_ack = true), TOE_RX_TAKEN);
	CHECK_EQ(rig_out(), 0);
	CHECK_EQ(IN(.seq = RIG_RCV + 1, .flags = TOE_RST, .no_ack = true), TOE_RX_TAKEN);
	CHECK_EQ(rig_first_ack(), RIG_RCV);
	CHECK_EQ(IN(.seq = RIG_RCV + 2, .flags = TOE_RST, .no_ack = true), TOE_RX_TAKEN);
	CHECK_EQ(rig_out(), 0);		/* one in a validation period */
	CHECK_EQ(rig_deadline(), 300 * RIG_SEC);
	CHECK_EQ(rig_query().ka_timeout_delta, 300000);	/* BRA-12 */
	rig_ack(RIG_UNA);
	rig_out();
	CHECK_EQ(rig_deadline(), TOE_NO_DEADLINE);	/* mitigation had started it */
	CHECK_EQ(IN(.seq = RIG_RCV + 1, .flags = TOE_RST, .no_ack = true), TOE_RX_TAKEN);
	CHECK_EQ(rig_out(), 1);
	CHECK_QUIET();
	rig_end();
}

TEST(rst_with_the_number_of_the_fin)	/* as macOS sends it, and Linux takes it */
{
	rig_init();
	rig_start();
	CHECK_EQ(IN(.seq = RIG_RCV, .flags = TOE_ACK | TOE_FIN, .ack = RIG_UNA), TOE_RX_TAKEN);
	while (rig_poll() >= 0)
		;
	CHECK_EQ(R.c->state, TOE_CLOSE_WAIT);
	CHECK_EQ(IN(.seq = RIG_RCV - 1, .flags = TOE_RST, .no_ack = true), TOE_RX_TAKEN);
	CHECK_EQ(R.c->state, TOE_CLOSE_WAIT);
	CHECK_EQ(IN(.seq = RIG_RCV, .flags = TOE_RST, .no_ack = true), TOE_RX_TAKEN);
	CHECK_EQ(rig_poll(), TOE_EV_ABORTED);
	CHECK_EQ(R.c->state, TOE_CLOSED);
	rig_end();
}

TEST(rst_behind_a_gap)	/* RFC 5961 3, and what Linux adds: the end of what SACK has told */
{
	rig_init();
	R.k.flags |= TOE_SACK;
	rig_start();
	rig_data(RIG_RCV + 100, 10, 0);
	rig_data(RIG_RCV + 300, 10, 0);
	rig_out();
	CHECK_EQ(IN(.seq = RIG_RCV + 110, .flags = TOE_RST, .no_ack = true), TOE_RX_TAKEN);
	CHECK_EQ(rig_first_ack(), RIG_RCV);
	CHECK_EQ(IN(.seq = RIG_RCV + 310, .flags = TOE_RST, .no_ack = true), TOE_RX_TAKEN);
	CHECK_EQ(rig_poll(), TOE_EV_ABORTED);
	CHECK_EQ(R.c->state, TOE_CLOSED);
	rig_end();
}

TEST(validation_fails)	/* BRA-9 .. BRA-11 */
{
	unsigned i;

	rig_init();
	R.d.ka_probe_count = 3;		/* counts towards the limit */
	rig_start();
	CHECK_EQ(IN(.seq = RIG_RCV + 1, .flags = TOE_RST, .no_ack = true), TOE_RX_TAKEN);
	rig_out();
	for (i = 0; i < 7; i++) {
		CHECK_EQ(rig_tick(rig_deadline()), 1);
		CHECK_EQ(R.f[0].seg.seq, RIG_UNA - 1);
		CHECK_EQ(rig_deadline(), RIG_SEC);
	}
	rig_tick(RIG_SEC);
	CHECK_EQ(rig_poll(), TOE_EV_RETRIEVE);
	CHECK_EQ(R.c->state, TOE_CLOSED);
	rig_end();
}

TEST(validation_and_keepalive)	/* BRA-8 */
{
	rig_init();
	R.k2.flags = TOE_KEEPALIVE;
	R.k2.ka_timeout = 100000;
	rig_start();
	CHECK_EQ(IN(.seq = RIG_RCV + 1, .flags = TOE_RST, .no_ack = true), TOE_RX_TAKEN);
	rig_out();
	CHECK_EQ(rig_deadline(), 100 * RIG_SEC);	/* sooner: left alone */
	rig_end();
	rig_init();
	R.k2.flags = TOE_KEEPALIVE;
	R.k2.ka_timeout = 7200000;
	rig_start();
	CHECK_EQ(IN(.seq = RIG_RCV + 1, .flags = TOE_RST, .no_ack = true), TOE_RX_TAKEN);
	rig_out();
	CHECK_EQ(rig_deadline(), 300 * RIG_SEC);
	rig_ack(RIG_UNA);
	rig_out();
	CHECK_EQ(rig_deadline(), 7200 * RIG_SEC);	/* normal operation again */
	rig_end();
}

TEST(syn)	/* BRA-5 .. BRA-7, NSP-6 */
{
	rig_init();
	rig_start();
	CHECK_EQ(IN(.seq = RIG_RCV - 1, .ack = RIG_UNA, .flags = TOE_SYN), TOE_RX_TAKEN);
	CHECK_EQ(rig_first_ack(), RIG_RCV);	/* outside: just an ACK */
	CHECK_EQ(IN(.seq = RIG_RCV + 5, .ack = RIG_UNA, .flags = TOE_SYN), TOE_RX_TAKEN);
	CHECK_EQ(rig_first_ack(), RIG_RCV);
	CHECK_EQ(IN(.seq = RIG_RCV + 5, .ack = RIG_UNA, .flags = TOE_SYN), TOE_RX_TAKEN);
	CHECK_EQ(rig_out(), 0);
	R.now += 3 * RIG_SEC;
	CHECK_EQ(IN(.seq = RIG_RCV + 5, .ack = RIG_UNA, .flags = TOE_SYN), TOE_RX_TAKEN);
	CHECK_EQ(rig_out(), 1);
	CHECK_QUIET();
	CHECK_EQ(IN(.seq = RIG_RCV, .no_ack = true, .flags = TOE_SYN), TOE_RX_TAKEN);
	CHECK_EQ(rig_poll(), TOE_EV_RETRIEVE);
	CHECK_EQ(R.c->state, TOE_CLOSED);
	CHECK_EQ(rig_out(), 0);
	rig_end();
}
