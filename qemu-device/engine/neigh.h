/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * neigh.h - neighbors: reachability, and the question to the host.
 */
#ifndef TOE_NEIGH_H
#define TOE_NEIGH_H

#include "clock.h"
#include "toe_internal.h"

/* Before each datagram: NCE-5, NCE-6. */
void toe_neigh_sending(struct toe_neigh *n, uint64_t now);
/* Forward progress (NCE-4). */
static inline void toe_neigh_confirm(struct toe_neigh *n, uint64_t now)
{
	n->nrt = toe_ticks_now(n->t, now);
}
void toe_neigh_raise(struct toe_neigh *n, uint64_t now);
void toe_neigh_rescale(struct toe_neigh *n, uint64_t now, uint64_t old_tick_ns,
		       uint64_t new_tick_ns);

#endif /* TOE_NEIGH_H */
