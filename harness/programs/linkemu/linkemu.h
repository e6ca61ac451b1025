/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of the link emulator share: frames, the seeded random numbers, the parameters and
 * counters of a direction, and the functions of the three parts. side.c moves frames in and out of
 * the program, mangle.c changes a frame, queue.c holds it until its time, linkemu.c decides.
 */
#ifndef CHIMNEY_LINKEMU_H
#define CHIMNEY_LINKEMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 65600u
#define MAX_FRAGMENTS 4

struct frame {
	uint64_t due;	/* ns on the monotonic clock at which it may leave */
	uint64_t order; /* arrival number: breaks ties, so that equal times keep their order */
	size_t length;
	uint8_t data[];
};

struct rng {
	uint64_t s[2];
};

void rng_seed(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);
/* True with the given probability; always draws one number, so that decisions do not shift. */
bool rng_chance(struct rng *rng, double probability);

/* The parameters of one direction. Probabilities are 0..1, times nanoseconds. */
struct params {
	double loss, duplicate, reorder, corrupt, fragment, options;
	double delay, jitter, reorder_delay;
	double rate;	/* bits per second, 0 for no limit */
	double limit;	/* bytes that may wait at the rate limiter */
	double mtu;	/* an IP packet does not grow beyond this */
};

struct counters {
	uint64_t frames_in, bytes_in, frames_out, bytes_out;
	uint64_t lost, duplicated, reordered, corrupted, fragmented, fragments, options;
	uint64_t dropped_limit, dropped_memory, dropped_send, oversize;
};

/* side.c: one end of the link */
struct side {
	enum { SIDE_TAP, SIDE_DGRAM, SIDE_STREAM } kind;
	int fd;		/* -1 while a stream has no peer */
	int listener;	/* a stream's listening socket, else -1 */
	bool blocked;	/* the last send did not fit: wait for POLLOUT */
	char remote[108];
	uint8_t *in, *out;	/* stream only: what has been read or not yet been written */
	size_t in_used, out_used, out_sent;
};

/* Open a side from its description (tap:NAME, dgram:LOCAL,REMOTE, stream:PATH). */
int side_open(struct side *side, const char *text);
void side_close(struct side *side);
/* Take a waiting connection of a stream side; an earlier peer is replaced. */
void side_accept(struct side *side);
/* Read one frame: its length, 0 when there is none now, -1 when the peer has gone. */
long side_receive(struct side *side, uint8_t *data, size_t size, struct counters *counters);
enum send_result { SEND_DONE, SEND_BLOCKED, SEND_DROPPED };
enum send_result side_send(struct side *side, const uint8_t *data, size_t length);
/* Write what a stream side still holds. */
void side_flush(struct side *side);

/* mangle.c: changes to one frame */
void mangle_corrupt(uint8_t *data, size_t length, struct rng *rng);
/* Insert an option that changes nothing; the new length, or 0 when the frame cannot take it. */
size_t mangle_insert_option(uint8_t *data, size_t length, size_t size, size_t mtu,
			    struct rng *rng);
struct piece {
	size_t length;
	uint8_t data[FRAME_MAX];
};
/* Cut an IP packet into fragments; how many, or 0 when the frame cannot be cut. */
int mangle_fragment(const uint8_t *data, size_t length, struct piece pieces[MAX_FRAGMENTS],
		    struct rng *rng);

/* queue.c: frames waiting for their time */
struct queue {
	struct frame **heap;
	size_t used, room;
};

/* False when there is no memory. Takes the frame over when true. */
bool queue_push(struct queue *queue, struct frame *frame);
struct frame *queue_first(const struct queue *queue);
void queue_pop(struct queue *queue);
void queue_clear(struct queue *queue);

#endif
