// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transmit frames: from the stack into a pair's TX ring, release them once the card has
 * sent them, and put fences behind them.
 *
 * All of it, at both ends of the ring, under the tx queue lock of the pair's netdev
 * queue; _locked says that the caller holds it.
 */
#include <linux/dma-mapping.h>
#include <linux/etherdevice.h>
#include <linux/tcp.h>

#include "nic/tx.h"
#include "chimney_abi.h"
#include "nic/inline.h"
#include "nic/ipid.h"
#include "nic/ring.h"
#include "nic/upcalls.h"

#define FRAME_SGES	(MAX_SKB_FRAGS + 1)
#define FRAME_ENTRIES	(1 + DIV_ROUND_UP(FRAME_SGES - CHIM_SQE_SGES, CHIM_SG_SGES))
#define TX_LOW		(FRAME_ENTRIES + CHIMDRV_TX_FENCE_ROOM)

/* The smallest ring, when it is empty, lets a queue run again: MAX_SKB_FRAGS differs. */
static_assert(2 * TX_LOW <= CHIMDRV_RING_MIN);

static struct netdev_queue *pair_txq(const struct chimdrv_pair *pair)
{
	return netdev_get_tx_queue(pair->net->netdev, pair->number);
}

static struct chimdrv_tx_slot *tx_slot_at(struct chimdrv_pair *pair, u32 index)
{
	return &pair->tx_slot[index & chimdrv_ring_mask(&pair->tx)];
}

/* Entries that may be filled: those reaped, not merely consumed. */
static unsigned int tx_space(const struct chimdrv_pair *pair)
{
	return chimdrv_ring_size(&pair->tx) - (pair->tx.index - pair->tx_clean);
}

static void tx_count(struct chimdrv_tx_stats *st, u64_stats_t *counter, unsigned int n)
{
	u64_stats_update_begin(&st->sync);
	u64_stats_add(counter, n);
	u64_stats_update_end(&st->sync);
}

/* ------------------------------------------------------------------------------ release */

static void tx_unmap(struct chimdrv_pair *pair, struct chimdrv_tx_slot *slot)
{
	unsigned int m;

	for (m = 0; m < slot->maps; m++) {
		if (slot->pages & BIT(m))
			dma_unmap_page(pair->cd->dev, slot->addr[m], slot->len[m], DMA_TO_DEVICE);
		else
			dma_unmap_single(pair->cd->dev, slot->addr[m], slot->len[m], DMA_TO_DEVICE);
	}
	slot->maps = 0;
	slot->pages = 0;
}

/* Release entries up to @done, frames and fences as a whole. */
static void tx_release(struct chimdrv_pair *pair, u32 done, int budget)
{
	unsigned int frames = 0, bytes = 0;

	while (pair->tx_clean != done) {
		struct chimdrv_tx_slot *first = tx_slot_at(pair, pair->tx_clean);
		unsigned int i, n = first->entries;

		if (done - pair->tx_clean < n)
			break;
		for (i = 0; i < n; i++)
			tx_unmap(pair, tx_slot_at(pair, pair->tx_clean + i));
		if (first->skb) {
			frames++;
			bytes += first->skb->len;
			napi_consume_skb(first->skb, budget);
			first->skb = NULL;
		}
		pair->tx_clean += n;
	}
	if (frames)
		netdev_tx_completed_queue(pair_txq(pair), frames, bytes);
}

/* With the TX lock: free what the card has sent, and wake the queue if that made room. */
static void tx_reap_locked(struct chimdrv_pair *pair, int budget)
{
	struct netdev_queue *txq = pair_txq(pair);

	tx_release(pair, chimdrv_ring_consumed(&pair->tx), budget);
	if (netif_tx_queue_stopped(txq) && tx_space(pair) >= 2 * TX_LOW) {
		netif_tx_wake_queue(txq);
		tx_count(&pair->tx_stats, &pair->tx_stats.wakes, 1);
	}
}

/*
 * With the TX lock: tell the card, and ask for one interrupt when it has sent all that is
 * posted now, or half of it if the stack waits for room. Later sends move that mark on
 * and reap by themselves.
 */
static void tx_kick_locked(struct chimdrv_pair *pair)
{
	u32 at = pair->tx.index - 1;

	if (pair->tx.index == pair->tx_clean)
		return;
	if (netif_tx_queue_stopped(pair_txq(pair)))
		at = pair->tx_clean + (pair->tx.index - pair->tx_clean) / 2;
	if (chimdrv_ring_kick_arm(&pair->tx, at))
		tx_reap_locked(pair, 0);
}

/* ------------------------------------------------------------------------------ posting */

static void tx_vnet(const struct sk_buff *skb, struct chim_vnet_hdr *vnet)
{
	unsigned int type;

	if (skb->ip_summed == CHECKSUM_PARTIAL) {
		vnet->flags = CHIM_VNET_F_NEEDS_CSUM;
		vnet->csum_start = cpu_to_le16(skb_checksum_start_offset(skb));
		vnet->csum_offset = cpu_to_le16(skb->csum_offset);
	}
	if (!skb_is_gso(skb))
		return;
	type = skb_shinfo(skb)->gso_type;
	vnet->gso_type = type & SKB_GSO_TCPV6 ? CHIM_VNET_GSO_TCPV6 : CHIM_VNET_GSO_TCPV4;
	if (type & SKB_GSO_TCP_ECN)
		vnet->gso_type |= CHIM_VNET_GSO_ECN;
	vnet->hdr_len = cpu_to_le16(skb_tcp_all_headers(skb));
	vnet->gso_size = cpu_to_le16(skb_shinfo(skb)->gso_size);
}

/* Map one piece of the frame; record it in the ring's entry and in ours. */
static int tx_map_one(struct chimdrv_pair *pair, struct sk_buff *skb, unsigned int i)
{
	unsigned int e = i < CHIM_SQE_SGES ? 0 : 1 + (i - CHIM_SQE_SGES) / CHIM_SG_SGES;
	unsigned int m = i < CHIM_SQE_SGES ? i : (i - CHIM_SQE_SGES) % CHIM_SG_SGES;
	struct chimdrv_tx_slot *slot = tx_slot_at(pair, pair->tx.index + e);
	void *entry = chimdrv_ring_entry(&pair->tx, e);
	struct device *dev = pair->cd->dev;
	struct chim_sge *sge;

	if (i == 0) {
		slot->len[m] = skb_headlen(skb);
		slot->addr[m] = dma_map_single(dev, skb->data, skb_headlen(skb), DMA_TO_DEVICE);
	} else {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[i - 1];

		slot->len[m] = skb_frag_size(frag);
		slot->addr[m] = skb_frag_dma_map(dev, frag, 0, slot->len[m], DMA_TO_DEVICE);
		slot->pages |= BIT(m);
	}
	if (dma_mapping_error(dev, slot->addr[m]))
		return -ENOMEM;
	slot->maps = m + 1;
	sge = e ? ((struct chim_sqe_sg *)entry)->sge : ((struct chim_sqe *)entry)->sge;
	sge[m].addr = cpu_to_le64(slot->addr[m]);
	sge[m].len = cpu_to_le32(slot->len[m]);
	return 0;
}

static int tx_map(struct chimdrv_pair *pair, struct sk_buff *skb, unsigned int entries)
{
	struct chim_sqe *sqe;
	unsigned int i;

	for (i = 0; i < entries; i++) {
		struct chimdrv_tx_slot *slot = tx_slot_at(pair, pair->tx.index + i);

		chimdrv_ring_slot(&pair->tx, i);
		memset(slot, 0, offsetof(struct chimdrv_tx_slot, len));
	}
	for (i = 0; i <= skb_shinfo(skb)->nr_frags; i++)
		if (tx_map_one(pair, skb, i))
			goto err_unmap;
	sqe = chimdrv_ring_entry(&pair->tx, 0);
	tx_vnet(skb, &sqe->u.frame.vnet);
	return 0;

err_unmap:
	for (i = 0; i < entries; i++)
		tx_unmap(pair, tx_slot_at(pair, pair->tx.index + i));
	return -ENOMEM;
}

/* Entries that the frame needs; linearizes it if it has more pieces than the card takes. */
static int tx_entries(const struct chimdrv_pair *pair, struct sk_buff *skb)
{
	unsigned int n = 1 + skb_shinfo(skb)->nr_frags;

	if (unlikely(n > pair->cd->limits.sge)) {
		if (skb_linearize(skb))
			return -ENOMEM;
		n = 1;
	}
	return n <= CHIM_SQE_SGES ? 1 : 1 + DIV_ROUND_UP(n - CHIM_SQE_SGES, CHIM_SG_SGES);
}

static void tx_account(struct chimdrv_pair *pair, const struct sk_buff *skb)
{
	struct chimdrv_tx_stats *st = &pair->tx_stats;
	unsigned int segments = 1, headers;

	u64_stats_update_begin(&st->sync);
	u64_stats_inc(&st->frames);	/* like the card: a large frame is one */
	u64_stats_add(&st->bytes, skb->len);
	if (skb_is_gso(skb)) {
		headers = skb_tcp_all_headers(skb);
		segments = DIV_ROUND_UP(skb->len - headers, skb_shinfo(skb)->gso_size);
		u64_stats_inc(&st->large_frames);
		u64_stats_add(&st->large_bytes, skb->len);
		u64_stats_add(&st->segments, segments);
		u64_stats_add(&st->segment_bytes, skb->len + (segments - 1) * headers);
	}
	if (skb->ip_summed == CHECKSUM_PARTIAL)
		u64_stats_add(&st->csum, segments);
	u64_stats_update_end(&st->sync);
}

/* With the TX lock. Returns 0, -EBUSY if there is no room, else the frame cannot be sent. */
static int tx_post_locked(struct chimdrv_pair *pair, struct sk_buff *skb)
{
	struct chimdrv_tx_slot *first;
	int n;

	if (unlikely(!pair->tx_open || skb->len < ETH_HLEN))
		return -EINVAL;
	tx_reap_locked(pair, 0);
	if (chimdrv_ipid_map(skb))
		return -ENOMEM;
	n = tx_entries(pair, skb);
	if (n < 0)
		return n;
	if (unlikely(tx_space(pair) < n))
		return -EBUSY;
	if (tx_map(pair, skb, n))
		return -ENOMEM;
	first = tx_slot_at(pair, pair->tx.index);
	first->skb = skb;
	first->entries = n;
	skb_tx_timestamp(skb);
	tx_account(pair, skb);
	chimdrv_ring_publish(&pair->tx, CHIM_OP_FRAME, n);
	return 0;
}

netdev_tx_t chimdrv_tx_xmit(struct sk_buff *skb, struct net_device *netdev)
{
	struct chimdrv_net *net = chimdrv_net_of(netdev);
	struct chimdrv_pair *pair = net->pair[skb_get_queue_mapping(skb)];
	struct netdev_queue *txq = pair_txq(pair);
	bool more = netdev_xmit_more();
	unsigned int len = skb->len;
	int err;

	if (unlikely(skb->destructor == chimdrv_up->probe)) {
		chimdrv_up->probe_take(skb, netdev);
		dev_consume_skb_any(skb);
		if (pair->tx_open && !more)
			tx_kick_locked(pair);
		return NETDEV_TX_OK;
	}
	err = tx_post_locked(pair, skb);
	if (unlikely(err)) {
		if (err == -EBUSY) {
			netif_tx_stop_queue(txq);
			tx_kick_locked(pair);
			return NETDEV_TX_BUSY;
		}
		tx_count(&pair->tx_stats, &pair->tx_stats.dropped, 1);
		dev_kfree_skb_any(skb);
		if (pair->tx_open && !more)
			tx_kick_locked(pair);
		return NETDEV_TX_OK;
	}
	if (tx_space(pair) < TX_LOW) {
		netif_tx_stop_queue(txq);
		tx_count(&pair->tx_stats, &pair->tx_stats.stops, 1);
	}
	if (__netdev_tx_sent_queue(txq, len, more) || netif_xmit_stopped(txq))
		tx_kick_locked(pair);
	return NETDEV_TX_OK;
}

/* Entries that the card has not consumed. */
static u32 tx_waiting(struct chimdrv_pair *pair, u32 upto)
{
	struct netdev_queue *txq = pair_txq(pair);
	s32 n = 0;

	__netif_tx_lock_bh(txq);
	if (pair->tx_open)
		n = upto - chimdrv_ring_consumed(&pair->tx);
	__netif_tx_unlock_bh(txq);
	return max(n, 0);
}

/*
 * Does the wire take all that is posted now before @end? A fence posted behind it would
 * wait as long.
 */
bool chimdrv_tx_moves(struct chimdrv_pair *pair, unsigned long end)
{
	u32 upto = READ_ONCE(pair->tx.index);

	while (tx_waiting(pair, upto)) {
		if (time_after(jiffies, end))
			return false;
		usleep_range(50, 200);
	}
	return true;
}

int chimdrv_tx_fence(struct chimdrv_pair *pair, u32 fence_id)
{
	struct netdev_queue *txq = pair_txq(pair);
	struct chimdrv_tx_slot *slot;
	struct chim_sqe *sqe;
	int err = 0;

	__netif_tx_lock_bh(txq);
	if (!pair->tx_open) {
		err = -ENETDOWN;
		goto out;
	}
	tx_reap_locked(pair, 0);
	if (!tx_space(pair)) {
		err = -EBUSY;
		goto out;
	}
	slot = tx_slot_at(pair, pair->tx.index);
	memset(slot, 0, offsetof(struct chimdrv_tx_slot, len));
	slot->entries = 1;
	sqe = chimdrv_ring_slot(&pair->tx, 0);
	sqe->u.fence.id = cpu_to_le32(fence_id);
	chimdrv_ring_publish(&pair->tx, CHIM_OP_TX_FENCE, 1);
	tx_kick_locked(pair);
out:
	__netif_tx_unlock_bh(txq);
	return err;
}

/* ------------------------------------------------------------------------------ polling */

void chimdrv_tx_poll(struct chimdrv_pair *pair, int budget)
{
	struct netdev_queue *txq = pair_txq(pair);

	/* Nothing outstanding: skip the lock. Posting arms the interrupt again. */
	if (READ_ONCE(pair->tx_clean) == READ_ONCE(pair->tx.index))
		return;
	__netif_tx_lock(txq, smp_processor_id());
	if (pair->tx_open) {
		tx_reap_locked(pair, budget);
		if (pair->tx.index != pair->tx_clean &&
		    chimdrv_ring_arm(&pair->tx, pair->tx.kicked - 1))
			tx_reap_locked(pair, budget);
	}
	__netif_tx_unlock(txq);
}

/* Nothing runs on the pair and the card does not know its rings: drop all frames. */
void chimdrv_tx_drain(struct chimdrv_pair *pair)
{
	struct netdev_queue *txq = pair_txq(pair);

	__netif_tx_lock_bh(txq);
	tx_release(pair, pair->tx.index, 0);
	netdev_tx_reset_queue(txq);
	__netif_tx_unlock_bh(txq);
}
