// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which sockets are offloaded unasked: the policy none or auto. check.c decides whether a
 * socket may be offloaded at all.
 */
#include <net/tcp.h>

#include "offload/control/policy.h"
#include "chimney_genl.h"
#include "offload/life/backoff.h"
#include "offload/life/candidate.h"

/* ------------------------------------------------------------------------------ policy */

int chimdrv_policy_set(u32 mode)
{
	if (mode > CHIMNEY_POLICY_AUTO)
		return -EINVAL;
	chimdrv_candidate_want(mode == CHIMNEY_POLICY_AUTO);
	chimdrv_backoff_forget();
	return 0;
}

u32 chimdrv_policy_get(void)
{
	return chimdrv_candidate_automatic() ? CHIMNEY_POLICY_AUTO : CHIMNEY_POLICY_NONE;
}

/*
 * Call fn() for every full, established TCP socket of the namespace, with a reference.
 * Process context, fn() may not sleep. If fn() returns false, stop.
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

void chimdrv_policy_init(void)
{
	chimdrv_backoff_forget();
}

void chimdrv_policy_exit(void)
{
	chimdrv_candidate_want(false);
}
