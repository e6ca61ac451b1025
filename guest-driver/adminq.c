// SPDX-License-Identifier: GPL-2.0-only
/*
 * The admin pair: posting commands, matching completions, deadlines, the events
 * of the card, and the set-up commands of the NIC. Called by the netdev and the
 * offload half; it does not look into block lists.
 */
#include <linux/dma-mapping.h>
#include <linux/etherdevice.h>

#include "chimdrv.h"
#include "chimney_abi.h"

/* The only place where a status of the card becomes an errno. */
int chimdrv_admin_errno(u32 status)
{
	switch (status) {
	case CHIM_ST_SUCCESS:
		return 0;
	case CHIM_ST_RESOURCES:
	case CHIM_ST_TCP_ENTRIES:
	case CHIM_ST_PATH_ENTRIES:
	case CHIM_ST_NEIGHBOR_ENTRIES:
	case CHIM_ST_IP_ADDRESS_ENTRIES:
	case CHIM_ST_HW_ADDRESS_ENTRIES:
	case CHIM_ST_VLAN_ENTRIES:
	case CHIM_ST_TCP_XMIT_BUFFER:
	case CHIM_ST_TCP_RCV_BUFFER:
		return -ENOSPC;
	case CHIM_ST_TCP_RCV_WINDOW:
	case CHIM_ST_LIMIT:
		return -ERANGE;
	case CHIM_ST_VLAN_MISMATCH:
	case CHIM_ST_PATH_MTU:
	case CHIM_ST_CONNECTION_REJECTED:
	case CHIM_ST_INVALID_OPCODE:
		return -EOPNOTSUPP;
	case CHIM_ST_UPLOAD_IN_PROGRESS:
	case CHIM_ST_BUSY:
		return -EINPROGRESS;
	case CHIM_ST_REQUEST_ABORTED:
		return -ECONNABORTED;
	case CHIM_ST_INVALID_STATE:
		return -EPROTO;
	case CHIM_ST_DATA_NOT_ACCEPTED:
	case CHIM_ST_DATA_PARTIALLY_ACCEPTED:
	case CHIM_ST_PARTIAL_SUCCESS:
		return -EAGAIN;
	case CHIM_ST_INVALID_FIELD:
	case CHIM_ST_INVALID_LIST:
	case CHIM_ST_INVALID_SEQUENCE:
		return -EINVAL;
	case CHIM_ST_INVALID_HANDLE:
		return -ENOENT;
	case CHIM_ST_BUFFER_TOO_SMALL:
		return -EMSGSIZE;
	case CHIM_ST_NOT_READY:
		return -ENXIO;
	case CHIM_ST_FENCE_TIMEOUT:
		return -ETIME;
	case CHIM_ST_DUPLICATE:
		return -EEXIST;
	case CHIM_ST_IN_USE:
		return -EBUSY;
	case CHIM_ST_FAILURE:
	default:
		return -EIO;
	}
}

int chimdrv_admin_init(struct chimdrv_dev *cd)
{
	struct chimdrv_adminq *aq = &cd->adminq;
	int err;

	spin_lock_init(&aq->lock);
	mutex_init(&aq->poll_lock);
	init_waitqueue_head(&aq->room);
	err = chimdrv_ring_init(&aq->sq, cd, CHIM_RING_ADMIN_SQ, CHIMDRV_ADMIN_LOG2,
				sizeof(struct chim_sqe));
	if (err)
		return err;
	err = chimdrv_ring_init(&aq->cq, cd, CHIM_RING_ADMIN_CQ, CHIMDRV_ADMIN_LOG2 + 1,
				sizeof(struct chim_cqe));
	if (err)
		chimdrv_ring_fini(&aq->sq);
	return err;
}

void chimdrv_admin_fini(struct chimdrv_dev *cd)
{
	chimdrv_ring_fini(&cd->adminq.cq);
	chimdrv_ring_fini(&cd->adminq.sq);
}

/* Empty rings for a card that has been reset; commands are accepted from now on. */
void chimdrv_admin_start(struct chimdrv_dev *cd)
{
	struct chimdrv_adminq *aq = &cd->adminq;

	mutex_lock(&aq->poll_lock);
	spin_lock_bh(&aq->lock);
	chimdrv_ring_clear(&aq->sq);
	chimdrv_ring_clear(&aq->cq);
	aq->open = true;
	spin_unlock_bh(&aq->lock);
	mutex_unlock(&aq->poll_lock);
}

static void finish(struct chimdrv_admin_cmd *cmd)
{
	local_bh_disable();
	cmd->done(cmd);
	local_bh_enable();
}

/* Take the command out of its slot, with the lock held. */
static struct chimdrv_admin_cmd *take_locked(struct chimdrv_adminq *aq, unsigned int i)
{
	struct chimdrv_admin_cmd *cmd = aq->slot[i].cmd;

	lockdep_assert_held(&aq->lock);
	if (!cmd)
		return NULL;
	aq->slot[i].cmd = NULL;
	aq->slot[i].generation++;
	aq->in_flight--;
	return cmd;
}

/* The card does no DMA any more, or never will again for these commands. */
void chimdrv_admin_stop(struct chimdrv_dev *cd, int err)
{
	struct chimdrv_adminq *aq = &cd->adminq;
	unsigned int i;

	mutex_lock(&aq->poll_lock);
	spin_lock_bh(&aq->lock);
	aq->open = false;
	spin_unlock_bh(&aq->lock);
	for (i = 0; i < CHIMDRV_ADMIN_SLOTS; i++) {
		struct chimdrv_admin_cmd *cmd;

		spin_lock_bh(&aq->lock);
		cmd = take_locked(aq, i);
		spin_unlock_bh(&aq->lock);
		if (!cmd)
			continue;
		cmd->err = err;
		finish(cmd);
	}
	mutex_unlock(&aq->poll_lock);
	wake_up_all(&aq->room);
}

static u64 slot_cookie(const struct chimdrv_adminq *aq, unsigned int i)
{
	return (u64)aq->slot[i].generation << 32 | i;
}

static int find_slot_locked(struct chimdrv_adminq *aq)
{
	unsigned int i;

	for (i = 0; i < CHIMDRV_ADMIN_SLOTS; i++)
		if (!aq->slot[i].cmd)
			return i;
	return -EBUSY;
}

static int post_locked(struct chimdrv_dev *cd, const struct chim_sqe *sqe,
		       struct chimdrv_admin_cmd *cmd, bool terminate)
{
	struct chimdrv_adminq *aq = &cd->adminq;
	unsigned int keep = terminate ? 0 : CHIMDRV_ADMIN_RESERVED;
	struct chim_sqe *entry;
	int slot;

	lockdep_assert_held(&aq->lock);
	if (!aq->open || !chimdrv_dev_alive(cd))
		return test_bit(CHIMDRV_DEV_GONE, &cd->bits) ? -ENODEV : -EIO;
	if (aq->in_flight + keep >= CHIMDRV_ADMIN_SLOTS || chimdrv_ring_space(&aq->sq) <= keep)
		return -EBUSY;
	slot = find_slot_locked(aq);
	if (slot < 0)
		return slot;
	aq->slot[slot].cmd = cmd;
	aq->in_flight++;

	entry = chimdrv_ring_slot(&aq->sq, 0);
	entry->handle = sqe->handle;
	entry->cookie = cpu_to_le64(slot_cookie(aq, slot));
	memcpy(&entry->u, &sqe->u, sizeof(entry->u));
	memcpy(entry->sge, sqe->sge, sizeof(entry->sge));
	chimdrv_ring_publish(&aq->sq, cmd->op, 1);
	chimdrv_ring_kick(&aq->sq);
	return 0;
}

int chimdrv_admin_post(struct chimdrv_dev *cd, const struct chim_sqe *sqe,
		       struct chimdrv_admin_cmd *cmd, unsigned int timeout_ms, bool terminate)
{
	int err;

	cmd->op = le32_to_cpu(sqe->ctl) & CHIM_CTL_OP_MASK;
	cmd->deadline = jiffies + msecs_to_jiffies(timeout_ms);
	spin_lock_bh(&cd->adminq.lock);
	err = post_locked(cd, sqe, cmd, terminate);
	spin_unlock_bh(&cd->adminq.lock);
	return err;
}

/* Post unless there is no slot. True: *err says what became of it. */
static bool try_post(struct chimdrv_dev *cd, const struct chim_sqe *sqe,
		     struct chimdrv_admin_cmd *cmd, unsigned int timeout_ms, int *err)
{
	*err = chimdrv_admin_post(cd, sqe, cmd, timeout_ms, false);
	return *err != -EBUSY;
}

static void exec_done(struct chimdrv_admin_cmd *cmd)
{
	complete(cmd->wait);
}

int chimdrv_admin_exec(struct chimdrv_dev *cd, const struct chim_sqe *sqe,
		       struct chimdrv_admin_cmd *cmd, unsigned int timeout_ms)
{
	return chimdrv_admin_exec_then(cd, sqe, cmd, timeout_ms, NULL, NULL);
}

int chimdrv_admin_exec_then(struct chimdrv_dev *cd, const struct chim_sqe *sqe,
			    struct chimdrv_admin_cmd *cmd, unsigned int timeout_ms,
			    void (*posted)(void *arg), void *arg)
{
	DECLARE_COMPLETION_ONSTACK(wait);
	struct chimdrv_admin_cmd local = {};
	int err;

	if (!cmd)
		cmd = &local;
	cmd->done = exec_done;
	cmd->wait = &wait;
	wait_event_timeout(cd->adminq.room, try_post(cd, sqe, cmd, timeout_ms, &err),
			   msecs_to_jiffies(timeout_ms));
	if (err)
		return err;
	if (posted)
		posted(arg);
	/*
	 * Not bounded here: an overdue command makes the service work fail the
	 * card, and only when its DMA is known to be dead is the command ended.
	 */
	wait_for_completion(&wait);
	return cmd->err;
}

bool chimdrv_admin_overdue(struct chimdrv_dev *cd)
{
	struct chimdrv_adminq *aq = &cd->adminq;
	bool overdue = false;
	unsigned int i;

	spin_lock_bh(&aq->lock);
	for (i = 0; i < CHIMDRV_ADMIN_SLOTS; i++)
		if (aq->slot[i].cmd && time_after(jiffies, aq->slot[i].cmd->deadline))
			overdue = true;
	spin_unlock_bh(&aq->lock);
	return overdue;
}

static void complete_command(struct chimdrv_dev *cd, const struct chim_cqe *cqe)
{
	struct chimdrv_adminq *aq = &cd->adminq;
	u64 cookie = le64_to_cpu(cqe->cookie);
	struct chimdrv_admin_cmd *cmd = NULL;
	u32 slot = lower_32_bits(cookie);

	spin_lock_bh(&aq->lock);
	if (slot < CHIMDRV_ADMIN_SLOTS && slot_cookie(aq, slot) == cookie)
		cmd = take_locked(aq, slot);
	spin_unlock_bh(&aq->lock);
	if (!cmd) {
		chimdrv_dev_fail(cd, "completion of an admin command that was not posted");
		return;
	}
	cmd->status = le32_to_cpu(cqe->status);
	cmd->info = le32_to_cpu(cqe->info);
	cmd->info2 = le32_to_cpu(cqe->info2);
	cmd->bytes = le32_to_cpu(cqe->bytes);
	cmd->err = chimdrv_admin_errno(cmd->status);
	finish(cmd);
	wake_up_all(&aq->room);
}

static void handle_event(struct chimdrv_dev *cd, const struct chim_cqe *cqe)
{
	unsigned int type = le32_to_cpu(cqe->ctl) & CHIM_CTL_OP_MASK;

	local_bh_disable();
	switch (type) {
	case CHIM_CQ_LINK:
		if (cd->net)
			chimdrv_net_link(cd->net);
		break;
	case CHIM_CQ_PAUSE:
		set_bit(CHIMDRV_DEV_PAUSED, &cd->bits);
		chimdrv_events_pause(cd, true);
		break;
	case CHIM_CQ_RESUME:
		clear_bit(CHIMDRV_DEV_PAUSED, &cd->bits);
		chimdrv_events_pause(cd, false);
		break;
	case CHIM_CQ_UPLOAD_ALL:
		chimdrv_events_upload_all(cd);
		break;
	case CHIM_CQ_NCE:
		chimdrv_events_nce(cd, cqe);
		break;
	default:
		chimdrv_dev_fail(cd, "unknown entry on the admin CQ");
		break;
	}
	local_bh_enable();
}

/* Consume the admin CQ. Called by the interrupt's thread and by the service work. */
bool chimdrv_admin_poll(struct chimdrv_dev *cd)
{
	struct chimdrv_adminq *aq = &cd->adminq;
	struct chim_cqe cqe;
	bool any = false;

	mutex_lock(&aq->poll_lock);
	while (aq->open && chimdrv_dev_alive(cd)) {
		if (!chimdrv_ring_peek(&aq->cq, &cqe)) {
			chimdrv_ring_kick(&aq->cq);
			if (!chimdrv_ring_rearm(&aq->cq))
				break;
			continue;
		}
		any = true;
		chimdrv_ring_advance(&aq->cq);
		if ((le32_to_cpu(cqe.ctl) & CHIM_CTL_OP_MASK) == CHIM_CQ_ADMIN)
			complete_command(cd, &cqe);
		else
			handle_event(cd, &cqe);
	}
	mutex_unlock(&aq->poll_lock);
	return any;
}

/* ------------------------------------------------------------ set-up commands */

static int exec_simple(struct chimdrv_dev *cd, const struct chim_sqe *sqe)
{
	return chimdrv_admin_exec(cd, sqe, NULL, CHIMDRV_ADMIN_MS);
}

/* A command with @len bytes at @buf (kmalloc memory) for the card to read or write. */
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

static void add_mac(struct chim_rx_mode *mode, unsigned int *n, const u8 *mac)
{
	if (*n < CHIM_MAC_LIST_MAX)
		memcpy(mode->mac[*n], mac, ETH_ALEN);
	(*n)++;
}

static void fill_rx_mode(struct chim_rx_mode *mode, struct net_device *netdev)
{
	u32 flags = CHIM_RX_ENABLE | CHIM_RX_BROADCAST;
	struct netdev_hw_addr *ha;
	unsigned int n = 0, uni;

	netif_addr_lock_bh(netdev);
	if (netdev->flags & IFF_PROMISC)
		flags |= CHIM_RX_PROMISC;
	if (netdev->flags & IFF_ALLMULTI)
		flags |= CHIM_RX_ALLMULTI;
	add_mac(mode, &n, netdev->dev_addr);
	netdev_for_each_uc_addr(ha, netdev)
		add_mac(mode, &n, ha->addr);
	if (n > CHIM_MAC_LIST_MAX) {
		flags |= CHIM_RX_PROMISC;
		n = 1;
	}
	uni = n;
	netdev_for_each_mc_addr(ha, netdev)
		add_mac(mode, &n, ha->addr);
	if (n > CHIM_MAC_LIST_MAX) {
		flags |= CHIM_RX_ALLMULTI;
		n = uni;
	}
	netif_addr_unlock_bh(netdev);
	mode->flags = cpu_to_le32(flags);
	mode->uni_count = cpu_to_le16(uni);
	mode->multi_count = cpu_to_le16(n - uni);
}

int chimdrv_admin_set_rx_mode(struct chimdrv_net *net, bool enable)
{
	struct chim_sqe sqe = { .ctl = cpu_to_le32(CHIM_OP_SET_RX_MODE) };
	struct chim_rx_mode *mode = kzalloc(sizeof(*mode), GFP_KERNEL);
	int err;

	if (!mode)
		return -ENOMEM;
	if (enable)
		fill_rx_mode(mode, net->netdev);
	sqe.u.admin.len = cpu_to_le32(sizeof(*mode));
	err = exec_buffer(net->cd, &sqe, mode, sizeof(*mode), DMA_TO_DEVICE);
	kfree(mode);
	return err;
}

int chimdrv_admin_set_rss(struct chimdrv_net *net)
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
	memcpy(rss->key, net->rss_key, sizeof(rss->key));
	if (net->pairs > 1)
		memcpy(rss->table, net->rss_table, sizeof(rss->table));
	sqe.u.admin.len = cpu_to_le32(sizeof(*rss));
	err = exec_buffer(net->cd, &sqe, rss, sizeof(*rss), DMA_TO_DEVICE);
	kfree(rss);
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

int chimdrv_admin_reset_stats(struct chimdrv_dev *cd, u32 sets)
{
	struct chim_sqe sqe = { .ctl = cpu_to_le32(CHIM_OP_RESET_STATS) };

	sqe.u.value = cpu_to_le32(sets);
	return exec_simple(cd, &sqe);
}

/* ------------------------------------------------------------------- counters */

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
	"t_disconnect_completions", "t_indications", "t_events", "t_state_completions",
	"t_buffered_in_bytes", "t_buffered_to_recv_bytes", "t_buffered_indicated_bytes",
	"t_buffered_out_bytes", "t_send_in_unacked_bytes", "t_send_in_rexmit_bytes",
	"t_send_in_unsent_bytes", "t_send_back_requests", "t_send_back_completed",
	"t_recv_push", "t_recv_nonpush", "t_recv_zero", "t_verdict_accepted",
	"t_verdict_refused", "t_verdict_partial", "t_bulk_lists", "t_send_batches",
	"t_rexmit_segments", NULL, NULL, NULL, NULL,
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
	for (i = 0; !err && i < ARRAY_SIZE(stat_names); i++)
		if (stat_names[i])
			values[n++] = le64_to_cpu(raw[i]);
	kfree(stats);
	return err;
}
