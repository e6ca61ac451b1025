// SPDX-License-Identifier: GPL-2.0-only
/*
 * What ethtool shows and sets: counters of driver, card and offload half, ring
 * sizes, channels, interrupt moderation, receive-side scaling, link.
 */
#include <linux/ethtool.h>
#include <linux/log2.h>
#include <linux/rtnetlink.h>

#include "nic/ethtool.h"
#include "compat/ethtool.h"
#include "nic/admin_cmds.h"
#include "nic/inline.h"
#include "nic/netdev.h"
#include "nic/pair.h"
#include "nic/rss.h"
#include "nic/upcalls.h"

static const char * const pair_stat_names[] = {
	"rx_frames", "rx_bytes", "rx_errors", "rx_no_memory", "polls", "cq_entries",
	"tx_frames", "tx_bytes", "tx_dropped", "tx_stops", "doorbells", "alloc_failed",
};

static const char * const net_stat_names[] = { "tx_timeouts", "admin_doorbells" };

static void get_drvinfo(struct net_device *netdev, struct ethtool_drvinfo *info)
{
	struct chimdrv_net *net = chimdrv_net_of(netdev);

	strscpy(info->driver, CHIMDRV_NAME, sizeof(info->driver));
	strscpy(info->bus_info, pci_name(net->cd->pdev), sizeof(info->bus_info));
	snprintf(info->fw_version, sizeof(info->fw_version), "ABI %u.%u",
		 net->cd->abi >> 16, net->cd->abi & 0xffff);
}

/* ------------------------------------------------------------------- counters */

static int get_sset_count(struct net_device *netdev, int set)
{
	struct chimdrv_net *net = chimdrv_net_of(netdev);

	if (set != ETH_SS_STATS)
		return -EOPNOTSUPP;
	return ARRAY_SIZE(net_stat_names) + net->cd->max_pairs * ARRAY_SIZE(pair_stat_names) +
	       chimdrv_admin_stat_count() + chimdrv_up->stat_count();
}

static void put_name(u8 **data, const char *name)
{
	strscpy((char *)*data, name, ETH_GSTRING_LEN);
	*data += ETH_GSTRING_LEN;
}

static void get_strings(struct net_device *netdev, u32 set, u8 *data)
{
	struct chimdrv_net *net = chimdrv_net_of(netdev);
	unsigned int i, p;

	if (set != ETH_SS_STATS)
		return;
	for (i = 0; i < ARRAY_SIZE(net_stat_names); i++)
		put_name(&data, net_stat_names[i]);
	for (p = 0; p < net->cd->max_pairs; p++)
		for (i = 0; i < ARRAY_SIZE(pair_stat_names); i++)
			ethtool_sprintf(&data, "p%u_%s", p, pair_stat_names[i]);
	for (i = 0; i < chimdrv_admin_stat_count(); i++)
		put_name(&data, chimdrv_admin_stat_name(i));
	for (i = 0; i < chimdrv_up->stat_count(); i++)
		put_name(&data, chimdrv_up->stat_name(i));
}

static void read_pair(struct chimdrv_pair *pair, u64 *data)
{
	struct chimdrv_pair_stats *rx = &pair->stats;
	struct chimdrv_tx_stats *tx = &pair->tx_stats;
	unsigned int seq;

	do {
		seq = u64_stats_fetch_begin(&rx->sync);
		data[0] = u64_stats_read(&rx->rx_frames);
		data[1] = u64_stats_read(&rx->rx_bytes);
		data[2] = u64_stats_read(&rx->rx_errors);
		data[3] = u64_stats_read(&rx->rx_no_memory);
		data[4] = u64_stats_read(&rx->polls);
		data[5] = u64_stats_read(&rx->cq_entries);
	} while (u64_stats_fetch_retry(&rx->sync, seq));
	do {
		seq = u64_stats_fetch_begin(&tx->sync);
		data[6] = u64_stats_read(&tx->frames);
		data[7] = u64_stats_read(&tx->bytes);
		data[8] = u64_stats_read(&tx->dropped);
		data[9] = u64_stats_read(&tx->stops);
	} while (u64_stats_fetch_retry(&tx->sync, seq));
	data[10] = chimdrv_pair_doorbells(pair);
	data[11] = chimdrv_pair_alloc_failed(pair);
}

/* The card's counters read 0 while it is down. */
static void get_ethtool_stats(struct net_device *netdev, struct ethtool_stats *stats, u64 *data)
{
	struct chimdrv_net *net = chimdrv_net_of(netdev);
	unsigned int p;

	*data++ = net->tx_timeouts;
	*data++ = net->cd->adminq.sq.doorbells;
	for (p = 0; p < net->cd->max_pairs; p++) {
		read_pair(net->pair[p], data);
		data += ARRAY_SIZE(pair_stat_names);
	}
	if (chimdrv_admin_get_stats(net->cd, data))
		memset(data, 0, chimdrv_admin_stat_count() * sizeof(*data));
	data += chimdrv_admin_stat_count();
	chimdrv_up->stats(net->cd, data);
}

/* ---------------------------------------------------------- rings and channels */

static void get_ringparam(struct net_device *netdev, struct ethtool_ringparam *ring,
			  struct kernel_ethtool_ringparam *kernel_ring,
			  struct netlink_ext_ack *extack)
{
	struct chimdrv_net *net = chimdrv_net_of(netdev);

	ring->rx_max_pending = 1u << net->cd->limits.ring_log2;
	ring->tx_max_pending = 1u << net->cd->limits.ring_log2;
	ring->rx_pending = 1u << net->rx_log2;
	ring->tx_pending = 1u << net->tx_log2;
}

static void change_rings(struct chimdrv_net *net, void *arg)
{
	const struct ethtool_ringparam *ring = arg;

	net->rx_log2 = ilog2(ring->rx_pending);
	net->tx_log2 = ilog2(ring->tx_pending);
}

static int set_ringparam(struct net_device *netdev, struct ethtool_ringparam *ring,
			 struct kernel_ethtool_ringparam *kernel_ring,
			 struct netlink_ext_ack *extack)
{
	struct chimdrv_net *net = chimdrv_net_of(netdev);

	if (ring->rx_mini_pending || ring->rx_jumbo_pending)
		return -EINVAL;
	if (!is_power_of_2(ring->rx_pending) || !is_power_of_2(ring->tx_pending) ||
	    ring->rx_pending < CHIMDRV_RING_MIN || ring->tx_pending < CHIMDRV_RING_MIN) {
		NL_SET_ERR_MSG_MOD(extack, "ring sizes are powers of two, 64 at least");
		return -EINVAL;
	}
	return chimdrv_net_reconfigure(net, change_rings, ring);
}

static void get_channels(struct net_device *netdev, struct ethtool_channels *ch)
{
	struct chimdrv_net *net = chimdrv_net_of(netdev);

	ch->max_combined = net->cd->max_pairs;
	ch->combined_count = net->pairs;
}

static void change_channels(struct chimdrv_net *net, void *arg)
{
	const struct ethtool_channels *ch = arg;

	net->pairs = ch->combined_count;
	if (netif_set_real_num_queues(net->netdev, net->pairs, net->pairs))
		netdev_warn(net->netdev, "the stack kept its number of queues\n");
	if (!netif_is_rxfh_configured(net->netdev))
		chimdrv_rss_spread(net);
}

static int set_channels(struct net_device *netdev, struct ethtool_channels *ch)
{
	struct chimdrv_net *net = chimdrv_net_of(netdev);
	unsigned int i;

	if (ch->rx_count || ch->tx_count || ch->other_count || !ch->combined_count ||
	    ch->combined_count > net->cd->max_pairs)
		return -EINVAL;
	for (i = 0; netif_is_rxfh_configured(netdev) && i < CHIMDRV_RSS_TABLE_LEN; i++)
		if (net->rss_table[i] >= ch->combined_count)
			return -EINVAL;
	return chimdrv_net_reconfigure(net, change_channels, ch);
}

/* ------------------------------------------------------------------ moderation */

static int get_coalesce(struct net_device *netdev, struct ethtool_coalesce *co,
			struct kernel_ethtool_coalesce *kernel_co,
			struct netlink_ext_ack *extack)
{
	struct chimdrv_net *net = chimdrv_net_of(netdev);

	co->rx_coalesce_usecs = net->coalesce.usecs;
	co->rx_max_coalesced_frames = net->coalesce.frames;
	return 0;
}

static int set_coalesce(struct net_device *netdev, struct ethtool_coalesce *co,
			struct kernel_ethtool_coalesce *kernel_co,
			struct netlink_ext_ack *extack)
{
	struct chimdrv_net *net = chimdrv_net_of(netdev);
	struct chimdrv_coalesce new = {
		.usecs = co->rx_coalesce_usecs,
		.frames = co->rx_max_coalesced_frames,
	};
	unsigned int p;
	int err;

	for (p = 0; net->running && p < net->pairs; p++) {
		err = chimdrv_admin_set_coalesce(net->cd, p, &new);
		if (err)
			return err;
	}
	net->coalesce = new;
	return 0;
}

/* ------------------------------------------------------- receive-side scaling */

static u32 get_rxfh_key_size(struct net_device *netdev)
{
	return CHIMDRV_RSS_KEY_LEN;
}

static u32 get_rxfh_indir_size(struct net_device *netdev)
{
	return CHIMDRV_RSS_TABLE_LEN;
}

static int read_rss(struct chimdrv_net *net, u32 *indir, u8 *key, u8 *hfunc)
{
	unsigned int i;

	for (i = 0; indir && i < CHIMDRV_RSS_TABLE_LEN; i++)
		indir[i] = net->rss_table[i];
	if (key)
		memcpy(key, net->rss_key, CHIMDRV_RSS_KEY_LEN);
	if (hfunc)
		*hfunc = ETH_RSS_HASH_TOP;
	return 0;
}

/* What the driver holds is what the card does: it changes only after the card has taken it. */
static int write_rss(struct chimdrv_net *net, const u32 *indir, const u8 *key, u8 hfunc)
{
	u8 table[CHIMDRV_RSS_TABLE_LEN];
	unsigned int i;
	int err = 0;

	if (hfunc != ETH_RSS_HASH_NO_CHANGE && hfunc != ETH_RSS_HASH_TOP)
		return -EOPNOTSUPP;
	for (i = 0; i < CHIMDRV_RSS_TABLE_LEN; i++)
		table[i] = indir ? indir[i] : net->rss_table[i];
	if (net->running)
		err = chimdrv_admin_set_rss(net, key ?: net->rss_key, table);
	if (err)
		return err;
	for (i = 0; i < CHIMDRV_RSS_TABLE_LEN; i++)
		WRITE_ONCE(net->rss_table[i], table[i]);
	if (key)
		chimdrv_rss_set_key(net, key);
	return 0;
}

#if CHIMDRV_RXFH_PARAM
static int get_rxfh(struct net_device *netdev, struct ethtool_rxfh_param *rxfh)
{
	return read_rss(chimdrv_net_of(netdev), rxfh->indir, rxfh->key, &rxfh->hfunc);
}

static int set_rxfh(struct net_device *netdev, struct ethtool_rxfh_param *rxfh,
		    struct netlink_ext_ack *extack)
{
	return write_rss(chimdrv_net_of(netdev), rxfh->indir, rxfh->key, rxfh->hfunc);
}
#else
static int get_rxfh(struct net_device *netdev, u32 *indir, u8 *key, u8 *hfunc)
{
	return read_rss(chimdrv_net_of(netdev), indir, key, hfunc);
}

static int set_rxfh(struct net_device *netdev, const u32 *indir, const u8 *key, const u8 hfunc)
{
	return write_rss(chimdrv_net_of(netdev), indir, key, hfunc);
}
#endif

/* TCP by addresses and ports, all other IP packets by addresses */
static u64 hashed(u32 flow_type)
{
	switch (flow_type) {
	case TCP_V4_FLOW:
	case TCP_V6_FLOW:
		return RXH_IP_SRC | RXH_IP_DST | RXH_L4_B_0_1 | RXH_L4_B_2_3;
	case UDP_V4_FLOW:
	case UDP_V6_FLOW:
	case SCTP_V4_FLOW:
	case SCTP_V6_FLOW:
	case IPV4_FLOW:
	case IPV6_FLOW:
		return RXH_IP_SRC | RXH_IP_DST;
	default:
		return 0;
	}
}

#if CHIMDRV_RX_RING_COUNT
static u32 get_rx_ring_count(struct net_device *netdev)
{
	return chimdrv_net_of(netdev)->pairs;
}

static int get_rxfh_fields(struct net_device *netdev, struct ethtool_rxfh_fields *fields)
{
	fields->data = hashed(fields->flow_type);
	return 0;
}
#else
static int get_rxnfc(struct net_device *netdev, struct ethtool_rxnfc *info, u32 *rules)
{
	switch (info->cmd) {
	case ETHTOOL_GRXRINGS:
		info->data = chimdrv_net_of(netdev)->pairs;
		return 0;
	case ETHTOOL_GRXFH:
		info->data = hashed(info->flow_type);
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}
#endif

/* ------------------------------------------------------------------------ link */

static int get_link_ksettings(struct net_device *netdev, struct ethtool_link_ksettings *cmd)
{
	struct chimdrv_net *net = chimdrv_net_of(netdev);
	bool up = netif_carrier_ok(netdev);

	ethtool_link_ksettings_zero_link_mode(cmd, supported);
	ethtool_link_ksettings_zero_link_mode(cmd, advertising);
	cmd->base.speed = up ? net->cd->link_speed : SPEED_UNKNOWN;
	cmd->base.duplex = up ? DUPLEX_FULL : DUPLEX_UNKNOWN;
	cmd->base.port = PORT_OTHER;
	cmd->base.autoneg = AUTONEG_DISABLE;
	return 0;
}

const struct ethtool_ops chimdrv_ethtool_ops = {
	.supported_coalesce_params = ETHTOOL_COALESCE_RX_USECS |
				     ETHTOOL_COALESCE_RX_MAX_FRAMES,
	.get_drvinfo		= get_drvinfo,
	.get_link		= ethtool_op_get_link,
	.get_link_ksettings	= get_link_ksettings,
	.get_ts_info		= ethtool_op_get_ts_info,
	.get_sset_count		= get_sset_count,
	.get_strings		= get_strings,
	.get_ethtool_stats	= get_ethtool_stats,
	.get_ringparam		= get_ringparam,
	.set_ringparam		= set_ringparam,
	.get_channels		= get_channels,
	.set_channels		= set_channels,
	.get_coalesce		= get_coalesce,
	.set_coalesce		= set_coalesce,
#if CHIMDRV_RX_RING_COUNT
	.get_rx_ring_count	= get_rx_ring_count,
	.get_rxfh_fields	= get_rxfh_fields,
#else
	.get_rxnfc		= get_rxnfc,
#endif
	.get_rxfh_key_size	= get_rxfh_key_size,
	.get_rxfh_indir_size	= get_rxfh_indir_size,
	.get_rxfh		= get_rxfh,
	.set_rxfh		= set_rxfh,
};
