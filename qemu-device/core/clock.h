/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clock.h - the virtual clock, and the one timer on it. run.c sets it.
 */
#ifndef CHIMDEV_CLOCK_H
#define CHIMDEV_CLOCK_H

#include "core/chimdev.h"

static inline int64_t chimdev_now(ChimdevState *s)
{
    return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
}

static inline void chimdev_clock_stop(ChimdevState *s)
{
    timer_del(s->timer);
}

#endif /* CHIMDEV_CLOCK_H */
