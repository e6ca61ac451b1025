/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CHIMDRV_KERNEL_H
#define CHIMDRV_KERNEL_H

#include <linux/types.h>

bool chimdrv_kernel_ok(void);
void chimdrv_kernel_look(void);

#endif /* CHIMDRV_KERNEL_H */
