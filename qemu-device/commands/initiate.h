/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * initiate.h - INITIATE.
 */
#ifndef CHIMDEV_INITIATE_H
#define CHIMDEV_INITIATE_H

#include "objects/op.h"

void chimdev_initiate(ChimdevOp *op, int64_t now);

#endif /* CHIMDEV_INITIATE_H */
