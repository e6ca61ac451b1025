/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fields of a ring, for the structures that contain rings. Only ring.c writes them;
 * other files use the functions of ring.h, or read an index, an address or a size.
 */
#ifndef CHIMDRV_RING_TYPES_H
#define CHIMDRV_RING_TYPES_H

#include <linux/mm_types.h>
#include <linux/types.h>

struct chim_ring_ctl;
struct chimdrv_dev;
struct page_pool;

struct chimdrv_ring {
	struct chimdrv_dev *cd;
	void *entries;			/* coherent memory; NULL: no ring */
	struct chim_ring_ctl *ctl;
	dma_addr_t entries_dma;
	dma_addr_t ctl_dma;
	u32 id;				/* ring id of the ABI */
	unsigned int log2;
	unsigned int entry_size;
	u32 index;			/* ours: producer to the card, consumer from it */
	u32 kicked;			/* ours when the event index was last looked at */
	u32 seen;			/* the card's, as last believed */
	bool exists;			/* created on the card */
	u64 doorbells;
};

/* One posted buffer of RXB or IB: whole pages, mapped for the card to write. */
struct chimdrv_buf {
	struct page *page;		/* NULL: not posted, or taken */
	dma_addr_t dma;
};

/* A ring of posted buffers with what is in it. Only NAPI touches it while the pair runs. */
struct chimdrv_bufring {
	struct chimdrv_ring ring;
	struct page_pool *pool;		/* where the pages come from and go back to */
	struct chimdrv_buf *slot;	/* one per entry, by index & mask */
	struct chimdrv_buf *spare;	/* given back, still mapped; a stack */
	unsigned int spares;
	unsigned int posted;		/* slots with a page */
	unsigned int order;		/* log2 of the pages of one buffer */
	u64 alloc_failed;
};

#endif /* CHIMDRV_RING_TYPES_H */
