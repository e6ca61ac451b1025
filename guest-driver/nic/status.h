/* SPDX-License-Identifier: GPL-2.0-only */
/* Turn a status of the card into an errno. */
#ifndef CHIMDRV_STATUS_H
#define CHIMDRV_STATUS_H

#include <linux/types.h>

/* The only place where a status of the card becomes an errno. */
int chimdrv_status_errno(u32 status);

#endif /* CHIMDRV_STATUS_H */
