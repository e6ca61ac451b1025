/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * filter.h - the MAC filter.
 */
#ifndef CHIMDEV_FILTER_H
#define CHIMDEV_FILTER_H

#include "core/chimdev.h"

/* It lives as long as the object. */
void chimdev_filter_init(ChimdevState *s);
void chimdev_filter_fini(ChimdevState *s);
void chimdev_filter_reset(ChimdevState *s);
uint32_t chimdev_filter_set_mode(ChimdevState *s, const struct chim_rx_mode *m);
const uint8_t *chimdev_filter_mac(const ChimdevState *s);
/* Whether the driver wants any frames. */
bool chimdev_filter_receives(const ChimdevState *s);
bool chimdev_filter_accepts(const ChimdevState *s, const uint8_t *frame,
                            bool *ours);
bool chimdev_filter_add_src(ChimdevState *s, const uint8_t *mac);
void chimdev_filter_del_src(ChimdevState *s, const uint8_t *mac);

#endif /* CHIMDEV_FILTER_H */
