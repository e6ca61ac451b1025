// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory for objects that come and go with connections: a slab cache for each kind, so
 * that /proc/slabinfo shows how many there are, and what is left over at module exit is
 * reported.
 *
 * Any context.
 */
#include "offload/cache.h"
#include "compat/slab.h"

static struct kmem_cache *caches[CHIMDRV_CACHES];

void *chimdrv_cache_alloc(enum chimdrv_cache kind, gfp_t gfp)
{
	return kmem_cache_alloc(caches[kind], gfp);
}

void chimdrv_cache_free(enum chimdrv_cache kind, void *object)
{
	kmem_cache_free(caches[kind], object);
}

/* @kinds: one for each enum chimdrv_cache, in that order. */
int chimdrv_cache_init(const struct chimdrv_cache_kind *kinds)
{
	unsigned int i;

	for (i = 0; i < CHIMDRV_CACHES; i++) {
		caches[i] = kmem_cache_create(kinds[i].name, kinds[i].size, 0,
					      CHIMDRV_SLAB_NO_MERGE, NULL);
		if (!caches[i]) {
			chimdrv_cache_exit();
			return -ENOMEM;
		}
	}
	return 0;
}

void chimdrv_cache_exit(void)
{
	unsigned int i;

	for (i = 0; i < CHIMDRV_CACHES; i++) {
		kmem_cache_destroy(caches[i]);
		caches[i] = NULL;
	}
}
