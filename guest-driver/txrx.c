// SPDX-License-Identifier: GPL-2.0-only
/*
 * The data path of the NIC: frames out through TX, frames in through RXB and RXC,
 * and the one NAPI poll that serves all rings of a pair. Completion entries of
 * connections are handed to the offload half unread.
 */
#include <linux/dma-mapping.h>
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/tcp.h>
#include <linux/virtio_net.h>

#include "chimdrv.h"
#include "chimney_abi.h"

#define CHIMDRV_COPY_LEN	256	/* bytes of a frame that go to the skb's linear part */
#define CHIMDRV_CQ_BUDGET	64	/* CQ entries of one poll */
#define CHIMDRV_FRAME_SGES	(MAX_SKB_FRAGS + 1)
#define CHIMDRV_FRAME_ENTRIES	(1 + DIV_ROUND_UP(CHIMDRV_FRAME_SGES - CHIM_SQE_SGES, CHIM_SG_SGES))
#define CHIMDRV_TX_LOW		(CHIMDRV_FRAME_ENTRIES + CHIMDRV_TX_FENCE_ROOM)

/* ------------------------------------------------------------------- transmit */

static struct netdev_queue *pair_txq(const struct chimdrv_pair *pair)
{
	return netdev_get_tx_queue(pair->net->netdev, pair->number);
}

static struct chimdrv_tx_slot *tx_slot_at(struct chimdrv_pair *pair, u32 index)
{
	return &pair->tx_slot[index & chimdrv_ring_mask(&pair->tx)];
}

/* Entries that may be filled: what has been reaped, not only what has been consumed. */
static unsigned int tx_space(const struct chimdrv_pair *pair)
{
	return chimdrv_ring_size(&pair->tx) - (pair->tx.index - pair->tx_clean);
}

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

/* With the TX lock: free what the card has sent, wake the queue if that made room. */
static void tx_reap_locked(struct chimdrv_pair *pair, int budget)
{
	struct netdev_queue *txq = pair_txq(pair);

	tx_release(pair, chimdrv_ring_consumed(&pair->tx), budget);
	if (netif_tx_queue_stopped(txq) && tx_space(pair) >= 2 * CHIMDRV_TX_LOW)
		netif_tx_wake_queue(txq);
}

/*
 * With the TX lock: tell the card, and ask for one interrupt when it has sent
 * all that is posted now; or half of it, if the stack waits for room. Senders
 * that go on move the mark on and reap by themselves.
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

/* One piece of the frame, in its entry of the ring and in ours. */
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

/* Entries that the frame needs; it is linearized if it has more pieces than the card takes. */
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

static void tx_count(struct chimdrv_tx_stats *st, u64_stats_t *counter, unsigned int n)
{
	u64_stats_update_begin(&st->sync);
	u64_stats_add(counter, n);
	u64_stats_update_end(&st->sync);
}

static void tx_account(struct chimdrv_pair *pair, const struct sk_buff *skb)
{
	struct chimdrv_tx_stats *st = &pair->tx_stats;

	u64_stats_update_begin(&st->sync);
	u64_stats_add(&st->frames, skb_is_gso(skb) ? skb_shinfo(skb)->gso_segs : 1);
	u64_stats_add(&st->bytes, skb->len);
	u64_stats_update_end(&st->sync);
}

/* With the TX lock. 0, -EBUSY when there is no room, else the frame cannot be sent. */
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

netdev_tx_t chimdrv_start_xmit(struct sk_buff *skb, struct net_device *netdev)
{
	struct chimdrv_net *net = chimdrv_net_of(netdev);
	struct chimdrv_pair *pair = net->pair[skb_get_queue_mapping(skb)];
	struct netdev_queue *txq = pair_txq(pair);
	bool more = netdev_xmit_more();
	unsigned int len = skb->len;
	int err;

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
	if (tx_space(pair) < CHIMDRV_TX_LOW) {
		netif_tx_stop_queue(txq);
		tx_count(&pair->tx_stats, &pair->tx_stats.stops, 1);
	}
	if (__netdev_tx_sent_queue(txq, len, more) || netif_xmit_stopped(txq))
		tx_kick_locked(pair);
	return NETDEV_TX_OK;
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

static void tx_poll(struct chimdrv_pair *pair, int budget)
{
	struct netdev_queue *txq = pair_txq(pair);

	/* Nothing outstanding: spare the lock. Posting arms the interrupt anew. */
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

/* -------------------------------------------------------------------- receive */

static void rx_count(struct chimdrv_pair *pair, u64_stats_t *counter, unsigned int n)
{
	u64_stats_update_begin(&pair->stats.sync);
	u64_stats_add(counter, n);
	u64_stats_update_end(&pair->stats.sync);
}

static void rx_broken(struct chimdrv_pair *pair, const char *why)
{
	rx_count(pair, &pair->stats.rx_errors, 1);
	chimdrv_dev_fail(pair->cd, why);
}

/* What the card says about checksum and segmentation, believed only as far as it is checked. */
static int rx_vnet(struct chimdrv_pair *pair, struct sk_buff *skb, const struct chim_vnet_hdr *in)
{
	struct net_device *netdev = pair->net->netdev;
	struct virtio_net_hdr vnet = {
		.flags = in->flags & CHIM_VNET_F_NEEDS_CSUM,
		.gso_type = in->gso_type,
		.hdr_len = (__force __virtio16)in->hdr_len,
		.gso_size = (__force __virtio16)in->gso_size,
		.csum_start = (__force __virtio16)in->csum_start,
		.csum_offset = (__force __virtio16)in->csum_offset,
	};
	unsigned int gso = in->gso_type & ~CHIM_VNET_GSO_ECN;

	BUILD_BUG_ON(CHIM_VNET_GSO_TCPV4 != VIRTIO_NET_HDR_GSO_TCPV4);
	BUILD_BUG_ON(CHIM_VNET_GSO_TCPV6 != VIRTIO_NET_HDR_GSO_TCPV6);
	if (gso != CHIM_VNET_GSO_NONE && gso != CHIM_VNET_GSO_TCPV4 && gso != CHIM_VNET_GSO_TCPV6)
		return -EINVAL;
	if (vnet.flags || gso)
		if (virtio_net_hdr_to_skb(skb, &vnet, true))
			return -EINVAL;
	if ((in->flags & CHIM_VNET_F_DATA_VALID) && !vnet.flags &&
	    (netdev->features & NETIF_F_RXCSUM))
		skb->ip_summed = CHECKSUM_UNNECESSARY;
	return 0;
}

/* The frame is complete: check it and hand it to the stack. */
static void rx_deliver(struct chimdrv_pair *pair)
{
	struct net_device *netdev = pair->net->netdev;
	struct chim_rxe *rxe = (struct chim_rxe *)pair->rx.skb->cb;
	unsigned int flags = le32_to_cpu(rxe->ctl) >> CHIM_CTL_FLAGS_SHIFT;
	u32 hash = le32_to_cpu(rxe->u.frame.hash);
	struct sk_buff *skb = pair->rx.skb;

	pair->rx.skb = NULL;
	if (rx_vnet(pair, skb, &rxe->u.frame.vnet)) {
		rx_count(pair, &pair->stats.rx_errors, 1);
		dev_kfree_skb(skb);
		return;
	}
	if ((netdev->features & NETIF_F_RXHASH) &&
	    (flags & (CHIM_RX_F_HASH_L4 | CHIM_RX_F_HASH_L3)))
		skb_set_hash(skb, hash, flags & CHIM_RX_F_HASH_L4 ?
			     PKT_HASH_TYPE_L4 : PKT_HASH_TYPE_L3);
	u64_stats_update_begin(&pair->stats.sync);
	u64_stats_inc(&pair->stats.rx_frames);
	u64_stats_add(&pair->stats.rx_bytes, skb->len);
	u64_stats_update_end(&pair->stats.sync);
	skb_record_rx_queue(skb, pair->number);
	memset(skb->cb, 0, sizeof(*rxe));
	skb->protocol = eth_type_trans(skb, netdev);
	napi_gro_receive(&pair->napi, skb);
}

/* Headers, or all of a small frame, into the linear part; the rest as a page fragment. */
static struct sk_buff *rx_first(struct chimdrv_pair *pair, const struct chim_rxe *rxe,
				const void *data, unsigned int len, bool alone)
{
	unsigned int pull = len;
	struct sk_buff *skb;
	struct page *page;

	skb = napi_alloc_skb(&pair->napi, CHIMDRV_COPY_LEN);
	if (!skb) {
		rx_count(pair, &pair->stats.rx_no_memory, 1);
		return NULL;
	}
	if (len > CHIMDRV_COPY_LEN || !alone)
		pull = eth_get_headlen(pair->net->netdev, (void *)data,
				       min_t(unsigned int, len, CHIMDRV_COPY_LEN));
	skb_put_data(skb, data, pull);
	if (pull < len) {
		page = chimdrv_bufring_take(&pair->rxb, le32_to_cpu(rxe->buf), len);
		skb_add_rx_frag(skb, 0, page, pull, len - pull, chimdrv_bufring_len(&pair->rxb));
	} else {
		chimdrv_bufring_put_back(&pair->rxb, le32_to_cpu(rxe->buf));
	}
	BUILD_BUG_ON(sizeof(*rxe) > sizeof(skb->cb));
	memcpy(skb->cb, rxe, sizeof(*rxe));
	return skb;
}

static void rx_frame(struct chimdrv_pair *pair, const struct chim_rxe *rxe)
{
	unsigned int buffers = le16_to_cpu(rxe->u.frame.vnet.num_buffers);
	unsigned int len = le32_to_cpu(rxe->len);
	const void *data;

	if (pair->rx.left || !buffers) {
		rx_broken(pair, "a received frame is not whole");
		return;
	}
	data = chimdrv_bufring_peek(&pair->rxb, le32_to_cpu(rxe->buf), len);
	if (!data || len < ETH_HLEN) {
		rx_broken(pair, "a received frame names an impossible buffer");
		return;
	}
	pair->rx.left = buffers - 1;
	pair->rx.skb = rx_first(pair, rxe, data, len, buffers == 1);
	if (!pair->rx.skb)
		chimdrv_bufring_put_back(&pair->rxb, le32_to_cpu(rxe->buf));
	else if (!pair->rx.left)
		rx_deliver(pair);
}

static void rx_more(struct chimdrv_pair *pair, const struct chim_rxe *rxe)
{
	unsigned int size = chimdrv_bufring_len(&pair->rxb);
	unsigned int len = le32_to_cpu(rxe->len);
	u32 index = le32_to_cpu(rxe->buf);
	struct sk_buff *skb = pair->rx.skb;
	struct page *page;

	if (!pair->rx.left) {
		rx_broken(pair, "a buffer without a frame was received");
		return;
	}
	pair->rx.left--;
	if (!skb) {	/* the frame is being dropped */
		chimdrv_bufring_put_back(&pair->rxb, index);
		return;
	}
	page = len ? chimdrv_bufring_take(&pair->rxb, index, len) : NULL;
	if (!page) {
		rx_broken(pair, "a received frame names an impossible buffer");
		return;
	}
	if (skb_shinfo(skb)->nr_frags == MAX_SKB_FRAGS) {
		rx_count(pair, &pair->stats.rx_errors, 1);
		__free_pages(page, pair->rxb.order);
		dev_kfree_skb(skb);
		pair->rx.skb = NULL;
		return;
	}
	skb_add_rx_frag(skb, skb_shinfo(skb)->nr_frags, page, 0, len, size);
	if (!pair->rx.left)
		rx_deliver(pair);
}

static int rx_poll(struct chimdrv_pair *pair, int budget)
{
	struct chim_rxe rxe;
	int work = 0;

	while (work < budget && chimdrv_ring_peek(&pair->rxc, &rxe)) {
		if (unlikely(!chimdrv_dev_alive(pair->cd)))
			break;
		chimdrv_ring_advance(&pair->rxc);
		switch (le32_to_cpu(rxe.ctl) & CHIM_CTL_OP_MASK) {
		case CHIM_RX_FRAME:
			rx_frame(pair, &rxe);
			work++;
			break;
		case CHIM_RX_MORE:
			rx_more(pair, &rxe);
			break;
		case CHIM_RX_CUTOVER:
			chimdrv_gro_flush(&pair->napi);
			chimdrv_events_cutover(pair, le64_to_cpu(rxe.u.cookie));
			work++;
			break;
		default:
			rx_broken(pair, "unknown entry on an RXC ring");
			break;
		}
	}
	chimdrv_ring_kick(&pair->rxc);
	return work;
}

/* ----------------------------------------------------------- indication buffers */

unsigned int chimdrv_ib_size(const struct chimdrv_pair *pair)
{
	return chimdrv_bufring_len(&pair->ib);
}

struct page *chimdrv_ib_take(struct chimdrv_pair *pair, u32 index, unsigned int len)
{
	return chimdrv_bufring_take(&pair->ib, index, len);
}

const void *chimdrv_ib_peek(struct chimdrv_pair *pair, u32 index, unsigned int len)
{
	return chimdrv_bufring_peek(&pair->ib, index, len);
}

void chimdrv_ib_put_back(struct chimdrv_pair *pair, u32 index)
{
	chimdrv_bufring_put_back(&pair->ib, index);
}

/* --------------------------------------------------------------------- polling */

/* True: there may be more. The index passes an entry only after it has been handled. */
static bool cq_poll(struct chimdrv_pair *pair)
{
	unsigned int n = 0;
	struct chim_cqe cqe;

	while (n < CHIMDRV_CQ_BUDGET && chimdrv_dev_alive(pair->cd) &&
	       chimdrv_ring_peek(&pair->cq, &cqe)) {
		chimdrv_events_handle(pair, &cqe);
		chimdrv_ring_advance(&pair->cq);
		n++;
	}
	chimdrv_ring_kick(&pair->cq);
	if (n)
		rx_count(pair, &pair->stats.cq_entries, n);
	return n == CHIMDRV_CQ_BUDGET;
}

bool chimdrv_sq_wait(struct chimdrv_pair *pair)
{
	u32 at = pair->sq.index - chimdrv_ring_size(&pair->sq) / 2 - 1;

	lockdep_assert_held(&pair->sq_lock);
	if (chimdrv_ring_arm(&pair->sq, at))
		return true;
	mod_timer(&pair->retry_timer, jiffies + 1);	/* should the interrupt be late */
	return false;
}

static void refill(struct chimdrv_pair *pair, gfp_t gfp)
{
	bool enough = chimdrv_bufring_refill(&pair->rxb, gfp);

	if (!chimdrv_bufring_refill(&pair->ib, gfp) || !enough)
		mod_timer(&pair->retry_timer, jiffies + 1);
}

int chimdrv_pair_poll(struct napi_struct *napi, int budget)
{
	struct chimdrv_pair *pair = container_of(napi, struct chimdrv_pair, napi);
	bool again, more;
	int work;

	tx_poll(pair, budget);
	if (!budget)
		return 0;
	work = rx_poll(pair, budget);
	more = cq_poll(pair);
	chimdrv_events_poll_end(pair);
	if (likely(chimdrv_dev_alive(pair->cd)))
		refill(pair, GFP_ATOMIC);
	rx_count(pair, &pair->stats.polls, 1);
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

/* ------------------------------------------------------------------ ring memory */

static u32 ring_id(const struct chimdrv_pair *pair, unsigned int kind)
{
	return CHIM_RING_PAIR0 + pair->number * CHIM_RINGS_PER_PAIR + kind;
}

int chimdrv_pair_alloc(struct chimdrv_pair *pair)
{
	struct chimdrv_net *net = pair->net;
	struct chimdrv_dev *cd = pair->cd;
	int err = -ENOMEM;

	pair->tx_slot = kvcalloc(1u << net->tx_log2, sizeof(*pair->tx_slot), GFP_KERNEL);
	if (!pair->tx_slot ||
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

void chimdrv_pair_free(struct chimdrv_pair *pair)
{
	chimdrv_bufring_fini(&pair->ib);
	chimdrv_bufring_fini(&pair->rxb);
	chimdrv_ring_fini(&pair->rxc);
	chimdrv_ring_fini(&pair->tx);
	chimdrv_ring_fini(&pair->cq);
	chimdrv_ring_fini(&pair->sq);
	kvfree(pair->tx_slot);
	pair->tx_slot = NULL;
}

void chimdrv_pair_fill(struct chimdrv_pair *pair)
{
	refill(pair, GFP_KERNEL);
}

/* Nothing runs on the pair and the card does not know its rings: drop what they hold. */
void chimdrv_pair_drain(struct chimdrv_pair *pair)
{
	struct netdev_queue *txq = pair_txq(pair);

	__netif_tx_lock_bh(txq);
	tx_release(pair, pair->tx.index, 0);
	netdev_tx_reset_queue(txq);
	__netif_tx_unlock_bh(txq);
	if (pair->rx.skb)
		dev_kfree_skb(pair->rx.skb);
	memset(&pair->rx, 0, sizeof(pair->rx));
	chimdrv_bufring_drain(&pair->rxb);
	chimdrv_bufring_drain(&pair->ib);
}
