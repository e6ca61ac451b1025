/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim.h - what the parts of the simulation share: the world of one run (time, randomness,
 * settings), the link, and an end of a connection as the main loop sees it. A run depends on its
 * seed only. sim.c has the loop, sim_link.c the link, sim_host.c an engine with its host and
 * program, and peer.c the independent TCP.
 */
#ifndef TOE_SIM_H
#define TOE_SIM_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIM_MS		1000000ull
#define SIM_NEVER	UINT64_MAX

/* What is the same for both ends, or known to the world only. */
struct sim_settings {
	bool ipv6, vlan, timestamps, sack, wscale, ts_usec, strict_peer;
	uint32_t mtu;
	uint32_t loss, dup, corrupt, reorder;	/* per 10000 frames */
	uint64_t delay, jitter;			/* nanoseconds */
	uint64_t ns_per_byte;			/* rate; 0: no limit */
	uint32_t link_queue;			/* frames; more: the backend is busy */
	bool large_frames;			/* the link carries large frames uncut */
	uint32_t handovers;			/* per end, at most */
	uint32_t attacks;			/* forged segments per 10000 frames */
	bool eager; /* the programs write and read as fast as they may */
	bool side;				/* updates, queries, relinks, other MTUs */
	uint32_t tps;				/* ticks per second */
	uint64_t total[2];			/* bytes of the stream that end 0 and end 1 write */
	uint32_t wnd[2], isn[2], ts[2];
	uint8_t shift[2]; /* window scale of the windows that end 0 and 1 offer */
};

struct sim_frame {
	struct sim_frame *next;
	uint64_t at;
	uint64_t order;
	uint32_t len;
	uint16_t gso_size;
	bool copy;
	uint8_t  data[];
};

struct sim_link {		/* one direction */
	struct sim_frame *queue;	/* by time */
	uint32_t frames;
	uint64_t free_at;		/* when the wire is free again */
	uint64_t order;
	uint64_t newest;		/* order of the latest frame that has arrived */
};

struct sim;
struct sim_end;

struct sim_end_ops {
	void (*input)(struct sim_end *e, const struct sim_frame *f);
	void (*step)(struct sim_end *e);	/* whatever is due now */
	uint64_t (*deadline)(struct sim_end *e);
	bool (*done)(struct sim_end *e);	/* all sent, all received, closed */
	void (*describe)(struct sim_end *e, FILE *to);
	void (*destroy)(struct sim_end *e);
};

struct sim_end {
	const struct sim_end_ops *ops;
	struct sim *sim;
	unsigned id;
};

/* What is counted of a run, or of many. */
enum sim_seen {
	SEEN_BYTES,
	SEEN_FRAMES,
	SEEN_HANDOVERS,
	SEEN_LOST,	/* frames, by the link, and so the next two */
	SEEN_CORRUPTED,
	SEEN_DOUBLED,
	SEEN_OVERTAKEN,	/* frames that arrived behind one that was sent later */
	SEEN_CLOSED,	/* frames that announced a window of 0 */
	SEEN_KINDS,
};

struct sim {
	uint64_t seed, rng, now;
	bool verbose;
	struct sim_settings set;
	struct sim_link link[2];	/* [i]: from end i */
	struct sim_end *end[2];
	/* Sees each frame of end 0's engines whole, in sending order; or NULL. */
	void (*watch)(struct sim *s, const uint8_t *frame, uint32_t len, uint16_t gso_size);
	const char *failure;		/* why the run failed; the first reason stays */
	char failure_text[400];
	uint64_t seen[SEEN_KINDS];
	uint64_t allowed;		/* virtual time that the run may take */
	uint64_t steps;
};

uint32_t sim_rand(struct sim *s);
/* 0 .. n - 1; 0 for n == 0 */
uint32_t sim_below(struct sim *s, uint32_t n);
/* true in per10000 of 10000 cases */
bool sim_chance(struct sim *s, uint32_t per10000);
void sim_fail(struct sim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_say(struct sim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Byte pos of the stream that end writer writes. */
uint8_t sim_stream(const struct sim *s, unsigned writer, uint64_t pos);
/* Compare received bytes with the stream; fails the run at the first wrong one. */
void sim_compare(struct sim *s, unsigned writer, uint64_t pos, const uint8_t *p, uint32_t len);

/* Is there room for one more frame from end i? */
bool sim_link_ready(struct sim *s, unsigned from);
/*
 * Give the link a frame with a finished TCP checksum; l3 and l4 are the offsets of its headers.
 * Large frames are cut unless the link carries them.
 */
void sim_link_send(struct sim *s, unsigned from, const uint8_t *frame, uint32_t len, uint16_t l3,
		   uint16_t l4, uint16_t gso_size);
/* The next frame due for the end opposite of from, or NULL; the caller frees it. */
struct sim_frame *sim_link_take(struct sim *s, unsigned from);
uint64_t sim_link_deadline(const struct sim *s, unsigned from);
void sim_link_clear(struct sim *s);
/* Internet checksum of a TCP segment behind an IP header, put in place. */
void sim_finish_tcp(uint8_t *frame, uint32_t len, uint16_t l3, uint16_t l4);

extern const uint8_t sim_mac[2][6];
extern const uint8_t sim_addr4[2][4];
extern const uint8_t sim_addr6[2][16];
#define SIM_PORT(end) ((uint16_t)((end) ? 5001 : 40000))
#define SIM_VLAN 77

struct sim_end *sim_host_create(struct sim *s, unsigned id);
struct sim_end *sim_peer_create(struct sim *s, unsigned id);

#endif /* TOE_SIM_H */
