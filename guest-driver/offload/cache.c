// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of what comes and goes with connections: a cache for each kind, so that
 * /proc/slabinfo tells how many of a kind there are, and a module that goes is told
 * what it has left over.
 *
 * Any context.
 */
#include "offload/cache.h"
#include "compat.h"

static struct kmem_cache *caches[CHIMDRV_CACHES];

void *chimdrv_cache_alloc(enum chimdrv_cache kind, gfp_t gfp)
{
	return kmem_cache_alloc(caches[kind], gfp);
}

void chimdrv_cache_free(enum chimdrv_cache kind, void *object)
{
	kmem_cache_free(caches[kind], object);
}

/* @kinds: of each kind, in their order. */
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
