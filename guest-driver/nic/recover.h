/* SPDX-License-Identifier: GPL-2.0-only */
/* A card stopped, started, and brought back. */
#ifndef CHIMDRV_RECOVER_H
#define CHIMDRV_RECOVER_H

#include "nic/nic.h"

/* Process context. Afterwards the card touches no memory, whether or not it answers. */
void chimdrv_recover_quiesce(struct chimdrv_dev *cd);
/* Process context. A card that has been reset, or was never used: admin pair up. */
int chimdrv_recover_start(struct chimdrv_dev *cd);
void chimdrv_recover_init(struct chimdrv_dev *cd);
void chimdrv_recover_watch(struct chimdrv_dev *cd);

#endif /* CHIMDRV_RECOVER_H */
