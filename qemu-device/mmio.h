/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmio.h - the registers.
 */
#ifndef CHIMDEV_MMIO_H
#define CHIMDEV_MMIO_H

#include "core/chimdev.h"

extern const MemoryRegionOps chimdev_mmio_ops;
void chimdev_mmio_reset(ChimdevState *s);

#endif /* CHIMDEV_MMIO_H */
