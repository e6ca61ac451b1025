/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * setup.h - the set-up commands.
 */
#ifndef CHIMDEV_SETUP_H
#define CHIMDEV_SETUP_H

#include "rings/ring.h"

enum { CHIMDEV_RING_ALIGN = 64, CHIMDEV_CTL_ALIGN = 128 };

/* Returns the status, and the completion's info. */
uint32_t chimdev_setup(ChimdevState *s, const ChimdevCmd *cmd, uint8_t op,
                       uint32_t *info);
/* A ring and all that waits for it; if there is none, nothing. */
void chimdev_setup_drop_ring(ChimdevPair *p, unsigned kind);

#endif /* CHIMDEV_SETUP_H */
