/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * timer.h - deadlines of connections.
 */
#ifndef TOE_TIMER_H
#define TOE_TIMER_H

#include "toe_internal.h"

void toe_timer_set(struct toe_conn *c, enum toe_timer which, uint64_t deadline);
void toe_timer_clear(struct toe_conn *c, enum toe_timer which);
/*
 * The connection ends here: no timer runs any more. REXMT, KEEP and TLP keep their remaining time
 * for the export (TRM-34).
 */
void toe_timer_freeze(struct toe_conn *c);
void toe_timer_init(struct toe_conn *c);
static inline bool toe_timer_running(const struct toe_conn *c, enum toe_timer which)
{
	return c->tmr[which] != TOE_NO_DEADLINE;
}
/* Make the top of the heap exact. */
void toe_timer_settle(struct toe *t);
const char *toe_timer_check(const struct toe *t);

#endif /* TOE_TIMER_H */
