/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verbs of puppet that move bytes. What is sent at a position of a stream follows from the
 * stream's seed, so that the receiver can say of every byte whether it is the right one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <linux/userfaultfd.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "puppet.h"

#ifndef MSG_SOCK_DEVMEM
#define MSG_SOCK_DEVMEM 0x2000000
#endif

enum {
	ZC_BYTES = 256 << 10,
	PIPE_BYTES = 1 << 20
};

static uint8_t buf[ZC_BYTES];

static uint64_t word_at(uint64_t seed, uint64_t word)
{
	uint64_t z = seed * 0x9e3779b97f4a7c15ULL + word + 1;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

void stream_fill(uint8_t *to, uint64_t seed, uint64_t pos, size_t len)
{
	while (len) {
		uint64_t word = word_at(seed, pos >> 3);
		size_t at = pos & 7, n = 8 - at < len ? 8 - at : len;

		memcpy(to, (uint8_t *)&word + at, n);
		to += n;
		pos += n;
		len -= n;
	}
}

/* Whether the received bytes are right; moves the position, at most to the first wrong one. */
bool stream_right(struct slot *s, const uint8_t *from, size_t len)
{
	static uint8_t want[CHUNK];

	stream_fill(want, s->rx_seed, s->rx, len);
	for (size_t i = 0; i < len; i++)
		if (from[i] != want[i]) {
			s->rx += i;
			return false;
		}
	s->rx += len;
	return true;
}

static int flags_of(int argc, char **argv)
{
	static const struct {
		const char *name;
		int flag;
	} names[] = {
		{"oob", MSG_OOB},   {"more", MSG_MORE},	      {"dontwait", MSG_DONTWAIT},
		{"peek", MSG_PEEK}, {"waitall", MSG_WAITALL}, {"zerocopy", MSG_ZEROCOPY},
		{"trunc", MSG_TRUNC}, {"devmem", MSG_SOCK_DEVMEM},
	};
	int flags = 0;

	for (int i = 0; i < argc; i++)
		for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++)
			if (!strcmp(argv[i], names[n].name))
				flags |= names[n].flag;
	return flags;
}

static size_t least(uint64_t a, size_t b)
{
	return a < b ? (size_t)a : b;
}

/* send LEN [oob|more|dontwait|tiny]: all of it, in calls of at most CHUNK, or of at most 7 bytes */
static void do_send(struct slot *s, int argc, char **argv)
{
	uint64_t len = (uint64_t)number(argv[0]), done = 0;
	int flags = flags_of(argc - 1, argv + 1) | MSG_NOSIGNAL;
	size_t most = argc > 1 && !strcmp(argv[argc - 1], "tiny") ? 7 : CHUNK;

	while (done < len) {
		size_t part = least(len - done, most);
		ssize_t n;

		stream_fill(buf, s->tx_seed, s->tx, part);
		n = send(s->fd, buf, part, flags);
		if (n < 0 && (errno != EINTR || late())) {
			answer_error(done);
			return;
		}
		if (n > 0) {
			done += (uint64_t)n;
			s->tx += (uint64_t)n;
		}
	}
	answer("done=%llu", (unsigned long long)done);
}

/* sendfile LEN ASKED: one call that asks for ASKED bytes of a file of LEN, at most CHUNK */
static void do_sendfile(struct slot *s, int argc, char **argv)
{
	size_t len = least((uint64_t)number(argv[0]), CHUNK);
	int file = memfd_create("puppet", MFD_CLOEXEC);
	off_t from = 0;
	ssize_t n = -1;

	(void)argc;
	stream_fill(buf, s->tx_seed, s->tx, len);
	if (file >= 0 && write(file, buf, len) == (ssize_t)len)
		n = sendfile(s->fd, file, &from, (size_t)number(argv[1]));
	if (n < 0) {
		answer_error(0);
	} else {
		s->tx += (uint64_t)n;
		answer("done=%zd", n);
	}
	close(file);
}

/* fill MILLISECONDS: without blocking, until nothing has been taken for so long */
static void do_fill(struct slot *s, int argc, char **argv)
{
	struct pollfd p = {.fd = s->fd, .events = POLLOUT};
	uint64_t done = 0;

	(void)argc;
	for (;;) {
		ssize_t n;

		stream_fill(buf, s->tx_seed, s->tx, CHUNK);
		n = send(s->fd, buf, CHUNK, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			done += (uint64_t)n;
			s->tx += (uint64_t)n;
		} else if (errno != EAGAIN || late()) {
			break;
		} else if (poll(&p, 1, (int)number(argv[0])) == 0) {
			answer("done=%llu", (unsigned long long)done);
			return;
		}
	}
	answer_error(done);
}

/*
 * recv LEN [peek|waitall|dontwait|oob|trunc]: exactly so much, or to the end of the stream; trunc
 * throws it away unseen
 */
static void do_recv(struct slot *s, int argc, char **argv)
{
	uint64_t len = (uint64_t)number(argv[0]), done = 0;
	int flags = flags_of(argc - 1, argv + 1);
	ssize_t n = 1;

	while (done < len && n) {
		n = recv(s->fd, flags & MSG_TRUNC ? NULL : buf, least(len - done, CHUNK), flags);
		if (n < 0 && errno == EINTR && !late())
			continue;
		if (n < 0) {
			answer_error(done);
			return;
		}
		if (flags & MSG_TRUNC) {
			s->rx += (uint64_t)n;
		} else if (!stream_right(s, buf, (size_t)n)) {
			answer_wrong(s->rx);
			return;
		}
		if (flags & MSG_PEEK)
			s->rx -= (uint64_t)n;
		done += (uint64_t)n;
		if (flags & (MSG_PEEK | MSG_OOB))
			break;
	}
	answer("done=%llu end=%d", (unsigned long long)done, n == 0);
}

/* once LEN: one call of recv, whatever it gives */
static void do_once(struct slot *s, int argc, char **argv)
{
	ssize_t n = recv(s->fd, buf, least((uint64_t)number(argv[0]), CHUNK),
			 flags_of(argc - 1, argv + 1));

	if (n < 0)
		answer_error(0);
	else if (!stream_right(s, buf, (size_t)n))
		answer_wrong(s->rx);
	else
		answer("done=%zd", n);
}

/* drain: to the end of the stream */
static void do_drain(struct slot *s, int argc, char **argv)
{
	char most[] = "0x7fffffffffffffff", *words[] = {most};

	(void)argc;
	(void)argv;
	do_recv(s, 1, words);
}

/* splice LEN: from the socket through a pipe */
static void do_splice(struct slot *s, int argc, char **argv)
{
	uint64_t len = (uint64_t)number(argv[0]), done = 0;
	int pipefd[2];
	bool ok = true;
	ssize_t n = 1;

	(void)argc;
	if (pipe(pipefd)) {
		answer_error(0);
		return;
	}
	while (done < len && n && ok) {
		n = splice(s->fd, NULL, pipefd[1], NULL, least(len - done, 60 << 10),
			   SPLICE_F_MOVE);
		if (n < 0 && errno == EINTR && !late())
			continue;
		if (n < 0)
			break;
		for (ssize_t got = 0, part; got < n && ok; got += part) {
			part = read(pipefd[0], buf, (size_t)(n - got));
			ok = part > 0 && stream_right(s, buf, (size_t)part);
		}
		done += (uint64_t)n;
	}
	if (n < 0)
		answer_error(done);
	else if (!ok)
		answer_wrong(s->rx);
	else
		answer("done=%llu end=%d", (unsigned long long)done, n == 0);
	close(pipefd[0]);
	close(pipefd[1]);
}

/* splice() of exactly so much into a pipe that holds it all */
static bool splice_all(int fd, int into, uint64_t len)
{
	while (len) {
		ssize_t n = splice(fd, NULL, into, NULL, len, SPLICE_F_MOVE);

		if (n == 0)
			errno = ENODATA;
		if (n <= 0 && (errno != EINTR || late()))
			return false;
		if (n > 0)
			len -= (uint64_t)n;
	}
	return true;
}

/* keep LEN MORE: LEN bytes into a pipe, where they stay while MORE bytes are received */
static void do_keep(struct slot *s, int argc, char **argv)
{
	uint64_t len = (uint64_t)number(argv[0]), more = (uint64_t)number(argv[1]), done = 0;
	struct slot kept = *s;
	int pipefd[2];
	bool ok = true;

	(void)argc;
	if (pipe(pipefd) || fcntl(pipefd[1], F_SETPIPE_SZ, PIPE_BYTES) < 0 ||
	    !splice_all(s->fd, pipefd[1], len)) {
		answer_error(0);
		return;
	}
	s->rx += len;
	while (ok && done < more) {
		ssize_t n = recv(s->fd, buf, least(more - done, CHUNK), 0);

		if (n <= 0 && (errno != EINTR || late())) {
			answer_error(len + done);
			return;
		}
		if (n > 0) {
			ok = stream_right(s, buf, (size_t)n);
			done += (uint64_t)n;
		}
	}
	while (ok && len) {
		ssize_t n = read(pipefd[0], buf, least(len, CHUNK));

		ok = n > 0 && stream_right(&kept, buf, (size_t)n);
		len -= ok ? (uint64_t)n : 0;
		done += ok ? (uint64_t)n : 0;
	}
	close(pipefd[0]);
	close(pipefd[1]);
	if (ok)
		answer("done=%llu", (unsigned long long)done);
	else
		answer_wrong(len ? kept.rx : s->rx);
}

static bool take_notices(struct slot *s)
{
	char control[128];
	struct msghdr msg = {.msg_control = control, .msg_controllen = sizeof(control)};
	struct cmsghdr *c;

	if (recvmsg(s->fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return errno == EAGAIN || errno == EINTR;
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		struct sock_extended_err e;

		if (!(c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR) &&
		    !(c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_RECVERR))
			continue;
		memcpy(&e, CMSG_DATA(c), sizeof(e));
		if (e.ee_origin != SO_EE_ORIGIN_ZEROCOPY || e.ee_errno)
			continue;
		s->zc_done += e.ee_data - e.ee_info + 1;
		if (e.ee_code & SO_EE_CODE_ZEROCOPY_COPIED)
			s->zc_copied++;
	}
	return true;
}

/* Wait until every page of ours is given back: only then may it be written again. */
static bool wait_notices(struct slot *s)
{
	struct pollfd p = {.fd = s->fd};

	while (s->zc_done < s->zc_sent) {
		if (late()) {
			errno = EINTR;
			return false;
		}
		poll(&p, 1, 100);
		if (!take_notices(s))
			return false;
		if ((p.revents & POLLHUP) && !(p.revents & POLLERR)) {
			errno = ENOTCONN;
			return false;
		}
	}
	return true;
}

/* zerocopy LEN: with MSG_ZEROCOPY; the buffer is overwritten as soon as it may be */
static void do_zerocopy(struct slot *s, int argc, char **argv)
{
	uint64_t len = (uint64_t)number(argv[0]), done = 0;
	int one = 1;

	(void)argc;
	if (setsockopt(s->fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one))) {
		answer_error(0);
		return;
	}
	while (done < len) {
		size_t part = least(len - done, sizeof(buf)), at = 0;

		stream_fill(buf, s->tx_seed, s->tx, part);
		while (at < part) {
			ssize_t n = send(s->fd, buf + at, part - at, MSG_ZEROCOPY | MSG_NOSIGNAL);

			if (n < 0 && (errno != EINTR || late()))
				goto failed;
			if (n > 0) {
				at += (size_t)n;
				s->zc_sent++;
			}
		}
		s->tx += part;
		done += part;
		if (!wait_notices(s))
			goto failed;
		memset(buf, 0xee, part);
	}
	answer("done=%llu sends=%u copied=%u", (unsigned long long)done, s->zc_sent, s->zc_copied);
	return;
failed:
	answer_error(done);
}

/* Memory of CHUNK bytes that is not there until somebody copies it through the descriptor. */
static uint8_t *late_memory(int *fd)
{
	struct uffdio_register reg = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	struct uffdio_api api = {.api = UFFD_API};
	void *p = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	reg.range.start = (uintptr_t)p;
	reg.range.len = CHUNK;
	*fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	if (*fd >= 0 && !ioctl(*fd, UFFDIO_API, &api) && !ioctl(*fd, UFFDIO_REGISTER, &reg))
		return p;
	munmap(p, CHUNK);
	return NULL;
}

/* stuck LEN FILE: one send, which owns the socket until its memory comes, when there is the file */
static void do_stuck(struct slot *s, int argc, char **argv)
{
	size_t len = least((uint64_t)number(argv[0]), CHUNK);
	struct uffdio_copy copy = {.src = (uintptr_t)buf, .len = CHUNK};
	int fd = -1;
	uint8_t *memory = late_memory(&fd);
	ssize_t n;

	(void)argc;
	if (!memory) {
		answer_error(0);
		return;
	}
	stream_fill(buf, s->tx_seed, s->tx, CHUNK);
	copy.dst = (uintptr_t)memory;
	if (!fork()) {
		while (access(argv[1], F_OK))
			usleep(10000);
		_exit(ioctl(fd, UFFDIO_COPY, &copy) != 0);
	}
	n = send(s->fd, memory, len, MSG_NOSIGNAL);
	if (n < 0) {
		answer_error(0);
	} else {
		s->tx += (uint64_t)n;
		answer("done=%zd", n);
	}
	close(fd);
	munmap(memory, CHUNK);
}

const struct verb data_verbs[] = {
	{"send", 1, do_send, false},
	{"sendfile", 2, do_sendfile, false},
	{"fill", 1, do_fill, false},
	{"recv", 1, do_recv, false},
	{"once", 1, do_once, false},
	{"drain", 0, do_drain, false},
	{"splice", 1, do_splice, false},
	{"zerocopy", 1, do_zerocopy, false},
	{"keep", 2, do_keep, false},
	{"stuck", 2, do_stuck, false},
	{NULL, 0, NULL, false},
};
