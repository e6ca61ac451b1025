// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames and bytes that the card's target has sent and received, for the netdev's
 * counters. Those are read where nobody may wait for the card, so the last values are
 * kept here. Every reading of the card's counters updates them. While connections are
 * offloaded a work reads them each second, and once more after the last one has gone
 * back.
 *
 * carried.lock, a leaf, bottom halves disabled; the work sleeps.
 */
#include "nic/carried.h"
#include "chimney_abi.h"
#include "nic/admin_cmds.h"
#include "nic/hw.h"
#include "nic/upcalls.h"

#define PERIOD	HZ

static void fold(u64 *counter, u64 *now)
{
	*counter += *now;
	*now = 0;
}

/* The card's counters restart at zero: keep what it had counted. */
void chimdrv_carried_restart(struct chimdrv_dev *cd)
{
	struct chimdrv_carried *c = &cd->carried;

	spin_lock_bh(&c->lock);
	fold(&c->before.rx_frames, &c->now.rx_frames);
	fold(&c->before.rx_bytes, &c->now.rx_bytes);
	fold(&c->before.tx_frames, &c->now.tx_frames);
	fold(&c->before.tx_bytes, &c->now.tx_bytes);
	spin_unlock_bh(&c->lock);
}

/* Counters only grow, so the larger of two concurrent answers is the later one. */
void chimdrv_carried_update(struct chimdrv_dev *cd, const struct chim_stats *stats)
{
	struct chimdrv_carried *c = &cd->carried;

	if (!chimdrv_hw_has(cd, CHIM_F_OCTETS))
		return;
	spin_lock_bh(&c->lock);
	c->now.rx_frames = max(c->now.rx_frames, le64_to_cpu(stats->nic.rx_offloaded_frames));
	c->now.rx_bytes = max(c->now.rx_bytes, le64_to_cpu(stats->cases.target_rx_octets));
	c->now.tx_frames = max(c->now.tx_frames, le64_to_cpu(stats->nic.tx_offloaded_frames));
	c->now.tx_bytes = max(c->now.tx_bytes, le64_to_cpu(stats->cases.target_tx_octets));
	spin_unlock_bh(&c->lock);
}

void chimdrv_carried_add(struct chimdrv_dev *cd, struct rtnl_link_stats64 *st)
{
	struct chimdrv_carried *c = &cd->carried;

	spin_lock_bh(&c->lock);
	st->rx_packets += c->before.rx_frames + c->now.rx_frames;
	st->rx_bytes += c->before.rx_bytes + c->now.rx_bytes;
	st->tx_packets += c->before.tx_frames + c->now.tx_frames;
	st->tx_bytes += c->before.tx_bytes + c->now.tx_bytes;
	spin_unlock_bh(&c->lock);
}

static void read_work(struct work_struct *work)
{
	struct chimdrv_carried *c = container_of(work, struct chimdrv_carried, work.work);
	struct chimdrv_dev *cd = container_of(c, struct chimdrv_dev, carried);
	bool busy = chimdrv_up->busy(cd);	/* first: a later connection queues the work anew */

	chimdrv_admin_get_stats(cd, NULL);	/* a failure is made up for next time */
	if (busy && chimdrv_dev_alive(cd))
		queue_delayed_work(cd->wq, &c->work, PERIOD);
}

/* A connection has been offloaded. Any context. */
void chimdrv_carried_begin(struct chimdrv_dev *cd)
{
	queue_delayed_work(cd->wq, &cd->carried.work, PERIOD);
}

void chimdrv_carried_init(struct chimdrv_dev *cd)
{
	spin_lock_init(&cd->carried.lock);
	INIT_DELAYED_WORK(&cd->carried.work, read_work);
}

/* No more connections will be offloaded. */
void chimdrv_carried_end(struct chimdrv_dev *cd)
{
	cancel_delayed_work_sync(&cd->carried.work);
}
