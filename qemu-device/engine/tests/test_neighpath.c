/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_neighpath.c - neighbors and paths below a connection: the neighbor's age and the question to
 * the host about it, a new MAC, a path moved to another neighbor, and invalidated objects.
 */
#include "tests/rig.h"

TEST(neighbor_question)	/* NCE-5, NCE-6, NCE-9, NCE-12 */
{
	struct toe_neigh_state s;

	rig_init();
	R.params.nce_stale_ticks = 1000;
	R.ns.hrd = R.ns.nrd = 600;
	rig_start();
	R.now += 300 * RIG_MS;
	rig_send(10, 0);
	rig_out();
	CHECK_QUIET();
	rig_ack(RIG_UNA + 10);
	CHECK_EQ(rig_poll(), TOE_EV_SEND_DONE);
	toe_neigh_query(R.n, &s, R.now);
	CHECK_EQ(s.nrd, 0);		/* forward progress (NCE-4) */
	CHECK_EQ(s.hrd, 900);
	R.now += 1001 * RIG_MS;
	rig_send(10, 0);
	CHECK_EQ(rig_out(), 1);		/* sent regardless */
	CHECK_EQ(rig_poll(), TOE_EV_NCE);
	CHECK_EQ(R.ev.cookie, 55);
	CHECK_EQ(R.ev.info, 1001);
	CHECK_EQ(R.ev.info2, 1901);
	CHECK_QUIET();
	R.now += 10 * RIG_MS;
	rig_send(10, 0);
	rig_out();
	CHECK_QUIET();			/* as if answered by 0 */
	toe_neigh_answer(R.n, 990, R.now);
	R.now += 20 * RIG_MS;
	rig_send(10, 0);
	rig_out();
	CHECK_EQ(rig_poll(), TOE_EV_NCE);
	rig_end();
}

TEST(neighbor_ages_are_modular)	/* NCE-2 */
{
	struct toe_neigh_state s;

	rig_init();
	R.now = 5 * RIG_MS;
	R.ns.hrd = 100;
	R.ns.nrd = 200;
	rig_start();
	R.now += 10 * RIG_MS;
	toe_neigh_query(R.n, &s, R.now);
	CHECK_EQ(s.hrd, 110);
	CHECK_EQ(s.nrd, 210);
	rig_end();
}

TEST(data_beyond_the_old_edge_is_progress)	/* NCE-4 */
{
	struct toe_neigh_state s;
	uint32_t seq = RIG_RCV;

	rig_init();
	R.k2.initial_rcv_wnd = R.d.rcv_wnd = 10000;
	R.ns.nrd = 500;
	rig_start();
	rig_recv(60000, TOE_RECV_NONPUSH);
	for (; seq < RIG_RCV + 10000; seq += 1000) {
		rig_data(seq, 1000, 0);
		rig_out();
	}
	toe_neigh_query(R.n, &s, R.now);
	CHECK_EQ(s.nrd, 500);
	rig_data(seq, 1000, 0);		/* only an ACK of ours can have allowed that */
	toe_neigh_query(R.n, &s, R.now);
	CHECK_EQ(s.nrd, 0);
	rig_end();
}

TEST(new_mac_is_used)	/* UPD-4 */
{
	static const uint8_t mac[6] = { 2, 9, 9, 9, 9, 9 };

	rig_init();
	rig_start();
	toe_neigh_update(R.n, mac, 0, R.now);
	rig_send(10, 0);
	rig_out();
	CHECK(!memcmp(R.f[0].seg.dst_mac, mac, 6));
	rig_end();
}

TEST(relink)	/* UPD-13 */
{
	struct toe_neigh_state s;
	struct toe_neigh *n;

	rig_init();
	rig_start();
	s = R.ns;
	s.dst_mac[5] = 77;
	CHECK_EQ(toe_neigh_create(R.t, &s, 56, R.now, &n), TOE_OK);
	CHECK_EQ(toe_neigh_destroy(R.n), TOE_IN_USE);
	toe_path_relink(R.p, n);
	CHECK_EQ(toe_neigh_destroy(R.n), TOE_OK);
	rig_send(10, 0);
	rig_out();
	CHECK_EQ(R.f[0].seg.dst_mac[5], 77);
	rig_end();
}

TEST(invalid_objects_stop_output)	/* INV-4 .. INV-7 */
{
	int which;

	for (which = 0; which < 3; which++) {
		rig_init();
		rig_start();
		rig_send(100, 0);
		rig_out();
		rig_send(100, 0);
		rig_data(RIG_RCV, 10, 0);
		if (which == 0)
			toe_conn_invalidate(R.c, R.now);
		else if (which == 1)
			toe_path_invalidate(R.p, R.now);
		else
			toe_neigh_invalidate(R.n, R.now);
		CHECK_EQ(rig_out(), 0);
		CHECK_EQ(rig_poll(), TOE_EV_RETRIEVE);
		CHECK_EQ(R.ev.info, 9);
		CHECK_QUIET();
		CHECK_EQ(IN(.seq = RIG_RCV + 10, .ack = RIG_UNA), TOE_RX_RAW);
		CHECK_EQ(rig_tick(100 * RIG_SEC), 0);
		toe_conn_stop(R.c, TOE_STOP_RETURN, R.now);
		CHECK_EQ(rig_out(), 0);
		CHECK(toe_conn_stopped(R.c));
		rig_end();
	}
}
