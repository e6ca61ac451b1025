/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * soft.h - in software, what backends without virtio_net_hdr cannot do.
 */
#ifndef CHIMDEV_SOFT_H
#define CHIMDEV_SOFT_H

#include "port/vnet.h"

bool chimdev_soft_csum_ok(const uint8_t *frame, uint32_t len);
bool chimdev_soft_finish_csum(uint8_t *frame, uint32_t len, uint16_t start,
                              uint16_t offset);
typedef void ChimdevSoftEmit(void *opaque, const uint8_t *frame, size_t len);
bool chimdev_soft_segment(const ChimdevVnet *vnet, const uint8_t *frame,
                          uint32_t len, ChimdevSoftEmit *emit, void *opaque);

#endif /* CHIMDEV_SOFT_H */
