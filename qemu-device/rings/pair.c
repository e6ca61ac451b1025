/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pair.c - finds the card's rings by number: those of the admin pair and of
 * the I/O pairs.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "core/chimdev.h"
#include "rings/pair.h"

ChimdevRing *chimdev_pair_ring(ChimdevState *s, uint32_t id)
{
    uint32_t pair, kind;

    if (id == CHIM_RING_ADMIN_SQ) {
        return s->admin_sq;
    }
    if (id == CHIM_RING_ADMIN_CQ) {
        return s->admin_cq.ring;
    }
    if (id < CHIM_RING_PAIR0) {
        return NULL;
    }
    pair = (id - CHIM_RING_PAIR0) / CHIM_RINGS_PER_PAIR;
    kind = (id - CHIM_RING_PAIR0) % CHIM_RINGS_PER_PAIR;
    if (pair >= s->npairs || kind >= CHIM_RING_KINDS) {
        return NULL;
    }
    return s->pair[pair].ring[kind];
}

ChimdevPair *chimdev_pair_of_ring(ChimdevState *s, uint32_t id,
                                  unsigned *kind)
{
    uint32_t pair;

    if (id < CHIM_RING_PAIR0) {
        return NULL;
    }
    pair = (id - CHIM_RING_PAIR0) / CHIM_RINGS_PER_PAIR;
    *kind = (id - CHIM_RING_PAIR0) % CHIM_RINGS_PER_PAIR;
    return pair < s->npairs && *kind < CHIM_RING_KINDS ? &s->pair[pair] : NULL;
}

/*
 * Frames and commands work with whichever rings exist; connections need all of
 * the pair's.
 */
bool chimdev_pair_usable(const ChimdevPair *p)
{
    for (unsigned k = 0; k < CHIM_RING_KINDS; k++) {
        if (!p->ring[k]) {
            return false;
        }
    }
    return true;
}
