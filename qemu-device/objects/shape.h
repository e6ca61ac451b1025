/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * shape.h - the state structures of a type.
 */
#ifndef CHIMDEV_SHAPE_H
#define CHIMDEV_SHAPE_H

#include "core/chimdev.h"

/*
 * Const, cached, delegated: each is absent, or at an offset behind the first.
 */
typedef struct ChimdevShape {
    uint8_t layer;
    bool ipv6;
    int k, c, d;                /* offsets of the three; -1: absent */
    uint32_t len;
} ChimdevShape;
/* NULL: there is no such type. */
const ChimdevShape *chimdev_shape(uint8_t type);

#endif /* CHIMDEV_SHAPE_H */
