/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * io.h - commands on connections.
 */
#ifndef CHIMDEV_IO_H
#define CHIMDEV_IO_H

#include "core/chimdev.h"

ChimdevPass chimdev_io_run(ChimdevPair *p);
/*
 * Settle the indications that the driver's consumer index has passed. False:
 * its commands could not all be read yet.
 */
bool chimdev_io_settle(ChimdevPair *p, int64_t now);

#endif /* CHIMDEV_IO_H */
