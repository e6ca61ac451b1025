/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_deliver.c - the delivery algorithm (DLV) and its traps: push and nonpush requests, zero-byte
 * requests, refused, partly accepted and accepted indications, BufferedData, and a FIN after them.
 */
#include "tests/rig.h"

TEST(indicates_without_request)	/* DLV-5 */
{
	rig_init();
	rig_start();
	rig_data(RIG_RCV, 100, TOE_PSH);
	CHECK_INDICATED(RIG_RCV, 100);
	CHECK_EQ(R.ev.indication, 1);
	CHECK(R.ev.push);
	CHECK_QUIET();
	rig_data(RIG_RCV + 100, 50, 0);
	CHECK_QUIET();			/* busy (DLV-3) */
	rig_verdict(100);
	CHECK_INDICATED(RIG_RCV + 100, 50);
	CHECK(!R.ev.push);
	rig_verdict(50);
	CHECK_QUIET();
	rig_end();
}

TEST(places_in_posted_request)
{
	struct rig_req *a, *b;

	rig_init();
	rig_start();
	a = rig_recv(100, 0);
	b = rig_recv(100, 0);
	rig_data(RIG_RCV, 150, TOE_PSH);
	CHECK_DONE(a, TOE_OK, 100);
	rig_check_bytes(a);
	CHECK(!a->r.push);
	CHECK_DONE(b, TOE_OK, 50);	/* PSH ends it (RRQ-12) */
	rig_check_bytes(b);
	CHECK(b->r.push);
	CHECK_EQ(b->r.rcv_seq, RIG_RCV + 100);
	CHECK_QUIET();
	CHECK(!toe_timer_running(R.c, TOE_TMR_PUSH));
	rig_end();
}

TEST(silent_after_refusal_until_request)	/* DLV-4, RIN-8; trap 8 */
{
	struct rig_req *a;

	rig_init();
	rig_start();
	rig_data(RIG_RCV, 100, 0);
	CHECK_INDICATED(RIG_RCV, 100);
	rig_verdict(0);
	rig_data(RIG_RCV + 100, 100, TOE_PSH);
	CHECK_QUIET();
	rig_data(RIG_RCV + 200, 100, TOE_PSH);
	CHECK_QUIET();
	a = rig_recv(150, 0);
	CHECK_DONE(a, TOE_OK, 150);
	rig_check_bytes(a);
	CHECK_INDICATED(RIG_RCV + 150, 150);	/* what did not fit (B) */
	rig_verdict(150);
	CHECK_QUIET();
	rig_end();
}

TEST(zero_byte_request_rearms)	/* DLV-11, RIN-9, RRQ-22; trap 8 */
{
	struct rig_req *z;

	rig_init();
	rig_start();
	rig_data(RIG_RCV, 100, 0);
	CHECK_INDICATED(RIG_RCV, 100);
	rig_verdict(0);
	z = rig_recv(0, 0);
	CHECK_DONE(z, TOE_OK, 0);
	CHECK_INDICATED(RIG_RCV, 100);
	rig_verdict(100);
	z = rig_recv(0, 0);		/* nothing buffered: it waits */
	CHECK_QUIET();
	rig_data(RIG_RCV + 100, 10, 0);
	CHECK_DONE(z, TOE_OK, 0);
	CHECK_INDICATED(RIG_RCV + 100, 10);
	rig_end();
}

TEST(partial_acceptance)	/* DLV-10 */
{
	struct rig_req *a;

	rig_init();
	rig_start();
	rig_data(RIG_RCV, 100, TOE_PSH);
	CHECK_INDICATED(RIG_RCV, 100);
	rig_verdict(30);
	CHECK_QUIET();
	a = rig_recv(200, 0);
	CHECK_DONE(a, TOE_OK, 70);
	CHECK_EQ(a->r.rcv_seq, RIG_RCV + 30);
	rig_check_bytes(a);
	rig_end();
}

TEST(request_during_indication_comes_first)	/* DLV-7; traps 9 and 10 */
{
	struct rig_req *a;

	rig_init();
	rig_start();
	rig_data(RIG_RCV, 100, 0);
	CHECK_INDICATED(RIG_RCV, 100);
	a = rig_recv(80, 0);
	CHECK_QUIET();			/* queued while busy */
	rig_data(RIG_RCV + 100, 60, 0);
	CHECK_QUIET();
	rig_verdict(100);
	CHECK_EQ(a->r.done, 60);	/* taken at once, no indication */
	CHECK_QUIET();
	rig_data(RIG_RCV + 160, 20, 0);
	CHECK_DONE(a, TOE_OK, 80);
	rig_check_bytes(a);
	rig_end();
}

TEST(request_during_refused_indication)
{
	struct rig_req *a;

	rig_init();
	rig_start();
	rig_data(RIG_RCV, 100, 0);
	CHECK_INDICATED(RIG_RCV, 100);
	a = rig_recv(60, 0);
	rig_verdict(0);
	CHECK_DONE(a, TOE_OK, 60);
	CHECK_INDICATED(RIG_RCV + 60, 40);
	rig_verdict(40);
	rig_end();
}

TEST(verdict_must_fit)
{
	rig_init();
	rig_start();
	CHECK_EQ(toe_verdict(R.c, 0, 0, R.now), TOE_BAD_FIELD);
	rig_data(RIG_RCV, 100, 0);
	CHECK_INDICATED(RIG_RCV, 100);
	CHECK_EQ(toe_verdict(R.c, 2, 100, R.now), TOE_BAD_FIELD);
	CHECK_EQ(toe_verdict(R.c, 1, 101, R.now), TOE_BAD_FIELD);
	CHECK_EQ(toe_verdict(R.c, 1, 100, R.now), TOE_OK);
	CHECK_EQ(toe_verdict(R.c, 1, 100, R.now), TOE_BAD_FIELD);
	rig_end();
}

TEST(push_timer)	/* RRQ-11, RRQ-12, RRQ-16, DLV-6, DLV-8; trap 11 */
{
	struct rig_req *a, *b;

	rig_init();
	R.params.delayed_ack_ticks = 0;
	rig_start();
	a = rig_recv(100, 0);
	CHECK(!toe_timer_running(R.c, TOE_TMR_PUSH));
	rig_data(RIG_RCV, 10, 0);
	rig_out();
	CHECK_EQ(rig_deadline(), 500 * RIG_MS);
	R.now += 300 * RIG_MS;
	rig_data(RIG_RCV + 10, 10, 0);	/* restarts it */
	rig_out();
	CHECK_EQ(rig_deadline(), 500 * RIG_MS);
	rig_tick(499 * RIG_MS);
	CHECK_QUIET();
	rig_tick(RIG_MS);
	CHECK_DONE(a, TOE_OK, 20);
	rig_check_bytes(a);
	CHECK(!a->r.push);
	b = rig_recv(10, 0);
	rig_recv(100, 0);
	rig_data(RIG_RCV + 20, 5, 0);
	CHECK(toe_timer_running(R.c, TOE_TMR_PUSH));
	rig_data(RIG_RCV + 25, 5, 0);	/* fills b exactly: stopped */
	CHECK(!toe_timer_running(R.c, TOE_TMR_PUSH));
	CHECK_DONE(b, TOE_OK, 10);
	toe_deliver_push_timer(R.c);	/* late expiry with nothing to do */
	CHECK_QUIET();
	rig_end();
}

TEST(nonpush_waits_until_full)	/* RRQ-13, RRQ-14; trap 12 */
{
	struct rig_req *a;

	rig_init();
	R.params.delayed_ack_ticks = 0;
	rig_start();
	a = rig_recv_pre(100, TOE_RECV_NONPUSH, 40);
	rig_data(RIG_RCV, 30, TOE_PSH);
	rig_out();
	CHECK_QUIET();
	CHECK_EQ(rig_deadline(), TOE_NO_DEADLINE);
	rig_data(RIG_RCV + 30, 30, TOE_PSH);
	CHECK_DONE(a, TOE_OK, 100);
	CHECK_EQ(a->r.rcv_seq, RIG_RCV);
	rig_check_bytes(a);
	a = rig_recv_pre(40, TOE_RECV_NONPUSH, 40);	/* full already (RRQ-10) */
	CHECK_DONE(a, TOE_OK, 40);
	a = rig_recv_pre(40, TOE_RECV_NONPUSH, 41);
	CHECK_DONE(a, TOE_BAD_FIELD, 0);
	rig_end();
}

TEST(push_request_with_prefill_starts_timer)	/* RRQ-15, E-7 */
{
	struct rig_req *a;

	rig_init();
	rig_start();
	a = rig_recv_pre(100, 0, 10);
	CHECK(toe_timer_running(R.c, TOE_TMR_PUSH));
	rig_tick(500 * RIG_MS);
	CHECK_DONE(a, TOE_OK, 10);
	rig_end();
}

TEST(out_of_order_enters_with_its_push)	/* DLV-13 */
{
	struct rig_req *a, *b;

	rig_init();
	rig_start();
	a = rig_recv(1000, 0);
	b = rig_recv(1000, 0);
	rig_data(RIG_RCV + 100, 100, TOE_PSH);
	rig_data(RIG_RCV + 200, 100, 0);
	CHECK_QUIET();
	rig_data(RIG_RCV, 100, 0);
	CHECK_DONE(a, TOE_OK, 200);
	rig_check_bytes(a);
	CHECK(a->r.push);
	CHECK_EQ(b->r.done, 100);
	CHECK(toe_timer_running(R.c, TOE_TMR_PUSH));
	rig_end();
}

TEST(buffered_data_waits_for_request)	/* BRD-6, BRD-7, BRD-8, BRD-10, BRD-12; traps 6 and 7 */
{
	struct rig_req *a;
	struct toe_stats s;

	rig_init();
	R.buffered = 300;
	R.params.delayed_ack_ticks = 0;
	rig_start();
	CHECK_EQ(rig_out(), 0);		/* not acknowledged again (BRD-9) */
	CHECK(toe_timer_running(R.c, TOE_TMR_PUSH));
	CHECK_QUIET();
	rig_data(RIG_RCV, 100, TOE_PSH);
	CHECK_QUIET();
	rig_tick(500 * RIG_MS);
	CHECK_QUIET();
	a = rig_recv(200, 0);
	CHECK_DONE(a, TOE_OK, 200);
	CHECK_EQ(a->r.rcv_seq, RIG_RCV - 300);
	CHECK_EQ(a->r.done_buffered, 200);
	rig_check_bytes(a);
	CHECK_INDICATED(RIG_RCV - 100, 200);
	CHECK_EQ(R.ev.buffered, 100);
	rig_verdict(200);
	toe_get_stats(R.t, &s);
	CHECK_EQ(s.buffered_in, 300);
	CHECK_EQ(s.buffered_to_recv, 200);
	CHECK_EQ(s.buffered_indicated, 100);
	CHECK_EQ(R.c->rcv.nxt, RIG_RCV + 100);
	rig_end();
}

TEST(buffered_data_without_push_starts_timer)	/* DLV-12 */
{
	struct rig_req *a;

	rig_init();
	R.buffered = 50;
	rig_start();
	a = rig_recv(200, 0);
	CHECK_QUIET();
	rig_tick(499 * RIG_MS);
	CHECK_QUIET();
	rig_tick(RIG_MS);
	CHECK_DONE(a, TOE_OK, 50);
	rig_end();
}

TEST(fin_after_consumption)	/* DIS-14, RRQ-23, E-25, RRQ-20; trap 13 */
{
	struct rig_req *a;

	rig_init();
	rig_start();
	rig_data(RIG_RCV, 100, TOE_FIN);
	CHECK_EQ(R.c->state, TOE_CLOSE_WAIT);
	CHECK_INDICATED(RIG_RCV, 100);
	CHECK_QUIET();
	rig_verdict(40);
	CHECK_QUIET();			/* refused data holds the event back */
	a = rig_recv(30, 0);
	CHECK_DONE(a, TOE_OK, 30);
	CHECK_INDICATED(RIG_RCV + 70, 30);
	rig_verdict(30);
	CHECK_EQ(rig_poll(), TOE_EV_PEER_CLOSED);
	CHECK_QUIET();
	a = rig_recv(10, 0);
	CHECK_DONE(a, TOE_BAD_STATE, 0);
	rig_end();
}

TEST(fin_completes_partly_filled_and_empty)
{
	struct rig_req *a, *b, *z;

	rig_init();
	rig_start();
	a = rig_recv(500, TOE_RECV_NONPUSH);
	b = rig_recv(500, 0);
	z = rig_recv(0, 0);
	rig_data(RIG_RCV, 100, TOE_FIN);
	CHECK_DONE(a, TOE_OK, 100);
	CHECK_DONE(b, TOE_OK, 0);
	CHECK_EQ(b->r.rcv_seq, RIG_RCV + 100);
	CHECK_DONE(z, TOE_OK, 0);
	CHECK_EQ(rig_poll(), TOE_EV_PEER_CLOSED);
	CHECK_QUIET();
	rig_end();
}

TEST(closed_with_buffered_data)
{
	struct rig_req *a;

	rig_init();
	R.d.state = TOE_CLOSE_WAIT;
	R.buffered = 100;		/* ends one before the FIN's number */
	rig_start();
	CHECK_QUIET();
	a = rig_recv(500, 0);
	CHECK_DONE(a, TOE_OK, 100);
	CHECK_EQ(a->r.rcv_seq, RIG_RCV - 101);
	rig_check_bytes(a);
	CHECK_EQ(rig_poll(), TOE_EV_PEER_CLOSED);
	rig_end();
}

TEST(closed_at_import_takes_no_request)
{
	struct rig_req *a;

	rig_init();
	R.d.state = TOE_CLOSE_WAIT;
	rig_start();
	CHECK_QUIET();			/* the host knows */
	a = rig_recv(500, 0);
	CHECK_DONE(a, TOE_BAD_STATE, 0);
	rig_end();
}

TEST(indication_size)	/* RIS-2 */
{
	struct rig_req *a;

	rig_init();
	R.k2.rcv_ind_size = 20;
	rig_start();
	rig_data(RIG_RCV, 100, TOE_PSH);
	CHECK_INDICATED(RIG_RCV, 20);
	a = rig_recv(80, 0);
	rig_verdict(20);
	CHECK_DONE(a, TOE_OK, 80);
	rig_check_bytes(a);
	rig_end();
}

TEST(no_room_holds_up_nobody)
{
	struct rig_req *q;

	rig_init();
	rig_start();
	rig_data(RIG_RCV, 100, 0);
	CHECK_EQ(rig_poll_room(0), -1);
	CHECK_EQ(rig_poll_room(0), -1);
	q = rig_send(10, 0);
	rig_out();
	rig_ack(RIG_UNA + 10);
	CHECK_EQ(rig_poll_room(0), TOE_EV_SEND_DONE);
	CHECK_EQ(q->r.status, TOE_OK);
	CHECK_EQ(rig_poll_room(0), -1);
	CHECK_EQ(rig_poll_room(30), TOE_EV_INDICATE);
	CHECK_EQ(R.ev.span_len[0] + R.ev.span_len[1], 30);
	rig_verdict(30);
	CHECK_EQ(rig_poll_room(0), -1);
	CHECK_INDICATED(RIG_RCV + 30, 70);
	rig_end();
}

TEST(request_takes_what_waited_for_room)
{
	struct rig_req *a;

	rig_init();
	rig_start();
	rig_data(RIG_RCV, 100, TOE_PSH);
	CHECK_EQ(rig_poll_room(0), -1);
	a = rig_recv(500, 0);
	CHECK_EQ(rig_poll_room(0), TOE_EV_RECV_DONE);
	CHECK_EQ(a->r.done, 100);
	CHECK_QUIET();
	rig_end();
}

TEST(too_many_requests)
{
	struct rig_req *q = NULL;
	unsigned i;

	rig_init();
	rig_start();
	for (i = 0; i <= R.cfg.max_recvs; i++)
		q = rig_recv(10, 0);
	CHECK_DONE(q, TOE_TOO_MANY, 0);
	rig_end();
}
