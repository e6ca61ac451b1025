/* SPDX-License-Identifier: GPL-2.0-only */
/* Stop a card, start it, bring it back. */
#ifndef CHIMDRV_RECOVER_H
#define CHIMDRV_RECOVER_H

#include "nic/nic.h"

/* Process context. Afterwards the card touches no memory, whether or not it answers. */
void chimdrv_recover_quiesce(struct chimdrv_dev *cd);
/* Process context. Start a card that has been reset or never used: bring the admin pair up. */
int chimdrv_recover_start(struct chimdrv_dev *cd);
/* rtnl. Start a card at rest and its rings. If that fails, it is tried again in time. */
int chimdrv_recover_wake(struct chimdrv_dev *cd);
void chimdrv_recover_init(struct chimdrv_dev *cd);
void chimdrv_recover_watch(struct chimdrv_dev *cd);

#endif /* CHIMDRV_RECOVER_H */
