/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The structures of the NIC half. What a file does with them is declared in its own
 * header.
 *
 * Three lifetimes: struct chimdrv_dev lives as long as the PCI binding, struct
 * chimdrv_net as long as the netdev, struct chimdrv_pair (one I/O pair: six rings, one
 * interrupt vector, one NAPI) as long as the netdev, with rings in it from open to stop.
 * Connections have a lifetime of their own, see offload/conn_types.h.
 *
 * No ABI type is defined here: entries are passed by pointer to files that include the
 * ABI header (hw.c ring.c admin*.c pair.c tx.c rx.c and the offload half).
 *
 * Order of locks, outer first:
 *   rtnl > socket lock / slock > pair->sq_lock > cd->adminq.lock
 * The tx queue lock (netdev) is a leaf beside sq_lock: neither is taken inside the other.
 * NAPI holds none of them when it calls the half above (upcalls.h).
 */
#ifndef CHIMDRV_NIC_H
#define CHIMDRV_NIC_H

#include <linux/completion.h>
#include <linux/if_vlan.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/pci.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

#include "nic/ring_types.h"

#define CHIMDRV_NAME		"chimney"
#define CHIMDRV_MAX_PAIRS	16
#define CHIMDRV_RSS_KEY_LEN	40
#define CHIMDRV_RSS_NIBBLES	72	/* of the longest input: two IPv6 addresses, two ports */
#define CHIMDRV_RSS_TABLE_LEN	128
#define CHIMDRV_RING_MIN	64
#define CHIMDRV_ADMIN_LOG2	6
#define CHIMDRV_ADMIN_SLOTS	BIT(CHIMDRV_ADMIN_LOG2)
#define CHIMDRV_ADMIN_RESERVED	2	/* slots that only terminates may take */
#define CHIMDRV_ADMIN_MS	4000	/* deadline of an ordinary admin command */
#define CHIMDRV_RECV_ORDER	3	/* log2 of the pages of one part of a receive request */
#define CHIMDRV_RECV_POOL	128	/* such pages that a pair keeps for reuse */
#define CHIMDRV_TX_FENCE_ROOM	16	/* TX entries reserved for fences */

struct chim_sqe;
struct chim_cqe;
struct chimdrv_dev;
struct chimdrv_net;
struct chimdrv_pair;
struct dentry;
struct page_pool;
struct seq_file;

/* ---------------------------------------------------------------- admin pair */

/*
 * One admin command in flight. The caller provides the memory and keeps it until
 * done() has been called, which happens exactly once for each command that was
 * accepted: at its completion, or with err = -EIO / -ENODEV / -ETIMEDOUT after
 * the card has failed and can no longer touch memory. done() runs with bottom
 * halves disabled and must not sleep.
 */
struct chimdrv_admin_cmd {
	void (*done)(struct chimdrv_admin_cmd *cmd);
	int err;		/* chimdrv_status_errno() of status, or the error above */
	u32 status;		/* enum chim_status; meaningful unless the card failed */
	u32 info;		/* of the completion */
	u32 info2;
	u32 bytes;
	/* private to adminq.c */
	u8 op;
	unsigned long deadline;
	struct completion *wait;
};

struct chimdrv_adminq {
	/*
	 * lock: the admin SQ, slot[] and generation, in_flight, open.
	 * Taken with bottom halves disabled.
	 */
	spinlock_t lock;
	struct chimdrv_ring sq;
	struct chimdrv_ring cq;		/* consumer: poll_lock */
	struct mutex poll_lock;		/* one reader of the admin CQ at a time */
	struct {
		struct chimdrv_admin_cmd *cmd;
		u32 generation;
	} slot[CHIMDRV_ADMIN_SLOTS];
	unsigned int in_flight;
	bool open;			/* commands are accepted */
	wait_queue_head_t room;		/* sleepers in exec wait for a slot */
};

/* ------------------------------------------------------------------ PCI life */

/* Limits the card announces, each checked against what the driver can use. */
struct chimdrv_limits {
	u32 pairs;
	u32 ring_log2;
	u32 conns;
	u32 paths;
	u32 neighbors;
	u32 sge;
	u32 buffered;
	u32 sends;
	u32 recvs;
	u32 rcv_wnd;
	u32 mtu;
	u32 block_len;
	u32 nodes;
	u32 vlans;
	u32 send_len;
	u32 ind_len;
};

enum chimdrv_dev_bit {
	CHIMDRV_DEV_FAILED,	/* the card must not be used until recovery has cleared this */
	CHIMDRV_DEV_GONE,	/* reads give all ones: never recovers */
	CHIMDRV_DEV_REMOVING,	/* unbind is running */
	CHIMDRV_DEV_ASLEEP,	/* suspended, or left to the bus: do not start it */
	CHIMDRV_DEV_PAUSED,	/* the card wants no further offloads (PAU-1) */
	CHIMDRV_DEV_MSIX,	/* one vector per pair; else INTx shared by all */
};

#define CHIMDRV_LIST_LEAST	1024	/* bytes: a block list with one small connection */

struct chimdrv_dev {
	struct pci_dev *pdev;
	struct device *dev;		/* &pdev->dev, for the DMA API */
	void __iomem *regs;
	unsigned long bits;		/* enum chimdrv_dev_bit, atomic bit operations */
	u64 features;			/* accepted feature bits, 1 << enum chim_feature */
	struct chimdrv_limits limits;
	u8 mac[ETH_ALEN];
	u32 abi;			/* version register */
	unsigned int max_pairs;		/* what vectors and card allow */
	unsigned int vectors;

	struct chimdrv_adminq adminq;
	struct chimdrv_net *net;	/* from probe to remove */

	/*
	 * Failure: chimdrv_dev_fail() queues fail_work (stops the card's DMA, ends
	 * the admin commands in flight, never takes rtnl), which queues reset_work
	 * (rtnl: ends connections, rebuilds the NIC).
	 */
	struct workqueue_struct *wq;	/* works that may wait for the card */
	struct workqueue_struct *stop_wq;	/* fail_work, service_work: they end such waits */
	spinlock_t fail_lock;		/* set FAILED and queue fail_work together */
	struct work_struct fail_work;
	struct work_struct reset_work;
	struct delayed_work service_work;	/* each second: status, deadlines */
	const char *fail_why;		/* by whoever set CHIMDRV_DEV_FAILED */
	unsigned int recoveries;	/* reset_work only: those since last_recovery */
	unsigned long last_recovery;
	unsigned int link_speed;	/* Mbit/s, as last read */

	/* carried.c: the target's counts as last read, and before the card's last reset */
	struct chimdrv_carried {
		spinlock_t lock;
		struct chimdrv_frames {
			u64 rx_frames;
			u64 rx_bytes;
			u64 tx_frames;
			u64 tx_bytes;
		} now, before;
		struct delayed_work work;
	} carried;

	struct list_head list;		/* chimdrv_devs, under chimdrv_devs_lock */
	struct dentry *debugfs;
	void *offload;			/* private to the offload half */
};

/* --------------------------------------------------------------- netdev life */

struct chimdrv_coalesce {
	u32 usecs;
	u32 frames;
};

struct chimdrv_net {
	struct chimdrv_dev *cd;
	struct net_device *netdev;
	struct chimdrv_pair *pair[CHIMDRV_MAX_PAIRS];	/* cd->max_pairs of them, for life */
	/* The rest is under rtnl. */
	unsigned int pairs;		/* in use */
	bool running;			/* rings exist on the card */
	unsigned int sq_log2;
	unsigned int cq_log2;
	unsigned int tx_log2;
	unsigned int rx_log2;
	unsigned int ib_log2;
	unsigned int ib_order;		/* pages of one indication buffer, log2 */
	struct chimdrv_coalesce coalesce;
	u8 rss_key[CHIMDRV_RSS_KEY_LEN];
	u32 rss_nibble[CHIMDRV_RSS_NIBBLES][16];	/* of the key; likewise */
	u8 rss_table[CHIMDRV_RSS_TABLE_LEN];	/* read by the data path with READ_ONCE */
	DECLARE_BITMAP(vlans, 4096);	/* VLAN devices on top */
	struct work_struct rx_mode_work;	/* where ndo_set_rx_mode may not sleep */
	u64 tx_timeouts;
};

/* ------------------------------------------------------------------ I/O pair */

/* What the driver keeps about a TX entry; it never reads the ring back. */
struct chimdrv_tx_slot {
	struct sk_buff *skb;		/* in the first entry of a frame */
	u16 entries;			/* in the first entry: of the frame or fence */
	u8 maps;
	u8 pages;			/* bit m: map m is a page mapping, else a single one */
	u32 len[3];
	dma_addr_t addr[3];
};

struct chimdrv_pair_stats {
	struct u64_stats_sync sync;
	u64_stats_t rx_frames;
	u64_stats_t rx_bytes;
	u64_stats_t rx_errors;		/* invalid entries */
	u64_stats_t rx_no_memory;
	u64_stats_t rx_csum_valid;	/* of rx_frames: the card has verified the checksum */
	u64_stats_t polls;
	u64_stats_t cq_entries;
};

struct chimdrv_tx_stats {
	struct u64_stats_sync sync;
	u64_stats_t frames;
	u64_stats_t bytes;
	u64_stats_t dropped;
	u64_stats_t stops;
	u64_stats_t wakes;
	u64_stats_t csum;		/* segments whose checksum the card computes */
	u64_stats_t large_frames;	/* of frames: those that the card segments */
	u64_stats_t large_bytes;
	u64_stats_t segments;		/* what becomes of large_frames on the wire */
	u64_stats_t segment_bytes;
};

struct chimdrv_pair {
	struct chimdrv_net *net;
	struct chimdrv_dev *cd;
	unsigned int number;
	bool running;			/* rtnl: NAPI and interrupt are on */
	int irq;
	u64 past_doorbells;		/* rtnl: of the rings that it has had before */
	u64 past_alloc_failed;
	bool polled;			/* INTx: the pair's NAPI may be scheduled */
	char irq_name[IFNAMSIZ + 24];
	struct napi_struct napi;
	struct timer_list retry_timer;	/* buffers could not be posted, or the SQ was full */

	/*
	 * sq_lock: protects sq and what the offload half ties to the order of its entries.
	 * Taken with bottom halves disabled, inside a socket's slock. Hold it from
	 * chimdrv_ring_space() to chimdrv_ring_kick().
	 */
	spinlock_t sq_lock ____cacheline_aligned_in_smp;
	struct chimdrv_ring sq;
	bool sq_open;			/* sq_lock: commands may be posted */
	struct list_head pending;	/* sq_lock: connections that wait (offload half) */

	/*
	 * pool_lock: protects recv_pool and taking pages out of it. Leaf, inside slock,
	 * bottom halves disabled. Pages come back without it.
	 */
	spinlock_t pool_lock;
	struct page_pool *recv_pool;	/* of receive requests; NULL: no rings */

	/* NAPI only, no lock: */
	struct chimdrv_ring cq ____cacheline_aligned_in_smp;
	struct chimdrv_ring rxc;
	struct chimdrv_bufring rxb;
	struct chimdrv_bufring ib;
	struct chimdrv_rx_frame {	/* frame under construction */
		struct sk_buff *skb;
		unsigned int left;	/* buffers still to come */
		bool drop;
	} rx;
	struct chimdrv_pair_stats stats;
	void *offload;			/* private to the offload half */

	/* Transmit, both ends: under the netdev's tx queue lock of queue `number`. */
	struct chimdrv_ring tx ____cacheline_aligned_in_smp;
	struct chimdrv_tx_slot *tx_slot;
	u32 tx_clean;			/* index of the first entry not reaped */
	bool tx_open;
	struct chimdrv_tx_stats tx_stats;
};

#endif /* CHIMDRV_NIC_H */
