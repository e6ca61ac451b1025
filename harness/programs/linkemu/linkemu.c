// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The link emulator: joins two sides (a tap, or sockets as QEMU's dgram and stream netdevs speak
 * them) and treats the frames between them as a bad line would: loss, delay, jitter, a rate,
 * reordering, duplication, corruption, IP fragmentation, inserted IP options. All chances come
 * from one seed, one sequence per direction, and each frame draws the same count of numbers, so
 * that frame N of a direction meets the same fate in every run. Commands come on standard input
 * ("set both|ab|ba NAME=VALUE...", "pause both|ab|ba", "resume both|ab|ba", "stats", "quit"),
 * answers go to standard output, one line of JSON each. A direction that is paused takes no frames,
 * as if its reader had been stopped; the end of the input ends the program, which then prints its
 * statistics.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "linkemu.h"

#define BATCH 64	/* frames taken from one side before the other has its turn */
#define MS 1e6
#define RETRY_NS 200000u
#define QUEUE_MAX (256u << 20)	/* bytes held in one direction, whatever the limit says */

struct direction {
	const char *name;
	struct side *from, *to;
	struct params params;
	struct counters counters;
	struct rng rng;
	struct queue queue;
	uint64_t order, last_due;
	double free_at;		/* when the rate limiter can begin the next frame, ns */
	size_t held;		/* bytes in the queue */
	bool paused;		/* nothing is taken from the sender */
};

static struct side sides[2];
static struct direction directions[2] = {
	{ .name = "ab", .from = &sides[0], .to = &sides[1] },
	{ .name = "ba", .from = &sides[1], .to = &sides[0] },
};
static struct piece pieces[MAX_FRAGMENTS];
static bool finished;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void hold(struct direction *dir, const uint8_t *data, size_t length, uint64_t due)
{
	struct frame *frame = NULL;

	if (dir->held + length <= QUEUE_MAX)
		frame = malloc(sizeof(*frame) + length);
	if (!frame) {
		dir->counters.dropped_memory++;
		return;
	}
	frame->due = due;
	frame->order = dir->order++;
	frame->length = length;
	memcpy(frame->data, data, length);
	if (!queue_push(&dir->queue, frame)) {
		free(frame);
		dir->counters.dropped_memory++;
		return;
	}
	dir->held += length;
}

/* When a frame that arrives now leaves the rate limiter; false when it finds no room there. */
static bool rate_limit(struct direction *dir, size_t length, double *at)
{
	double now = *at, waiting;

	if (dir->params.rate <= 0)
		return true;
	if (dir->free_at < now)
		dir->free_at = now;
	waiting = (dir->free_at - now) * dir->params.rate / 8e9;
	if (waiting + (double)length > dir->params.limit) {
		dir->counters.dropped_limit++;
		return false;
	}
	dir->free_at += (double)length * 8e9 / dir->params.rate;
	*at = dir->free_at;
	return true;
}

/* Everything that chance decides about one frame, drawn before anything else is looked at. */
struct fate {
	bool lost, duplicate, reorder, corrupt, fragment, options;
	double jitter;
	struct rng rng;		/* for the details, so that they do not shift later frames */
};

static struct fate draw_fate(struct direction *dir)
{
	const struct params *p = &dir->params;
	struct rng *rng = &dir->rng;
	struct fate fate;

	fate.lost = rng_chance(rng, p->loss);
	fate.duplicate = rng_chance(rng, p->duplicate);
	fate.reorder = rng_chance(rng, p->reorder);
	fate.corrupt = rng_chance(rng, p->corrupt);
	fate.fragment = rng_chance(rng, p->fragment);
	fate.options = rng_chance(rng, p->options);
	fate.jitter = p->jitter * (double)(rng_next(rng) >> 11) * 0x1.0p-53;
	rng_seed(&fate.rng, rng_next(rng));
	return fate;
}

static uint64_t due_time(struct direction *dir, const struct fate *fate, double at)
{
	uint64_t due = (uint64_t)(at + dir->params.delay + fate->jitter);

	/* Jitter alone keeps the order; only reorder lets a later frame pass. */
	if (due < dir->last_due)
		due = dir->last_due;
	dir->last_due = due;
	if (fate->reorder) {
		dir->counters.reordered++;
		due += (uint64_t)dir->params.reorder_delay;
	}
	return due;
}

static void pass(struct direction *dir, uint8_t *data, size_t length, size_t size)
{
	struct fate fate = draw_fate(dir);
	double at = (double)now_ns();
	size_t longer;
	uint64_t due;
	int count = 0;

	dir->counters.frames_in++;
	dir->counters.bytes_in += length;
	if (fate.lost) {
		dir->counters.lost++;
		return;
	}
	if (!rate_limit(dir, length, &at))
		return;
	due = due_time(dir, &fate, at);
	if (fate.options) {
		longer = mangle_insert_option(data, length, size, (size_t)dir->params.mtu,
					      &fate.rng);
		if (longer) {
			length = longer;
			dir->counters.options++;
		}
	}
	if (fate.fragment)
		count = mangle_fragment(data, length, pieces, &fate.rng);
	if (count)
		dir->counters.fragmented++;
	for (int copy = 0; copy < 1 + fate.duplicate; copy++) {
		dir->counters.fragments += (uint64_t)count;
		for (int i = 0; i < count; i++)
			hold(dir, pieces[i].data, pieces[i].length, due);
		if (count)
			continue;
		if (fate.corrupt && copy == 0) {
			dir->counters.corrupted++;
			mangle_corrupt(data, length, &fate.rng);
		}
		hold(dir, data, length, due);
	}
	dir->counters.duplicated += fate.duplicate;
}

static void take_in(struct direction *dir)
{
	static uint8_t data[FRAME_MAX];

	for (int i = 0; i < BATCH; i++) {
		long length = side_receive(dir->from, data, sizeof(data), &dir->counters);

		if (length <= 0)
			return;
		pass(dir, data, (size_t)length, sizeof(data));
	}
}

static void let_out(struct direction *dir)
{
	for (int i = 0; i < 2 * BATCH; i++) {
		struct frame *frame = queue_first(&dir->queue);
		enum send_result result;

		if (!frame || frame->due > now_ns())
			return;
		result = side_send(dir->to, frame->data, frame->length);
		if (result == SEND_BLOCKED)
			return;
		if (result == SEND_DONE) {
			dir->counters.frames_out++;
			dir->counters.bytes_out += frame->length;
		} else {
			dir->counters.dropped_send++;
		}
		dir->held -= frame->length;
		queue_pop(&dir->queue);
		free(frame);
	}
}

static const struct {
	const char *name;
	size_t offset;
	double scale, most;
} names[] = {
#define PARAM(name, field, scale, most) { name, offsetof(struct params, field), scale, most }
	PARAM("loss", loss, 1, 1), PARAM("duplicate", duplicate, 1, 1),
	PARAM("reorder", reorder, 1, 1), PARAM("corrupt", corrupt, 1, 1),
	PARAM("fragment", fragment, 1, 1), PARAM("options", options, 1, 1),
	PARAM("delay_ms", delay, MS, 60e3), PARAM("jitter_ms", jitter, MS, 60e3),
	PARAM("reorder_ms", reorder_delay, MS, 60e3), PARAM("rate_bps", rate, 1, 1e12),
	PARAM("limit_bytes", limit, 1, 1e9), PARAM("mtu", mtu, 1, 65535),
};

/* Apply one NAME=VALUE to the chosen directions; false when it is not one. */
static bool set_param(const char *which, const char *text)
{
	const char *equals = strchr(text, '=');
	bool both = !strcmp(which, "both"), known = false;
	char *end;
	double value, scaled;

	if (!equals)
		return false;
	value = strtod(equals + 1, &end);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i].name) != (size_t)(equals - text) ||
		    strncmp(names[i].name, text, (size_t)(equals - text)))
			continue;
		if (end == equals + 1 || *end || !(value >= 0 && value <= names[i].most))
			return false;
		for (int d = 0; d < 2; d++) {
			if (!both && strcmp(which, directions[d].name))
				continue;
			scaled = value * names[i].scale;
			memcpy((char *)&directions[d].params + names[i].offset, &scaled,
			       sizeof(scaled));
			known = true;
		}
	}
	return known;
}

static void print_direction(const struct direction *dir)
{
	const struct counters *c = &dir->counters;

	printf("\"%s\": {\"frames_in\": %" PRIu64 ", \"bytes_in\": %" PRIu64
	       ", \"frames_out\": %" PRIu64 ", \"bytes_out\": %" PRIu64 ", \"lost\": %" PRIu64
	       ", \"duplicated\": %" PRIu64 ", \"reordered\": %" PRIu64 ", \"corrupted\": %" PRIu64
	       ", \"fragmented\": %" PRIu64 ", \"fragments\": %" PRIu64 ", \"options\": %" PRIu64
	       ", \"dropped_limit\": %" PRIu64 ", \"dropped_memory\": %" PRIu64
	       ", \"dropped_send\": %" PRIu64 ", \"oversize\": %" PRIu64 ", \"waiting\": %zu}",
	       dir->name, c->frames_in, c->bytes_in, c->frames_out, c->bytes_out, c->lost,
	       c->duplicated, c->reordered, c->corrupted, c->fragmented, c->fragments, c->options,
	       c->dropped_limit, c->dropped_memory, c->dropped_send, c->oversize,
	       dir->queue.used);
}

static void print_stats(void)
{
	printf("{");
	print_direction(&directions[0]);
	printf(", ");
	print_direction(&directions[1]);
	printf("}\n");
	fflush(stdout);
}

static void answer_ok(void)
{
	printf("{\"ok\": true}\n");
	fflush(stdout);
}

/* Names the word that was wrong, as far as it can stand in JSON as it is. */
static void answer_wrong(const char *word)
{
	int plain = (int)strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_=.+-");

	printf("{\"ok\": false, \"word\": \"%.*s\"}\n", plain < 60 ? plain : 60, word);
	fflush(stdout);
}

/* False when which names no direction. */
static bool set_paused(const char *which, bool paused)
{
	bool both = which && !strcmp(which, "both"), known = false;

	for (int d = 0; which && d < 2; d++) {
		if (!both && strcmp(which, directions[d].name))
			continue;
		directions[d].paused = paused;
		known = true;
	}
	return known;
}

static void obey(char *line)
{
	char *save = NULL, *word = strtok_r(line, " \t\r", &save), *which;

	if (!word)
		return;
	if (!strcmp(word, "stats")) {
		print_stats();
	} else if (!strcmp(word, "quit")) {
		finished = true;
	} else if (!strcmp(word, "pause") || !strcmp(word, "resume")) {
		which = strtok_r(NULL, " \t\r", &save);
		if (set_paused(which, *word == 'p'))
			answer_ok();
		else
			answer_wrong(which ? which : word);
	} else if (!strcmp(word, "set") && (which = strtok_r(NULL, " \t\r", &save))) {
		while ((word = strtok_r(NULL, " \t\r", &save))) {
			if (!set_param(which, word)) {
				answer_wrong(word);
				return;
			}
		}
		answer_ok();
	} else {
		answer_wrong(word);
	}
}

static void read_commands(void)
{
	static char buffer[4096];
	static size_t used;
	long got = read(0, buffer + used, sizeof(buffer) - 1 - used);
	char *line = buffer, *end;

	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
		finished = true;
		return;
	}
	used += got > 0 ? (size_t)got : 0;
	buffer[used] = 0;
	while ((end = strchr(line, '\n'))) {
		*end = 0;
		obey(line);
		line = end + 1;
	}
	used -= (size_t)(line - buffer);
	memmove(buffer, line, used);
	if (used == sizeof(buffer) - 1)
		used = 0;	/* a line without an end is no command */
}

/* How long poll may sleep: until the earliest frame of a direction that is not blocked is due. */
static struct timespec *next_due(struct timespec *ts)
{
	uint64_t now = now_ns(), wait = UINT64_MAX;

	for (int d = 0; d < 2; d++) {
		struct frame *frame = queue_first(&directions[d].queue);

		if (!frame)
			continue;
		if (directions[d].to->blocked) {
			/* poll cannot tell when another's datagram socket has room again. */
			if (directions[d].to->kind == SIDE_DGRAM && wait > RETRY_NS)
				wait = RETRY_NS;
			continue;
		}
		if (frame->due <= now)
			wait = 0;
		else if (frame->due - now < wait)
			wait = frame->due - now;
	}
	if (wait == UINT64_MAX)
		return NULL;
	ts->tv_sec = (time_t)(wait / 1000000000u);
	ts->tv_nsec = (long)(wait % 1000000000u);
	return ts;
}

static void turn(void)
{
	struct pollfd fds[5] = { { .fd = 0, .events = POLLIN } };
	struct timespec ts;

	for (int i = 0; i < 2; i++) {
		fds[1 + i].fd = sides[i].fd;
		fds[1 + i].events = directions[i].paused ? 0 : POLLIN;
		if (sides[i].blocked && sides[i].kind != SIDE_DGRAM)
			fds[1 + i].events |= POLLOUT;
		if (!fds[1 + i].events)
			fds[1 + i].fd = -1;	/* or its end would be told without end */
		fds[3 + i].fd = sides[i].listener;
		fds[3 + i].events = POLLIN;
	}
	if (ppoll(fds, 5, next_due(&ts), NULL) < 0 && errno != EINTR) {
		perror("linkemu: poll");
		exit(1);
	}
	if (fds[0].revents)
		read_commands();
	for (int i = 0; i < 2; i++) {
		if (fds[3 + i].revents)
			side_accept(&sides[i]);
		if (sides[i].kind != SIDE_STREAM)
			sides[i].blocked = false;
		else if (fds[1 + i].revents & (POLLOUT | POLLERR | POLLHUP))
			side_flush(&sides[i]);
		if (!directions[i].paused && fds[1 + i].revents & (POLLIN | POLLERR | POLLHUP))
			take_in(&directions[i]);
	}
	for (int d = 0; d < 2; d++)
		let_out(&directions[d]);
}

static int usage(void)
{
	fprintf(stderr,
		"usage: linkemu --seed N SIDE_A SIDE_B [both|ab|ba NAME=VALUE]...\n"
		"sides: tap:NAME, dgram:LOCAL,REMOTE, stream:PATH (listens)\n"
		"names:");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		fprintf(stderr, " %s", names[i].name);
	fprintf(stderr, "\n");
	return 2;
}

static bool set_up(int argc, char **argv, int first)
{
	for (int d = 0; d < 2; d++)
		directions[d].params = (struct params){
			.reorder_delay = 3 * MS, .limit = 256 << 10, .mtu = 1500,
		};
	for (int i = first; i + 1 < argc; i += 2) {
		if (!set_param(argv[i], argv[i + 1])) {
			fprintf(stderr, "linkemu: '%s %s' is no parameter\n", argv[i],
				argv[i + 1]);
			return false;
		}
	}
	return true;
}

int main(int argc, char **argv)
{
	uint64_t seed;
	char *end;

	if (argc < 5 || strcmp(argv[1], "--seed") || (argc - 5) % 2)
		return usage();
	seed = strtoull(argv[2], &end, 0);
	if (*end || end == argv[2] || !set_up(argc, argv, 5))
		return usage();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	rng_seed(&directions[0].rng, seed);
	rng_seed(&directions[1].rng, seed ^ 0x6261);
	for (int i = 0; i < 2; i++)
		if (side_open(&sides[i], argv[3 + i]) < 0)
			return 1;
	answer_ok();	/* ready: both sides are open */
	while (!finished)
		turn();
	print_stats();
	for (int i = 0; i < 2; i++) {
		side_close(&sides[i]);
		queue_clear(&directions[i].queue);
	}
	return 0;
}
