// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Owns the two ends of the link: a tap device, a pair of datagram sockets or a stream socket as
 * QEMU's netdevs speak them (each frame behind its length, 32 bits, big endian). Called by
 * linkemu.c; nothing here blocks, and nothing here looks into a frame.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <linux/if.h>
#include <linux/if_tun.h>

#include "linkemu.h"

#define STREAM_ROOM (4u * FRAME_MAX)

static int fail(const char *what, const char *name)
{
	fprintf(stderr, "linkemu: %s %s: %s\n", what, name, strerror(errno));
	return -1;
}

static int fill_address(struct sockaddr_un *address, const char *path)
{
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(address->sun_path)) {
		errno = ENAMETOOLONG;
		return fail("socket path", path);
	}
	strcpy(address->sun_path, path);
	return 0;
}

static int bind_socket(int kind, const char *path)
{
	struct sockaddr_un address;
	int fd, size = 4 << 20;

	if (fill_address(&address, path) < 0)
		return -1;
	fd = socket(AF_UNIX, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail("socket", path);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	unlink(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return fail("bind", path);
	}
	return fd;
}

static int open_tap(struct side *side, const char *name)
{
	struct ifreq request = { 0 };

	side->kind = SIDE_TAP;
	if (strlen(name) >= sizeof(request.ifr_name)) {
		errno = ENAMETOOLONG;
		return fail("tap", name);
	}
	side->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (side->fd < 0)
		return fail("open", "/dev/net/tun");
	strcpy(request.ifr_name, name);
	request.ifr_flags = IFF_TAP | IFF_NO_PI;
	if (ioctl(side->fd, TUNSETIFF, &request) < 0)
		return fail("tap", name);
	return 0;
}

static int open_dgram(struct side *side, char *local)
{
	char *comma = strchr(local, ',');

	side->kind = SIDE_DGRAM;
	if (!comma || strlen(comma + 1) >= sizeof(side->remote)) {
		errno = EINVAL;
		return fail("dgram:LOCAL,REMOTE", local);
	}
	*comma = 0;
	strcpy(side->remote, comma + 1);
	side->fd = bind_socket(SOCK_DGRAM, local);
	return side->fd < 0 ? -1 : 0;
}

static int open_stream(struct side *side, const char *path)
{
	side->kind = SIDE_STREAM;
	side->in = malloc(STREAM_ROOM);
	side->out = malloc(STREAM_ROOM);
	if (!side->in || !side->out)
		return fail("memory for", path);
	side->listener = bind_socket(SOCK_STREAM, path);
	if (side->listener < 0)
		return -1;
	return listen(side->listener, 1) < 0 ? fail("listen", path) : 0;
}

int side_open(struct side *side, const char *text)
{
	char copy[256];

	memset(side, 0, sizeof(*side));
	side->fd = side->listener = -1;
	if (strlen(text) < sizeof(copy)) {
		strcpy(copy, text);
		if (!strncmp(copy, "tap:", 4))
			return open_tap(side, copy + 4);
		if (!strncmp(copy, "dgram:", 6))
			return open_dgram(side, copy + 6);
		if (!strncmp(copy, "stream:", 7))
			return open_stream(side, copy + 7);
	}
	errno = EINVAL;
	return fail("not tap:NAME, dgram:LOCAL,REMOTE or stream:PATH:", text);
}

void side_close(struct side *side)
{
	if (side->fd >= 0)
		close(side->fd);
	if (side->listener >= 0)
		close(side->listener);
	free(side->in);
	free(side->out);
}

static void stream_drop(struct side *side)
{
	close(side->fd);
	side->fd = -1;
	side->in_used = side->out_used = side->out_sent = 0;
	side->blocked = false;
}

void side_accept(struct side *side)
{
	int fd = accept4(side->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (side->fd >= 0)
		stream_drop(side);
	side->fd = fd;
}

static uint32_t stream_length(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The next whole frame of a stream's input; a length that cannot be right ends the connection. */
static long stream_receive(struct side *side, uint8_t *data, size_t size)
{
	long got;
	uint32_t length;

	if (side->fd < 0)
		return 0;
	if (side->in_used < 4 || side->in_used < 4 + (size_t)stream_length(side->in)) {
		got = read(side->fd, side->in + side->in_used, STREAM_ROOM - side->in_used);
		if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
			stream_drop(side);
			return -1;
		}
		side->in_used += got > 0 ? (size_t)got : 0;
	}
	if (side->in_used < 4)
		return 0;
	length = stream_length(side->in);
	if (length == 0 || length > size) {
		fprintf(stderr, "linkemu: a stream peer announced a frame of %u bytes\n", length);
		stream_drop(side);
		return -1;
	}
	if (side->in_used < 4 + (size_t)length)
		return 0;
	memcpy(data, side->in + 4, length);
	side->in_used -= 4 + (size_t)length;
	memmove(side->in, side->in + 4 + length, side->in_used);
	return length;
}

long side_receive(struct side *side, uint8_t *data, size_t size, struct counters *counters)
{
	long got;

	if (side->kind == SIDE_STREAM)
		return stream_receive(side, data, size);
	/* MSG_TRUNC tells the real length of a datagram that does not fit. */
	got = side->kind == SIDE_TAP ? read(side->fd, data, size) :
				       recv(side->fd, data, size, MSG_TRUNC);
	if (got > (long)size) {
		counters->oversize++;
		return 0;
	}
	return got > 0 ? got : 0;
}

void side_flush(struct side *side)
{
	while (side->fd >= 0 && side->out_sent < side->out_used) {
		long put = send(side->fd, side->out + side->out_sent,
				side->out_used - side->out_sent, MSG_NOSIGNAL);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && errno == EAGAIN) {
			side->blocked = true;
			return;
		}
		if (put <= 0) {
			stream_drop(side);
			return;
		}
		side->out_sent += (size_t)put;
	}
	side->out_used = side->out_sent = 0;
	side->blocked = false;
}

static enum send_result stream_send(struct side *side, const uint8_t *data, size_t length)
{
	uint8_t *p;

	if (side->fd < 0)
		return SEND_DROPPED;
	if (side->blocked)
		return SEND_BLOCKED;
	p = side->out + side->out_used;
	p[0] = (uint8_t)(length >> 24);
	p[1] = (uint8_t)(length >> 16);
	p[2] = (uint8_t)(length >> 8);
	p[3] = (uint8_t)length;
	memcpy(p + 4, data, length);
	side->out_used += 4 + length;
	side_flush(side);
	return SEND_DONE;
}

enum send_result side_send(struct side *side, const uint8_t *data, size_t length)
{
	struct sockaddr_un address;
	long put;

	if (side->kind == SIDE_STREAM)
		return stream_send(side, data, length);
	if (side->kind == SIDE_TAP) {
		put = write(side->fd, data, length);
	} else {
		if (fill_address(&address, side->remote) < 0)
			return SEND_DROPPED;
		put = sendto(side->fd, data, length, 0, (struct sockaddr *)&address,
			     sizeof(address));
	}
	if (put >= 0)
		return SEND_DONE;
	side->blocked = errno == EAGAIN;
	return side->blocked ? SEND_BLOCKED : SEND_DROPPED;
}
