/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * target.h - the engine inside the device: life, frames in, events out.
 */
#ifndef CHIMDEV_TARGET_H
#define CHIMDEV_TARGET_H

#include "chimdev.h"

bool chimdev_target_init(ChimdevState *s, Error **errp);
void chimdev_target_reset(ChimdevState *s);
void chimdev_target_fini(ChimdevState *s);

/* True: the target has taken the frame. */
bool chimdev_target_input(ChimdevState *s, const ChimdevVnet *vnet,
                          const uint8_t *data, uint32_t len);
void chimdev_target_writable(ChimdevState *s, unsigned pair);
void chimdev_target_tick(ChimdevState *s, int64_t now);
/* Events to the completion rings, frames to the backends. */
void chimdev_target_serve(ChimdevState *s, int64_t now);

/* Admin commands that are the target's; each returns enum chim_status. */
uint32_t chimdev_target_set_params(ChimdevState *s,
                                   const struct chim_params *p);
uint32_t chimdev_target_nce_answer(ChimdevState *s, uint32_t handle,
                                   uint32_t hrd);

/* accept.c: indications that wait for the host's word */
void chimdev_accept_add(ChimdevPair *p, const ChimdevInd *ind);
/*
 * Settle what the driver's consumer index has passed. False: its commands
 * could not all be read yet.
 */
bool chimdev_accept_settle(ChimdevPair *p, int64_t now);
void chimdev_accept_final(ChimdevPair *p, uint32_t handle, int64_t now);
void chimdev_accept_drop(ChimdevPair *p, uint32_t handle);
bool chimdev_accept_verdict(ChimdevPair *p, ChimdevObj *o, uint32_t number,
                            uint32_t status, uint32_t consumed, int64_t now);
/*
 * Ask to be woken where that is needed. False: the driver has moved on
 * meanwhile.
 */
bool chimdev_accept_arm(ChimdevPair *p, int64_t now);
void chimdev_accept_reset(ChimdevPair *p);

#endif /* CHIMDEV_TARGET_H */
