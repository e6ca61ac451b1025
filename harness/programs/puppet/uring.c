// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What puppet does through io_uring: it sends without a copy, from memory of its own or from a
 * buffer that it has registered, whose pages the kernel then counts once for all; and it receives
 * into an area that a network device may write to, or, without one, the kernel copies to. One
 * request at a time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/io_uring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "puppet.h"

/* Newer than some headers. */
enum {
	OP_RECV_ZC = 58,
	REGISTER_ZCRX_IFQ = 32,
	TYPE_USER_MEMORY = 1,
	ZCRX_NO_DEVICE = 2,
	RECV_MULTISHOT = 1 << 1,
	LARGE_ENTRIES = 1 << 11, /* of completions, of 32 bytes */
	SETUP_FOR_ZCRX = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | LARGE_ENTRIES |
			 IORING_SETUP_CQSIZE,
};

enum {
	ENTRIES = 8,
	COMPLETIONS = 1024, /* with IORING_SETUP_CQSIZE: as many as the area has pages */
	AREA = 4 << 20,
	REFILL = 1 << 16
};

struct zcrx_region {
	uint64_t user_addr, size;
	uint32_t flags, id;
	uint64_t mmap_offset, reserved[4];
};

struct zcrx_area {
	uint64_t addr, len, token;
	uint32_t flags, dmabuf;
	uint64_t reserved[2];
};

struct zcrx_ifq {
	uint32_t if_idx, if_rxq, entries, flags;
	uint64_t area, region;
	uint32_t offsets[8];
	uint32_t id, reserved32;
	uint64_t reserved[3];
};

struct ring {
	int fd;
	struct io_uring_params p;
	uint8_t *queues; /* both, in one mapping */
	struct io_uring_sqe *sqes;
	size_t size, stride;
};

struct completion {
	int32_t res;
	uint32_t flags;
	uint64_t more; /* of a large entry: where in the area */
};

static uint8_t memory[CHUNK] __attribute__((aligned(4096)));

static void close_ring(struct ring *r)
{
	if (r->queues != MAP_FAILED)
		munmap(r->queues, r->size);
	if (r->sqes != MAP_FAILED)
		munmap(r->sqes, ENTRIES * sizeof(*r->sqes));
	if (r->fd >= 0)
		close(r->fd);
}

static bool open_ring(struct ring *r, uint32_t flags)
{
	memset(r, 0, sizeof(*r));
	r->p.flags = flags;
	if (flags & IORING_SETUP_CQSIZE)
		r->p.cq_entries = COMPLETIONS;
	r->stride = sizeof(struct io_uring_cqe) << !!(flags & LARGE_ENTRIES);
	r->queues = MAP_FAILED;
	r->sqes = MAP_FAILED;
	r->fd = (int)syscall(SYS_io_uring_setup, ENTRIES, &r->p);
	if (r->fd < 0)
		return false;
	r->size = r->p.cq_off.cqes + r->p.cq_entries * r->stride;
	r->queues = mmap(NULL, r->size, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
			 IORING_OFF_SQ_RING);
	r->sqes = mmap(NULL, ENTRIES * sizeof(*r->sqes), PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
		       IORING_OFF_SQES);
	if (r->queues != MAP_FAILED && r->sqes != MAP_FAILED)
		return true;
	close_ring(r);
	return false;
}

static uint32_t *word(struct ring *r, uint32_t offset)
{
	return (uint32_t *)(r->queues + offset);
}

/* The next completion; false with errno when there is none in time. */
static bool next(struct ring *r, struct completion *c)
{
	uint32_t *head = word(r, r->p.cq_off.head), *tail = word(r, r->p.cq_off.tail);
	const struct io_uring_cqe *cqe;

	while (__atomic_load_n(tail, __ATOMIC_ACQUIRE) == *head) {
		if (syscall(SYS_io_uring_enter, r->fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0 &&
		    (errno != EINTR || late()))
			return false;
	}
	cqe = (const struct io_uring_cqe *)(r->queues + r->p.cq_off.cqes +
					    (*head & *word(r, r->p.cq_off.ring_mask)) * r->stride);
	c->res = cqe->res;
	c->flags = cqe->flags;
	if (r->stride > sizeof(*cqe))
		memcpy(&c->more, cqe + 1, sizeof(c->more));
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return true;
}

static bool submit(struct ring *r, const struct io_uring_sqe *sqe)
{
	uint32_t *tail = word(r, r->p.sq_off.tail);
	uint32_t at = *tail & *word(r, r->p.sq_off.ring_mask);

	r->sqes[at] = *sqe;
	word(r, r->p.sq_off.array)[at] = at;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	return syscall(SYS_io_uring_enter, r->fd, 1, 0, 0, NULL, 0) == 1;
}

/* One send: its result, and then the notice that nobody reads the memory any more. */
static ssize_t send_once(struct ring *r, int fd, const void *from, size_t len, bool registered)
{
	struct io_uring_sqe sqe = {.opcode = IORING_OP_SEND_ZC, .fd = fd,
				   .addr = (uintptr_t)from, .len = (uint32_t)len,
				   .msg_flags = MSG_NOSIGNAL};
	struct completion c;
	int sent;

	if (registered)
		sqe.ioprio = IORING_RECVSEND_FIXED_BUF;
	if (!submit(r, &sqe) || !next(r, &c))
		return -1;
	sent = c.res;
	if ((c.flags & IORING_CQE_F_MORE) && !next(r, &c))
		return -1;
	if (sent < 0)
		errno = -sent;
	return sent < 0 ? -1 : sent;
}

/* uringsend LEN [registered]: the memory is overwritten as soon as it may be */
static void do_uringsend(struct slot *s, int argc, char **argv)
{
	uint64_t len = (uint64_t)number(argv[0]), done = 0;
	bool registered = argc > 1 && !strcmp(argv[1], "registered");
	struct iovec all = {memory, sizeof(memory)};
	struct ring r;

	if (!open_ring(&r, 0)) {
		answer_error(0);
		return;
	}
	if (registered &&
	    syscall(SYS_io_uring_register, r.fd, IORING_REGISTER_BUFFERS, &all, 1) < 0)
		goto failed;
	while (done < len) {
		size_t part = len - done < CHUNK ? (size_t)(len - done) : CHUNK;
		ssize_t n;

		stream_fill(memory, s->tx_seed, s->tx, part);
		n = send_once(&r, s->fd, memory, part, registered);
		if (n < 0)
			goto failed;
		memset(memory, 0xee, sizeof(memory));
		s->tx += (uint64_t)n;
		done += (uint64_t)n;
	}
	answer("done=%llu", (unsigned long long)done);
	close_ring(&r);
	return;
failed:
	answer_error(done);
	close_ring(&r);
}

/* An area of @area, with a ring to give its parts back behind it; its number in @ifq. */
static bool register_area(struct ring *r, uint8_t *area, struct zcrx_ifq *ifq)
{
	static struct zcrx_area a;
	static struct zcrx_region region;

	a = (struct zcrx_area){.addr = (uintptr_t)area, .len = AREA};
	region = (struct zcrx_region){.user_addr = (uintptr_t)area + AREA, .size = REFILL,
				      .flags = TYPE_USER_MEMORY};
	ifq->entries = 64;
	ifq->area = (uintptr_t)&a;
	ifq->region = (uintptr_t)&region;
	return syscall(SYS_io_uring_register, r->fd, REGISTER_ZCRX_IFQ, ifq, 1) >= 0;
}

static uint8_t *new_area(void)
{
	void *p = mmap(NULL, AREA + REFILL, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);

	return p == MAP_FAILED ? NULL : p;
}

/* zcrx INTERFACE QUEUE: have a receive queue of the interface fill memory of ours */
static void do_zcrx(struct slot *s, int argc, char **argv)
{
	struct zcrx_ifq ifq = {.if_idx = (uint32_t)number(argv[0]),
			       .if_rxq = (uint32_t)number(argv[1])};
	uint8_t *area = new_area();
	struct ring r;

	(void)s;
	(void)argc;
	if (!area || !open_ring(&r, SETUP_FOR_ZCRX)) {
		answer_error(0);
		return;
	}
	if (register_area(&r, area, &ifq))
		answer("done=0");
	else
		answer_error(0);
	close_ring(&r);
	munmap(area, AREA + REFILL);
}

/*
 * zcrecv LEN: receive so much with IORING_OP_RECV_ZC into an area without a device. No part of the
 * area is given back, so LEN has to be much less. Each segment may be a completion of its own, and
 * a receive that finds no room for one ends with ENOSPC.
 */
static void do_zcrecv(struct slot *s, int argc, char **argv)
{
	uint64_t len = (uint64_t)number(argv[0]), done = 0;
	struct io_uring_sqe sqe = {.opcode = OP_RECV_ZC, .fd = s->fd, .len = (uint32_t)len,
				   .ioprio = RECV_MULTISHOT};
	struct zcrx_ifq ifq = {.flags = ZCRX_NO_DEVICE};
	uint8_t *area = new_area();
	struct completion c = {0};
	struct ring r;

	(void)argc;
	if (!area || !open_ring(&r, SETUP_FOR_ZCRX)) {
		answer_error(0);
		return;
	}
	if (!register_area(&r, area, &ifq))
		goto failed;
	sqe.splice_fd_in = (int32_t)ifq.id;
	if (!submit(&r, &sqe))
		goto failed;
	while (done < len) {
		if (!next(&r, &c))
			goto failed;
		if (c.res <= 0) {
			errno = c.res ? -c.res : ECONNRESET;
			goto failed;
		}
		if (!stream_right(s, area + (c.more & (AREA - 1)), (size_t)c.res)) {
			answer_wrong(s->rx);
			goto out;
		}
		done += (uint64_t)c.res;
	}
	answer("done=%llu", (unsigned long long)done);
	goto out;
failed:
	answer_error(done);
out:
	close_ring(&r);
	munmap(area, AREA + REFILL);
}

const struct verb uring_verbs[] = {
	{"uringsend", 1, do_uringsend, false},
	{"zcrx", 2, do_zcrx, false},
	{"zcrecv", 1, do_zcrecv, false},
	{NULL, 0, NULL, false},
};
