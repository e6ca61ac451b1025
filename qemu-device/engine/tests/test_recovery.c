/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_recovery.c - lost segments: recovery with and without SACK, the retransmission timer with
 * its limits and its counts, the tail loss probe.
 */
#include "tests/rig.h"

#define MSS RIG_MSS

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
	CHECK_EQ(rig_stats().tcp[0].retransmitted_segments, 2);
	sack(RIG_UNA + 3 * MSS, RIG_UNA + 4 * MSS, RIG_UNA + 10 * MSS);
	rig_out();
	CHECK_EQ(rig_stats().tcp[0].retransmitted_segments, 2);	/* nothing twice */
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
	CHECK_EQ(R.c->cc.cwnd, 3 * MSS);	/* one for each ACK (RFC 3465 2.3) */
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
