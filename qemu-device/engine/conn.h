/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conn.h - connections: lookup by tuple, TCP state, and what follows from their fields.
 */
#ifndef TOE_CONN_H
#define TOE_CONN_H

#include "toe_internal.h"

struct toe_conn *toe_conn_lookup(struct toe *t, bool ipv6, const uint8_t *local,
				 const uint8_t *remote, uint16_t local_port, uint16_t remote_port);
bool toe_conn_hash_add(struct toe_conn *c);	/* false: the tuple is taken */
void toe_conn_hash_del(struct toe_conn *c);
void toe_conn_set_state(struct toe_conn *c, enum toe_tcp_state state);
bool toe_conn_is_established(enum toe_tcp_state s);
/* Payload per segment from MTU and MSS. */
void toe_conn_set_mss(struct toe_conn *c);

/* Nothing may be sent over an invalidated object (INV-5). */
static inline bool toe_conn_is_invalid(const struct toe_conn *c)
{
	return c->invalid || c->p->invalid || c->p->n->invalid;
}

/* SND.MAX cannot pass this. */
static inline uint32_t toe_snd_limit(const struct toe_conn *c)
{
	return c->snd.end + (c->snd.fin ? 1 : 0);
}

/* Bytes, or a FIN, not sent yet or to be sent again. */
static inline bool toe_snd_has_data(const struct toe_conn *c)
{
	return toe_seq_lt(c->snd.nxt, toe_snd_limit(c));
}

static inline bool toe_fin_sent(const struct toe_conn *c)
{
	return c->snd.fin && c->snd.max == c->snd.end + 1;
}

/* Bytes received in order and not delivered. */
static inline uint32_t toe_rcv_held(const struct toe_conn *c)
{
	return toe_rcvbuf_len(&c->rcv.buf);
}

static inline struct toe_ip_stats *toe_ip_stats(struct toe_conn *c)
{
	return &c->t->stats.ip[c->p->s.ipv6];
}

static inline struct toe_tcp_stats *toe_tcp_stats(struct toe_conn *c)
{
	return &c->t->stats.tcp[c->p->s.ipv6];
}

#endif /* TOE_CONN_H */
