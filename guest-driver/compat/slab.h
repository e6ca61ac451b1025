/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Flags of a slab cache.
 */
#ifndef CHIMDRV_COMPAT_SLAB_H
#define CHIMDRV_COMPAT_SLAB_H

#include <linux/slab.h>

/* Came with 6.5. Without it a cache may be merged with others of its size and not show up. */
#ifdef SLAB_NO_MERGE
#define CHIMDRV_SLAB_NO_MERGE SLAB_NO_MERGE
#else
#define CHIMDRV_SLAB_NO_MERGE 0
#endif

#endif /* CHIMDRV_COMPAT_SLAB_H */
