/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clock.h - the engine's clock, which only the caller advances, and ticks.
 */
#ifndef TOE_CLOCK_H
#define TOE_CLOCK_H

#include "toe_internal.h"

/* Time never goes back. */
static inline void toe_clock_advance(struct toe *t, uint64_t now)
{
	if (now > t->now)
		t->now = now;
}

static inline uint64_t toe_ticks_to_ns(const struct toe *t, uint32_t ticks)
{
	return (uint64_t)ticks * t->tick_ns;
}

static inline uint32_t toe_ns_to_ticks(const struct toe *t, uint64_t ns)
{
	uint64_t ticks = ns / t->tick_ns + (ns % t->tick_ns ? 1 : 0);

	return ticks >= UINT32_MAX ? UINT32_MAX - 1 : (uint32_t)ticks;
}

static inline uint32_t toe_ticks_now(const struct toe *t, uint64_t now)
{
	return (uint32_t)(now / t->tick_ns);
}

#endif /* TOE_CLOCK_H */
