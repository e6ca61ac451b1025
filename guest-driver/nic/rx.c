// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receive frames: build skbs from the buffers that the card has filled and pass them up
 * the stack. A CUTOVER entry goes to the offload half once every frame before it has gone
 * up.
 *
 * NAPI of the pair only, no lock.
 */
#include <linux/etherdevice.h>
#include <linux/virtio_net.h>

#include "nic/rx.h"
#include "chimney_abi.h"
#include "compat/gro.h"
#include "compat/pagepool.h"
#include "nic/hw.h"
#include "nic/inline.h"
#include "nic/ring.h"
#include "nic/upcalls.h"

#define COPY_LEN	256	/* bytes of a frame that go to the skb's linear part */

static void rx_broken(struct chimdrv_pair *pair, const char *why)
{
	chimdrv_pair_count(pair, &pair->stats.rx_errors, 1);
	chimdrv_dev_fail(pair->cd, why);
}

/* ---------------------------------------------------------------------------- one frame */

/* Apply the card's checksum and segmentation data after checking it. */
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
		chimdrv_pair_count(pair, &pair->stats.rx_errors, 1);
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
	u64_stats_add(&pair->stats.rx_csum_valid, skb->ip_summed == CHECKSUM_UNNECESSARY);
	u64_stats_update_end(&pair->stats.sync);
	skb_record_rx_queue(skb, pair->number);
	memset(skb->cb, 0, sizeof(*rxe));
	skb->protocol = eth_type_trans(skb, netdev);
	napi_gro_receive(&pair->napi, skb);
}

/* Copy the headers, or all of a small frame, into the linear part; add the rest as a fragment. */
static struct sk_buff *rx_first(struct chimdrv_pair *pair, const struct chim_rxe *rxe,
				const void *data, unsigned int len, bool alone)
{
	unsigned int pull = len;
	struct sk_buff *skb;
	struct page *page;

	skb = napi_alloc_skb(&pair->napi, COPY_LEN);
	if (!skb) {
		chimdrv_pair_count(pair, &pair->stats.rx_no_memory, 1);
		return NULL;
	}
	if (len > COPY_LEN || !alone)
		pull = eth_get_headlen(pair->net->netdev, (void *)data,
				       min_t(unsigned int, len, COPY_LEN));
	skb_put_data(skb, data, pull);
	if (pull < len) {
		page = chimdrv_bufring_take(&pair->rxb, le32_to_cpu(rxe->buf), len);
		skb_mark_for_recycle(skb);
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
		chimdrv_pair_count(pair, &pair->stats.rx_errors, 1);
		page_pool_put_full_page(pair->rxb.pool, page, false);
		dev_kfree_skb(skb);
		pair->rx.skb = NULL;
		return;
	}
	skb_mark_for_recycle(skb);
	skb_add_rx_frag(skb, skb_shinfo(skb)->nr_frags, page, 0, len, size);
	if (!pair->rx.left)
		rx_deliver(pair);
}

/* ------------------------------------------------------------------------------ polling */

int chimdrv_rx_poll(struct chimdrv_pair *pair, int budget)
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
			chimdrv_up->cutover(pair, le64_to_cpu(rxe.u.cookie));
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

/* Nothing runs on the pair and the card does not know its rings: drop an incomplete frame. */
void chimdrv_rx_drain(struct chimdrv_pair *pair)
{
	if (pair->rx.skb)
		dev_kfree_skb(pair->rx.skb);
	memset(&pair->rx, 0, sizeof(pair->rx));
}
