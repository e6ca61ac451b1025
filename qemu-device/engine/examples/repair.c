/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * repair.c - sockets in repair mode. Linux exports a connection's whole state except the peer's
 * last timestamp (TS.Recent), which the next segment brings, its loss state, and its timers.
 */
#include <arpa/inet.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "repair.h"

#define GET(fd, opt, v) get(fd, opt, &(v), sizeof(v))
#define IDLE	UINT32_MAX	/* a timer that does not run */

enum { OPT_MSS = 2, OPT_WSCALE = 3, OPT_SACK = 4, OPT_TIMESTAMPS = 8 };

static void get(int fd, int opt, void *value, socklen_t size)
{
	TRY(getsockopt(fd, IPPROTO_TCP, opt, value, &size));
}

static void set(int fd, int opt, uint32_t value)
{
	TRY(setsockopt(fd, IPPROTO_TCP, opt, &value, sizeof(value)));
}

static void take_windows(int fd, struct toe_tcp_delegated *d)
{
	struct tcp_repair_window w;
	struct tcp_info i;

	GET(fd, TCP_REPAIR_WINDOW, w);
	GET(fd, TCP_INFO, i);
	d->rcv_wnd = w.rcv_wup + w.rcv_wnd - d->rcv_nxt;
	d->snd_wnd = w.snd_wnd;
	d->max_snd_wnd = w.max_window;
	d->snd_wl1 = w.snd_wl1;
	d->cwnd = i.tcpi_snd_cwnd * i.tcpi_snd_mss;
	d->ssthresh = i.tcpi_snd_ssthresh < 65536 ? i.tcpi_snd_ssthresh * i.tcpi_snd_mss : IDLE;
	d->srtt_us = i.tcpi_rtt * 8;
	d->rttvar_us = i.tcpi_rttvar * 4;
}

static void take_agreed(int fd, struct toe_tcp_const *c)
{
	struct tcp_info i;
	int mss;

	GET(fd, TCP_INFO, i);
	GET(fd, TCP_MAXSEG, mss);
	c->flags = i.tcpi_options & (TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK | TCPI_OPT_WSCALE);
	c->snd_wscale = i.tcpi_snd_wscale;
	c->rcv_wscale = i.tcpi_rcv_wscale;
	c->remote_mss = (uint16_t)mss;
}

void repair_take(int fd, struct repair *r)
{
	struct toe_tcp_delegated *d = &r->vars;
	socklen_t size = sizeof(r->local);
	int unread, unacked, unsent;

	*r = (struct repair){ .vars = { .state = TOE_ESTABLISHED, .rexmit_timeout_delta = IDLE,
					.ka_timeout_delta = IDLE, .tlp_timeout_delta = IDLE } };
	TRY(getsockname(fd, (struct sockaddr *)&r->local, &size));
	TRY(getpeername(fd, (struct sockaddr *)&r->remote, &size));
	TRY(ioctl(fd, SIOCINQ, &unread));
	if (unread)
		errx(1, "%d bytes are unread", unread);
	set(fd, TCP_REPAIR, TCP_REPAIR_ON);
	set(fd, TCP_REPAIR_QUEUE, TCP_RECV_QUEUE);
	GET(fd, TCP_QUEUE_SEQ, d->rcv_nxt);
	set(fd, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE);
	GET(fd, TCP_QUEUE_SEQ, r->write_seq);
	TRY(ioctl(fd, SIOCOUTQ, &unacked));
	TRY(ioctl(fd, SIOCOUTQNSD, &unsent));
	d->snd_una = r->write_seq - (uint32_t)unacked;
	d->snd_max = d->snd_nxt = r->write_seq - (uint32_t)unsent;
	take_windows(fd, d);
	take_agreed(fd, &r->agreed);
	r->agreed.local_port = ntohs(r->local.sin_port);
	r->agreed.remote_port = ntohs(r->remote.sin_port);
	if (r->agreed.flags & TOE_TIMESTAMPS)
		GET(fd, TCP_TIMESTAMP, d->ts_time);
	close(fd);
}

static void give_options(int fd, const struct toe_tcp_const *c)
{
	struct tcp_repair_opt o[4] = { { OPT_MSS, c->remote_mss } };
	socklen_t n = 1;

	if (c->flags & TOE_WSCALE)
		o[n++] = (struct tcp_repair_opt){
			OPT_WSCALE, c->snd_wscale | (uint32_t)c->rcv_wscale << 16 };
	if (c->flags & TOE_SACK)
		o[n++].opt_code = OPT_SACK;
	if (c->flags & TOE_TIMESTAMPS)
		o[n++].opt_code = OPT_TIMESTAMPS;
	TRY(setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_OPTIONS, o, n * (socklen_t)sizeof(o[0])));
}

int repair_give(const struct repair *r, const void *unacked)
{
	const struct toe_tcp_delegated *d = &r->vars;
	struct tcp_repair_window w = {
		.snd_wl1 = d->snd_wl1, .snd_wnd = d->snd_wnd, .max_window = d->max_snd_wnd,
		.rcv_wnd = d->rcv_wnd, .rcv_wup = d->rcv_nxt };
	uint32_t in_flight = d->snd_max - d->snd_una;
	int fd = (int)TRY(socket(AF_INET, SOCK_STREAM, 0));

	set(fd, TCP_REPAIR, TCP_REPAIR_ON);
	TRY(bind(fd, (const struct sockaddr *)&r->local, sizeof(r->local)));
	set(fd, TCP_REPAIR_QUEUE, TCP_RECV_QUEUE);
	set(fd, TCP_QUEUE_SEQ, d->rcv_nxt);
	set(fd, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE);
	set(fd, TCP_QUEUE_SEQ, d->snd_una);
	TRY(connect(fd, (const struct sockaddr *)&r->remote, sizeof(r->remote)));
	give_options(fd, &r->agreed);
	if (r->agreed.flags & TOE_TIMESTAMPS)
		set(fd, TCP_TIMESTAMP, d->ts_time);
	if (TRY(send(fd, unacked, in_flight, MSG_DONTWAIT)) != in_flight)
		errx(1, "the socket does not take what is in flight");
	TRY(setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, &w, sizeof(w)));
	set(fd, TCP_REPAIR, TCP_REPAIR_OFF);
	return fd;
}
