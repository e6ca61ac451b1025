/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * knobs.h - properties for tests of state operations.
 */
#ifndef CHIMDEV_KNOBS_H
#define CHIMDEV_KNOBS_H

#include "core/chimdev.h"
#include "toe.h"

/* They live as long as the object. */
void chimdev_op_knob_properties(ObjectClass *klass);
void chimdev_op_init_knobs(ChimdevState *s);
bool chimdev_op_parse_knobs(ChimdevState *s, Error **errp);
void chimdev_op_free_knobs(ChimdevState *s);
void chimdev_knobs_reset(ChimdevState *s);

/*
 * The failure that a test wants for the next new object of a layer, or
 * SUCCESS.
 */
uint32_t chimdev_knob_fail(ChimdevState *s, enum chimdev_layer layer);
enum toe_stop_sends chimdev_knob_stop(ChimdevState *s);

#endif /* CHIMDEV_KNOBS_H */
