/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests to the card about bytes of a connection, while they are outstanding. */
#ifndef CHIMDRV_REQUESTS_H
#define CHIMDRV_REQUESTS_H

#include <linux/list.h>
#include <linux/types.h>

struct page;
struct sk_buff;

#define CHIMDRV_SEND_SGES	20	/* pieces of one send request */
#define CHIMDRV_SEND_LEN	65536	/* bytes of one send request at most */
#define CHIMDRV_RECV_PARTS	2

struct chimdrv_sge {
	dma_addr_t addr;
	u32 len;
	struct page *page;	/* with a reference, or NULL where the skb keeps the memory */
};

/* A send request: a byte range of the write queue, never an skb. */
struct chimdrv_send {
	struct list_head node;	/* conn->snd.list, in order of sequence numbers */
	u64 cookie;
	u32 seq;
	u32 len;
	u32 flags;		/* enum chim_send_flags */
	u32 nsge;
	bool done;		/* acknowledged; waits to be taken off the write queue */
	bool back;		/* came back undone: nothing behind it is taken off either */
	struct chimdrv_sge sge[CHIMDRV_SEND_SGES];
};

/* A receive request in push mode: page buffers and the skb that they go into. */
struct chimdrv_recv {
	struct list_head node;
	u64 cookie;
	u32 len;		/* 0: only re-arms indications */
	bool nonpush;		/* the card holds enough to fill it (RRQ-9) */
	u32 nsge;
	unsigned int order;	/* of its pages; CHIMDRV_RECV_ORDER: of the pair's pool */
	struct sk_buff *skb;
	struct chimdrv_sge sge[CHIMDRV_RECV_PARTS];
};

/* One segment on its way to the target; a copy, skb is the original. */
struct chimdrv_fwd {
	struct list_head node;
	u64 cookie;
	struct sk_buff *skb;
	dma_addr_t dma;
	u32 len;
	u8 *data;
	unsigned long since;	/* jiffies when it was posted; never 0 */
};

#endif /* CHIMDRV_REQUESTS_H */
