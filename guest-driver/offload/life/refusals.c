// SPDX-License-Identifier: GPL-2.0-only
/*
 * The book of refusals: the sockets that were not offloaded, each counted once under
 * its last reason, however often it was refused. A socket that is offloaded after all
 * is taken out, so that the counts add up to the connections that were refused.
 *
 * A refusal is counted at the card that the socket's route leads to, or else in
 * no_card. Nobody reports the end of a socket that was never ours: its entry stays
 * until MAX_ENTRIES others have come since it was last looked at.
 *
 * Lookups run under RCU; changes take book.lock, a leaf, with bottom halves disabled.
 * Entries keep the address of a socket only to compare it, and never follow it.
 */
#include <linux/hash.h>
#include <linux/rculist.h>
#include <net/sock.h>

#include "offload/life/refusals.h"
#include "offload/od.h"

#define BUCKET_BITS	12
#define MAX_ENTRIES	16384	/* about a megabyte */
#define SECOND_CHANCES	16

struct refused {
	struct hlist_node node;
	struct list_head age;
	const struct sock *sk;
	unsigned long ino;	/* sockets' addresses and tuples come again; 0: it had none left */
	u32 tuple;
	u32 why;		/* enum chimdrv_refusal */
	struct chimdrv_od *od;	/* where it is counted; NULL: in no_card */
	bool recent;		/* looked at since it was last put at the tail */
	struct rcu_head rcu;
};

static struct {
	spinlock_t lock;
	struct hlist_head bucket[1 << BUCKET_BITS];
	struct list_head line;	/* oldest first */
	unsigned int entries;
	atomic64_t no_card[CHIMDRV_NO_COUNT];
} book = {
	.lock = __SPIN_LOCK_UNLOCKED(book.lock),
	.line = LIST_HEAD_INIT(book.line),
};

static atomic64_t *counter(const struct refused *r)
{
	return r->od ? &r->od->count.refused[r->why] : &book.no_card[r->why];
}

/* RCU or book.lock. */
static struct refused *find(const struct sock *sk, unsigned long ino)
{
	struct refused *r;

	hlist_for_each_entry_rcu(r, &book.bucket[hash_ptr(sk, BUCKET_BITS)], node,
				 lockdep_is_held(&book.lock))
		if (r->sk == sk && r->tuple == sk->sk_hash && (!r->ino || !ino || r->ino == ino))
			return r;
	return NULL;
}

/* book.lock. The counts do not change. */
static void drop(struct refused *r)
{
	hlist_del_rcu(&r->node);
	list_del(&r->age);
	book.entries--;
	kfree_rcu(r, rcu);
}

/* book.lock. Make room for one more: drop the oldest entry that nobody has looked at again. */
static void make_room(void)
{
	struct refused *r;
	unsigned int i;

	if (book.entries < MAX_ENTRIES)
		return;
	for (i = 0; i < SECOND_CHANCES; i++) {
		r = list_first_entry(&book.line, struct refused, age);
		if (!READ_ONCE(r->recent))
			break;
		WRITE_ONCE(r->recent, false);
		list_move_tail(&r->age, &book.line);
	}
	drop(list_first_entry(&book.line, struct refused, age));
}

/* book.lock. */
static struct refused *add(const struct sock *sk, unsigned long ino)
{
	struct refused *r = kzalloc(sizeof(*r), GFP_ATOMIC | __GFP_NOWARN);

	if (!r)
		return NULL;
	make_room();
	r->sk = sk;
	r->ino = ino;
	r->tuple = sk->sk_hash;
	hlist_add_head_rcu(&r->node, &book.bucket[hash_ptr(sk, BUCKET_BITS)]);
	list_add_tail(&r->age, &book.line);
	book.entries++;
	return r;
}

void chimdrv_refusals_note(const struct sock *sk, struct chimdrv_od *od,
			   enum chimdrv_refusal why)
{
	unsigned long ino = sock_i_ino((struct sock *)sk);
	struct refused *r;
	bool known;

	/* the policy sees each segment of a refused connection: nothing new mostly */
	rcu_read_lock();
	r = find(sk, ino);
	known = r && READ_ONCE(r->why) == why && READ_ONCE(r->od) == od;
	if (known && !READ_ONCE(r->recent))
		WRITE_ONCE(r->recent, true);
	rcu_read_unlock();
	if (known)
		return;
	spin_lock_bh(&book.lock);
	r = find(sk, ino);
	if (r)
		atomic64_dec(counter(r));
	else
		r = add(sk, ino);
	if (r) {
		if (!r->ino)
			r->ino = ino;
		WRITE_ONCE(r->why, why);
		WRITE_ONCE(r->od, od);
		atomic64_inc(counter(r));
	}
	spin_unlock_bh(&book.lock);
}

void chimdrv_refusals_carried(const struct sock *sk)
{
	struct refused *r;

	if (!READ_ONCE(book.entries))
		return;
	spin_lock_bh(&book.lock);
	r = find(sk, sock_i_ino((struct sock *)sk));
	if (r) {
		atomic64_dec(counter(r));
		drop(r);
	}
	spin_unlock_bh(&book.lock);
}

u64 chimdrv_refusals_no_card(enum chimdrv_refusal why)
{
	return atomic64_read(&book.no_card[why]);
}

void chimdrv_refusals_forget(struct chimdrv_od *od)
{
	struct refused *r, *next;

	spin_lock_bh(&book.lock);
	list_for_each_entry_safe(r, next, &book.line, age)
		if (r->od == od)
			drop(r);
	spin_unlock_bh(&book.lock);
}

/* Nothing is noted any more. */
void chimdrv_refusals_exit(void)
{
	struct refused *r, *next;

	spin_lock_bh(&book.lock);
	list_for_each_entry_safe(r, next, &book.line, age)
		drop(r);
	spin_unlock_bh(&book.lock);
}
