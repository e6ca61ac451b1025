/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stateop.h - running state operations.
 */
#ifndef CHIMDEV_STATEOP_H
#define CHIMDEV_STATEOP_H

#include "core/chimdev.h"

/* Run operations whose fences have come. */
void chimdev_stateop_start(ChimdevState *s, int64_t now);
/* Complete operations whose work is done. */
void chimdev_stateop_finish(ChimdevState *s, int64_t now);
int64_t chimdev_stateop_deadline(const ChimdevState *s);

#endif /* CHIMDEV_STATEOP_H */
