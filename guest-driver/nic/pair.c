// SPDX-License-Identifier: GPL-2.0-only
/*
 * An I/O pair as a whole: the memory of its six rings, and the one NAPI poll that serves
 * them. tx.c and rx.c handle frames; completion entries of connections and indication
 * buffers go to the offload half unread.
 *
 * Memory is allocated and freed under rtnl with the pair at rest. The rest runs in the
 * pair's NAPI without a lock, except chimdrv_pair_sq_wait() and chimdrv_pair_recv_page().
 */
#include "nic/pair.h"
#include "chimney_abi.h"
#include "compat/pagepool.h"
#include "nic/hw.h"
#include "nic/inline.h"
#include "nic/ring.h"
#include "nic/rx.h"
#include "nic/tx.h"
#include "nic/upcalls.h"

#define CQ_BUDGET	64	/* CQ entries of one poll */

/* -------------------------------------------------------------------------- ring memory */

static u32 ring_id(const struct chimdrv_pair *pair, unsigned int kind)
{
	return CHIM_RING_PAIR0 + pair->number * CHIM_RINGS_PER_PAIR + kind;
}

static int recv_pool_open(struct chimdrv_pair *pair)
{
	struct page_pool *pool = chimdrv_pool_create(pair->cd, CHIMDRV_RECV_ORDER,
						     CHIMDRV_RECV_POOL);

	if (!pool)
		return -ENOMEM;
	spin_lock_bh(&pair->pool_lock);
	pair->recv_pool = pool;
	spin_unlock_bh(&pair->pool_lock);
	return 0;
}

/* Pages still in sockets keep the pool alive until they have come back. */
static void recv_pool_close(struct chimdrv_pair *pair)
{
	struct page_pool *pool;

	spin_lock_bh(&pair->pool_lock);
	pool = pair->recv_pool;
	pair->recv_pool = NULL;
	spin_unlock_bh(&pair->pool_lock);
	if (pool)
		page_pool_destroy(pool);
}

int chimdrv_pair_alloc(struct chimdrv_pair *pair)
{
	struct chimdrv_net *net = pair->net;
	struct chimdrv_dev *cd = pair->cd;
	int err = -ENOMEM;

	pair->tx_slot = kvcalloc(1u << net->tx_log2, sizeof(*pair->tx_slot), GFP_KERNEL);
	if (!pair->tx_slot || recv_pool_open(pair) ||
	    chimdrv_ring_init(&pair->sq, cd, ring_id(pair, CHIM_RING_SQ), net->sq_log2,
			      sizeof(struct chim_sqe)) ||
	    chimdrv_ring_init(&pair->cq, cd, ring_id(pair, CHIM_RING_CQ), net->cq_log2,
			      sizeof(struct chim_cqe)) ||
	    chimdrv_ring_init(&pair->tx, cd, ring_id(pair, CHIM_RING_TX), net->tx_log2,
			      sizeof(struct chim_sqe)) ||
	    chimdrv_ring_init(&pair->rxc, cd, ring_id(pair, CHIM_RING_RXC), net->rx_log2,
			      sizeof(struct chim_rxe)) ||
	    chimdrv_bufring_init(&pair->rxb, cd, ring_id(pair, CHIM_RING_RXB), net->rx_log2, 0) ||
	    chimdrv_bufring_init(&pair->ib, cd, ring_id(pair, CHIM_RING_IB), net->ib_log2,
				 net->ib_order)) {
		chimdrv_pair_free(pair);
		return err;
	}
	pair->tx_clean = 0;
	memset(&pair->rx, 0, sizeof(pair->rx));
	return 0;
}

u64 chimdrv_pair_doorbells(const struct chimdrv_pair *pair)
{
	return pair->past_doorbells + pair->sq.doorbells + pair->cq.doorbells +
	       pair->tx.doorbells + pair->rxc.doorbells + pair->rxb.ring.doorbells +
	       pair->ib.ring.doorbells;
}

u64 chimdrv_pair_alloc_failed(const struct chimdrv_pair *pair)
{
	return pair->past_alloc_failed + pair->rxb.alloc_failed + pair->ib.alloc_failed;
}

void chimdrv_pair_free(struct chimdrv_pair *pair)
{
	pair->past_doorbells = chimdrv_pair_doorbells(pair);
	pair->past_alloc_failed = chimdrv_pair_alloc_failed(pair);
	recv_pool_close(pair);
	chimdrv_bufring_fini(&pair->ib);
	chimdrv_bufring_fini(&pair->rxb);
	chimdrv_ring_fini(&pair->rxc);
	chimdrv_ring_fini(&pair->tx);
	chimdrv_ring_fini(&pair->cq);
	chimdrv_ring_fini(&pair->sq);
	kvfree(pair->tx_slot);
	pair->tx_slot = NULL;
}

static void refill(struct chimdrv_pair *pair, gfp_t gfp)
{
	bool enough = chimdrv_bufring_refill(&pair->rxb, gfp);

	if (!chimdrv_bufring_refill(&pair->ib, gfp) || !enough)
		mod_timer(&pair->retry_timer, jiffies + 1);
}

void chimdrv_pair_fill(struct chimdrv_pair *pair)
{
	refill(pair, GFP_KERNEL);
}

/* Nothing runs on the pair and the card does not know its rings: drop their contents. */
void chimdrv_pair_drain(struct chimdrv_pair *pair)
{
	chimdrv_tx_drain(pair);
	chimdrv_rx_drain(pair);
	chimdrv_bufring_drain(&pair->rxb);
	chimdrv_bufring_drain(&pair->ib);
}

/* ------------------------------------------------------------------------------ polling */

/* True: there may be more. The index passes an entry only after it has been handled. */
static bool cq_poll(struct chimdrv_pair *pair)
{
	unsigned int n = 0;
	struct chim_cqe cqe;

	while (n < CQ_BUDGET && chimdrv_dev_alive(pair->cd) &&
	       chimdrv_ring_peek(&pair->cq, &cqe)) {
		chimdrv_up->entry(pair, &cqe);
		chimdrv_ring_advance(&pair->cq);
		n++;
	}
	chimdrv_ring_kick(&pair->cq);
	if (n)
		chimdrv_pair_count(pair, &pair->stats.cq_entries, n);
	return n == CQ_BUDGET;
}

int chimdrv_pair_poll(struct napi_struct *napi, int budget)
{
	struct chimdrv_pair *pair = container_of(napi, struct chimdrv_pair, napi);
	bool again, more;
	int work;

	chimdrv_tx_poll(pair, budget);
	if (!budget)
		return 0;
	work = chimdrv_rx_poll(pair, budget);
	more = cq_poll(pair);
	chimdrv_up->poll_end(pair);
	if (likely(chimdrv_dev_alive(pair->cd)))
		refill(pair, GFP_ATOMIC);
	chimdrv_pair_count(pair, &pair->stats.polls, 1);
	if (work >= budget || more)
		return budget;
	if (!napi_complete_done(napi, work) || !chimdrv_dev_alive(pair->cd))
		return work;
	again = chimdrv_ring_rearm(&pair->rxc);
	again |= chimdrv_ring_rearm(&pair->cq);
	if (again)
		napi_schedule(napi);
	return work;
}

/* ----------------------------------------------------------------- for the offload half */

bool chimdrv_pair_sq_wait(struct chimdrv_pair *pair)
{
	u32 at = pair->sq.index - chimdrv_ring_size(&pair->sq) / 2 - 1;

	lockdep_assert_held(&pair->sq_lock);
	if (chimdrv_ring_arm(&pair->sq, at))
		return true;
	mod_timer(&pair->retry_timer, jiffies + 1);	/* in case the interrupt is late */
	return false;
}

/*
 * Bottom halves disabled, any CPU: NAPI and release_cb post requests. A pool hands out
 * pages to one at a time, hence pool_lock; returned pages take the pool's own lock.
 */
struct page *chimdrv_pair_recv_page(struct chimdrv_pair *pair)
{
	struct page *page = NULL;

	spin_lock(&pair->pool_lock);
	if (pair->recv_pool)
		page = page_pool_alloc_pages(pair->recv_pool, GFP_ATOMIC | __GFP_NOWARN |
					     __GFP_NORETRY);
	spin_unlock(&pair->pool_lock);
	return page;
}

unsigned int chimdrv_pair_ib_size(const struct chimdrv_pair *pair)
{
	return chimdrv_bufring_len(&pair->ib);
}

struct page *chimdrv_pair_ib_take(struct chimdrv_pair *pair, u32 index, unsigned int len)
{
	return chimdrv_bufring_take(&pair->ib, index, len);
}

const void *chimdrv_pair_ib_peek(struct chimdrv_pair *pair, u32 index, unsigned int len)
{
	return chimdrv_bufring_peek(&pair->ib, index, len);
}

void chimdrv_pair_ib_put_back(struct chimdrv_pair *pair, u32 index)
{
	chimdrv_bufring_put_back(&pair->ib, index);
}
