/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vnet.h - what a virtio_net_hdr says about a frame.
 */
#ifndef CHIMDEV_VNET_H
#define CHIMDEV_VNET_H

#include "core/chimdev.h"

/* struct chim_vnet_hdr in host order, without the number of buffers. */
typedef struct ChimdevVnet {
    uint8_t flags, gso_type;
    uint16_t hdr_len, gso_size, csum_start, csum_offset;
} ChimdevVnet;

#endif /* CHIMDEV_VNET_H */
