/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * target.h - the engine inside the device: life cycle, frames in, events out.
 */
#ifndef CHIMDEV_TARGET_H
#define CHIMDEV_TARGET_H

#include "port/vnet.h"

bool chimdev_target_init(ChimdevState *s, Error **errp);
void chimdev_target_reset(ChimdevState *s);
void chimdev_target_fini(ChimdevState *s);

/* True: the target has taken the frame. */
bool chimdev_target_input(ChimdevState *s, const ChimdevVnet *vnet,
                          const uint8_t *data, uint32_t len);
void chimdev_target_tick(ChimdevState *s, int64_t now);
/* Post events to the completion rings, send frames to the backends. */
void chimdev_target_serve(ChimdevState *s, int64_t now);

/* Admin commands for the engine; each returns enum chim_status. */
uint32_t chimdev_target_set_params(ChimdevState *s,
                                   const struct chim_params *p);
uint32_t chimdev_target_nce_answer(ChimdevState *s, uint32_t handle,
                                   uint32_t hrd);

#endif /* CHIMDEV_TARGET_H */
