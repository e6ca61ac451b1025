/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * accept.h - indications that wait for the host's word.
 */
#ifndef CHIMDEV_ACCEPT_H
#define CHIMDEV_ACCEPT_H

#include "core/chimdev.h"

/* An indication not settled yet, in CQ order. */
struct ChimdevInd {
    QTAILQ_ENTRY(ChimdevInd) next;
    uint32_t cq_index;
    uint32_t handle;
    uint32_t number;
    uint32_t len;
};

void chimdev_accept_add(ChimdevPair *p, const ChimdevInd *ind);
/* Whether the driver's consumer index has passed any; and to accept those. */
bool chimdev_accept_due(ChimdevPair *p, uint32_t *consumed);
void chimdev_accept_passed(ChimdevPair *p, uint32_t consumed, int64_t now);
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

#endif /* CHIMDEV_ACCEPT_H */
