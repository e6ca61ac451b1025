// SPDX-License-Identifier: GPL-2.0-only
/*
 * The list of bound cards: each is on it from the end of its probe to the start of its
 * removal.
 */
#include "nic/devs.h"

LIST_HEAD(chimdrv_devs);
DEFINE_MUTEX(chimdrv_devs_lock);	/* the list, not its members */
