/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * peer.h - an independent TCP for tests: it shares no code with the engine, neither for parsing nor
 * for sequence numbers. peer.c has the protocol; peer_watch.c checks each frame that the engine
 * sends against what this TCP told it. Positions are offsets in the two streams, not sequence
 * numbers.
 */
#ifndef TOE_PEER_H
#define TOE_PEER_H

#include "tests/sim.h"

#define PEER_SACKS 4

struct peer_seg {
	uint32_t seq, ack, win;		/* win: as on the wire */
	bool ack_flag, syn, fin, rst, psh, urg;
	bool has_ts;
	uint32_t ts_val, ts_ecr;
	unsigned nsacks;
	uint32_t sack[PEER_SACKS][2];
	const uint8_t *data;
	uint32_t len;
	uint32_t ip_id, ttl, tcp_header;
};

struct peer {
	struct sim_end end;
	struct sim *sim;
	uint32_t mss;

	/* receiving: offsets in end 0's stream */
	uint8_t *have;
	uint64_t rcv_nxt;		/* FIN included */
	uint64_t highest;		/* end of what arrived */
	uint64_t read;			/* what the program has read */
	uint64_t edge;			/* right edge offered */
	bool     fin_seen;
	uint64_t read_at;
	bool     ack_now;
	unsigned unacked;
	uint64_t ack_at;
	uint32_t ts_recent;
	uint64_t dup[2];		/* to report as DSACK */
	uint64_t latest[2];		/* latest segment out of order */

	/* sending: offsets in end 1's stream */
	uint64_t una, nxt, max, peer_edge;
	uint32_t cwnd, ssthresh;	/* segments */
	unsigned dupacks;
	uint64_t recover;
	bool     in_recovery;
	uint64_t written, write_at;
	uint64_t rto, rto_at;
	uint32_t last_ts;


	/* what has been seen of the engine's frames, in the order of sending */
	struct {
		bool any;
		uint32_t ts, label;
		uint64_t ack, edge, max;
		uint32_t id_first, id_count;
		uint64_t moves;
	} seen;
};

/*
 * False, with a reason in *why, if the frame is no good segment of this connection; broken: it was
 * damaged on the way.
 */
bool peer_parse(struct peer *p, const uint8_t *frame, uint32_t len, struct peer_seg *g,
		const char **why);
void peer_watch(struct sim *s, const uint8_t *frame, uint32_t len, uint16_t gso_size);
/* Offset in writer's stream of a sequence number near base; may be negative. */
int64_t peer_offset(const struct peer *p, unsigned writer, uint32_t seq, uint64_t base);

#endif /* TOE_PEER_H */
