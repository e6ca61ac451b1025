// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bars: sockets that nothing may take from Linux TCP, because a call that must
 * find them there (close, shutdown, TCP_ULP ...) is between its upload and its end. The
 * connection is gone by then, so the bar stands in a table of its own, by the socket's
 * address, and lives on the stack of the call.
 *
 * A bucket's lock is a leaf, bottom halves disabled. Attach holds it from the look at
 * the bars to the switch of sk_prot. So a call that sets its bar and then looks whose
 * the socket is either sees the switch or has prevented it.
 */
#include <linux/hash.h>
#include <linux/sched.h>

#include "offload/socket/bar.h"

#define BAR_BITS	6

static struct bucket {
	spinlock_t lock;
	struct hlist_head bars;
} buckets[1 << BAR_BITS];

static struct bucket *bucket_of(const struct sock *sk)
{
	return &buckets[hash_ptr(sk, BAR_BITS)];
}

void chimdrv_bar_set(struct chimdrv_bar *bar, const struct sock *sk)
{
	struct bucket *b = bucket_of(sk);

	bar->sk = sk;
	bar->task = current;
	spin_lock_bh(&b->lock);
	hlist_add_head(&bar->node, &b->bars);
	spin_unlock_bh(&b->lock);
}

void chimdrv_bar_clear(struct chimdrv_bar *bar)
{
	struct bucket *b = bucket_of(bar->sk);

	spin_lock_bh(&b->lock);
	hlist_del(&bar->node);
	spin_unlock_bh(&b->lock);
}

/* What chimdrv_barred() says holds until chimdrv_bar_unlock(). */
void chimdrv_bar_lock(const struct sock *sk)
	__acquires(bar)
{
	spin_lock_bh(&bucket_of(sk)->lock);
}

/*
 * Does somebody else's call bar the socket? A task's own bar does not count:
 * setsockopt(TCP_ULP, "chimney") on a socket that was ours brings it over anew.
 */
bool chimdrv_barred(const struct sock *sk)
{
	struct bucket *b = bucket_of(sk);
	const struct chimdrv_bar *bar;

	lockdep_assert_held(&b->lock);
	hlist_for_each_entry(bar, &b->bars, node)
		if (bar->sk == sk && bar->task != current)
			return true;
	return false;
}

void chimdrv_bar_unlock(const struct sock *sk)
	__releases(bar)
{
	spin_unlock_bh(&bucket_of(sk)->lock);
}

void chimdrv_bar_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(buckets); i++) {
		spin_lock_init(&buckets[i].lock);
		INIT_HLIST_HEAD(&buckets[i].bars);
	}
}
