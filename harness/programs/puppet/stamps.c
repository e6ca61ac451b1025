/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verbs of puppet for programs that want to know when single writes of theirs left or were
 * acknowledged: they ask by an option, or in a control message of the write, and hear of it in the
 * error queue. And for those that want to know when received bytes arrived.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* It takes struct timespec from here. */
#include <linux/errqueue.h>

#include "puppet.h"

static uint8_t buf[CHUNK];

/* One write; its control message has these flags of SO_TIMESTAMPING. */
static ssize_t write_with(struct slot *s, size_t len, uint32_t flags)
{
	union {
		char bytes[CMSG_SPACE(sizeof(flags))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {buf, len};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SO_TIMESTAMPING;
	c->cmsg_len = CMSG_LEN(sizeof(flags));
	memcpy(CMSG_DATA(c), &flags, sizeof(flags));
	return sendmsg(s->fd, &msg, MSG_NOSIGNAL);
}

/*
 * stamped LEN FLAGS message|option: one write, with these flags of SO_TIMESTAMPING in a message of
 * its own, or set as the option, with nothing in between
 */
static void do_stamped(struct slot *s, int argc, char **argv)
{
	size_t len = (size_t)number(argv[0]) < sizeof(buf) ? (size_t)number(argv[0]) : sizeof(buf);
	uint32_t flags = (uint32_t)number(argv[1]);
	ssize_t n = -1;

	(void)argc;
	stream_fill(buf, s->tx_seed, s->tx, len);
	if (!strcmp(argv[2], "message"))
		n = write_with(s, len, flags);
	else if (!setsockopt(s->fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof(flags)))
		n = send(s->fd, buf, len, MSG_NOSIGNAL);
	if (n < 0) {
		answer_error(0);
		return;
	}
	s->tx += (uint64_t)n;
	answer("done=%zd", n);
}

/* One notice of the error queue: 1 << its kind, 0 if it is none of ours, -1 with errno. */
static int notice(int fd)
{
	char control[512];
	struct msghdr msg = {.msg_control = control, .msg_controllen = sizeof(control)};
	struct cmsghdr *c;

	if (recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return -1;
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		struct sock_extended_err e;

		if (!(c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR) &&
		    !(c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_RECVERR))
			continue;
		memcpy(&e, CMSG_DATA(c), sizeof(e));
		if (e.ee_origin == SO_EE_ORIGIN_TIMESTAMPING)
			return 1 << e.ee_info;
	}
	return 0;
}

/* stamps MILLISECONDS WANTED: which kinds came (a bit for each), until all that are wanted have */
static void do_stamps(struct slot *s, int argc, char **argv)
{
	int left = (int)number(argv[0]), wanted = (int)number(argv[1]), kinds = 0, count = 0, kind;

	(void)argc;
	for (;;) {
		struct pollfd p = {.fd = s->fd};

		while ((kind = notice(s->fd)) >= 0) {
			kinds |= kind;
			count += kind > 0;
		}
		if ((errno != EAGAIN && errno != EINTR) || late()) {
			answer_error(0);
			return;
		}
		if ((kinds & wanted) == wanted || left <= 0)
			break;
		poll(&p, 1, 10);
		left -= 10;
	}
	answer("kinds=%d count=%d", kinds, count);
}

/* The time of SO_TIMESTAMPNS with a message, in milliseconds before now; -1: it has none. */
static long age_of(struct msghdr *msg)
{
	struct timespec now, then;

	clock_gettime(CLOCK_REALTIME, &now);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_TIMESTAMPNS)
			continue;
		memcpy(&then, CMSG_DATA(c), sizeof(then));
		return (now.tv_sec - then.tv_sec) * 1000 + (now.tv_nsec - then.tv_nsec) / 1000000;
	}
	return -1;
}

/* arrived LEN: one call, which gives as much; how long ago the last byte of it came */
static void do_arrived(struct slot *s, int argc, char **argv)
{
	size_t len = (size_t)number(argv[0]) < sizeof(buf) ? (size_t)number(argv[0]) : sizeof(buf);
	char control[512];
	struct iovec iov = {buf, len};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(s->fd, &msg, MSG_WAITALL);

	(void)argc;
	if (n < 0)
		answer_error(0);
	else if (!stream_right(s, buf, (size_t)n))
		answer_wrong(s->rx);
	else
		answer("done=%zd age=%ld", n, age_of(&msg));
}

const struct verb stamps_verbs[] = {
	{"arrived", 1, do_arrived, false},
	{"stamped", 3, do_stamped, false},
	{"stamps", 2, do_stamps, false},
	{NULL, 0, NULL, false},
};
