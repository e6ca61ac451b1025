/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The frames between the guest's agent and the harness, as images/PROTOCOL.md describes them. This
 * header owns the numbers; agent_frame.c owns the bytes. Nothing here knows what a command or a
 * file is.
 */
#ifndef CHIMNEY_AGENT_FRAME_H
#define CHIMNEY_AGENT_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AGENT_VERSION 3
#define AGENT_PORT    "org.chimney.agent"

/* Both directions keep to this, so that each side knows how much memory one frame can cost it. */
#define FRAME_PAYLOAD_MAX (64u * 1024u)
#define FRAME_HEADER_SIZE 12u

/* The harness's own mark of a connection, which the hello gives back. */
#define FRAME_NONCE_SIZE 16u

enum frame_type {
	/* harness to agent */
	FRAME_EXEC = 1,
	FRAME_STDIN = 2,
	FRAME_KILL = 3,
	FRAME_PUT_OPEN = 4,
	FRAME_PUT_DATA = 5,
	FRAME_PUT_CLOSE = 6,
	FRAME_GET = 7,
	FRAME_PING = 8,
	FRAME_SYNC = 9,
	FRAME_POWEROFF = 10,
	FRAME_OPEN = 11,
	FRAME_CLOSE = 12,
	FRAME_RESIZE = 13,
	/* agent to harness */
	FRAME_HELLO = 64,
	FRAME_STARTED = 65,
	FRAME_STDOUT = 66,
	FRAME_STDERR = 67,
	FRAME_STDIN_ROOM = 68,
	FRAME_EXIT = 69,
	FRAME_DATA = 70,
	FRAME_DONE = 71,
	FRAME_PONG = 72,
	FRAME_ERROR = 73,
};

struct frame {
	uint16_t type;
	uint32_t id;
	uint32_t length;
	const uint8_t *payload;
};

/* The port and what is on its way through it. */
struct link {
	int fd;
	bool broken; /* after a malformed frame nothing is read until the harness hangs up */
	uint8_t in[FRAME_HEADER_SIZE + FRAME_PAYLOAD_MAX];
	size_t in_used;
	uint8_t out[8 * (FRAME_HEADER_SIZE + FRAME_PAYLOAD_MAX)];
	size_t out_used;
};

/* Room kept back for answers, so that streamed output can never crowd them out. */
#define LINK_RESERVE (2 * (FRAME_HEADER_SIZE + FRAME_PAYLOAD_MAX))

/* May a frame of bulk data (output of a command, contents of a file) be queued now? */
bool link_has_room(const struct link *link);

/*
 * Queue a frame. False when it does not fit: only answers are queued without asking
 * link_has_room().
 */
bool link_queue(struct link *link, uint16_t type, uint32_t id, const void *payload, size_t length);

/* Write what the port takes. False when the port failed. */
bool link_flush(struct link *link);

/* Read what the port has. False when the port failed or the harness has gone. */
bool link_fill(struct link *link);

/* The next whole frame of the input, valid until link_consume(). False when there is none. */
bool link_next(struct link *link, struct frame *frame);
void link_consume(struct link *link, const struct frame *frame);

/* Forget everything that was on its way. */
void link_reset(struct link *link);

void put_le16(uint8_t *p, uint16_t v);
void put_le32(uint8_t *p, uint32_t v);
void put_le64(uint8_t *p, uint64_t v);
uint16_t get_le16(const uint8_t *p);
uint32_t get_le32(const uint8_t *p);
uint64_t get_le64(const uint8_t *p);

#endif
