// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exports a captured socket (snapshot.c) as state objects (04-state-objects.md): all for
 * INITIATE, the cached variables for UPDATE; and imports what the card returns.
 *
 * Socket owned. For chimdrv_state_cached() slock is enough; age and import need neither.
 */
#include "offload/card/state_export.h"
#include "chimney_abi.h"
#include "compat/clock.h"
#include "offload/card/blocklist.h"
#include "offload/card/room.h"
#include "offload/card/send.h"
#include "offload/card/unread.h"
#include "offload/conn_types.h"
#include "offload/socket/snapshot.h"
#include "offload/socket/state_timers.h"
#include "offload/socket/window.h"

/* ---------------------------------------------------------------------- cached variables */

/* slock or owner. Returns InitialRcvWnd as the target is told. */
u32 chimdrv_state_cached(struct chimdrv_conn *conn, struct chim_tcp_cached *c, bool update)
{
	u32 old = conn->wnd.granted, wnd = chimdrv_window_tell(conn);

	chimdrv_snapshot_options(conn);
	c->hdr.length = cpu_to_le32(sizeof(*c));
	c->flags = cpu_to_le16(conn->told.flags |
			       (update && wnd != old ? CHIM_TCP_UPDATE_RCV_WND : 0));
	c->ka_probe_count = conn->told.ka_probes;
	c->ttl = conn->told.ttl;
	c->tos = conn->told.tos;
	c->user_priority = conn->told.prio;
	c->initial_rcv_wnd = cpu_to_le32(wnd);
	c->ka_timeout = cpu_to_le32(conn->told.ka_time);
	c->ka_interval = cpu_to_le32(conn->told.ka_intvl);
	c->max_rt = cpu_to_le32(conn->told.user_timeout);
	c->flow_label = cpu_to_le32(conn->told.flow_label);
	return wnd;
}

/* ----------------------------------------------------- constant and delegated variables */

static void export_const(struct chimdrv_conn *conn, struct chim_tcp_const *c)
{
	const struct tcp_sock *tp = tcp_sk(conn->sk);
	const struct inet_sock *inet = inet_sk(conn->sk);
	u16 flags = 0;

	if (tp->rx_opt.tstamp_ok)
		flags |= CHIM_TCP_TIMESTAMPS;
	if (tcp_is_sack(tp))
		flags |= CHIM_TCP_SACK;
	if (tp->rx_opt.wscale_ok)
		flags |= CHIM_TCP_WSCALE;
	if (tp->rx_opt.tstamp_ok && chimdrv_compat_usec_ts(tp))
		flags |= CHIM_TCP_TS_USEC;
	c->hdr.length = cpu_to_le32(sizeof(*c));
	c->flags = cpu_to_le16(flags);
	c->remote_port = inet->inet_dport;
	c->local_port = inet->inet_sport;
	if (tp->rx_opt.wscale_ok) {
		c->snd_wscale = tp->rx_opt.snd_wscale;
		c->rcv_wscale = tp->rx_opt.rcv_wscale;
	}
	c->remote_mss = cpu_to_le16(tp->rx_opt.mss_clamp);
	c->hash = cpu_to_le32(conn->hash);
}

static u16 sat16(u64 v)
{
	return min_t(u64, v, U16_MAX);
}

static void export_delegated(struct chimdrv_conn *conn, struct chim_tcp_delegated *d)
{
	const struct chimdrv_tcp_state *s = &conn->final;

	d->hdr.length = cpu_to_le32(sizeof(*d));
	d->state = s->state;
	d->rcv_nxt = cpu_to_le32(s->rcv_nxt);
	d->rcv_wnd = cpu_to_le32(s->rcv_wnd);
	d->snd_una = cpu_to_le32(s->snd_una);
	d->snd_nxt = cpu_to_le32(s->snd_nxt);
	d->snd_max = cpu_to_le32(s->snd_max);
	d->snd_wnd = cpu_to_le32(s->snd_wnd);
	d->max_snd_wnd = cpu_to_le32(s->max_snd_wnd);
	d->snd_wl1 = cpu_to_le32(s->snd_wl1);
	d->cwnd = cpu_to_le32(s->cwnd);
	d->ssthresh = cpu_to_le32(s->ssthresh);
	d->srtt = cpu_to_le16(sat16(DIV_ROUND_UP(s->srtt_us, USEC_PER_SEC / CHIMDRV_TICKS)));
	d->rttvar = cpu_to_le16(sat16(DIV_ROUND_UP(s->rttvar_us, USEC_PER_SEC / CHIMDRV_TICKS)));
	d->srtt_us = cpu_to_le32(s->srtt_us);
	d->rttvar_us = cpu_to_le32(s->rttvar_us);
	d->ts_recent = cpu_to_le32(s->ts_recent);
	d->ts_recent_age = cpu_to_le32(s->ts_recent_age);
	d->ts_time = cpu_to_le32(s->ts_time);
	chimdrv_timers_put(conn->cd, &s->timers, d);
}

/* ---------------------------------------------------------------------- the whole state */

/*
 * Socket owned, captured, valves closed. Write the whole state for node @node of the
 * list. The chain's send requests are then in conn->snd.list, mapped.
 */
int chimdrv_state_export(struct chimdrv_conn *conn, struct chimdrv_blocklist *bl, u32 node,
			 struct chimdrv_room **buffered)
{
	const u32 len = sizeof(struct chim_tcp_const) + sizeof(struct chim_tcp_cached) +
			sizeof(struct chim_tcp_delegated);
	int off = chimdrv_blocklist_reserve(bl, len), err;
	struct chim_tcp_delegated *d;
	u32 d_off, chain, count;

	if (off < 0)
		return off;
	d_off = off + sizeof(struct chim_tcp_const) + sizeof(struct chim_tcp_cached);
	chimdrv_window_begin(conn, conn->final.rcv_wnd);
	export_const(conn, chimdrv_blocklist_ptr(bl, off));
	chimdrv_state_cached(conn, chimdrv_blocklist_ptr(bl, off + sizeof(struct chim_tcp_const)),
			     false);
	clear_bit(CHIMDRV_C_UNTOLD, &conn->bits);
	export_delegated(conn, chimdrv_blocklist_ptr(bl, d_off));
	err = chimdrv_send_chain(conn, bl, &chain, &count);
	if (err)
		return err;
	d = chimdrv_blocklist_ptr(bl, d_off);
	if (count) {
		d->send_off = cpu_to_le32(chain);
		d->send_count = cpu_to_le32(count);
		d->send_tail = cpu_to_le32(count - 1);
	}
	err = chimdrv_unread_export(conn, bl, &d, d_off, buffered);
	if (err)
		return err;
	chimdrv_blocklist_at(bl, node)->state_off = cpu_to_le32(off);
	chimdrv_blocklist_at(bl, node)->state_len = cpu_to_le32(len);
	chimdrv_blocklist_at(bl, node)->pair = cpu_to_le16(conn->pair->number);
	return 0;
}

void chimdrv_state_age(struct chimdrv_conn *conn, struct chimdrv_blocklist *bl, u32 node)
{
	u32 off = le32_to_cpu(chimdrv_blocklist_at(bl, node)->state_off);

	off += sizeof(struct chim_tcp_const) + sizeof(struct chim_tcp_cached);
	chimdrv_timers_put(conn->cd, &conn->final.timers, chimdrv_blocklist_ptr(bl, off));
}

u32 chimdrv_state_size(struct chimdrv_conn *conn)
{
	u32 buffered = min(conn->cd->limits.buffered, chimdrv_window_now(conn) / 2);

	return sizeof(struct chim_tcp_const) + sizeof(struct chim_tcp_cached) +
	       sizeof(struct chim_tcp_delegated) + chimdrv_send_chain_size(conn) +
	       (buffered / PAGE_SIZE + 2) * sizeof(struct chim_sge);
}

/* ------------------------------------------------------------- and as the card gives it */

/* For a card that does not report FINs. Misses a FIN that was followed by an RST. */
static u32 fins_of_state(u8 state)
{
	u32 fins = 0;

	if (state == CHIM_TCP_CLOSE_WAIT || state == CHIM_TCP_CLOSING ||
	    state == CHIM_TCP_LAST_ACK || state == CHIM_TCP_TIME_WAIT)
		fins |= CHIM_FIN_RECEIVED;
	if (state == CHIM_TCP_FIN_WAIT1 || state == CHIM_TCP_FIN_WAIT2 ||
	    state == CHIM_TCP_CLOSING || state == CHIM_TCP_LAST_ACK ||
	    state == CHIM_TCP_TIME_WAIT)
		fins |= CHIM_FIN_SENT;
	return fins;
}

void chimdrv_state_import(const struct chimdrv_dev *cd, struct chimdrv_tcp_state *s,
			  const struct chim_tcp_delegated *d)
{
	u32 fins = le32_to_cpu(d->fins) | fins_of_state(d->state);

	s->state = d->state;
	s->fin_received = fins & CHIM_FIN_RECEIVED;
	s->fin_sent = fins & CHIM_FIN_SENT;
	s->rcv_nxt = le32_to_cpu(d->rcv_nxt);
	s->rcv_wnd = le32_to_cpu(d->rcv_wnd);
	s->snd_una = le32_to_cpu(d->snd_una);
	s->snd_nxt = le32_to_cpu(d->snd_nxt);
	s->snd_max = le32_to_cpu(d->snd_max);
	s->snd_wnd = le32_to_cpu(d->snd_wnd);
	s->max_snd_wnd = le32_to_cpu(d->max_snd_wnd);
	s->snd_wl1 = le32_to_cpu(d->snd_wl1);
	s->cwnd = le32_to_cpu(d->cwnd);
	s->ssthresh = le32_to_cpu(d->ssthresh);
	s->srtt_us = le32_to_cpu(d->srtt_us) ?:
		     le16_to_cpu(d->srtt) * (USEC_PER_SEC / CHIMDRV_TICKS);
	s->rttvar_us = le32_to_cpu(d->rttvar_us) ?:
		       le16_to_cpu(d->rttvar) * (USEC_PER_SEC / CHIMDRV_TICKS);
	s->ts_recent = le32_to_cpu(d->ts_recent);
	s->ts_recent_age = le32_to_cpu(d->ts_recent_age);
	s->ts_time = le32_to_cpu(d->ts_time);
	s->last_ts_val = le32_to_cpu(d->last_ts_val);
	s->rexmit_segments = le32_to_cpu(d->rexmit_segments);
	s->send_backlog = le32_to_cpu(d->send_backlog_size);
	s->receive_backlog = le32_to_cpu(d->receive_backlog_size);
	chimdrv_timers_take(cd, &s->timers, d);
}
