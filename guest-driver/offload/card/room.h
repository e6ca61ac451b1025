/* SPDX-License-Identifier: GPL-2.0-only */
/* Page buffers for BufferedData. */
#ifndef CHIMDRV_ROOM_H
#define CHIMDRV_ROOM_H

#include <linux/dma-direction.h>
#include <linux/types.h>

struct chim_sge;
struct device;
struct page;
struct sk_buff;
struct sk_buff_head;

struct chimdrv_chunk {
	struct page *page;
	dma_addr_t dma;
	u8 order;
	bool mapped;
};

struct chimdrv_room {
	struct device *dev;
	enum dma_data_direction dir;
	u32 size;
	unsigned int count;
	struct chimdrv_chunk chunk[];
};

/* @must: waits for memory as long as it takes; NULL only if it cannot be mapped. */
struct chimdrv_room *chimdrv_room_create(struct device *dev, u32 len,
					 enum dma_data_direction dir, bool must);
void chimdrv_room_destroy(struct chimdrv_room *room);
u32 chimdrv_room_sges(const struct chimdrv_room *room, struct chim_sge *sge, u32 len);
int chimdrv_room_write(struct chimdrv_room *room, u32 at, const struct sk_buff *skb, u32 off,
		       u32 len);
int chimdrv_room_to_skbs(struct chimdrv_room *room, u32 len, u32 seq, struct sk_buff_head *list);

#endif /* CHIMDRV_ROOM_H */
