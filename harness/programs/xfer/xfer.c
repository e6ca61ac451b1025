/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xfer - an ordinary TCP program that notices everything: it sends a pseudo-random stream and
 * compares the stream that it receives byte by byte with what must stand at that position, both
 * ways at once over one connection. It knows nothing of offload; it only uses the socket as
 * programs do, in many ways (--mode mixed).
 *
 * It ends with one line of JSON on standard output: bytes each way, the first wrong position if
 * there is one, and the error that ended it. Exit status 0: every byte arrived and was right.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 256 << 10, BLOCK = 8, SMALL = 1400 };

struct options {
	bool listen, mixed, until_stop;
	const char *host, *port, *stop_file;
	uint64_t bytes;		/* each way; with until_stop: at least */
	uint64_t seed;
	unsigned int timeout;	/* seconds without any progress */
	unsigned int read_pause, write_pause;	/* at most, between calls, microseconds */
	unsigned int chunk;	/* bytes per call at most */
	int rcvbuf;		/* SO_RCVBUF, 0: leave it */
};

struct half {
	int fd;
	const struct options *opt;
	uint64_t seed;
	_Atomic uint64_t done;
	uint64_t wrong_at;	/* position of the first wrong byte, UINT64_MAX: none */
	char error[160];
};

static _Atomic bool give_up;

/* splitmix64 of (seed, block number): any position of the stream can be computed by itself */
static uint64_t block_at(uint64_t seed, uint64_t block)
{
	uint64_t z = seed + (block + 1) * 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static void stream_fill(uint8_t *buf, uint64_t pos, size_t len, uint64_t seed)
{
	while (len) {
		uint64_t word = block_at(seed, pos / BLOCK);
		size_t at = pos % BLOCK, n = BLOCK - at < len ? BLOCK - at : len;

		memcpy(buf, (uint8_t *)&word + at, n);
		buf += n;
		pos += n;
		len -= n;
	}
}

static uint64_t rnd(uint64_t *state)
{
	*state += 1;
	return block_at(*state, *state);
}

static void nap(unsigned int most, uint64_t *state)
{
	if (most)
		usleep((useconds_t)(rnd(state) % (most + 1)));
}

static bool fail(struct half *h, const char *what)
{
	snprintf(h->error, sizeof(h->error), "%s: %s", what, strerror(errno));
	return false;
}

/* How its length is agreed: the writer may stop when `bytes` are out and the stop file exists. */
static bool writer_done(const struct half *h)
{
	if (h->done < h->opt->bytes)
		return false;
	return !h->opt->until_stop || access(h->opt->stop_file, F_OK) == 0;
}

static ssize_t send_splice(int fd, const uint8_t *buf, size_t len)
{
	int pipefd[2];
	ssize_t in, out, total = 0;

	if (pipe(pipefd))
		return -1;
	if (len > 60 << 10)
		len = 60 << 10;
	in = write(pipefd[1], buf, len);
	while (total < in) {
		out = splice(pipefd[0], NULL, fd, NULL, (size_t)(in - total), SPLICE_F_MORE);
		if (out <= 0)
			break;
		total += out;
	}
	close(pipefd[0]);
	close(pipefd[1]);
	return in < 0 ? in : total;
}

static ssize_t send_polled(int fd, const uint8_t *buf, size_t len)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	ssize_t n;

	for (;;) {
		n = send(fd, buf, len, MSG_DONTWAIT | MSG_MORE | MSG_NOSIGNAL);
		if (n >= 0 || errno != EAGAIN)
			return n;
		if (poll(&p, 1, 60000) == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
	}
}

static ssize_t send_some(int fd, const uint8_t *buf, size_t len, unsigned int how)
{
	switch (how) {
	case 1:
		return send_polled(fd, buf, len);
	case 2:
		return send_splice(fd, buf, len);
	default:
		return send(fd, buf, len, MSG_NOSIGNAL);
	}
}

/* One write in two is smaller than a segment, as those of programs that talk are. */
static size_t write_size(const struct options *opt, uint64_t *state)
{
	unsigned int most = rnd(state) & 1 || opt->chunk < SMALL ? opt->chunk : SMALL;

	return 1 + rnd(state) % most;
}

static void *writer(void *arg)
{
	struct half *h = arg;
	uint8_t *buf = malloc(CHUNK);
	uint64_t state = h->seed * 3 + 1;

	while (!give_up && !writer_done(h)) {
		size_t len = write_size(h->opt, &state);
		unsigned int how = h->opt->mixed ? rnd(&state) % 3 : 0;
		ssize_t n;

		if (!h->opt->until_stop && h->done + len > h->opt->bytes)
			len = h->opt->bytes - h->done;
		stream_fill(buf, h->done, len, h->seed);
		n = send_some(h->fd, buf, len, how);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			fail(h, "send");
			break;
		}
		h->done += (uint64_t)n;
		nap(h->opt->write_pause, &state);
	}
	if (!h->error[0] && shutdown(h->fd, SHUT_WR))
		fail(h, "shutdown");
	free(buf);
	return NULL;
}

/* epoll, then FIONREAD must not promise what recv does not give */
static ssize_t recv_epoll(struct half *h, uint8_t *buf, size_t len)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int ep = epoll_create1(0), promised = 0;
	ssize_t n = -1;

	if (epoll_ctl(ep, EPOLL_CTL_ADD, h->fd, &ev) == 0 && epoll_wait(ep, &ev, 1, 60000) == 1 &&
	    ioctl(h->fd, FIONREAD, &promised) == 0) {
		n = recv(h->fd, buf, len, MSG_DONTWAIT);
		if (n >= 0 && n < promised && (size_t)n < len) {
			snprintf(h->error, sizeof(h->error),
				 "FIONREAD said %d, recv gave %zd of %zu", promised, n, len);
			n = -1;
		}
	}
	close(ep);
	return n;
}

static ssize_t recv_peeked(struct half *h, uint8_t *buf, size_t len)
{
	static uint8_t peek[CHUNK];
	ssize_t seen = recv(h->fd, peek, len, MSG_PEEK), n;

	if (seen <= 0)
		return seen;
	n = recv(h->fd, buf, (size_t)seen, 0);
	if (n > 0 && memcmp(peek, buf, (size_t)n)) {
		snprintf(h->error, sizeof(h->error), "MSG_PEEK showed other bytes than recv gave");
		return -1;
	}
	return n;
}

static ssize_t recv_some(struct half *h, uint8_t *buf, size_t len, unsigned int how)
{
	switch (how) {
	case 1:
		return recv_peeked(h, buf, len);
	case 2:
		return recv_epoll(h, buf, len);
	case 3:
		return recv(h->fd, buf, len > 8192 ? 8192 : len, MSG_WAITALL);
	default:
		return read(h->fd, buf, len);
	}
}

static bool compare(struct half *h, const uint8_t *buf, size_t len)
{
	static uint8_t want[CHUNK];

	stream_fill(want, h->done, len, h->seed);
	if (!memcmp(buf, want, len))
		return true;
	for (size_t i = 0; i < len; i++) {
		if (buf[i] != want[i]) {
			h->wrong_at = h->done + i;
			break;
		}
	}
	snprintf(h->error, sizeof(h->error), "wrong byte at position %llu",
		 (unsigned long long)h->wrong_at);
	return false;
}

static void *reader(void *arg)
{
	struct half *h = arg;
	uint8_t *buf = malloc(CHUNK);
	uint64_t state = h->seed * 5 + 2;

	for (;;) {
		size_t len = 1 + rnd(&state) % h->opt->chunk;
		ssize_t n = recv_some(h, buf, len, h->opt->mixed ? rnd(&state) % 4 : 0);

		if (n < 0 && (errno == EINTR || errno == EAGAIN) && !h->error[0])
			continue;
		if (n < 0) {
			if (!h->error[0])
				fail(h, "recv");
			break;
		}
		if (n == 0) {
			if (h->done < h->opt->bytes)
				snprintf(h->error, sizeof(h->error),
					 "end of stream after %llu of %llu bytes",
					 (unsigned long long)h->done,
					 (unsigned long long)h->opt->bytes);
			break;
		}
		if (!compare(h, buf, (size_t)n))
			break;
		h->done += (uint64_t)n;
		nap(h->opt->read_pause, &state);
	}
	if (h->error[0])
		give_up = true;
	free(buf);
	return NULL;
}

static int open_socket(const struct options *opt)
{
	struct addrinfo *ai, hints = {
		.ai_socktype = SOCK_STREAM, .ai_flags = opt->listen ? AI_PASSIVE : 0
	};
	int fd = -1, one = 1, err = getaddrinfo(opt->host, opt->port, &hints, &ai);

	if (err) {
		fprintf(stderr, "xfer: %s port %s: %s\n", opt->host, opt->port, gai_strerror(err));
		return -1;
	}
	/* a connect may come before the other end listens */
	for (int tries = 0; tries < 100; tries++) {
		fd = socket(ai->ai_family, SOCK_STREAM, 0);
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (opt->rcvbuf)
			setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &opt->rcvbuf, sizeof(opt->rcvbuf));
		if (opt->listen) {
			int l = fd;

			if (bind(l, ai->ai_addr, ai->ai_addrlen) || listen(l, 8))
				break;
			fd = accept(l, NULL, NULL);
			close(l);
			freeaddrinfo(ai);
			return fd;
		}
		if (connect(fd, ai->ai_addr, ai->ai_addrlen) == 0) {
			freeaddrinfo(ai);
			return fd;
		}
		close(fd);
		fd = -1;
		usleep(100000);
	}
	fprintf(stderr, "xfer: %s port %s: %s\n", opt->host, opt->port, strerror(errno));
	freeaddrinfo(ai);
	return -1;
}

/* End a run in which nothing has moved for opt->timeout seconds. */
static void *watchdog(void *arg)
{
	struct half *h = arg;
	uint64_t last = 0;
	unsigned int quiet = 0;

	for (;;) {
		uint64_t now = h[0].done + h[1].done;

		sleep(1);
		quiet = now == last ? quiet + 1 : 0;
		last = now;
		if (quiet >= h->opt->timeout) {
			give_up = true;
			snprintf(h[1].error, sizeof(h[1].error), "no byte moved for %u s", quiet);
			shutdown(h->fd, SHUT_RDWR);
			return NULL;
		}
	}
}

static int run(const struct options *opt)
{
	struct half h[2] = { 0 };
	pthread_t tw, tr, td;
	struct timespec a, b;
	int fd = open_socket(opt);
	bool ok;

	if (fd < 0)
		return 2;
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < 2; i++) {
		h[i].fd = fd;
		h[i].opt = opt;
		h[i].wrong_at = UINT64_MAX;
	}
	h[0].seed = opt->seed * 2 + (opt->listen ? 1 : 0);
	h[1].seed = opt->seed * 2 + (opt->listen ? 0 : 1);
	if (pthread_create(&tw, NULL, writer, &h[0]) || pthread_create(&tr, NULL, reader, &h[1]) ||
	    pthread_create(&td, NULL, watchdog, h))
		return 2;
	pthread_join(tr, NULL);
	if (h[1].error[0])
		shutdown(fd, SHUT_RDWR);
	pthread_join(tw, NULL);
	clock_gettime(CLOCK_MONOTONIC, &b);
	ok = !h[0].error[0] && !h[1].error[0];
	printf("{\"ok\": %s, \"sent\": %llu, \"received\": %llu, \"wrong_at\": %lld, "
	       "\"send_error\": \"%s\", \"recv_error\": \"%s\", \"seconds\": %.3f}\n",
	       ok ? "true" : "false", (unsigned long long)h[0].done, (unsigned long long)h[1].done,
	       h[1].wrong_at == UINT64_MAX ? -1LL : (long long)h[1].wrong_at,
	       h[0].error, h[1].error,
	       (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9);
	fflush(stdout);
	close(fd);
	return ok ? 0 : 1;
}

static const char usage[] =
	"usage: xfer (--listen | --connect) HOST PORT [options]\n"
	"  --bytes N        send and expect at least N bytes each way (default 1 MiB)\n"
	"  --until FILE     after --bytes go on until FILE exists\n"
	"  --seed N         of the streams; the same at both ends (default 1)\n"
	"  --mode MODE      plain: read and write; mixed: peek, epoll, WAITALL, MORE, splice too\n"
	"  --pause US       sleep up to US microseconds between calls\n"
	"  --write-pause US the same, only of the writer\n"
	"  --read-pause US  the same, only of the reader\n"
	"  --chunk N        bytes per call at most (default 65536)\n"
	"  --rcvbuf N       set SO_RCVBUF, which ends the kernel's own sizing\n"
	"  --timeout S      give up after S seconds in which no byte moved (default 60)\n";

static bool parse(int argc, char **argv, struct options *opt)
{
	static const struct option longs[] = {
		{ "listen", no_argument, NULL, 'l' }, { "connect", no_argument, NULL, 'c' },
		{ "bytes", required_argument, NULL, 'b' },
		{ "until", required_argument, NULL, 'u' },
		{ "seed", required_argument, NULL, 's' }, { "mode", required_argument, NULL, 'm' },
		{ "pause", required_argument, NULL, 'p' },
		{ "chunk", required_argument, NULL, 'k' },
		{ "timeout", required_argument, NULL, 't' },
		{ "rcvbuf", required_argument, NULL, 'r' },
		{ "read-pause", required_argument, NULL, 'P' },
		{ "write-pause", required_argument, NULL, 'W' },
		{ "help", no_argument, NULL, 'h' }, { 0 },
	};
	int c, ends = 0;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'l': opt->listen = true; ends++; break;
		case 'c': opt->listen = false; ends++; break;
		case 'b': opt->bytes = strtoull(optarg, NULL, 0); break;
		case 'u': opt->until_stop = true; opt->stop_file = optarg; break;
		case 's': opt->seed = strtoull(optarg, NULL, 0); break;
		case 'm': opt->mixed = !strcmp(optarg, "mixed");
			if (!opt->mixed && strcmp(optarg, "plain"))
				return false;
			break;
		case 'p':
			opt->read_pause = opt->write_pause = (unsigned int)strtoul(optarg, NULL, 0);
			break;
		case 'P': opt->read_pause = (unsigned int)strtoul(optarg, NULL, 0); break;
		case 'W': opt->write_pause = (unsigned int)strtoul(optarg, NULL, 0); break;
		case 'k': opt->chunk = (unsigned int)strtoul(optarg, NULL, 0); break;
		case 'r': opt->rcvbuf = atoi(optarg); break;
		case 't': opt->timeout = (unsigned int)strtoul(optarg, NULL, 0); break;
		default: return false;
		}
	}
	if (ends != 1 || argc - optind != 2 || !opt->chunk || opt->chunk > CHUNK || !opt->timeout)
		return false;
	opt->host = argv[optind];
	opt->port = argv[optind + 1];
	return true;
}

int main(int argc, char **argv)
{
	struct options opt = { .bytes = 1 << 20, .seed = 1, .timeout = 60, .chunk = 65536 };

	signal(SIGPIPE, SIG_IGN);
	if (!parse(argc, argv, &opt)) {
		fputs(usage, stderr);
		return 2;
	}
	return run(&opt);
}
