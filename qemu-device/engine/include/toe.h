/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * toe.h - the whole public interface of the TCP engine.
 *
 * The engine runs TCP connections that somebody else has established and may want
 * back. It is sans-IO: frames, commands and the time go in; frames, payload moves
 * and an event list come out, and it says when it wants to be called next. It has
 * no clock, no threads, no locks, no I/O and no allocation policy of its own, and
 * it knows nothing of rings, guests or QEMU.
 *
 * Rules for the host of the engine
 *  - one caller at a time; nothing here locks;
 *  - time is nanoseconds of one monotonic clock, and never goes back between calls;
 *  - callbacks in struct toe_ops must not call back into the engine;
 *  - objects are only created and destroyed by calls made from outside;
 *  - a struct toe_req belongs to the engine from the call that hands it over until
 *    it comes back exactly once: in a completion event or from toe_conn_take_sends().
 *
 * Nothing that a frame, a command or an imported state can hold reaches an assertion.
 * Names are RFC 9293's; VAR-, OSD- ... are requirement ids of spec/requirements.md.
 */
#ifndef TOE_H
#define TOE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct toe;		/* an engine: one per device */
struct toe_neigh;	/* a neighbor object */
struct toe_path;	/* a path object; depends on a neighbor */
struct toe_conn;	/* a TCP object; depends on a path */

#define TOE_NO_DEADLINE	UINT64_MAX
#define TOE_MAX_QUEUES	16
#define TOE_MAX_PIECES	64		/* payload pieces of one emitted frame */
#define TOE_MAX_HEADER	128		/* Ethernet + VLAN + IP + TCP with options */
#define TOE_MAX_INDICATION (256u << 10)	/* bytes of one indication */

enum toe_status {
	TOE_OK = 0,
	TOE_NO_MEMORY,		/* the ops could not allocate */
	TOE_TOO_MANY,		/* a limit of struct toe_config is reached */
	TOE_DUPLICATE,		/* the tuple is taken already */
	TOE_BAD_STATE,		/* TCP state not allowed (STA-13), or request after FIN (RRQ-20) */
	TOE_BAD_SEQUENCE,	/* sequence numbers contradict each other (SEC-4) */
	TOE_BAD_FIELD,		/* a value out of range */
	TOE_BAD_MTU,		/* path MTU larger than the engine's */
	TOE_BAD_WINDOW,		/* receive window larger than the engine's */
	TOE_IN_USE,		/* object has dependents */
	TOE_UPLOADING,		/* UPLOAD_IN_PROGRESS */
	TOE_ABORTED,		/* REQUEST_ABORTED */
};

enum toe_tcp_state {	/* values of VAR-D1 */
	TOE_CLOSED = 0, TOE_LISTEN, TOE_SYN_SENT, TOE_SYN_RCVD, TOE_ESTABLISHED, TOE_FIN_WAIT1,
	TOE_FIN_WAIT2, TOE_CLOSE_WAIT, TOE_CLOSING, TOE_LAST_ACK, TOE_TIME_WAIT,
};

/* ------------------------------------------------------------- host callbacks */

/* A part of a send request that goes into a frame. */
struct toe_piece {
	struct toe_req *req;
	uint32_t off;		/* bytes from the start of the request */
	uint32_t len;
};

/*
 * A frame to send. header holds everything before the payload; the TCP checksum field holds the
 * pseudo-header sum.
 */
struct toe_frame {
	const uint8_t *header;
	uint32_t header_len;
	uint16_t l3_off;	/* of the IP header */
	uint16_t l4_off;	/* of the TCP header: csum_start; csum_offset is 16 */
	uint16_t gso_size;	/* payload bytes per segment, 0: a single segment */
	bool ipv6;
	bool ecn;
	uint8_t queue;
	uint8_t npieces;
	uint32_t payload_len;	/* sum of the pieces */
	const struct toe_piece *pieces;
	uint64_t cookie;	/* of the connection */
};

struct toe_ops {
	/* Zeroed memory or NULL. Only for toe_create, *_create, toe_conn_import and _update. */
	void *(*alloc)(void *opaque, size_t size);
	void (*free)(void *opaque, void *p, size_t size);
	uint32_t (*random)(void *opaque);
	/*
	 * Send a frame. true: it has left or is queued in order, and its payload is not read again.
	 * false: nothing happened; the engine emits nothing on that queue until toe_writable().
	 */
	bool (*emit)(void *opaque, const struct toe_frame *f);
	/* Put received bytes into a receive request at off; the request has room. */
	void (*place)(void *opaque, struct toe_req *req, uint32_t off, const uint8_t *src,
		      uint32_t len);
};

struct toe_config {
	uint32_t max_conns, max_paths, max_neighs;
	uint32_t max_rcv_wnd;		/* bytes, VAR-K2 at most */
	uint32_t max_buffered;		/* bytes of BufferedData at import */
	uint32_t max_sends, max_recvs;	/* requests outstanding per connection */
	uint32_t max_mtu;		/* bytes */
	uint32_t max_gso;		/* payload bytes of one emitted frame; 0: no large frames */
	uint8_t  queues;		/* 1..TOE_MAX_QUEUES */
	uint8_t  mac[6];		/* the interface's */
	/*
	 * For this long after toe_conn_start() a gap is not reported at once: segments that came
	 * before the take-over are still on their way through toe_forward(). Nanoseconds, 0: no
	 * grace.
	 */
	uint64_t takeover_grace;
	uint16_t ip_id_start;		/* first IPv4 ID (SND-19), 0x8000..0xFFFF; 0: random */
	uint64_t now;
};

/* PRM-1 .. PRM-9. Ticks are 1/ticks_per_second seconds. */
struct toe_params {
	uint32_t ticks_per_second;	/* 10, 100 or 1000 */
	uint8_t  ack_frequency;		/* segments */
	uint8_t  delayed_ack_ticks;
	uint8_t  max_retransmissions;
	uint8_t  doubt_retransmissions;
	uint32_t sws_prevention_ticks;
	uint32_t dup_ack_threshold;
	uint32_t push_ticks;
	uint32_t nce_stale_ticks;
};

/* ------------------------------------------------------------- the engine */

/*
 * NULL if memory is short or the config is out of range. Parameters start at Windows' and RFC
 * defaults.
 */
struct toe *toe_create(const struct toe_config *cfg, const struct toe_ops *ops, void *opaque);
/* Every connection must be destroyed first; paths and neighbors go with it. */
void toe_destroy(struct toe *t);
/* Drop everything at once, as a device reset does: no frame, no event, no request returned. */
void toe_reset(struct toe *t);
enum toe_status toe_set_params(struct toe *t, const struct toe_params *p);
const struct toe_params *toe_get_params(const struct toe *t);

/* Expire timers due at now. */
void toe_tick(struct toe *t, uint64_t now);
/* When to call toe_tick next, or TOE_NO_DEADLINE. */
uint64_t toe_next_deadline(const struct toe *t);
/*
 * Emit what a queue's connections have pending: ACKs, data, probes. At most max_frames frames.
 * Returns true if more could be sent now. Call after any batch of input, commands or ticks.
 */
bool toe_output(struct toe *t, unsigned queue, uint64_t now, unsigned max_frames);
/* The backend of a queue takes frames again. */
void toe_writable(struct toe *t, unsigned queue);

/* ------------------------------------------------------------- frames in */

struct toe_rx {
	const uint8_t *data;	/* Ethernet frame, contiguous */
	uint32_t len;
	bool csum_ok;		/* TCP checksum verified, or known good (local, partial checksum) */
	uint16_t gso_size;	/* a large frame made of segments of this size; 0: one segment */
};

enum toe_verdict_rx {
	TOE_RX_TAKEN,		/* consumed (or rightly dropped) by the target */
	TOE_RX_RAW,		/* not the target's: deliver by the raw path */
};

enum toe_verdict_rx toe_input(struct toe *t, const struct toe_rx *rx, uint64_t now);

/* ------------------------------------------------------------- neighbors and paths */

struct toe_neigh_state {
	uint8_t  src_mac[6];	/* const; zero: the interface's */
	uint16_t vlan_id;	/* const */
	uint8_t  dst_mac[6];	/* cached */
	uint32_t hrd;		/* cached, ticks */
	uint32_t nrd;		/* delegated, ticks */
};

struct toe_path_state {
	bool     ipv6;
	uint8_t  src[16], dst[16];	/* const, network order; IPv4 in the first 4 bytes */
	uint32_t mtu;			/* cached, bytes */
};

enum toe_status toe_neigh_create(struct toe *t, const struct toe_neigh_state *s, uint64_t cookie,
				 uint64_t now, struct toe_neigh **out);
/* TOE_IN_USE while paths depend on it. */
enum toe_status toe_neigh_destroy(struct toe_neigh *n);
/* UPD-4, UPD-16 */
void toe_neigh_update(struct toe_neigh *n, const uint8_t dst_mac[6], uint32_t hrd, uint64_t now);
void toe_neigh_answer(struct toe_neigh *n, uint32_t hrd, uint64_t now);			/* NCE-9 */
/* INV-4 .. INV-6 */
void toe_neigh_invalidate(struct toe_neigh *n, uint64_t now);
/* QRY-7 */
void toe_neigh_query(const struct toe_neigh *n, struct toe_neigh_state *s, uint64_t now);

enum toe_status toe_path_create(struct toe *t, struct toe_neigh *n, const struct toe_path_state *s,
				struct toe_path **out);
enum toe_status toe_path_destroy(struct toe_path *p);
enum toe_status toe_path_update(struct toe_path *p, uint32_t mtu);
void toe_path_relink(struct toe_path *p, struct toe_neigh *n);				/* UPD-13 */
void toe_path_invalidate(struct toe_path *p, uint64_t now);
void toe_path_query(const struct toe_path *p, struct toe_path_state *s);

/* ------------------------------------------------------------- connections */

enum toe_const_flags {
	TOE_TIMESTAMPS = 1, TOE_SACK = 2, TOE_WSCALE = 4,
	TOE_TS_USEC = 8,	/* the timestamp clock is in microseconds, else in params' ticks */
};

struct toe_tcp_const {
	uint32_t flags;
	uint16_t remote_port, local_port;	/* host order */
	uint8_t  snd_wscale, rcv_wscale;	/* 0..14 */
	uint16_t remote_mss;			/* bytes, 0: 536 */
	uint32_t hash;
	uint8_t  queue;				/* pair of the connection */
	uint64_t cookie;
};

enum toe_cached_flags {
	TOE_KEEPALIVE = 1, TOE_NAGLE = 2,
	TOE_KA_RESTART = 4, TOE_MAXRT_RESTART = 8, TOE_UPDATE_RCV_WND = 16,	/* update only */
};

struct toe_tcp_cached {
	uint32_t flags;
	uint8_t  ka_probe_count, ttl, tos, user_priority;
	uint32_t initial_rcv_wnd;	/* bytes */
	uint32_t rcv_ind_size;		/* bytes */
	uint32_t ka_timeout, ka_interval, max_rt;	/* ticks */
	uint32_t flow_label;
};

/* VAR-D1 .. VAR-D29. Times are in params' ticks, saturated; TimeoutDelta 0xffffffff = idle. */
struct toe_tcp_delegated {
	enum toe_tcp_state state;
	uint32_t rcv_nxt, rcv_wnd;
	uint32_t snd_una, snd_nxt, snd_max, snd_wnd, max_snd_wnd, snd_wl1;
	uint32_t cwnd, ssthresh;
	uint16_t srtt, rttvar;		/* ticks x 8, ticks x 4 */
	uint32_t srtt_us, rttvar_us;	/* microseconds x 8, x 4; 0: use srtt, rttvar */
	uint32_t ts_recent, ts_recent_age, ts_time;
	uint32_t last_ts_val;		/* export only: of the last segment sent, or ts_time */
	uint32_t total_rt;
	uint8_t  dup_ack_count, snd_wnd_probe_count, ka_probe_count, rexmit_count;
	uint32_t ka_timeout_delta, rexmit_timeout_delta;
	/* for the tail loss probe; for an owed ACK, 0: at once */
	uint32_t tlp_timeout_delta, delack_timeout_delta;
	uint32_t idle_time;		/* since the peer's last acceptable segment */
	uint32_t send_backlog_size, receive_backlog_size;	/* export only */
	uint32_t rexmit_segments;	/* export only: retransmitted since import */
	bool     fin_received, fin_sent;	/* export only: rcv_nxt, snd_max count a FIN */
};

/*
 * A host request: a send, a disconnect's data, or a receive buffer. The host embeds it in its own
 * structure, which holds the scatter list and must live until the request comes back.
 */
enum toe_req_kind { TOE_REQ_SEND, TOE_REQ_RECV, TOE_REQ_DISCONNECT };

enum toe_req_flags {
	TOE_SEND_MORE = 1, TOE_SEND_PUSH = 2,		/* TOE_REQ_SEND */
	TOE_RECV_NONPUSH = 4,				/* TOE_REQ_RECV */
	TOE_DISC_GRACEFUL = 8, TOE_DISC_ABORTIVE = 16,	/* TOE_REQ_DISCONNECT */
};

struct toe_req {
	/* set by the host */
	enum toe_req_kind kind;
	uint32_t flags;
	uint32_t len;		/* bytes */
	uint32_t prefilled;	/* RECV: bytes already in it (RRQ-14) */
	uint64_t cookie;
	/* set by the engine when it comes back */
	enum toe_status status;
	uint32_t done;		/* bytes acknowledged, or valid in a receive request */
	uint32_t rcv_seq;	/* RECV: sequence number of the first byte placed */
	bool     push;		/* RECV: last byte came with PSH */
	uint32_t done_buffered;	/* RECV: bytes of it that came as BufferedData */
	/* the engine's own */
	struct toe_req *next;
	uint32_t seq;		/* sequence number of the first byte */
};

/*
 * Take a connection over, in two steps, so that a failure leaves no trace (INI-6). Import checks
 * every field and reserves all memory the connection will ever need (initiate is the only
 * out-of-memory case); the connection is not live yet. Then add its outstanding sends in order and
 * its buffered receive data, and start it, or discard it.
 */
enum toe_status toe_conn_import(struct toe *t, struct toe_path *p, const struct toe_tcp_const *c,
				const struct toe_tcp_cached *k, const struct toe_tcp_delegated *d,
				uint32_t buffered_len, uint64_t now, struct toe_conn **out);
/* Add outstanding send data, oldest first; the first byte of the first is SND.UNA (OSD-7). */
enum toe_status toe_conn_import_send(struct toe_conn *c, struct toe_req *req);
/*
 * Returns where to put the buffered_len bytes of BufferedData, which end at RCV.NXT - 1: at most
 * two spans (second NULL if unused).
 */
void toe_conn_import_buffered(struct toe_conn *c, uint8_t *span[2], uint32_t span_len[2]);
/*
 * Check the sends against SND.UNA .. SND.MAX and go live: lookup, timers, output (INI-3). On error
 * nothing has started.
 */
enum toe_status toe_conn_start(struct toe_conn *c, uint64_t now);
/* Undo import before start; the engine forgets the sends given. */
void toe_conn_discard(struct toe_conn *c);

enum toe_status toe_conn_update(struct toe_conn *c, const struct toe_tcp_cached *k, uint64_t now);
void toe_conn_invalidate(struct toe_conn *c, uint64_t now);
/* The current value of every variable; any output may be NULL (QRY-2). No side effect. */
void toe_conn_query(const struct toe_conn *c, struct toe_tcp_const *k, struct toe_tcp_cached *k2,
		    struct toe_tcp_delegated *d, uint64_t now);

/* Upper bounds of what a stop at this moment would hand back: requests, bytes of BufferedData. */
void toe_conn_bounds(const struct toe_conn *c, uint32_t *sends, uint32_t *buffered);

enum toe_stop_sends {		/* TRM-16 */
	TOE_STOP_RETURN,	/* hand all unacknowledged requests back */
	TOE_STOP_COMPLETE,	/* complete them with TOE_UPLOADING */
	TOE_STOP_MIX,		/* complete the first half of them, hand the rest back */
};

/*
 * Begin the upload. The connection leaves the lookup (later segments are TOE_RX_RAW, TRM-30), an
 * open indication counts as refused (M-12), receive requests and disconnects complete with
 * TOE_UPLOADING, out-of-order data is dropped (TRM-33), an owed ACK is queued (TRM-32). Then drain
 * events and call toe_output until toe_conn_stopped().
 */
void toe_conn_stop(struct toe_conn *c, enum toe_stop_sends how, uint64_t now);
/*
 * On: the right edge of the receive window stays where it is, whatever the host takes (OP-D31), so
 * that a host that must take everything gets no more than one window. Off: the edge is free again,
 * and the peer is told of the room, as after a read.
 */
void toe_conn_hold_edge(struct toe_conn *c, bool on);
/* Whether all events of the connection are polled and its last frame is emitted. */
bool toe_conn_stopped(const struct toe_conn *c);
/*
 * For a stopped connection whose queue takes no frames: stop waiting for it. An owed ACK is not
 * sent; an abortive disconnect whose RST has not left completes with TOE_UPLOADING. False: it was
 * not waiting for the queue.
 */
bool toe_conn_give_up(struct toe_conn *c);
/* Take back a stopped connection's requests, in order, linked by next. */
struct toe_req *toe_conn_take_sends(struct toe_conn *c);
/*
 * A stopped connection's received, acknowledged, undelivered bytes, which end at RCV.NXT - 1.
 * Returns their number.
 */
uint32_t toe_conn_buffered(const struct toe_conn *c, const uint8_t *span[2], uint32_t span_len[2]);
/* Of a stopped connection: free it. */
void toe_conn_destroy(struct toe_conn *c);

uint64_t toe_conn_cookie(const struct toe_conn *c);
unsigned toe_conn_queue(const struct toe_conn *c);

/* ------------------------------------------------------------- data operations */

/*
 * Each always takes the request; its completion reports what is wrong with it. Output happens in
 * toe_output.
 */
void toe_send(struct toe_conn *c, struct toe_req *req, uint64_t now);
void toe_recv(struct toe_conn *c, struct toe_req *req, uint64_t now);
void toe_disconnect(struct toe_conn *c, struct toe_req *req, uint64_t now);
/* Process a TCP segment from its header on (FWD-4); the status is its completion's (FWD-9). */
enum toe_status toe_forward(struct toe_conn *c, const uint8_t *seg, uint32_t len, bool csum_ok,
			    uint64_t now);
/*
 * The host's answer to the open indication: consumed == its length accepts it, 0 refuses it, else
 * it is partly accepted. Any other number or length is TOE_BAD_FIELD and changes nothing.
 */
enum toe_status toe_verdict(struct toe_conn *c, uint32_t indication, uint32_t consumed,
			    uint64_t now);

/* ------------------------------------------------------------- events out */

enum toe_event_type {
	TOE_EV_SEND_DONE,	/* req */
	TOE_EV_RECV_DONE,	/* req */
	TOE_EV_DISCONNECT_DONE,	/* req */
	TOE_EV_INDICATE,	/* span, seq, indication; connection is busy until toe_verdict */
	TOE_EV_PEER_CLOSED,	/* DIS-14 */
	TOE_EV_ABORTED,		/* DIS-16 */
	TOE_EV_RETRIEVE,	/* info: reason 1..11 (UPR) */
	TOE_EV_BACKLOG,		/* info: bytes (EVT-4) */
	TOE_EV_NCE,		/* neigh; info: NRD, info2: HRD, ticks (NCE-6) */
};

struct toe_event {
	enum toe_event_type type;
	struct toe_conn *conn;
	struct toe_neigh *neigh;
	uint64_t cookie;		/* of conn or neigh */
	struct toe_req *req;		/* yours again */
	uint32_t info, info2;
	uint32_t seq;			/* INDICATE: first byte; SEND_DONE: SND.UNA */
	uint32_t cwnd, srtt_us;		/* SEND_DONE */
	uint32_t rcv_rtt_us;		/* RECV_DONE, INDICATE */
	uint32_t indication;		/* number, from 1 on */
	const uint8_t *span[2];		/* INDICATE: the bytes, valid until the verdict */
	uint32_t span_len[2];
	uint32_t buffered;		/* INDICATE: of them, how many came as BufferedData */
	bool push;
};

/*
 * Get a queue's next event, in order per connection; false if there is none. An indication needs
 * ind_room > 0 and holds at most ind_room bytes: connections wait for room without holding up
 * others.
 */
bool toe_poll(struct toe *t, unsigned queue, uint32_t ind_room, struct toe_event *ev);
/* Get the next neighbor event, at most one per neighbor; false if there is none. */
bool toe_poll_nce(struct toe *t, struct toe_event *ev);

/* ------------------------------------------------------------- statistics */

struct toe_ip_stats {		/* CTR-1 .. CTR-10 */
	uint64_t in_receives, in_octets, in_delivers, out_requests, out_octets, in_header_errors,
		 in_truncated, in_discards, out_discards, out_no_routes;
};

struct toe_tcp_stats {		/* CTR-11 .. CTR-17 */
	uint64_t in_segments, out_segments, currently_established, reset_established,
		 retransmitted_segments, in_errors, out_resets;
};

struct toe_stats {
	struct toe_ip_stats ip[2];	/* [0] IPv4, [1] IPv6 */
	struct toe_tcp_stats tcp[2];
	/* received from the wire, each byte once; sent, retransmissions included */
	uint64_t payload_in, payload_out;
	/* BufferedData bytes */
	uint64_t buffered_in, buffered_to_recv, buffered_indicated, buffered_out;
	/* bytes at import (OSD-9 .. 11) */
	uint64_t send_in_unacked, send_in_rexmit, send_in_unsent;
	/* bytes taken back (TRM-20) */
	uint64_t send_back_unacked, send_back_rexmit, send_back_unsent;
	uint64_t retransmitted;		/* segments of either family */
};

enum toe_stats_set {
	TOE_STATS_IP4		= 1u << 0,
	TOE_STATS_IP6		= 1u << 1,
	TOE_STATS_TCP4		= 1u << 2,
	TOE_STATS_TCP6		= 1u << 3,
	TOE_STATS_PAYLOAD	= 1u << 4,	/* payload_in, payload_out */
	TOE_STATS_CASES		= 1u << 5,	/* those below them */
};

void toe_get_stats(const struct toe *t, struct toe_stats *s);
/* Set the counters of sets of enum toe_stats_set to 0. The number of connections stays. */
void toe_reset_stats(struct toe *t, uint32_t sets);

/* For tests: check a connection or the engine. NULL, or a sentence that says what is broken. */
const char *toe_conn_check(const struct toe_conn *c);
const char *toe_check(const struct toe *t);

#endif /* TOE_H */
