/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * setup_data.h - why the data of a set-up command is refused. Each returns the
 * status that it has been given.
 */
#ifndef CHIMDEV_SETUP_DATA_H
#define CHIMDEV_SETUP_DATA_H

#include "rings/ring.h"

uint32_t chimdev_setup_bad_rx_mode(ChimdevState *s, const ChimdevCmd *cmd,
                                   const struct chim_rx_mode *m,
                                   uint32_t status);
uint32_t chimdev_setup_bad_rss(ChimdevState *s, const ChimdevCmd *cmd,
                               const struct chim_rss *r, uint32_t status);
uint32_t chimdev_setup_bad_params(ChimdevState *s, const ChimdevCmd *cmd,
                                  const struct chim_params *p,
                                  uint32_t status);

#endif /* CHIMDEV_SETUP_DATA_H */
