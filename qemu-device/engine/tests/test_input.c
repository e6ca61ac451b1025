/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_input.c - received segments: which frames are the target's, which bytes and ACKs count,
 * PAWS, urgent data, segments that the host forwards, and what the statistics say of them.
 */
#include "tests/rig.h"

static void ts_start(void)
{
	rig_init();
	R.k.flags = TOE_TIMESTAMPS | TOE_SACK;
	rig_start();
}

/* ------------------------------------------------------------------ whose frame */

TEST(raw_frames)
{
	uint16_t port;

	rig_init();
	rig_start();
	port = R.k.remote_port++;
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA, .len = 10), TOE_RX_RAW);	/* another tuple */
	R.k.remote_port = port;
	/* STT-8 */
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA, .len = 10, .bad_csum = true), TOE_RX_RAW);
	R.cfg.mac[5] ^= 1;
	/* another station's */
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA, .len = 10), TOE_RX_RAW);
	R.cfg.mac[5] ^= 1;
	R.ps.dst[3] ^= 1;
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA, .len = 10), TOE_RX_RAW);
	R.ps.dst[3] ^= 1;
	CHECK_EQ(rig_out(), 0);
	CHECK_EQ(R.c->rcv.nxt, RIG_RCV);
	{
		struct toe_stats s;

		toe_get_stats(R.t, &s);
		CHECK_EQ(s.ip[0].in_receives, 0);	/* not counted (STT-7, STT-8) */
		CHECK_EQ(s.tcp[0].in_errors, 0);
	}
	rig_data(RIG_RCV, 10, 0);
	CHECK_EQ(R.c->rcv.nxt, RIG_RCV + 10);
	rig_end();
}

TEST(configured_mac)	/* STA-10 */
{
	rig_init();
	R.ns.src_mac[0] = 6;
	rig_start();
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA, .len = 10), TOE_RX_RAW);
	memcpy(R.cfg.mac, R.ns.src_mac, 6);
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA, .len = 10), TOE_RX_TAKEN);
	rig_end();
}

TEST(fragments_and_options_are_raw)	/* NSP-1, NSP-2 */
{
	uint8_t f[100] = { 0 };
	struct toe_rx rx = { .data = f, .len = sizeof(f) };
	uint64_t sum;
	uint16_t csum;

	rig_init();
	rig_start();
	memcpy(f, R.cfg.mac, 6);
	f[12] = 8;
	f[14] = 0x45;
	f[17] = 80;
	f[20] = 0x20;		/* MF */
	f[23] = 6;
	memcpy(f + 26, R.ps.dst, 4);
	memcpy(f + 30, R.ps.src, 4);
	f[35] = 80;
	f[36] = 4000 >> 8;
	f[37] = 4000 & 255;
	f[46] = 0x50;
	sum = toe_csum_add(0, f + 14, 20);
	csum = (uint16_t)~toe_csum_fold(sum);
	memcpy(f + 24, &csum, 2);
	rx.csum_ok = true;
	CHECK_EQ(toe_input(R.t, &rx, R.now), TOE_RX_RAW);
	rx.len = 20;
	CHECK_EQ(toe_input(R.t, &rx, R.now), TOE_RX_RAW);
	rx.len = 0;
	CHECK_EQ(toe_input(R.t, &rx, R.now), TOE_RX_RAW);
	rig_end();
}

TEST(vlan_filter)	/* VLN-6 */
{
	rig_init();
	R.ns.vlan_id = 7;
	rig_start();
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA, .len = 10), TOE_RX_TAKEN);	/* dropped */
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA, .len = 10, .tagged = true, .tci = 8),
		 TOE_RX_TAKEN);
	CHECK_EQ(R.c->rcv.nxt, RIG_RCV);
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA, .len = 10, .tagged = true, .tci = 0x6007),
		 TOE_RX_TAKEN);
	CHECK_EQ(R.c->rcv.nxt, RIG_RCV + 10);
	rig_end();
	rig_init();
	rig_start();
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA, .len = 10, .tagged = true, .tci = 9),
		 TOE_RX_TAKEN);
	CHECK_EQ(R.c->rcv.nxt, RIG_RCV + 10);
	rig_end();
}

/* ------------------------------------------------------------------ acceptability */

TEST(overlaps_and_edges)
{
	rig_init();
	R.k2.initial_rcv_wnd = R.d.rcv_wnd = 1000;
	rig_start();
	rig_recv(5000, TOE_RECV_NONPUSH);
	rig_data(RIG_RCV - 100, 200, 0);	/* half old */
	CHECK_EQ(R.c->rcv.nxt, RIG_RCV + 100);
	rig_out();
	/* beyond the right edge: cut, and no FIN */
	rig_data(RIG_RCV + 100, 2000, TOE_PSH | TOE_FIN);
	CHECK_EQ(R.c->rcv.nxt, RIG_RCV + 1000);
	CHECK_EQ(R.c->state, TOE_ESTABLISHED);
	rig_out();
	rig_data(R.c->rcv.adv, 10, 0);		/* right of the window */
	CHECK_EQ(R.c->rcv.nxt, RIG_RCV + 1000);
	CHECK_EQ(rig_out(), 1);
	rig_end();
}

TEST(zero_window_of_ours)	/* RFC-6 */
{
	rig_init();
	R.d.rcv_wnd = 0;
	R.buffered = 65535;
	rig_start();
	rig_send(100, 0);
	rig_out();
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA + 100, .len = 1), TOE_RX_TAKEN);
	CHECK_EQ(R.c->rcv.nxt, RIG_RCV);
	CHECK_EQ(R.c->snd.una, RIG_UNA + 100);	/* its ACK counts */
	CHECK_EQ(rig_out(), 1);			/* the probe is answered */
	CHECK_EQ(R.f[0].seg.wnd, 0);
	rig_data(RIG_RCV, 0, TOE_FIN);		/* needs no room */
	CHECK_EQ(R.c->state, TOE_CLOSE_WAIT);
	rig_end();
}

TEST(foreign_acks)	/* RFC 5961 5 */
{
	rig_init();
	rig_start();
	rig_send(100, 0);
	rig_out();
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA + 101), TOE_RX_TAKEN);	/* never sent */
	CHECK_EQ(R.c->snd.una, RIG_UNA);
	CHECK_EQ(rig_out(), 0);			/* silently, as Linux in ESTABLISHED */
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA - 65536, .len = 10), TOE_RX_TAKEN);
	CHECK_EQ(rig_first_ack(), RIG_RCV);
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA - 65536, .len = 10), TOE_RX_TAKEN);
	CHECK_EQ(rig_out(), 0);			/* rarely */
	CHECK_EQ(R.c->rcv.nxt, RIG_RCV);	/* too old: data not taken */
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA - 65535, .len = 10), TOE_RX_TAKEN);
	CHECK_EQ(R.c->rcv.nxt, RIG_RCV + 10);
	CHECK_EQ(IN(.seq = RIG_RCV + 10, .ack = RIG_UNA + 100, .len = 10, .no_ack = true),
		 TOE_RX_TAKEN);
	CHECK_EQ(R.c->rcv.nxt, RIG_RCV + 10);	/* no ACK bit */
	rig_end();
}

TEST(ack_of_data_never_sent_while_closing)	/* Linux answers it but in ESTABLISHED */
{
	rig_init();
	rig_start();
	rig_data(RIG_RCV, 0, TOE_FIN);
	CHECK_EQ(R.c->state, TOE_CLOSE_WAIT);
	rig_out();
	CHECK_EQ(IN(.seq = RIG_RCV + 1, .ack = RIG_UNA + 1), TOE_RX_TAKEN);
	CHECK_EQ(R.c->snd.una, RIG_UNA);
	CHECK_EQ(rig_first_ack(), RIG_RCV + 1);
	rig_end();
}

TEST(two_ends_do_not_keep_each_other_busy)
{
	unsigned i, n = 0;

	rig_init();
	rig_start();
	for (i = 0; i < 100; i++) {
		CHECK_EQ(IN(.seq = RIG_RCV - 1, .ack = RIG_UNA), TOE_RX_TAKEN);
		n += rig_out();
		R.now += 10 * RIG_MS;
	}
	CHECK_EQ(n, 2);
	rig_end();
}

TEST(paws)	/* TSP-8, RFC 7323 5, as Linux reads it */
{
	ts_start();
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA, .len = 10, .ts_val = 699998), TOE_RX_TAKEN);
	CHECK_EQ(R.c->rcv.nxt, RIG_RCV);
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA, .len = 10, .ts_val = 700001), TOE_RX_TAKEN);
	CHECK_EQ(R.c->rcv.nxt, RIG_RCV + 10);
	CHECK_EQ(R.c->rcv.ts_recent, 700001);
	CHECK_EQ(IN(.seq = RIG_RCV + 100, .ack = RIG_UNA, .len = 10, .ts_val = 700005),
		 TOE_RX_TAKEN);
	CHECK_EQ(R.c->rcv.ts_recent, 700001);	/* only from the left edge (RFC 7323 4.3) */
	rig_end();
	ts_start();
	R.now += 25ull * 86400 * RIG_SEC;
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA, .len = 10, .ts_val = 5), TOE_RX_TAKEN);
	CHECK_EQ(R.c->rcv.nxt, RIG_RCV + 10);	/* TS.Recent has expired */
	CHECK_EQ(R.c->rcv.ts_recent, 5);
	rig_end();
}

TEST(paws_and_a_peer_with_microseconds)	/* TSP-8: whose clock has run by half its range */
{
	ts_start();
	R.now += 2100ull * RIG_SEC;
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA, .len = 10, .ts_val = 699990), TOE_RX_TAKEN);
	CHECK_EQ(R.c->rcv.nxt, RIG_RCV);
	rig_end();
	ts_start();
	R.now += 2400ull * RIG_SEC;
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA, .len = 10, .ts_val = 700000 + 2400000000u),
		 TOE_RX_TAKEN);
	CHECK_EQ(R.c->rcv.nxt, RIG_RCV + 10);
	rig_end();
}

TEST(paws_lets_one_tick_pass)	/* two processors of the peer need not agree on the time */
{
	ts_start();
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA, .len = 10, .ts_val = 699999), TOE_RX_TAKEN);
	CHECK_EQ(R.c->rcv.nxt, RIG_RCV + 10);
	CHECK_EQ(R.c->rcv.ts_recent, 700000);
	rig_end();
}

TEST(paws_after_a_timestamp_of_zero)	/* of peers that send 0 with their SYN, and no clock */
{
	rig_init();
	R.k.flags = TOE_TIMESTAMPS | TOE_SACK;
	R.d.ts_recent = 0;
	rig_start();
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA, .len = 10, .ts_val = 0xf0000000u),
		 TOE_RX_TAKEN);
	CHECK_EQ(R.c->rcv.nxt, RIG_RCV + 10);
	CHECK_EQ(R.c->rcv.ts_recent, 0xf0000000u);
	rig_end();
}

TEST(paws_and_overtaken_acks)	/* a bare ACK that says nothing new is not answered */
{
	ts_start();
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA, .ts_val = 699990, .wnd = 5000), TOE_RX_TAKEN);
	CHECK_EQ(rig_out(), 0);
	CHECK_EQ(R.c->rcv.ts_recent, 700000);
	/* it is too old, */
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA, .ts_val = 600000, .wnd = 5000), TOE_RX_TAKEN);
	CHECK_EQ(rig_out(), 1);
	/* not bare, */
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA, .len = 1, .ts_val = 699990), TOE_RX_TAKEN);
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.c->rcv.nxt, RIG_RCV);
	/* or opens the window */
	R.now += RIG_SEC;
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA, .ts_val = 699990, .wnd = 65535), TOE_RX_TAKEN);
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.c->snd.wnd, 5000);
	rig_end();
}

TEST(segments_without_timestamps)	/* of peers that leave them out of keepalives, or of all */
{
	ts_start();
	CHECK_EQ(IN(.seq = RIG_RCV - 1, .ack = RIG_UNA, .no_ts = true), TOE_RX_TAKEN);
	CHECK_EQ(rig_first_ack(), RIG_RCV);
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA, .len = 10, .no_ts = true), TOE_RX_TAKEN);
	CHECK_EQ(R.c->rcv.nxt, RIG_RCV + 10);
	CHECK_EQ(R.c->rcv.ts_recent, 700000);
	rig_send(1000, TOE_SEND_PUSH);
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(IN(.seq = RIG_RCV + 10, .ack = RIG_UNA + 1000, .no_ts = true), TOE_RX_TAKEN);
	CHECK_EQ(R.c->snd.una, RIG_UNA + 1000);
	rig_end();
}

TEST(old_window_update_is_ignored)
{
	rig_init();
	rig_start();
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA, .len = 10, .wnd = 5000), TOE_RX_TAKEN);
	CHECK_EQ(IN(.seq = RIG_RCV + 10, .ack = RIG_UNA, .wnd = 4000), TOE_RX_TAKEN);
	CHECK_EQ(R.c->snd.wnd, 4000);
	CHECK_EQ(IN(.seq = RIG_RCV + 5, .ack = RIG_UNA, .len = 20, .wnd = 9999), TOE_RX_TAKEN);
	CHECK_EQ(R.c->snd.wnd, 4000);
	rig_end();
}

/* ------------------------------------------------------------------ URG */

TEST(urgent_data)	/* NSP-9 .. NSP-14, SEC-2 */
{
	struct rig_req *s;
	unsigned i;

	rig_init();
	rig_start();
	s = rig_send(100, 0);
	rig_out();
	CHECK_EQ(IN(.seq = RIG_RCV + 70000, .ack = RIG_UNA, .len = 5, .flags = TOE_URG),
		 TOE_RX_TAKEN);
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA + 200, .len = 5, .flags = TOE_URG),
		 TOE_RX_TAKEN);
	CHECK_QUIET();			/* not valid: discarded */
	rig_out();
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA + 100, .len = 5, .flags = TOE_URG), TOE_RX_RAW);
	CHECK_EQ(rig_poll(), TOE_EV_RETRIEVE);
	CHECK_EQ(R.ev.info, 5);
	CHECK_EQ(rig_out(), 0);
	for (i = 0; i < 5; i++)
		CHECK_EQ(IN(.seq = RIG_RCV + 5 + i, .ack = RIG_UNA + 100, .len = 1), TOE_RX_RAW);
	CHECK_EQ(rig_tick(10 * RIG_SEC), 0);
	CHECK_EQ(rig_query().rcv_nxt, RIG_RCV);
	CHECK_EQ(rig_query().snd_una, RIG_UNA);
	CHECK_QUIET();
	CHECK(!s->back);
	rig_end();
}

TEST(urgent_forwarded)
{
	struct rig_in in = {
		.seq = RIG_RCV, .ack = RIG_UNA, .len = 5, .flags = TOE_URG, .tcp_only = true};

	rig_init();
	rig_start();
	rig_in(&in);
	CHECK_EQ(in.status, TOE_UPLOADING);
	rig_end();
}

/* ------------------------------------------------------------------ forward */

TEST(forwarded_segments)	/* FWD-5, FWD-9, FWD-11 */
{
	struct rig_in in = { .seq = RIG_RCV, .ack = RIG_UNA, .len = 50, .tcp_only = true };

	rig_init();
	rig_start();
	rig_in(&in);
	CHECK_EQ(in.status, TOE_OK);
	CHECK_INDICATED(RIG_RCV, 50);
	in.bad_csum = true;
	rig_in(&in);
	CHECK_EQ(in.status, TOE_BAD_FIELD);
	in.bad_csum = false;
	rig_in(&in);			/* a duplicate */
	CHECK_EQ(in.status, TOE_OK);
	CHECK_EQ(rig_first_ack(), RIG_RCV + 50);
	CHECK_EQ(toe_forward(R.c, (const uint8_t *)"short", 5, true, R.now), TOE_BAD_FIELD);
	CHECK_EQ(IN(.seq = RIG_RCV + 50, .flags = TOE_RST), TOE_RX_TAKEN);
	rig_in(&in);
	CHECK_EQ(in.status, TOE_ABORTED);
	rig_end();
}

TEST(forward_checks_ports)
{
	struct rig_in in = { .seq = RIG_RCV, .ack = RIG_UNA, .len = 50, .tcp_only = true };

	rig_init();
	rig_start();
	R.k.local_port++;
	rig_in(&in);
	CHECK_EQ(in.status, TOE_BAD_FIELD);
	rig_end();
}

/* ------------------------------------------------------------------ statistics */

TEST(forwarded_bytes_are_not_the_wires)
{
	rig_init();
	rig_start();
	rig_data(RIG_RCV, 100, 0);
	rig_data(RIG_RCV + 150, 10, 0);
	/* old bytes, new ones, and then the wire's */
	IN(.seq = RIG_RCV + 50, .ack = RIG_UNA, .len = 100, .tcp_only = true);
	CHECK_EQ(R.c->rcv.nxt, RIG_RCV + 160);
	CHECK_EQ(rig_stats().payload_in, 110);
	IN(.seq = RIG_RCV + 50, .ack = RIG_UNA, .len = 100, .tcp_only = true);
	CHECK_EQ(rig_stats().payload_in, 110);
	rig_end();
}

TEST(statistics)
{
	struct toe_stats s;

	rig_init();
	rig_start();
	rig_data(RIG_RCV, 100, 0);
	rig_data(RIG_RCV + 100, 100, 0);
	rig_out();
	toe_get_stats(R.t, &s);
	CHECK_EQ(s.ip[0].in_receives, 2);
	CHECK_EQ(s.ip[0].in_delivers, 2);
	CHECK_EQ(s.ip[0].in_octets, 280);
	CHECK_EQ(s.ip[0].out_requests, 1);
	CHECK_EQ(s.ip[0].out_octets, 40);
	CHECK_EQ(s.tcp[0].in_segments, 2);
	CHECK_EQ(s.tcp[0].out_segments, 1);
	CHECK_EQ(s.tcp[0].currently_established, 1);
	CHECK_EQ(s.tcp[1].in_segments, 0);
	toe_reset_stats(R.t, TOE_STATS_TCP4);
	toe_get_stats(R.t, &s);
	CHECK_EQ(s.tcp[0].in_segments, 0);
	CHECK_EQ(s.tcp[0].currently_established, 1);	/* a gauge */
	CHECK_EQ(s.ip[0].in_receives, 2);
	toe_reset_stats(R.t, TOE_STATS_IP4);
	toe_get_stats(R.t, &s);
	CHECK_EQ(s.ip[0].in_receives, 0);
	CHECK_EQ(s.payload_in, 200);
	toe_reset_stats(R.t, TOE_STATS_PAYLOAD);
	CHECK_EQ(rig_stats().payload_in, 0);
	rig_end();
}
