/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * shape.c - which state structures each type of a block list's nodes has.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "core/chimdev.h"
#include "objects/shape.h"

#define NB_CONST sizeof(struct chim_neighbor_const)
#define NB_CACHED sizeof(struct chim_neighbor_cached)
#define NB_DELEG sizeof(struct chim_neighbor_delegated)
#define PA_CONST sizeof(struct chim_path_const)
#define PA_CACHED sizeof(struct chim_path_cached)
#define PA_DELEG sizeof(struct chim_path_delegated)
#define TC_CONST sizeof(struct chim_tcp_const)
#define TC_CACHED sizeof(struct chim_tcp_cached)
#define TC_DELEG sizeof(struct chim_tcp_delegated)

static const ChimdevShape shapes[] = {
    [CHIM_NEIGHBOR_CONST] = {
        CHIMDEV_LAYER_NEIGHBOR, false, 0, -1, -1, NB_CONST
    },
    [CHIM_NEIGHBOR_CACHED] = {
        CHIMDEV_LAYER_NEIGHBOR, false, -1, 0, -1, NB_CACHED
    },
    [CHIM_NEIGHBOR_DELEGATED] = {
        CHIMDEV_LAYER_NEIGHBOR, false, -1, -1, 0, NB_DELEG
    },
    [CHIM_NEIGHBOR_ALL] = {
        CHIMDEV_LAYER_NEIGHBOR, false, 0, NB_CONST, NB_CONST + NB_CACHED,
        NB_CONST + NB_CACHED + NB_DELEG
    },
    [CHIM_PATH4_CONST] = { CHIMDEV_LAYER_PATH, false, 0, -1, -1, PA_CONST },
    [CHIM_PATH4_CACHED] = { CHIMDEV_LAYER_PATH, false, -1, 0, -1, PA_CACHED },
    [CHIM_PATH4_DELEGATED] = {
        CHIMDEV_LAYER_PATH, false, -1, -1, 0, PA_DELEG
    },
    [CHIM_PATH4_ALL] = {
        CHIMDEV_LAYER_PATH, false, 0, PA_CONST, PA_CONST + PA_CACHED,
        PA_CONST + PA_CACHED + PA_DELEG
    },
    [CHIM_PATH6_CONST] = { CHIMDEV_LAYER_PATH, true, 0, -1, -1, PA_CONST },
    [CHIM_PATH6_CACHED] = { CHIMDEV_LAYER_PATH, true, -1, 0, -1, PA_CACHED },
    [CHIM_PATH6_DELEGATED] = {
        CHIMDEV_LAYER_PATH, true, -1, -1, 0, PA_DELEG
    },
    [CHIM_PATH6_ALL] = {
        CHIMDEV_LAYER_PATH, true, 0, PA_CONST, PA_CONST + PA_CACHED,
        PA_CONST + PA_CACHED + PA_DELEG
    },
    [CHIM_TCP_CONST] = { CHIMDEV_LAYER_TCP, false, 0, -1, -1, TC_CONST },
    [CHIM_TCP_CACHED] = { CHIMDEV_LAYER_TCP, false, -1, 0, -1, TC_CACHED },
    [CHIM_TCP_DELEGATED] = {
        CHIMDEV_LAYER_TCP, false, -1, -1, 0, TC_DELEG
    },
    [CHIM_TCP_ALL] = {
        CHIMDEV_LAYER_TCP, false, 0, TC_CONST, TC_CONST + TC_CACHED,
        TC_CONST + TC_CACHED + TC_DELEG
    },
};

const ChimdevShape *chimdev_shape(uint8_t type)
{
    return type < ARRAY_SIZE(shapes) && shapes[type].layer ? &shapes[type]
                                                           : NULL;
}
