/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A connection between the socket and the target: what there is of it. What is done with
 * it stands in the headers of the files that do it.
 *
 * struct chimdrv_conn has two holders, the socket and the target; lists and
 * works take further references. The last to leave frees it, in chimdrv_conn_put().
 *
 * Everything in it is under the socket's slock (spin part of the socket lock)
 * unless a comment says otherwise. The socket's own queues need slock *and*
 * nobody owning the socket, or ownership. What comes for a socket that a process
 * owns waits in the connection (rxq, done sends, flags) for release_cb.
 */
#ifndef CHIMDRV_CONN_TYPES_H
#define CHIMDRV_CONN_TYPES_H

#include <linux/skbuff.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "nic/nic.h"
#include "offload/tcp_state.h"

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
	u32 verdict;			/* enum chimdrv_refusal */
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

#endif /* CHIMDRV_CONN_TYPES_H */
