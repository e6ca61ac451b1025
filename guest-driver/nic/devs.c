// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every bound card, from the end of its probe to the begin of its removal.
 */
#include "nic/devs.h"

LIST_HEAD(chimdrv_devs);
DEFINE_MUTEX(chimdrv_devs_lock);	/* the list, not what is in it */
