/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The series of kernels whose TCP the hand-over has been checked against, field by field
 * (spec/10-host-stack.md, 10.8). What the headers offer says what compiles; only reading the
 * source says that a field still means the same. So this is the one test of the version.
 */
#ifndef CHIMDRV_COMPAT_KNOWN_H
#define CHIMDRV_COMPAT_KNOWN_H

#include <linux/version.h>

#define CHIMDRV_SERIES(version, patchlevel) \
	(LINUX_VERSION_CODE >> 8 == KERNEL_VERSION(version, patchlevel, 0) >> 8)

#define CHIMDRV_KNOWN_KERNEL \
	(CHIMDRV_SERIES(6, 1) || CHIMDRV_SERIES(6, 12) || CHIMDRV_SERIES(7, 3))

#endif /* CHIMDRV_COMPAT_KNOWN_H */
