/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmstate.c - migration and snapshots. The device refuses both (LIFE-D4): the
 * stream does not hold the state of offloaded connections yet.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "migration/vmstate.h"
#include "core/chimdev.h"
#include "vmstate.h"

const VMStateDescription chimdev_vmstate = {
    .name = TYPE_CHIMDEV,
    .unmigratable = 1,
};
