/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ring.h - rings as the rest of the device sees them.
 *
 * A ring is opaque: entries are copied out and copied in. Only ring.c knows
 * phase bits, event indices and barriers.
 */
#ifndef CHIMDEV_RING_H
#define CHIMDEV_RING_H

#include "core/chimdev.h"

/* A fetched command with its whole scatter list. */
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
 * Rings to device: buffers. Look ahead until want bytes are known, or no more
 * are published.
 */
uint64_t chimdev_ring_look(ChimdevRing *r, uint64_t want, unsigned *count);
ChimdevBuf chimdev_ring_take(ChimdevRing *r);
/* True: the ring has been looked ahead as far as possible. */
bool chimdev_ring_look_full(const ChimdevRing *r);
/*
 * Ask for a doorbell. False: the ring cannot sleep, an entry is there already.
 */
bool chimdev_ring_sleep(ChimdevRing *r);

/* Rings to driver */
uint32_t chimdev_ring_room(ChimdevRing *r, uint32_t want);
/*
 * Write the entry ahead places behind the next one. Write several from last to
 * first.
 */
void chimdev_ring_post(ChimdevRing *r, uint32_t ahead, const void *entry);
void chimdev_ring_advance(ChimdevRing *r, uint32_t n);
uint32_t chimdev_ring_next(const ChimdevRing *r);
/* Read the driver's consumer index from its memory, before any later read. */
uint32_t chimdev_ring_consumed(ChimdevRing *r);
/*
 * Ask for a doorbell when the driver's index passes index. False: it already
 * has.
 */
bool chimdev_ring_wake_at(ChimdevRing *r, uint32_t index);
/*
 * No entry fits: ask for a doorbell when the driver has consumed some. False:
 * now there is room.
 */
bool chimdev_ring_wait_room(ChimdevRing *r);

/*
 * Store our index if it has moved. True: the driver wants an interrupt;
 * entries is how far it moved.
 */
bool chimdev_ring_flush(ChimdevRing *r, uint32_t *entries);

#endif /* CHIMDEV_RING_H */
