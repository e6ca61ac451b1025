/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * handle.c - the table of offloaded objects. A handle is an index and a
 * generation: a stale or forged one reaches no other object (SEC-5).
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "core/chimdev.h"
#include "objects/fence.h"
#include "objects/handle.h"

static unsigned limit(const ChimdevState *s, enum chimdev_layer layer)
{
    switch (layer) {
    case CHIMDEV_LAYER_NEIGHBOR:
        return s->max_neighbors;
    case CHIMDEV_LAYER_PATH:
        return s->max_paths;
    default:
        return s->max_conns;
    }
}

void chimdev_obj_init(ChimdevState *s)
{
    s->nobj = s->max_neighbors + s->max_paths + s->max_conns;
    s->obj = g_new0(ChimdevObj, s->nobj);
    chimdev_obj_reset(s);
}

void chimdev_obj_fini(ChimdevState *s)
{
    g_free(s->obj);
    s->obj = NULL;
}

/* Generations survive, so that handles from before a reset stay invalid. */
void chimdev_obj_reset(ChimdevState *s)
{
    s->obj_free = NULL;
    for (unsigned i = s->nobj; i-- > 0; ) {
        ChimdevObj *o = &s->obj[i];
        uint16_t generation = o->generation + (o->layer ? 1 : 0);

        memset(o, 0, sizeof(*o));
        o->generation = generation;
        o->parent = s->obj_free;
        s->obj_free = o;
    }
    memset(s->count, 0, sizeof(s->count));
}

ChimdevObj *chimdev_obj_new(ChimdevState *s, enum chimdev_layer layer,
                            ChimdevObj *parent, uint64_t cookie)
{
    ChimdevObj *o = s->obj_free;

    if (!o || s->count[layer] >= limit(s, layer)) {
        return NULL;
    }
    s->obj_free = o->parent;
    s->count[layer]++;
    o->layer = layer;
    o->handle = (uint32_t)o->generation << 16 | ((o - s->obj) + 1);
    o->cookie = cookie;
    o->parent = parent;
    if (parent) {
        parent->deps++;
    }
    return o;
}

void chimdev_obj_free(ChimdevState *s, ChimdevObj *o)
{
    uint16_t generation = o->generation + 1;

    chimdev_fence_forget(o);
    if (o->parent) {
        o->parent->deps--;
    }
    s->count[o->layer]--;
    memset(o, 0, sizeof(*o));
    o->generation = generation;
    o->parent = s->obj_free;
    s->obj_free = o;
}

ChimdevObj *chimdev_obj_get(ChimdevState *s, uint32_t handle,
                            enum chimdev_layer layer)
{
    uint32_t index = (handle & 0xffff) - 1;
    ChimdevObj *o;

    if (index >= s->nobj) {
        return NULL;
    }
    o = &s->obj[index];
    return o->layer == layer && o->handle == handle ? o : NULL;
}
