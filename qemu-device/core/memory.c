/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memory.c - bounds on the host memory that a guest makes the device hold.
 *
 * Limits per connection are not enough: a guest can name one page for all its
 * BufferedData, and one scatter list for many requests. Each purpose has its
 * own account. Connections may use up theirs and still leave memory for the
 * requests on them and for the lists that end them.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "core/chimdev.h"
#include "core/memory.h"

enum {
    REQUESTS_SHARE = 4,         /* requests: x-max-bytes / 4, on top */
    LIST_BYTES = 64 * MiB,      /* dozens of the longest lists */
};

struct ChimdevAccount {
    uint64_t used, limit;               /* bytes */
};

void chimdev_memory_init(ChimdevState *s)
{
    s->account = g_new0(ChimdevAccount, CHIMDEV_MEM_KINDS);
}

void chimdev_memory_fini(ChimdevState *s)
{
    g_free(s->account);
    s->account = NULL;
}

void chimdev_memory_limit(ChimdevState *s)
{
    s->account[CHIMDEV_MEM_ENGINE].limit = s->max_bytes;
    s->account[CHIMDEV_MEM_REQUESTS].limit = s->max_bytes / REQUESTS_SHARE;
    s->account[CHIMDEV_MEM_LISTS].limit = LIST_BYTES;
}

void *chimdev_memory_get(ChimdevState *s, enum chimdev_memory what,
                         size_t size)
{
    ChimdevAccount *a = &s->account[what];
    void *p;

    if (size > a->limit - a->used) {
        return NULL;
    }
    p = g_try_malloc0(size);
    if (p) {
        a->used += size;
    }
    return p;
}

void chimdev_memory_put(ChimdevState *s, enum chimdev_memory what, void *p,
                        size_t size)
{
    if (p) {
        s->account[what].used -= size;
        g_free(p);
    }
}
