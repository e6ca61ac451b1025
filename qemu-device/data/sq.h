/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sq.h - commands on connections.
 */
#ifndef CHIMDEV_SQ_H
#define CHIMDEV_SQ_H

#include "core/chimdev.h"

ChimdevPass chimdev_sq_run(ChimdevPair *p);
/*
 * Settle the indications that the driver's consumer index has passed. False:
 * not all commands could be read yet.
 */
bool chimdev_sq_settle(ChimdevPair *p, int64_t now);

#endif /* CHIMDEV_SQ_H */
