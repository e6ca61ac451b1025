/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_acks.c - the ACKs that the engine sends for data: when they are delayed and when they leave
 * at once, how many for how much, and the SACK and DSACK blocks in them.
 */
#include "tests/rig.h"

TEST(delayed_ack)	/* TMR-5 */
{
	rig_init();
	rig_start();
	rig_data(RIG_RCV, 100, TOE_PSH);
	CHECK_EQ(rig_out(), 0);
	CHECK_EQ(rig_deadline(), 40 * RIG_MS);
	CHECK_EQ(rig_tick(40 * RIG_MS), 1);
	CHECK_EQ(R.f[0].seg.ack, RIG_RCV + 100);
	CHECK_EQ(rig_deadline(), TOE_NO_DEADLINE);
	rig_data(RIG_RCV + 100, 100, 0);
	CHECK_EQ(rig_out(), 0);
	rig_data(RIG_RCV + 200, 100, 0);
	CHECK_EQ(rig_first_ack(), RIG_RCV + 300);
	rig_end();
}

TEST(one_ack_for_a_batch)
{
	uint32_t i;

	rig_init();
	rig_start();
	for (i = 0; i < 20; i++)
		rig_data(RIG_RCV + 1000 * i, 1000, 0);
	CHECK_EQ(rig_first_ack(), RIG_RCV + 20000);
	rig_end();
}

TEST(large_frame_counts_as_segments)	/* design 6.9 */
{
	struct toe_stats s;

	rig_init();
	R.params.ack_frequency = 4;
	rig_start();
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA, .len = 3000, .gso = 1000), TOE_RX_TAKEN);
	CHECK_EQ(rig_out(), 0);
	CHECK_EQ(IN(.seq = RIG_RCV + 3000, .ack = RIG_UNA, .len = 10), TOE_RX_TAKEN);
	CHECK_EQ(rig_first_ack(), RIG_RCV + 3010);
	toe_get_stats(R.t, &s);
	CHECK_EQ(s.tcp[0].in_segments, 4);
	CHECK_EQ(s.ip[0].in_octets, 3010 + 4 * 40);
	CHECK_EQ(s.payload_in, 3010);
	rig_end();
}

TEST(data_carries_the_ack)
{
	rig_init();
	rig_start();
	rig_data(RIG_RCV, 100, TOE_PSH);
	rig_send(10, 0);
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.f[0].seg.ack, RIG_RCV + 100);
	CHECK_EQ(rig_tick(40 * RIG_MS), 0);
	rig_end();
}

TEST(sack_blocks)	/* RFC 2018 */
{
	rig_init();
	R.k.flags = TOE_SACK;
	rig_start();
	rig_data(RIG_RCV + 1000, 500, 0);
	CHECK_EQ(rig_first_ack(), RIG_RCV);
	CHECK_EQ(R.f[0].seg.nsacks, 1);
	CHECK_EQ(R.f[0].seg.sacks[0].start, RIG_RCV + 1000);
	CHECK_EQ(R.f[0].seg.sacks[0].end, RIG_RCV + 1500);
	rig_data(RIG_RCV + 3000, 500, 0);
	CHECK_EQ(rig_first_ack(), RIG_RCV);
	CHECK_EQ(R.f[0].seg.nsacks, 2);
	CHECK_EQ(R.f[0].seg.sacks[0].start, RIG_RCV + 3000);
	CHECK_EQ(R.f[0].seg.sacks[1].start, RIG_RCV + 1000);
	rig_data(RIG_RCV, 1000, 0);	/* fills the gap: at once */
	CHECK_EQ(rig_first_ack(), RIG_RCV + 1500);
	CHECK_EQ(R.f[0].seg.nsacks, 1);
	rig_data(RIG_RCV + 1500, 100, 0);	/* a gap remains: at once */
	CHECK_EQ(rig_first_ack(), RIG_RCV + 1600);
	rig_end();
}

/*
 * What the host still holds from before the take-over makes a gap that it is about to fill: the
 * peer is not told of it, or it would send again what is not lost.
 */
TEST(takeover_gap_is_not_reported_at_once)
{
	rig_init();
	R.k.flags = TOE_SACK;
	R.cfg.takeover_grace = 10 * RIG_MS;
	rig_start();
	rig_data(RIG_RCV + 1000, 500, 0);
	CHECK_EQ(rig_out(), 0);
	rig_send(100, TOE_SEND_PUSH);
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.f[0].seg.nsacks, 0);	/* nor by data that leaves meanwhile */
	rig_data(RIG_RCV, 1000, 0);	/* the forward: acknowledged whole */
	CHECK_EQ(rig_first_ack(), RIG_RCV + 1500);
	CHECK_EQ(R.f[0].seg.nsacks, 0);
	rig_data(RIG_RCV + 2000, 500, 0);
	CHECK_EQ(rig_out(), 0);
	CHECK_EQ(rig_tick(10 * RIG_MS), 1);	/* nobody filled it: a loss like any other */
	CHECK_EQ(R.f[0].seg.nsacks, 1);
	rig_data(RIG_RCV + 3000, 500, 0);
	CHECK_EQ(rig_first_ack(), RIG_RCV + 1500);
	rig_end();
}

TEST(dsack)	/* RFC 2883 */
{
	rig_init();
	R.k.flags = TOE_SACK;
	rig_start();
	rig_data(RIG_RCV, 1000, 0);
	rig_out();
	rig_data(RIG_RCV, 500, 0);
	CHECK_EQ(rig_first_ack(), RIG_RCV + 1000);
	CHECK_EQ(R.f[0].seg.nsacks, 1);
	CHECK_EQ(R.f[0].seg.sacks[0].start, RIG_RCV);
	CHECK_EQ(R.f[0].seg.sacks[0].end, RIG_RCV + 500);
	rig_data(RIG_RCV + 2000, 500, 0);
	CHECK_EQ(rig_first_ack(), RIG_RCV + 1000);
	CHECK_EQ(R.f[0].seg.sacks[0].start, RIG_RCV + 2000);	/* reported once */
	rig_data(RIG_RCV + 2100, 100, 0);
	CHECK_EQ(rig_first_ack(), RIG_RCV + 1000);
	CHECK_EQ(R.f[0].seg.nsacks, 2);
	CHECK_EQ(R.f[0].seg.sacks[0].start, RIG_RCV + 2100);
	CHECK_EQ(R.f[0].seg.sacks[0].end, RIG_RCV + 2200);
	CHECK_EQ(R.f[0].seg.sacks[1].start, RIG_RCV + 2000);
	CHECK_EQ(R.f[0].seg.sacks[1].end, RIG_RCV + 2500);
	rig_end();
}

TEST(duplicate_acks_without_sack)
{
	rig_init();
	rig_start();
	rig_data(RIG_RCV + 1000, 500, 0);
	rig_data(RIG_RCV + 1500, 500, 0);
	rig_data(RIG_RCV + 2000, 500, 0);
	CHECK_EQ(rig_out(), 3);		/* the peer counts them */
	CHECK_EQ(R.f[2].seg.ack, RIG_RCV);
	CHECK_EQ(R.f[2].seg.nsacks, 0);
	rig_end();
}
