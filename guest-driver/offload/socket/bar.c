// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bars keep a socket with Linux TCP during a call that must find it there (close,
 * shutdown, TCP_ULP ...), from the call's upload to its end. The connection is gone by
 * then, so bars have a table of their own, keyed by the socket's address; each lives on
 * the stack of its call.
 *
 * A bucket's lock is a leaf, bottom halves disabled. Attach holds it from its look at the
 * bars until it has switched sk_prot. So a call that sets its bar and then looks who has
 * the socket either sees the switch or has prevented it.
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

/* The answer of chimdrv_barred() holds until chimdrv_bar_unlock(). */
void chimdrv_bar_lock(const struct sock *sk)
	__acquires(bar)
{
	spin_lock_bh(&bucket_of(sk)->lock);
}

/*
 * Does another task's call bar the socket? A task's own bar does not count:
 * setsockopt(TCP_ULP, "chimney") on a socket that was ours offloads it again.
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
