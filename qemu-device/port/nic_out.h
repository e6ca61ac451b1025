/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nic_out.h - frames to QEMU's net layer.
 */
#ifndef CHIMDEV_NIC_OUT_H
#define CHIMDEV_NIC_OUT_H

#include "port/capture.h"
#include "port/vnet.h"

bool chimdev_nic_out_busy(const ChimdevState *s, unsigned pair);
bool chimdev_nic_out_stalled(const ChimdevState *s, unsigned pair,
                             int64_t before);
int64_t chimdev_nic_out_first_stall(const ChimdevState *s);
ChimdevGather *chimdev_nic_out_begin(ChimdevState *s, const ChimdevVnet *vnet);
void chimdev_nic_out_send(ChimdevState *s, unsigned pair,
                          enum chimdev_origin from, const ChimdevVnet *vnet);

#endif /* CHIMDEV_NIC_OUT_H */
