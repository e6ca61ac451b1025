/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of puppet share: the sockets that it holds by number, the deadline of the command
 * under way, and the three ways to answer. A verb gets its words and answers exactly once.
 */
#ifndef PUPPET_H
#define PUPPET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SLOTS = 256,
	WORDS = 12,
	LINE = 1024, /* of standard input */
	RAW = 384, /* bytes of an option */
	CHUNK = 64 << 10
};

struct slot {
	int fd; /* -1: free */
	uint64_t tx_seed, rx_seed;
	uint64_t tx, rx; /* stream positions */
	unsigned int zc_sent, zc_done, zc_copied;
};

struct verb {
	const char *name;
	int words; /* at least so many after the slot */
	void (*run)(struct slot *s, int argc, char **argv);
	bool opens; /* works on a slot that is still free */
};

extern const struct verb data_verbs[], ctl_verbs[], short_verbs[], uring_verbs[], stamps_verbs[];

/* The deadline of the command has passed: a blocking call returns EINTR from then on. */
bool late(void);

struct slot *slot_of(const char *word);
long number(const char *word);

/* The bytes of a stream; and whether received ones are right, which moves the position. */
void stream_fill(uint8_t *to, uint64_t seed, uint64_t pos, size_t len);
bool stream_right(struct slot *s, const uint8_t *from, size_t len);

int accept_from(int listener, struct slot *to);
int connect_to(struct slot *s, const char *host, const char *port);

void answer(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* errno as it stands, after `done` bytes */
void answer_error(uint64_t done);
/* the stream was wrong */
void answer_wrong(uint64_t position);

#endif
