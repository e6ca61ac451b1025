// SPDX-License-Identifier: GPL-2.0-only
/*
 * The wish that a socket go over, of the policy or of somebody else: those that the
 * policy has chosen wait in a list for a work, and each that was refused is noted at the
 * card that its route leads to.
 *
 * The list is under od->lock, and is looked at in any context.
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

/* The policy: from now on sockets go over as their segments come, or only when asked for. */
void chimdrv_candidate_want(bool automatic)
{
	WRITE_ONCE(wanted, automatic);
}

bool chimdrv_candidate_automatic(void)
{
	return READ_ONCE(wanted);
}

/* In the hook, without a lock: is it worth a closer look? */
bool chimdrv_candidate_wanted(struct sock *sk)
{
	if (likely(!READ_ONCE(wanted)))
		return false;
	return sk->sk_state == TCP_ESTABLISHED && READ_ONCE(sk->sk_socket);
}

/*
 * Into the book of refusals, at the card that the route leads to. What the card has is
 * not refused. Of what nobody has asked for, neither is what has no card of ours to go
 * to, nor what has ended, or has no program, before its turn came.
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

/* An attempt is over; @asked: somebody has asked for it, not the policy. */
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

/* The automatic policy's candidates. Any context, RCU. */
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

/* The policy looks at a socket; @tracked: what a segment of it says against it. */
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

/* No work runs and none comes any more: those that still wait are let off. */
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
