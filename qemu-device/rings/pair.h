/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pair.h - rings by their numbers.
 */
#ifndef CHIMDEV_PAIR_H
#define CHIMDEV_PAIR_H

#include "core/chimdev.h"

ChimdevRing *chimdev_pair_ring(ChimdevState *s, uint32_t id);
/* NULL: the number is none of a pair's. */
ChimdevPair *chimdev_pair_of_ring(ChimdevState *s, uint32_t id,
                                  unsigned *kind);
bool chimdev_pair_usable(const ChimdevPair *p);

#endif /* CHIMDEV_PAIR_H */
