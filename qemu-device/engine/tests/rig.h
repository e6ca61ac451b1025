/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rig.h - one engine, one connection and a wire that the test controls: one line sends a segment
 * in, frames are kept as they left and checked for checksums and contents. Byte s of either stream
 * has the value rig_byte(s), so each byte shows its place. A program has one rig, R; rig.c builds
 * and drives it.
 */
#ifndef TOE_RIG_H
#define TOE_RIG_H

#include "deliver.h"
#include "timer.h"
#include "toe_internal.h"
#include "tests/test.h"

#define RIG_MS		1000000ull
#define RIG_SEC		1000000000ull
#define RIG_FRAMES	256
#define RIG_UNA		1000u		/* the connection's numbers unless a test changes them */
#define RIG_RCV		5000u
#define RIG_MSS		1460u

struct rig_frame {		/* what left */
	struct toe_seg seg;	/* payload points into data */
	uint16_t gso, npieces, ip_id;
	uint8_t data[66000];
	uint32_t len;
};

struct rig_req {
	struct toe_req r;
	uint32_t base;		/* stream position of a send's first byte */
	uint8_t mem[70000];	/* of a receive request */
	bool back;		/* returned by an event */
	struct rig_req *next;	/* of all, for rig_end() */
};

struct rig {
	struct toe_config cfg;
	struct toe_params params;
	struct toe_tcp_const k;
	struct toe_tcp_cached k2;
	struct toe_tcp_delegated d;
	struct toe_neigh_state ns;
	struct toe_path_state ps;
	uint32_t buffered;

	struct toe *t;
	struct toe_neigh *n;
	struct toe_path *p;
	struct toe_conn *c;
	uint64_t now;
	uint32_t peer_ts;	/* the peer's clock */
	uint32_t out_base;	/* sequence number that the next send's first byte gets */
	bool blocked;
	size_t allocated;
	int fail_alloc;		/* fail the nth allocation from now; 0: none */

	struct rig_frame *f;
	unsigned nf;		/* frames captured since the last rig_out() */
	struct toe_event ev;
	uint32_t ind;		/* number of the latest indication */
	struct rig_req *reqs;
};

extern struct rig R;

static inline uint8_t rig_byte(uint32_t s)
{
	return (uint8_t)(s * 2654435761u >> 24);
}

/* What the engine calls; it works on R. */
extern const struct toe_ops rig_ops;

/* ---- set-up: rig_init(), change what the test wants, rig_start() or its steps one by one */

void rig_init(void);
void rig_start(void);
void rig_create(void);			/* engine, neighbor and path */
enum toe_status rig_import(void);	/* the connection */
void rig_fill_buffered(void);
void rig_begin(void);
void rig_end(void);

/* All invariants of the engine hold. */
void rig_check(void);

/* ---- time and output */

/* Emit all that is pending; what left before is forgotten. Returns the number of frames. */
unsigned rig_out(void);
unsigned rig_tick(uint64_t ns);
/* Nanoseconds until the engine wants to be called, or TOE_NO_DEADLINE. */
uint64_t rig_deadline(void);
/* What one bare ACK, all that is pending, acknowledges. */
uint32_t rig_first_ack(void);

/* ---- segments in */

struct rig_in {
	uint32_t seq, ack, len;
	uint16_t flags;		/* ACK is added unless no_ack */
	bool no_ack;
	int32_t wnd;		/* field; 0: 65535, -1: 0 */
	uint32_t ts_ecr, ts_val;	/* ts_val 0: the peer's clock */
	bool no_ts, bad_csum, tagged;
	uint16_t tci, gso;
	uint8_t nsacks;
	struct toe_range sacks[4];
	bool tcp_only;		/* by toe_forward() */
	enum toe_status status;	/* of it */
};

enum toe_verdict_rx rig_in(struct rig_in *in);

#define IN(...) rig_in(&(struct rig_in){ __VA_ARGS__ })

/* In-order style short forms. */
void rig_data(uint32_t seq, uint32_t len, uint16_t flags);
void rig_ack(uint32_t ack);

/* ---- requests and events */

struct rig_req *rig_send(uint32_t len, uint32_t flags);
struct rig_req *rig_import_send(uint32_t len, uint32_t flags);
struct rig_req *rig_disconnect(uint32_t len, uint32_t flags);
struct rig_req *rig_recv(uint32_t len, uint32_t flags);
struct rig_req *rig_recv_pre(uint32_t len, uint32_t flags, uint32_t prefilled);
void rig_verdict(uint32_t consumed);

/* The next event into R.ev; -1 if there is none. Checks the bytes of indications. */
int rig_poll(void);
int rig_poll_room(uint32_t room);
/* The receive request holds the stream from its rcv_seq on, behind what was prefilled. */
void rig_check_bytes(const struct rig_req *q);

/* The next event is the completion of q with this status and count. */
#define CHECK_DONE(q, st, n)							\
	do {									\
		CHECK(rig_poll() >= 0);						\
		CHECK(R.ev.req == &(q)->r);					\
		CHECK_EQ((q)->r.status, st);					\
		CHECK_EQ((q)->r.done, n);					\
	} while (0)

/* The next event is an indication of n bytes from seq on. */
#define CHECK_INDICATED(from, n)						\
	do {									\
		CHECK_EQ(rig_poll(), TOE_EV_INDICATE);				\
		CHECK_EQ(R.ev.seq, from);					\
		CHECK_EQ(R.ev.span_len[0] + R.ev.span_len[1], n);		\
	} while (0)

#define CHECK_QUIET() CHECK_EQ(rig_poll(), -1)

/* ---- what the engine says of itself */

struct toe_tcp_delegated rig_query(void);
struct toe_stats rig_stats(void);

#endif /* TOE_RIG_H */
