/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fence.c - fences that arrive before their command: each id and its count.
 *
 * Fence and command may come in either order; the number of ids without a
 * command is bounded (OP-D3). Once the command is there, op.c counts its
 * fences and waits for them. If a command was answered before all its fences
 * came, the missing ones are late: they are dropped on arrival (OP-D2).
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "core/chimdev.h"
#include "core/core.h"
#include "objects/fence.h"
#include "objects/handle.h"
#include "toe.h"

typedef struct Fence {
    uint32_t id, count;
} Fence;

struct ChimdevFences {
    Fence early[CHIMDEV_MAX_FENCES], late[CHIMDEV_MAX_FENCES];
    unsigned n_early, n_late;
};

void chimdev_fence_init(ChimdevState *s)
{
    s->fences = g_new0(ChimdevFences, 1);
}

void chimdev_fence_fini(ChimdevState *s)
{
    g_free(s->fences);
    s->fences = NULL;
}

static int find(const ChimdevFences *f, uint32_t id)
{
    for (unsigned i = 0; i < f->n_early; i++) {
        if (f->early[i].id == id) {
            return i;
        }
    }
    return -1;
}

static void forget(ChimdevFences *f, int i)
{
    f->early[i] = f->early[--f->n_early];
}

static int find_late(const ChimdevFences *f, uint32_t id)
{
    for (unsigned i = 0; i < f->n_late; i++) {
        if (f->late[i].id == id) {
            return i;
        }
    }
    return -1;
}

static void forget_late(ChimdevFences *f, int i)
{
    f->n_late--;
    memmove(&f->late[i], &f->late[i + 1], (f->n_late - i) * sizeof(f->late[0]));
}

static bool is_late(ChimdevFences *f, uint32_t id)
{
    int i = find_late(f, id);

    if (i < 0) {
        return false;
    }
    if (!--f->late[i].count) {
        forget_late(f, i);
    }
    return true;
}

/* A new command has this id: later fences belong to it, none is late. */
void chimdev_fence_expect(ChimdevState *s, uint32_t id)
{
    ChimdevFences *f = s->fences;
    int i = find_late(f, id);

    if (i >= 0) {
        forget_late(f, i);
    }
}

bool chimdev_fence_early(ChimdevState *s, uint32_t id, const ChimdevAt *at)
{
    ChimdevFences *f = s->fences;
    int i = find(f, id);

    if (is_late(f, id)) {
        return false;
    }
    if (i < 0) {
        if (f->n_early == CHIMDEV_MAX_FENCES) {
            ChimdevAt here = *at;

            here.rule = CHIM_RULE_OP_H1;
            chimdev_fatal(s, CHIMDEV_WHY_OP_H1_FENCES, &(ChimdevRefused) {
                .at = &here, CHIMDEV_IN(chim_sqe, u.fence.id), .found = id,
                .allowed = "an id of those that wait, or of a command",
                .cause = CHIM_FATAL_FENCE,
            });
            return false;
        }
        i = f->n_early++;
        f->early[i].id = id;
        f->early[i].count = 0;
    }
    if (f->early[i].count < UINT32_MAX) {
        f->early[i].count++;
    }
    return true;
}

uint32_t chimdev_fence_take(ChimdevState *s, uint32_t id, uint32_t most)
{
    ChimdevFences *f = s->fences;
    int i = find(f, id);
    uint32_t n;

    if (i < 0) {
        return 0;
    }
    n = MIN(most, f->early[i].count);
    f->early[i].count -= n;
    if (!f->early[i].count) {
        forget(f, i);
    }
    return n;
}

/*
 * The command is answered with fences missing. When the table of such commands
 * is full, the oldest is forgotten.
 */
void chimdev_fence_drop(ChimdevState *s, uint32_t id, uint32_t missing)
{
    ChimdevFences *f = s->fences;

    if (f->n_late == CHIMDEV_MAX_FENCES) {
        forget_late(f, 0);
    }
    f->late[f->n_late].id = id;
    f->late[f->n_late].count = missing;
    f->n_late++;
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

/* Forget o's hold: its connection is gone, or the caller frees the edge. */
void chimdev_fence_forget(ChimdevObj *o)
{
    if (o->held) {
        QLIST_REMOVE(o, held_next);
        o->held = false;
    }
}

/* The command has ended: release the windows of connections still here. */
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
    s->fences->n_early = 0;
    s->fences->n_late = 0;
}
