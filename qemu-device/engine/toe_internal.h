/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * toe_internal.h - the engine's own structures.
 *
 * Everything hangs off struct toe (engine.c). A connection is divided into parts; each part names
 * the files that write most of it, and other files use the functions in those files' headers. No
 * list is searched on the data path: connections are in intrusive lists (events ready, output
 * pending), one hash table, and one heap of timers.
 */
#ifndef TOE_INTERNAL_H
#define TOE_INTERNAL_H

#include "include/toe.h"
#include "list.h"
#include "seq.h"
#include "wire.h"
#include "rcvbuf.h"
#include "sack.h"
#include "rtt.h"
#include "cc.h"

#define TOE_NSEC		1000000000ull
#define TOE_MAX_QUEUED		(1u << 30)	/* bytes queued for sending on one connection */
/* a smaller announced MSS is raised to this: options must fit */
#define TOE_MIN_MSS		48
#define TOE_FIN_WAIT2_NS	(120 * TOE_NSEC)
/* half the range of the fastest clock that a peer's timestamps may have, one of microseconds */
#define TOE_PAWS_NS		(INT32_MAX / 1000000 * TOE_NSEC)
#define TOE_CHALLENGE_NS	(TOE_NSEC / 2)	/* minimum interval of toe_delack_rarely() */
#define TOE_SYN_CHALLENGE_NS	(3 * TOE_NSEC)	/* BRA-7 */
#define TOE_BRA_KEEP_NS		(300 * TOE_NSEC)	/* BRA-8 */
#define TOE_TICKS_IDLE		UINT32_MAX	/* a TimeoutDelta: the timer is not running */

/* Upload reasons, UPR-1 .. UPR-11. */
enum toe_reason {
	TOE_WHY_LOW_ACTIVITY = 1,
	TOE_WHY_DROP_RATE,
	TOE_WHY_SMALL_IO,
	TOE_WHY_NO_PREPOST,
	TOE_WHY_URGENT,
	TOE_WHY_FRAGMENTS,
	TOE_WHY_OUT_OF_ORDER,
	TOE_WHY_TIMEOUT,
	TOE_WHY_INVALID,
	TOE_WHY_REQUESTED,
	TOE_WHY_HARDWARE,
};

struct toe_queue {
	struct toe_link ready;		/* connections with events */
	/* connections whose next event is an indication that waits for room */
	struct toe_link waiting;
	struct toe_link out;		/* connections that may have something to send */
	bool blocked;			/* the backend takes nothing until toe_writable() */
};

struct toe_neigh {			/* neigh.c */
	struct toe *t;
	struct toe_link all;		/* in toe.neighs */
	struct toe_link paths;
	struct toe_link nce;		/* in toe.nce while an event waits */
	struct toe_neigh_state s;	/* hrd and nrd unused */
	uint64_t cookie;
	uint32_t hrt, nrt;		/* ticks, modulo 2^32 (NCE-2) */
	uint32_t ev_hrd, ev_nrd;	/* of the event that waits */
	bool invalid;
};

struct toe_path {			/* path.c */
	struct toe *t;
	struct toe_neigh *n;
	struct toe_link link;		/* in toe_neigh.paths */
	struct toe_link conns;
	struct toe_path_state s;
	bool invalid;
};

enum toe_timer {
	TOE_TMR_REXMT,		/* retransmit, persist or FIN_WAIT_2, by TMR-28 */
	TOE_TMR_KEEP,
	TOE_TMR_DELACK,
	TOE_TMR_PUSH,
	TOE_TMR_SWS,
	TOE_TMR_TLP,
	TOE_TMR_WND,		/* a small window update is due */
	TOE_TMRS,
};

enum toe_phase { TOE_IMPORTED, TOE_LIVE, TOE_STOPPED };

enum toe_recovery { TOE_REC_OPEN, TOE_REC_FAST, TOE_REC_LOSS };

struct toe_snd {
	/* ack.c, output.c, recovery.c */
	uint32_t una, nxt, max;
	uint32_t wnd, max_wnd, wl1, wl2;
	uint32_t mss;			/* payload of a segment without SACK blocks */
	uint64_t last_sent;		/* when data left last */
	uint32_t sml;			/* end of the last short segment sent */
	bool     sws_force;		/* the SWS timer ran out: send what there is */
	bool     cwnd_limited;		/* cwnd held data back since the last ACK */
	/* sendq.c: requests not fully acknowledged. A graceful disconnect is the last one. */
	struct toe_req *head, *tail;
	/* where the last lookup ended: in sent data, in new data */
	struct toe_req *cur[2];
	struct toe_req *disc;		/* the graceful disconnect in the queue */
	uint32_t nreqs;
	uint32_t end;			/* behind the last byte queued; the FIN's number if fin */
	uint32_t rexmits;		/* segments retransmitted since import */
	bool     fin;			/* a FIN is wanted or sent */
	uint32_t backlog;		/* last value told (EVT-4); ack.c */
	uint64_t backlog_at;
};

struct toe_rcv {			/* input.c, validate.c, delack.c, keep.c; window: frame.c */
	uint32_t nxt;			/* RCV.NXT: buf.nxt, and one more behind the FIN */
	uint32_t adv;			/* right edge that was offered */
	uint32_t last_ack;		/* RCV.NXT as last sent (RFC 7323 Last.ACK.sent) */
	uint32_t wnd_limit;		/* bytes to offer at most */
	uint32_t fin_seq;		/* if fin_known */
	bool     fin_known, fin_done;
	bool     ack_now, ack_owed;	/* at once; some time */
	uint32_t ack_segs;		/* segments since the last ACK */
	bool     sws_force;		/* the next window may grow by little */
	bool     edge_held;		/* the right edge stays (toe_conn_hold_edge) */
	/* more ACKs of the same number to send (peers without SACK count them) */
	uint8_t  dup_acks;
	struct toe_range dsack;		/* to report once; empty: none */
	/* data beyond it shows that the peer got one of our ACKs (NCE-4) */
	uint32_t progress_edge;
	uint32_t ts_recent;
	uint64_t ts_recent_at;
	uint64_t heard_at;		/* the peer's last acceptable segment came */
	uint64_t answered_at;		/* last rate-limited answer */
	bool     answered;
	uint64_t grace_until;		/* until then a gap may be filled by forwards */
	uint32_t mss_est;		/* largest segment seen */
	uint32_t rtt_us;		/* estimate for the host */
	struct toe_rcvbuf buf;
	/* kept until the verdict, since an indication points into it */
	uint8_t *old_mem;
	uint32_t old_cap;
};

struct toe_rec {			/* recovery.c */
	enum toe_recovery state;
	uint32_t recover;		/* recovery point */
	uint32_t dupacks;
	uint32_t rexmits;		/* Retransmit.Count */
	uint32_t probe_round;		/* SndWndProbeCount */
	bool     force;			/* one segment goes out whatever cwnd says */
	/* the persist timer's turn: the window is zero and data waits */
	bool     persist;
	/* TotalRT counts: from the first retransmission, or the first probe of a shut window */
	bool     rt_running;
	uint64_t rt_since;
	bool     tlp_sent;
	/* one segment is timed (Karn) */
	bool     timing;
	uint32_t timed_seq;
	uint64_t timed_at;
};

struct toe_dlv {			/* deliver.c */
	struct toe_req *head, *tail;	/* receive requests; head may be partly filled (done) */
	uint32_t nreqs;
	bool     busy;			/* an indication waits for its verdict */
	bool     refused;		/* nothing is indicated until a request is posted */
	/* PEER_CLOSED has been raised, or was known before import */
	bool     closed;
	uint32_t ind_no, ind_len;
	/* bytes at the front of the buffer that came as BufferedData */
	uint32_t old_bytes;
};

struct toe_keep {			/* keep.c, validate.c */
	uint32_t probes;
	bool     bra;			/* validation period after an in-window RST (BRA-4) */
	bool     bra_timer;		/* mitigation started the timer (BRA-13) */
	bool     syn_challenged;
	uint64_t syn_challenge_at;
};

struct toe_out {			/* output.c */
	bool rst;
	struct toe_req *rst_req;	/* abortive disconnect that waits for the RST to leave */
	bool keep_probe, wnd_probe, tlp_probe;
};

struct toe_conn {
	struct toe *t;
	struct toe_path *p;
	struct toe_link all;		/* in toe.conns */
	struct toe_link path_link;	/* in toe_path.conns */
	struct toe_link ev_link;	/* in a queue's ready or waiting */
	struct toe_link out_link;	/* in a queue's out */
	struct toe_conn *hash_next;
	bool in_hash;
	bool ev_waiting;		/* in the waiting list */

	enum toe_phase phase;
	enum toe_tcp_state state;
	bool rx_off;			/* segments go to the raw path */
	/* send nothing any more except an owed ACK and an RST */
	bool tx_off;
	bool dlv_off;			/* nothing is delivered any more */
	bool aborted;			/* RST received, or abortive disconnect */
	bool invalid;
	bool asked;			/* Retrieve with a mandatory reason has been raised */

	struct toe_tcp_const k;
	struct toe_tcp_cached cached;
	struct toe_snd snd;
	struct toe_rcv rcv;
	struct toe_rec rec;
	struct toe_dlv dlv;
	struct toe_keep keep;
	struct toe_out out;
	struct toe_sack sack;
	struct toe_rtt rtt;
	struct toe_cc cc;
	uint32_t ts_delta, last_ts;
	uint64_t ts_unit;		/* nanoseconds per timestamp tick */

	uint64_t tmr[TOE_TMRS];		/* deadlines */
	uint64_t heap_key;
	uint32_t heap_pos;		/* 1-based; 0: not in the heap */
	/* out of the heap; REXMT, KEEP and TLP are kept for the export */
	bool frozen;
	uint32_t rexmt_in, keep_in, tlp_in, delack_in;	/* as imported, ticks */

	/* queue.c, event.c, end.c: finished requests and markers, in order */
	struct toe_req *ev_head, *ev_tail;
	struct toe_req ev_closed, ev_aborted, ev_retrieve, ev_backlog;
	bool closed_queued, aborted_queued, retrieve_queued, backlog_queued;
	uint32_t retrieve_reason;
};

struct toe {
	struct toe_config cfg;
	struct toe_ops ops;
	void *opaque;
	struct toe_params params;
	uint64_t tick_ns;
	uint64_t now;
	uint16_t ip_id;
	uint32_t nconns, npaths, nneighs;
	struct toe_link conns, neighs, nce;
	struct toe_queue q[TOE_MAX_QUEUES];
	struct toe_conn **hash;
	uint32_t hash_mask;
	uint32_t hash_seed[3];
	struct toe_conn **heap;		/* heap[1 .. heap_len] */
	uint32_t heap_len;
	struct toe_stats stats;
};

#endif /* TOE_INTERNAL_H */
