/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_output.c - what leaves: segmentation and large frames, PSH, IP IDs, Nagle and SWS, cwnd,
 * recovery with and without SACK, the timers of transmission (retransmit, persist, keepalive) and
 * their limits.
 */
#include "tests/rig.h"

#define MSS RIG_MSS

static struct toe_stats stats(void)
{
	struct toe_stats s;

	toe_get_stats(R.t, &s);
	return s;
}

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
	CHECK_EQ(stats().tcp[0].out_segments, 11);
	CHECK_EQ(stats().ip[0].out_requests, 11);
	CHECK_EQ(stats().ip[0].out_octets, 10 * MSS + 7 + 11 * 40);
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

/* ------------------------------------------------------------------ recovery */

static void sack(uint32_t ack, uint32_t start, uint32_t end)
{
	CHECK_EQ(IN(.seq = R.c->rcv.nxt, .ack = ack, .nsacks = 1, .sacks = {{start, end}}),
		 TOE_RX_TAKEN);
}

TEST(fast_retransmit_newreno)	/* TMR-9 */
{
	rig_init();
	R.cfg.max_gso = 0;
	R.d.cwnd = 10 * MSS;
	rig_start();
	rig_send(40 * MSS, 0);
	CHECK_EQ(rig_out(), 10);
	rig_ack(RIG_UNA);
	CHECK_EQ(rig_out(), 1);		/* limited transmit */
	CHECK_EQ(R.f[0].seg.seq, RIG_UNA + 10 * MSS);
	rig_ack(RIG_UNA);
	CHECK_EQ(rig_out(), 1);
	rig_ack(RIG_UNA);
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.f[0].seg.seq, RIG_UNA);
	CHECK_EQ(R.f[0].seg.len, MSS);
	CHECK_EQ(R.c->cc.ssthresh, 6 * MSS);
	rig_ack(RIG_UNA + 3 * MSS);	/* partial: the next hole */
	CHECK(rig_out() >= 1);
	CHECK_EQ(R.f[0].seg.seq, RIG_UNA + 3 * MSS);
	rig_ack(RIG_UNA + 12 * MSS);
	CHECK_EQ(R.c->rec.state, TOE_REC_OPEN);
	CHECK(R.c->cc.cwnd <= 6 * MSS);
	CHECK(rig_out());
	CHECK(toe_seq_geq(R.f[0].seg.seq, RIG_UNA + 12 * MSS));
	rig_end();
}

TEST(dup_ack_count_is_carried_over)	/* VAR-D19 */
{
	rig_init();
	R.cfg.max_gso = 0;
	R.d.snd_nxt = R.d.snd_max = RIG_UNA + 5 * MSS;
	R.d.dup_ack_count = 2;
	rig_create();
	CHECK_EQ(rig_import(), TOE_OK);
	rig_import_send(5 * MSS, 0);
	rig_begin();
	CHECK_EQ(rig_out(), 0);
	rig_ack(RIG_UNA);
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.f[0].seg.seq, RIG_UNA);
	rig_end();
}

TEST(sack_recovery)	/* RFC 6675 */
{
	rig_init();
	R.k.flags = TOE_SACK;
	R.cfg.max_gso = 0;
	R.d.cwnd = 10 * MSS;
	rig_start();
	rig_send(10 * MSS, 0);
	CHECK_EQ(rig_out(), 10);
	/* Segments 0 and 3 are lost. */
	sack(RIG_UNA, RIG_UNA + MSS, RIG_UNA + 3 * MSS);
	CHECK_EQ(rig_out(), 0);
	sack(RIG_UNA, RIG_UNA + 4 * MSS, RIG_UNA + 7 * MSS);
	CHECK(rig_out() >= 1);
	CHECK_EQ(R.f[0].seg.seq, RIG_UNA);
	CHECK_EQ(R.f[0].seg.len, MSS);
	CHECK_EQ(R.nf, 2);
	CHECK_EQ(R.f[1].seg.seq, RIG_UNA + 3 * MSS);
	sack(RIG_UNA, RIG_UNA + 4 * MSS, RIG_UNA + 10 * MSS);
	rig_out();
	CHECK_EQ(stats().tcp[0].retransmitted_segments, 2);
	sack(RIG_UNA + 3 * MSS, RIG_UNA + 4 * MSS, RIG_UNA + 10 * MSS);
	rig_out();
	CHECK_EQ(stats().tcp[0].retransmitted_segments, 2);	/* nothing twice */
	rig_ack(RIG_UNA + 10 * MSS);
	CHECK_EQ(R.c->rec.state, TOE_REC_OPEN);
	CHECK_EQ(R.c->cc.ssthresh, 5 * MSS);
	CHECK_EQ(rig_poll(), TOE_EV_SEND_DONE);
	rig_end();
}

TEST(timeout_goes_back)	/* RFC 6298 5 */
{
	struct toe_tcp_delegated d;

	rig_init();
	R.cfg.max_gso = 0;
	rig_start();
	rig_send(3 * MSS, 0);
	CHECK_EQ(rig_out(), 3);
	CHECK_EQ(rig_deadline(), 210 * RIG_MS);	/* SRTT 10 ms and the least addition */
	rig_tick(210 * RIG_MS);
	CHECK_EQ(R.nf, 1);
	CHECK_EQ(R.f[0].seg.seq, RIG_UNA);
	d = rig_query();
	CHECK_EQ(d.snd_nxt, RIG_UNA + MSS);
	CHECK_EQ(d.snd_max, RIG_UNA + 3 * MSS);
	CHECK_EQ(d.cwnd, MSS);
	CHECK_EQ(d.rexmit_count, 1);
	CHECK_EQ(rig_deadline(), 420 * RIG_MS);
	R.now += 5 * RIG_MS;
	rig_ack(RIG_UNA + MSS);
	CHECK_EQ(rig_out(), 2);
	CHECK_EQ(R.f[0].seg.seq, RIG_UNA + MSS);
	CHECK_EQ(R.c->rtt.srtt8_us, 80000);	/* Karn: no sample */
	rig_ack(RIG_UNA + 3 * MSS);
	CHECK_EQ(R.c->rec.state, TOE_REC_OPEN);
	CHECK_EQ(rig_query().rexmit_count, 0);
	CHECK_EQ(rig_query().rexmit_timeout_delta, 0xffffffffu);
	rig_end();
}

TEST(timeout_skips_what_is_reported)
{
	rig_init();
	R.k.flags = TOE_SACK;
	R.cfg.max_gso = 0;
	rig_start();
	rig_send(4 * MSS, 0);
	rig_out();
	sack(RIG_UNA, RIG_UNA + MSS, RIG_UNA + 2 * MSS);
	rig_out();
	R.c->rec.tlp_sent = true;	/* no probe before the timeout */
	while (!rig_tick(rig_deadline()))
		CHECK(rig_deadline() != TOE_NO_DEADLINE);
	CHECK_EQ(R.f[0].seg.seq, RIG_UNA);
	CHECK_EQ(R.f[0].seg.len, MSS);
	rig_ack(RIG_UNA + 2 * MSS);
	CHECK(rig_out());
	CHECK_EQ(R.f[0].seg.seq, RIG_UNA + 2 * MSS);
	rig_end();
}

TEST(retransmission_limit)	/* TMR-6, TMR-7 */
{
	unsigned i;

	rig_init();
	rig_start();
	rig_send(100, 0);
	rig_out();
	for (i = 0; i < 5; i++) {
		CHECK_EQ(rig_tick(rig_deadline()), 1);
		CHECK_EQ(rig_poll(), i == 2 ? TOE_EV_NCE : -1);	/* NCE-13 */
	}
	CHECK_EQ(rig_query().rexmit_count, 5);
	CHECK_EQ(rig_tick(rig_deadline()), 0);
	CHECK_EQ(rig_poll(), TOE_EV_RETRIEVE);
	CHECK_EQ(R.ev.info, 8);
	CHECK_QUIET();
	CHECK_EQ(rig_deadline(), TOE_NO_DEADLINE);
	CHECK_EQ(rig_query().rexmit_timeout_delta, 0);
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA + 100), TOE_RX_RAW);	/* EVT-6 */
	rig_end();
}

TEST(max_rt_limits_by_time)	/* VAR-K7 */
{
	unsigned n = 0;
	uint64_t start;

	rig_init();
	R.k2.max_rt = 3000;
	R.params.max_retransmissions = 1;
	rig_start();
	rig_send(100, 0);
	rig_out();
	start = R.now + rig_deadline();
	while (rig_poll() != TOE_EV_RETRIEVE) {
		CHECK(rig_deadline() != TOE_NO_DEADLINE && n++ < 20);
		rig_tick(rig_deadline());
	}
	CHECK_EQ(R.now - start, 3000 * RIG_MS);
	CHECK_EQ(rig_query().total_rt, 3000);
	rig_end();
	rig_init();
	R.k2.max_rt = 0xffffffff;
	rig_start();
	rig_send(100, 0);
	rig_out();
	for (n = 0; n < 60; n++)
		CHECK_EQ(rig_tick(rig_deadline()), 1);
	CHECK(rig_deadline() <= 120 * RIG_SEC);
	rig_end();
}

TEST(new_ack_clears_counts)
{
	rig_init();
	rig_start();
	rig_send(100, 0);
	rig_out();
	rig_tick(rig_deadline());
	rig_tick(rig_deadline());
	CHECK(rig_query().total_rt);
	rig_ack(RIG_UNA + 50);
	CHECK_EQ(rig_query().rexmit_count, 0);
	CHECK_EQ(rig_query().total_rt, 0);
	CHECK_EQ(R.c->rtt.shift, 0);
	rig_end();
}

TEST(tail_loss_probe)
{
	rig_init();
	R.k.flags = TOE_SACK;
	R.cfg.max_gso = 0;
	rig_start();
	rig_send(3 * MSS, 0);
	rig_out();
	CHECK_EQ(rig_deadline(), 22 * RIG_MS);
	CHECK_EQ(rig_tick(22 * RIG_MS), 1);
	CHECK_EQ(R.f[0].seg.seq, RIG_UNA + 2 * MSS);
	CHECK_EQ(R.f[0].seg.len, MSS);
	CHECK_EQ(rig_deadline(), 210 * RIG_MS);	/* then the timeout */
	CHECK_EQ(R.c->cc.cwnd, 100 * MSS);
	rig_end();
}

TEST(rtt_by_timestamp_after_retransmission)
{
	rig_init();
	R.k.flags = TOE_TIMESTAMPS;
	rig_start();
	rig_send(100, 0);
	rig_out();
	rig_tick(rig_deadline());
	R.now += 30 * RIG_MS;
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA + 100, .ts_ecr = R.f[0].seg.ts_val),
		 TOE_RX_TAKEN);
	CHECK_EQ(R.c->rtt.srtt8_us, 80000 - 10000 + 30000);
	rig_end();
}

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
	CHECK_EQ(R.f[0].seg.seq, RIG_UNA);
	CHECK_EQ(R.f[0].seg.len, 1);
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

TEST(probe_byte_is_taken)
{
	rig_init();
	R.d.snd_wnd = 0;
	rig_start();
	rig_send(3000, 0);
	rig_out();
	rig_tick(rig_deadline());
	rig_ack(RIG_UNA + 1);
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.f[0].seg.seq, RIG_UNA + 1);
	CHECK_EQ(R.f[0].seg.len, 2999);
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
	rig_send(4 * MSS, 0);
	rig_out();
	zero_window(RIG_UNA + MSS);
	CHECK_EQ(rig_out(), 0);
	CHECK_EQ(rig_tick(rig_deadline()), 1);
	CHECK_EQ(R.f[0].seg.seq, RIG_UNA + MSS);
	CHECK_EQ(R.f[0].seg.len, 1);
	rig_ack(RIG_UNA + MSS);
	CHECK_EQ(rig_out(), 3);
	CHECK_EQ(R.f[0].seg.seq, RIG_UNA + MSS);
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
	CHECK_EQ(R.f[0].seg.len, 10 * MSS);
	rig_end();
}

/* ------------------------------------------------------------------ neighbor */

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
