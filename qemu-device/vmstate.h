/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmstate.h - migration and snapshots.
 */
#ifndef CHIMDEV_VMSTATE_H
#define CHIMDEV_VMSTATE_H

#include "migration/vmstate.h"

extern const VMStateDescription chimdev_vmstate;

#endif /* CHIMDEV_VMSTATE_H */
