/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * engine.c - the engine as a whole: creation, parameters, ticks, statistics.
 *
 * Owns struct toe and contains no TCP: a tick passes each expired deadline to the file whose timer
 * it is, or, for SWS and window updates, marks what is due and queues output. Here connections are
 * only members of lists.
 */
#include <string.h>

#include "clock.h"
#include "conn.h"
#include "delack.h"
#include "deliver.h"
#include "end.h"
#include "keep.h"
#include "list.h"
#include "neigh.h"
#include "queue.h"
#include "recovery.h"
#include "timer.h"
#include "toe_internal.h"

/* Windows' defaults where known, RFC values otherwise. */
static const struct toe_params default_params = {
	.ticks_per_second = 1000,
	.ack_frequency = 2,
	.delayed_ack_ticks = 40,
	.max_retransmissions = 15,
	.doubt_retransmissions = 3,
	.sws_prevention_ticks = 200,
	.dup_ack_threshold = 3,
	.push_ticks = 500,
	.nce_stale_ticks = 30000,
};

static bool config_ok(const struct toe_config *cfg)
{
	return cfg->max_conns && cfg->max_conns <= (1u << 20) && cfg->max_paths &&
	       cfg->max_neighs && cfg->max_rcv_wnd && cfg->max_rcv_wnd <= (1u << 29) &&
	       cfg->max_buffered <= (1u << 28) && cfg->max_sends && cfg->max_recvs &&
	       cfg->max_mtu >= 576 && cfg->max_mtu <= 65535 && cfg->max_gso <= 65535 &&
	       cfg->queues && cfg->queues <= TOE_MAX_QUEUES &&
	       (!cfg->ip_id_start || cfg->ip_id_start >= 0x8000);
}

static uint32_t table_size(uint32_t n)
{
	uint32_t size = 16;

	while (size < n)
		size *= 2;
	return size;
}

static size_t hash_bytes(const struct toe *t)
{
	return ((size_t)t->hash_mask + 1) * sizeof(struct toe_conn *);
}

/* The heap counts from 1. */
static size_t heap_bytes(const struct toe *t)
{
	return ((size_t)t->cfg.max_conns + 1) * sizeof(struct toe_conn *);
}

static void init_lists(struct toe *t)
{
	unsigned i;

	toe_list_init(&t->conns);
	toe_list_init(&t->neighs);
	toe_list_init(&t->nce);
	for (i = 0; i < TOE_MAX_QUEUES; i++) {
		toe_list_init(&t->q[i].ready);
		toe_list_init(&t->q[i].waiting);
		toe_list_init(&t->q[i].out);
		t->q[i].blocked = false;
	}
}

static void set_params(struct toe *t, const struct toe_params *p)
{
	t->params = *p;
	t->tick_ns = TOE_NSEC / p->ticks_per_second;
}

struct toe *toe_create(const struct toe_config *cfg, const struct toe_ops *ops, void *opaque)
{
	struct toe *t;
	unsigned i;

	if (!config_ok(cfg))
		return NULL;
	t = ops->alloc(opaque, sizeof(*t));
	if (!t)
		return NULL;
	t->cfg = *cfg;
	t->ops = *ops;
	t->opaque = opaque;
	t->now = cfg->now;
	t->hash_mask = table_size(cfg->max_conns) - 1;
	t->hash = ops->alloc(opaque, hash_bytes(t));
	t->heap = ops->alloc(opaque, heap_bytes(t));
	if (!t->hash || !t->heap) {
		if (t->hash)
			ops->free(opaque, t->hash, hash_bytes(t));
		if (t->heap)
			ops->free(opaque, t->heap, heap_bytes(t));
		ops->free(opaque, t, sizeof(*t));
		return NULL;
	}
	for (i = 0; i < 3; i++)
		t->hash_seed[i] = ops->random(opaque) | 1;
	t->ip_id = cfg->ip_id_start ? cfg->ip_id_start :
				      (uint16_t)(0x8000 | (ops->random(opaque) & 0x7fff));
	init_lists(t);
	set_params(t, &default_params);
	return t;
}

void toe_destroy(struct toe *t)
{
	toe_reset(t);
	t->ops.free(t->opaque, t->hash, hash_bytes(t));
	t->ops.free(t->opaque, t->heap, heap_bytes(t));
	t->ops.free(t->opaque, t, sizeof(*t));
}

void toe_reset(struct toe *t)
{
	while (!toe_list_empty(&t->conns))
		toe_end_free(toe_container(t->conns.next, struct toe_conn, all));
	while (!toe_list_empty(&t->neighs)) {
		struct toe_neigh *n = toe_container(t->neighs.next, struct toe_neigh, all);

		while (!toe_list_empty(&n->paths))
			toe_path_destroy(toe_container(n->paths.next, struct toe_path, link));
		toe_neigh_destroy(n);
	}
	init_lists(t);
	memset(t->hash, 0, hash_bytes(t));
	memset(&t->stats, 0, sizeof(t->stats));
	t->heap_len = 0;
	set_params(t, &default_params);
}

static uint32_t rescale(uint32_t ticks, uint64_t old_ns, uint64_t new_ns)
{
	uint64_t v;

	if (ticks == UINT32_MAX)
		return ticks;
	v = (uint64_t)ticks * old_ns / new_ns;
	return v >= UINT32_MAX ? UINT32_MAX - 1 : (uint32_t)v;
}

/* Connections and neighbors keep durations in ticks: convert them to the new tick length. */
static void rescale_all(struct toe *t, uint64_t old_ns, uint64_t new_ns)
{
	struct toe_link *l;

	for (l = t->conns.next; l != &t->conns; l = l->next) {
		struct toe_conn *c = toe_container(l, struct toe_conn, all);

		c->cached.ka_timeout = rescale(c->cached.ka_timeout, old_ns, new_ns);
		c->cached.ka_interval = rescale(c->cached.ka_interval, old_ns, new_ns);
		c->cached.max_rt = rescale(c->cached.max_rt, old_ns, new_ns);
		c->rexmt_in = rescale(c->rexmt_in, old_ns, new_ns);
		c->keep_in = rescale(c->keep_in, old_ns, new_ns);
	}
	for (l = t->neighs.next; l != &t->neighs; l = l->next)
		toe_neigh_rescale(toe_container(l, struct toe_neigh, all), t->now, old_ns, new_ns);
}

enum toe_status toe_set_params(struct toe *t, const struct toe_params *p)
{
	uint64_t old_ns = t->tick_ns;

	if (p->ticks_per_second != 10 && p->ticks_per_second != 100 && p->ticks_per_second != 1000)
		return TOE_BAD_FIELD;
	if (!p->dup_ack_threshold || p->dup_ack_threshold > 255)
		return TOE_BAD_FIELD;
	if (TOE_NSEC / p->ticks_per_second != old_ns)
		rescale_all(t, old_ns, TOE_NSEC / p->ticks_per_second);
	set_params(t, p);
	return TOE_OK;
}

const struct toe_params *toe_get_params(const struct toe *t)
{
	return &t->params;
}

static void expired(struct toe_conn *c, enum toe_timer which, uint64_t now)
{
	switch (which) {
	case TOE_TMR_REXMT:
		toe_recovery_timeout(c, now);
		break;
	case TOE_TMR_KEEP:
		toe_keep_expired(c, now);
		break;
	case TOE_TMR_DELACK:
		toe_delack_now(c);
		break;
	case TOE_TMR_PUSH:
		toe_deliver_push_timer(c);
		break;
	case TOE_TMR_SWS:
		c->snd.sws_force = true;
		toe_queue_output(c);
		break;
	case TOE_TMR_TLP:
		toe_recovery_tlp(c, now);
		break;
	case TOE_TMR_WND:
		c->rcv.sws_force = true;
		c->rcv.ack_now = true;
		toe_queue_output(c);
		break;
	case TOE_TMRS:
		break;
	}
}

static void expire(struct toe *t, uint64_t now)
{
	/*
	 * No handler leaves a live connection a timer that is due, so each comes up once; the count
	 * is a guard.
	 */
	uint32_t left = 2 * t->heap_len + 2;

	toe_timer_settle(t);
	while (left-- && t->heap_len && t->heap[1]->heap_key <= now) {
		struct toe_conn *c = t->heap[1];
		unsigned i;

		for (i = 0; i < TOE_TMRS && !c->frozen; i++) {
			if (c->tmr[i] > now)
				continue;
			c->tmr[i] = TOE_NO_DEADLINE;
			expired(c, (enum toe_timer)i, now);
		}
		toe_timer_settle(t);
	}
}

void toe_tick(struct toe *t, uint64_t now)
{
	toe_clock_advance(t, now);
	expire(t, t->now);
}

uint64_t toe_next_deadline(const struct toe *t)
{
	return t->heap_len ? t->heap[1]->heap_key : TOE_NO_DEADLINE;
}

void toe_writable(struct toe *t, unsigned queue)
{
	if (queue < t->cfg.queues)
		t->q[queue].blocked = false;
}

void toe_get_stats(const struct toe *t, struct toe_stats *s)
{
	*s = t->stats;
}

void toe_reset_stats(struct toe *t, uint32_t sets)
{
	struct toe_stats *s = &t->stats;
	unsigned v6;

	for (v6 = 0; v6 < 2; v6++) {
		if (sets & TOE_STATS_IP4 << v6)
			s->ip[v6] = (struct toe_ip_stats){ 0 };
		if (sets & TOE_STATS_TCP4 << v6)
			s->tcp[v6] = (struct toe_tcp_stats){
				.currently_established = s->tcp[v6].currently_established,
			};
	}
	if (sets & TOE_STATS_PAYLOAD)
		s->payload_in = s->payload_out = 0;
	if (sets & TOE_STATS_CASES) {
		s->buffered_in = s->buffered_to_recv = 0;
		s->buffered_indicated = s->buffered_out = 0;
		s->send_in_unacked = s->send_in_rexmit = s->send_in_unsent = 0;
		s->send_back_unacked = s->send_back_rexmit = s->send_back_unsent = 0;
		s->retransmitted = 0;
	}
}

const char *toe_check(const struct toe *t)
{
	struct toe_link *l;
	uint32_t conns = 0;
	const char *why = toe_timer_check(t);

	for (l = t->conns.next; !why && l != &t->conns; l = l->next, conns++)
		why = toe_conn_check(toe_container(l, struct toe_conn, all));
	if (!why && conns != t->nconns)
		why = "the number of connections is wrong";
	return why;
}
