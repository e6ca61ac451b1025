// SPDX-License-Identifier: GPL-2.0-only
/*
 * The network device: its operations, its features, and bringing all rings of the card up
 * and down. Everything here runs under rtnl unless it says otherwise.
 */
#include <linux/etherdevice.h>
#include <linux/rtnetlink.h>
#include <linux/tcp.h>

#include "nic/netdev.h"
#include "compat/queues.h"
#include "compat/rxmode.h"
#include "nic/admin_cmds.h"
#include "nic/carried.h"
#include "nic/ethtool.h"
#include "nic/hw.h"
#include "nic/inline.h"
#include "nic/irq.h"
#include "nic/link.h"
#include "nic/pair.h"
#include "nic/queues.h"
#include "nic/rss.h"
#include "nic/rx_mode.h"
#include "nic/tx.h"
#include "nic/upcalls.h"

#define CHIMDRV_TX_TIMEOUT	(10 * HZ)

static struct chimdrv_ring *pair_ring(struct chimdrv_pair *pair, unsigned int i)
{
	struct chimdrv_ring *rings[] = {
		&pair->sq, &pair->cq, &pair->tx, &pair->rxc, &pair->rxb.ring, &pair->ib.ring,
	};

	return i < ARRAY_SIZE(rings) ? rings[i] : NULL;
}

static void set_open(struct chimdrv_pair *pair, bool open)
{
	struct netdev_queue *txq = netdev_get_tx_queue(pair->net->netdev, pair->number);

	spin_lock_bh(&pair->sq_lock);
	pair->sq_open = open;
	spin_unlock_bh(&pair->sq_lock);
	__netif_tx_lock_bh(txq);
	pair->tx_open = open;
	__netif_tx_unlock_bh(txq);
}

static int pair_start(struct chimdrv_pair *pair)
{
	struct chimdrv_ring *ring;
	unsigned int i;
	int err;

	err = chimdrv_pair_alloc(pair);
	if (err)
		return err;
	for (i = 0; (ring = pair_ring(pair, i)); i++) {
		err = chimdrv_admin_create_ring(ring);
		if (err)
			return err;
	}
	err = chimdrv_admin_set_coalesce(pair->cd, pair->number, &pair->net->coalesce);
	if (err)
		return err;
	chimdrv_pair_fill(pair);
	napi_enable(&pair->napi);
	err = chimdrv_irq_request_pair(pair);
	if (err) {
		napi_disable(&pair->napi);
		return err;
	}
	chimdrv_queues_link(pair);
	pair->running = true;
	set_open(pair, true);
	/* Entries may have come before the handler was installed. */
	local_bh_disable();
	napi_schedule(&pair->napi);
	local_bh_enable();
	return 0;
}

/*
 * Undo pair_start(), however far it got. Ring memory is freed once the card has said that
 * it no longer knows the rings, or has been stopped.
 */
static void pair_stop(struct chimdrv_pair *pair)
{
	struct chimdrv_ring *ring;
	unsigned int i;

	if (!pair->sq.entries)
		return;
	if (pair->running) {
		set_open(pair, false);
		chimdrv_queues_unlink(pair);
		chimdrv_irq_free_pair(pair);
		timer_delete_sync(&pair->retry_timer);
		napi_disable(&pair->napi);
		timer_delete_sync(&pair->retry_timer);	/* the last poll may have set it */
		pair->running = false;
	}
	for (i = 0; (ring = pair_ring(pair, i)); i++)
		if (chimdrv_admin_destroy_ring(ring) && chimdrv_dev_alive(pair->cd))
			chimdrv_dev_fail(pair->cd, "a ring could not be destroyed");
	if (!chimdrv_dev_alive(pair->cd))
		chimdrv_dev_fail_wait(pair->cd);
	chimdrv_pair_drain(pair);
	chimdrv_pair_free(pair);
}

static int card_setup(struct chimdrv_net *net)
{
	int err;

	err = chimdrv_admin_set_mtu(net->cd, net->netdev->mtu);
	return err ? err : chimdrv_admin_set_vlans(net);
}

void chimdrv_net_down(struct chimdrv_net *net)
{
	unsigned int p;

	ASSERT_RTNL();
	if (net->running) {
		if (chimdrv_dev_alive(net->cd))
			chimdrv_up->down(net);
		net->running = false;
		netif_carrier_off(net->netdev);
		netif_tx_disable(net->netdev);
		if (chimdrv_dev_alive(net->cd)) {
			chimdrv_admin_set_rx_mode(net, false);
			/* last values, in case of a reset now */
			chimdrv_admin_get_stats(net->cd, NULL);
		}
	}
	if (!chimdrv_dev_alive(net->cd)) {
		chimdrv_dev_fail_wait(net->cd);
		chimdrv_up->gone(net->cd);
	}
	for (p = 0; p < net->cd->max_pairs; p++)
		pair_stop(net->pair[p]);
}

int chimdrv_net_up(struct chimdrv_net *net)
{
	unsigned int p;
	int err;

	ASSERT_RTNL();
	if (!chimdrv_dev_alive(net->cd))
		return -EIO;
	err = card_setup(net);
	if (err)
		goto err_report;
	for (p = 0; p < net->pairs; p++) {
		err = pair_start(net->pair[p]);
		if (err)
			goto err_down;
	}
	/* its table may only name existing pairs */
	err = chimdrv_admin_set_rss(net, net->rss_key, net->rss_table);
	if (!err)
		err = chimdrv_admin_set_rx_mode(net, true);
	if (err)
		goto err_down;
	net->running = true;
	/* wake, not start: frames may have waited in the qdiscs while the rings were down */
	netif_tx_wake_all_queues(net->netdev);
	chimdrv_link_read(net);
	chimdrv_up->up(net);
	return 0;

err_down:
	chimdrv_net_down(net);
err_report:
	netdev_err(net->netdev, "cannot bring the rings up: %d\n", err);
	return err;
}

int chimdrv_net_reconfigure(struct chimdrv_net *net, void (*change)(struct chimdrv_net *, void *),
			    void *arg)
{
	/* it is also up, but not running, after a change that has failed */
	bool up = net->running || (netif_running(net->netdev) && netif_device_present(net->netdev));

	ASSERT_RTNL();
	if (net->running)
		chimdrv_net_down(net);
	change(net, arg);
	return up ? chimdrv_net_up(net) : 0;
}

static int net_open(struct net_device *netdev)
{
	struct chimdrv_net *net = chimdrv_net_of(netdev);
	int err;

	err = netif_set_real_num_queues(netdev, net->pairs, net->pairs);
	return err ? err : chimdrv_net_up(net);
}

static int net_stop(struct net_device *netdev)
{
	chimdrv_net_down(chimdrv_net_of(netdev));
	return 0;
}

static int net_set_mac(struct net_device *netdev, void *arg)
{
	struct chimdrv_net *net = chimdrv_net_of(netdev);
	u8 old[ETH_ALEN];
	int err;

	err = eth_prepare_mac_addr_change(netdev, arg);
	if (err)
		return err;
	ether_addr_copy(old, netdev->dev_addr);
	eth_commit_mac_addr_change(netdev, arg);
	if (net->running)
		err = chimdrv_admin_set_rx_mode(net, true);
	if (err)
		eth_hw_addr_set(netdev, old);
	return err;
}

static int net_change_mtu(struct net_device *netdev, int mtu)
{
	struct chimdrv_net *net = chimdrv_net_of(netdev);
	int err = 0;

	if (net->running)
		err = chimdrv_admin_set_mtu(net->cd, mtu);
	if (!err)
		WRITE_ONCE(netdev->mtu, mtu);
	return err;
}

static void net_get_stats(struct net_device *netdev, struct rtnl_link_stats64 *st)
{
	struct chimdrv_net *net = chimdrv_net_of(netdev);
	unsigned int p, seq;

	for (p = 0; p < net->cd->max_pairs; p++) {
		struct chimdrv_pair *pair = net->pair[p];
		u64 frames, bytes, bad, lost;

		do {
			seq = u64_stats_fetch_begin(&pair->stats.sync);
			frames = u64_stats_read(&pair->stats.rx_frames);
			bytes = u64_stats_read(&pair->stats.rx_bytes);
			bad = u64_stats_read(&pair->stats.rx_errors);
			lost = u64_stats_read(&pair->stats.rx_no_memory);
		} while (u64_stats_fetch_retry(&pair->stats.sync, seq));
		st->rx_packets += frames;
		st->rx_bytes += bytes;
		st->rx_errors += bad;
		st->rx_dropped += lost;
		do {
			seq = u64_stats_fetch_begin(&pair->tx_stats.sync);
			frames = u64_stats_read(&pair->tx_stats.frames);
			bytes = u64_stats_read(&pair->tx_stats.bytes);
			lost = u64_stats_read(&pair->tx_stats.dropped);
		} while (u64_stats_fetch_retry(&pair->tx_stats.sync, seq));
		st->tx_packets += frames;
		st->tx_bytes += bytes;
		st->tx_dropped += lost;
	}
	chimdrv_carried_add(net->cd, st);
}

/*
 * A backend may be busy for as long as its other end likes, with nothing wrong with the
 * card. The kernel's watchdog would report that as a critical fault, so it is not used.
 * Instead, each second, report a stuck queue and poll it in case an interrupt was lost.
 */
void chimdrv_net_watch(struct chimdrv_net *net)
{
	struct net_device *netdev = net->netdev;
	unsigned int i;

	if (!netif_running(netdev) || !netif_device_present(netdev) || !netif_carrier_ok(netdev))
		return;
	for (i = 0; i < READ_ONCE(net->pairs); i++) {
		struct netdev_queue *txq = netdev_get_tx_queue(netdev, i);

		if (!netif_xmit_stopped(txq) ||
		    time_before(jiffies, READ_ONCE(txq->trans_start) + CHIMDRV_TX_TIMEOUT))
			continue;
		net->tx_timeouts++;
		netdev_info(netdev, "queue %u: the wire has taken no frame for %u s\n", i,
			    CHIMDRV_TX_TIMEOUT / HZ);
		txq_trans_cond_update(txq);
		napi_schedule(&net->pair[i]->napi);
	}
}

static netdev_features_t net_features_check(struct sk_buff *skb, struct net_device *netdev,
					    netdev_features_t features)
{
	/* The vnet header has 16-bit offsets, and headers must be linear. */
	if (skb->ip_summed == CHECKSUM_PARTIAL &&
	    skb_checksum_start_offset(skb) + skb->csum_offset > U16_MAX)
		features &= ~(NETIF_F_CSUM_MASK | NETIF_F_GSO_MASK);
	if (skb_is_gso(skb) && skb_tcp_all_headers(skb) > skb_headlen(skb))
		features &= ~NETIF_F_GSO_MASK;
	return vlan_features_check(skb, features);
}

static int net_set_features(struct net_device *netdev, netdev_features_t features)
{
	return 0;	/* each is checked per frame */
}

static int net_vlan_add(struct net_device *netdev, __be16 proto, u16 vid)
{
	struct chimdrv_net *net = chimdrv_net_of(netdev);
	int err = 0;

	set_bit(vid, net->vlans);
	if (net->running)
		err = chimdrv_admin_set_vlans(net);
	if (err)
		clear_bit(vid, net->vlans);
	return err;
}

static int net_vlan_kill(struct net_device *netdev, __be16 proto, u16 vid)
{
	struct chimdrv_net *net = chimdrv_net_of(netdev);

	clear_bit(vid, net->vlans);
	if (net->running && chimdrv_dev_alive(net->cd))
		return chimdrv_admin_set_vlans(net);
	return 0;
}

static const struct net_device_ops net_ops = {
	.ndo_open		= net_open,
	.ndo_stop		= net_stop,
	.ndo_start_xmit		= chimdrv_tx_xmit,
	.ndo_select_queue	= chimdrv_rss_select_queue,
#if CHIMDRV_RX_MODE_ASYNC
	.ndo_set_rx_mode_async	= chimdrv_rx_mode_set_async,
#else
	.ndo_set_rx_mode	= chimdrv_rx_mode_set,
#endif
	.ndo_set_mac_address	= net_set_mac,
	.ndo_validate_addr	= eth_validate_addr,
	.ndo_change_mtu		= net_change_mtu,
	.ndo_get_stats64	= net_get_stats,
	.ndo_features_check	= net_features_check,
	.ndo_set_features	= net_set_features,
	.ndo_vlan_rx_add_vid	= net_vlan_add,
	.ndo_vlan_rx_kill_vid	= net_vlan_kill,
};

bool chimdrv_net_is_ours(const struct net_device *netdev)
{
	return netdev->netdev_ops == &net_ops;
}

static void set_features(struct chimdrv_net *net)
{
	struct net_device *netdev = net->netdev;
	netdev_features_t f = chimdrv_hw_netdev_features(net->cd);

	netdev->hw_features = f;
	netdev->vlan_features = (f & ~NETIF_F_RXHASH) | NETIF_F_HIGHDMA;
	/* VLAN ids are not filtered, but the card learns which ones exist (VLN-4). */
	netdev->features = f | NETIF_F_GRO | NETIF_F_HIGHDMA |
			   NETIF_F_HW_VLAN_CTAG_FILTER;
}

static void set_defaults(struct chimdrv_net *net)
{
	unsigned int max = net->cd->limits.ring_log2;

	net->pairs = net->cd->max_pairs;
	net->sq_log2 = min(9u, max);
	net->cq_log2 = min(10u, max);
	net->tx_log2 = min(9u, max);
	net->rx_log2 = min(9u, max);
	net->ib_log2 = min(6u, max);
	net->ib_order = min(3, get_order(net->cd->limits.ind_len ?: 1));
	chimdrv_rss_default(net);
}

static void retry(struct timer_list *timer)
{
	struct chimdrv_pair *pair = container_of(timer, struct chimdrv_pair, retry_timer);

	napi_schedule(&pair->napi);
}

static struct chimdrv_pair *pair_create(struct chimdrv_net *net, unsigned int number)
{
	struct chimdrv_pair *pair = kzalloc(sizeof(*pair), GFP_KERNEL);

	if (!pair)
		return NULL;
	pair->net = net;
	pair->cd = net->cd;
	pair->number = number;
	spin_lock_init(&pair->sq_lock);
	spin_lock_init(&pair->pool_lock);
	INIT_LIST_HEAD(&pair->pending);
	timer_setup(&pair->retry_timer, retry, 0);
	u64_stats_init(&pair->stats.sync);
	u64_stats_init(&pair->tx_stats.sync);
	chimdrv_compat_napi_add(net->netdev, &pair->napi, chimdrv_pair_poll, number);
	return pair;
}

static void pairs_destroy(struct chimdrv_net *net)
{
	unsigned int p;

	for (p = 0; p < net->cd->max_pairs; p++) {
		if (!net->pair[p])
			continue;
		netif_napi_del(&net->pair[p]->napi);
		timer_shutdown_sync(&net->pair[p]->retry_timer);
		kfree(net->pair[p]);
	}
}

int chimdrv_net_create(struct chimdrv_dev *cd)
{
	struct net_device *netdev;
	struct chimdrv_net *net;
	unsigned int p;

	netdev = alloc_etherdev_mqs(sizeof(*net), cd->max_pairs, cd->max_pairs);
	if (!netdev)
		return -ENOMEM;
	SET_NETDEV_DEV(netdev, cd->dev);
	net = netdev_priv(netdev);
	net->cd = cd;
	net->netdev = netdev;
	chimdrv_rx_mode_create(net);
	netdev->netdev_ops = &net_ops;
	netdev->ethtool_ops = &chimdrv_ethtool_ops;
	netdev->min_mtu = ETH_MIN_MTU;
	netdev->max_mtu = cd->limits.mtu;
	netdev->priv_flags |= IFF_UNICAST_FLT | IFF_LIVE_ADDR_CHANGE;
	set_features(net);
	set_defaults(net);
	chimdrv_queues_create(netdev);
	/* Larger frames cannot be described: lengths of IP, and of a backend, have 16 bits. */
	netif_set_tso_max_size(netdev, GSO_LEGACY_MAX_SIZE);
	if (is_valid_ether_addr(cd->mac))
		eth_hw_addr_set(netdev, cd->mac);
	else
		eth_hw_addr_random(netdev);
	for (p = 0; p < cd->max_pairs; p++) {
		net->pair[p] = pair_create(net, p);
		if (!net->pair[p]) {
			pairs_destroy(net);
			free_netdev(netdev);
			return -ENOMEM;
		}
	}
	netif_carrier_off(netdev);
	cd->net = net;
	return 0;
}

/* The netdev has been unregistered. */
void chimdrv_net_destroy(struct chimdrv_dev *cd)
{
	struct chimdrv_net *net = cd->net;

	chimdrv_rx_mode_destroy(net);
	cd->net = NULL;
	pairs_destroy(net);
	free_netdev(net->netdev);
}
