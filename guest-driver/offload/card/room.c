// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rooms: page buffers for BufferedData, in either direction, that a state operation
 * names and the card reads or fills. Process context; only its maker uses a room.
 */
#include <linux/dma-mapping.h>
#include <linux/mm.h>

#include "offload/card/room.h"
#include "chimney_abi.h"
#include "nic/nic.h"
#include "offload/frame.h"

static void room_unmap(struct chimdrv_room *room, struct chimdrv_chunk *c)
{
	if (c->mapped)
		dma_unmap_page(room->dev, c->dma, PAGE_SIZE << c->order, room->dir);
	c->mapped = false;
}

static int room_add(struct chimdrv_room *room, unsigned int order, bool must)
{
	struct chimdrv_chunk *c = &room->chunk[room->count];
	gfp_t gfp = GFP_KERNEL | __GFP_COMP;

	if (order)
		gfp |= __GFP_NOWARN | __GFP_NORETRY;
	else
		gfp |= must ? __GFP_NOFAIL : __GFP_NOWARN | __GFP_RETRY_MAYFAIL;
	c->page = alloc_pages(gfp, order);
	if (!c->page)
		return -ENOMEM;
	c->order = order;
	c->dma = dma_map_page(room->dev, c->page, 0, PAGE_SIZE << order, room->dir);
	if (dma_mapping_error(room->dev, c->dma)) {
		__free_pages(c->page, order);
		c->page = NULL;
		return -ENOMEM;
	}
	c->mapped = true;
	room->count++;
	room->size += PAGE_SIZE << order;
	return 0;
}

/*
 * Allocate and map page buffers of @len bytes in all, or a little more. May sleep;
 * without @must, no process is killed for the memory.
 */
struct chimdrv_room *chimdrv_room_create(struct device *dev, u32 len,
					 enum dma_data_direction dir, bool must)
{
	const gfp_t gfp = GFP_KERNEL | (must ? __GFP_NOFAIL : __GFP_NOWARN | __GFP_NORETRY);
	unsigned int order = CHIMDRV_RECV_ORDER;
	struct chimdrv_room *room;

	room = kvzalloc(struct_size(room, chunk, DIV_ROUND_UP(len, PAGE_SIZE) + 1), gfp);
	if (!room)
		return NULL;
	room->dev = dev;
	room->dir = dir;
	while (room->size < len) {
		while (order && (PAGE_SIZE << (order - 1)) >= len - room->size)
			order--;
		if (!room_add(room, order, must))
			continue;
		if (!order) {
			chimdrv_room_destroy(room);
			return NULL;
		}
		order--;
	}
	return room;
}

/* Free the memory that is still in the room; a chunk whose page is cleared has been taken out. */
void chimdrv_room_destroy(struct chimdrv_room *room)
{
	unsigned int i;

	if (!room)
		return;
	for (i = 0; i < room->count; i++) {
		if (!room->chunk[i].page)
			continue;
		room_unmap(room, &room->chunk[i]);
		__free_pages(room->chunk[i].page, room->chunk[i].order);
	}
	kvfree(room);
}

/* Fill scatter elements for the first @len bytes; @sge has room->count. Returns how many. */
u32 chimdrv_room_sges(const struct chimdrv_room *room, struct chim_sge *sge, u32 len)
{
	u32 i, part;

	for (i = 0; i < room->count && len; i++) {
		part = min_t(u32, len, PAGE_SIZE << room->chunk[i].order);
		sge[i].addr = cpu_to_le64(room->chunk[i].dma);
		sge[i].len = cpu_to_le32(part);
		len -= part;
	}
	return i;
}

/* Copy @len bytes at @off of a frame to @at of the room. */
int chimdrv_room_write(struct chimdrv_room *room, u32 at, const struct sk_buff *skb, u32 off,
		       u32 len)
{
	unsigned int i;
	u32 size, part;

	for (i = 0; i < room->count && len; i++) {
		size = PAGE_SIZE << room->chunk[i].order;
		if (at >= size) {
			at -= size;
			continue;
		}
		part = min(len, size - at);
		if (skb_copy_bits(skb, off, page_address(room->chunk[i].page) + at, part))
			return -EFAULT;
		dma_sync_single_for_device(room->dev, room->chunk[i].dma + at, part, room->dir);
		off += part;
		len -= part;
		at = 0;
	}
	return len ? -ENOSPC : 0;
}

/*
 * Copy the last bytes to pages of their own, if these can be had: a frame is charged
 * for all of its memory, and the window offered to the peer may rest on the difference.
 */
static bool room_copy_tail(const struct chimdrv_chunk *c, u32 part, struct sk_buff *skb)
{
	struct page *pages[1 << CHIMDRV_RECV_ORDER];
	unsigned int i, count = DIV_ROUND_UP(part, PAGE_SIZE);
	u32 size;

	if (count >= 1u << c->order)
		return false;
	for (i = 0; i < count; i++) {
		pages[i] = alloc_page(GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY);
		if (!pages[i])
			goto free;
	}
	for (i = 0; i < count; i++, part -= size) {
		size = min_t(u32, part, PAGE_SIZE);
		memcpy(page_address(pages[i]), page_address(c->page) + i * PAGE_SIZE, size);
		skb_add_rx_frag(skb, i, pages[i], 0, size, PAGE_SIZE);
	}
	return true;
free:
	while (i--)
		__free_page(pages[i]);
	return false;
}

/*
 * Queue the first @len bytes on @list as successive frames, with sequence numbers from @seq
 * on. The memory moves into the frames, except what the last one leaves unused. Allocating
 * their heads must not fail: the peer has been told that the bytes have arrived.
 */
int chimdrv_room_to_skbs(struct chimdrv_room *room, u32 len, u32 seq, struct sk_buff_head *list)
{
	struct chimdrv_chunk *c;
	struct sk_buff *skb;
	unsigned int i;
	u32 part;

	for (i = 0; i < room->count && len; i++) {
		c = &room->chunk[i];
		part = min_t(u32, len, PAGE_SIZE << c->order);
		skb = chimdrv_frame(GFP_KERNEL | __GFP_NOFAIL);
		room_unmap(room, c);
		if (!room_copy_tail(c, part, skb)) {
			skb_add_rx_frag(skb, 0, c->page, 0, part, PAGE_SIZE << c->order);
			c->page = NULL;
		}
		TCP_SKB_CB(skb)->seq = seq;
		TCP_SKB_CB(skb)->end_seq = seq + part;
		__skb_queue_tail(list, skb);
		seq += part;
		len -= part;
	}
	return len ? -ENOSPC : 0;
}
