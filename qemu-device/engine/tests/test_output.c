/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_output.c - what is sent: segmentation and large frames, PSH, IP IDs, options and tags, the
 * path's MTU, a busy backend; and what Nagle, SWS or cwnd hold back.
 */
#include "tests/rig.h"

#define MSS RIG_MSS

/* ------------------------------------------------------------------ frames */

TEST(small_send)
{
	struct rig_req *q;

	rig_init();
	rig_start();
	q = rig_send(100, 0);
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.f[0].seg.seq, RIG_UNA);
	CHECK_EQ(R.f[0].seg.ack, RIG_RCV);
	CHECK_EQ(R.f[0].seg.len, 100);
	CHECK_EQ(R.f[0].seg.flags, TOE_ACK | TOE_PSH);
	CHECK_EQ(R.f[0].gso, 0);
	CHECK(!memcmp(R.f[0].seg.dst_mac, R.ns.dst_mac, 6));
	CHECK(!memcmp(R.f[0].seg.src_mac, R.cfg.mac, 6));
	CHECK(!R.f[0].seg.tagged);
	CHECK_QUIET();			/* sent is not done (trap 1) */
	R.now += 7 * RIG_MS;
	rig_ack(RIG_UNA + 100);
	CHECK_DONE(q, TOE_OK, 100);
	CHECK_EQ(R.ev.seq, RIG_UNA + 100);
	CHECK_EQ(R.ev.cwnd, 100 * MSS);
	CHECK(R.ev.srtt_us);
	rig_end();
}

TEST(large_frame)
{
	rig_init();
	rig_start();
	rig_send(10 * MSS + 7, 0);
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.f[0].seg.len, 10 * MSS + 7);
	CHECK_EQ(R.f[0].gso, MSS);
	CHECK_EQ(R.f[0].ip_id, 0x8000);
	CHECK_EQ(rig_stats().tcp[0].out_segments, 11);
	CHECK_EQ(rig_stats().ip[0].out_requests, 11);
	CHECK_EQ(rig_stats().ip[0].out_octets, 10 * MSS + 7 + 11 * 40);
	rig_send(1, 0);
	rig_ack(RIG_UNA + 10 * MSS + 7);
	rig_out();
	CHECK_EQ(R.f[0].ip_id, 0x800b);	/* one ID for each segment */
	rig_end();
}

TEST(without_large_frames)
{
	unsigned i;

	rig_init();
	R.cfg.max_gso = 0;
	rig_start();
	rig_send(3 * MSS + 7, 0);
	CHECK_EQ(rig_out(), 4);
	for (i = 0; i < 3; i++) {
		CHECK_EQ(R.f[i].seg.len, MSS);
		CHECK(!(R.f[i].seg.flags & TOE_PSH));
		CHECK_EQ(R.f[i].ip_id, 0x8000 + i);
	}
	CHECK_EQ(R.f[3].seg.len, 7);
	CHECK(R.f[3].seg.flags & TOE_PSH);
	rig_end();
}

TEST(ip_ids_stay_in_upper_half)	/* SND-19, design 6.8 */
{
	rig_init();
	R.cfg.ip_id_start = 0xfffd;
	rig_start();
	rig_send(4 * MSS, 0);		/* four IDs do not fit before 0xffff: jump */
	rig_out();
	CHECK_EQ(R.f[0].ip_id, 0x8000);
	rig_end();
	rig_init();
	R.cfg.ip_id_start = 0xfffd;
	rig_start();
	rig_send(3 * MSS, 0);
	rig_out();
	CHECK_EQ(R.f[0].ip_id, 0xfffd);
	rig_send(1, 0);
	rig_out();
	CHECK_EQ(R.f[0].ip_id, 0x8000);
	rig_end();
}

TEST(push_ends_a_frame)	/* design 6.9 */
{
	rig_init();
	rig_start();
	rig_send(2000, 0);
	rig_send(2000, TOE_SEND_PUSH);
	rig_send(100, 0);
	CHECK_EQ(rig_out(), 2);
	CHECK_EQ(R.f[0].seg.len, 4000);
	CHECK_EQ(R.f[0].npieces, 2);
	CHECK(R.f[0].seg.flags & TOE_PSH);
	CHECK_EQ(R.f[1].seg.len, 100);
	CHECK(R.f[1].seg.flags & TOE_PSH);
	rig_end();
}

TEST(pieces_limit_cuts_to_whole_segments)
{
	unsigned i;

	rig_init();
	R.cfg.max_sends = 200;
	rig_start();
	for (i = 0; i < 100; i++)
		rig_send(100, 0);
	rig_out();
	CHECK_EQ(R.f[0].seg.len, 4 * MSS);	/* 64 pieces are 6400 bytes */
	CHECK_EQ(R.f[0].npieces, 59);
	CHECK_EQ(R.f[1].seg.seq, RIG_UNA + 4 * MSS);
	CHECK_EQ(R.nf, 2);
	CHECK_EQ(R.f[1].seg.len, 10000 - 4 * MSS);
	rig_end();
}

TEST(options_and_header_fields)
{
	rig_init();
	R.k.flags = TOE_TIMESTAMPS | TOE_SACK | TOE_WSCALE;
	R.k.rcv_wscale = 3;
	R.d.rcv_wnd = R.k2.initial_rcv_wnd = 80000;
	R.ps.ipv6 = true;
	R.ps.src[0] = R.ps.dst[0] = 0xfd;
	R.ps.src[15] = 2;
	R.ps.dst[15] = 1;
	R.k2.tos = 0xab;
	R.k2.flow_label = 0x12345;
	R.k2.ttl = 33;
	R.k2.user_priority = 5;
	R.ns.vlan_id = 100;
	R.ns.src_mac[0] = 6;
	rig_start();
	rig_send(3000, 0);
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.f[0].gso, 1500 - 40 - 20 - 12);
	CHECK(R.f[0].seg.has_ts);
	CHECK_EQ(R.f[0].seg.ts_ecr, 700000);
	CHECK_EQ(R.f[0].seg.wnd, 10000);
	CHECK_EQ(R.f[0].seg.tos, 0xa8);		/* not ECN capable */
	CHECK(R.f[0].seg.tagged);
	CHECK_EQ(R.f[0].seg.tci, 5 << 13 | 100);
	CHECK_EQ(R.f[0].seg.src_mac[0], 6);
	CHECK_EQ(R.f[0].data[18 + 7], 33);
	CHECK_EQ(R.f[0].data[18 + 1] & 15, 1);
	CHECK_EQ(R.f[0].data[18 + 2] << 8 | R.f[0].data[18 + 3], 0x2345);
	rig_end();
}

TEST(priority_alone_tags_with_id_zero)	/* VLN-5 */
{
	rig_init();
	R.k2.user_priority = 3;
	rig_start();
	rig_send(10, 0);
	rig_out();
	CHECK(R.f[0].seg.tagged);
	CHECK_EQ(R.f[0].seg.tci, 3 << 13);
	rig_end();
}

TEST(smaller_path_mtu)
{
	rig_init();
	R.cfg.max_gso = 0;
	rig_start();
	rig_send(2 * MSS, 0);
	CHECK_EQ(rig_out(), 2);
	CHECK_EQ(toe_path_update(R.p, 1040), TOE_OK);
	CHECK_EQ(rig_out(), 3);		/* again, in smaller segments */
	CHECK_EQ(R.f[0].seg.seq, RIG_UNA);
	CHECK_EQ(R.f[0].seg.len, 1000);
	CHECK_EQ(R.f[2].seg.len, 920);
	CHECK_EQ(R.c->cc.cwnd, 100 * MSS);
	CHECK_EQ(toe_path_update(R.p, 9001), TOE_BAD_MTU);
	CHECK_EQ(toe_path_update(R.p, 60), TOE_BAD_FIELD);
	rig_end();
}

TEST(tiny_mss_is_raised)
{
	rig_init();
	R.k.remote_mss = 1;
	R.k.flags = TOE_TIMESTAMPS;
	R.cfg.max_gso = 0;
	rig_start();
	rig_send(100, 0);
	CHECK_EQ(rig_out(), 3);
	CHECK_EQ(R.f[0].seg.len, 36);
	rig_end();
}

TEST(blocked_backend)
{
	struct rig_req *q;

	rig_init();
	rig_start();
	R.blocked = true;
	q = rig_send(100, 0);
	CHECK_EQ(rig_out(), 0);
	CHECK_EQ(rig_query().snd_max, RIG_UNA);
	R.blocked = false;
	CHECK_EQ(rig_out(), 0);		/* until told */
	toe_writable(R.t, 0);
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.f[0].seg.len, 100);
	CHECK_EQ(R.f[0].ip_id, 0x8000);
	rig_ack(RIG_UNA + 100);
	CHECK_DONE(q, TOE_OK, 100);
	rig_end();
}

TEST(frame_budget)
{
	rig_init();
	R.cfg.max_gso = 0;
	rig_start();
	rig_send(10 * MSS, 0);
	R.nf = 0;
	CHECK(toe_output(R.t, 0, R.now, 4));
	CHECK_EQ(R.nf, 4);
	CHECK(!toe_output(R.t, 0, R.now, 100));
	CHECK_EQ(R.nf, 10);
	rig_end();
}

/* ------------------------------------------------------------------ Nagle, SWS */

TEST(nagle)
{
	rig_init();
	R.k2.flags = TOE_NAGLE;
	rig_start();
	rig_send(100, 0);
	CHECK_EQ(rig_out(), 1);
	rig_send(100, 0);
	rig_send(100, 0);
	CHECK_EQ(rig_out(), 0);		/* a short segment is under way */
	rig_ack(RIG_UNA + 100);
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.f[0].seg.len, 200);
	rig_send(MSS, 0);
	CHECK_EQ(rig_out(), 1);		/* a full one always goes */
	CHECK_EQ(R.f[0].seg.len, MSS);
	rig_end();
}

TEST(without_nagle)
{
	rig_init();
	rig_start();
	rig_send(100, 0);
	CHECK_EQ(rig_out(), 1);
	rig_send(100, 0);
	CHECK_EQ(rig_out(), 1);
	rig_end();
}

TEST(more_holds_the_tail)
{
	rig_init();
	rig_start();
	rig_send(MSS + 100, TOE_SEND_MORE);
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.f[0].seg.len, MSS);
	rig_send(200, 0);
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.f[0].seg.len, 300);
	rig_send(50, TOE_SEND_MORE);
	CHECK_EQ(rig_out(), 0);
	CHECK_EQ(rig_tick(200 * RIG_MS), 1);	/* not for ever */
	CHECK_EQ(R.f[0].seg.len, 50);
	rig_end();
}

TEST(sws_avoidance)	/* TMR-25 */
{
	rig_init();
	R.d.snd_wnd = 1000;
	R.d.max_snd_wnd = 4000;
	rig_start();
	rig_send(5000, 0);
	/* short, no boundary, less than half of the largest window */
	CHECK_EQ(rig_out(), 0);
	CHECK_EQ(rig_tick(200 * RIG_MS), 1);
	CHECK_EQ(R.f[0].seg.len, 1000);
	rig_end();
	rig_init();
	R.d.snd_wnd = 1000;
	R.d.max_snd_wnd = 2000;
	rig_start();
	rig_send(5000, 0);
	CHECK_EQ(rig_out(), 1);		/* half of it */
	rig_end();
	rig_init();
	R.d.snd_wnd = 1000;
	R.d.max_snd_wnd = 4000;
	rig_start();
	rig_send(1000, TOE_SEND_PUSH);
	rig_send(5000, 0);
	CHECK_EQ(rig_out(), 1);		/* a request boundary */
	rig_end();
}

TEST(cwnd_limits)
{
	rig_init();
	R.d.cwnd = 4 * MSS;
	rig_start();
	rig_send(20 * MSS, 0);
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.f[0].seg.len, 4 * MSS);
	rig_ack(RIG_UNA + 2 * MSS);
	CHECK_EQ(rig_out(), 1);
	CHECK(R.f[0].seg.len >= 3 * MSS);	/* slow start */
	CHECK_EQ(R.f[0].seg.len % MSS, 0);
	rig_end();
}
