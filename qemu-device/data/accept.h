/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * accept.h - indications that the host has not settled.
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
/* Whether the consumer index has passed an indication; accept all such. */
bool chimdev_accept_due(ChimdevPair *p, uint32_t *consumed);
void chimdev_accept_passed(ChimdevPair *p, uint32_t consumed, int64_t now);
void chimdev_accept_final(ChimdevPair *p, uint32_t handle, int64_t now);
void chimdev_accept_drop(ChimdevPair *p, uint32_t handle);
void chimdev_accept_verdict(ChimdevPair *p, ChimdevObj *o,
                            const ChimdevAt *at, uint32_t number,
                            uint32_t status, uint32_t consumed, int64_t now);
/*
 * Ask for a doorbell if one is needed. False: the driver has already moved on.
 */
bool chimdev_accept_arm(ChimdevPair *p, int64_t now);
void chimdev_accept_reset(ChimdevPair *p);

#endif /* CHIMDEV_ACCEPT_H */
