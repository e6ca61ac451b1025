/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * repair.h - the connection of a Linux socket as the engine's variables, in and out by TCP_REPAIR.
 * It needs CAP_NET_ADMIN in the socket's network namespace. What fails ends the program.
 */
#ifndef REPAIR_H
#define REPAIR_H

#include <err.h>
#include <netinet/in.h>

#include "toe.h"

#define TRY(call) ({ long r_ = (call); if (r_ < 0) err(1, "%s", #call); (uint32_t)r_; })

struct repair {
	struct sockaddr_in local, remote;
	struct toe_tcp_const agreed;
	struct toe_tcp_delegated vars;
	uint32_t write_seq;	/* of the byte that the program writes next */
};

/*
 * Take the connection of a socket that has nothing unread, and close the socket; the peer hears
 * nothing of it. The bytes from vars.snd_una to write_seq were in its write queue.
 */
void repair_take(int fd, struct repair *r);
/*
 * A socket that goes on from there. unacked: the bytes from vars.snd_una to vars.snd_max, which
 * have been sent and not acknowledged.
 */
int repair_give(const struct repair *r, const void *unacked);

#endif /* REPAIR_H */
