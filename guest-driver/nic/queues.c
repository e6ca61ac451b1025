// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel's netlink family "netdev" shows of the queues: which NAPI and which
 * interrupt serve them, and what they have counted. A kernel that has no such family, or a
 * smaller one, is shown less.
 *
 * A pair counts as long as the netdev exists. Its queues are shown while it is in use; what
 * the others have counted is in the base, and so is what the card's target has sent and
 * received (carried.c). So base and queues together never go back, and say as much as the
 * netdev's own counters.
 *
 * All of it under rtnl.
 */
#include "nic/queues.h"
#include "compat/queues.h"
#include "nic/carried.h"
#include "nic/inline.h"
#include "nic/pair.h"

void chimdrv_queues_link(struct chimdrv_pair *pair)
{
	chimdrv_compat_napi_irq(&pair->napi, pair->irq);
	chimdrv_compat_queue_napi(pair->net->netdev, pair->number, &pair->napi);
}

void chimdrv_queues_unlink(struct chimdrv_pair *pair)
{
	chimdrv_compat_queue_napi(pair->net->netdev, pair->number, NULL);
	chimdrv_compat_napi_irq(&pair->napi, -1);
}

#if CHIMDRV_HAS_QUEUE_STATS
static void add_rx(const struct chimdrv_pair *pair, struct netdev_queue_stats_rx *sum)
{
	const struct chimdrv_pair_stats *st = &pair->stats;
	u64 packets, bytes, valid, failed;
	unsigned int seq;

	do {
		seq = u64_stats_fetch_begin(&st->sync);
		packets = u64_stats_read(&st->rx_frames);
		bytes = u64_stats_read(&st->rx_bytes);
		valid = u64_stats_read(&st->rx_csum_valid);
		failed = u64_stats_read(&st->rx_no_memory);
	} while (u64_stats_fetch_retry(&st->sync, seq));
	sum->packets += packets;
	sum->bytes += bytes;
	sum->alloc_fail += failed + chimdrv_pair_alloc_failed(pair);
	sum->csum_unnecessary += valid;
	sum->csum_none += packets - valid;
}

static void add_tx(const struct chimdrv_pair *pair, struct netdev_queue_stats_tx *sum)
{
	const struct chimdrv_tx_stats *st = &pair->tx_stats;
	u64 frames, large, segments, bytes, large_bytes, segment_bytes, csum, stops, wakes;
	unsigned int seq;

	do {
		seq = u64_stats_fetch_begin(&st->sync);
		frames = u64_stats_read(&st->frames);
		bytes = u64_stats_read(&st->bytes);
		large = u64_stats_read(&st->large_frames);
		large_bytes = u64_stats_read(&st->large_bytes);
		segments = u64_stats_read(&st->segments);
		segment_bytes = u64_stats_read(&st->segment_bytes);
		csum = u64_stats_read(&st->csum);
		stops = u64_stats_read(&st->stops);
		wakes = u64_stats_read(&st->wakes);
	} while (u64_stats_fetch_retry(&st->sync, seq));
	sum->packets += frames;
	sum->bytes += bytes;
	sum->hw_gso_packets += large;
	sum->hw_gso_bytes += large_bytes;
	sum->hw_gso_wire_packets += segments;
	sum->hw_gso_wire_bytes += segment_bytes;
	sum->needs_csum += csum;
	sum->csum_none += frames - large + segments - csum;
	sum->stop += stops;
	sum->wake += wakes;
}

/* Zero in what is counted; the rest stays as the kernel marks what is not. */
static void begin_rx(struct netdev_queue_stats_rx *sum)
{
	sum->packets = 0;
	sum->bytes = 0;
	sum->alloc_fail = 0;
	sum->csum_unnecessary = 0;
	sum->csum_none = 0;
}

static void begin_tx(struct netdev_queue_stats_tx *sum)
{
	sum->packets = 0;
	sum->bytes = 0;
	sum->hw_gso_packets = 0;
	sum->hw_gso_bytes = 0;
	sum->hw_gso_wire_packets = 0;
	sum->hw_gso_wire_bytes = 0;
	sum->needs_csum = 0;
	sum->csum_none = 0;
	sum->stop = 0;
	sum->wake = 0;
}

static void get_queue_stats_rx(struct net_device *netdev, int queue,
			       struct netdev_queue_stats_rx *stats)
{
	begin_rx(stats);
	add_rx(chimdrv_net_of(netdev)->pair[queue], stats);
}

static void get_queue_stats_tx(struct net_device *netdev, int queue,
			       struct netdev_queue_stats_tx *stats)
{
	begin_tx(stats);
	add_tx(chimdrv_net_of(netdev)->pair[queue], stats);
}

static void get_base_stats(struct net_device *netdev, struct netdev_queue_stats_rx *rx,
			   struct netdev_queue_stats_tx *tx)
{
	struct chimdrv_net *net = chimdrv_net_of(netdev);
	struct rtnl_link_stats64 carried = { };
	unsigned int p;

	begin_rx(rx);
	begin_tx(tx);
	for (p = netdev->real_num_rx_queues; p < net->cd->max_pairs; p++)
		add_rx(net->pair[p], rx);
	for (p = netdev->real_num_tx_queues; p < net->cd->max_pairs; p++)
		add_tx(net->pair[p], tx);
	chimdrv_carried_add(net->cd, &carried);
	rx->packets += carried.rx_packets;
	rx->bytes += carried.rx_bytes;
	tx->packets += carried.tx_packets;
	tx->bytes += carried.tx_bytes;
}

static const struct netdev_stat_ops stat_ops = {
	.get_queue_stats_rx	= get_queue_stats_rx,
	.get_queue_stats_tx	= get_queue_stats_tx,
	.get_base_stats		= get_base_stats,
};
#endif

void chimdrv_queues_create(struct net_device *netdev)
{
#if CHIMDRV_HAS_QUEUE_STATS
	netdev->stat_ops = &stat_ops;
#endif
}
