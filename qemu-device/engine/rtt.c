/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rtt.c - RFC 6298 in microseconds. Not only the RTO is at least 200 ms, but also what is added to
 * SRTT: a wire peer may delay an ACK by that much on any path.
 */
#include "rtt.h"

#define MAX_SHIFT	16	/* beyond, 120 s is reached from any RTO */

static void compute_rto(struct toe_rtt *r)
{
	uint32_t srtt = r->srtt8_us / 8;
	uint32_t add = r->rttvar4_us > TOE_RTO_MIN_US ? r->rttvar4_us : TOE_RTO_MIN_US;

	if (!r->srtt8_us)
		r->rto_us = TOE_RTO_INITIAL_US;
	else if (srtt >= TOE_RTO_MAX_US || add >= TOE_RTO_MAX_US - srtt)
		r->rto_us = TOE_RTO_MAX_US;
	else
		r->rto_us = srtt + add;
}

void toe_rtt_init(struct toe_rtt *r)
{
	r->srtt8_us = 0;
	r->rttvar4_us = 0;
	r->min_us = 0;
	r->shift = 0;
	compute_rto(r);
}

void toe_rtt_sample(struct toe_rtt *r, uint64_t rtt_ns)
{
	uint64_t us64 = rtt_ns / 1000;
	uint32_t us = us64 > TOE_RTT_MAX_US ? TOE_RTT_MAX_US : (uint32_t)us64;

	if (!us)
		us = 1;
	if (!r->min_us || us < r->min_us)
		r->min_us = us;
	if (!r->srtt8_us) {
		r->srtt8_us = us * 8;
		r->rttvar4_us = us * 2;		/* R / 2, times 4 */
	} else {
		uint32_t srtt = r->srtt8_us / 8;
		uint32_t delta = us > srtt ? us - srtt : srtt - us;

		r->rttvar4_us = r->rttvar4_us - r->rttvar4_us / 4 + delta;
		r->srtt8_us = r->srtt8_us - r->srtt8_us / 8 + us;
		if (!r->srtt8_us)
			r->srtt8_us = 1;
	}
	r->shift = 0;
	compute_rto(r);
}

uint64_t toe_rtt_rto_shifted(const struct toe_rtt *r, unsigned shift)
{
	uint64_t us = (uint64_t)r->rto_us << (shift < MAX_SHIFT ? shift : MAX_SHIFT);

	return (us < TOE_RTO_MAX_US ? us : TOE_RTO_MAX_US) * 1000;
}

uint64_t toe_rtt_rto(const struct toe_rtt *r)
{
	return toe_rtt_rto_shifted(r, r->shift);
}

void toe_rtt_backoff(struct toe_rtt *r)
{
	if (r->shift < MAX_SHIFT)
		r->shift++;
}

void toe_rtt_reset_backoff(struct toe_rtt *r)
{
	r->shift = 0;
}

static uint32_t ticks_to_us(uint16_t ticks, uint32_t ticks_per_second)
{
	uint64_t us = (uint64_t)ticks * 1000000 / (ticks_per_second ? ticks_per_second : 1000);

	return us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

void toe_rtt_import(struct toe_rtt *r, uint32_t srtt8_us, uint32_t rttvar4_us, uint16_t srtt8_ticks,
		    uint16_t rttvar4_ticks, uint32_t ticks_per_second, uint8_t shift)
{
	if (srtt8_us || rttvar4_us) {
		r->srtt8_us = srtt8_us;
		r->rttvar4_us = rttvar4_us;
	} else {
		r->srtt8_us = ticks_to_us(srtt8_ticks, ticks_per_second);
		r->rttvar4_us = ticks_to_us(rttvar4_ticks, ticks_per_second);
	}
	/* Limit a deviation that no sample could produce: it would overflow the next update. */
	if (r->rttvar4_us > UINT32_MAX / 2)
		r->rttvar4_us = UINT32_MAX / 2;
	if (!r->srtt8_us)
		r->rttvar4_us = 0;
	r->min_us = 0;
	r->shift = shift < MAX_SHIFT ? shift : MAX_SHIFT;
	compute_rto(r);
}

static uint16_t us_to_ticks(uint32_t us, uint32_t ticks_per_second)
{
	uint64_t ticks = ((uint64_t)us * ticks_per_second + 999999) / 1000000;

	return ticks > UINT16_MAX ? UINT16_MAX : (uint16_t)ticks;
}

void toe_rtt_export_ticks(const struct toe_rtt *r, uint32_t ticks_per_second, uint16_t *srtt8,
			  uint16_t *rttvar4)
{
	*srtt8 = us_to_ticks(r->srtt8_us, ticks_per_second);
	*rttvar4 = us_to_ticks(r->rttvar4_us, ticks_per_second);
}
