// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rings: their memory, indices, phase bits and event indices, and all barriers between
 * driver and card. The owner of a ring calls it under its own lock. Of an entry it knows
 * only the first word.
 */
#include <linux/dma-mapping.h>
#include <linux/slab.h>

#include "nic/ring.h"
#include "chimney_abi.h"
#include "compat/pagepool.h"
#include "nic/hw.h"

int chimdrv_ring_init(struct chimdrv_ring *r, struct chimdrv_dev *cd, u32 id,
		      unsigned int log2, unsigned int entry_size)
{
	memset(r, 0, sizeof(*r));
	r->cd = cd;
	r->id = id;
	r->log2 = log2;
	r->entry_size = entry_size;
	r->entries = dma_alloc_coherent(cd->dev, (size_t)entry_size << log2,
					&r->entries_dma, GFP_KERNEL);
	if (!r->entries)
		return -ENOMEM;
	r->ctl = dma_alloc_coherent(cd->dev, sizeof(*r->ctl), &r->ctl_dma, GFP_KERNEL);
	if (!r->ctl) {
		chimdrv_ring_fini(r);
		return -ENOMEM;
	}
	return 0;
}

void chimdrv_ring_fini(struct chimdrv_ring *r)
{
	if (r->ctl)
		dma_free_coherent(r->cd->dev, sizeof(*r->ctl), r->ctl, r->ctl_dma);
	if (r->entries)
		dma_free_coherent(r->cd->dev, (size_t)r->entry_size << r->log2,
				  r->entries, r->entries_dma);
	r->ctl = NULL;
	r->entries = NULL;
	r->exists = false;
	r->doorbells = 0;
}

void chimdrv_ring_clear(struct chimdrv_ring *r)
{
	memset(r->entries, 0, (size_t)r->entry_size << r->log2);
	memset(r->ctl, 0, sizeof(*r->ctl));
	r->index = 0;
	r->kicked = 0;
	r->seen = 0;
	r->exists = false;
}

static __le32 *entry_at(const struct chimdrv_ring *r, u32 index)
{
	return r->entries + (size_t)(index & chimdrv_ring_mask(r)) * r->entry_size;
}

/* The phase of the entry with this index: 1 in the first pass, then alternating. */
static u32 phase_at(const struct chimdrv_ring *r, u32 index)
{
	return (index >> r->log2) & 1 ? 0 : CHIM_CTL_PHASE;
}

/* Does an index that moves from @old to @new pass @event? */
static bool event_passed(u32 event, u32 new, u32 old)
{
	return new - event - 1 < new - old;
}

void chimdrv_ring_kick(struct chimdrv_ring *r)
{
	u32 old = r->kicked;

	if (r->index == old)
		return;
	dma_wmb();	/* phases before the index that covers them */
	WRITE_ONCE(r->ctl->drv_index, cpu_to_le32(r->index));
	r->kicked = r->index;
	mb();		/* our index before the card's event index (RING-D5) */
	if (event_passed(le32_to_cpu(READ_ONCE(r->ctl->dev_event)), r->index, old)) {
		r->doorbells++;
		chimdrv_hw_doorbell(r->cd, r->id, r->index);
	}
}

u32 chimdrv_ring_consumed(struct chimdrv_ring *r)
{
	u32 theirs = le32_to_cpu(READ_ONCE(r->ctl->dev_index));

	if (theirs == r->seen)
		return theirs;
	if (unlikely(r->index - theirs > r->index - r->seen)) {
		chimdrv_dev_fail(r->cd, "impossible consumer index");
		return r->seen;
	}
	dma_rmb();	/* the index before the results that it stands for */
	r->seen = theirs;
	return theirs;
}

unsigned int chimdrv_ring_space(struct chimdrv_ring *r)
{
	return chimdrv_ring_size(r) - (r->index - chimdrv_ring_consumed(r));
}

void *chimdrv_ring_slot(struct chimdrv_ring *r, unsigned int n)
{
	__le32 *entry = entry_at(r, r->index + n);

	/* Not the first word: it holds the old phase, and 0 may be the new one. */
	memset(entry + 1, 0, r->entry_size - sizeof(*entry));
	return entry;
}

void *chimdrv_ring_entry(struct chimdrv_ring *r, unsigned int n)
{
	return entry_at(r, r->index + n);
}

void chimdrv_ring_publish(struct chimdrv_ring *r, u32 ctl, unsigned int n)
{
	unsigned int i;

	dma_wmb();	/* contents before any phase */
	for (i = n - 1; i > 0; i--)
		WRITE_ONCE(*entry_at(r, r->index + i),
			   cpu_to_le32(CHIM_OP_SG | phase_at(r, r->index + i)));
	if (n > 1)
		dma_wmb();	/* all continuations before the first entry (RING-H3) */
	ctl |= (n - 1) << CHIM_CTL_SG_SHIFT;
	WRITE_ONCE(*entry_at(r, r->index), cpu_to_le32(ctl | phase_at(r, r->index)));
	r->index += n;
}

bool chimdrv_ring_arm(struct chimdrv_ring *r, u32 at)
{
	WRITE_ONCE(r->ctl->drv_event, cpu_to_le32(at));
	mb();		/* event index before the card's index (RING-D6) */
	return (s32)(chimdrv_ring_consumed(r) - at) > 0;
}

bool chimdrv_ring_kick_arm(struct chimdrv_ring *r, u32 at)
{
	/* The barrier in kick orders this; with nothing to kick the card has seen everything. */
	WRITE_ONCE(r->ctl->drv_event, cpu_to_le32(at));
	if (r->index == r->kicked)
		mb();	/* as in arm */
	else
		chimdrv_ring_kick(r);
	return (s32)(chimdrv_ring_consumed(r) - at) > 0;
}

bool chimdrv_ring_peek(struct chimdrv_ring *r, void *copy)
{
	__le32 *entry = entry_at(r, r->index);

	if ((le32_to_cpu(READ_ONCE(*entry)) & CHIM_CTL_PHASE) != phase_at(r, r->index))
		return false;
	dma_rmb();	/* the phase before the rest */
	memcpy(copy, entry, r->entry_size);
	return true;
}

void chimdrv_ring_advance(struct chimdrv_ring *r)
{
	r->index++;
	/* What the driver did for this entry (a verdict) before the index (RING-H8). */
	dma_wmb();
	WRITE_ONCE(r->ctl->drv_index, cpu_to_le32(r->index));
}

bool chimdrv_ring_rearm(struct chimdrv_ring *r)
{
	__le32 *entry = entry_at(r, r->index);

	WRITE_ONCE(r->ctl->drv_event, cpu_to_le32(r->index));
	mb();		/* event index before the second look (RING-D6) */
	return (le32_to_cpu(READ_ONCE(*entry)) & CHIM_CTL_PHASE) == phase_at(r, r->index);
}

/* ------------------------------------------------------------ rings of buffers */

/*
 * A pool of pages of this order, to which frames return them when freed; the kernel would
 * zero new ones. The pool maps nothing: its pages wait in sockets as long as programs
 * please, maybe longer than the card exists, but a mapping must end with the binding.
 * Whoever gives a page to the card maps it.
 */
struct page_pool *chimdrv_pool_create(struct chimdrv_dev *cd, unsigned int order,
				      unsigned int size)
{
	struct page_pool_params params = {
		.order = order,
		.pool_size = min(size, CHIMDRV_POOL_MAX),
		.nid = NUMA_NO_NODE,
	};
	struct page_pool *pool;

	chimdrv_compat_pool_netdev(&params, cd->net->netdev);
	pool = page_pool_create(&params);
	return IS_ERR(pool) ? NULL : pool;
}

int chimdrv_bufring_init(struct chimdrv_bufring *br, struct chimdrv_dev *cd, u32 id,
			 unsigned int log2, unsigned int order)
{
	int err;

	memset(br, 0, sizeof(*br));
	br->order = order;
	err = chimdrv_ring_init(&br->ring, cd, id, log2, sizeof(struct chim_buf));
	if (err)
		return err;
	br->pool = chimdrv_pool_create(cd, order, 2u << log2);
	if (!br->pool) {
		chimdrv_bufring_fini(br);
		return -ENOMEM;
	}
	br->slot = kvcalloc(1u << log2, sizeof(*br->slot), GFP_KERNEL);
	br->spare = kvcalloc(1u << log2, sizeof(*br->spare), GFP_KERNEL);
	if (!br->slot || !br->spare) {
		chimdrv_bufring_fini(br);
		return -ENOMEM;
	}
	return 0;
}

void chimdrv_bufring_fini(struct chimdrv_bufring *br)
{
	kvfree(br->slot);
	kvfree(br->spare);
	br->slot = NULL;
	br->spare = NULL;
	if (br->pool)
		page_pool_destroy(br->pool);
	br->pool = NULL;
	br->alloc_failed = 0;
	chimdrv_ring_fini(&br->ring);
}

static void free_buf(struct chimdrv_bufring *br, struct chimdrv_buf *buf)
{
	if (!buf->page)
		return;
	dma_unmap_page(br->ring.cd->dev, buf->dma, chimdrv_bufring_len(br), DMA_FROM_DEVICE);
	page_pool_put_full_page(br->pool, buf->page, false);
	buf->page = NULL;
}

void chimdrv_bufring_drain(struct chimdrv_bufring *br)
{
	unsigned int i;

	for (i = 0; i < chimdrv_ring_size(&br->ring); i++)
		free_buf(br, &br->slot[i]);
	while (br->spares)
		free_buf(br, &br->spare[--br->spares]);
	br->posted = 0;
}

static bool alloc_buf(struct chimdrv_bufring *br, struct chimdrv_buf *buf, gfp_t gfp)
{
	struct device *dev = br->ring.cd->dev;

	if (br->spares) {
		*buf = br->spare[--br->spares];
		return true;
	}
	if (br->order)
		gfp |= __GFP_NORETRY;
	buf->page = page_pool_alloc_pages(br->pool, gfp | __GFP_NOWARN);
	if (!buf->page)
		return false;
	buf->dma = dma_map_page(dev, buf->page, 0, chimdrv_bufring_len(br), DMA_FROM_DEVICE);
	if (dma_mapping_error(dev, buf->dma)) {
		page_pool_put_full_page(br->pool, buf->page, false);
		buf->page = NULL;
		return false;
	}
	return true;
}

bool chimdrv_bufring_refill(struct chimdrv_bufring *br, gfp_t gfp)
{
	unsigned int space = chimdrv_ring_space(&br->ring);
	u32 mask = chimdrv_ring_mask(&br->ring);

	/* A slot is free once its buffer is back; in ring order, unless the card misbehaves. */
	while (space && !br->slot[br->ring.index & mask].page) {
		struct chimdrv_buf *buf = &br->slot[br->ring.index & mask];
		struct chim_buf *entry;

		if (!alloc_buf(br, buf, gfp)) {
			br->alloc_failed++;
			break;
		}
		entry = chimdrv_ring_slot(&br->ring, 0);
		entry->len = cpu_to_le32(chimdrv_bufring_len(br));
		entry->addr = cpu_to_le64(buf->dma);
		chimdrv_ring_publish(&br->ring, 0, 1);
		br->posted++;
		space--;
	}
	chimdrv_ring_kick(&br->ring);
	return br->posted >= chimdrv_ring_size(&br->ring) / 2;
}

const void *chimdrv_bufring_peek(struct chimdrv_bufring *br, u32 index, unsigned int len)
{
	struct chimdrv_buf *buf = &br->slot[index & chimdrv_ring_mask(&br->ring)];

	if (unlikely(!buf->page || len > chimdrv_bufring_len(br)))
		return NULL;
	dma_sync_single_for_cpu(br->ring.cd->dev, buf->dma, len, DMA_FROM_DEVICE);
	return page_address(buf->page);
}

struct page *chimdrv_bufring_take(struct chimdrv_bufring *br, u32 index, unsigned int len)
{
	struct chimdrv_buf *buf = &br->slot[index & chimdrv_ring_mask(&br->ring)];
	struct page *page = buf->page;

	if (unlikely(!page || len > chimdrv_bufring_len(br)))
		return NULL;
	dma_sync_single_for_cpu(br->ring.cd->dev, buf->dma, len, DMA_FROM_DEVICE);
	dma_unmap_page_attrs(br->ring.cd->dev, buf->dma, chimdrv_bufring_len(br),
			     DMA_FROM_DEVICE, DMA_ATTR_SKIP_CPU_SYNC);
	buf->page = NULL;
	br->posted--;
	return page;
}

void chimdrv_bufring_put_back(struct chimdrv_bufring *br, u32 index)
{
	struct chimdrv_buf *buf = &br->slot[index & chimdrv_ring_mask(&br->ring)];

	if (unlikely(!buf->page))
		return;
	dma_sync_single_for_device(br->ring.cd->dev, buf->dma, chimdrv_bufring_len(br),
				   DMA_FROM_DEVICE);
	br->spare[br->spares++] = *buf;
	buf->page = NULL;
	br->posted--;
}
