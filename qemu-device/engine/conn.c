/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conn.c - connections as objects: lookup by tuple, TCP state, and the ways a connection ends here.
 *
 * An end has three steps, each of which may come alone: halt (an upload was asked for: nothing is
 * processed any more), stop (the host uploads) and free. Nothing but the last releases anything
 * (DIS-13).
 */
#include <string.h>

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

static bool is_established(enum toe_tcp_state s)
{
	return s == TOE_ESTABLISHED || s == TOE_CLOSE_WAIT;
}

void toe_conn_set_state(struct toe_conn *c, enum toe_tcp_state state)
{
	struct toe_tcp_stats *s = toe_tcp_stats(c);

	if (c->phase == TOE_LIVE && is_established(c->state)) {
		s->currently_established--;
		if (state == TOE_CLOSED)
			s->reset_established++;
	}
	c->state = state;
	if (c->phase == TOE_LIVE && is_established(state))
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

/* ------------------------------------------------------------------ ends */

void toe_conn_halt(struct toe_conn *c, bool deliver)
{
	c->rx_off = true;
	c->tx_off = true;
	c->dlv_off = !deliver;
	c->out.keep_probe = false;
	c->out.wnd_probe = false;
	c->out.tlp_probe = false;
	toe_timer_freeze(c);
	/* What came before is acknowledged while there is time (TRM-32). */
	if (c->rcv.ack_owed)
		c->rcv.ack_now = true;
	toe_output_kick(c);
	toe_event_kick(c);
}

void toe_conn_abort(struct toe_conn *c)
{
	c->aborted = true;
	toe_conn_set_state(c, TOE_CLOSED);
	c->rcv.ack_now = false;
	c->rcv.ack_owed = false;
	c->rcv.dup_acks = 0;
	c->rec.rt_running = false;
	toe_conn_halt(c, false);
	c->tmr[TOE_TMR_REXMT] = TOE_NO_DEADLINE;
	c->tmr[TOE_TMR_KEEP] = TOE_NO_DEADLINE;
	c->tmr[TOE_TMR_TLP] = TOE_NO_DEADLINE;
	toe_sendq_fail(c, TOE_ABORTED);
	toe_deliver_fail(c, TOE_ABORTED);
}

void toe_conn_invalidate(struct toe_conn *c, uint64_t now)
{
	toe_engine_clock(c->t, now);
	c->invalid = true;
	toe_event_retrieve(c, TOE_WHY_INVALID);
}

/*
 * What recovery knew is not part of the state that goes back. If data is known to be lost, SND.NXT
 * is pulled back to it, so that the host sends it again without waiting for a timeout.
 */
static void pull_back(struct toe_conn *c)
{
	struct toe_range r;

	if (c->rec.state != TOE_REC_FAST || c->snd.nxt != c->snd.max)
		return;
	if (!(c->k.flags & TOE_SACK)) {
		if (c->rec.force)
			c->snd.nxt = c->snd.una;
		return;
	}
	if (toe_sack_next(&c->sack, c->snd.max, c->snd.mss, c->t->params.dup_ack_threshold, false,
			  &r) == TOE_SACK_LOST)
		c->snd.nxt = r.start;
}

void toe_conn_stop(struct toe_conn *c, enum toe_stop_sends how, uint64_t now)
{
	struct toe *t = c->t;

	toe_engine_clock(t, now);
	if (c->phase != TOE_LIVE)
		return;
	toe_conn_hash_del(c);
	pull_back(c);
	toe_conn_halt(c, false);
	if (is_established(c->state))
		toe_tcp_stats(c)->currently_established--;
	c->phase = TOE_STOPPED;
	c->dlv.busy = false;
	toe_rcvbuf_drop_ooo(&c->rcv.buf);
	toe_deliver_fail(c, c->aborted ? TOE_ABORTED : TOE_UPLOADING);
	toe_sendq_stop(c, how);
	t->stats.buffered_out += toe_deliver_held(c);
	if (!c->rcv.ack_now && !c->out.rst)
		toe_list_remove(&c->out_link);
	toe_event_kick(c);
}

bool toe_conn_stopped(const struct toe_conn *c)
{
	return c->phase == TOE_STOPPED && !toe_event_pending(c) && !toe_output_queued(c);
}

void toe_conn_free(struct toe_conn *c)
{
	struct toe *t = c->t;

	toe_conn_hash_del(c);
	toe_timer_freeze(c);
	if (c->phase == TOE_LIVE && is_established(c->state))
		toe_tcp_stats(c)->currently_established--;
	toe_list_remove(&c->ev_link);
	toe_list_remove(&c->out_link);
	toe_list_remove(&c->path_link);
	toe_list_remove(&c->all);
	t->nconns--;
	if (c->rcv.old_mem)
		t->ops.free(t->opaque, c->rcv.old_mem, c->rcv.old_cap);
	if (c->rcv.buf.mem)
		t->ops.free(t->opaque, c->rcv.buf.mem, c->rcv.buf.cap);
	t->ops.free(t->opaque, c, sizeof(*c));
}

void toe_conn_discard(struct toe_conn *c)
{
	if (c->phase == TOE_IMPORTED)
		toe_conn_free(c);
}

void toe_conn_destroy(struct toe_conn *c)
{
	if (c->phase == TOE_STOPPED)
		toe_conn_free(c);
}

uint64_t toe_conn_cookie(const struct toe_conn *c)
{
	return c->k.cookie;
}

unsigned toe_conn_queue(const struct toe_conn *c)
{
	return c->k.queue;
}
