// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which sockets are offloaded without being asked for: the policy none, auto or random.
 * Whether one may be at all is check.c's.
 */
#include <linux/prandom.h>

#include "offload/control/policy.h"
#include "chimney_genl.h"
#include "nic/devs.h"
#include "offload/ask.h"
#include "offload/conn_types.h"
#include "offload/life/backoff.h"
#include "offload/life/candidate.h"
#include "offload/od.h"
#include "offload/socket/attach.h"

static struct {
	u32 mode;		/* enum chimney_policy; READ_ONCE */
	u32 seed;
	struct rnd_state rnd;	/* lock */
	spinlock_t lock;
	struct delayed_work work;	/* random: the next moment */
} policy;

#define RANDOM_MIN_MS	5
#define RANDOM_SPAN_MS	195

/* ------------------------------------------------------------------------------ policy */

static u32 roll(void)
{
	u32 v;

	spin_lock_bh(&policy.lock);
	v = prandom_u32_state(&policy.rnd);
	spin_unlock_bh(&policy.lock);
	return v;
}

/*
 * The random policy walks through the established sockets and flips coins: one in
 * two of the eligible ones goes over, one in two of the offloaded ones comes back.
 */
static void random_card(struct chimdrv_dev *cd)
{
	struct chimdrv_od *od = chimdrv_od(cd);
	struct chimdrv_conn *conn;

	spin_lock_bh(&od->lock);
	list_for_each_entry(conn, &od->conns, all)
		if (conn->state == CHIMDRV_OFFLOADED && list_empty(&conn->link) &&
		    !(prandom_u32_state(&policy.rnd) & 1))
			chimdrv_ask_upload_locked(od, conn, CHIMDRV_WHY_POLICY);
	spin_unlock_bh(&od->lock);
	queue_work(od->wq, &od->upload_work);
}

static bool random_socket(struct sock *sk, void *arg)
{
	if (!chimdrv_is_ours(sk) && (roll() & 1))
		chimdrv_candidate_consider(sk, CHIMDRV_NO_NONE);
	return true;
}

static void policy_work(struct work_struct *work)
{
	struct chimdrv_dev *cd;

	if (READ_ONCE(policy.mode) != CHIMNEY_POLICY_RANDOM)
		return;
	mutex_lock(&chimdrv_devs_lock);
	list_for_each_entry(cd, &chimdrv_devs, list) {
		if (!chimdrv_od(cd))
			continue;
		chimdrv_each_socket(dev_net(cd->net->netdev), random_socket, NULL);
		random_card(cd);
	}
	mutex_unlock(&chimdrv_devs_lock);
	schedule_delayed_work(&policy.work,
			      msecs_to_jiffies(RANDOM_MIN_MS + roll() % RANDOM_SPAN_MS));
}

int chimdrv_policy_set(u32 mode, u32 seed)
{
	if (mode > CHIMNEY_POLICY_RANDOM)
		return -EINVAL;
	spin_lock_bh(&policy.lock);
	policy.seed = seed;
	prandom_seed_state(&policy.rnd, seed);
	WRITE_ONCE(policy.mode, mode);
	chimdrv_candidate_want(mode == CHIMNEY_POLICY_AUTO);
	spin_unlock_bh(&policy.lock);
	chimdrv_backoff_forget();
	if (mode == CHIMNEY_POLICY_RANDOM)
		mod_delayed_work(system_wq, &policy.work, 1);
	return 0;
}

u32 chimdrv_policy_get(void)
{
	return READ_ONCE(policy.mode);
}

/*
 * Every full TCP socket of the namespace that is established, with a reference
 * while fn() runs; process context, fn() may not sleep. fn() false: enough.
 */
void chimdrv_each_socket(struct net *net, bool (*fn)(struct sock *, void *), void *arg)
{
	struct inet_hashinfo *h = net->ipv4.tcp_death_row.hashinfo;
	struct hlist_nulls_node *node;
	struct sock *sk;
	bool more = true;
	u32 i;

	for (i = 0; i <= h->ehash_mask && more; i++) {
		if (hlist_nulls_empty(&h->ehash[i].chain))
			continue;
		rcu_read_lock();
		sk_nulls_for_each_rcu(sk, node, &h->ehash[i].chain) {
			if (!sk_fullsock(sk) || !net_eq(sock_net(sk), net) ||
			    (sk->sk_state != TCP_ESTABLISHED && sk->sk_state != TCP_CLOSE_WAIT) ||
			    !refcount_inc_not_zero(&sk->sk_refcnt))
				continue;
			more = fn(sk, arg);
			sock_put(sk);
			if (!more)
				break;
		}
		rcu_read_unlock();
		cond_resched();
	}
}

int chimdrv_policy_init(void)
{
	spin_lock_init(&policy.lock);
	prandom_seed_state(&policy.rnd, 1);
	INIT_DELAYED_WORK(&policy.work, policy_work);
	chimdrv_backoff_forget();
	return 0;
}

void chimdrv_policy_exit(void)
{
	WRITE_ONCE(policy.mode, CHIMNEY_POLICY_NONE);
	chimdrv_candidate_want(false);
	cancel_delayed_work_sync(&policy.work);
}
