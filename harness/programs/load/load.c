/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load - the load of the bench, both ends of it: bulk transfer of an exact number of bytes, and
 * request/response.
 *
 *   load peer PORT         the end on the host: takes orders on standard input, says results
 *   load guest HOST PORT   the end in the guest: connects, and does what the peer orders
 *
 * The orders are `send BYTES` (the guest sends), `recv BYTES` (the guest receives) and
 * `rr COUNT SIZE` (the peer asks with SIZE bytes and the guest answers with as many). Each is
 * answered by one line of JSON. Only the peer looks at the clock, which is the host's: the clock of
 * an emulated guest is none to measure with, and costs it instructions. Every order is over when
 * the peer knows that the guest is done, so counters read before and after enclose it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 128 << 10, RR_SIZE_MAX = 16384, RR_COUNT_MAX = 1000000, PATIENCE = 20 };
enum kind { SEND = 1, RECV, RR };

/* Both ends run on the same kind of machine: the order goes as it stands in memory. */
struct order {
	uint32_t kind;
	uint32_t size;
	uint64_t count;
};

static char buf[CHUNK];

static void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, errno ? strerror(errno) : "the other end has gone");
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t cpu_us(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (uint64_t)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000000u +
	       (uint64_t)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

static void send_bytes(int fd, uint64_t bytes)
{
	while (bytes) {
		ssize_t n = send(fd, buf, bytes < CHUNK ? bytes : CHUNK, MSG_NOSIGNAL);

		if (n <= 0)
			die("send");
		bytes -= (uint64_t)n;
	}
}

static void recv_bytes(int fd, uint64_t bytes)
{
	while (bytes) {
		ssize_t n = recv(fd, buf, bytes < CHUNK ? bytes : CHUNK, 0);

		if (n < 0)
			die("recv");
		if (n == 0) {
			errno = 0;
			die("recv");
		}
		bytes -= (uint64_t)n;
	}
}

/* ---------------------------------------------------------------- guest */

static int connect_to(const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST }, *found;
	int one = 1, fd;

	if (getaddrinfo(host, port, &hints, &found)) {
		errno = EINVAL;
		die(host);
	}
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen))
		die("connect");
	freeaddrinfo(found);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static void guest_obey(int fd, const struct order *order)
{
	switch (order->kind) {
	case SEND:
		send_bytes(fd, order->count);
		break;
	case RECV:
		recv_bytes(fd, order->count);
		send_bytes(fd, 1);
		break;
	case RR:
		for (uint64_t i = 0; i < order->count; i++) {
			recv_bytes(fd, order->size);
			send_bytes(fd, order->size);
		}
		break;
	default:
		errno = EPROTO;
		die("order");
	}
}

static int guest(const char *host, const char *port)
{
	int fd = connect_to(host, port);
	struct order order;

	printf("connected\n");
	fflush(stdout);
	while (recv(fd, &order, sizeof(order), MSG_WAITALL) == sizeof(order))
		guest_obey(fd, &order);
	return 0;
}

/* ----------------------------------------------------------------- peer */

static int accept_one(const char *port)
{
	struct addrinfo hints = { .ai_family = AF_INET6, .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_PASSIVE }, *found;
	struct timeval patience = { .tv_sec = PATIENCE };
	int one = 1, ear, fd;

	if (getaddrinfo(NULL, port, &hints, &found)) {
		errno = EINVAL;
		die(port);
	}
	ear = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(ear, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(ear, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (ear < 0 || bind(ear, found->ai_addr, found->ai_addrlen) || listen(ear, 1))
		die("listen");
	freeaddrinfo(found);
	printf("listening\n");
	fflush(stdout);
	fd = accept4(ear, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		die("accept");
	close(ear);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return fd;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* The smallest value that at least `percent` of the sorted ones do not exceed, in microseconds. */
static double percentile(const uint32_t *sorted, uint64_t count, unsigned int percent)
{
	return sorted[(count * percent + 99) / 100 - 1] / 1000.0;
}

static void bulk(int fd, struct order *order, const char *name)
{
	uint64_t cpu = cpu_us(), begin = now_ns(), end;

	if (send(fd, order, sizeof(*order), MSG_NOSIGNAL) != sizeof(*order))
		die("send");
	if (order->kind == SEND) {
		recv_bytes(fd, order->count);
	} else {
		send_bytes(fd, order->count);
		recv_bytes(fd, 1);
	}
	end = now_ns();
	printf("{\"order\": \"%s\", \"bytes\": %ju, \"ns\": %ju, \"cpu_us\": %ju}\n", name,
	       (uintmax_t)order->count, (uintmax_t)(end - begin), (uintmax_t)(cpu_us() - cpu));
}

static void round_trips(int fd, struct order *order)
{
	uint64_t cpu = cpu_us(), begin = now_ns(), last = begin;
	uint32_t *took = calloc(order->count, sizeof(*took));	/* nanoseconds */

	if (!took || send(fd, order, sizeof(*order), MSG_NOSIGNAL) != sizeof(*order))
		die("send");
	for (uint64_t i = 0; i < order->count; i++) {
		uint64_t now;

		send_bytes(fd, order->size);
		recv_bytes(fd, order->size);
		now = now_ns();
		took[i] = now - last < UINT32_MAX ? (uint32_t)(now - last) : UINT32_MAX;
		last = now;
	}
	cpu = cpu_us() - cpu;
	qsort(took, order->count, sizeof(*took), by_value);
	printf("{\"order\": \"rr\", \"count\": %ju, \"size\": %u, \"bytes\": %ju, \"ns\": %ju, ",
	       (uintmax_t)order->count, order->size, (uintmax_t)(2 * order->size * order->count),
	       (uintmax_t)(last - begin));
	printf("\"cpu_us\": %ju, \"p50_us\": %.3f, \"p90_us\": %.3f, \"p99_us\": %.3f}\n",
	       (uintmax_t)cpu, percentile(took, order->count, 50),
	       percentile(took, order->count, 90), percentile(took, order->count, 99));
	free(took);
}

static bool peer_order(int fd, const char *line)
{
	struct order order = { 0 };
	uintmax_t count;

	if (sscanf(line, "send %ju", &count) == 1 || sscanf(line, "recv %ju", &count) == 1) {
		order.kind = line[0] == 's' ? SEND : RECV;
		order.count = count;
		bulk(fd, &order, order.kind == SEND ? "send" : "recv");
		return true;
	}
	if (sscanf(line, "rr %ju %u", &count, &order.size) == 2 && count && count <= RR_COUNT_MAX &&
	    order.size && order.size <= RR_SIZE_MAX) {
		order.kind = RR;
		order.count = count;
		round_trips(fd, &order);
		return true;
	}
	fprintf(stderr, "load: no order: %s", line);
	return false;
}

static int peer(const char *port)
{
	int fd = accept_one(port);
	char line[128];

	printf("connected\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		if (!peer_order(fd, line))
			return 2;
		fflush(stdout);
	}
	return 0;
}

int main(int argc, char **argv)
{
	memset(buf, 'c', sizeof(buf));
	if (argc == 3 && !strcmp(argv[1], "peer"))
		return peer(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "guest"))
		return guest(argv[2], argv[3]);
	fprintf(stderr, "usage: load peer PORT | load guest HOST PORT\n");
	return 2;
}
