/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run.h - a run of the card, its timer, its reset.
 */
#ifndef CHIMDEV_RUN_H
#define CHIMDEV_RUN_H

#include "core/chimdev.h"

bool chimdev_enter(ChimdevState *s);
void chimdev_leave(ChimdevState *s);
void chimdev_run(ChimdevState *s);
void chimdev_reset(ChimdevState *s);
void chimdev_forget(ChimdevState *s);
void chimdev_run_init(ChimdevState *s);
void chimdev_run_fini(ChimdevState *s);

#endif /* CHIMDEV_RUN_H */
