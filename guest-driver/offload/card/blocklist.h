/* SPDX-License-Identifier: GPL-2.0-only */
/* A block list under construction. */
#ifndef CHIMDRV_BLOCKLIST_H
#define CHIMDRV_BLOCKLIST_H

#include <linux/types.h>

struct chim_node;
struct chimdrv_dev;
struct chimdrv_od;

/*
 * A block list under construction: the nodes first, and everything else behind them as it
 * is added. The memory belongs to the card's offload half and holds one list, so there is
 * one list at a time, under od->mutex from init to fini, and no allocation can fail.
 */
struct chimdrv_blocklist {
	struct chimdrv_od *od;
	u8 *buf;
	u32 len;
	u32 max_len;		/* of the memory; the card takes no longer list */
	u32 nodes;
	u32 max_nodes;
};

int chimdrv_blocklist_memory(struct chimdrv_od *od);	/* once per card */
void chimdrv_blocklist_memory_free(struct chimdrv_od *od);
void chimdrv_blocklist_init(struct chimdrv_blocklist *bl, struct chimdrv_dev *cd, u32 max_nodes);
void chimdrv_blocklist_fini(struct chimdrv_blocklist *bl);
/* Offset of @len zero bytes, aligned to 8; -EMSGSIZE: the list is full. */
int chimdrv_blocklist_reserve(struct chimdrv_blocklist *bl, u32 len);
void chimdrv_blocklist_cut(struct chimdrv_blocklist *bl, u32 len);	/* drop the rest */
/* Add a node and return its index. Never fails below max_nodes. */
u32 chimdrv_blocklist_node(struct chimdrv_blocklist *bl, u8 role, u8 type, u32 handle, u64 cookie);
/* Make the new @node a dependent of @object. */
void chimdrv_blocklist_hang(struct chimdrv_blocklist *bl, u32 object, u32 node);
struct chim_node *chimdrv_blocklist_at(struct chimdrv_blocklist *bl, u32 node);
void *chimdrv_blocklist_ptr(struct chimdrv_blocklist *bl, u32 off);

#endif /* CHIMDRV_BLOCKLIST_H */
