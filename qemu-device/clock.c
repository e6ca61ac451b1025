/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clock.c - one timer on the virtual clock for everything that has a deadline:
 * the engine, interrupt moderation, state operations that wait for fences.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "chimdev.h"
#include "stateop.h"
#include "trace.h"

int64_t chimdev_now(ChimdevState *s)
{
    return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
}

/*
 * Timer callbacks are not covered by QEMU's re-entrancy guard. Take it here as
 * the net layer does, or leave the work to the bottom half if it is taken.
 */
static void deadline_passed(void *opaque)
{
    ChimdevState *s = opaque;
    MemReentrancyGuard *guard = &DEVICE(s)->mem_reentrancy_guard;

    if (guard->engaged_in_io || s->busy) {
        chimdev_kick(s);
        return;
    }
    guard->engaged_in_io = true;
    chimdev_run(s);
    guard->engaged_in_io = false;
}

void chimdev_clock_init(ChimdevState *s)
{
    s->timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, deadline_passed, s);
}

void chimdev_clock_arm(ChimdevState *s)
{
    int64_t when = MIN(chimdev_irq_deadline(s), chimdev_op_deadline(s));

    if (s->toe) {
        uint64_t engine = toe_next_deadline(s->toe);

        if (engine < (uint64_t)when) {
            when = engine;
        }
    }
    if (when == INT64_MAX) {
        timer_del(s->timer);
    } else {
        timer_mod(s->timer, when);
    }
}

void chimdev_clock_stop(ChimdevState *s)
{
    timer_del(s->timer);
}

void chimdev_clock_fini(ChimdevState *s)
{
    timer_free(s->timer);
    s->timer = NULL;
}
