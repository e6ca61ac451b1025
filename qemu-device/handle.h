/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * handle.h - offloaded objects by handle.
 */
#ifndef CHIMDEV_HANDLE_H
#define CHIMDEV_HANDLE_H

#include "chimdev.h"

void chimdev_obj_init(ChimdevState *s);
void chimdev_obj_fini(ChimdevState *s);
void chimdev_obj_reset(ChimdevState *s);

/* NULL: no object of that layer is free. A parent counts its dependents. */
ChimdevObj *chimdev_obj_new(ChimdevState *s, enum chimdev_layer layer,
                            ChimdevObj *parent, uint64_t cookie);
void chimdev_obj_free(ChimdevState *s, ChimdevObj *o);
/* NULL: the handle is 0, stale, forged or of another layer. */
ChimdevObj *chimdev_obj_get(ChimdevState *s, uint32_t handle,
                            enum chimdev_layer layer);

#endif /* CHIMDEV_HANDLE_H */
