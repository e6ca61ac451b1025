/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * core.h - whether the card is alive, the fatal state, what wakes it.
 */
#ifndef CHIMDEV_CORE_H
#define CHIMDEV_CORE_H

#include "core/chimdev.h"

bool chimdev_alive(const ChimdevState *s);
bool chimdev_may_dma(const ChimdevState *s);
void chimdev_kick(ChimdevState *s);
bool chimdev_link_up(ChimdevState *s);
void chimdev_fatal(ChimdevState *s, uint32_t cause, const ChimdevAt *at,
                   uint64_t addr);

static inline bool chimdev_has_feature(const ChimdevState *s, unsigned bit)
{
    return s->drv_features[bit / 32] >> (bit % 32) & 1;
}

#endif /* CHIMDEV_CORE_H */
