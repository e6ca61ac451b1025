// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long the automatic policy leaves a socket alone after a refusal, so that a full
 * card does not cost a hook, a fence and an INITIATE with each segment. Explicit
 * requests are never held back.
 *
 * A hash table of fixed size holds one socket per slot. A newer socket overwrites an
 * older one, and a socket without an entry may try. Two tags are equal with a
 * probability of 2^-32; the wrong socket then stays with Linux TCP for a while. Readers
 * (the hook, with each segment) take no lock; writers take `lock`.
 */
#include <linux/hash.h>
#include <linux/jhash.h>
#include <linux/random.h>
#include <net/sock.h>

#include "offload/life/backoff.h"
#include "offload/life/candidate_types.h"
#include "offload/od.h"

#define SLOTS_LOG2	12

struct slot {
	u32 tag;		/* 0: free */
	u32 until;		/* jiffies, the low half */
	u32 level;		/* refusals in a row */
};

struct pace {
	u32 first_ms, most_ms;	/* doubled with each refusal, up to most_ms */
};

static const struct pace moment = { 10, 1000 };
static const struct pace room = { 100, 60000 };
static const struct pace hopeless = { 600000, 600000 };
static const struct pace card_full = { 50, 5000 };

static struct slot slots[1 << SLOTS_LOG2];
static DEFINE_SPINLOCK(lock);
static u32 secret;
static u32 epoch;		/* counts chimdrv_backoff_forget(); READ_ONCE */

static u32 tag_of(const struct sock *sk)
{
	u64 p = (uintptr_t)sk;

	return jhash_3words(lower_32_bits(p), upper_32_bits(p), sk->sk_hash, secret) | 1;
}

static struct slot *slot_of(u32 tag)
{
	return &slots[hash_32(tag, SLOTS_LOG2)];
}

/* Between 3/4 and 5/4 of the pace at random: sockets refused together do not return together. */
static u32 delay(const struct pace *p, u32 level)
{
	u32 ms = min_t(u64, (u64)p->first_ms << min(level, 16u), p->most_ms);

	return msecs_to_jiffies(ms - ms / 4 + get_random_u32() % (ms / 2 + 1));
}

/* Any context, no lock. Is it too early to try this socket again? */
bool chimdrv_backoff_waits(const struct sock *sk)
{
	u32 tag = tag_of(sk);
	const struct slot *s = slot_of(tag);

	return READ_ONCE(s->tag) == tag && (s32)(READ_ONCE(s->until) - (u32)jiffies) > 0;
}

static void put_off(const struct sock *sk, const struct pace *p)
{
	u32 tag = tag_of(sk);
	struct slot *s = slot_of(tag);

	spin_lock_bh(&lock);
	if (s->tag != tag)
		s->level = 0;
	WRITE_ONCE(s->until, (u32)jiffies + delay(p, s->level++));
	WRITE_ONCE(s->tag, tag);
	spin_unlock_bh(&lock);
}

static bool is_full(u32 status)
{
	switch (status) {
	case CHIM_ST_RESOURCES:
	case CHIM_ST_FAILURE:
	case CHIM_ST_TCP_ENTRIES:
	case CHIM_ST_PATH_ENTRIES:
	case CHIM_ST_NEIGHBOR_ENTRIES:
	case CHIM_ST_IP_ADDRESS_ENTRIES:
	case CHIM_ST_HW_ADDRESS_ENTRIES:
	case CHIM_ST_VLAN_ENTRIES:
	case CHIM_ST_TCP_XMIT_BUFFER:
	case CHIM_ST_TCP_RCV_BUFFER:
	case CHIM_ST_BUSY:
		return true;
	default:
		return false;
	}
}

/* NULL: the policy will not choose this socket again anyway. */
static const struct pace *pace_of(const struct chimdrv_candidate *c)
{
	switch (c->refusal) {
	case CHIMDRV_NO_STATE:
	case CHIMDRV_NO_ORPHAN:
		return NULL;
	case CHIMDRV_NO_OOO:
	case CHIMDRV_NO_RECOVERY:
	case CHIMDRV_NO_DRAIN:
	case CHIMDRV_NO_OWNED:
	case CHIMDRV_NO_BUSY:
	case CHIMDRV_NO_NEIGHBOR:
		return &moment;
	case CHIMDRV_NO_CARD:
		return is_full(c->status) ? &room : &hopeless;
	case CHIMDRV_NO_UNREADABLE:
		return &hopeless;
	default:
		return &room;
	}
}

static bool card_waits(const struct chimdrv_od *od)
{
	return READ_ONCE(od->full_epoch) == READ_ONCE(epoch) &&
	       time_before(jiffies, READ_ONCE(od->full_until));
}

/* Note what became of the policy's candidate @c. Its card, if it has one, is @od's. */
void chimdrv_backoff_answer(struct chimdrv_od *od, const struct chimdrv_candidate *c)
{
	const struct pace *pace = pace_of(c);

	if (c->err) {
		if (pace)
			put_off(c->sk, pace);
		if (c->refusal == CHIMDRV_NO_CARD && is_full(c->status) &&
		    !card_waits(od)) {
			WRITE_ONCE(od->full_until, jiffies + delay(&card_full, od->full_level++));
			WRITE_ONCE(od->full_epoch, READ_ONCE(epoch));
		}
		return;
	}
	od->full_level = 0;
}

/* Any context. The socket was offloaded: forget its refusals. */
void chimdrv_backoff_over(const struct sock *sk)
{
	u32 tag = tag_of(sk);
	struct slot *s = slot_of(tag);

	spin_lock_bh(&lock);
	if (s->tag == tag)
		WRITE_ONCE(s->tag, 0);
	spin_unlock_bh(&lock);
}

/* slock or owner. The card did not keep the connection: wait before the next attempt. */
void chimdrv_backoff_came_back(const struct sock *sk)
{
	put_off(sk, &room);
}

/* Any context. Is the card full, because it said so or because its limit is reached? */
bool chimdrv_backoff_card_full(const struct chimdrv_od *od)
{
	return card_waits(od) ||
	       READ_ONCE(od->nconns) + READ_ONCE(od->ncandidates) >= od->cd->limits.conns;
}

/* Old answers may no longer hold: the policy was changed, or a card came up. */
void chimdrv_backoff_forget(void)
{
	spin_lock_bh(&lock);
	if (!secret)
		secret = get_random_u32();
	memset(slots, 0, sizeof(slots));
	WRITE_ONCE(epoch, epoch + 1);
	spin_unlock_bh(&lock);
}
