// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that travels with state operations: block lists under construction, and
 * rooms, the page buffers for BufferedData in either direction. Nothing here
 * knows what the lists mean.
 */
#include <linux/dma-mapping.h>
#include <linux/mm.h>

#include "chimdrv_conn.h"

int chimdrv_blist_init(struct chimdrv_blist *bl, const struct chimdrv_dev *cd, u32 max_nodes)
{
	struct chim_block_list *head;

	memset(bl, 0, sizeof(*bl));
	bl->max_len = cd->limits.block_len;
	bl->max_nodes = max_nodes;
	bl->len = sizeof(*head) + max_nodes * sizeof(struct chim_node);
	bl->cap = bl->len + 16384;
	bl->buf = kvzalloc(bl->cap, GFP_KERNEL);
	if (!bl->buf)
		return -ENOMEM;
	head = (struct chim_block_list *)bl->buf;
	head->revision = cpu_to_le32(1);
	return 0;
}

void chimdrv_blist_fini(struct chimdrv_blist *bl)
{
	kvfree(bl->buf);
	bl->buf = NULL;
}

int chimdrv_blist_reserve(struct chimdrv_blist *bl, u32 len)
{
	u32 off = ALIGN(bl->len, 8), cap = bl->cap;
	u8 *buf;

	if (len > bl->max_len || off > bl->max_len - len)
		return -EMSGSIZE;
	if (off + len > cap) {
		while (off + len > cap)
			cap *= 2;
		buf = kvzalloc(cap, GFP_KERNEL);
		if (!buf)
			return -ENOMEM;
		memcpy(buf, bl->buf, bl->len);
		kvfree(bl->buf);
		bl->buf = buf;
		bl->cap = cap;
	}
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

static int room_add(struct chimdrv_room *room, unsigned int order)
{
	struct chimdrv_chunk *c = &room->chunk[room->count];
	gfp_t gfp = GFP_KERNEL | __GFP_COMP | (order ? __GFP_NOWARN | __GFP_NORETRY : 0);

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

/* Page buffers of @len bytes in all, or a little more, mapped. May sleep. */
struct chimdrv_room *chimdrv_room_create(struct device *dev, u32 len,
					 enum dma_data_direction dir)
{
	unsigned int order = CHIMDRV_RECV_ORDER;
	struct chimdrv_room *room;

	room = kvzalloc(struct_size(room, chunk, DIV_ROUND_UP(len, PAGE_SIZE) + 1), GFP_KERNEL);
	if (!room)
		return NULL;
	room->dev = dev;
	room->dir = dir;
	while (room->size < len) {
		while (order && (PAGE_SIZE << (order - 1)) >= len - room->size)
			order--;
		if (!room_add(room, order))
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
 * The first @len bytes as frames behind one another on @list, with sequence
 * numbers from @seq on. The memory moves into the frames. Their heads must be had:
 * the peer has been told that the bytes have arrived.
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
		skb = chimdrv_deliver_skb(GFP_KERNEL | __GFP_NOFAIL);
		room_unmap(room, c);
		skb_add_rx_frag(skb, 0, c->page, 0, part, PAGE_SIZE << c->order);
		c->page = NULL;
		TCP_SKB_CB(skb)->seq = seq;
		TCP_SKB_CB(skb)->end_seq = seq + part;
		__skb_queue_tail(list, skb);
		seq += part;
		len -= part;
	}
	return len ? -ENOSPC : 0;
}
