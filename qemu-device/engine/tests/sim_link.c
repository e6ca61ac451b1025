/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_link.c - the simulated wire: cuts large frames as a NIC does, then loses, delays, reorders,
 * duplicates and corrupts frames. It parses headers itself and uses no code of the engine.
 */
#include "tests/sim.h"

const uint8_t sim_mac[2][6] = { { 2, 0, 0, 0, 0, 0x10 }, { 2, 0, 0, 0, 0, 0x11 } };
const uint8_t sim_addr4[2][4] = { { 10, 77, 0, 1 }, { 10, 77, 0, 2 } };
const uint8_t sim_addr6[2][16] = { { 0xfd, 0x77, [15] = 1 }, { 0xfd, 0x77, [15] = 2 } };

static uint32_t words(uint32_t sum, const uint8_t *p, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void put_sum(uint8_t *at, uint32_t sum)
{
	sum = ~sum & 0xffff;
	at[0] = (uint8_t)(sum >> 8);
	at[1] = (uint8_t)sum;
}

void sim_finish_tcp(uint8_t *frame, uint32_t len, uint16_t l3, uint16_t l4)
{
	bool ipv6 = frame[l3] >> 4 == 6;
	uint32_t tcp_len = len - l4, sum = words(6 + (tcp_len >> 16) + (tcp_len & 0xffff), NULL, 0);

	sum = words(sum, frame + l3 + (ipv6 ? 8 : 12), ipv6 ? 32 : 8);
	frame[l4 + 16] = 0;
	frame[l4 + 17] = 0;
	put_sum(frame + l4 + 16, words(sum, frame + l4, tcp_len));
}

bool sim_link_ready(struct sim *s, unsigned from)
{
	return s->link[from].frames < s->set.link_queue;
}

static void enqueue(struct sim *s, unsigned from, const uint8_t *data, uint32_t len,
		    uint16_t gso_size, uint64_t at, bool copy)
{
	struct sim_link *l = &s->link[from];
	struct sim_frame *f = malloc(sizeof(*f) + len), **p = &l->queue;

	f->at = at;
	f->order = l->order++;
	f->len = len;
	f->gso_size = gso_size;
	f->copy = copy;
	memcpy(f->data, data, len);
	if (sim_chance(s, s->set.corrupt)) {
		f->data[sim_below(s, len)] ^= (uint8_t)(1u << sim_below(s, 8));
		s->seen[SEEN_CORRUPTED]++;
	}
	while (*p && ((*p)->at < at || ((*p)->at == at && (*p)->order < f->order)))
		p = &(*p)->next;
	f->next = *p;
	*p = f;
	l->frames++;
}

static void transmit(struct sim *s, unsigned from, const uint8_t *data, uint32_t len,
		     uint16_t gso_size)
{
	struct sim_link *l = &s->link[from];
	uint64_t start = l->free_at > s->now ? l->free_at : s->now, at;

	s->seen[SEEN_FRAMES]++;
	l->free_at = start + len * s->set.ns_per_byte;
	at = l->free_at + s->set.delay;
	if (sim_chance(s, s->set.loss)) {
		s->seen[SEEN_LOST]++;
		return;
	}
	if (s->set.jitter && sim_chance(s, s->set.reorder))
		at += sim_below(s, (uint32_t)s->set.jitter);
	enqueue(s, from, data, len, gso_size, at, false);
	if (sim_chance(s, s->set.dup)) {
		enqueue(s, from, data, len, gso_size,
			at + sim_below(s, (uint32_t)s->set.delay + 1), true);
		s->seen[SEEN_DOUBLED]++;
	}
}

/* A segment of a large frame: bytes off .. off + n of its payload. */
static void cut(struct sim *s, unsigned from, const uint8_t *frame, uint32_t hlen, uint32_t total,
		uint16_t l3, uint16_t l4, uint32_t off, uint32_t n, uint32_t index)
{
	uint8_t seg[10000];
	uint32_t seq;

	memcpy(seg, frame, hlen);
	memcpy(seg + hlen, frame + hlen + off, n);
	seq = (uint32_t)seg[l4 + 4] << 24 | (uint32_t)seg[l4 + 5] << 16 |
	      (uint32_t)seg[l4 + 6] << 8 | seg[l4 + 7];
	seq += off;
	for (int i = 0; i < 4; i++)
		seg[l4 + 4 + i] = (uint8_t)(seq >> (24 - 8 * i));
	if (off + n < total)
		seg[l4 + 13] &= (uint8_t)~9;		/* PSH and FIN belong to the last byte */
	if (seg[l3] >> 4 == 6) {
		seg[l3 + 4] = (uint8_t)((hlen - l4 + n) >> 8);
		seg[l3 + 5] = (uint8_t)(hlen - l4 + n);
	} else {
		uint32_t id = ((uint32_t)seg[l3 + 4] << 8 | seg[l3 + 5]) + index;

		seg[l3 + 2] = (uint8_t)((hlen - l3 + n) >> 8);
		seg[l3 + 3] = (uint8_t)(hlen - l3 + n);
		seg[l3 + 4] = (uint8_t)(id >> 8);
		seg[l3 + 5] = (uint8_t)id;
		seg[l3 + 10] = 0;
		seg[l3 + 11] = 0;
		put_sum(seg + l3 + 10, words(0, seg + l3, 20));
	}
	sim_finish_tcp(seg, hlen + n, l3, l4);
	transmit(s, from, seg, hlen + n, 0);
}

void sim_link_send(struct sim *s, unsigned from, const uint8_t *frame, uint32_t len, uint16_t l3,
		   uint16_t l4, uint16_t gso_size)
{
	uint32_t hlen = l4 + (frame[l4 + 12] >> 4) * 4u, total = len - hlen, index = 0;

	if (!(frame[l4 + 13] & 4) && !frame[l4 + 14] && !frame[l4 + 15])
		s->seen[SEEN_CLOSED]++;
	if (!gso_size || total <= gso_size || s->set.large_frames) {
		if ((!gso_size || total <= gso_size) && len - l3 > s->set.mtu)
			sim_fail(s, "end %u sent %u bytes of IP over an MTU of %u", from, len - l3,
				 s->set.mtu);
		transmit(s, from, frame, len, gso_size);
		return;
	}
	if (hlen - l3 + gso_size > s->set.mtu) {
		sim_fail(s, "end %u: gso_size %u is too large for MTU %u", from, gso_size,
			 s->set.mtu);
		return;
	}
	for (uint32_t off = 0; off < total; off += gso_size, index++)
		cut(s, from, frame, hlen, total, l3, l4, off,
		    total - off < gso_size ? total - off : gso_size, index);
}

struct sim_frame *sim_link_take(struct sim *s, unsigned from)
{
	struct sim_link *l = &s->link[from];
	struct sim_frame *f = l->queue;

	if (!f || f->at > s->now)
		return NULL;
	l->queue = f->next;
	l->frames--;
	if (f->order > l->newest)
		l->newest = f->order;
	else if (!f->copy && f->order < l->newest)
		s->seen[SEEN_OVERTAKEN]++;
	return f;
}

uint64_t sim_link_deadline(const struct sim *s, unsigned from)
{
	return s->link[from].queue ? s->link[from].queue->at : SIM_NEVER;
}

void sim_link_clear(struct sim *s)
{
	for (unsigned i = 0; i < 2; i++)
		while (s->link[i].queue) {
			struct sim_frame *f = s->link[i].queue;

			s->link[i].queue = f->next;
			free(f);
		}
}
