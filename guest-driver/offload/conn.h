/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A connection between the socket and the target, and what the files of the
 * offload half offer each other. The NIC half sees none of this.
 *
 * struct chimdrv_conn has two holders, the socket and the target; lists and
 * works take further references. The last to leave frees it, in chimdrv_conn_put().
 *
 * Everything in it is under the socket's slock (spin part of the socket lock)
 * unless a comment says otherwise. The socket's own queues need slock *and*
 * nobody owning the socket, or ownership. What comes for a socket that a process
 * owns waits in the connection (rxq, done sends, flags) for release_cb.
 */
#ifndef CHIMDRV_CONN_H
#define CHIMDRV_CONN_H

#include <linux/dma-mapping.h>
#include <linux/skbuff.h>
#include <net/ipv6.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "compat.h"
#include "nic/nic.h"

struct nf_hook_state;
#include "chimney_abi.h"
#include "chimney_genl.h"

#define CHIMDRV_SEND_SGES	20	/* pieces of one send request */
#define CHIMDRV_SEND_LEN	65536	/* bytes of one send request at most */
#define CHIMDRV_RECV_PARTS	2
#define CHIMDRV_BULK_BYTES	(32 * 1024)	/* received at once, that counts as large */
#define CHIMDRV_LEND_PAGES	64	/* pages to be written into that a pair keeps (lend.c) */
#define CHIMDRV_BORROWERS	64	/* sockets of a card that write into such pages */
#define CHIMDRV_BATCH		64	/* connections in one block list */
#define CHIMDRV_NCES		64	/* questions about neighbors that wait for their answer */
#define CHIMDRV_TICKS		1000	/* ticks per second: the card's default */
#define CHIMDRV_LATE_MS		8000	/* what the card owes a connection is late after that */

enum chimdrv_state {
	CHIMDRV_HOST,		/* Linux TCP owns the connection */
	CHIMDRV_HOLDING,	/* hook installed, Linux TCP runs and gets arrivals from it */
	CHIMDRV_INITIATING,	/* Linux TCP stands still, arrivals are held */
	CHIMDRV_OFFLOADED,	/* the target owns it, arrivals are forwarded */
	CHIMDRV_TERMINATING,	/* on the way back, arrivals are held */
};

enum chimdrv_conn_bit {
	CHIMDRV_C_OPENED,	/* OPENED seen: handle valid */
	CHIMDRV_C_CUTOVER,	/* CUTOVER seen: nothing of the tuple is left in the raw ring */
	CHIMDRV_C_ADMIN,	/* the INITIATE has completed with success */
	CHIMDRV_C_LAST,		/* LAST seen */
	CHIMDRV_C_FINAL,	/* the TERMINATE has completed, conn->final is valid */
	CHIMDRV_C_UPLOAD,	/* an upload has been asked for */
	CHIMDRV_C_PEER_FIN,
	CHIMDRV_C_PEER_RST,
	CHIMDRV_C_QUIET,	/* post no more sends: upload or disconnect under way */
	CHIMDRV_C_REFUSED,	/* the card waits for a receive request */
	CHIMDRV_C_PENDING,	/* on the pair's pending list */
	CHIMDRV_C_GONE,		/* the card has failed: ends with an error */
	CHIMDRV_C_UPDATE,	/* cached variables have changed */
	CHIMDRV_C_UNTOLD,	/* some stand in each header: no sends before the target knows */
	CHIMDRV_C_BULK,		/* receives large amounts: keep receive requests posted */
	CHIMDRV_C_DETACHED,	/* the socket is with Linux TCP again */
	CHIMDRV_C_TARGET,	/* the target holds a reference */
	CHIMDRV_C_LOST,		/* received bytes could not be kept: end with an error */
	CHIMDRV_C_UNDO,		/* did not go over: with Linux TCP again once nobody owns it */
	CHIMDRV_C_FRESH,	/* just OFFLOADED: what programs did meanwhile has not been seen */
	CHIMDRV_C_LET_GO,	/* the card has nothing of it; its owner may be waited for */
	CHIMDRV_C_RESET,	/* the target has been told to send an RST */
	CHIMDRV_C_ABANDONED,	/* not given back by the card: ends, its memory waits for a reset */
};

/* Why a socket was not offloaded; counted by refusals.c, shown by name. */
#define CHIMDRV_REFUSALS(X)						\
	X(NONE, "none") X(STATE, "not-established") X(ULP, "has-ulp")	\
	X(PROTO, "foreign-proto") X(ORPHAN, "orphan") X(REPAIR, "repair") \
	X(URGENT, "urgent") X(SIGNED, "md5-or-ao") X(FILTER, "filter")	\
	X(FASTOPEN, "fastopen") X(XFRM, "ipsec") X(TIMESTAMPING, "tx-timestamps") \
	X(ROUTE, "route") X(DEVICE, "not-our-device") X(NEIGHBOR, "neighbor") \
	X(OPTIONS, "ip-options") X(PACING, "pacing") X(CONGESTION, "congestion-control") \
	X(OOO, "out-of-order") X(RECOVERY, "recovery") X(DRAIN, "frames-in-flight") \
	X(PAUSED, "paused") X(DOWN, "card-down") X(USEC, "usec-timestamps") \
	X(FAMILY, "family") X(SENDS, "send-queue") \
	X(UNREADABLE, "unreadable-memory") X(MEMORY, "memory") X(BPF, "bpf") \
	X(BUSY, "busy") X(OWNED, "socket-owned") X(ECN, "ecn") X(CARD, "card-refused") \
	X(MTU, "mtu") X(MIN_TTL, "min-ttl") X(VLAN, "vlan") X(ENCAP, "encapsulation") \
	X(TRANSPARENT, "transparent") X(NAT, "nat") X(REWRITTEN, "rewritten") \
	X(HELPER, "conntrack-helper") X(BLOCKED, "blocked") X(ALREADY, "already-offloaded") \
	X(LATE, "card-late") X(FRAGMENTS, "may-be-fragmented") X(METRIC, "route-metric") \
	X(TIMEOUTS, "thin-timeouts") X(PROBING, "mtu-probing")

#define X(id, name) CHIMDRV_NO_##id,
enum chimdrv_refusal { CHIMDRV_REFUSALS(X) CHIMDRV_NO_COUNT };
#undef X

/* Why a connection went back. */
#define CHIMDRV_WHYS(X)							\
	X(NONE, "none") X(REQUEST, "requested") X(CLOSE, "close")	\
	X(SHUTDOWN, "shutdown") X(DISCONNECT, "disconnect") X(DESTROY, "destroy") \
	X(SOCKOPT, "socket-option") X(URGENT, "urgent-data") X(PEER_FIN, "peer-fin") \
	X(PEER_RST, "peer-rst") X(CARD, "card-asked") X(NEIGHBOR, "neighbor") \
	X(ROUTE, "route") X(LINK, "link") X(CARD_DOWN, "card-down") X(POLICY, "policy") \
	X(FILTER, "filter") X(UNREADABLE, "unreadable-memory") X(MTU, "mtu") \
	X(PACING, "pacing") X(XFRM, "ipsec") X(NAT, "nat") X(REWRITTEN, "rewritten") \
	X(HELPER, "conntrack-helper") X(LATE, "card-late")

#define X(id, name) CHIMDRV_WHY_##id,
enum chimdrv_why { CHIMDRV_WHYS(X) CHIMDRV_WHY_COUNT };
#undef X

struct chimdrv_sge {
	dma_addr_t addr;
	u32 len;
	struct page *page;	/* with a reference, or NULL where the skb keeps the memory */
};

/* A send request: a byte range of the write queue, never an skb. */
struct chimdrv_send {
	struct list_head node;	/* conn->sends, in order of sequence numbers */
	u64 cookie;
	u32 seq;
	u32 len;
	u32 flags;		/* enum chim_send_flags */
	u32 nsge;
	bool done;		/* acknowledged; waits to be taken off the write queue */
	bool back;		/* came back undone: nothing behind it is taken off either */
	struct chimdrv_sge sge[CHIMDRV_SEND_SGES];
};

/* A receive request in push mode: page buffers and the skb that they go into. */
struct chimdrv_recv {
	struct list_head node;
	u64 cookie;
	u32 len;		/* 0: only re-arms indications */
	bool nonpush;		/* the card holds enough to fill it (RRQ-9) */
	u32 nsge;
	unsigned int order;	/* of its pages; CHIMDRV_RECV_ORDER: of the pair's pool */
	struct sk_buff *skb;
	struct chimdrv_sge sge[CHIMDRV_RECV_PARTS];
};

/* One segment on its way to the target; a copy, skb is the original. */
struct chimdrv_fwd {
	struct list_head node;
	u64 cookie;
	struct sk_buff *skb;
	dma_addr_t dma;
	u32 len;
	u8 *data;
	unsigned long since;	/* jiffies when it was posted; never 0 */
};

/* Timers of a connection as they were at a moment: ticks, or CHIM_TIMER_IDLE. */
struct chimdrv_timers {
	u64 at;			/* ktime_get_ns() */
	u32 rexmit, keep, tlp, delack;	/* what is left */
	u32 waited;		/* since the first retransmission or probe; 0: none yet */
	u32 idle;		/* since the peer's last segment */
	u8 rexmits, round, ka_probes, dup_acks;
};

/* What the target gave back, in host byte order and host terms. */
struct chimdrv_tcp_state {
	u8 state;		/* enum chim_tcp_state */
	bool fin_received;	/* RCV.NXT counts it */
	bool fin_sent;		/* SND.MAX counts it */
	u32 rcv_nxt, rcv_wnd;
	u32 snd_una, snd_nxt, snd_max, snd_wnd, max_snd_wnd, snd_wl1;
	u32 cwnd, ssthresh;	/* bytes */
	u32 srtt_us, rttvar_us;	/* x 8, x 4 */
	u32 ts_recent, ts_recent_age, ts_time, last_ts_val;
	u32 rexmit_segments;
	u32 send_backlog, receive_backlog;	/* of a query */
	struct chimdrv_timers timers;
};

struct chimdrv_af {		/* a prebuilt copy of the address family's operations */
	const struct inet_connection_sock_af_ops *base;
	struct inet_connection_sock_af_ops ops;
};

struct chimdrv_path;

/* The way that the target was given; Linux TCP may have another by now (route.c). */
struct chimdrv_route {
	struct dst_entry *dst;		/* with a reference; the socket's, unless it is stale */
	const struct net_device *dev;	/* these two are compared only */
	const struct neighbour *neigh;
	u32 mtu;
	bool local6;			/* the IPv6 source was an address of the machine */
};

/* A segment that is sent only to see what becomes of it (probe.c). */
struct chimdrv_probe {
	const struct sk_buff *skb;	/* compared only; NULL: none is awaited */
	struct tcphdr segment;		/* as it was written, and what belongs around it */
	u8 mac[ETH_ALEN];
	u8 ttl, tos;
	u16 tci;
	enum chimdrv_refusal verdict;
};

struct chimdrv_conn {
	refcount_t refs;	/* any context */
	u32 id;			/* key in chimdrv_conns */
	u64 cookie;		/* generation << 32 | id: the driver's name */
	struct sock *sk;	/* with a reference, from attach to the last put */
	struct chimdrv_dev *cd;
	struct chimdrv_pair *pair;
	const struct chimdrv_af *af;
	struct chimdrv_path *path;	/* od->mutex */
	struct chimdrv_route route;
	struct chimdrv_probe probe;
	u32 hash;
	u32 handle;
	enum chimdrv_state state;
	bool asked_for;		/* by the program: setsockopt(TCP_ULP) */
	bool releasing;		/* in release_cb of whoever owned the socket */
	unsigned long bits;	/* enum chimdrv_conn_bit, atomic bit operations */
	wait_queue_head_t wait;	/* state and bits */
	unsigned long since;	/* jiffies of the last change of state */

	struct list_head pending;	/* pair->sq_lock: pair->pending */
	struct list_head link;		/* od->lock: od->uploads, _later, _ending; or a work's */
	struct list_head update_link;	/* od->lock: od->updates */
	struct list_head all;		/* od->lock: od->conns */

	/* send */
	struct list_head sends;
	unsigned int nsends;
	u32 send_room;		/* upload: requests that its list has room for; 0: no upload yet */
	bool sends_completed;	/* some came back by UPLOAD_IN_PROGRESS */
	bool sends_returned;	/* some in the chain of the TERMINATE */
	u32 posted_seq;		/* the target has been given [SND.UNA, posted_seq) */
	u32 posted_bytes;
	u32 backlog;		/* bytes the target likes to have outstanding */
	u64 next_cookie;
	u32 tail_seq;		/* what is written before it may leave (tail.c) */
	bool tail_corked;	/* TCP_CORK as last seen */
	bool tail_acked;	/* since it was last looked at */
	bool tail_due;		/* its timer has expired */
	bool tail_runs;		/* one has run since before a hand-over, */
	unsigned long tail_until;	/* jiffies, and expires then */
	struct timer_list tail_timer;
	u32 snd_up;		/* urgent pointer as last seen */
	struct list_head borrower;	/* od->lock: od->borrowers; written under slock too */
	u32 frag_seq;		/* write_seq as last seen by lend.c, and by its tick */
	u32 frag_tick_seq;
	u32 max_window;		/* the socket's own */
	bool task_frag;		/* sk_use_task_frag as it was */
	u32 cwnd_bytes;
	u32 srtt_us;

	/* receive */
	struct list_head recvs;
	unsigned int nrecvs;
	u32 recv_bytes;		/* room in posted receive requests */
	struct sk_buff_head rxq;	/* accepted, not yet in the socket (owned by a process) */
	unsigned int rxq_truesize;
	u32 rx_seq;		/* next byte expected from the target, rxq included */
	u32 refused_bytes;	/* what the card keeps because it was refused */
	int refused_limit;	/* how much the socket took then */
	bool collapse_tried;	/* since the refusal; and it made room */
	bool collapse_helped;
	unsigned int big_inds;	/* large indications in a row */
	u32 open_end;		/* behind the last indication taken whole; open_bytes 0: none */
	u32 open_bytes;
	u32 open_buffered;	/* how many of them were BufferedData */
	u32 rcv_rtt_us;
	u32 wnd_granted;	/* InitialRcvWnd as last told, the larger one while it is told */
	u32 wnd_most;		/* the largest one so far */
	u32 edge;		/* the furthest right edge offered, but for rounding to the scale */
	u32 buffered;		/* BufferedData given at offload, not all back; where it lies */
	u32 buffered_start;
	u32 buffered_end;
	u32 buffered_recvs;	/* requests posted for it; the rest is indicated (BRD-7) */
	struct sk_buff *spare;	/* for an indication that must be taken without memory */

	/* segments */
	struct sk_buff_head hold;
	unsigned int hold_truesize;
	u32 fwd_off;		/* payload bytes of the first held frame already forwarded */
	struct sk_buff_head returned;	/* forwards that came back, in order; before hold */
	struct list_head fwds;
	unsigned int nfwds;
	unsigned long fwd_since;	/* when the oldest of them was posted; 0: none is due */
	struct sk_buff *synth;	/* to tell Linux TCP of a FIN or RST that the target took */

	/* as told to the target, for updates */
	u16 opt_flags;
	u8 ttl, tos, prio;
	u8 ka_probes;
	u32 ka_time, ka_intvl, user_timeout, flow_label;

	struct chimdrv_tcp_state final;
	struct sk_buff_head back;	/* BufferedData that came back */
	struct sk_buff_head kept;	/* write queue of a socket that died, until LAST */
	u32 back_start;		/* where it begins; RCV.NXT if there is none */
	u32 reason;		/* enum chimdrv_why: why it goes back */
	unsigned long upload_due;	/* od->lock: jiffies, in od->uploads_later until then */
	/* od->mutex, from the wish to go back on */
	unsigned long upload_end;	/* jiffies; 0: not tried yet. Given up then, or LAST is */
	u32 upload_need;	/* bytes of BufferedData that the card asked for last */
	u8 upload_asks;		/* how often it has */
	u8 upload_tries;
	u8 update_tries;	/* od->mutex: UPDATEs in a row that found no room in the card */
	int end_err;		/* what the program sees if the connection cannot go on */

	/* shadow of what only the target may move: a leak past the fence shows here */
	u32 seen_rcv_nxt;
	u32 seen_snd_una;

	u64 bytes_in, bytes_out;
	struct rcu_head rcu;
};

/*
 * Counters of the driver's side of each case: names of struct chim_case_stats,
 * then the driver's own.
 */
#define CHIMDRV_CASES(X)						\
	X(initiates) X(initiate_failures) X(terminates) X(updates) X(queries) X(invalidates) \
	X(sends) X(recvs) X(forwards) X(disconnects) X(verdicts) X(send_completions) \
	X(recv_completions) X(forward_completions) X(disconnect_completions) X(indications) \
	X(events) X(initiate_completions) X(terminate_completions) X(update_completions) \
	X(query_completions) X(invalidate_completions) X(buffered_in_bytes) \
	X(buffered_to_recv_bytes) \
	X(buffered_indicated_bytes) X(buffered_out_bytes) X(send_in_unacked_bytes) \
	X(send_in_rexmit_bytes) X(send_in_unsent_bytes) X(send_back_requests) \
	X(send_back_completed) X(send_back_mixed) X(send_back_unacked_bytes) \
	X(send_back_rexmit_bytes) X(send_back_unsent_bytes) X(recv_push) X(recv_nonpush) \
	X(recv_zero) X(verdict_accepted) X(verdict_refused) X(verdict_partial) X(bulk_lists) \
	X(send_batches) X(forward_batches) X(forward_fragments) X(forward_options) \
	X(forward_interface) X(forward_initiate) X(rexmit_segments)
#define CHIMDRV_OWN(X)							\
	X(held_segments) X(held_replayed) X(held_dropped) X(stragglers) X(gate_xmits) X(leaks) \
	X(lost_connections) X(owed_acks) X(abandoned_connections) X(late_markers) \
	X(late_pending) X(bad_entries) X(bytes_in) X(bytes_out) X(connections) \
	X(upload_in_flight) X(upload_unread) X(upload_unsent) X(upload_all) \
	X(frag_pages) X(frag_reuses) X(card_resets) X(collapses)

/* As ethtool -S shows them; chimneyctl leaves the prefix out. */
#define CHIMDRV_DRV_PREFIX	"drv_"
#define CHIMDRV_REFUSED_PREFIX	"refused_"
#define CHIMDRV_WHY_PREFIX	"uploaded_"

struct chimdrv_counters {
#define X(name) atomic64_t name;
	CHIMDRV_CASES(X)
	CHIMDRV_OWN(X)
#undef X
	atomic64_t refused[CHIMDRV_NO_COUNT];	/* sockets; written by refusals.c */
	atomic64_t why[CHIMDRV_WHY_COUNT];
};

/* Pages that programs write into: ours by one reference, others may still read them. */
struct chimdrv_lend_pages {
	spinlock_t lock;	/* leaf; bottom halves disabled */
	unsigned int count;
	unsigned int taken;	/* since the last tick */
	struct page *page[CHIMDRV_LEND_PAGES];	/* oldest first */
};

/* The offload half's part of a card: cd->offload. */
struct chimdrv_od {
	struct chimdrv_dev *cd;
	struct workqueue_struct *wq;
	/*
	 * mutex: state operations, one at a time, and with them neighs, paths and
	 * conn->path. Sleeps for the card; taken before the socket lock.
	 */
	struct mutex mutex;
	struct list_head neighs;
	struct list_head paths;

	/* lock: conns, uploads, updates, candidates, borrowers. Bottom halves disabled. Leaf. */
	spinlock_t lock;
	struct list_head conns;
	struct list_head uploads;
	struct list_head uploads_later;	/* could not be run now; upload_again puts them back */
	struct list_head uploads_ending;	/* handed over, LAST is missing; upload_ends */
	struct list_head updates;
	struct list_head candidates;	/* sockets that the policy wants offloaded */
	unsigned int ncandidates;
	unsigned long full_until;	/* jiffies: the policy waits until then; offload_work */
	u32 full_level;
	u32 full_epoch;			/* backoff.c: it counts only until all is forgotten */
	unsigned int nconns;
	struct list_head borrowers;	/* connections with a page of lent, or on their way out */
	unsigned int nborrowers;
	bool up;			/* offloads are welcome; written under lock */
	wait_queue_head_t idle;		/* conns, and what the card has of them */

	struct work_struct upload_work;
	struct delayed_work upload_again;
	struct delayed_work upload_ends;
	struct delayed_work late_work;	/* each second, while the card owes answers */
	struct delayed_work update_work;
	struct work_struct offload_work;	/* candidates */
	struct delayed_work neigh_work;		/* resolve what notifiers reported; idle objects */
	struct delayed_work retry_work;		/* pending lists that memory kept back */
	unsigned long neigh_flags;
	u32 fence_id;			/* mutex */
	struct chim_params params;	/* mutex: as last told, or zero */
	/*
	 * mutex: room for one block list, had when the card came. What the driver builds
	 * and believes is in list, what the card reads and writes in list_mem.
	 */
	u8 *list;
	void *list_mem;
	dma_addr_t list_dma;
	u32 list_len;
	bool list_busy;
	atomic_t abandoned;		/* connections that wait for a reset of the card */
	/*
	 * What the card asks about neighbors; lock. What finds no place is as if it
	 * had been answered with 0, and is asked again (M-11).
	 */
	struct chimdrv_nce {
		u32 handle;
		u32 nrd;
		u64 cookie;
	} nce[CHIMDRV_NCES];
	unsigned int nnces;
	u64 neigh_id;			/* mutex: the name of the last neighbor */
	struct work_struct nce_work;
	struct delayed_work lend_work;		/* each second, while there are pages */
	struct chimdrv_lend_pages lent[CHIMDRV_MAX_PAIRS];
	struct chimdrv_counters count;
};

static inline struct chimdrv_od *chimdrv_od(const struct chimdrv_dev *cd)
{
	return READ_ONCE(cd->offload);
}

/* IPv6 on the wire; a mapped address is IPv4 there. */
static inline bool chimdrv_is_ipv6(const struct sock *sk)
{
#if IS_ENABLED(CONFIG_IPV6)
	return sk->sk_family == AF_INET6 && !ipv6_addr_v4mapped(&sk->sk_v6_daddr);
#else
	return false;
#endif
}

#define chimdrv_count(cd, name)		atomic64_inc(&chimdrv_od(cd)->count.name)
#define chimdrv_count_add(cd, name, n)	atomic64_add((n), &chimdrv_od(cd)->count.name)

/* -------------------------------------------------------------------- blocklist.c */

/*
 * A block list under construction: nodes first, the rest grows behind them. It lies
 * in memory that the card's offload half has for one list, so there is one at a
 * time, under od->mutex from init to fini, and no memory can be missing.
 */
struct chimdrv_blocklist {
	struct chimdrv_od *od;
	u8 *buf;
	u32 len;
	u32 max_len;		/* of the memory, and the card takes no longer ones */
	u32 nodes;
	u32 max_nodes;
};

int chimdrv_blocklist_memory(struct chimdrv_od *od);	/* once per card */
void chimdrv_blocklist_memory_free(struct chimdrv_od *od);
void chimdrv_blocklist_init(struct chimdrv_blocklist *bl, struct chimdrv_dev *cd, u32 max_nodes);
void chimdrv_blocklist_fini(struct chimdrv_blocklist *bl);
/* Offset of @len zero bytes, aligned to 8; -EMSGSIZE: the list is full. */
int chimdrv_blocklist_reserve(struct chimdrv_blocklist *bl, u32 len);
void chimdrv_blocklist_cut(struct chimdrv_blocklist *bl, u32 len);	/* what is behind goes */
/* Index of a new node. Never fails below max_nodes. */
u32 chimdrv_blocklist_node(struct chimdrv_blocklist *bl, u8 role, u8 type, u32 handle, u64 cookie);
/* A new node becomes a dependent of @object. */
void chimdrv_blocklist_hang(struct chimdrv_blocklist *bl, u32 object, u32 node);
struct chim_node *chimdrv_blocklist_at(struct chimdrv_blocklist *bl, u32 node);
void *chimdrv_blocklist_ptr(struct chimdrv_blocklist *bl, u32 off);

struct chimdrv_chunk {
	struct page *page;
	dma_addr_t dma;
	u8 order;
	bool mapped;
};

struct chimdrv_room {
	struct device *dev;
	enum dma_data_direction dir;
	u32 size;
	unsigned int count;
	struct chimdrv_chunk chunk[];
};

/* @must: waits for memory as long as it takes; NULL only if it cannot be mapped. */
struct chimdrv_room *chimdrv_room_create(struct device *dev, u32 len,
					 enum dma_data_direction dir, bool must);
void chimdrv_room_destroy(struct chimdrv_room *room);
u32 chimdrv_room_sges(const struct chimdrv_room *room, struct chim_sge *sge, u32 len);
int chimdrv_room_write(struct chimdrv_room *room, u32 at, const struct sk_buff *skb, u32 off,
		       u32 len);
int chimdrv_room_to_skbs(struct chimdrv_room *room, u32 len, u32 seq, struct sk_buff_head *list);

/* --------------------------------------------------------------------- conn.c */

/*
 * Socket owned. create: one reference, the caller's; NULL: no memory. Then discard,
 * or join a card, under the RCU section that found it, and name.
 */
struct chimdrv_conn *chimdrv_conn_create(struct sock *sk);
void chimdrv_conn_discard(struct chimdrv_conn *conn);
bool chimdrv_conn_join(struct chimdrv_conn *conn, struct chimdrv_dev *cd);
int chimdrv_conn_name(struct chimdrv_conn *conn);
/* Any context. By the card's name or the next one after *id; with a reference, or NULL. */
struct chimdrv_conn *chimdrv_conn_find(u64 cookie);
struct chimdrv_conn *chimdrv_conn_next(unsigned long *id);
bool chimdrv_conn_get(struct chimdrv_conn *conn);	/* false: on its way out */
void chimdrv_conn_put(struct chimdrv_conn *conn);
/* Any context. The target's hold ends, if it still had one. */
void chimdrv_conn_put_target(struct chimdrv_conn *conn);
void chimdrv_conn_set_state(struct chimdrv_conn *conn, enum chimdrv_state state);	/* slock */
const char *chimdrv_conn_state_name(enum chimdrv_state state);

/* ---------------------------------------------------------------------- ask.c */

/* Any context. Ask for the connection to go back; the worker does it. */
void chimdrv_ask_upload(struct chimdrv_conn *conn, enum chimdrv_why why);
/* od->lock; the caller queues od->upload_work afterwards. */
void chimdrv_ask_upload_locked(struct chimdrv_od *od, struct chimdrv_conn *conn,
			       enum chimdrv_why why);
/* slock: it was asked for before the connection went over. */
void chimdrv_ask_upload_again(struct chimdrv_conn *conn);
/* Any context, unless @wait, which sleeps; sockets that are owned may still be on their way. */
void chimdrv_ask_upload_all(struct chimdrv_dev *cd, enum chimdrv_why why, bool wait);
/*
 * Sleep until it is back, no socket lock held. -EINTR: this task is being killed.
 * -ETIMEDOUT: somebody owns the socket. end: no signal cuts it short.
 */
int chimdrv_ask_wait(struct chimdrv_conn *conn, long timeout);
void chimdrv_ask_wait_end(struct chimdrv_conn *conn);
/* Any context. Tell the target the cached variables as they are now; the worker does it. */
void chimdrv_ask_update(struct chimdrv_conn *conn);
void chimdrv_ask_update_later(struct chimdrv_conn *conn, unsigned long delay);	/* jiffies */

/* ------------------------------------------------------------------ reasons.c */

const char *chimdrv_refusal_name(u32 refusal);
const char *chimdrv_why_name(u32 why);
int chimdrv_refusal_errno(enum chimdrv_refusal refusal);

/* ------------------------------------------------------------------ offload.c */

struct chimdrv_candidate {
	struct list_head node;
	struct sock *sk;		/* with a reference */
	enum chimdrv_refusal refusal;	/* out */
	u32 status;			/* out: the card's word, if it was the card that refused */
	int err;			/* out: 0, it was offloaded */
	/* while it is under way */
	struct chimdrv_dev *cd;
	struct chimdrv_conn *conn;
	struct chimdrv_room *buffered;
	u32 tcp_node;
	u32 handle;			/* as the INITIATE has told it */
	bool again;			/* the whole list was refused: once more in a shorter one */
};

/* Process context, no lock. The module reference of each conn is taken here. */
void chimdrv_offload_list(struct list_head *candidates);

/* ---------------------------------------------------------------- candidate.c */

void chimdrv_candidate_want(bool automatic);	/* the policy */
bool chimdrv_candidate_wanted(struct sock *sk);	/* hook: a candidate of the automatic policy */
void chimdrv_candidate_note(const struct chimdrv_candidate *c, bool asked);
/* Any context: the policy looks at a socket, which becomes a candidate or is refused. */
void chimdrv_candidate_consider(struct sock *sk, enum chimdrv_refusal tracked);
void chimdrv_candidate_work_init(struct chimdrv_od *od);
void chimdrv_candidate_work_end(struct chimdrv_od *od);

/* ------------------------------------------------------------------- upload.c */

void chimdrv_upload_work_init(struct chimdrv_od *od);

/* ---------------------------------------------------------------- terminate.c */

#define CHIMDRV_UPLOAD_ASKS	8	/* how often the card may ask for more room */

enum chimdrv_upload_result {
	UPLOAD_TAKEN,		/* the card has let go */
	UPLOAD_MORE,		/* it asks for more room, and nothing has changed */
	UPLOAD_AGAIN,		/* nothing has changed, and it may do better later */
	UPLOAD_REFUSED,		/* nor will it */
	UPLOAD_LOST,		/* the card has failed: connections end with it */
};

struct chimdrv_upload {
	struct chimdrv_conn *conn;
	struct chimdrv_room *room;
	enum chimdrv_upload_result result;
	u32 len;		/* of the room, as the card is told */
	u32 node;
	u32 d_off;
	u32 refs_off;
	u32 room_off;
};

/*
 * od->mutex. One TERMINATE for all of the @n, or for as many as fit, which it returns:
 * at least one. Each of them has its result.
 */
unsigned int chimdrv_terminate(struct chimdrv_dev *cd, struct chimdrv_upload *up, unsigned int n);

/* ------------------------------------------------------------------- update.c */

void chimdrv_update_work_init(struct chimdrv_od *od);

/* ------------------------------------------------------------------- params.c */

void chimdrv_params_tell(struct chimdrv_od *od);	/* od->mutex held */

/* ------------------------------------------------------------------- notify.c */

void chimdrv_notify_register(void (*fn)(struct chimdrv_conn *conn, u32 event));
void chimdrv_notify(struct chimdrv_conn *conn, u32 event);	/* slock */

/* --------------------------------------------------------------------- look.c */

void chimdrv_look_soon(void);	/* any context: routes have changed */
void chimdrv_look_end(void);

/* ----------------------------------------------------------------- progress.c */

void chimdrv_progress_init(struct chimdrv_conn *conn);	/* of a new connection */
/* slock: do what is due; what needs the socket's queues only if nobody owns the socket. */
void chimdrv_progress_check(struct chimdrv_conn *conn);
/* Process context, no lock: have what may have changed around the connection looked at. */
void chimdrv_progress_look(struct chimdrv_conn *conn);
/* release_cb, slock held. */
void chimdrv_progress_released(struct chimdrv_conn *conn);

/* ----------------------------------------------------------------- giveback.c */

/* slock, queues ours: LAST and the completion of the TERMINATE have been processed. */
void chimdrv_giveback_finish(struct chimdrv_conn *conn);
/* slock, queues ours: conn->final into the socket, the socket to Linux TCP. */
void chimdrv_giveback_restore(struct chimdrv_conn *conn);
/* slock, queues ours: it ends with conn->end_err. Both drop the socket's hold. */
void chimdrv_giveback_die(struct chimdrv_conn *conn);
/* slock, queues ours: it ends, but the card may still touch its memory. */
void chimdrv_giveback_abandon(struct chimdrv_conn *conn);
/* slock: of an abandoned one, now that the card touches nothing any more. */
void chimdrv_giveback_release(struct chimdrv_conn *conn);
/* slock, queues ours: HOLDING or INITIATING, and the card does not take it. */
void chimdrv_giveback_undo(struct chimdrv_conn *conn);
/* slock. The card touches no memory of the connection any more. */
void chimdrv_giveback_drop_requests(struct chimdrv_conn *conn);

/* ------------------------------------------------------------------ stateop.c */

/* od->mutex held. */
u32 chimdrv_stateop_fence_id(struct chimdrv_od *od);
int chimdrv_stateop_exec(struct chimdrv_dev *cd, u8 op, struct chimdrv_blocklist *bl, u32 fence_id,
			 u32 fences, struct chimdrv_admin_cmd *cmd);
/* od->mutex held. Instead of the command that the fences were posted for; @bl is empty then. */
void chimdrv_stateop_void(struct chimdrv_dev *cd, struct chimdrv_blocklist *bl, u32 fence_id,
			  u32 fences);
/* No lock held. One operation on a connection that the target has; @state: what came back. */
int chimdrv_stateop_one(struct chimdrv_conn *conn, u8 op, u8 type, u32 len, void *state);

/* ----------------------------------------------------------------- snapshot.c */

/* Socket owned, valves open: the socket into conn->final. */
void chimdrv_snapshot(struct chimdrv_conn *conn);
/* slock or owner. Do the options differ from what the target knows? */
bool chimdrv_snapshot_options(struct chimdrv_conn *conn);
bool chimdrv_snapshot_changed(struct chimdrv_conn *conn);
u8 chimdrv_snapshot_ttl(const struct sock *sk, struct dst_entry *dst);
u8 chimdrv_snapshot_tos(const struct sock *sk);

/* ------------------------------------------------------------- state_export.c */

/* Socket owned, captured, valves closed. */
int chimdrv_state_export(struct chimdrv_conn *conn, struct chimdrv_blocklist *bl, u32 node,
			 struct chimdrv_room **buffered);
u32 chimdrv_state_size(struct chimdrv_conn *conn);	/* owned: what that takes at most */
void chimdrv_state_import(const struct chimdrv_dev *cd, struct chimdrv_tcp_state *s,
			  const struct chim_tcp_delegated *d);
/* Of a connection in a list: what has gone by since the snapshot is taken off its timers. */
void chimdrv_state_age(struct chimdrv_conn *conn, struct chimdrv_blocklist *bl, u32 node);
/* slock or owner. */
u32 chimdrv_state_cached(struct chimdrv_conn *conn, struct chim_tcp_cached *c, bool update);

/* ------------------------------------------------------------ state_restore.c */

/* slock, queues ours. */
void chimdrv_state_restore(struct chimdrv_conn *conn);	/* conn->final into the socket */
void chimdrv_state_replay(struct chimdrv_conn *conn);	/* FIN, RST, held segments */

/* ------------------------------------------------------------- state_timers.c */

void chimdrv_timers_settle(struct chimdrv_conn *conn);	/* owned, before its frames drain */
void chimdrv_timers_capture(struct sock *sk, struct chimdrv_timers *t);	/* owned, valves open */
void chimdrv_timers_put(const struct chimdrv_dev *cd, const struct chimdrv_timers *then,
			struct chim_tcp_delegated *d);
void chimdrv_timers_take(const struct chimdrv_dev *cd, struct chimdrv_timers *t,
			 const struct chim_tcp_delegated *d);
/* slock, queues ours: what is left now. */
void chimdrv_timers_restore(struct sock *sk, const struct chimdrv_timers *then);

/* ------------------------------------------------------------------- valves.c */

void chimdrv_valves_close(struct chimdrv_conn *conn);	/* once, socket owned */
void chimdrv_valves_merge(struct sock *sk);	/* queues ours: what was sent, back in front */
void chimdrv_valves_hold(struct chimdrv_conn *conn);	/* each release_cb */

/* ----------------------------------------------------------------------- sq.c */

struct chimdrv_sq_cmd {
	u32 ctl;
	u64 cookie;
	u32 len;
	const struct chimdrv_sge *sge;
	u32 nsge;
};

/* slock. -EBUSY: no room now; the caller pends the connection. */
int chimdrv_sq_post(struct chimdrv_conn *conn, const struct chimdrv_sq_cmd *cmd);
/* slock. FENCE behind everything posted; the state must change before slock is given up. */
int chimdrv_sq_fence(struct chimdrv_conn *conn, u32 fence_id);
int chimdrv_sq_disconnect(struct chimdrv_conn *conn, u32 flags);	/* slock */
/* slock, NAPI of the pair. The word on an indication that was not taken whole. */
int chimdrv_sq_verdict(struct chimdrv_conn *conn, u32 number, u32 consumed);
void chimdrv_sq_pend(struct chimdrv_conn *conn);	/* slock: try again when there is room */

/* -------------------------------------------------------------------- cache.c */

enum chimdrv_cache {
	CHIMDRV_CACHE_CONN,
	CHIMDRV_CACHE_SEND,
	CHIMDRV_CACHE_RECV,
	CHIMDRV_CACHE_FWD,
	CHIMDRV_CACHE_NEIGH,
	CHIMDRV_CACHE_PATH,
	CHIMDRV_CACHE_CANDIDATE,
	CHIMDRV_CACHES
};

struct chimdrv_cache_kind {
	const char *name;
	unsigned int size;
};

int chimdrv_cache_init(const struct chimdrv_cache_kind *kinds);	/* CHIMDRV_CACHES of them */
void chimdrv_cache_exit(void);	/* behind rcu_barrier(): connections are freed by RCU */
void *chimdrv_cache_alloc(enum chimdrv_cache kind, gfp_t gfp);
void chimdrv_cache_free(enum chimdrv_cache kind, void *object);

/* ----------------------------------------------------------------- bytes, both ways */

#include "offload/data.h"

/* --------------------------------------------------------------------- late.c */

void chimdrv_late_watch(struct chimdrv_conn *conn, unsigned long since);	/* slock */
void chimdrv_late_work_init(struct chimdrv_od *od);

/* --------------------------------------------------------------------- held.c */

void chimdrv_held_add(struct chimdrv_conn *conn, struct sk_buff *skb);
/* The oldest segment that is the host's again, or NULL. */
struct sk_buff *chimdrv_held_next(struct chimdrv_conn *conn);

/* ------------------------------------------------------------------ forward.c */

void chimdrv_forward_flush(struct chimdrv_conn *conn);	/* hold list to the target */
void chimdrv_forward_done(struct chimdrv_conn *conn, const struct chim_cqe *cqe);
void chimdrv_forward_drop(struct chimdrv_conn *conn);

/* --------------------------------------------------------------------- sendback.c */

/* slock. What a TERMINATE hands back; @ref is the chain, in memory that the driver gave. */
void chimdrv_sendback_take(struct chimdrv_conn *conn, const struct chim_tcp_delegated *d,
			   const struct chim_send_ref *ref);
void chimdrv_sendback_end(struct chimdrv_conn *conn);	/* LAST has been seen */

/* ---------------------------------------------------------------------- bar.c */

/* On the stack of a call that must find the socket with Linux TCP from now to its end. */
struct chimdrv_bar {
	struct hlist_node node;
	const struct sock *sk;
	const struct task_struct *task;
};

void chimdrv_bar_set(struct chimdrv_bar *bar, const struct sock *sk);
void chimdrv_bar_clear(struct chimdrv_bar *bar);
void chimdrv_bar_lock(const struct sock *sk) __acquires(bar);	/* attach: no bar comes or goes */
bool chimdrv_barred(const struct sock *sk);	/* under that lock: somebody else's bar stands */
void chimdrv_bar_unlock(const struct sock *sk) __releases(bar);
void chimdrv_bar_init(void);

/* ------------------------------------------------------------------- attach.c */

struct chimdrv_attach_ops {
	void (*build)(struct proto *prot);	/* puts its calls into a copy of the kernel's */
	struct tcp_ulp_ops *ulp;
	int (*backlog_rcv)(struct sock *sk, struct sk_buff *skb);
};

void chimdrv_attach_init(const struct chimdrv_attach_ops *with);
bool chimdrv_is_ours(const struct sock *sk);	/* sk_prot is a copy of ours */
struct chimdrv_conn *chimdrv_attach_conn(const struct sock *sk);	/* slock or owner or RCU */
struct chimdrv_conn *chimdrv_attach_conn_get(const struct sock *sk);	/* any context */
/*
 * Socket owned. Install everything; the socket becomes HOLDING. -EBUSY: a call bars it.
 * -EAGAIN, unless @insist: somebody waits for it, with Linux TCP's operation in hand.
 */
int chimdrv_attach(struct chimdrv_conn *conn, bool insist);
/* slock, queues ours. Everything back. */
void chimdrv_detach(struct chimdrv_conn *conn);
struct proto *chimdrv_attach_base(const struct sock *sk);

/* ---------------------------------------------------------------------- ulp.c */

int chimdrv_ulp_init(void);
void chimdrv_ulp_exit(void);

/* --------------------------------------------------------------------- hook.c */

int chimdrv_hook_init(void);
void chimdrv_hook_exit(void);
int chimdrv_backlog_rcv(struct sock *sk, struct sk_buff *skb);

/* ---------------------------------------------------------------- conntrack.c */

/* RCU. Why a connection whose segment this is cannot be the target's. */
enum chimdrv_refusal chimdrv_conntrack_look(const struct sk_buff *skb);
/* RCU. The tracker of whose connection this is a segment takes gaps for what they are. */
void chimdrv_conntrack_liberal(const struct sk_buff *skb);

/* --------------------------------------------------------------------- pmtu.c */

/* In the hook, RCU: an ICMP packet whose header begins at @offset. */
void chimdrv_pmtu_icmp(struct sk_buff *skb, unsigned int offset, const struct nf_hook_state *state);
void chimdrv_pmtu_icmp6(struct sk_buff *skb, unsigned int offset,
			const struct nf_hook_state *state);

/* ----------------------------------------------------------------- refusals.c */

/*
 * Any context but hard interrupt. @od NULL: no card of ours is meant. A socket is counted
 * once, by its last reason, until it is carried.
 */
void chimdrv_refusals_note(const struct sock *sk, struct chimdrv_od *od,
			   enum chimdrv_refusal why);
void chimdrv_refusals_carried(const struct sock *sk);	/* it has gone over after all */
u64 chimdrv_refusals_no_card(enum chimdrv_refusal why);	/* sockets, where no card was meant */
void chimdrv_refusals_forget(struct chimdrv_od *od);	/* the card goes */
void chimdrv_refusals_exit(void);

/* -------------------------------------------------------------------- check.c */

/* Socket lock, or RCU for a first look: may it be offloaded, and by which card? */
enum chimdrv_refusal chimdrv_check(struct sock *sk, struct chimdrv_dev **cd);
/* Socket owned and ours: what may have changed since. */
enum chimdrv_refusal chimdrv_check_again(struct sock *sk);
enum chimdrv_refusal chimdrv_check_option(const struct sock *sk);
bool chimdrv_check_paced(const struct sock *sk);	/* a rate that the target does not keep */
/* Socket owned: the conditions that pass by themselves. */
enum chimdrv_refusal chimdrv_check_moment(struct sock *sk);

/* ------------------------------------------------------------------- policy.c */

void chimdrv_each_socket(struct net *net, bool (*fn)(struct sock *, void *), void *arg);
int chimdrv_policy_set(u32 mode, u32 seed);
u32 chimdrv_policy_get(void);
int chimdrv_policy_init(void);
void chimdrv_policy_exit(void);

/* ------------------------------------------------------------------ backoff.c */

bool chimdrv_backoff_waits(const struct sock *sk);	/* any context */
bool chimdrv_backoff_card_full(const struct chimdrv_od *od);	/* any context */
void chimdrv_backoff_answer(struct chimdrv_od *od, const struct chimdrv_candidate *c);
void chimdrv_backoff_over(const struct sock *sk);
void chimdrv_backoff_came_back(const struct sock *sk);
void chimdrv_backoff_forget(void);

/* -------------------------------------------------------------------- route.c */

/* Socket lock, or RCU for a first look: the card that the socket's route leads to. */
enum chimdrv_refusal chimdrv_route_card(struct sock *sk, struct chimdrv_dev **cd);
/* Socket owned, od->mutex: the way that the target is given. */
void chimdrv_route_take(struct chimdrv_conn *conn, struct dst_entry *dst,
			const struct neighbour *n);
void chimdrv_route_drop(struct chimdrv_conn *conn);	/* slock, or the last holder */
u32 chimdrv_route_vlan_prio(const struct sock *sk, const struct dst_entry *dst);
/* slock, queues ours, OFFLOADED. Must the route be checked; and why it cannot stay so. */
bool chimdrv_route_stale(const struct chimdrv_conn *conn);
enum chimdrv_why chimdrv_route_check(struct chimdrv_conn *conn);

/* -------------------------------------------------------------- route_watch.c */

int chimdrv_route_watch_init(void);
void chimdrv_route_watch_exit(void);

/* -------------------------------------------------------------------- neigh.c */

/*
 * od->mutex held, socket owned: the path of the connection, with a dependent counted.
 * New objects have handle 0.
 */
struct chimdrv_path *chimdrv_path_get(struct chimdrv_od *od, struct chimdrv_conn *conn,
				      enum chimdrv_refusal *why);
void chimdrv_path_put(struct chimdrv_od *od, struct chimdrv_path *path);
/* The node of the path in an INITIATE list, below its neighbor's. */
u32 chimdrv_path_node(struct chimdrv_od *od, struct chimdrv_path *path,
		      struct chimdrv_blocklist *bl, u32 *root);
void chimdrv_path_results(struct chimdrv_od *od, struct chimdrv_blocklist *bl);
u32 chimdrv_path_refused(const struct chimdrv_path *path);
void chimdrv_neigh_idle_soon(struct chimdrv_od *od);
void chimdrv_neigh_idle(struct chimdrv_od *od);	/* terminate what has no dependents */
void chimdrv_neigh_forget(struct chimdrv_od *od);	/* the card has lost them all */

/* -------------------------------------------------------------- neigh_watch.c */

int chimdrv_neigh_watch_init(void);
void chimdrv_neigh_watch_exit(void);
void chimdrv_neigh_watch_work_init(struct chimdrv_od *od);

/* --------------------------------------------------------------------- genl.c */

int chimdrv_genl_init(void);
void chimdrv_genl_exit(void);

#endif /* CHIMDRV_CONN_H */
