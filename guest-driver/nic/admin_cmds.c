// SPDX-License-Identifier: GPL-2.0-only
/*
 * Admin commands of the NIC half, with the memory that they carry: rings, filters, RSS,
 * VLANs, MTU, coalescing, and the card's counters with their names.
 *
 * Process context; each sleeps until the card has answered.
 */
#include <linux/dma-mapping.h>
#include <linux/etherdevice.h>

#include "nic/admin_cmds.h"
#include "chimney_abi.h"
#include "nic/adminq.h"
#include "nic/carried.h"
#include "nic/hw.h"
#include "nic/ring.h"

static int exec_simple(struct chimdrv_dev *cd, const struct chim_sqe *sqe)
{
	return chimdrv_admin_exec(cd, sqe, NULL, CHIMDRV_ADMIN_MS);
}

/* Run a command with @len bytes at @buf (kmalloc memory) for the card to read or write. */
static int exec_buffer(struct chimdrv_dev *cd, struct chim_sqe *sqe, void *buf, size_t len,
		       enum dma_data_direction dir)
{
	dma_addr_t dma = dma_map_single(cd->dev, buf, len, dir);
	int err;

	if (dma_mapping_error(cd->dev, dma))
		return -ENOMEM;
	sqe->sge[0].addr = cpu_to_le64(dma);
	sqe->sge[0].len = cpu_to_le32(len);
	err = exec_simple(cd, sqe);
	dma_unmap_single(cd->dev, dma, len, dir);
	return err;
}

/* -------------------------------------------------------------------------------- rings */

int chimdrv_admin_create_ring(struct chimdrv_ring *r)
{
	struct chim_sqe sqe = { .ctl = cpu_to_le32(CHIM_OP_CREATE_RING) };
	int err;

	chimdrv_ring_clear(r);
	sqe.u.ring.ring = cpu_to_le32(r->id);
	sqe.u.ring.log2_size = cpu_to_le32(r->log2);
	sqe.sge[0].addr = cpu_to_le64(r->entries_dma);
	sqe.sge[0].len = cpu_to_le32(r->entry_size << r->log2);
	sqe.sge[1].addr = cpu_to_le64(r->ctl_dma);
	sqe.sge[1].len = cpu_to_le32(sizeof(*r->ctl));
	err = exec_simple(r->cd, &sqe);
	if (!err)
		r->exists = true;
	return err;
}

int chimdrv_admin_destroy_ring(struct chimdrv_ring *r)
{
	struct chim_sqe sqe = { .ctl = cpu_to_le32(CHIM_OP_DESTROY_RING) };
	int err;

	if (!r->exists)
		return 0;
	sqe.u.ring.ring = cpu_to_le32(r->id);
	err = exec_simple(r->cd, &sqe);
	if (!err)
		r->exists = false;
	return err;
}

/* ------------------------------------------------------------------------------ filters */

static void add_mac(struct chim_rx_mode *mode, unsigned int *n, const u8 *mac)
{
	if (*n < CHIM_MAC_LIST_MAX)
		memcpy(mode->mac[*n], mac, ETH_ALEN);
	(*n)++;
}

static void fill_rx_mode(struct chim_rx_mode *mode, const struct net_device *netdev,
			 const struct netdev_hw_addr_list *uc,
			 const struct netdev_hw_addr_list *mc)
{
	u32 flags = CHIM_RX_ENABLE | CHIM_RX_BROADCAST;
	struct netdev_hw_addr *ha;
	unsigned int n = 0, uni;

	if (netdev->flags & IFF_PROMISC)
		flags |= CHIM_RX_PROMISC;
	if (netdev->flags & IFF_ALLMULTI)
		flags |= CHIM_RX_ALLMULTI;
	add_mac(mode, &n, netdev->dev_addr);
	netdev_hw_addr_list_for_each(ha, uc)
		add_mac(mode, &n, ha->addr);
	if (n > CHIM_MAC_LIST_MAX) {
		flags |= CHIM_RX_PROMISC;
		n = 1;
	}
	uni = n;
	netdev_hw_addr_list_for_each(ha, mc)
		add_mac(mode, &n, ha->addr);
	if (n > CHIM_MAC_LIST_MAX) {
		flags |= CHIM_RX_ALLMULTI;
		n = uni;
	}
	mode->flags = cpu_to_le32(flags);
	mode->uni_count = cpu_to_le16(uni);
	mode->multi_count = cpu_to_le16(n - uni);
}

static int send_rx_mode(struct chimdrv_dev *cd, struct chim_rx_mode *mode)
{
	struct chim_sqe sqe = { .ctl = cpu_to_le32(CHIM_OP_SET_RX_MODE) };

	sqe.u.admin.len = cpu_to_le32(sizeof(*mode));
	return exec_buffer(cd, &sqe, mode, sizeof(*mode), DMA_TO_DEVICE);
}

int chimdrv_admin_set_rx_lists(struct chimdrv_net *net, const struct netdev_hw_addr_list *uc,
			       const struct netdev_hw_addr_list *mc)
{
	struct chim_rx_mode *mode = kzalloc(sizeof(*mode), GFP_KERNEL);
	int err;

	if (!mode)
		return -ENOMEM;
	fill_rx_mode(mode, net->netdev, uc, mc);
	err = send_rx_mode(net->cd, mode);
	kfree(mode);
	return err;
}

int chimdrv_admin_set_rx_mode(struct chimdrv_net *net, bool enable)
{
	struct chim_rx_mode *mode = kzalloc(sizeof(*mode), GFP_KERNEL);
	struct net_device *netdev = net->netdev;
	int err;

	if (!mode)
		return -ENOMEM;
	if (enable) {
		netif_addr_lock_bh(netdev);
		fill_rx_mode(mode, netdev, &netdev->uc, &netdev->mc);
		netif_addr_unlock_bh(netdev);
	}
	err = send_rx_mode(net->cd, mode);
	kfree(mode);
	return err;
}

int chimdrv_admin_set_rss(struct chimdrv_net *net, const u8 *key, const u8 *table)
{
	struct chim_sqe sqe = { .ctl = cpu_to_le32(CHIM_OP_SET_RSS) };
	struct chim_rss *rss;
	int err;

	BUILD_BUG_ON(CHIMDRV_RSS_KEY_LEN != CHIM_RSS_KEY_LEN);
	BUILD_BUG_ON(CHIMDRV_RSS_TABLE_LEN != CHIM_RSS_TABLE_MAX);
	if (!chimdrv_hw_has(net->cd, CHIM_F_RSS))
		return 0;
	rss = kzalloc(sizeof(*rss), GFP_KERNEL);
	if (!rss)
		return -ENOMEM;
	rss->table_len = cpu_to_le32(net->pairs > 1 ? CHIM_RSS_TABLE_MAX : 1);
	memcpy(rss->key, key, sizeof(rss->key));
	if (net->pairs > 1)
		memcpy(rss->table, table, sizeof(rss->table));
	sqe.u.admin.len = cpu_to_le32(sizeof(*rss));
	err = exec_buffer(net->cd, &sqe, rss, sizeof(*rss), DMA_TO_DEVICE);
	kfree(rss);
	return err;
}

int chimdrv_admin_set_params(struct chimdrv_dev *cd, const struct chim_params *params)
{
	struct chim_sqe sqe = { .ctl = cpu_to_le32(CHIM_OP_SET_PARAMS) };
	void *copy = kmemdup(params, sizeof(*params), GFP_KERNEL);
	int err;

	if (!copy)
		return -ENOMEM;
	sqe.u.admin.len = cpu_to_le32(sizeof(*params));
	err = exec_buffer(cd, &sqe, copy, sizeof(*params), DMA_TO_DEVICE);
	kfree(copy);
	return err;
}

int chimdrv_admin_set_vlans(struct chimdrv_net *net)
{
	struct chim_sqe sqe = { .ctl = cpu_to_le32(CHIM_OP_SET_VLANS) };
	unsigned int n = 0, max = net->cd->limits.vlans, id;
	__le16 *ids;
	int err;

	ids = kcalloc(max + 1, sizeof(*ids), GFP_KERNEL);
	if (!ids)
		return -ENOMEM;
	for_each_set_bit(id, net->vlans, VLAN_N_VID)
		if (id && n < max)
			ids[n++] = cpu_to_le16(id);
	sqe.u.vlan.count = cpu_to_le32(n);
	if (n)
		err = exec_buffer(net->cd, &sqe, ids, n * sizeof(*ids), DMA_TO_DEVICE);
	else
		err = exec_simple(net->cd, &sqe);
	kfree(ids);
	return err;
}

int chimdrv_admin_set_mtu(struct chimdrv_dev *cd, unsigned int mtu)
{
	struct chim_sqe sqe = { .ctl = cpu_to_le32(CHIM_OP_SET_MTU) };

	sqe.u.value = cpu_to_le32(mtu);
	return exec_simple(cd, &sqe);
}

int chimdrv_admin_set_coalesce(struct chimdrv_dev *cd, unsigned int pair,
			       const struct chimdrv_coalesce *coalesce)
{
	struct chim_sqe sqe = { .ctl = cpu_to_le32(CHIM_OP_SET_COALESCE) };

	sqe.u.coalesce.pair = cpu_to_le32(pair);
	sqe.u.coalesce.usecs = cpu_to_le32(coalesce->usecs);
	sqe.u.coalesce.frames = cpu_to_le32(coalesce->frames);
	return exec_simple(cd, &sqe);
}

/* ----------------------------------------------------------------------------- counters */

#define IP_NAMES(p) \
	p "_in_receives", p "_in_octets", p "_in_delivers", p "_out_requests", \
	p "_out_octets", p "_in_header_errors", p "_in_truncated", p "_in_discards", \
	p "_out_discards", p "_out_no_routes"
#define TCP_NAMES(p) \
	p "_in_segments", p "_out_segments", p "_currently_established", \
	p "_reset_established", p "_retransmitted_segments", p "_in_errors", \
	p "_out_resets", NULL

/* In the order of struct chim_stats; NULL where it is reserved. */
static const char * const stat_names[] = {
	IP_NAMES("ip4"), IP_NAMES("ip6"), TCP_NAMES("tcp4"), TCP_NAMES("tcp6"),
	"nic_rx_frames", "nic_rx_bytes", "nic_rx_multicast", "nic_rx_no_buffer",
	"nic_rx_filtered", "nic_rx_too_long", "nic_tx_frames", "nic_tx_bytes",
	"nic_tx_dropped", "nic_doorbells", "nic_interrupts", "nic_rx_offloaded_frames",
	"nic_tx_offloaded_frames", "nic_rx_offloaded_bytes", "nic_tx_offloaded_bytes", NULL,
	"t_initiates", "t_initiate_failures", "t_terminates", "t_updates", "t_queries",
	"t_invalidates", "t_sends", "t_recvs", "t_forwards", "t_disconnects", "t_verdicts",
	"t_send_completions", "t_recv_completions", "t_forward_completions",
	"t_disconnect_completions", "t_indications", "t_events", "t_initiate_completions",
	"t_terminate_completions", "t_update_completions", "t_query_completions",
	"t_invalidate_completions", "t_buffered_in_bytes", "t_buffered_to_recv_bytes",
	"t_buffered_indicated_bytes", "t_buffered_out_bytes", "t_send_in_unacked_bytes",
	"t_send_in_rexmit_bytes", "t_send_in_unsent_bytes", "t_send_back_requests",
	"t_send_back_completed", "t_send_back_mixed", "t_send_back_unacked_bytes",
	"t_send_back_rexmit_bytes", "t_send_back_unsent_bytes", "t_recv_push", "t_recv_nonpush",
	"t_recv_zero", "t_verdict_accepted", "t_verdict_refused", "t_verdict_partial",
	"t_bulk_lists", "t_send_batches", "t_forward_batches", "t_forward_fragments",
	"t_forward_options", "t_forward_interface", "t_forward_initiate", "t_rexmit_segments",
	"t_target_rx_octets", "t_target_tx_octets", "t_rx_dropped_octets", NULL, NULL, NULL, NULL,
};

unsigned int chimdrv_admin_stat_count(void)
{
	unsigned int i, n = 0;

	BUILD_BUG_ON(ARRAY_SIZE(stat_names) * sizeof(__le64) != sizeof(struct chim_stats));
	for (i = 0; i < ARRAY_SIZE(stat_names); i++)
		if (stat_names[i])
			n++;
	return n;
}

const char *chimdrv_admin_stat_name(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(stat_names); i++)
		if (stat_names[i] && n-- == 0)
			return stat_names[i];
	return NULL;
}

int chimdrv_admin_get_stats(struct chimdrv_dev *cd, u64 *values)
{
	struct chim_sqe sqe = { .ctl = cpu_to_le32(CHIM_OP_GET_STATS) };
	struct chim_stats *stats = kzalloc(sizeof(*stats), GFP_KERNEL);
	const __le64 *raw = (const __le64 *)stats;
	unsigned int i, n = 0;
	int err;

	if (!stats)
		return -ENOMEM;
	sqe.u.admin.len = cpu_to_le32(sizeof(*stats));
	err = exec_buffer(cd, &sqe, stats, sizeof(*stats), DMA_FROM_DEVICE);
	if (!err)
		chimdrv_carried_update(cd, stats);
	for (i = 0; !err && values && i < ARRAY_SIZE(stat_names); i++)
		if (stat_names[i])
			values[n++] = le64_to_cpu(raw[i]);
	kfree(stats);
	return err;
}
