/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The objects of the driver and what its files offer each other.
 *
 * Three lives: struct chimdrv_dev lives as long as the PCI binding, struct
 * chimdrv_net as long as the netdev, struct chimdrv_pair (one I/O pair: six
 * rings, one interrupt vector, one NAPI) as long as the netdev, with rings in it
 * from open to stop. Connections have a life of their own, see offload/conn.h.
 *
 * No type of the ABI is defined here: entries are passed by pointer to files
 * that include the ABI header (hw.c ring.c admin*.c pair.c tx.c rx.c and the
 * offload half).
 *
 * Order of locks, outer first:
 *   rtnl > socket lock / slock > pair->sq_lock > cd->adminq.lock
 *   tx queue lock (netdev) is a leaf beside sq_lock: neither is taken in the other.
 * NAPI holds none of them when it calls into the offload half.
 */
#ifndef CHIMDRV_H
#define CHIMDRV_H

#include <linux/completion.h>
#include <linux/if_vlan.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/pci.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "nic/ring.h"

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
#define CHIMDRV_RECV_POOL	128	/* such pages that a pair keeps for the next ones */
#define CHIMDRV_TX_FENCE_ROOM	16	/* TX entries that frames leave for fences */

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
	int err;		/* chimdrv_admin_errno() of status, or the error above */
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

/* ----------------------------------------------------------------- PCI life */

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
	CHIMDRV_DEV_ASLEEP,	/* suspended or in the hands of the bus: no recovery of our own */
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
	struct workqueue_struct *wq;	/* what may wait for the card */
	struct workqueue_struct *stop_wq;	/* fail_work, service_work: they end such waits */
	spinlock_t fail_lock;		/* FAILED is set and fail_work queued in one */
	struct work_struct fail_work;
	struct work_struct reset_work;
	struct delayed_work service_work;	/* each second: status, deadlines */
	const char *fail_why;		/* by whoever set CHIMDRV_DEV_FAILED */
	unsigned int recoveries;	/* reset_work only: those since last_recovery */
	unsigned long last_recovery;
	unsigned int link_speed;	/* Mbit/s, as last read */

	/* carried.c: frames of the target, as last read, and before the card was reset last */
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

static inline bool chimdrv_dev_alive(const struct chimdrv_dev *cd)
{
	return !test_bit(CHIMDRV_DEV_FAILED, &cd->bits);
}

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
	struct work_struct rx_mode_work;	/* admin commands sleep, set_rx_mode may not */
	u64 tx_timeouts;
};

/* ------------------------------------------------------------------ I/O pair */

/* What the driver remembers of one TX entry; the ring itself is never read back. */
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
	u64_stats_t rx_errors;		/* entries that make no sense */
	u64_stats_t rx_no_memory;
	u64_stats_t polls;
	u64_stats_t cq_entries;
};

struct chimdrv_tx_stats {
	struct u64_stats_sync sync;
	u64_stats_t frames;
	u64_stats_t bytes;
	u64_stats_t dropped;
	u64_stats_t stops;
};

struct chimdrv_pair {
	struct chimdrv_net *net;
	struct chimdrv_dev *cd;
	unsigned int number;
	bool running;			/* rtnl: NAPI and interrupt are on */
	int irq;
	bool polled;			/* INTx: the pair's NAPI may be scheduled */
	char irq_name[IFNAMSIZ + 24];
	struct napi_struct napi;
	struct timer_list retry_timer;	/* buffers could not be posted, or the SQ was full */

	/*
	 * sq_lock: sq and what the offload half ties to the order of its entries.
	 * Taken with bottom halves disabled, inside a socket's slock. Hold it from
	 * chimdrv_ring_space() to chimdrv_ring_kick().
	 */
	spinlock_t sq_lock ____cacheline_aligned_in_smp;
	struct chimdrv_ring sq;
	bool sq_open;			/* sq_lock: commands may be posted */
	struct list_head pending;	/* sq_lock: connections that wait (offload half) */

	/*
	 * pool_lock: recv_pool and taking pages out of it. Leaf, inside slock, bottom
	 * halves disabled. Pages come back without it.
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

	/* Transmit: the netdev's tx queue lock of queue `number`, both ends. */
	struct chimdrv_ring tx ____cacheline_aligned_in_smp;
	struct chimdrv_tx_slot *tx_slot;
	u32 tx_clean;			/* index of the first entry not reaped */
	bool tx_open;
	struct chimdrv_tx_stats tx_stats;
};

/* --------------------------------------------------------------------- main.c */

extern struct list_head chimdrv_devs;	/* every bound card */
extern struct mutex chimdrv_devs_lock;

/* ----------------------------------------------------------------------- hw.c */

u32 chimdrv_hw_read(struct chimdrv_dev *cd, unsigned int reg);
void chimdrv_hw_write(struct chimdrv_dev *cd, unsigned int reg, u32 value);
void chimdrv_hw_doorbell(struct chimdrv_dev *cd, u32 ring, u32 index);
extern const struct pci_device_id chimdrv_hw_ids[];
int chimdrv_hw_map(struct chimdrv_dev *cd);
/* Features of a netdev on this card that can be switched. */
netdev_features_t chimdrv_hw_netdev_features(const struct chimdrv_dev *cd);
int chimdrv_hw_identify(struct chimdrv_dev *cd);
int chimdrv_hw_reset(struct chimdrv_dev *cd);
int chimdrv_hw_enable(struct chimdrv_dev *cd);
bool chimdrv_hw_check(struct chimdrv_dev *cd);	/* false and failed: fatal or gone */
bool chimdrv_hw_link(struct chimdrv_dev *cd);
bool chimdrv_hw_paused(struct chimdrv_dev *cd);
u32 chimdrv_hw_speed(struct chimdrv_dev *cd);
u32 chimdrv_hw_isr(struct chimdrv_dev *cd);	/* INTx: read and acknowledge */
/* @feature: enum chim_feature. */
bool chimdrv_hw_has(const struct chimdrv_dev *cd, unsigned int feature);
/*
 * Any context: use the card no more. The work item stops it, logs one line with
 * @why (a constant string) and the fatal registers, and tries to recover.
 */
void chimdrv_dev_fail(struct chimdrv_dev *cd, const char *why);	/* any context */
void chimdrv_dev_fail_wait(struct chimdrv_dev *cd);	/* of a card not alive: for its fail_work */
void chimdrv_hw_report(struct chimdrv_dev *cd, const char *why);

/* ---------------------------------------------------------------------- irq.c */

int chimdrv_irq_alloc(struct chimdrv_dev *cd);		/* vectors */
void chimdrv_irq_free(struct chimdrv_dev *cd);
int chimdrv_irq_request_admin(struct chimdrv_dev *cd);
void chimdrv_irq_free_admin(struct chimdrv_dev *cd);
int chimdrv_irq_request_pair(struct chimdrv_pair *pair);
void chimdrv_irq_free_pair(struct chimdrv_pair *pair);

/* ------------------------------------------------------------------- adminq.c */

int chimdrv_admin_init(struct chimdrv_dev *cd);		/* memory */
void chimdrv_admin_fini(struct chimdrv_dev *cd);
void chimdrv_admin_start(struct chimdrv_dev *cd);	/* rings empty, accept commands */
void chimdrv_admin_stop(struct chimdrv_dev *cd, int err);	/* card is quiet: end all */
bool chimdrv_admin_poll(struct chimdrv_dev *cd);	/* process context; was there an entry? */
bool chimdrv_admin_overdue(struct chimdrv_dev *cd);

/* The only place where a status of the card becomes an errno. */
int chimdrv_admin_errno(u32 status);

/*
 * The card has not answered: it has failed, and nobody knows what it has done. Any
 * other error of a command means that it was not posted, or is the card's answer.
 */
static inline bool chimdrv_admin_lost(int err)
{
	return err == -EIO || err == -ENODEV || err == -ETIMEDOUT;
}

/*
 * Post a command and return at once; any context but hard interrupt. ctl's
 * opcode, u and sge[] of *sqe are the caller's, phase and cookie are set here.
 * @terminate: may take the slots that are kept free for terminates.
 * 0: cmd->done() will be called once. -EBUSY: no slot free, try again later.
 * -EIO, -ENODEV: the card has failed; done() will not be called.
 */
int chimdrv_admin_post(struct chimdrv_dev *cd, const struct chim_sqe *sqe,
		       struct chimdrv_admin_cmd *cmd, unsigned int timeout_ms, bool terminate);

/*
 * Post a command and sleep until it has completed or the card has been stopped.
 * @cmd may be NULL; else it holds status and info afterwards. Returns cmd->err.
 */
int chimdrv_admin_exec(struct chimdrv_dev *cd, const struct chim_sqe *sqe,
		       struct chimdrv_admin_cmd *cmd, unsigned int timeout_ms);

/* --------------------------------------------------------------- admin_cmds.c */

/* Process context; they sleep. */
int chimdrv_admin_create_ring(struct chimdrv_ring *ring);
int chimdrv_admin_destroy_ring(struct chimdrv_ring *ring);
int chimdrv_admin_set_rx_mode(struct chimdrv_net *net, bool enable);
int chimdrv_admin_set_rss(struct chimdrv_net *net);
int chimdrv_admin_set_vlans(struct chimdrv_net *net);
struct chim_params;
int chimdrv_admin_set_params(struct chimdrv_dev *cd, const struct chim_params *params);
int chimdrv_admin_set_mtu(struct chimdrv_dev *cd, unsigned int mtu);
int chimdrv_admin_set_coalesce(struct chimdrv_dev *cd, unsigned int pair,
			       const struct chimdrv_coalesce *coalesce);
/* The card's counters as an array in the order of chimdrv_admin_stat_name(), if there is one. */
unsigned int chimdrv_admin_stat_count(void);
const char *chimdrv_admin_stat_name(unsigned int i);
int chimdrv_admin_get_stats(struct chimdrv_dev *cd, u64 *values);

/* ------------------------------------------------------------------ carried.c */

struct chim_stats;
void chimdrv_carried_init(struct chimdrv_dev *cd);
void chimdrv_carried_end(struct chimdrv_dev *cd);	/* process context, sleeps */
/* Any context but hard interrupt. */
void chimdrv_carried_restart(struct chimdrv_dev *cd);
void chimdrv_carried_update(struct chimdrv_dev *cd, const struct chim_stats *stats);
void chimdrv_carried_add(struct chimdrv_dev *cd, struct rtnl_link_stats64 *st);
void chimdrv_carried_begin(struct chimdrv_dev *cd);

/* ------------------------------------------------------------------- netdev.c */

int chimdrv_net_create(struct chimdrv_dev *cd);
void chimdrv_net_destroy(struct chimdrv_dev *cd);
bool chimdrv_net_is_ours(const struct net_device *netdev);
void chimdrv_net_watch(struct chimdrv_net *net);	/* from the service work */
void chimdrv_net_link(struct chimdrv_net *net);		/* read link state, set carrier */
/* rtnl. down: rings gone, whether or not the card answers; up: rings and filters as configured. */
int chimdrv_net_up(struct chimdrv_net *net);
void chimdrv_net_down(struct chimdrv_net *net);
/* rtnl. Run change() with the rings gone. */
int chimdrv_net_reconfigure(struct chimdrv_net *net, void (*change)(struct chimdrv_net *, void *),
			    void *arg);

static inline struct chimdrv_net *chimdrv_net_of(const struct net_device *netdev)
{
	return netdev_priv(netdev);
}

/* --------------------------------------------------------------------- pair.c */

int chimdrv_pair_alloc(struct chimdrv_pair *pair);	/* ring memory */
void chimdrv_pair_free(struct chimdrv_pair *pair);
void chimdrv_pair_fill(struct chimdrv_pair *pair);	/* first buffers, before NAPI runs */
void chimdrv_pair_drain(struct chimdrv_pair *pair);	/* card is quiet: drop all frames */
int chimdrv_pair_poll(struct napi_struct *napi, int budget);

/* NAPI of the pair. @counter is one of pair->stats. */
static inline void chimdrv_pair_count(struct chimdrv_pair *pair, u64_stats_t *counter,
				      unsigned int n)
{
	u64_stats_update_begin(&pair->stats.sync);
	u64_stats_add(counter, n);
	u64_stats_update_end(&pair->stats.sync);
}

/*
 * Called with sq_lock held when chimdrv_ring_space() did not suffice: when half of
 * the ring is free NAPI runs and chimdrv_events_poll_end() follows. True: it is
 * already.
 */
bool chimdrv_pair_sq_wait(struct chimdrv_pair *pair);

/* Bottom halves disabled. A page of recv_pool, of order CHIMDRV_RECV_ORDER, or NULL. */
struct page *chimdrv_pair_recv_page(struct chimdrv_pair *pair);

/*
 * Indication buffers; NAPI context of the pair, only from chimdrv_events_handle().
 * @index is what the card wrote (ind_first + i); it is checked. Each index of an
 * indication is either taken or given back, once.
 *   take: the page (order pair->ib.order, of the ring's pool) is the caller's.
 *   peek: the bytes may be read until put_back, which posts the same page again.
 * NULL: no such buffer is posted, or @len is beyond it.
 */
unsigned int chimdrv_pair_ib_size(const struct chimdrv_pair *pair);
struct page *chimdrv_pair_ib_take(struct chimdrv_pair *pair, u32 index, unsigned int len);
const void *chimdrv_pair_ib_peek(struct chimdrv_pair *pair, u32 index, unsigned int len);
void chimdrv_pair_ib_put_back(struct chimdrv_pair *pair, u32 index);

/* ----------------------------------------------------------------------- tx.c */

netdev_tx_t chimdrv_tx_xmit(struct sk_buff *skb, struct net_device *netdev);
void chimdrv_tx_poll(struct chimdrv_pair *pair, int budget);	/* NAPI; takes the TX lock */
void chimdrv_tx_drain(struct chimdrv_pair *pair);	/* takes the TX lock */

/*
 * Put TX_FENCE{id} behind every frame that has been given to the pair's TX ring.
 * Any context but hard interrupt, no TX lock held. -EBUSY: ring full for the
 * moment. -ENETDOWN: no ring.
 */
int chimdrv_tx_fence(struct chimdrv_pair *pair, u32 fence_id);
bool chimdrv_tx_moves(struct chimdrv_pair *pair, unsigned long end);	/* sleeps */

/* ----------------------------------------------------------------------- rx.c */

int chimdrv_rx_poll(struct chimdrv_pair *pair, int budget);	/* NAPI; frames handled */
void chimdrv_rx_drain(struct chimdrv_pair *pair);

/* ---------------------------------------------------------------------- rss.c */

void chimdrv_rss_default(struct chimdrv_net *net);	/* key and table */
void chimdrv_rss_spread(struct chimdrv_net *net);	/* table over net->pairs */
void chimdrv_rss_set_key(struct chimdrv_net *net, const u8 *key);
/* Of a TCP socket's received segments, as the card computes it. Any context. */
u32 chimdrv_rss_hash(const struct chimdrv_net *net, const struct sock *sk);
u16 chimdrv_rss_select_queue(struct net_device *netdev, struct sk_buff *skb,
			     struct net_device *sb_dev);
struct chimdrv_pair *chimdrv_rss_pair(struct chimdrv_net *net, u32 hash);

/* --------------------------------------------------------------------- ipid.c */

/* Keep the IP ID of a locally made packet in the lower half. 0, or -ENOMEM: drop the frame. */
int chimdrv_ipid_map(struct sk_buff *skb);

/* ------------------------------------------------------------------ ethtool.c */

extern const struct ethtool_ops chimdrv_ethtool_ops;

/* ------------------------------------------------------------------ debugfs.c */

void chimdrv_debugfs_init(void);
void chimdrv_debugfs_exit(void);
void chimdrv_debugfs_add(struct chimdrv_dev *cd);
void chimdrv_debugfs_remove(struct chimdrv_dev *cd);

/* ------------------------------------------------- the offload half, for the NIC */

/* Module life. init runs before the first probe, exit after the last remove. */
int chimdrv_offload_init(void);
void chimdrv_offload_exit(void);

/* A card has come or goes; process context, no rtnl. del: no connection is offloaded any more. */
int chimdrv_offload_dev_add(struct chimdrv_dev *cd);
void chimdrv_offload_dev_del(struct chimdrv_dev *cd);
void chimdrv_offload_dev_reset(struct chimdrv_dev *cd);	/* its counters begin anew */
bool chimdrv_offload_busy(struct chimdrv_dev *cd);	/* has it connections? Any context */

/*
 * rtnl held. up: pairs run, connections may be offloaded. down: upload every
 * connection of the card before the rings go; returns when the card has none any
 * more, or has failed (then chimdrv_offload_dev_gone() follows).
 */
void chimdrv_offload_dev_up(struct chimdrv_net *net);
void chimdrv_offload_dev_down(struct chimdrv_net *net);

/*
 * The card has failed and does no DMA any more; all admin commands have been
 * ended. Process context, may sleep, rtnl may be held. Every offloaded
 * connection of it ends with an error (M-21). May come more than once.
 */
void chimdrv_offload_dev_gone(struct chimdrv_dev *cd);

/* For debugfs, as long as the card is there: how many objects of each kind it has. */
void chimdrv_offload_dev_show(struct seq_file *m, struct chimdrv_dev *cd);

/* TX lock. A segment of the offload half's that must not be sent: it is shown, then freed. */
bool chimdrv_probe_is(const struct sk_buff *skb);
void chimdrv_probe_take(const struct sk_buff *skb, const struct net_device *netdev);

/* Counters of the offload half for ethtool -S; fixed count, plain ones before reasons. */
unsigned int chimdrv_offload_stats_count(void);
unsigned int chimdrv_offload_stats_plain(void);
const char *chimdrv_offload_stats_name(unsigned int i);
void chimdrv_offload_stats_read(struct chimdrv_dev *cd, u64 *values);

/*
 * NAPI of the pair, softirq. handle: one entry of the CQ, a local copy; the
 * consumer index passes it after the return, so a verdict is posted before (RING-H8).
 * cutover: the CUTOVER entry of the raw ring; every frame before it has gone up
 * the stack. poll_end: once per poll, with space in SQ perhaps: run pair->pending.
 */
void chimdrv_events_handle(struct chimdrv_pair *pair, const struct chim_cqe *cqe);
void chimdrv_events_cutover(struct chimdrv_pair *pair, u64 cookie);
void chimdrv_events_poll_end(struct chimdrv_pair *pair);

/* Events of the admin CQ. Process context, bottom halves disabled: do not sleep. */
void chimdrv_events_upload_all(struct chimdrv_dev *cd);
void chimdrv_events_nce(struct chimdrv_dev *cd, const struct chim_cqe *cqe);

#endif /* CHIMDRV_H */
