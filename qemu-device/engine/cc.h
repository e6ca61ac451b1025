/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cc.h - congestion control: a table of hooks, and what the algorithms share.
 *
 * recovery.c and output.c report what happened; the algorithm sets cwnd and ssthresh (bytes).
 * During recovery the caller compares cwnd with toe_sack_pipe() or its estimate from duplicate
 * ACKs, which never inflate cwnd. Algorithms have no memory beyond struct toe_cc, no clock and no
 * I/O.
 */
#ifndef TOE_CC_H
#define TOE_CC_H

#include <stdbool.h>
#include <stdint.h>

#define TOE_CWND_MAX	(1u << 30)
#define TOE_SSTHRESH_INF	0x7fffffffu	/* "no threshold yet" */

struct toe_cc;

/* An acknowledgement, as the algorithm sees it. */
struct toe_cc_ack {
	uint64_t now;
	uint32_t acked;		/* bytes newly acknowledged cumulatively */
	uint32_t srtt_us;	/* 0: unknown */
	bool     cwnd_limited;	/* cwnd, not the application or the peer's window, held data back */
	bool     after_rto;	/* of what was in flight when the retransmission timer expired */
};

struct toe_cc_ops {
	const char *name;
	/* The caller has set cwnd and ssthresh; initialize private state from them. */
	void (*init)(struct toe_cc *cc, uint64_t now);
	/* New data acknowledged outside of recovery. */
	void (*on_ack)(struct toe_cc *cc, const struct toe_cc_ack *ack);
	/* Recovery begins: flight is the flight size in bytes. Sets ssthresh and cwnd. */
	void (*on_loss)(struct toe_cc *cc, uint32_t flight, uint64_t now);
	/* Recovery is over: everything up to the recovery point is acknowledged. */
	void (*on_recovered)(struct toe_cc *cc, uint32_t flight, uint64_t now);
	/*
	 * The retransmission timer expired. first: for the first time at this SND.UNA (later, RFC
	 * 5681 (4) keeps ssthresh).
	 */
	void (*on_rto)(struct toe_cc *cc, uint32_t flight, bool first, uint64_t now);
	/* Nothing was sent for longer than an RTO (RFC 5681 4.1). */
	void (*after_idle)(struct toe_cc *cc, uint64_t now);
};

struct toe_cc {
	const struct toe_cc_ops *ops;
	uint32_t cwnd, ssthresh;	/* bytes */
	uint32_t smss;			/* bytes of payload */
	union {
		struct {
			uint32_t acked; /* bytes counted towards the next increase (RFC 3465) */
		} newreno;
		struct {
			uint64_t epoch_ns;	/* start of the avoidance epoch, if epoch */
			uint64_t seen_ns;	/* last acknowledgement */
			uint64_t rest;		/* of cwnd's last increase, bytes x cwnd */
			uint64_t est_rest;	/* of w_est's, bytes x 1000 cwnd */
			bool     epoch;
			uint32_t w_max;		/* bytes; 0: no loss yet, or a timeout */
			uint32_t prior;		/* cwnd before the last reduction */
			uint32_t k_ms;		/* from the epoch's start to w_max again */
			uint32_t w_est;		/* bytes: what Reno would have */
		} cubic;
	} u;
};

/*
 * Begin, or take over. cwnd 0: the initial window of RFC 6928; other values are limited to 1 SMSS
 * .. TOE_CWND_MAX. ssthresh 0: no threshold yet.
 */
void toe_cc_init(struct toe_cc *cc, const struct toe_cc_ops *ops, uint32_t smss, uint32_t cwnd,
		 uint32_t ssthresh, uint64_t now);

/* SMSS changed (path MTU update): cwnd stays in bytes, but at least one segment. */
void toe_cc_set_smss(struct toe_cc *cc, uint32_t smss);

/* min(10 x SMSS, max(2 x SMSS, 14600)), RFC 6928. */
uint32_t toe_cc_initial_window(uint32_t smss);

/*
 * What slow start adds for an ACK. After a timeout only one segment: a cumulative ACK also covers
 * segments that had arrived before (RFC 3465 2.3).
 */
static inline uint32_t toe_cc_slow_start_step(const struct toe_cc *cc, const struct toe_cc_ack *ack)
{
	uint32_t limit = ack->after_rto ? cc->smss : 2 * cc->smss;
	uint32_t by = ack->acked < limit ? ack->acked : limit;

	return by < cc->ssthresh - cc->cwnd ? by : cc->ssthresh - cc->cwnd;
}

static inline bool toe_cc_in_slow_start(const struct toe_cc *cc)
{
	return cc->cwnd < cc->ssthresh;
}

#endif /* TOE_CC_H */
