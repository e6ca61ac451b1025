/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * knobs.h - properties for tests of state operations.
 */
#ifndef CHIMDEV_KNOBS_H
#define CHIMDEV_KNOBS_H

#include "core/chimdev.h"
#include "toe.h"

/* They live as long as the object. */
void chimdev_knobs_properties(ObjectClass *klass);
void chimdev_knobs_init(ChimdevState *s);
bool chimdev_knobs_parse(ChimdevState *s, Error **errp);
void chimdev_knobs_fini(ChimdevState *s);
void chimdev_knobs_reset(ChimdevState *s);

/*
 * The status with which a test wants the next new object of this layer to
 * fail, or SUCCESS.
 */
uint32_t chimdev_knobs_fail(ChimdevState *s, enum chimdev_layer layer);
enum toe_stop_sends chimdev_knobs_stop(ChimdevState *s);

#endif /* CHIMDEV_KNOBS_H */
