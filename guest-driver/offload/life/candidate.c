// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sockets that are to be offloaded. Those that the automatic policy has chosen wait in
 * a list for a work. A refused attempt, of the policy or of an explicit request, is
 * noted at the card that the socket's route leads to.
 *
 * od->lock protects the list; the policy adds to it in any context.
 */
#include <net/tcp.h>

#include "offload/life/candidate.h"
#include "offload/cache.h"
#include "offload/life/backoff.h"
#include "offload/life/candidate_types.h"
#include "offload/life/offload.h"
#include "offload/life/refusals.h"
#include "offload/od.h"
#include "offload/socket/check.h"

static bool wanted;	/* READ_ONCE: by the automatic policy */

/* Set the policy: offload sockets as their segments arrive, or only on request. */
void chimdrv_candidate_want(bool automatic)
{
	WRITE_ONCE(wanted, automatic);
}

bool chimdrv_candidate_automatic(void)
{
	return READ_ONCE(wanted);
}

/* In the hook, without a lock: might the policy offload this socket? */
bool chimdrv_candidate_wanted(struct sock *sk)
{
	if (likely(!READ_ONCE(wanted)))
		return false;
	return sk->sk_state == TCP_ESTABLISHED && READ_ONCE(sk->sk_socket);
}

/*
 * Note a refusal at the card that the route leads to. A socket that the card already
 * has is not refused. Nor, if nobody asked, is one whose route leads to no card of
 * ours, or one that ended or lost its program before its turn came.
 */
static void note(struct sock *sk, struct chimdrv_dev *cd, enum chimdrv_refusal why, bool asked)
{
	struct chimdrv_od *od = cd ? chimdrv_od(cd) : NULL;

	if (why == CHIMDRV_NO_ALREADY)
		return;
	if (!asked && (why == CHIMDRV_NO_STATE || why == CHIMDRV_NO_ORPHAN))
		return;
	if (od || asked)
		chimdrv_refusals_note(sk, od, why);
}

/* An attempt has ended; @asked: it was an explicit request, not the policy's. */
void chimdrv_candidate_note(const struct chimdrv_candidate *c, bool asked)
{
	struct chimdrv_dev *cd = NULL;

	if (!c->err)
		return;
	rcu_read_lock();
	chimdrv_check(c->sk, &cd);
	note(c->sk, cd, c->refusal, asked);
	rcu_read_unlock();
}

/* Any context, RCU. Add a candidate of the automatic policy. */
static void want(struct chimdrv_dev *cd, struct sock *sk)
{
	struct chimdrv_od *od = chimdrv_od(cd);
	struct chimdrv_candidate *c;

	if (!od || !od->up || READ_ONCE(od->ncandidates) >= 4 * CHIMDRV_BATCH ||
	    chimdrv_backoff_card_full(od))
		return;
	spin_lock_bh(&od->lock);
	list_for_each_entry(c, &od->candidates, node)
		if (c->sk == sk)
			goto out;
	c = chimdrv_cache_alloc(CHIMDRV_CACHE_CANDIDATE, GFP_ATOMIC | __GFP_NOWARN | __GFP_ZERO);
	if (!c)
		goto out;
	sock_hold(sk);
	c->sk = sk;
	list_add_tail(&c->node, &od->candidates);
	od->ncandidates++;
	queue_work(od->wq, &od->offload_work);
out:
	spin_unlock_bh(&od->lock);
}

/* The policy looks at a socket; @tracked: what connection tracking has against its segment. */
void chimdrv_candidate_consider(struct sock *sk, enum chimdrv_refusal tracked)
{
	struct chimdrv_dev *cd = NULL;
	enum chimdrv_refusal why;

	rcu_read_lock();
	why = chimdrv_check(sk, &cd) ?: tracked;
	if (!why)
		want(cd, sk);
	else
		note(sk, cd, why, false);
	rcu_read_unlock();
}

static void offload_work(struct work_struct *work)
{
	struct chimdrv_od *od = container_of(work, struct chimdrv_od, offload_work);
	struct chimdrv_candidate *c, *next;
	LIST_HEAD(list);

	spin_lock_bh(&od->lock);
	list_splice_init(&od->candidates, &list);
	od->ncandidates = 0;
	spin_unlock_bh(&od->lock);
	chimdrv_offload_list(&list);
	list_for_each_entry_safe(c, next, &list, node) {
		chimdrv_candidate_note(c, false);
		chimdrv_backoff_answer(od, c);
		sock_put(c->sk);
		chimdrv_cache_free(CHIMDRV_CACHE_CANDIDATE, c);
	}
}

/* Nothing queues the work any more: stop it and drop the candidates that still wait. */
void chimdrv_candidate_work_end(struct chimdrv_od *od)
{
	struct chimdrv_candidate *c, *next;

	cancel_work_sync(&od->offload_work);
	list_for_each_entry_safe(c, next, &od->candidates, node) {
		list_del(&c->node);
		sock_put(c->sk);
		chimdrv_cache_free(CHIMDRV_CACHE_CANDIDATE, c);
	}
	od->ncandidates = 0;
}

/* Once per card, before anybody can ask. */
void chimdrv_candidate_work_init(struct chimdrv_od *od)
{
	INIT_LIST_HEAD(&od->candidates);
	INIT_WORK(&od->offload_work, offload_work);
}
