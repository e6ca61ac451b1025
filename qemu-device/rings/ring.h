/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ring.h - rings as the rest of the device sees them.
 *
 * A ring is opaque: entries come out as copies and go in as copies. Phase
 * bits, event indices and barriers are ring.c's alone.
 */
#ifndef CHIMDEV_RING_H
#define CHIMDEV_RING_H

#include "core/chimdev.h"

/* A command as fetched from a ring, its scatter list gathered. */
typedef struct ChimdevCmd {
    struct chim_sqe e;
    ChimdevAt at;
    unsigned nsge;                      /* up to the first of length 0 */
    uint64_t bytes;                     /* sum of their lengths */
    bool wraps;                         /* one of them passes 2^64 */
    struct chim_sge sge[CHIMDEV_MAX_SGE];
} ChimdevCmd;

typedef enum ChimdevFetch {
    CHIMDEV_FETCH_EMPTY,
    CHIMDEV_FETCH_OK,
    CHIMDEV_FETCH_FATAL,        /* chimdev_fatal() has been called */
} ChimdevFetch;

/* A buffer of RXB or IB. */
typedef struct ChimdevBuf {
    uint32_t index;
    uint32_t len;
    uint64_t addr;
} ChimdevBuf;

/* NULL if DMA to the control block fails; that is fatal. */
ChimdevRing *chimdev_ring_create(ChimdevState *s, uint32_t id, uint64_t base,
                                 uint64_t ctl, unsigned log2_size);
void chimdev_ring_destroy(ChimdevRing *r);
uint32_t chimdev_ring_id(const ChimdevRing *r);
uint32_t chimdev_ring_size(const ChimdevRing *r);

/* A doorbell was rung with this value. */
void chimdev_ring_doorbell(ChimdevRing *r, uint32_t value);

/* Rings to device: commands */
ChimdevFetch chimdev_ring_fetch(ChimdevRing *r, ChimdevCmd *cmd);
/*
 * Rings to device: buffers; look ahead until want bytes are known, or no more
 * are published
 */
uint64_t chimdev_ring_look(ChimdevRing *r, uint64_t want, unsigned *count);
ChimdevBuf chimdev_ring_take(ChimdevRing *r);
/* The ring cannot offer more at a time than it has been looked into. */
bool chimdev_ring_look_full(const ChimdevRing *r);
/*
 * Ask for a doorbell. False: there is an entry already, the ring is not
 * asleep.
 */
bool chimdev_ring_sleep(ChimdevRing *r);

/* Rings to driver */
uint32_t chimdev_ring_room(ChimdevRing *r, uint32_t want);
/*
 * Write an entry ahead entries behind the next one; publish goes from the last
 * to the first.
 */
void chimdev_ring_post(ChimdevRing *r, uint32_t ahead, const void *entry);
void chimdev_ring_advance(ChimdevRing *r, uint32_t n);
uint32_t chimdev_ring_next(const ChimdevRing *r);
/*
 * The driver's consumer index, read from its memory, before anything that is
 * read later.
 */
uint32_t chimdev_ring_consumed(ChimdevRing *r);
/*
 * Ask for a doorbell when the driver's index passes index. False: it has
 * passed it already.
 */
bool chimdev_ring_wake_at(ChimdevRing *r, uint32_t index);
/*
 * No entry fits: ask for a doorbell when the driver has consumed some. False:
 * there is room now.
 */
bool chimdev_ring_wait_room(ChimdevRing *r);

/*
 * Store our index if it has moved. True: the driver wants an interrupt;
 * entries is how far it moved.
 */
bool chimdev_ring_flush(ChimdevRing *r, uint32_t *entries);

#endif /* CHIMDEV_RING_H */
