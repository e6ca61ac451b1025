/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * neigh.c - neighbor objects and their reachability.
 *
 * Connections point to their path, paths to their neighbor; headers are built in that order.
 * Reachability follows the chimney rules: each neighbor has two ages in ticks modulo 2^32, and when
 * both are stale the host is asked.
 */
#include <string.h>

#include "clock.h"
#include "list.h"
#include "neigh.h"
#include "toe_internal.h"

enum toe_status toe_neigh_create(struct toe *t, const struct toe_neigh_state *s, uint64_t cookie,
				 uint64_t now, struct toe_neigh **out)
{
	struct toe_neigh *n;

	toe_clock_advance(t, now);
	if (s->vlan_id > 4095)
		return TOE_BAD_FIELD;
	if (t->nneighs >= t->cfg.max_neighs)
		return TOE_TOO_MANY;
	n = t->ops.alloc(t->opaque, sizeof(*n));
	if (!n)
		return TOE_NO_MEMORY;
	n->t = t;
	n->s = *s;
	n->cookie = cookie;
	n->hrt = toe_ticks_now(t, t->now) - s->hrd;
	n->nrt = toe_ticks_now(t, t->now) - s->nrd;
	toe_list_init(&n->paths);
	toe_list_init(&n->nce);
	toe_list_append(&t->neighs, &n->all);
	t->nneighs++;
	*out = n;
	return TOE_OK;
}

enum toe_status toe_neigh_destroy(struct toe_neigh *n)
{
	struct toe *t = n->t;

	if (!toe_list_empty(&n->paths))
		return TOE_IN_USE;
	toe_list_remove(&n->nce);
	toe_list_remove(&n->all);
	t->nneighs--;
	t->ops.free(t->opaque, n, sizeof(*n));
	return TOE_OK;
}

void toe_neigh_answer(struct toe_neigh *n, uint32_t hrd, uint64_t now)
{
	toe_clock_advance(n->t, now);
	n->hrt = toe_ticks_now(n->t, n->t->now) - hrd;
}

void toe_neigh_update(struct toe_neigh *n, const uint8_t dst_mac[6], uint32_t hrd, uint64_t now)
{
	memcpy(n->s.dst_mac, dst_mac, 6);
	toe_neigh_answer(n, hrd, now);
}

void toe_neigh_query(const struct toe_neigh *n, struct toe_neigh_state *s, uint64_t now)
{
	uint32_t nct = toe_ticks_now(n->t, now > n->t->now ? now : n->t->now);

	*s = n->s;
	s->hrd = nct - n->hrt;
	s->nrd = nct - n->nrt;
}

void toe_neigh_rescale(struct toe_neigh *n, uint64_t now, uint64_t old_tick_ns,
		       uint64_t new_tick_ns)
{
	uint32_t old_nct = (uint32_t)(now / old_tick_ns), new_nct = (uint32_t)(now / new_tick_ns);

	n->hrt = new_nct - (uint32_t)((old_nct - n->hrt) * old_tick_ns / new_tick_ns);
	n->nrt = new_nct - (uint32_t)((old_nct - n->nrt) * old_tick_ns / new_tick_ns);
}

/* Ask the host. Until it answers, act as if it had said 0, so that one question is open (M-11). */
void toe_neigh_raise(struct toe_neigh *n, uint64_t now)
{
	uint32_t nct = toe_ticks_now(n->t, now);

	if (!toe_list_empty(&n->nce))
		return;
	n->ev_hrd = nct - n->hrt;
	n->ev_nrd = nct - n->nrt;
	n->hrt = nct;
	toe_list_append(&n->t->nce, &n->nce);
}

void toe_neigh_sending(struct toe_neigh *n, uint64_t now)
{
	uint32_t nct = toe_ticks_now(n->t, now), stale = n->t->params.nce_stale_ticks;

	if (nct - n->nrt > stale && nct - n->hrt > stale)
		toe_neigh_raise(n, now);
}
