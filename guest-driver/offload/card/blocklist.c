// SPDX-License-Identifier: GPL-2.0-only
/*
 * Builds block lists, one at a time, under od->mutex, in memory that each card has for
 * one list. Nothing here knows what the lists mean.
 */
#include <linux/dma-mapping.h>
#include <linux/mm.h>

#include "offload/card/blocklist.h"
#include "offload/od.h"

#define LIST_MOST	(256 * 1024)
/* One connection with all its requests and the largest window, in single pages. */
#define LIST_LEAST	(128 * 1024)

/* Allocate the list memory in one piece, as long as possible; long batches take several lists. */
int chimdrv_blocklist_memory(struct chimdrv_od *od)
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
	chimdrv_blocklist_memory_free(od);
	return -ENOMEM;
}

void chimdrv_blocklist_memory_free(struct chimdrv_od *od)
{
	if (od->list_mem)
		dma_free_coherent(od->cd->dev, od->list_len, od->list_mem, od->list_dma);
	kvfree(od->list);
	od->list_mem = NULL;
	od->list = NULL;
}

void chimdrv_blocklist_init(struct chimdrv_blocklist *bl, struct chimdrv_dev *cd, u32 max_nodes)
{
	struct chimdrv_od *od = chimdrv_od(cd);
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

/* Leave the memory zeroed for the next list. */
void chimdrv_blocklist_fini(struct chimdrv_blocklist *bl)
{
	memset(bl->buf, 0, bl->len);
	bl->od->list_busy = false;
}

int chimdrv_blocklist_reserve(struct chimdrv_blocklist *bl, u32 len)
{
	u32 off = ALIGN(bl->len, 8);

	if (len > bl->max_len || off > bl->max_len - len)
		return -EMSGSIZE;
	bl->len = off + len;
	return off;
}

void chimdrv_blocklist_cut(struct chimdrv_blocklist *bl, u32 len)
{
	memset(bl->buf + len, 0, bl->len - len);
	bl->len = len;
}

struct chim_node *chimdrv_blocklist_at(struct chimdrv_blocklist *bl, u32 node)
{
	return (struct chim_node *)(bl->buf + sizeof(struct chim_block_list)) + node;
}

void *chimdrv_blocklist_ptr(struct chimdrv_blocklist *bl, u32 off)
{
	return bl->buf + off;
}

u32 chimdrv_blocklist_node(struct chimdrv_blocklist *bl, u8 role, u8 type, u32 handle, u64 cookie)
{
	u32 i = bl->nodes++;
	struct chim_node *n = chimdrv_blocklist_at(bl, i);

	WARN_ON_ONCE(bl->nodes > bl->max_nodes);
	n->role = role;
	n->type = type;
	n->next = cpu_to_le32(CHIM_NODE_NONE);
	n->dependent = cpu_to_le32(CHIM_NODE_NONE);
	n->handle = cpu_to_le32(handle);
	n->cookie = cpu_to_le64(cookie);
	return i;
}

/* Make @node the first dependent of @object. */
void chimdrv_blocklist_hang(struct chimdrv_blocklist *bl, u32 object, u32 node)
{
	chimdrv_blocklist_at(bl, node)->next = chimdrv_blocklist_at(bl, object)->dependent;
	chimdrv_blocklist_at(bl, object)->dependent = cpu_to_le32(node);
}
