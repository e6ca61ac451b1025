/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_stop.c - the upload: owed ACKs, what happens to requests and data, the three ways for sends,
 * exact sequence numbers, frozen timers, and a connection that lives in two engines in turn.
 */
#include "tests/rig.h"

static void stop(enum toe_stop_sends how)
{
	toe_conn_stop(R.c, how, R.now);
	rig_check();
}

/* The list of sends handed back. */
static unsigned take(struct rig_req *out[], unsigned max)
{
	struct toe_req *r = toe_conn_take_sends(R.c);
	unsigned n = 0;

	for (; r && n < max; r = r->next)
		out[n++] = toe_container(r, struct rig_req, r);
	CHECK(!r);
	return n;
}

static void check_buffered(uint32_t n)
{
	const uint8_t *span[2];
	uint32_t len[2], i, k, seq = rig_query().rcv_nxt - n;

	CHECK_EQ(toe_conn_buffered(R.c, span, len), n);
	for (i = 0; i < 2; i++)
		for (k = 0; k < len[i]; k++)
			CHECK_EQ(span[i][k], rig_byte(seq++));
}

TEST(owed_ack_goes_out)	/* TRM-32 */
{
	rig_init();
	rig_start();
	rig_data(RIG_RCV, 100, 0);
	CHECK_EQ(rig_out(), 0);
	stop(TOE_STOP_RETURN);
	CHECK(!toe_conn_stopped(R.c));
	CHECK_EQ(IN(.seq = RIG_RCV + 100, .ack = RIG_UNA, .len = 10), TOE_RX_RAW);	/* TRM-30 */
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.f[0].seg.ack, RIG_RCV + 100);
	CHECK(toe_conn_stopped(R.c));
	check_buffered(100);
	toe_conn_destroy(R.c);
	CHECK_EQ(R.t->nconns, 0);
	rig_end();
}

TEST(owed_ack_on_a_stalled_wire)
{
	rig_init();
	rig_start();
	rig_data(RIG_RCV, 100, 0);
	CHECK(!toe_conn_give_up(R.c));	/* only of one that is stopped */
	R.blocked = true;
	stop(TOE_STOP_RETURN);
	CHECK_EQ(rig_out(), 0);
	CHECK(!toe_conn_stopped(R.c));
	CHECK(toe_conn_give_up(R.c));
	CHECK(!toe_conn_give_up(R.c));
	CHECK(toe_conn_stopped(R.c));
	CHECK_EQ(rig_query().rcv_nxt, RIG_RCV + 100);
	CHECK_EQ(rig_query().delack_timeout_delta, 0);	/* still owed */
	check_buffered(100);
	R.blocked = false;
	toe_writable(R.t, 0);
	CHECK_EQ(rig_out(), 0);
	toe_conn_destroy(R.c);
	rig_end();
}

TEST(rst_on_a_stalled_wire)
{
	struct rig_req *d;

	rig_init();
	rig_start();
	R.blocked = true;
	d = rig_disconnect(0, TOE_DISC_ABORTIVE);
	CHECK_EQ(rig_out(), 0);
	stop(TOE_STOP_RETURN);
	CHECK(!toe_conn_stopped(R.c));
	CHECK(toe_conn_give_up(R.c));
	CHECK_DONE(d, TOE_UPLOADING, 0);
	CHECK(toe_conn_stopped(R.c));
	CHECK_EQ(rig_query().state, TOE_CLOSED);
	R.blocked = false;
	toe_writable(R.t, 0);
	CHECK_EQ(rig_out(), 0);
	toe_conn_destroy(R.c);
	rig_end();
}

TEST(nothing_owed)
{
	rig_init();
	rig_start();
	rig_out();
	stop(TOE_STOP_RETURN);
	CHECK(toe_conn_stopped(R.c));
	CHECK_EQ(rig_out(), 0);
	rig_end();
}

TEST(out_of_order_data_is_dropped)	/* TRM-33; trap 17 */
{
	rig_init();
	R.k.flags = TOE_SACK;
	rig_start();
	rig_data(RIG_RCV, 100, 0);
	rig_data(RIG_RCV + 500, 100, 0);
	rig_out();
	stop(TOE_STOP_RETURN);
	CHECK_EQ(rig_query().rcv_nxt, RIG_RCV + 100);
	check_buffered(100);
	rig_end();
}

TEST(receive_requests_and_data)	/* TRM-14, TRM-29, M-12 */
{
	struct rig_req *a, *b;

	rig_init();
	rig_start();
	a = rig_recv(100, TOE_RECV_NONPUSH);
	b = rig_recv(100, 0);
	rig_data(RIG_RCV, 60, 0);
	stop(TOE_STOP_RETURN);
	CHECK_DONE(a, TOE_UPLOADING, 60);
	rig_check_bytes(a);
	CHECK_DONE(b, TOE_UPLOADING, 0);
	CHECK_QUIET();
	rig_out();
	CHECK(toe_conn_stopped(R.c));
	check_buffered(0);
	rig_end();
}

TEST(open_indication_counts_as_refused)	/* M-12 */
{
	rig_init();
	rig_start();
	rig_data(RIG_RCV, 60, 0);
	CHECK_INDICATED(RIG_RCV, 60);
	rig_data(RIG_RCV + 60, 40, 0);
	stop(TOE_STOP_RETURN);
	CHECK_EQ(toe_verdict(R.c, R.ind, 60, R.now), TOE_BAD_FIELD);
	CHECK_QUIET();
	check_buffered(100);
	rig_end();
}

static struct rig_req *s[4], *disc;

/* Four sends and a disconnect: the first is done, the second has 30 bytes acknowledged. */
static void four_sends(void)
{
	unsigned i;

	rig_init();
	rig_start();
	for (i = 0; i < 4; i++)
		s[i] = rig_send(100, TOE_SEND_PUSH);
	disc = rig_disconnect(10, TOE_DISC_GRACEFUL);
	R.nf = 0;
	toe_output(R.t, 0, R.now, 3);
	rig_ack(RIG_UNA + 130);
}

TEST(sends_returned)	/* TRM-17, TRM-20 .. TRM-23 */
{
	struct rig_req *back[8];
	uint32_t n, bytes;

	four_sends();
	toe_conn_bounds(R.c, &n, &bytes);
	CHECK(n >= 3);
	stop(TOE_STOP_RETURN);
	CHECK_DONE(s[0], TOE_OK, 100);
	CHECK_DONE(disc, TOE_UPLOADING, 0);
	CHECK_QUIET();
	CHECK_EQ(take(back, 8), 3);
	CHECK(back[0] == s[1] && back[1] == s[2] && back[2] == s[3]);
	CHECK_EQ(s[1]->r.done, 30);
	CHECK_EQ(s[2]->r.done, 0);
	CHECK_EQ(rig_query().snd_una, RIG_UNA + 130);
	CHECK_EQ(rig_query().snd_nxt, RIG_UNA + 300);
	CHECK_EQ(rig_query().snd_max, RIG_UNA + 300);
	CHECK_EQ(rig_query().state, TOE_ESTABLISHED);
	CHECK_EQ(take(back, 8), 0);
	rig_end();
}

TEST(sends_completed)
{
	struct rig_req *back[8];

	four_sends();
	stop(TOE_STOP_COMPLETE);
	CHECK_DONE(s[0], TOE_OK, 100);
	CHECK_DONE(s[1], TOE_UPLOADING, 30);
	CHECK_DONE(s[2], TOE_UPLOADING, 0);
	CHECK_DONE(s[3], TOE_UPLOADING, 0);
	CHECK_DONE(disc, TOE_UPLOADING, 0);
	CHECK_EQ(take(back, 8), 0);
	CHECK_EQ(rig_query().snd_una, RIG_UNA + 130);
	CHECK_EQ(rig_query().snd_max, RIG_UNA + 300);
	rig_end();
}

TEST(sends_mixed)	/* TRM-24 */
{
	struct rig_req *back[8];

	four_sends();
	stop(TOE_STOP_MIX);
	CHECK_DONE(s[0], TOE_OK, 100);
	CHECK_DONE(s[1], TOE_UPLOADING, 30);
	CHECK_DONE(s[2], TOE_UPLOADING, 0);
	CHECK_DONE(disc, TOE_UPLOADING, 0);
	CHECK_EQ(take(back, 8), 1);
	CHECK(back[0] == s[3]);
	rig_end();
}

TEST(sent_fin_is_in_the_numbers)	/* OSD-15 */
{
	struct rig_req *d, *back[2];

	rig_init();
	rig_start();
	rig_send(100, 0);
	d = rig_disconnect(20, TOE_DISC_GRACEFUL);
	rig_out();
	rig_ack(RIG_UNA + 110);
	CHECK_EQ(rig_poll(), TOE_EV_SEND_DONE);
	stop(TOE_STOP_RETURN);
	CHECK_DONE(d, TOE_UPLOADING, 10);
	CHECK_EQ(take(back, 2), 0);
	CHECK_EQ(rig_query().state, TOE_FIN_WAIT1);
	CHECK_EQ(rig_query().snd_una, RIG_UNA + 110);
	CHECK_EQ(rig_query().snd_max, RIG_UNA + 121);
	rig_end();
}

TEST(later_commands)	/* SND-13, RRQ-19, DIS-7, FWD-9 */
{
	struct rig_in in = { .seq = RIG_RCV, .ack = RIG_UNA, .len = 5, .tcp_only = true };
	struct rig_req *q;

	rig_init();
	rig_start();
	stop(TOE_STOP_RETURN);
	q = rig_send(1, 0);
	CHECK_DONE(q, TOE_UPLOADING, 0);
	q = rig_recv(1, 0);
	CHECK_DONE(q, TOE_UPLOADING, 0);
	q = rig_disconnect(0, TOE_DISC_GRACEFUL);
	CHECK_DONE(q, TOE_UPLOADING, 0);
	rig_in(&in);
	CHECK_EQ(in.status, TOE_UPLOADING);
	CHECK_EQ(toe_conn_update(R.c, &R.k2, R.now), TOE_BAD_STATE);
	stop(TOE_STOP_COMPLETE);
	CHECK(toe_conn_stopped(R.c));
	rig_end();
}

TEST(timers_end_and_travel)	/* TRM-34, QRY-8 */
{
	struct toe_tcp_delegated d;

	rig_init();
	R.k2.flags = TOE_KEEPALIVE;
	R.k2.ka_timeout = 9000;
	rig_start();
	rig_send(100, 0);
	rig_out();
	rig_recv(100, 0);
	rig_data(RIG_RCV, 10, 0);
	R.now += 100 * RIG_MS;
	stop(TOE_STOP_RETURN);
	rig_out();
	CHECK_EQ(rig_deadline(), TOE_NO_DEADLINE);
	d = rig_query();
	CHECK_EQ(d.rexmit_timeout_delta, 110);
	CHECK_EQ(d.ka_timeout_delta, 8900);
	R.now += RIG_SEC;
	d = rig_query();
	CHECK_EQ(d.rexmit_timeout_delta, 0);	/* due: fires at once at the receiver */
	rig_end();
}

TEST(stop_after_abort)
{
	struct rig_req *q;

	rig_init();
	rig_start();
	q = rig_send(10, 0);
	rig_data(RIG_RCV, 10, 0);
	CHECK_EQ(IN(.seq = RIG_RCV + 10, .flags = TOE_RST), TOE_RX_TAKEN);
	CHECK_EQ(rig_poll(), TOE_EV_ABORTED);
	CHECK_DONE(q, TOE_ABORTED, 0);
	stop(TOE_STOP_RETURN);
	rig_out();
	CHECK(toe_conn_stopped(R.c));
	CHECK_EQ(rig_query().state, TOE_CLOSED);
	CHECK_EQ(rig_query().rexmit_timeout_delta, 0xffffffffu);
	check_buffered(10);
	rig_end();
}

TEST(stop_with_rst_to_send)
{
	struct rig_req *d;

	rig_init();
	rig_start();
	d = rig_disconnect(0, TOE_DISC_ABORTIVE);
	stop(TOE_STOP_RETURN);
	CHECK(!toe_conn_stopped(R.c));
	CHECK_EQ(rig_out(), 1);
	CHECK(R.f[0].seg.flags & TOE_RST);
	CHECK_DONE(d, TOE_OK, 0);
	CHECK(toe_conn_stopped(R.c));
	rig_end();
}

TEST(urgent_connection_keeps_its_numbers)
{
	struct rig_req *back[2];

	rig_init();
	rig_start();
	rig_send(100, 0);
	rig_out();
	rig_data(RIG_RCV, 10, 0);
	CHECK_EQ(IN(.seq = RIG_RCV + 10, .ack = RIG_UNA + 50, .len = 5, .flags = TOE_URG),
		 TOE_RX_RAW);
	CHECK_EQ(rig_out(), 1);			/* what came before is acknowledged */
	CHECK_EQ(R.f[0].seg.ack, RIG_RCV + 10);
	CHECK_EQ(rig_poll(), TOE_EV_RETRIEVE);
	rig_send(30, 0);			/* accepted, and handed back in order */
	stop(TOE_STOP_RETURN);
	CHECK_EQ(rig_query().rcv_nxt, RIG_RCV + 10);
	CHECK_EQ(rig_query().snd_una, RIG_UNA);
	CHECK_EQ(rig_query().rexmit_timeout_delta, 210);
	CHECK_EQ(take(back, 2), 2);
	check_buffered(10);
	rig_end();
}

TEST(known_loss_is_handed_over_as_snd_nxt)	/* OSD-10 */
{
	rig_init();
	R.k.flags = TOE_SACK;
	R.cfg.max_gso = 0;
	rig_start();
	rig_send(6 * RIG_MSS, 0);
	rig_out();
	CHECK_EQ(IN(.seq = RIG_RCV, .ack = RIG_UNA + RIG_MSS, .nsacks = 1,
		    .sacks = { { RIG_UNA + 2 * RIG_MSS, RIG_UNA + 6 * RIG_MSS } }), TOE_RX_TAKEN);
	stop(TOE_STOP_RETURN);
	CHECK_EQ(rig_query().snd_nxt, RIG_UNA + RIG_MSS);
	CHECK_EQ(rig_query().snd_max, RIG_UNA + 6 * RIG_MSS);
	rig_end();
}

TEST(objects_in_use)
{
	rig_init();
	rig_start();
	CHECK_EQ(toe_path_destroy(R.p), TOE_IN_USE);
	CHECK_EQ(toe_neigh_destroy(R.n), TOE_IN_USE);
	toe_conn_destroy(R.c);			/* not stopped: nothing happens */
	CHECK_EQ(R.t->nconns, 1);
	stop(TOE_STOP_RETURN);
	rig_out();
	toe_conn_destroy(R.c);
	CHECK_EQ(toe_path_destroy(R.p), TOE_OK);
	CHECK_EQ(toe_neigh_destroy(R.n), TOE_OK);
	rig_end();
}

TEST(reset_forgets_everything)
{
	rig_init();
	R.buffered = 10;
	rig_start();
	rig_send(100, 0);
	rig_out();
	rig_recv(5, 0);
	toe_reset(R.t);
	CHECK_EQ(rig_out(), 0);
	CHECK_QUIET();
	CHECK_EQ(rig_deadline(), TOE_NO_DEADLINE);
	CHECK_EQ(toe_get_params(R.t)->ticks_per_second, 1000);
	rig_end();
}

/* Move from one engine to another at a moment with data in every place. */
TEST(from_engine_to_engine)
{
	struct toe_tcp_delegated d;
	struct rig_req *back[4], *r;
	uint32_t una, base, n;

	rig_init();
	R.k.flags = TOE_TIMESTAMPS | TOE_SACK;
	rig_start();
	rig_send(5000, 0);
	rig_send(3000, 0);
	rig_out();
	rig_data(RIG_RCV, 700, 0);
	rig_ack(RIG_UNA + 2000);
	stop(TOE_STOP_RETURN);
	rig_out();
	CHECK_EQ(take(back, 4), 2);
	check_buffered(700);
	d = rig_query();
	una = back[0]->base + back[0]->r.done;
	CHECK_EQ(una, d.snd_una);
	n = 8000 - 2000;
	R.reqs = NULL;			/* leak the old rig's: its memory is checked below */
	toe_destroy(R.t);
	CHECK_EQ(R.allocated, 0);
	free(back[0]);
	free(back[1]);

	base = R.out_base;
	R.now += 3600 * RIG_SEC;	/* another clock */
	R.d = d;
	R.buffered = 700;
	rig_create();
	CHECK_EQ(R.out_base, una);
	CHECK_EQ(rig_import(), TOE_OK);
	rig_fill_buffered();
	rig_import_send(n, 0);
	CHECK_EQ(R.out_base, base);
	rig_begin();
	CHECK_EQ(rig_out(), 0);
	r = rig_recv(1000, 0);
	rig_data(RIG_RCV + 700, 300, TOE_PSH);
	CHECK_DONE(r, TOE_OK, 1000);
	CHECK_EQ(r->r.done_buffered, 700);
	rig_check_bytes(r);
	rig_send(10, 0);
	CHECK_EQ(rig_out(), 1);
	CHECK_EQ(R.f[0].seg.seq, RIG_UNA + 8000);
	CHECK(R.f[0].seg.ts_val - d.last_ts_val < 10);
	rig_end();
}
