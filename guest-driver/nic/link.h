/* SPDX-License-Identifier: GPL-2.0-only */
/* The link. */
#ifndef CHIMDRV_LINK_H
#define CHIMDRV_LINK_H

#include "nic/nic.h"

/* Any context that may read registers: set the carrier from the link state. */
void chimdrv_link_read(struct chimdrv_net *net);

#endif /* CHIMDRV_LINK_H */
