/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The offload half's part of a card: what belongs to no connection.
 *
 * It exists from the card's probe to its removal, and contains locks of the card;
 * nic/nic.h gives their order, and od->mutex comes before the socket lock.
 */
#ifndef CHIMDRV_OD_H
#define CHIMDRV_OD_H

#include "chimney_abi.h"
#include "nic/nic.h"
#include "offload/counters.h"

#define CHIMDRV_LEND_PAGES	64	/* pages that a pair keeps for programs to write (lend.c) */
#define CHIMDRV_BATCH		64	/* connections in one block list */
#define CHIMDRV_NCES		64	/* unanswered questions about neighbors */

/* Pages that programs write into: ours by one reference, others may still read them. */
struct chimdrv_lend_pages {
	spinlock_t lock;	/* leaf; bottom halves disabled */
	unsigned int count;
	unsigned int taken;	/* since the last tick */
	struct page *page[CHIMDRV_LEND_PAGES];	/* oldest first */
};

/* The offload half's part of a card: cd->offload. */
struct chimdrv_od {
	struct chimdrv_dev *cd;
	struct workqueue_struct *wq;
	/*
	 * mutex: one state operation at a time; protects neighs, paths and conn->path.
	 * Held while sleeping for the card; taken before the socket lock.
	 */
	struct mutex mutex;
	struct list_head neighs;
	struct list_head paths;

	/* lock: conns, uploads, updates, candidates, borrowers. Bottom halves disabled. Leaf. */
	spinlock_t lock;
	struct list_head conns;
	struct list_head uploads;
	struct list_head uploads_later;	/* could not be run now; upload_again puts them back */
	struct list_head uploads_ending;	/* handed over, LAST is missing; upload_ends */
	struct list_head updates;
	struct list_head updates_later;	/* could not be told; in the order of their times */
	struct list_head candidates;	/* sockets that the policy wants offloaded */
	unsigned int ncandidates;
	unsigned long full_until;	/* jiffies: the policy waits until then; offload_work */
	u32 full_level;
	u32 full_epoch;			/* backoff.c: full_until holds only in this epoch */
	unsigned int nconns;
	struct list_head borrowers;	/* connections with a lent page, or on their way out */
	unsigned int nborrowers;
	bool up;			/* offloads are welcome; written under lock */
	wait_queue_head_t idle;		/* conns, and what the card has of them */

	struct work_struct upload_work;
	struct delayed_work upload_again;
	struct delayed_work upload_ends;
	struct delayed_work late_work;	/* each second, while the card owes answers */
	struct delayed_work update_work;
	struct work_struct offload_work;	/* candidates */
	struct delayed_work neigh_work;		/* resolve what notifiers reported; idle objects */
	struct delayed_work retry_work;		/* pending lists that memory kept back */
	struct delayed_work memory_work;	/* sockets that tcp_mem kept from having more */
	unsigned long neigh_flags;
	u32 fence_id;			/* mutex */
	struct chim_params params;	/* mutex: as last told, or zero */
	/*
	 * mutex: memory for one block list, allocated when the card came. The driver
	 * builds and reads list; the card reads and writes list_mem.
	 */
	u8 *list;
	void *list_mem;
	dma_addr_t list_dma;
	u32 list_len;
	bool list_busy;
	atomic_t abandoned;		/* connections that wait for a reset of the card */
	atomic_t resets;		/* RSTs of such that the card has not completed */
	/*
	 * lock: the card's questions about neighbors. One that finds no place counts as
	 * answered with 0, and is asked again (M-11).
	 */
	struct chimdrv_nce {
		u32 handle;
		u32 nrd;
		u64 cookie;
	} nce[CHIMDRV_NCES];
	unsigned int nnces;
	u64 neigh_id;			/* mutex: the name of the last neighbor */
	struct work_struct nce_work;
	struct delayed_work lend_work;		/* each second, while there are pages */
	struct chimdrv_lend_pages lent[CHIMDRV_MAX_PAIRS];
	struct chimdrv_counters count;
};

static inline struct chimdrv_od *chimdrv_od(const struct chimdrv_dev *cd)
{
	return READ_ONCE(cd->offload);
}

#define chimdrv_count(cd, name)		atomic64_inc(&chimdrv_od(cd)->count.name)
#define chimdrv_count_add(cd, name, n)	atomic64_add((n), &chimdrv_od(cd)->count.name)

#endif /* CHIMDRV_OD_H */
