/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fence.c - fences that have come before their command: ids and how often each.
 *
 * Fence and command may come in either order; ids without a command are
 * bounded (OP-D3). Those whose command is there are counted by it, in
 * op.c, where the waiting is as well. Fences of a command that
 * has been answered without them are late: they go as they come (OP-D2).
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "core/chimdev.h"
#include "core/core.h"
#include "objects/fence.h"
#include "objects/handle.h"

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

static int find_late(ChimdevState *s, uint32_t id)
{
    for (unsigned i = 0; i < s->nlate; i++) {
        if (s->late[i].id == id) {
            return i;
        }
    }
    return -1;
}

static void forget_late(ChimdevState *s, int i)
{
    s->nlate--;
    memmove(&s->late[i], &s->late[i + 1], (s->nlate - i) * sizeof(s->late[0]));
}

static bool is_late(ChimdevState *s, uint32_t id)
{
    int i = find_late(s, id);

    if (i < 0) {
        return false;
    }
    if (!--s->late[i].count) {
        forget_late(s, i);
    }
    return true;
}

/* A command of that id has come: it is what later fences are for. */
void chimdev_fence_expect(ChimdevState *s, uint32_t id)
{
    int i = find_late(s, id);

    if (i >= 0) {
        forget_late(s, i);
    }
}

bool chimdev_fence_early(ChimdevState *s, uint32_t id, const ChimdevAt *at)
{
    int i = find(s, id);

    if (is_late(s, id)) {
        return false;
    }
    if (i < 0) {
        if (s->nfences == CHIMDEV_MAX_FENCES) {
            ChimdevAt here = *at;

            here.rule = CHIM_RULE_OP_H1;
            chimdev_fatal(s, CHIM_FATAL_FENCE, &here, 0);
            return false;
        }
        i = s->nfences++;
        s->fence[i].id = id;
        s->fence[i].count = 0;
    }
    if (s->fence[i].count < UINT32_MAX) {
        s->fence[i].count++;
    }
    return true;
}

uint32_t chimdev_fence_take(ChimdevState *s, uint32_t id, uint32_t most)
{
    int i = find(s, id);
    uint32_t n;

    if (i < 0) {
        return 0;
    }
    n = MIN(most, s->fence[i].count);
    s->fence[i].count -= n;
    if (!s->fence[i].count) {
        forget(s, i);
    }
    return n;
}

/*
 * The command is answered without its fences. Of many such commands the oldest
 * is forgotten.
 */
void chimdev_fence_drop(ChimdevState *s, uint32_t id, uint32_t missing)
{
    if (s->nlate == CHIMDEV_MAX_FENCES) {
        forget_late(s, 0);
    }
    s->late[s->nlate].id = id;
    s->late[s->nlate].count = missing;
    s->nlate++;
}

void chimdev_fence_hold(ChimdevState *s, ChimdevObj *o, uint32_t id)
{
    if (!o->held) {
        QLIST_INSERT_HEAD(&s->held, o, held_next);
        toe_conn_hold_edge(o->u.conn, true);
    }
    o->held = true;
    o->held_by = id;
}

/* The object goes, and its connection has gone. */
void chimdev_fence_forget(ChimdevObj *o)
{
    if (o->held) {
        QLIST_REMOVE(o, held_next);
        o->held = false;
    }
}

/* The command has ended: those that are still here go on. */
void chimdev_fence_release(ChimdevState *s, uint32_t id)
{
    ChimdevObj *o, *next;

    QLIST_FOREACH_SAFE(o, &s->held, held_next, next) {
        if (o->held_by == id) {
            chimdev_fence_forget(o);
            toe_conn_hold_edge(o->u.conn, false);
        }
    }
}

void chimdev_fence_reset(ChimdevState *s)
{
    QLIST_INIT(&s->held);
    s->nfences = 0;
    s->nlate = 0;
}
