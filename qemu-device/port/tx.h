/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tx.h - the host's frames.
 */
#ifndef CHIMDEV_TX_H
#define CHIMDEV_TX_H

#include "core/chimdev.h"

ChimdevPass chimdev_tx_run(ChimdevPair *p);

#endif /* CHIMDEV_TX_H */
