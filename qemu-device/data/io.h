/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * io.h - commands on connections.
 */
#ifndef CHIMDEV_IO_H
#define CHIMDEV_IO_H

#include "core/chimdev.h"

ChimdevPass chimdev_io_run(ChimdevPair *p);
/*
 * Everything published at this moment. False: the completion ring has no room
 * for it.
 */
bool chimdev_io_drain(ChimdevPair *p);

#endif /* CHIMDEV_IO_H */
