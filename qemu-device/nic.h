/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nic.h - from QEMU's net layer into the card.
 */
#ifndef CHIMDEV_NIC_H
#define CHIMDEV_NIC_H

#include "core/chimdev.h"

void chimdev_nic_init(ChimdevState *s);
void chimdev_nic_fini(ChimdevState *s);
void chimdev_nic_reset(ChimdevState *s);
void chimdev_nic_set_offloads(ChimdevState *s);
void chimdev_nic_take_deferred(ChimdevState *s);
void chimdev_nic_resume_rx(ChimdevState *s);

#endif /* CHIMDEV_NIC_H */
