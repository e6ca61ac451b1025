/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One ring between driver and card, in either direction: memory, indices, phase
 * bits, event indices and every barrier that goes with them (03-rings.md).
 *
 * A ring has no lock of its own. The caller serializes, by the lock that its
 * owner names in nic.h.
 *
 * To the card:
 *	lock
 *	if (chimdrv_ring_space(r) < n) ...
 *	for i in 0..n-1: e = chimdrv_ring_slot(r, i); fill all of *e but ctl
 *	chimdrv_ring_publish(r, ctl, n);	as often as there are commands
 *	chimdrv_ring_kick(r);			index, event index, doorbell
 *	unlock
 * From the card:
 *	while (chimdrv_ring_peek(r, &copy)) {
 *		... use the copy only ...
 *		chimdrv_ring_advance(r);	the card sees it as consumed from here
 *	}
 *	chimdrv_ring_kick(r);			if the card waits for room
 *	if (chimdrv_ring_rearm(r)) look again;	else an interrupt will come
 */
#ifndef CHIMDRV_RING_H
#define CHIMDRV_RING_H

#include "nic/ring_types.h"

int chimdrv_ring_init(struct chimdrv_ring *r, struct chimdrv_dev *cd, u32 id,
		      unsigned int log2, unsigned int entry_size);
void chimdrv_ring_fini(struct chimdrv_ring *r);
/* Empty again: all memory zero, all indices 0. The card must not know the ring. */
void chimdrv_ring_clear(struct chimdrv_ring *r);

static inline unsigned int chimdrv_ring_size(const struct chimdrv_ring *r)
{
	return 1u << r->log2;
}

static inline u32 chimdrv_ring_mask(const struct chimdrv_ring *r)
{
	return chimdrv_ring_size(r) - 1;
}

/* Both directions: publish our index and write the doorbell if the card asked for it. */
void chimdrv_ring_kick(struct chimdrv_ring *r);

/* --- to the card */

/* Entries that may be filled. An impossible card index fails the card and gives 0. */
unsigned int chimdrv_ring_space(struct chimdrv_ring *r);

/* The card's consumer index, checked; never goes back. */
u32 chimdrv_ring_consumed(struct chimdrv_ring *r);

/* Entry @n places after the last published one: zeroed except ctl, which must not be touched. */
void *chimdrv_ring_slot(struct chimdrv_ring *r, unsigned int n);

/* The same entry again, as filled so far. */
void *chimdrv_ring_entry(struct chimdrv_ring *r, unsigned int n);

/*
 * Publish one command of @n entries that have been filled: continuation entries
 * from the last to the second, then the first with @ctl (opcode and flags; count
 * and phase are added here).
 */
void chimdrv_ring_publish(struct chimdrv_ring *r, u32 ctl, unsigned int n);

/*
 * Interrupt when the card has consumed the entry with index @at. True: it has
 * already, no interrupt may come.
 */
bool chimdrv_ring_arm(struct chimdrv_ring *r, u32 at);

/* kick and arm in one, with one barrier. True: the card has consumed @at already. */
bool chimdrv_ring_kick_arm(struct chimdrv_ring *r, u32 at);

/* --- from the card */

/* Copy the next entry if it has been published. */
bool chimdrv_ring_peek(struct chimdrv_ring *r, void *copy);
/* Done with the entry. Stores the consumer index; the doorbell waits for kick. */
void chimdrv_ring_advance(struct chimdrv_ring *r);
/* Interrupt for the next entry. True: it is there already. */
bool chimdrv_ring_rearm(struct chimdrv_ring *r);

/* --- buffers for the card to fill */

#define CHIMDRV_POOL_MAX	32768u	/* pages that the kernel lets a pool keep */

/* Keeps up to @size pages unused. NULL: no memory. */
struct page_pool *chimdrv_pool_create(struct chimdrv_dev *cd, unsigned int order,
				      unsigned int size);

int chimdrv_bufring_init(struct chimdrv_bufring *br, struct chimdrv_dev *cd, u32 id,
			 unsigned int log2, unsigned int order);
void chimdrv_bufring_fini(struct chimdrv_bufring *br);
/* Free every buffer. The card must not know the ring any more. */
void chimdrv_bufring_drain(struct chimdrv_bufring *br);
/* Post what can be posted. False: too few are posted, so the caller must try again. */
bool chimdrv_bufring_refill(struct chimdrv_bufring *br, gfp_t gfp);

static inline unsigned int chimdrv_bufring_len(const struct chimdrv_bufring *br)
{
	return PAGE_SIZE << br->order;
}

/*
 * The buffer that the card calls @index, of which it has filled @len bytes.
 * peek: read it in place, NULL if there is none or @len is beyond it.
 * take: the page is the caller's, no longer mapped: a page of a page pool, for a
 *       frame that is marked for recycling, or for page_pool_put_full_page().
 * put_back: after a peek; the same memory is posted again by the next refill.
 */
const void *chimdrv_bufring_peek(struct chimdrv_bufring *br, u32 index, unsigned int len);
struct page *chimdrv_bufring_take(struct chimdrv_bufring *br, u32 index, unsigned int len);
void chimdrv_bufring_put_back(struct chimdrv_bufring *br, u32 index);

#endif /* CHIMDRV_RING_H */
