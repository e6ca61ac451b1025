// SPDX-License-Identifier: GPL-2.0-only
/*
 * Carry a connection's timers, and what they have counted, from Linux TCP to the target
 * and back: what was due in 5 ms before a hand-over is due in 5 ms after it, and a wait
 * of one second does not start again.
 *
 * Captured with the socket owned and the valves open, restored under slock with the
 * queues ours. Fields of the socket that are read, and written at the restore
 * (spec/10-host-stack.md, 10.8):
 *   icsk_pending and when it expires, icsk_rto icsk_retransmits icsk_backoff
 *   icsk_probes_out icsk_probes_tstamp icsk_ack icsk_keepalive_timer retrans_stamp
 *   rcv_tstamp sacked_out icsk_ca_state tcp_mstamp; skb_mstamp_ns of the
 *   retransmission queue
 */
#include "offload/socket/state_timers.h"
#include "chimney_abi.h"
#include "compat/ack.h"
#include "compat/clock.h"
#include "compat/timers.h"
#include "nic/hw.h"
#include "offload/conn_types.h"

/* ------------------------------------------------------------------------- out of the socket */

/* A jiffy is coarse: subtract half of one, so that rounding errors do not add up. */
static u32 ticks_left(unsigned long expires)
{
	long left = (long)(expires - jiffies);

	return left > 0 ? jiffies_to_msecs(left) - jiffies_to_msecs(1) / 2 : 0;
}

static bool data_waits(const struct sock *sk)
{
	return tcp_sk(sk)->packets_out || !tcp_write_queue_empty(sk);
}

/* The window is shut and data waits for it: probe, do not retransmit (TMR-28). */
static bool is_probing(const struct sock *sk)
{
	return !tcp_sk(sk)->snd_wnd && data_waits(sk);
}

/*
 * The timer is exact to a jiffy, the oldest segment's departure to a microsecond. If both
 * give the same moment, use the finer one.
 */
static u32 rexmit_left(const struct sock *sk)
{
	const struct inet_connection_sock *icsk = inet_csk(sk);
	s64 due = div_s64(tcp_rto_delta_us(sk), USEC_PER_MSEC);
	u32 timer;

	if (icsk->icsk_pending == ICSK_TIME_RETRANS) {
		timer = ticks_left(chimdrv_compat_xmit_expires(sk));
		if (abs(due - timer) > jiffies_to_msecs(2))
			return timer;
	}
	return max_t(s64, due, 0);
}

static u32 shared_left(const struct sock *sk)
{
	const struct inet_connection_sock *icsk = inet_csk(sk);

	if (tcp_sk(sk)->packets_out)
		return rexmit_left(sk);
	if (is_probing(sk) && icsk->icsk_pending == ICSK_TIME_PROBE0)
		return ticks_left(chimdrv_compat_xmit_expires(sk));
	return CHIM_TIMER_IDLE;
}

/*
 * What is left of the tail loss probe. Where the kernel waits on the peer's reports
 * instead, which are not handed over (M-33), a probe takes the place of that timer.
 */
static u32 tlp_left(const struct sock *sk)
{
	const struct inet_connection_sock *icsk = inet_csk(sk);
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 due, gone;

	if (!tp->packets_out || !tp->snd_wnd || !tcp_is_sack(tp))
		return CHIM_TIMER_IDLE;
	if (icsk->icsk_pending == ICSK_TIME_LOSS_PROBE ||
	    icsk->icsk_pending == ICSK_TIME_REO_TIMEOUT)
		return ticks_left(chimdrv_compat_xmit_expires(sk));
	if (!tp->sacked_out || !tp->srtt_us || icsk->icsk_ca_state == TCP_CA_Loss)
		return CHIM_TIMER_IDLE;
	due = tp->srtt_us / (4 * USEC_PER_MSEC) + 2;	/* twice the RTT and 2 ms */
	gone = jiffies_to_msecs(tcp_jiffies32 - (u32)tp->lsndtime);
	return due > gone ? due - gone : 0;
}

/* Bytes have been received, and no ACK for them has left yet. */
static u32 delack_left(const struct sock *sk)
{
	const struct inet_connection_sock *icsk = inet_csk(sk);
	const struct tcp_sock *tp = tcp_sk(sk);

	if (tp->rcv_nxt == tp->rcv_wup && !tp->compressed_ack && !inet_csk_ack_scheduled(sk))
		return CHIM_TIMER_IDLE;
	if (!tp->compressed_ack && (icsk->icsk_ack.pending & ICSK_ACK_TIMER))
		return ticks_left(chimdrv_compat_delack_expires(sk));
	return 0;
}

/* Socket owned. A card that cannot take over owed ACKs gets none: send them first (INI-14). */
void chimdrv_timers_settle(struct chimdrv_conn *conn)
{
	if (!chimdrv_hw_has(conn->cd, CHIM_F_EXT_TIMERS) &&
	    delack_left(conn->sk) != CHIM_TIMER_IDLE)
		chimdrv_compat_send_ack(conn->sk, tcp_sk(conn->sk)->rcv_nxt);
}

/* The kernel's timer may date from an older segment: it looks at the idle time on expiry. */
static u32 keep_left(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 when = keepalive_time_when(tp), gone = keepalive_time_elapsed(tp);
	u32 left = when > gone ? jiffies_to_msecs(when - gone) : 0;

	if (!sock_flag(sk, SOCK_KEEPOPEN))
		return CHIM_TIMER_IDLE;
	if (timer_pending(&inet_csk(sk)->icsk_keepalive_timer))
		left = max(left, ticks_left(inet_csk(sk)->icsk_keepalive_timer.expires));
	return left;
}

/* Time since the first retransmission or probe. 0: there has been none. */
static u32 waited(const struct sock *sk)
{
	const struct inet_connection_sock *icsk = inet_csk(sk);
	const struct tcp_sock *tp = tcp_sk(sk);
	s32 since = 0;

	if (tp->packets_out && tp->retrans_stamp)
		since = chimdrv_compat_ts_clock(tp) - tp->retrans_stamp;
	else if (!tp->packets_out && is_probing(sk) && icsk->icsk_probes_tstamp)
		return max(jiffies_to_msecs(tcp_jiffies32 - icsk->icsk_probes_tstamp), 1u);
	else
		return 0;
	return max(chimdrv_compat_usec_ts(tp) ? since / (s32)USEC_PER_MSEC : since, 1);
}

/* Socket owned, valves open. */
void chimdrv_timers_capture(struct sock *sk, struct chimdrv_timers *t)
{
	const struct inet_connection_sock *icsk = inet_csk(sk);

	chimdrv_compat_mstamp(tcp_sk(sk));
	*t = (struct chimdrv_timers) {
		.at = ktime_get_ns(),
		.rexmit = shared_left(sk),
		.keep = keep_left(sk),
		.tlp = tlp_left(sk),
		.delack = delack_left(sk),
		.waited = waited(sk),
		.idle = jiffies_to_msecs(keepalive_time_elapsed(tcp_sk(sk))),
	};
	if (is_probing(sk)) {
		t->rexmits = icsk->icsk_probes_out;
		t->round = icsk->icsk_backoff - min(icsk->icsk_backoff, icsk->icsk_probes_out);
	} else {
		t->rexmits = icsk->icsk_retransmits;
		t->ka_probes = icsk->icsk_probes_out;
	}
	if (!tcp_is_sack(tcp_sk(sk)))
		t->dup_acks = min(tcp_sk(sk)->sacked_out, 255u);
}

/* ----------------------------------------------------------------------- what has gone by since */

static u32 spend(u32 left, u32 ticks)
{
	if (left == CHIM_TIMER_IDLE)
		return left;
	return left > ticks ? left - ticks : 0;
}

static struct chimdrv_timers as_of_now(const struct chimdrv_timers *then)
{
	u32 gone = div_u64(ktime_get_ns() - then->at, NSEC_PER_MSEC);
	struct chimdrv_timers t = *then;

	t.rexmit = spend(t.rexmit, gone);
	t.keep = spend(t.keep, gone);
	t.tlp = spend(t.tlp, gone);
	t.delack = spend(t.delack, gone);
	t.waited += t.waited ? gone : 0;
	t.idle += gone;
	return t;
}

/* Write the timers for the card, as of now; repeated if the list had to wait for others. */
void chimdrv_timers_put(const struct chimdrv_dev *cd, const struct chimdrv_timers *then,
			struct chim_tcp_delegated *d)
{
	const struct chimdrv_timers t = as_of_now(then);

	d->rexmit_timeout_delta = cpu_to_le32(t.rexmit);
	d->ka_timeout_delta = cpu_to_le32(t.keep);
	d->total_rt = cpu_to_le32(t.waited);
	d->rexmit_count = t.rexmits;
	d->snd_wnd_probe_count = t.round;
	d->ka_probe_count = t.ka_probes;
	d->dup_ack_count = t.dup_acks;
	if (!chimdrv_hw_has(cd, CHIM_F_EXT_TIMERS))
		return;
	d->tlp_timeout_delta = cpu_to_le32(t.tlp);
	d->delack_timeout_delta = cpu_to_le32(t.delack);
	d->idle_time = cpu_to_le32(t.idle);
}

/* Read the timers from the card, as of now. */
void chimdrv_timers_take(const struct chimdrv_dev *cd, struct chimdrv_timers *t,
			 const struct chim_tcp_delegated *d)
{
	*t = (struct chimdrv_timers) {
		.at = ktime_get_ns(),
		.rexmit = le32_to_cpu(d->rexmit_timeout_delta),
		.keep = le32_to_cpu(d->ka_timeout_delta),
		.tlp = CHIM_TIMER_IDLE,
		.delack = 0,	/* it may have kept one back without saying so (OP-H8) */
		.waited = le32_to_cpu(d->total_rt),
		.rexmits = d->rexmit_count,
		.round = d->snd_wnd_probe_count,
		.ka_probes = d->ka_probe_count,
		.dup_acks = d->dup_ack_count,
	};
	if (!chimdrv_hw_has(cd, CHIM_F_EXT_TIMERS))
		return;
	t->tlp = le32_to_cpu(d->tlp_timeout_delta);
	t->delack = le32_to_cpu(d->delack_timeout_delta);
	t->idle = le32_to_cpu(d->idle_time);
}

/* ---------------------------------------------------------------------------- into the socket */

static unsigned long until(u32 left)
{
	return max(msecs_to_jiffies(min_t(u32, left, INT_MAX)), 1ul);
}

/*
 * Backdate the sent segments so that their timeout comes when it was due; to before the
 * boot none can be.
 */
static void date_segments(struct sock *sk, unsigned long left)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 rto = inet_csk(sk)->icsk_rto;
	u64 sent = tp->tcp_clock_cache;
	struct sk_buff *skb;

	if (rto > left)
		sent -= min(sent - 1, jiffies_to_nsecs(rto - left));
	for (skb = tcp_rtx_queue_head(sk); skb; skb = skb_rb_next(skb))
		skb->skb_mstamp_ns = sent;
}

static bool may_probe_tail(const struct sock *sk)
{
	u8 mode = READ_ONCE(sock_net(sk)->ipv4.sysctl_tcp_early_retrans);

	return (mode == 3 || mode == 4) && tcp_is_sack(tcp_sk(sk)) &&
	       inet_csk(sk)->icsk_ca_state == TCP_CA_Open;
}

static u32 backed_off(const struct sock *sk, u32 rto, unsigned int shift)
{
	return min_t(u64, (u64)rto << min(shift, 16u), chimdrv_compat_rto_max(sk));
}

/* Segments are in flight: restore retransmission, even against a window that has shut. */
static void restore_rexmit(struct sock *sk, const struct chimdrv_timers *t)
{
	struct inet_connection_sock *icsk = inet_csk(sk);
	u32 most = chimdrv_compat_rto_max(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	unsigned long left;

	if (tp->snd_wnd) {
		icsk->icsk_retransmits = t->rexmits;
		icsk->icsk_backoff = t->rexmits;
	} else {
		icsk->icsk_backoff = min(t->round + t->rexmits, 255);
		icsk->icsk_probes_out = t->rexmits;
	}
	icsk->icsk_rto = backed_off(sk, icsk->icsk_rto, icsk->icsk_backoff);
	tp->retrans_stamp = t->waited ? chimdrv_compat_ts_ago(tp, t->waited) ?: 1 : 0;
	left = t->rexmit == CHIM_TIMER_IDLE ? icsk->icsk_rto : until(t->rexmit);
	date_segments(sk, left);
	if (t->tlp < t->rexmit && may_probe_tail(sk))
		inet_csk_reset_xmit_timer(sk, ICSK_TIME_LOSS_PROBE, until(t->tlp), most);
	else
		inet_csk_reset_xmit_timer(sk, ICSK_TIME_RETRANS, left, most);
}

static void restore_probes(struct sock *sk, const struct chimdrv_timers *t)
{
	struct inet_connection_sock *icsk = inet_csk(sk);

	if (!tcp_sk(sk)->snd_wnd) {
		icsk->icsk_probes_out = t->rexmits;
		icsk->icsk_backoff = min(t->round + t->rexmits, 255);
		if (t->waited)
			icsk->icsk_probes_tstamp =
				tcp_jiffies32 - (u32)msecs_to_jiffies(t->waited) ?: 1;
		if (t->rexmit != CHIM_TIMER_IDLE)
			inet_csk_reset_xmit_timer(sk, ICSK_TIME_PROBE0, until(t->rexmit),
						  chimdrv_compat_rto_max(sk));
	}
	tcp_check_probe_timer(sk);	/* starts it if it does not run */
}

/* Without SACK the kernel counts each duplicate ACK as a segment that has arrived. */
static void restore_dup_acks(struct sock *sk, u32 count)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (tcp_is_sack(tp) || !count || tp->packets_out < 2 || tp->lost_out)
		return;
	tp->sacked_out = min(count, tp->packets_out - 1);
	inet_csk(sk)->icsk_ca_state = TCP_CA_Disorder;
}

static void restore_keepalive(struct sock *sk, const struct chimdrv_timers *t)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (!sock_flag(sk, SOCK_KEEPOPEN))
		return;
	if (!data_waits(sk))
		inet_csk(sk)->icsk_probes_out = t->ka_probes;
	chimdrv_compat_keepalive_start(sk, t->keep == CHIM_TIMER_IDLE ? keepalive_time_when(tp) :
				       until(t->keep));
}

static void restore_delack(struct sock *sk, u32 left)
{
	if (left == CHIM_TIMER_IDLE)
		return;
	inet_csk_schedule_ack(sk);
	inet_csk_reset_xmit_timer(sk, ICSK_TIME_DACK, until(left),
				  chimdrv_compat_rto_max(sk));
}

/* slock, queues ours, everything else restored. */
void chimdrv_timers_restore(struct sock *sk, const struct chimdrv_timers *then)
{
	const struct chimdrv_timers t = as_of_now(then);
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct tcp_sock *tp = tcp_sk(sk);

	icsk->icsk_pending = 0;
	icsk->icsk_retransmits = 0;
	icsk->icsk_backoff = 0;
	icsk->icsk_probes_out = 0;
	icsk->icsk_probes_tstamp = 0;
	if (!tp->srtt_us)
		icsk->icsk_rto = TCP_TIMEOUT_INIT;	/* undo the backoff */
	tp->retrans_stamp = 0;
	tp->rcv_tstamp = tcp_jiffies32 - (u32)msecs_to_jiffies(min_t(u32, t.idle, INT_MAX));
	restore_dup_acks(sk, t.dup_acks);
	if (tp->packets_out)
		restore_rexmit(sk, &t);
	else if (!tcp_write_queue_empty(sk))
		restore_probes(sk, &t);
	restore_keepalive(sk, &t);
	restore_delack(sk, t.delack);
}
