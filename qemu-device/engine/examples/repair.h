/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * repair.h - moves a Linux socket's connection to and from the engine's variables by TCP_REPAIR. It
 * needs CAP_NET_ADMIN in the socket's network namespace. Any failure ends the program.
 */
#ifndef REPAIR_H
#define REPAIR_H

#include <err.h>
#include <netinet/in.h>

#include "toe.h"

#define TRY(call) tried(call, #call)

/* What a call returned; the program ends if that is negative. */
static inline uint32_t tried(long result, const char *call)
{
	if (result < 0)
		err(1, "%s", call);
	return (uint32_t)result;
}

struct repair {
	struct sockaddr_in local, remote;
	struct toe_tcp_const agreed;
	struct toe_tcp_delegated vars;
	uint32_t write_seq;	/* of the byte that the program writes next */
};

/*
 * Take over the connection of a socket with nothing unread, and close the socket; the peer does not
 * notice. The bytes from vars.snd_una to write_seq were in its write queue.
 */
void repair_take(int fd, struct repair *r);
/*
 * Create a socket that continues from there. unacked: the bytes from vars.snd_una to vars.snd_max,
 * which were sent but not acknowledged.
 */
int repair_give(const struct repair *r, const void *unacked);

#endif /* REPAIR_H */
