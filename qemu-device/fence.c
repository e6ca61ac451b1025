/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fence.c - fences that have come and are not used up: ids and how often each.
 *
 * Fence and command may come in either order; ids without a command are
 * bounded (OP-D3). The waiting itself is stateop.c's.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "chimdev.h"
#include "stateop.h"
#include "trace.h"

static int find(ChimdevState *s, uint32_t id)
{
    for (unsigned i = 0; i < s->nfences; i++) {
        if (s->fence[i].id == id) {
            return i;
        }
    }
    return -1;
}

static void forget(ChimdevState *s, int i)
{
    s->fence[i] = s->fence[--s->nfences];
}

void chimdev_fence_seen(ChimdevState *s, uint32_t id, const ChimdevAt *at)
{
    int i = find(s, id);

    trace_chimdev_fence(id);
    if (i < 0) {
        if (s->nfences == CHIMDEV_MAX_FENCES) {
            ChimdevAt here = *at;

            here.rule = CHIM_RULE_OP_H1;
            chimdev_fatal(s, CHIM_FATAL_FENCE, &here, 0);
            return;
        }
        i = s->nfences++;
        s->fence[i].id = id;
        s->fence[i].count = 0;
    }
    if (s->fence[i].count < UINT32_MAX) {
        s->fence[i].count++;
    }
}

bool chimdev_fence_take(ChimdevState *s, uint32_t id, uint32_t count)
{
    int i;

    if (!count) {
        return true;
    }
    i = find(s, id);
    if (i < 0 || s->fence[i].count < count) {
        return false;
    }
    s->fence[i].count -= count;
    if (!s->fence[i].count) {
        forget(s, i);
    }
    return true;
}

void chimdev_fence_drop(ChimdevState *s, uint32_t id)
{
    int i = find(s, id);

    if (i >= 0) {
        forget(s, i);
    }
}

void chimdev_fence_reset(ChimdevState *s)
{
    s->nfences = 0;
}
