// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bytes to frames and back. Owns the two buffers of the port; called by the agent's main loop and
 * by everything that answers. All sizes are bounded here, so that nothing above has to trust a
 * length.
 */
#include "agent_frame.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void put_le16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

void put_le32(uint8_t *p, uint32_t v)
{
	put_le16(p, (uint16_t)v);
	put_le16(p + 2, (uint16_t)(v >> 16));
}

void put_le64(uint8_t *p, uint64_t v)
{
	put_le32(p, (uint32_t)v);
	put_le32(p + 4, (uint32_t)(v >> 32));
}

uint16_t get_le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

uint32_t get_le32(const uint8_t *p)
{
	return get_le16(p) | (uint32_t)get_le16(p + 2) << 16;
}

uint64_t get_le64(const uint8_t *p)
{
	return get_le32(p) | (uint64_t)get_le32(p + 4) << 32;
}

void link_reset(struct link *link)
{
	link->broken = false;
	link->in_used = 0;
	link->out_used = 0;
}

bool link_has_room(const struct link *link)
{
	return link->out_used + FRAME_HEADER_SIZE + FRAME_PAYLOAD_MAX + LINK_RESERVE <=
	       sizeof(link->out);
}

bool link_queue(struct link *link, uint16_t type, uint32_t id, const void *payload, size_t length)
{
	uint8_t *p = link->out + link->out_used;

	if (length > FRAME_PAYLOAD_MAX ||
	    link->out_used + FRAME_HEADER_SIZE + length > sizeof(link->out))
		return false;
	put_le32(p, (uint32_t)length);
	put_le16(p + 4, type);
	put_le16(p + 6, 0);
	put_le32(p + 8, id);
	if (length)
		memcpy(p + FRAME_HEADER_SIZE, payload, length);
	link->out_used += FRAME_HEADER_SIZE + length;
	return true;
}

bool link_flush(struct link *link)
{
	size_t done = 0;

	while (done < link->out_used) {
		ssize_t n = write(link->fd, link->out + done, link->out_used - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return false;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	if (done) {
		memmove(link->out, link->out + done, link->out_used - done);
		link->out_used -= done;
	}
	return true;
}

bool link_fill(struct link *link)
{
	uint8_t waste[4096];
	ssize_t n;

	if (link->broken)
		n = read(link->fd, waste, sizeof(waste));
	else
		n = read(link->fd, link->in + link->in_used, sizeof(link->in) - link->in_used);
	if (n == 0)
		return false;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (!link->broken)
		link->in_used += (size_t)n;
	return true;
}

bool link_next(struct link *link, struct frame *frame)
{
	if (link->broken || link->in_used < FRAME_HEADER_SIZE)
		return false;
	frame->length = get_le32(link->in);
	frame->type = get_le16(link->in + 4);
	frame->id = get_le32(link->in + 8);
	frame->payload = link->in + FRAME_HEADER_SIZE;
	if (frame->length > FRAME_PAYLOAD_MAX) {
		/* There is no way to find the next frame in such a stream. */
		static const char why[] = "\0\0\0\0frame too long";

		link_queue(link, FRAME_ERROR, 0, why, sizeof(why) - 1);
		link->broken = true;
		link->in_used = 0;
		return false;
	}
	return link->in_used >= FRAME_HEADER_SIZE + frame->length;
}

void link_consume(struct link *link, const struct frame *frame)
{
	size_t size = FRAME_HEADER_SIZE + frame->length;

	memmove(link->in, link->in + size, link->in_used - size);
	link->in_used -= size;
}
