/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conn.c - connections as objects: lookup by tuple, TCP state, segment size. How they end: end.c.
 */
#include <string.h>

#include "conn.h"
#include "toe_internal.h"

/* ------------------------------------------------------------------ lookup */

static uint32_t mix(uint32_t h, uint32_t v, uint32_t seed)
{
	h = (h ^ v) * seed;
	return h ^ (h >> 15);
}

static uint32_t hash_tuple(const struct toe *t, bool ipv6, const uint8_t *local,
			   const uint8_t *remote, uint16_t local_port, uint16_t remote_port)
{
	uint32_t h = t->hash_seed[0];
	size_t i, n = ipv6 ? 16 : 4;

	for (i = 0; i < n; i += 4) {
		uint32_t l, r;

		memcpy(&l, local + i, 4);
		memcpy(&r, remote + i, 4);
		h = mix(h, l, t->hash_seed[1]);
		h = mix(h, r, t->hash_seed[2]);
	}
	return mix(h, (uint32_t)local_port << 16 | remote_port, t->hash_seed[1]);
}

struct toe_conn *toe_conn_lookup(struct toe *t, bool ipv6, const uint8_t *local,
				 const uint8_t *remote, uint16_t local_port, uint16_t remote_port)
{
	uint32_t h = hash_tuple(t, ipv6, local, remote, local_port, remote_port);
	size_t n = ipv6 ? 16 : 4;
	struct toe_conn *c;

	for (c = t->hash[h & t->hash_mask]; c; c = c->hash_next) {
		const struct toe_path_state *s = &c->p->s;

		if (c->k.local_port == local_port && c->k.remote_port == remote_port &&
		    s->ipv6 == ipv6 && !memcmp(s->dst, remote, n) && !memcmp(s->src, local, n))
			return c;
	}
	return NULL;
}

static struct toe_conn **bucket(struct toe_conn *c)
{
	const struct toe_path_state *s = &c->p->s;
	uint32_t h = hash_tuple(c->t, s->ipv6, s->src, s->dst, c->k.local_port, c->k.remote_port);

	return &c->t->hash[h & c->t->hash_mask];
}

bool toe_conn_hash_add(struct toe_conn *c)
{
	const struct toe_path_state *s = &c->p->s;
	struct toe_conn **b = bucket(c);

	if (toe_conn_lookup(c->t, s->ipv6, s->src, s->dst, c->k.local_port, c->k.remote_port))
		return false;
	c->hash_next = *b;
	*b = c;
	c->in_hash = true;
	return true;
}

void toe_conn_hash_del(struct toe_conn *c)
{
	struct toe_conn **b = bucket(c);

	if (!c->in_hash)
		return;
	while (*b && *b != c)
		b = &(*b)->hash_next;
	if (*b)
		*b = c->hash_next;
	c->in_hash = false;
}

/* ------------------------------------------------------------------ state */

bool toe_conn_is_established(enum toe_tcp_state s)
{
	return s == TOE_ESTABLISHED || s == TOE_CLOSE_WAIT;
}

void toe_conn_set_state(struct toe_conn *c, enum toe_tcp_state state)
{
	struct toe_tcp_stats *s = toe_tcp_stats(c);

	if (c->phase == TOE_LIVE && toe_conn_is_established(c->state)) {
		s->currently_established--;
		if (state == TOE_CLOSED)
			s->reset_established++;
	}
	c->state = state;
	if (c->phase == TOE_LIVE && toe_conn_is_established(state))
		s->currently_established++;
}

/* SMSS without options (RFC 6691), then what timestamps take of each segment. */
void toe_conn_set_mss(struct toe_conn *c)
{
	uint32_t mtu = c->p->s.mtu - (c->p->s.ipv6 ? TOE_IPV6_HLEN : TOE_IPV4_HLEN) - TOE_TCP_HLEN;
	uint32_t mss = c->k.remote_mss ? c->k.remote_mss : 536;

	if (mss < TOE_MIN_MSS)
		mss = TOE_MIN_MSS;
	if (mss > mtu)
		mss = mtu;
	if (c->k.flags & TOE_TIMESTAMPS)
		mss -= TOE_OPT_TS_LEN;
	c->snd.mss = mss;
	if (c->cc.ops)
		toe_cc_set_smss(&c->cc, mss);
}

uint64_t toe_conn_cookie(const struct toe_conn *c)
{
	return c->k.cookie;
}

unsigned toe_conn_queue(const struct toe_conn *c)
{
	return c->k.queue;
}
