/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz.h - the engine and the connection that are fuzzed, F, and the host around them: fuzz_host.c
 * is what the engine sees, fuzz_input.c reads the input and does what it says.
 */
#ifndef TOE_FUZZ_H
#define TOE_FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "include/toe.h"
#include "wire.h"

#define MAX_REQS 64

struct fuzz_req {
	struct toe_req r;
	bool given;
	uint8_t *mem;
};

struct fuzz {
	const uint8_t *data;
	size_t left;
	struct toe *t;
	struct toe_neigh *n;
	struct toe_path *p;
	struct toe_conn *c;
	struct toe_tcp_const k;
	struct toe_tcp_cached k2;
	struct fuzz_req reqs[MAX_REQS];
	uint64_t now;
	uint32_t ind, ind_len;
	unsigned emitted;
};

extern struct fuzz F;

/* fuzz_input.c */
uint32_t take(unsigned n);	/* the next bytes of the input as a number; zeros behind its end */

/* fuzz_host.c */
extern const struct toe_ops fuzz_ops;
_Noreturn void broken(const char *why);
struct toe_req *new_req(enum toe_req_kind kind, uint32_t flags, uint32_t len);
void drain(void);		/* take all events and frames */
void check(void);
void import_anything(void);	/* any state at all: refused, or good to go on with */
void import_plain(void);
void move(void);		/* stop the connection, take its state out and give it in again */

#endif /* TOE_FUZZ_H */
