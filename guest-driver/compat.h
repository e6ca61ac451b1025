/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything in which the kernels from 6.1 to 6.12 differ for this driver. No
 * other file tests the version.
 */
#ifndef CHIMDRV_COMPAT_H
#define CHIMDRV_COMPAT_H

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "chimney needs Linux 6.1 or later"
#endif

#endif /* CHIMDRV_COMPAT_H */
