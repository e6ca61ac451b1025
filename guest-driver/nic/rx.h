/* SPDX-License-Identifier: GPL-2.0-only */
/* Frames from the raw ring. */
#ifndef CHIMDRV_RX_H
#define CHIMDRV_RX_H

#include "nic/nic.h"

int chimdrv_rx_poll(struct chimdrv_pair *pair, int budget);	/* NAPI; frames handled */
void chimdrv_rx_drain(struct chimdrv_pair *pair);

#endif /* CHIMDRV_RX_H */
