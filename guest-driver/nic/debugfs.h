/* SPDX-License-Identifier: GPL-2.0-only */
/* What debugfs shows. */
#ifndef CHIMDRV_DEBUGFS_H
#define CHIMDRV_DEBUGFS_H

#include "nic/nic.h"

void chimdrv_debugfs_init(void);
void chimdrv_debugfs_exit(void);
void chimdrv_debugfs_add(struct chimdrv_dev *cd);
void chimdrv_debugfs_remove(struct chimdrv_dev *cd);

#endif /* CHIMDRV_DEBUGFS_H */
