/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A connection between a socket and the target: its data. The functions are in the
 * headers of the files that implement them.
 *
 * struct chimdrv_conn has two holders, the socket and the target; lists and works take
 * further references. The last chimdrv_conn_put() frees it.
 *
 * Everything in it is protected by the socket's slock (spin part of the socket lock)
 * unless a comment says otherwise. The socket's own queues need slock *and* nobody
 * owning the socket, or ownership. What comes for a socket that a process owns
 * (received bytes, done sends, flags) waits in the connection for release_cb.
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

/*
 * What has happened to a connection, apart from its state. From both, progress.c decides
 * what is due whenever a bit has changed. Only the files in parentheses clear a bit. Bits
 * are set under slock, except UPLOAD (od->lock) and UPDATE, LET_GO and PENDING (any context).
 *
 * In which state a bit is set: H holding, I initiating, O offloaded, T terminating,
 * x host; "all": any.
 *
 *   bit        in    set by (cleared by)              heeded by
 *   OPENED     I     events, offload when late        progress, events, offload
 *   CUTOVER    I     events, offload when late        progress
 *   ADMIN      I     initiate                         progress
 *   FRESH      IOT   progress, terminate (progress)   progress: look at what programs did
 *   UNDO       HI    initiate                         progress, upload
 *   UPLOAD     all   ask                              progress, initiate, send, sq, late,
 *                                                     neigh_watch
 *   QUIET      IOT   events, progress, send, forward, sq, offload, upload, attach
 *                                                     progress, terminate, sq, genl
 *   LAST       T     events, upload when late         progress, events, upload
 *   FINAL      T     terminate                        progress, upload, offload
 *   RESET      OTx   terminate, giveback, genl        terminate, giveback, genl, attach
 *   OWN_FIN    O     valves                           progress, state_restore
 *   TARGET     I     initiate (conn)                  params
 *   LET_GO     all   initiate, upload                 ask, params
 *   DETACHED   all   attach, ulp                      progress, giveback, terminate, ask, tail,
 *                                                     lend
 *   GONE       all   half                             all that wait for the card or post to it
 *   ABANDONED  OT    upload                           progress, events, params
 *   LOST       OT    indicate, deliver, terminate, giveback
 *                                                     giveback, indicate
 *   PEER_RST   O     events                           giveback, state_restore
 *   PEER_FIN   IT    state_restore (state_restore)    state_restore
 *   REFUSED    O     indicate (recv)                  recv, deliver, window, update, terminate
 *   BULK       OT    indicate (recv)                  recv
 *   UPDATE     O     ask (update)                     ask, update
 *   UNTOLD     O     snapshot (state_export, update)  send, snapshot
 *   PENDING    IOT   sq (events)                      sq
 */
enum chimdrv_conn_bit {
	CHIMDRV_C_OPENED,	/* OPENED seen: handle valid */
	CHIMDRV_C_CUTOVER,	/* CUTOVER seen: nothing of the tuple is left in the raw ring */
	CHIMDRV_C_ADMIN,	/* the INITIATE has completed with success */
	CHIMDRV_C_LAST,		/* LAST seen */
	CHIMDRV_C_FINAL,	/* the TERMINATE has completed, conn->final is valid */
	CHIMDRV_C_UPLOAD,	/* an upload has been asked for */
	CHIMDRV_C_PEER_FIN,	/* the target has taken the peer's FIN: tell Linux TCP */
	CHIMDRV_C_PEER_RST,	/* the same for the peer's RST */
	CHIMDRV_C_QUIET,	/* post no more sends: upload or disconnect under way */
	CHIMDRV_C_REFUSED,	/* the card waits for a receive request */
	CHIMDRV_C_PENDING,	/* on the pair's pending list */
	CHIMDRV_C_GONE,		/* the card has failed: ends with an error */
	CHIMDRV_C_UPDATE,	/* cached variables have changed */
	CHIMDRV_C_UNTOLD,	/* some are in each header: no sends until the target knows */
	CHIMDRV_C_BULK,		/* receives large amounts: keep receive requests posted */
	CHIMDRV_C_DETACHED,	/* the socket is with Linux TCP again */
	CHIMDRV_C_TARGET,	/* the target holds a reference */
	CHIMDRV_C_LOST,		/* received bytes could not be kept: end with an error */
	CHIMDRV_C_UNDO,		/* not offloaded: back to Linux TCP once nobody owns it */
	CHIMDRV_C_FRESH,	/* just OFFLOADED: what programs did meanwhile has not been seen */
	CHIMDRV_C_LET_GO,	/* the card is done with it; its owner may still be awaited */
	CHIMDRV_C_RESET,	/* the target has been told to send an RST */
	CHIMDRV_C_OWN_FIN,	/* the same for a FIN: behind it nothing can be written */
	CHIMDRV_C_ABANDONED,	/* not given back by the card: ends, its memory waits for a reset */
};

struct chimdrv_af {		/* a prebuilt copy of the address family's operations */
	const struct inet_connection_sock_af_ops *base;
	struct inet_connection_sock_af_ops ops;
};

struct chimdrv_path;
struct nf_conn;

/* The route that the target was given; Linux TCP may have another by now (route.c). */
struct chimdrv_route {
	struct dst_entry *dst;		/* with a reference; the socket's, unless it is stale */
	const struct net_device *dev;	/* these two are compared only */
	const struct neighbour *neigh;
	u32 mtu;
	bool local6;			/* the IPv6 source was an address of the machine */
};

/* A segment that is sent only to see what happens to it (probe.c). */
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
	struct {			/* conntrack.c */
		struct nf_conn *entry;	/* with a reference; NULL: not tracked */
		u32 usual;		/* jiffies of silence after which it is forgotten */
	} tracked;
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
	struct list_head update_link;	/* od->lock: od->updates, _later */
	unsigned long update_due;	/* od->lock: jiffies, in od->updates_later until then */
	struct list_head all;		/* od->lock: od->conns */

	u64 next_cookie;	/* of requests and commands */

	/* What programs have written. Writer: send.c and write.c, unless another is named. */
	struct {
		struct list_head list;	/* of struct chimdrv_send, in order of sequence numbers */
		unsigned int n;
		u32 posted_seq;		/* the target has been given [SND.UNA, posted_seq) */
		u32 posted_bytes;
		u32 room;		/* terminate.c: how many its list has room for, or 0 */
		bool completed;		/* some came back by UPLOAD_IN_PROGRESS */
		bool returned;		/* sendback.c: some in the chain of the TERMINATE */
		u32 backlog;		/* events.c: bytes the target likes to have outstanding */
		u32 cwnd_bytes;		/* these two as the card has said last */
		u32 srtt_us;
		u32 up;			/* progress.c: the urgent pointer as last seen */
		u32 max_window;		/* valves.c: the socket's own */
		u32 heeded;		/* snapshot.c: when it has heeded a pause, tcp_jiffies32 */
	} snd;

	/* The last, partial segment. Writer: tail.c; when the timer expires progress.c. */
	struct {
		u32 seq;		/* bytes before it may be sent */
		bool corked;		/* TCP_CORK as last seen */
		bool acked;		/* something was acknowledged since the last look */
		bool due;		/* its timer has expired */
		bool runs;		/* one has run since before a hand-over, */
		unsigned long until;	/* jiffies, and expires then */
		struct timer_list timer;
	} tail;

	/* Pages lent to the socket. Writer: lend.c. */
	struct {
		struct list_head borrower;	/* od->lock and slock: od->borrowers */
		u32 seq;		/* write_seq as last seen, */
		u32 tick_seq;		/* and as seen by the tick */
		bool task_frag;		/* sk_use_task_frag as it was */
	} lend;

	/*
	 * What the peer has sent. Writer: indicate.c and recv.c, which take it from the
	 * card, and deliver.c, which brings it into the socket.
	 */
	struct {
		struct list_head list;	/* of struct chimdrv_recv */
		unsigned int n;
		u32 bytes;		/* room in posted receive requests */
		struct sk_buff_head queue;	/* accepted; a process owns the socket */
		unsigned int queue_truesize;
		u32 seq;		/* next byte expected from the target, queue included */
		u32 refused_bytes;	/* what the card keeps because it was refused */
		int refused_limit;	/* how much the socket took then */
		bool collapse_tried;	/* since the refusal; and it made room */
		bool collapse_helped;
		unsigned int big_inds;	/* large indications in a row */
		u32 open_end;		/* behind the last indication taken whole */
		u32 open_bytes;		/* of it; 0: there is none */
		u32 open_buffered;	/* how many of them were BufferedData */
		u32 rtt_us;
		u32 buffered;		/* BufferedData given at offload, not all back */
		u32 buffered_start;	/* and where it lies */
		u32 buffered_end;
		u32 buffered_n;		/* requests for it; the rest is indicated (BRD-7) */
		struct sk_buff *spare;	/* for what must be taken without memory, */
		struct work_struct spare_work;	/* conn.c: which brings the next one */
	} rcv;

	/* The receive window as a promise. Writer: window.c; what was not told update.c. */
	struct {
		u32 granted;		/* InitialRcvWnd as told, the larger one meanwhile */
		u32 most;		/* the largest one so far */
		u32 edge;		/* furthest right edge offered, but for rounding */
		u32 own;		/* snapshot.c: what Linux TCP had offered last */
	} wnd;

	/* Whole segments. Writer: held.c and forward.c. */
	struct {
		struct sk_buff_head hold;
		unsigned int truesize;	/* of what is held */
		u32 off;		/* bytes of the first held frame already forwarded */
		struct sk_buff_head returned;	/* came back, in order; before hold */
		struct list_head list;	/* of struct chimdrv_fwd, under way */
		unsigned int n;
		unsigned long since;	/* when the oldest was posted or given back; 0: none */
	} fwd;

	/* What the target knows of the socket's options. Writer: snapshot.c. */
	struct {
		u16 flags;
		u8 ttl, tos, prio;
		u8 ka_probes;
		u32 ka_time, ka_intvl, user_timeout, flow_label;
		u8 tries;		/* od->mutex, update.c: in a row, without room */
	} told;

	/* As captured for the offload by snapshot.c; as given back by terminate.c. */
	struct chimdrv_tcp_state final;

	/* The way back. Writer: upload.c and terminate.c, unless another is named. */
	struct {
		u32 reason;		/* enum chimdrv_why. ask.c: once, under od->lock */
		unsigned long due;	/* od->lock: jiffies, in od->uploads_later until then */
		/* od->mutex, these five */
		unsigned long hungry;	/* jiffies: since when without memory; 0: with it */
		unsigned long end;	/* jiffies; 0: not tried yet. Then given up, or LAST is */
		u32 need;		/* bytes of BufferedData that the card asked for last */
		u8 asks;		/* how often it has */
		u8 tries;
		struct sk_buff_head bytes;	/* BufferedData that came back */
		u32 start;		/* where it begins; RCV.NXT if there is none */
		struct sk_buff_head kept;	/* write.c: of a socket that died, until LAST */
		struct sk_buff *fin;	/* to tell Linux TCP of a FIN of the peer, */
		struct sk_buff *rst;	/* and of a RST, */
		struct sk_buff *own_fin;	/* and to send the target's own again */
		int err;		/* events.c, giveback.c: what the program sees if it ends */
	} back;

	/* Linux TCP must not move these while offloaded: a change shows a leak past the fence. */
	struct {
		u32 rcv_nxt;
		u32 snd_una;
	} seen;

	u64 bytes_in, bytes_out;
	struct rcu_head rcu;
};

#endif /* CHIMDRV_CONN_TYPES_H */
