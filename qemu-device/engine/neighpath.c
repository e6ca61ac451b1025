/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * neighpath.c - neighbor and path objects, the links between the layers, reachability and
 * invalidation.
 *
 * Connections point to their path, paths to their neighbor; headers are built in that order.
 * Reachability follows the chimney rules: two ages per neighbor in ticks modulo 2^32, and a
 * question to the host when both are stale.
 */
#include <string.h>

#include "toe_internal.h"

/* ------------------------------------------------------------------ neighbor */

enum toe_status toe_neigh_create(struct toe *t, const struct toe_neigh_state *s, uint64_t cookie,
				 uint64_t now, struct toe_neigh **out)
{
	struct toe_neigh *n;

	toe_engine_clock(t, now);
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
	toe_engine_clock(n->t, now);
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

/*
 * Ask the host. Until it answers act as if it had said 0, so that one question is under way (M-11).
 */
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

/* ------------------------------------------------------------------ path */

static bool mtu_ok(bool ipv6, uint32_t mtu)
{
	return mtu >= (ipv6 ? 1280 : 68);
}

enum toe_status toe_path_create(struct toe *t, struct toe_neigh *n, const struct toe_path_state *s,
				struct toe_path **out)
{
	struct toe_path *p;

	if (!mtu_ok(s->ipv6, s->mtu))
		return TOE_BAD_FIELD;
	if (s->mtu > t->cfg.max_mtu)
		return TOE_BAD_MTU;
	if (n->invalid)
		return TOE_BAD_STATE;
	if (t->npaths >= t->cfg.max_paths)
		return TOE_TOO_MANY;
	p = t->ops.alloc(t->opaque, sizeof(*p));
	if (!p)
		return TOE_NO_MEMORY;
	p->t = t;
	p->n = n;
	p->s = *s;
	if (!s->ipv6) {
		memset(p->s.src + 4, 0, 12);
		memset(p->s.dst + 4, 0, 12);
	}
	toe_list_init(&p->conns);
	toe_list_append(&n->paths, &p->link);
	t->npaths++;
	*out = p;
	return TOE_OK;
}

enum toe_status toe_path_destroy(struct toe_path *p)
{
	struct toe *t = p->t;

	if (!toe_list_empty(&p->conns))
		return TOE_IN_USE;
	toe_list_remove(&p->link);
	t->npaths--;
	t->ops.free(t->opaque, p, sizeof(*p));
	return TOE_OK;
}

enum toe_status toe_path_update(struct toe_path *p, uint32_t mtu)
{
	struct toe_link *l;

	if (!mtu_ok(p->s.ipv6, mtu))
		return TOE_BAD_FIELD;
	if (mtu > p->t->cfg.max_mtu)
		return TOE_BAD_MTU;
	p->s.mtu = mtu;
	for (l = p->conns.next; l != &p->conns; l = l->next) {
		struct toe_conn *c = toe_container(l, struct toe_conn, path_link);
		uint32_t old = c->snd.mss;

		toe_conn_set_mss(c);
		if (c->phase == TOE_LIVE && c->snd.mss < old)
			toe_recovery_restart(c);
	}
	return TOE_OK;
}

void toe_path_query(const struct toe_path *p, struct toe_path_state *s)
{
	*s = p->s;
}

/* INV-5, INV-6: stop what depends on the path, and ask for its upload. */
static void retrieve_all(struct toe_path *p)
{
	struct toe_link *l;

	for (l = p->conns.next; l != &p->conns; l = l->next)
		toe_event_retrieve(toe_container(l, struct toe_conn, path_link), TOE_WHY_INVALID);
}

void toe_path_relink(struct toe_path *p, struct toe_neigh *n)
{
	toe_list_remove(&p->link);
	p->n = n;
	toe_list_append(&n->paths, &p->link);
	if (n->invalid)
		retrieve_all(p);
}

void toe_path_invalidate(struct toe_path *p, uint64_t now)
{
	toe_engine_clock(p->t, now);
	p->invalid = true;
	retrieve_all(p);
}

void toe_neigh_invalidate(struct toe_neigh *n, uint64_t now)
{
	struct toe_link *l;

	toe_engine_clock(n->t, now);
	n->invalid = true;
	toe_list_remove(&n->nce);
	for (l = n->paths.next; l != &n->paths; l = l->next)
		retrieve_all(toe_container(l, struct toe_path, link));
}
