/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * path.c - path objects: the route of connections, its MTU, and invalidation, which asks for the
 * upload of everything that depends on a path or a neighbor.
 */
#include <string.h>

#include "clock.h"
#include "conn.h"
#include "end.h"
#include "list.h"
#include "recovery.h"
#include "toe_internal.h"

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
		toe_end_retrieve(toe_container(l, struct toe_conn, path_link), TOE_WHY_INVALID);
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
	toe_clock_advance(p->t, now);
	p->invalid = true;
	retrieve_all(p);
}

void toe_neigh_invalidate(struct toe_neigh *n, uint64_t now)
{
	struct toe_link *l;

	toe_clock_advance(n->t, now);
	n->invalid = true;
	toe_list_remove(&n->nce);
	for (l = n->paths.next; l != &n->paths; l = l->next)
		retrieve_all(toe_container(l, struct toe_path, link));
}
