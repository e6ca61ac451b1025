/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * handover - the engine alone against a real Linux peer: two-hosts handover <FILE >COPY
 *
 * Descriptors 3 and 4 are the taps of two hosts, this one and a peer that echoes what it gets; the
 * program is the wire between them. A socket sends the first third of the bytes. Then, in full
 * flow, TCP_REPAIR moves its connection into the engine, which sends the second third. TCP_REPAIR
 * then moves what the engine hands back into another socket, which sends the rest.
 */
#include <arpa/inet.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "repair.h"
#include "toe.h"

enum { HERE = 3, PEER = 4 };

static uint8_t in[64 << 20], back[sizeof(in) + 1];	/* standard input; what has come back */
static uint32_t total, sent, got, first_seq;	/* first_seq: the sequence number of in[0] */
static int fd;					/* the socket, while it has the connection */
static struct toe *engine;
static struct toe_conn *conn;			/* while the engine has it */
static struct repair state;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void *op_alloc(void *opaque, size_t size)
{
	return opaque ? NULL : calloc(1, size);
}

static void op_free(void *opaque, void *p, size_t size)
{
	(void)opaque;
	(void)size;
	free(p);
}

static uint32_t op_random(void *opaque)
{
	return opaque ? 0 : (uint32_t)random();
}

/* A request's cookie is the place of its bytes in in[]; the kernel finishes the checksum. */
static bool op_emit(void *opaque, const struct toe_frame *f)
{
	struct virtio_net_hdr h = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				    .csum_start = f->l4_off, .csum_offset = 16 };
	struct iovec v[TOE_MAX_PIECES + 2] = { { &h, sizeof(h) },
					       { (void *)f->header, f->header_len } };
	int n = 2;

	for (const struct toe_piece *p = f->pieces; p < f->pieces + f->npieces; p++)
		v[n++] = (struct iovec){ in + p->req->cookie + p->off, p->len };
	TRY(writev(PEER, v, n));
	return !opaque;		/* which is NULL: there is one engine */
}

static void keep(const uint8_t *span[2], const uint32_t len[2])
{
	for (int i = 0; i < 2 && len[i]; got += len[i++])
		memcpy(back + got, span[i], len[i]);
}

/* Run after each turn of frames: timers, events, frames to send. */
static void run_engine(void)
{
	struct toe_event ev;

	toe_tick(engine, now());
	while (toe_poll(engine, 0, UINT32_MAX, &ev)) {
		if (ev.type == TOE_EV_INDICATE) {
			keep(ev.span, ev.span_len);
			toe_verdict(conn, ev.indication, ev.span_len[0] + ev.span_len[1], now());
		} else if (ev.type >= TOE_EV_PEER_CLOSED && ev.type <= TOE_EV_RETRIEVE) {
			errx(1, "the connection ends: event %d", (int)ev.type);
		}
	}
	while (toe_output(engine, 0, now(), 64))
		;
}

/* Carry one host's frames to the other, except those from the peer that the engine takes. */
static void carry(int from)
{
	static struct { struct virtio_net_hdr h; uint8_t frame[2048]; } f;
	ssize_t n;

	while ((n = read(from, &f, sizeof(f))) > 0) {
		struct toe_rx rx = { .data = f.frame, .len = (uint32_t)((size_t)n - sizeof(f.h)) };

		if (from == HERE || !conn || toe_input(engine, &rx, now()) == TOE_RX_RAW)
			TRY(write(HERE + PEER - from, &f, (size_t)n));
	}
}

static void turn(void)
{
	poll((struct pollfd[]){ { HERE, POLLIN, 0 }, { PEER, POLLIN, 0 } }, 2, 5);
	carry(HERE);
	carry(PEER);
	if (conn)
		run_engine();
}

/* Use the socket until so many bytes have been sent and so many have come back. */
static void by_socket(uint32_t send_to, uint32_t receive_to)
{
	while (sent < send_to || got < receive_to) {
		ssize_t n = send(fd, in + sent, send_to - sent, MSG_DONTWAIT);

		sent += n > 0 ? (uint32_t)n : 0;
		turn();
		n = recv(fd, back + got, sizeof(back) - got, MSG_DONTWAIT);
		got += n > 0 ? (uint32_t)n : 0;
	}
}

/* Move the socket's connection into the engine, which sends in[] up to send_to. */
static void hand_over(uint32_t send_to)
{
	static const struct toe_ops ops = { op_alloc, op_free, op_random, op_emit, NULL };
	static struct toe_req old, new;	/* what has left the socket or was about to; the rest */
	struct toe_config cfg = { .max_conns = 1, .max_paths = 1, .max_neighs = 1, .max_sends = 2,
		.max_recvs = 1, .max_rcv_wnd = 16 << 20, .max_mtu = 1500, .queues = 1 };
	struct toe_neigh_state macs = { .src_mac = { 2, [5] = 1 }, .dst_mac = { 2, [5] = 2 } };
	struct toe_path_state ip = { .src = { 10, 9, 0, 1 }, .dst = { 10, 9, 0, 2 }, .mtu = 1500 };
	struct toe_tcp_cached cached = { .flags = TOE_NAGLE, .ttl = 64 };
	struct toe_neigh *neigh;
	struct toe_path *path;

	repair_take(fd, &state);
	first_seq = state.write_seq - sent;
	old = (struct toe_req){ .kind = TOE_REQ_SEND, .len = state.write_seq - state.vars.snd_una,
				.cookie = state.vars.snd_una - first_seq };
	new = (struct toe_req){ .kind = TOE_REQ_SEND, .len = send_to - sent, .cookie = sent };
	cached.initial_rcv_wnd = state.vars.rcv_wnd;
	engine = toe_create(&cfg, &ops, NULL);
	if (!engine || toe_neigh_create(engine, &macs, 0, now(), &neigh) ||
	    toe_path_create(engine, neigh, &ip, &path) ||
	    toe_conn_import(engine, path, &state.agreed, &cached, &state.vars, 0, now(), &conn) ||
	    toe_conn_import_send(conn, &old) || toe_conn_start(conn, now()))
		errx(1, "the engine refuses the connection");
	toe_send(conn, &new, now());
	fprintf(stderr, "handed over: %u bytes sent, %u received\n", sent, got);
}

/* Move it to another socket, with the data that the peer has not acknowledged. */
static void hand_back(void)
{
	const uint8_t *span[2];
	uint32_t len[2];

	toe_conn_stop(conn, TOE_STOP_RETURN, now());
	while (!toe_conn_stopped(conn))
		run_engine();
	toe_conn_query(conn, NULL, NULL, &state.vars, now());
	toe_conn_buffered(conn, span, len);
	keep(span, len);
	toe_conn_destroy(conn);
	conn = NULL;
	toe_destroy(engine);
	fd = repair_give(&state, in + (state.vars.snd_una - first_seq));
	sent = state.vars.snd_max - first_seq;
	fprintf(stderr, "handed back: %u bytes sent, %u received\n", sent, got);
}

int main(void)
{
	struct sockaddr_in peer = { AF_INET, htons(7), { inet_addr("10.9.0.2") }, { 0 } };

	total = (uint32_t)fread(in, 1, sizeof(in), stdin);
	fd = (int)TRY(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	connect(fd, (struct sockaddr *)&peer, sizeof(peer));	/* done once frames are carried */
	by_socket(total / 3, 0);
	hand_over(total / 3 * 2);
	while (got < total / 2)
		turn();
	hand_back();
	by_socket(total, total);
	shutdown(fd, SHUT_WR);
	while (recv(fd, back + got, 1, MSG_DONTWAIT))	/* until the peer's FIN */
		turn();
	carry(HERE);
	return fwrite(back, 1, got, stdout) != total;
}
