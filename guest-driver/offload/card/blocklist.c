// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that travels with state operations: the block list under construction, in
 * memory that each card has for one, under od->mutex; and rooms, the page buffers
 * for BufferedData in either direction. Nothing here knows what the lists mean.
 */
#include <linux/dma-mapping.h>
#include <linux/mm.h>

#include "offload/conn.h"
#include "offload/frame.h"

#define LIST_MOST	(256 * 1024)
/* One connection with all its requests and the largest window, in single pages. */
#define LIST_LEAST	(128 * 1024)

/* The longest list is what can be had in one piece; longer batches go in several. */
int chimdrv_blist_memory(struct chimdrv_offload *od)
{
	const gfp_t gfp = GFP_KERNEL | __GFP_NOWARN;
	u32 len;

	for (len = LIST_MOST; len >= LIST_LEAST && !od->list_mem; len /= 2) {
		od->list_len = min(len, od->cd->limits.block_len);
		od->list_mem = od->list_len ? dma_alloc_coherent(od->cd->dev, od->list_len,
								 &od->list_dma, gfp) : NULL;
	}
	if (od->list_mem)
		od->list = kvzalloc(od->list_len, GFP_KERNEL);
	if (od->list || !od->cd->limits.block_len)
		return 0;
	chimdrv_blist_memory_free(od);
	return -ENOMEM;
}

void chimdrv_blist_memory_free(struct chimdrv_offload *od)
{
	if (od->list_mem)
		dma_free_coherent(od->cd->dev, od->list_len, od->list_mem, od->list_dma);
	kvfree(od->list);
	od->list_mem = NULL;
	od->list = NULL;
}

void chimdrv_blist_init(struct chimdrv_blist *bl, struct chimdrv_dev *cd, u32 max_nodes)
{
	struct chimdrv_offload *od = chimdrv_od(cd);
	struct chim_block_list *head;

	lockdep_assert_held(&od->mutex);
	WARN_ON_ONCE(od->list_busy);
	od->list_busy = true;
	memset(bl, 0, sizeof(*bl));
	bl->od = od;
	bl->buf = od->list;
	bl->max_len = od->list_len;
	bl->max_nodes = max_nodes;
	bl->len = sizeof(*head) + max_nodes * sizeof(struct chim_node);
	head = (struct chim_block_list *)bl->buf;
	head->revision = cpu_to_le32(1);
}

/* The memory is zero for the next one. */
void chimdrv_blist_fini(struct chimdrv_blist *bl)
{
	memset(bl->buf, 0, bl->len);
	bl->od->list_busy = false;
}

int chimdrv_blist_reserve(struct chimdrv_blist *bl, u32 len)
{
	u32 off = ALIGN(bl->len, 8);

	if (len > bl->max_len || off > bl->max_len - len)
		return -EMSGSIZE;
	bl->len = off + len;
	return off;
}

void chimdrv_blist_cut(struct chimdrv_blist *bl, u32 len)
{
	memset(bl->buf + len, 0, bl->len - len);
	bl->len = len;
}

struct chim_node *chimdrv_blist_at(struct chimdrv_blist *bl, u32 node)
{
	return (struct chim_node *)(bl->buf + sizeof(struct chim_block_list)) + node;
}

void *chimdrv_blist_ptr(struct chimdrv_blist *bl, u32 off)
{
	return bl->buf + off;
}

u32 chimdrv_blist_node(struct chimdrv_blist *bl, u8 role, u8 type, u32 handle, u64 cookie)
{
	u32 i = bl->nodes++;
	struct chim_node *n = chimdrv_blist_at(bl, i);

	WARN_ON_ONCE(bl->nodes > bl->max_nodes);
	n->role = role;
	n->type = type;
	n->next = cpu_to_le32(CHIM_NODE_NONE);
	n->dependent = cpu_to_le32(CHIM_NODE_NONE);
	n->handle = cpu_to_le32(handle);
	n->cookie = cpu_to_le64(cookie);
	return i;
}

/* ----------------------------------------------------------------------- rooms */

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

	gfp |= must && !order ? __GFP_NOFAIL : __GFP_NOWARN | __GFP_NORETRY;

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
 * Page buffers of @len bytes in all, or a little more, mapped. May sleep; others are
 * not killed for the sake of one that need not be had.
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

/* Memory that is still in the room goes; what was taken out by clearing page stays. */
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

/* Scatter elements of the first @len bytes; @sge has room for room->count. Returns how many. */
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

/* Copy @len bytes of a frame, from @off of it, to @at of the room. */
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
 * The last bytes into pages of their own, if these can be had: a frame is charged for
 * all of its memory, and what the socket has offered the peer may rest on the difference.
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
 * The first @len bytes as frames behind one another on @list, with sequence
 * numbers from @seq on. The memory moves into the frames, save what the last one leaves
 * unused. Their heads must be had: the peer has been told that the bytes have arrived.
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
