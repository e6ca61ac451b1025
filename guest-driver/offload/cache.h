/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory for objects that come and go with connections. */
#ifndef CHIMDRV_CACHE_H
#define CHIMDRV_CACHE_H

#include <linux/types.h>

enum chimdrv_cache {
	CHIMDRV_CACHE_CONN,
	CHIMDRV_CACHE_SEND,
	CHIMDRV_CACHE_RECV,
	CHIMDRV_CACHE_FWD,
	CHIMDRV_CACHE_NEIGH,
	CHIMDRV_CACHE_PATH,
	CHIMDRV_CACHE_CANDIDATE,
	CHIMDRV_CACHES
};

struct chimdrv_cache_kind {
	const char *name;
	unsigned int size;
};

int chimdrv_cache_init(const struct chimdrv_cache_kind *kinds);	/* CHIMDRV_CACHES of them */
void chimdrv_cache_exit(void);	/* after rcu_barrier(): connections are freed by RCU */
void *chimdrv_cache_alloc(enum chimdrv_cache kind, gfp_t gfp);
void chimdrv_cache_free(enum chimdrv_cache kind, void *object);

#endif /* CHIMDRV_CACHE_H */
