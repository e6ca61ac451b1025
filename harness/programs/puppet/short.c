/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verbs of puppet for short connections, one after the other as fast as they go: a request of
 * one byte, an answer, and an end. What a test could do step by step takes far too long between
 * the steps to meet a hand-over that begins or ends just then.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/tcp.h>

#include "puppet.h"

static uint8_t buf[CHUNK];

/* A call that was interrupted goes on, unless the time is up. */
static bool again(ssize_t n)
{
	return n < 0 && errno == EINTR && !late();
}

static bool send_all(struct slot *s, uint64_t len)
{
	while (len) {
		size_t part = len < sizeof(buf) ? (size_t)len : sizeof(buf);
		ssize_t n;

		stream_fill(buf, s->tx_seed, s->tx, part);
		n = send(s->fd, buf, part, MSG_NOSIGNAL);
		if (again(n))
			continue;
		if (n < 0)
			return false;
		s->tx += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return true;
}

/* Up to len bytes, less at the end of the stream. False: errno, or 0 if a byte was wrong. */
static bool recv_some(struct slot *s, uint64_t len)
{
	while (len) {
		size_t part = len < sizeof(buf) ? (size_t)len : sizeof(buf);
		ssize_t n = recv(s->fd, buf, part, 0);

		if (again(n))
			continue;
		if (n <= 0)
			return !n;
		errno = 0;
		if (!stream_right(s, buf, (size_t)n))
			return false;
		len -= (uint64_t)n;
	}
	return true;
}

/* How the server ends a connection, by the word of the test. */
static bool end(struct slot *s, const char *how)
{
	struct linger none = {1, 0};

	if (!strcmp(how, "reset"))
		return !setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	if (!strcmp(how, "shut"))
		return !shutdown(s->fd, SHUT_WR) && recv_some(s, 1);
	return true;
}

/*
 * A call that had begun before the driver took the socket finds the slot taken; the
 * next does not.
 */
static bool take_ulp(struct slot *s)
{
	if (!setsockopt(s->fd, IPPROTO_TCP, TCP_ULP, "tls", 3))
		return true;
	return errno == EEXIST && !setsockopt(s->fd, IPPROTO_TCP, TCP_ULP, "tls", 3);
}

static bool serve_one(struct slot *s, uint64_t bytes, const char *how)
{
	/* "unread" leaves the request where it is, and so closes with a reset */
	if (strcmp(how, "unread") && !recv_some(s, 1))
		return false;
	if (!strcmp(how, "ulp") && !take_ulp(s))
		return false;
	return send_all(s, bytes) && end(s, how);
}

/* serve COUNT BYTES close|shut|reset|unread|ulp: a listening socket answers so many connections */
static void do_serve(struct slot *s, int argc, char **argv)
{
	long count = number(argv[0]), done = 0;

	(void)argc;
	while (done < count) {
		struct slot one;
		bool good;

		if (accept_from(s->fd, &one) < 0)
			break;
		good = serve_one(&one, (uint64_t)number(argv[1]), argv[2]);
		if (!good || close(one.fd))
			break;
		done++;
	}
	if (done == count)
		answer("done=%ld", done);
	else
		answer_error((uint64_t)done);
}

static bool visit_one(struct slot *s, char **argv)
{
	uint64_t bytes = (uint64_t)number(argv[3]);
	bool right;

	if (connect_to(s, argv[0], argv[1]) < 0 || !send_all(s, 1))
		return false;
	errno = 0;
	right = recv_some(s, bytes + 1);
	if (right && s->rx == bytes)
		return true;
	/* a reset may overtake what was sent before it */
	return !strcmp(argv[4], "reset") && (errno == ECONNRESET || right);
}

/* visit HOST PORT COUNT BYTES whole|reset [PROTOCOL]: so many connections, each to its end */
static void do_visit(struct slot *s, int argc, char **argv)
{
	long count = number(argv[2]), done = 0;
	int family = strchr(argv[0], ':') ? AF_INET6 : AF_INET;
	int protocol = argc > 5 ? (int)number(argv[5]) : 0;

	while (done < count) {
		memset(s, 0, sizeof(*s));
		s->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, protocol);
		if (s->fd < 0 || !visit_one(s, argv))
			break;
		close(s->fd);
		done++;
	}
	if (done < count) {
		if (!errno)
			answer_wrong(s->rx);
		else
			answer_error((uint64_t)done);
		close(s->fd);
	} else {
		answer("done=%ld", done);
	}
	s->fd = -1;
}

const struct verb short_verbs[] = {
	{"serve", 3, do_serve, false},
	{"visit", 5, do_visit, true},
	{NULL, 0, NULL, false},
};
