/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_noise.c - a long random walk through all that can happen to a connection: odd segments,
 * requests, verdicts, time, and a stop in the middle.
 */
#include "tests/rig.h"

static struct test_rng rng;

/* A connection with any options and small or large limits. */
static void start(void)
{
	rig_init();
	R.k.flags = test_below(&rng, 8);
	R.k.snd_wscale = test_below(&rng, 15);
	R.k.rcv_wscale = test_below(&rng, 15);
	R.k2.flags = test_below(&rng, 4);
	R.k2.initial_rcv_wnd = R.d.rcv_wnd = 1 + test_below(&rng, 100000);
	R.d.cwnd = 1 + test_below(&rng, 50000);
	R.cfg.max_gso = test_below(&rng, 2) ? 65535 : 0;
	R.cfg.max_sends = 400;
	rig_start();
}

/* A segment whose numbers lie around the windows. */
static struct rig_in segment(void)
{
	uint32_t una = R.c->snd.una, span = R.c->snd.max - una + 3;
	struct rig_in in = {
		.seq = R.c->rcv.nxt + test_below(&rng, 4000) - 1000,
		.ack = una + test_below(&rng, span) - 1,
		.len = test_below(&rng, 3000),
		.flags = (uint16_t)(test_below(&rng, 20) ? test_below(&rng, 2) * TOE_PSH :
							   test_below(&rng, 256)),
		.wnd = test_below(&rng, 6) ? 0 : -1,
		.ts_val = R.peer_ts + test_below(&rng, 20) - 3,
		.ts_ecr = test_rand(&rng),
		.gso = (uint16_t)(test_below(&rng, 3) * 500),
		.nsacks = (uint8_t)test_below(&rng, 4),
	};
	uint32_t k;

	for (k = 0; k < in.nsacks; k++) {
		in.sacks[k].start = una + test_below(&rng, span);
		in.sacks[k].end = in.sacks[k].start + test_below(&rng, 3000);
	}
	in.nsacks = R.k.flags & TOE_TIMESTAMPS && in.nsacks > 3 ? 3 : in.nsacks;
	return in;
}

/* The host does something, time passes, or the segment arrives. */
static void step(struct rig_in *in)
{
	switch (test_below(&rng, 8)) {
	case 0:
		rig_send(test_below(&rng, 8000), test_below(&rng, 4));
		break;
	case 1:
		rig_recv(test_below(&rng, 4000), test_below(&rng, 2) * TOE_RECV_NONPUSH);
		break;
	case 2:
		if (rig_poll_room(test_below(&rng, 3000)) == TOE_EV_INDICATE)
			R.ind = R.ev.indication;
		break;
	case 3:
		if (R.c->dlv.busy)
			rig_verdict(test_below(&rng, R.c->dlv.ind_len + 1));
		break;
	case 4:
		rig_tick(test_below(&rng, 400) * RIG_MS);
		break;
	case 5:
		R.peer_ts += 5;
		in->tcp_only = true;
		rig_in(in);
		break;
	default:
		rig_in(in);
		break;
	}
	if (test_below(&rng, 3))
		rig_out();
}

static void stop(void)
{
	if (test_below(&rng, 2))
		rig_disconnect(test_below(&rng, 500), TOE_DISC_GRACEFUL);
	rig_out();
	toe_conn_stop(R.c, (enum toe_stop_sends)test_below(&rng, 3), R.now);
	rig_out();
	while (rig_poll() >= 0)
		;
	CHECK(toe_conn_stopped(R.c));
	toe_conn_take_sends(R.c);
	toe_conn_destroy(R.c);
	CHECK_EQ(R.t->nconns, 0);
	rig_end();
}

/* Random segments around the windows, requests, time: all invariants hold after each step. */
TEST(noise)
{
	unsigned round, i;

	rng.s = 3;
	for (round = 0; round < 60; round++) {
		start();
		for (i = 0; i < 300; i++) {
			struct rig_in in = segment();

			step(&in);
		}
		stop();
	}
}
