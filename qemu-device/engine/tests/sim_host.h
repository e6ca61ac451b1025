/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_host.h - one end of a simulated connection: two engines, a host that moves the connection
 * into and out of them, and a program that writes and reads a stream. sim_host.c drives the engines
 * and their events, sim_ops.c is what they call, sim_app.c the program, sim_move.c the hand-over,
 * sim_side.c all the rest.
 */
#ifndef TOE_SIM_HOST_H
#define TOE_SIM_HOST_H

#include "include/toe.h"
#include "wire.h"
#include "tests/sim.h"

#define HOST_ENGINES	2
#define HOST_MAX_SENDS	24
#define HOST_MAX_RECVS	6
#define HOST_MAX_HELD	200

/* A send request, or the disconnect: bytes pos .. pos + r.len of the stream. */
struct host_send {
	struct toe_req r;
	struct host_send *next;
	uint64_t pos;
	bool with_engine;
};

struct host_recv {
	struct toe_req r;
	struct host_recv *next;
	uint8_t *buf;
};

struct host;

struct host_engine {
	struct host *h;
	struct toe *t;
	struct toe_path *path;
	struct toe_neigh *neigh, *second;
	bool on_second;		/* the path depends on the second neighbor */
	uint64_t clock;		/* its time is virtual time plus this */
	unsigned queues;
	bool blocked[TOE_MAX_QUEUES];
};

enum host_phase {
	HOST_LIVE,		/* an engine has the connection */
	HOST_STOPPING,		/* the upload is under way */
	HOST_AWAY,		/* the host has it */
	HOST_GONE,		/* closed; in TIME_WAIT if that is the state */
};

enum host_mode { READ_INDICATED, READ_POSTED, READ_NOTHING };

struct host {
	struct sim_end end;
	struct sim *sim;
	struct host_engine engine[HOST_ENGINES];
	unsigned cur, queue;
	struct toe_conn *conn;
	enum host_phase phase;
	bool retrieve;		/* the engine asked for the upload */
	uint32_t moves;		/* hand-overs so far */
	uint32_t mtu;		/* of its path now */

	/* writing */
	struct host_send *sends, **sends_end;
	unsigned nsends;
	uint64_t written;	/* bytes in requests so far */
	bool close_given;	/* a graceful disconnect is in the list, or the FIN was sent */
	bool fin_acked;

	/* reading */
	struct host_recv *recvs, **recvs_end;
	unsigned nrecvs;
	uint64_t pos;		/* bytes of the peer's stream that arrived */
	enum host_mode mode;
	uint64_t mode_until;
	bool rearm;		/* the engine is silent until a request is posted */
	bool peer_closed;	/* told by an event, or by an exported state and all is read */
	bool fin_received;	/* an exported state said so */
	bool verdict_due;
	uint64_t verdict_at;
	struct toe_event ind;

	/* what the host keeps while it has the connection */
	struct toe_tcp_const k;
	struct toe_tcp_cached cached;
	struct toe_tcp_delegated d;
	uint64_t since;		/* when it came back */
	uint64_t back_at;	/* when it goes into an engine again */
	uint8_t *buffered;
	uint32_t buffered_len;
	struct sim_frame *held, **held_end;
	unsigned nheld;

	uint64_t next_action;
	uint64_t next_move;
};

static inline uint64_t host_clock(const struct host *h, unsigned e)
{
	return h->sim->now + h->engine[e].clock;
}

static inline uint64_t host_now(const struct host *h)
{
	return host_clock(h, h->cur);
}

/* sim_ops.c */
extern const struct toe_ops host_ops;

/* sim_app.c */
void app_act(struct host *h);
void app_indicated(struct host *h, const struct toe_event *ev);
void app_verdict(struct host *h);
void app_received(struct host *h, struct host_recv *r);
void app_take(struct host *h, const uint8_t *p, uint32_t len, uint32_t seq);
void app_forget_indication(struct host *h);
void app_post(struct host *h, bool empty);

/* sim_move.c */
void move_first(struct host *h);	/* the connection as it is right after the handshake */
void move_begin(struct host *h);
void move_act(struct host *h);		/* whatever the hand-over is waiting for */
void move_hold(struct host *h, const struct sim_frame *f);
void move_free_held(struct host *h);

/* sim_side.c */
void side_act(struct host *h);
void side_attack(struct host *h);	/* a forged segment arrives */

/* sim_host.c */
void host_give(struct host *h, struct host_send *s);	/* hand a request to the engine */

#endif /* TOE_SIM_HOST_H */
