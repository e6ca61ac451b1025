/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memory.h - zeroed host memory held for the guest. NULL: there is none, or
 * the account is used up.
 */
#ifndef CHIMDEV_MEMORY_H
#define CHIMDEV_MEMORY_H

#include "core/chimdev.h"

/* What host memory is held for. */
enum chimdev_memory {
    CHIMDEV_MEM_ENGINE,                 /* connections, received bytes */
    CHIMDEV_MEM_REQUESTS,
    CHIMDEV_MEM_LISTS,                  /* of state operations under way */
    CHIMDEV_MEM_KINDS,
};

/* The accounts live as long as the object; realize limits them. */
void chimdev_memory_init(ChimdevState *s);
void chimdev_memory_limit(ChimdevState *s);
void chimdev_memory_fini(ChimdevState *s);

void *chimdev_memory_get(ChimdevState *s, enum chimdev_memory what,
                         size_t size);
void chimdev_memory_put(ChimdevState *s, enum chimdev_memory what, void *p,
                        size_t size);

#endif /* CHIMDEV_MEMORY_H */
