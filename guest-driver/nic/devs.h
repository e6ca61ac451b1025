/* SPDX-License-Identifier: GPL-2.0-only */
/* Every bound card. */
#ifndef CHIMDRV_DEVS_H
#define CHIMDRV_DEVS_H

#include "nic/nic.h"

extern struct list_head chimdrv_devs;	/* every bound card */
extern struct mutex chimdrv_devs_lock;

#endif /* CHIMDRV_DEVS_H */
