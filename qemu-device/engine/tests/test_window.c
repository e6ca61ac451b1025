/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_window.c - the receive window that is offered: it follows what is held and what is taken,
 * never moves left, and grows when the host says so (UPD-7).
 */
#include "tests/rig.h"

TEST(window_follows_what_is_held)	/* DLV-14 */
{
	uint32_t seq = RIG_RCV, edge;

	rig_init();
	R.k2.initial_rcv_wnd = R.d.rcv_wnd = 20000;
	rig_start();
	while (seq - RIG_RCV < 20000) {
		rig_data(seq, 1000, 0);
		seq += 1000;
		rig_out();
	}
	CHECK(R.nf);
	CHECK_EQ(R.f[R.nf - 1].seg.wnd, 0);
	CHECK_EQ(R.f[R.nf - 1].seg.ack, seq);
	CHECK_INDICATED(RIG_RCV, 20000);
	CHECK_EQ(rig_out(), 0);
	rig_verdict(20000);
	CHECK_EQ(rig_out(), 1);		/* the window is told to be open */
	CHECK_EQ(R.f[0].seg.wnd, 20000);
	edge = R.f[0].seg.ack + R.f[0].seg.wnd;
	rig_data(seq, 1000, TOE_PSH);
	rig_data(seq + 1000, 1000, TOE_PSH);
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.f[0].seg.ack + R.f[0].seg.wnd, edge);
	rig_end();
}

TEST(edge_stays_while_it_is_held)	/* OP-D31: what is taken meanwhile opens nothing */
{
	uint32_t seq = RIG_RCV;

	rig_init();
	R.k2.initial_rcv_wnd = R.d.rcv_wnd = 20000;
	rig_start();
	toe_conn_hold_edge(R.c, true);
	for (; seq - RIG_RCV < 20000; seq += 5000) {
		rig_data(seq, 2500, 0);
		rig_data(seq + 2500, 2500, TOE_PSH);
		CHECK_INDICATED(seq, 5000);
		rig_verdict(5000);
		CHECK(rig_out());
		CHECK_EQ(R.f[R.nf - 1].seg.ack + R.f[R.nf - 1].seg.wnd, RIG_RCV + 20000);
	}
	CHECK_EQ(rig_query().rcv_wnd, 0);
	CHECK_EQ(rig_out(), 0);
	toe_conn_hold_edge(R.c, false);
	CHECK_EQ(rig_out(), 1);		/* the peer waits for nothing else */
	CHECK_EQ(R.f[0].seg.wnd, 20000);
	rig_end();
}

TEST(small_window_update_comes_late)	/* TMR-26 */
{
	rig_init();
	R.k2.initial_rcv_wnd = R.d.rcv_wnd = 20000;
	rig_start();
	rig_data(RIG_RCV, 19900, 0);
	rig_data(RIG_RCV + 19900, 100, 0);
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.f[0].seg.wnd, 0);
	CHECK_INDICATED(RIG_RCV, 20000);
	rig_verdict(500);
	CHECK_EQ(rig_out(), 0);		/* silly to tell */
	CHECK_EQ(rig_deadline(), 200 * RIG_MS);
	CHECK_EQ(rig_tick(200 * RIG_MS), 1);
	CHECK_EQ(R.f[0].seg.wnd, 500);
	CHECK_EQ(rig_deadline(), TOE_NO_DEADLINE);
	rig_end();
}

TEST(window_scaled_never_moves_left)
{
	uint32_t seq = RIG_RCV, edge = RIG_RCV + (512 << 7), i;
	struct test_rng rng = { 7 };

	rig_init();
	R.k.flags = TOE_WSCALE;
	R.k.rcv_wscale = 7;
	R.k2.initial_rcv_wnd = R.d.rcv_wnd = 512 << 7;
	rig_start();
	for (i = 0; i < 400; i++) {
		uint32_t left = edge - seq, n = 1 + test_below(&rng, 1400), k;

		n = n < left ? n : left;
		if (n)
			rig_data(seq, n, TOE_PSH);
		seq += n;
		rig_out();
		for (k = 0; k < R.nf; k++) {
			uint32_t e = R.f[k].seg.ack + ((uint32_t)R.f[k].seg.wnd << 7);

			CHECK(toe_seq_geq(e, edge));
			edge = e;
		}
		if (test_below(&rng, 5) == 0 && rig_poll() == TOE_EV_INDICATE)
			rig_verdict(R.ev.span_len[0] + R.ev.span_len[1]);
		rig_tick(50 * RIG_MS);
		for (k = 0; k < R.nf; k++) {
			CHECK(toe_seq_geq(R.f[k].seg.ack + ((uint32_t)R.f[k].seg.wnd << 7), edge));
			edge = R.f[k].seg.ack + ((uint32_t)R.f[k].seg.wnd << 7);
		}
	}
	rig_end();
}

TEST(update_grows_window_during_indication)	/* UPD-7 */
{
	const uint8_t *p;
	uint32_t i;

	rig_init();
	R.k2.initial_rcv_wnd = R.d.rcv_wnd = 20000;
	R.k.flags = TOE_WSCALE;
	R.k.rcv_wscale = 2;
	rig_start();
	rig_data(RIG_RCV, 1000, 0);
	CHECK_INDICATED(RIG_RCV, 1000);
	p = R.ev.span[0];
	R.k2.initial_rcv_wnd = 200000;
	R.k2.flags |= TOE_UPDATE_RCV_WND;
	CHECK_EQ(toe_conn_update(R.c, &R.k2, R.now), TOE_OK);
	CHECK_EQ(toe_conn_update(R.c, &R.k2, R.now), TOE_OK);
	for (i = 0; i < 1000; i++)
		CHECK_EQ(p[i], rig_byte(RIG_RCV + i));	/* still there */
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ((uint32_t)R.f[0].seg.wnd << 2, 199000);
	rig_verdict(0);
	rig_data(RIG_RCV + 1000, 1000, 0);
	rig_recv(0, 0);
	CHECK_EQ(rig_poll(), TOE_EV_RECV_DONE);
	CHECK_INDICATED(RIG_RCV, 2000);
	rig_verdict(2000);
	R.k2.initial_rcv_wnd = 10000;
	CHECK_EQ(toe_conn_update(R.c, &R.k2, R.now), TOE_OK);
	rig_out();
	/* never left */
	CHECK_EQ(R.f[0].seg.ack + ((uint32_t)R.f[0].seg.wnd << 2), RIG_RCV + 200000);
	rig_end();
}

TEST(update_does_not_take_an_owed_ack_away)	/* UPD-7, RFC-5 */
{
	rig_init();
	rig_start();
	rig_data(RIG_RCV, 100, TOE_FIN);
	R.k2.flags |= TOE_UPDATE_RCV_WND;
	CHECK_EQ(toe_conn_update(R.c, &R.k2, R.now), TOE_OK);
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.f[0].seg.ack, RIG_RCV + 101);
	CHECK_EQ(toe_conn_update(R.c, &R.k2, R.now), TOE_OK);
	CHECK_EQ(rig_out(), 0);			/* no window to tell of behind the FIN */
	rig_end();
}

TEST(update_without_a_window)		/* UPD-7 */
{
	rig_init();
	rig_start();
	R.k2.ttl = 9;
	R.k2.initial_rcv_wnd = 0;
	CHECK_EQ(toe_conn_update(R.c, &R.k2, R.now), TOE_OK);
	R.k2.initial_rcv_wnd = UINT32_MAX;
	CHECK_EQ(toe_conn_update(R.c, &R.k2, R.now), TOE_OK);
	CHECK_EQ(R.c->cached.ttl, 9);
	CHECK_EQ(R.c->rcv.wnd_limit, 65535);
	CHECK_EQ(rig_out(), 0);
	R.k2.flags |= TOE_UPDATE_RCV_WND;
	CHECK_EQ(toe_conn_update(R.c, &R.k2, R.now), TOE_BAD_WINDOW);
	R.k2.initial_rcv_wnd = 0;
	CHECK_EQ(toe_conn_update(R.c, &R.k2, R.now), TOE_BAD_FIELD);
	rig_end();
}

TEST(update_without_memory_changes_nothing)
{
	rig_init();
	rig_start();
	R.fail_alloc = 1;
	R.k2.initial_rcv_wnd = 500000;
	R.k2.flags |= TOE_UPDATE_RCV_WND;
	CHECK_EQ(toe_conn_update(R.c, &R.k2, R.now), TOE_NO_MEMORY);
	CHECK_EQ(R.c->rcv.wnd_limit, 65535);
	rig_end();
}
