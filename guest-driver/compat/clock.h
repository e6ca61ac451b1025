/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The clock of timestamps and round trips.
 */
#ifndef CHIMDRV_COMPAT_CLOCK_H
#define CHIMDRV_COMPAT_CLOCK_H

#include <net/tcp.h>
#include "compat_probe.h"

#if CHIMDRV_HAS_USEC_TS
static inline bool chimdrv_compat_usec_ts(const struct tcp_sock *tp)
{
	return tp->tcp_usec_ts;
}

static inline u32 chimdrv_compat_ts_clock(const struct tcp_sock *tp)
{
	return tcp_clock_ts(tp->tcp_usec_ts);
}
#else
static inline bool chimdrv_compat_usec_ts(const struct tcp_sock *tp)
{
	return false;
}

static inline u32 chimdrv_compat_ts_clock(const struct tcp_sock *tp)
{
	return tcp_time_stamp_raw();
}
#endif

/* tcp_mstamp_refresh(), which is not exported. */
static inline void chimdrv_compat_mstamp(struct tcp_sock *tp)
{
	u64 now = tcp_clock_ns();

	tp->tcp_clock_cache = now;
	tp->tcp_mstamp = div_u64(now, NSEC_PER_USEC);
}

/* The clock value that stamps the next segment, before the offset: the cached clock. */
static inline u32 chimdrv_compat_ts_cached(const struct tcp_sock *tp)
{
	return (u32)div_u64(tp->tcp_clock_cache,
			    chimdrv_compat_usec_ts(tp) ? NSEC_PER_USEC : NSEC_PER_MSEC);
}

/* The same clock @ms milliseconds ago, as retrans_stamp holds it. */
static inline u32 chimdrv_compat_ts_ago(const struct tcp_sock *tp, u32 ms)
{
	return chimdrv_compat_ts_cached(tp) - ms * (chimdrv_compat_usec_ts(tp) ? USEC_PER_MSEC : 1);
}

#endif /* CHIMDRV_COMPAT_CLOCK_H */
