/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verbs of puppet that make and end connections, and that ask about them or set options.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The kernel's struct tcp_info has fields that glibc's lacks. */
#include <linux/tcp.h>

#include "puppet.h"

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static unsigned int port_of(const union address *a)
{
	return ntohs(a->any.sa_family == AF_INET6 ? a->in6.sin6_port : a->in.sin_port);
}

static socklen_t size_of(const union address *a)
{
	return a->any.sa_family == AF_INET6 ? sizeof(a->in6) : sizeof(a->in);
}

static bool parse(union address *a, const char *host, const char *port)
{
	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET6, host, &a->in6.sin6_addr) == 1) {
		a->in6.sin6_family = AF_INET6;
		a->in6.sin6_port = htons((uint16_t)number(port));
		return true;
	}
	if (inet_pton(AF_INET, host, &a->in.sin_addr) == 1) {
		a->in.sin_family = AF_INET;
		a->in.sin_port = htons((uint16_t)number(port));
		return true;
	}
	errno = EINVAL;
	return false;
}

static void take(struct slot *s, int fd)
{
	memset(s, 0, sizeof(*s));
	s->fd = fd;
}

/*
 * The streams of a connection follow from the connecting end's port, which both ends know, and
 * differ by direction: bytes that end up in another connection, or come back, are wrong bytes.
 */
static void seed(struct slot *s, bool connector, unsigned int port)
{
	s->tx_seed = port * 2UL + (connector ? 0 : 1);
	s->rx_seed = port * 2UL + (connector ? 1 : 0);
}

/* socket 4|6 [PROTOCOL] */
static void do_socket(struct slot *s, int argc, char **argv)
{
	int fd = socket(argv[0][0] == '6' ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC,
			argc > 1 ? (int)number(argv[1]) : 0),
	    one = 1;

	if (fd < 0) {
		answer_error(0);
		return;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	take(s, fd);
	answer("fd=%d", fd);
}

/* bind ADDRESS PORT */
static void do_bind(struct slot *s, int argc, char **argv)
{
	union address a;

	(void)argc;
	if (!parse(&a, argv[0], argv[1]) || bind(s->fd, &a.any, size_of(&a)))
		answer_error(0);
	else
		answer("done=0");
}

/* listen BACKLOG: answers with the port */
static void do_listen(struct slot *s, int argc, char **argv)
{
	union address a;
	socklen_t size = sizeof(a);

	(void)argc;
	if (listen(s->fd, (int)number(argv[0])) || getsockname(s->fd, &a.any, &size))
		answer_error(0);
	else
		answer("port=%u", port_of(&a));
}

/* The next connection of a listening socket; the other end's port, or -1. */
int accept_from(int listener, struct slot *to)
{
	union address a;
	socklen_t size = sizeof(a);
	int fd;

	do {
		fd = accept4(listener, &a.any, &size, SOCK_CLOEXEC);
	} while (fd < 0 && errno == EINTR && !late());
	if (fd < 0)
		return -1;
	take(to, fd);
	seed(to, false, port_of(&a));
	return (int)port_of(&a);
}

/* Connect a socket; its own port, or -1. */
int connect_to(struct slot *s, const char *host, const char *port)
{
	union address a;
	socklen_t size = sizeof(a);

	if (!parse(&a, host, port) || connect(s->fd, &a.any, size_of(&a)) ||
	    getsockname(s->fd, &a.any, &size))
		return -1;
	seed(s, true, port_of(&a));
	s->tx = s->rx = 0;
	return (int)port_of(&a);
}

/* accept SLOT: into that slot */
static void do_accept(struct slot *s, int argc, char **argv)
{
	struct slot *to = slot_of(argv[0]);
	int port;

	(void)argc;
	if (!to || to->fd >= 0) {
		errno = EBADF;
		answer_error(0);
		return;
	}
	port = accept_from(s->fd, to);
	if (port < 0)
		answer_error(0);
	else
		answer("port=%d", port);
}

/* connect ADDRESS PORT */
static void do_connect(struct slot *s, int argc, char **argv)
{
	int port = connect_to(s, argv[0], argv[1]);

	(void)argc;
	if (port < 0)
		answer_error(0);
	else
		answer("port=%d", port);
}

/* disconnect: connect(AF_UNSPEC) */
static void do_disconnect(struct slot *s, int argc, char **argv)
{
	struct sockaddr a = {.sa_family = AF_UNSPEC};

	(void)argc;
	(void)argv;
	if (connect(s->fd, &a, sizeof(a)))
		answer_error(0);
	else
		answer("done=0");
}

/* shutdown rd|wr|both */
static void do_shutdown(struct slot *s, int argc, char **argv)
{
	int how = !strcmp(argv[0], "rd") ? SHUT_RD : !strcmp(argv[0], "wr") ? SHUT_WR : SHUT_RDWR;

	(void)argc;
	if (shutdown(s->fd, how))
		answer_error(0);
	else
		answer("done=0");
}

static void do_close(struct slot *s, int argc, char **argv)
{
	int fd = s->fd;

	(void)argc;
	(void)argv;
	s->fd = -1;
	if (close(fd))
		answer_error(0);
	else
		answer("done=0");
}

/* fork MILLISECONDS LEN: a child that inherits everything sends so much after so long, and exits */
static void do_fork(struct slot *s, int argc, char **argv)
{
	struct timespec nap = {number(argv[0]) / 1000, number(argv[0]) % 1000 * 1000000};
	pid_t pid = fork();

	(void)argc;
	if (pid < 0) {
		answer_error(0);
		return;
	}
	if (pid) {
		answer("pid=%d", pid);
		return;
	}
	while (nanosleep(&nap, &nap) && errno == EINTR)
		;
	/* What the child has to say would mix with the parent's answers. */
	if (!freopen("/dev/null", "w", stdout))
		_exit(1);
	for (const struct verb *v = data_verbs; v->name; v++)
		if (!strcmp(v->name, "send"))
			v->run(s, 1, argv + 1);
	_exit(0);
}

/* set LEVEL NAME NUMBER [NUMBER]: one int or two (struct linger) */
static void do_set(struct slot *s, int argc, char **argv)
{
	int value[2] = {(int)number(argv[2]), argc > 3 ? (int)number(argv[3]) : 0};

	if (setsockopt(s->fd, (int)number(argv[0]), (int)number(argv[1]), value,
		       argc > 3 ? sizeof(value) : sizeof(value[0])))
		answer_error(0);
	else
		answer("done=0");
}

/* setstr LEVEL NAME TEXT */
static void do_setstr(struct slot *s, int argc, char **argv)
{
	(void)argc;
	if (setsockopt(s->fd, (int)number(argv[0]), (int)number(argv[1]), argv[2],
		       (socklen_t)strlen(argv[2])))
		answer_error(0);
	else
		answer("done=0");
}

/* A structure that a test has made, written as hexadecimal digits; how many bytes it has. */
static size_t raw(uint8_t *to, const char *word)
{
	size_t size = strlen(word) / 2;

	for (size_t i = 0; i < size && i < RAW; i++) {
		char byte[] = {word[2 * i], word[2 * i + 1], 0};

		to[i] = (uint8_t)strtoul(byte, NULL, 16);
	}
	return size < RAW ? size : RAW;
}

/* setraw LEVEL NAME HEX: an option that is a structure */
static void do_setraw(struct slot *s, int argc, char **argv)
{
	uint8_t value[RAW];
	size_t size = raw(value, argv[2]);

	(void)argc;
	if (setsockopt(s->fd, (int)number(argv[0]), (int)number(argv[1]), value, (socklen_t)size))
		answer_error(0);
	else
		answer("done=0");
}

/* rtnetlink HEX: a message to the kernel's routes, which asks for an answer */
static void do_rtnetlink(struct slot *s, int argc, char **argv)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		uint8_t more[RAW];
	} reply = {.header.nlmsg_type = NLMSG_NOOP};
	uint8_t message[RAW];
	size_t size = raw(message, argv[0]);

	(void)s;
	(void)argc;
	if (fd < 0 || send(fd, message, size, 0) < 0 || recv(fd, &reply, sizeof(reply), 0) < 0) {
		answer_error(0);
	} else if (reply.header.nlmsg_type != NLMSG_ERROR || reply.error.error) {
		errno = reply.header.nlmsg_type == NLMSG_ERROR ? -reply.error.error : EPROTO;
		answer_error(0);
	} else {
		answer("done=0");
	}
	close(fd);
}

/* get LEVEL NAME: the first four bytes as a number, and how many there were */
static void do_get(struct slot *s, int argc, char **argv)
{
	int value = 0;
	socklen_t size = sizeof(value);

	(void)argc;
	if (getsockopt(s->fd, (int)number(argv[0]), (int)number(argv[1]), &value, &size))
		answer_error(0);
	else
		answer("value=%d size=%u", value, size);
}

/* queues: what SIOCINQ, SIOCOUTQ and SIOCOUTQNSD say, and whether the urgent mark is next */
static void do_queues(struct slot *s, int argc, char **argv)
{
	int in = 0, out = 0, unsent = 0, mark = 0;

	(void)argc;
	(void)argv;
	if (ioctl(s->fd, SIOCINQ, &in) || ioctl(s->fd, SIOCOUTQ, &out) ||
	    ioctl(s->fd, SIOCOUTQNSD, &unsent) || ioctl(s->fd, SIOCATMARK, &mark))
		answer_error(0);
	else
		answer("in=%d out=%d unsent=%d mark=%d tx=%llu rx=%llu", in, out, unsent, mark,
		       (unsigned long long)s->tx, (unsigned long long)s->rx);
}

/* poll MILLISECONDS EVENTS */
static void do_poll(struct slot *s, int argc, char **argv)
{
	struct pollfd p = {.fd = s->fd, .events = (short)number(argv[1])};

	(void)argc;
	if (poll(&p, 1, (int)number(argv[0])) < 0)
		answer_error(0);
	else
		answer("events=%d", p.revents);
}

static void do_info(struct slot *s, int argc, char **argv)
{
	struct {
		struct tcp_info i;
		uint32_t more[16];
	} all = {0};
	struct tcp_info i;
	socklen_t size = sizeof(all);
	uint32_t window;

	(void)argc;
	(void)argv;
	if (getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &all, &size)) {
		answer_error(0);
		return;
	}
	i = all.i;
	/* tcpi_rcv_wnd, which older headers lack, follows */
	memcpy(&window, (char *)&all + offsetof(struct tcp_info, tcpi_snd_wnd) + 4, sizeof(window));
	answer("state=%u rtt=%u rto=%u cwnd=%u mss=%u acked=%llu received=%llu notsent=%u "
	       "retrans=%u unacked=%u options=%u window=%u rcvwnd=%u sent_ago=%u heard_ago=%u",
	       i.tcpi_state, i.tcpi_rtt, i.tcpi_rto, i.tcpi_snd_cwnd, i.tcpi_snd_mss,
	       (unsigned long long)i.tcpi_bytes_acked, (unsigned long long)i.tcpi_bytes_received,
	       i.tcpi_notsent_bytes, i.tcpi_total_retrans, i.tcpi_unacked, i.tcpi_options,
	       i.tcpi_snd_wnd, window, i.tcpi_last_data_sent, i.tcpi_last_ack_recv);
}

/* errors MILLISECONDS: ask for the error again and again; how many there were, first and last */
static void do_errors(struct slot *s, int argc, char **argv)
{
	int count = 0, first = 0, last = 0;
	struct timespec now, end;

	(void)argc;
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += number(argv[0]) / 1000;
	do {
		int value = 0;
		socklen_t size = sizeof(value);

		getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &value, &size);
		if (value) {
			first = count++ ? first : value;
			last = value;
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (!late() && now.tv_sec <= end.tv_sec);
	answer("count=%d first=%d last=%d", count, first, last);
}

const struct verb ctl_verbs[] = {
	{"socket", 1, do_socket, true},
	{"bind", 2, do_bind, false},
	{"listen", 1, do_listen, false},
	{"accept", 1, do_accept, false},
	{"connect", 2, do_connect, false},
	{"disconnect", 0, do_disconnect, false},
	{"shutdown", 1, do_shutdown, false},
	{"close", 0, do_close, false},
	{"fork", 2, do_fork, false},
	{"set", 3, do_set, false},
	{"setstr", 3, do_setstr, false},
	{"setraw", 3, do_setraw, false},
	{"get", 2, do_get, false},
	{"queues", 0, do_queues, false},
	{"poll", 2, do_poll, false},
	{"info", 0, do_info, false},
	{"rtnetlink", 1, do_rtnetlink, false},
	{"errors", 1, do_errors, false},
	{NULL, 0, NULL, false},
};
