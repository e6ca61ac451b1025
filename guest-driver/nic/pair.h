/* SPDX-License-Identifier: GPL-2.0-only */
/* One I/O pair: its rings, its NAPI poll, the buffers that it hands out. */
#ifndef CHIMDRV_PAIR_H
#define CHIMDRV_PAIR_H

#include "nic/nic.h"

int chimdrv_pair_alloc(struct chimdrv_pair *pair);	/* ring memory */
void chimdrv_pair_free(struct chimdrv_pair *pair);
void chimdrv_pair_fill(struct chimdrv_pair *pair);	/* first buffers, before NAPI runs */
void chimdrv_pair_drain(struct chimdrv_pair *pair);	/* card is quiet: drop all frames */
int chimdrv_pair_poll(struct napi_struct *napi, int budget);
/* rtnl. Counts of its rings, those included that it had before the interface was down. */
u64 chimdrv_pair_doorbells(const struct chimdrv_pair *pair);
u64 chimdrv_pair_alloc_failed(const struct chimdrv_pair *pair);

/*
 * Call with sq_lock held when chimdrv_ring_space() did not suffice: once half of the ring
 * is free, NAPI runs and chimdrv_events_poll_end() follows. True: half is free already.
 */
bool chimdrv_pair_sq_wait(struct chimdrv_pair *pair);

/* Bottom halves disabled. A page of recv_pool, of order CHIMDRV_RECV_ORDER, or NULL. */
struct page *chimdrv_pair_recv_page(struct chimdrv_pair *pair);

/*
 * Indication buffers; NAPI context of the pair, only from the upcall entry(). @index is
 * what the card wrote (ind_first + i); it is checked. Take or put back each index of an
 * indication exactly once.
 *   take: the page (order pair->ib.order, of the ring's pool) is the caller's.
 *   peek: the bytes may be read until put_back, which posts the same page again.
 * NULL: no such buffer is posted, or @len is beyond it.
 */
unsigned int chimdrv_pair_ib_size(const struct chimdrv_pair *pair);
struct page *chimdrv_pair_ib_take(struct chimdrv_pair *pair, u32 index, unsigned int len);
const void *chimdrv_pair_ib_peek(struct chimdrv_pair *pair, u32 index, unsigned int len);
void chimdrv_pair_ib_put_back(struct chimdrv_pair *pair, u32 index);

#endif /* CHIMDRV_PAIR_H */
