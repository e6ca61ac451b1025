// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Owns the frames that wait for their time: a binary heap ordered by due time, then by arrival.
 * Called by linkemu.c; knows nothing about what a frame contains. The random numbers live here
 * too, because nothing else is as small.
 */
#include <stdlib.h>

#include "linkemu.h"

static bool before(const struct frame *a, const struct frame *b)
{
	return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void swap(struct queue *queue, size_t a, size_t b)
{
	struct frame *frame = queue->heap[a];

	queue->heap[a] = queue->heap[b];
	queue->heap[b] = frame;
}

bool queue_push(struct queue *queue, struct frame *frame)
{
	size_t at = queue->used;

	if (at == queue->room) {
		size_t room = queue->room ? 2 * queue->room : 64;
		struct frame **heap = realloc(queue->heap, room * sizeof(*heap));

		if (!heap)
			return false;
		queue->heap = heap;
		queue->room = room;
	}
	queue->heap[queue->used++] = frame;
	while (at && before(queue->heap[at], queue->heap[(at - 1) / 2])) {
		swap(queue, at, (at - 1) / 2);
		at = (at - 1) / 2;
	}
	return true;
}

struct frame *queue_first(const struct queue *queue)
{
	return queue->used ? queue->heap[0] : NULL;
}

void queue_pop(struct queue *queue)
{
	size_t at = 0;

	if (!queue->used)
		return;
	queue->heap[0] = queue->heap[--queue->used];
	for (;;) {
		size_t least = at, left = 2 * at + 1, right = left + 1;

		if (left < queue->used && before(queue->heap[left], queue->heap[least]))
			least = left;
		if (right < queue->used && before(queue->heap[right], queue->heap[least]))
			least = right;
		if (least == at)
			return;
		swap(queue, at, least);
		at = least;
	}
}

void queue_clear(struct queue *queue)
{
	while (queue->used)
		free(queue->heap[--queue->used]);
	free(queue->heap);
	queue->heap = NULL;
	queue->room = 0;
}

static uint64_t splitmix(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void rng_seed(struct rng *rng, uint64_t seed)
{
	rng->s[0] = splitmix(&seed);
	rng->s[1] = splitmix(&seed);
}

uint64_t rng_next(struct rng *rng)
{
	uint64_t a = rng->s[0], b = rng->s[1], sum = a + b;

	b ^= a;
	rng->s[0] = ((a << 24) | (a >> 40)) ^ b ^ (b << 16);
	rng->s[1] = (b << 37) | (b >> 27);
	return sum;
}

bool rng_chance(struct rng *rng, double probability)
{
	return (double)(rng_next(rng) >> 11) * 0x1.0p-53 < probability;
}
