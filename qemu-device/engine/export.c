/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * export.c - a connection's state for a query, or for the host that takes it back.
 */
#include <string.h>

#include "clock.h"
#include "conn.h"
#include "recovery.h"
#include "sendq.h"
#include "timer.h"
#include "toe_internal.h"

static uint32_t ticks_until(const struct toe_conn *c, uint64_t at, uint64_t now)
{
	if (at == TOE_NO_DEADLINE)
		return TOE_TICKS_IDLE;
	return at > now ? toe_ns_to_ticks(c->t, at - now) : 0;
}

static uint32_t remaining(const struct toe_conn *c, enum toe_timer which, uint64_t now)
{
	return ticks_until(c, c->tmr[which], now);
}

/* An owed ACK without a running timer is due at once. */
static uint32_t delack_remaining(const struct toe_conn *c, uint64_t now)
{
	if (!c->rcv.ack_owed)
		return TOE_TICKS_IDLE;
	return toe_timer_running(c, TOE_TMR_DELACK) ? remaining(c, TOE_TMR_DELACK, now) : 0;
}

static void query_delegated(const struct toe_conn *c, struct toe_tcp_delegated *d, uint64_t now)
{
	memset(d, 0, sizeof(*d));
	d->state = c->state;
	d->rcv_nxt = c->rcv.nxt;
	d->rcv_wnd = toe_seq_gt(c->rcv.adv, c->rcv.nxt) ? c->rcv.adv - c->rcv.nxt : 0;
	d->snd_una = c->snd.una;
	d->snd_nxt = c->snd.nxt;
	d->snd_max = c->snd.max;
	d->snd_wnd = c->snd.wnd;
	d->max_snd_wnd = c->snd.max_wnd;
	d->snd_wl1 = c->snd.wl1;
	d->cwnd = c->cc.cwnd;
	d->ssthresh = c->cc.ssthresh;
	toe_rtt_export_ticks(&c->rtt, c->t->params.ticks_per_second, &d->srtt, &d->rttvar);
	d->srtt_us = c->rtt.srtt8_us;
	d->rttvar_us = c->rtt.rttvar4_us;
	d->ts_recent = c->rcv.ts_recent;
	d->ts_recent_age = toe_ns_to_ticks(c->t, now - c->rcv.ts_recent_at);
	d->ts_time = (uint32_t)(now / c->ts_unit) + c->ts_delta;
	d->last_ts_val = c->last_ts;
	d->total_rt = toe_ns_to_ticks(c->t, toe_recovery_total_rt(c, now));
	if (c->rec.state == TOE_REC_OPEN)
		d->dup_ack_count = c->rec.dupacks < UINT8_MAX ? (uint8_t)c->rec.dupacks : UINT8_MAX;
	d->snd_wnd_probe_count = (uint8_t)c->rec.probe_round;
	d->ka_probe_count = (uint8_t)c->keep.probes;
	d->rexmit_count = (uint8_t)c->rec.rexmits;
	d->ka_timeout_delta = remaining(c, TOE_TMR_KEEP, now);
	d->rexmit_timeout_delta = remaining(c, TOE_TMR_REXMT, now);
	d->tlp_timeout_delta = ticks_until(c, toe_recovery_tlp_at(c), now);
	d->delack_timeout_delta = delack_remaining(c, now);
	d->idle_time = toe_ns_to_ticks(c->t, now - c->rcv.heard_at);
	d->send_backlog_size = toe_sendq_backlog(c);
	d->receive_backlog_size = toe_rcv_held(c);
	d->rexmit_segments = c->snd.rexmits;
	d->fin_received = c->rcv.fin_done;
	d->fin_sent = toe_fin_sent(c);
}

void toe_conn_query(const struct toe_conn *c, struct toe_tcp_const *k, struct toe_tcp_cached *k2,
		    struct toe_tcp_delegated *d, uint64_t now)
{
	if (k)
		*k = c->k;
	if (k2) {
		*k2 = c->cached;
		k2->flags &= TOE_KEEPALIVE | TOE_NAGLE;
	}
	if (d)
		query_delegated(c, d, now > c->t->now ? now : c->t->now);
}

uint32_t toe_conn_buffered(const struct toe_conn *c, const uint8_t *span[2], uint32_t span_len[2])
{
	uint32_t n = toe_rcv_held(c);

	toe_rcvbuf_spans(&c->rcv.buf, 0, n, span, span_len);
	return n;
}
