/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rtt.h - round-trip time estimator and retransmission timeout of one connection (RFC 6298).
 *
 * Used by ack (samples), recovery (timeout, backoff), import and export. The caller decides which
 * samples may be taken (Karn's rule). Values are in microseconds, scaled by 8 and 4, as the
 * delegated state carries them.
 */
#ifndef TOE_RTT_H
#define TOE_RTT_H

#include <stdbool.h>
#include <stdint.h>

/* The minimum timeout, and the minimum added to SRTT: a delayed ACK is no loss. */
#define TOE_RTO_MIN_US		200000u
#define TOE_RTO_INITIAL_US	1000000u
#define TOE_RTO_MAX_US		120000000u
#define TOE_RTT_MAX_US		(UINT32_MAX / 8)	/* samples are cut to this */

struct toe_rtt {
	uint32_t srtt8_us;	/* SRTT x 8; 0: no sample yet */
	uint32_t rttvar4_us;	/* RTTVAR x 4 */
	uint32_t rto_us;	/* without backoff */
	uint32_t min_us;	/* least sample seen; 0: none */
	uint8_t  shift;		/* backoff: RTO << shift */
};

void toe_rtt_init(struct toe_rtt *r);

/*
 * Take a sample in nanoseconds; 0 counts as 1 us. Ends backoff (RFC 6298 5.7 and Karn: only new
 * data is sampled).
 */
void toe_rtt_sample(struct toe_rtt *r, uint64_t rtt_ns);

/* The timeout in nanoseconds, with backoff, 120 s at most. */
uint64_t toe_rtt_rto(const struct toe_rtt *r);
/*
 * The timeout in nanoseconds with the caller's own shift, for the persist timer (TMR-11 .. TMR-13).
 */
uint64_t toe_rtt_rto_shifted(const struct toe_rtt *r, unsigned shift);
/* SRTT in microseconds; 0: no sample yet. */
static inline uint32_t toe_rtt_srtt_us(const struct toe_rtt *r)
{
	return r->srtt8_us / 8;
}

/* The timer expired: double. / New data was acknowledged: no backoff. */
void toe_rtt_backoff(struct toe_rtt *r);
void toe_rtt_reset_backoff(struct toe_rtt *r);

/*
 * Take over an estimate. Microsecond values win; if both are 0 the values in ticks are used, and if
 * these are 0 too there is no estimate. shift is the number of expirations so far.
 */
void toe_rtt_import(struct toe_rtt *r, uint32_t srtt8_us, uint32_t rttvar4_us, uint16_t srtt8_ticks,
		    uint16_t rttvar4_ticks, uint32_t ticks_per_second, uint8_t shift);

/*
 * SRTT x 8 and RTTVAR x 4 in ticks, rounded up (an estimate never becomes 0, "none") and saturated
 * (STA-15).
 */
void toe_rtt_export_ticks(const struct toe_rtt *r, uint32_t ticks_per_second, uint16_t *srtt8,
			  uint16_t *rttvar4);

#endif /* TOE_RTT_H */
