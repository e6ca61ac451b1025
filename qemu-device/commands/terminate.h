/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * terminate.h - TERMINATE, which goes on while connections drain.
 */
#ifndef CHIMDEV_TERMINATE_H
#define CHIMDEV_TERMINATE_H

#include "objects/op.h"

void chimdev_terminate(ChimdevOp *op, int64_t now);
void chimdev_terminate_continue(ChimdevOp *op, int64_t now);

#endif /* CHIMDEV_TERMINATE_H */
