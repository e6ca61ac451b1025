/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rss.h - which pair gets a received frame.
 */
#ifndef CHIMDEV_RSS_H
#define CHIMDEV_RSS_H

#include "core/chimdev.h"

/* It lives as long as the object. */
void chimdev_rss_init(ChimdevState *s);
void chimdev_rss_fini(ChimdevState *s);
void chimdev_rss_reset(ChimdevState *s);
uint32_t chimdev_rss_set(ChimdevState *s, const struct chim_rss *r);
uint32_t chimdev_rss_hash(const ChimdevState *s, const uint8_t *frame,
                          uint32_t len, uint32_t *flags);
ChimdevPair *chimdev_rss_steer(ChimdevState *s, uint32_t hash);

#endif /* CHIMDEV_RSS_H */
