/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * core.h - whether the card is alive, the fatal state, what wakes it.
 */
#ifndef CHIMDEV_CORE_H
#define CHIMDEV_CORE_H

#include "core/chimdev.h"
#include "core/refusal.h"

bool chimdev_alive(const ChimdevState *s);
bool chimdev_may_dma(const ChimdevState *s);
void chimdev_kick(ChimdevState *s);
bool chimdev_link_up(ChimdevState *s);
bool chimdev_bus_master(const ChimdevState *s);
/* CHIM_FATAL_INTERNAL */
void chimdev_bug(ChimdevState *s, const ChimdevAt *at);
/* what->cause; of a DMA access, what->found is its address. */
void chimdev_fatal(ChimdevState *s, enum chimdev_why why,
                   const ChimdevRefused *what);

static inline bool chimdev_has_feature(const ChimdevState *s, unsigned bit)
{
    return s->drv_features[bit / 32] >> (bit % 32) & 1;
}

#endif /* CHIMDEV_CORE_H */
