/* SPDX-License-Identifier: GPL-2.0-only */
/* The TCP state that moves between Linux TCP and the target, in host terms. */
#ifndef CHIMDRV_TCP_STATE_H
#define CHIMDRV_TCP_STATE_H

#include <linux/types.h>

#define CHIMDRV_TICKS		1000	/* ticks per second: the card's default */

/* Timers of a connection at one moment: ticks, or CHIM_TIMER_IDLE. */
struct chimdrv_timers {
	u64 at;			/* ktime_get_ns() */
	u32 rexmit, keep, tlp, delack;	/* what is left */
	u32 waited;		/* since the first retransmission or probe; 0: none yet */
	u32 idle;		/* since the peer's last segment */
	u8 rexmits, round, ka_probes, dup_acks;
};

/* What snapshot.c captured or the target gave back, in host byte order and host terms. */
struct chimdrv_tcp_state {
	u8 state;		/* enum chim_tcp_state */
	bool fin_received;	/* RCV.NXT counts it */
	bool fin_sent;		/* SND.MAX counts it */
	u32 rcv_nxt, rcv_wnd;
	u32 snd_una, snd_nxt, snd_max, snd_wnd, max_snd_wnd, snd_wl1;
	u32 cwnd, ssthresh;	/* bytes */
	u32 srtt_us, rttvar_us;	/* x 8, x 4 */
	u32 ts_recent, ts_recent_age, ts_time, last_ts_val;
	u32 rexmit_segments;
	u32 send_backlog, receive_backlog;	/* of a query */
	struct chimdrv_timers timers;
};

#endif /* CHIMDRV_TCP_STATE_H */
