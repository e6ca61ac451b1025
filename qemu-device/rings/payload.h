/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * payload.h - guest memory: DMA, frames to send, scatter lists.
 */
#ifndef CHIMDEV_PAYLOAD_H
#define CHIMDEV_PAYLOAD_H

#include "core/chimdev.h"

/* A frame assembled for one call of the backend. */
struct ChimdevGather {
    struct iovec iov[CHIMDEV_MAX_IOV];
    unsigned niov;
    struct {
        void *p;
        dma_addr_t len;
    } map[CHIMDEV_MAX_IOV];
    unsigned nmap;
    size_t len;                         /* bytes in all */
    size_t used;                        /* of arena */
    bool linear;                        /* everything goes into arena */
    uint8_t arena[CHIMDEV_MAX_FRAME + 2048];
};

bool chimdev_dma_read(ChimdevState *s, const ChimdevAt *at, uint64_t addr,
                      void *buf, uint64_t len);
bool chimdev_dma_write(ChimdevState *s, const ChimdevAt *at, uint64_t addr,
                       const void *buf, uint64_t len);
bool chimdev_dma_ld32(ChimdevState *s, const ChimdevAt *at, uint64_t addr,
                      uint32_t *v);
bool chimdev_dma_st32(ChimdevState *s, const ChimdevAt *at, uint64_t addr,
                      uint32_t v);
/* Frames are assembled one at a time, in memory that lives with the object. */
void chimdev_gather_init(ChimdevState *s);
void chimdev_gather_fini(ChimdevState *s);
void chimdev_gather_start(ChimdevGather *g, bool linear);
void *chimdev_gather_reserve(ChimdevGather *g, size_t len);
bool chimdev_gather_guest(ChimdevState *s, ChimdevGather *g,
                          const ChimdevAt *at, uint64_t addr, uint32_t len);
void chimdev_gather_done(ChimdevState *s, ChimdevGather *g);
bool chimdev_sges_read(ChimdevState *s, const ChimdevAt *at,
                       const struct chim_sge *sge, unsigned nsge,
                       uint64_t off, void *buf, uint64_t len);
bool chimdev_sges_write(ChimdevState *s, const ChimdevAt *at,
                        const struct chim_sge *sge, unsigned nsge,
                        uint64_t off, const void *buf, uint64_t len);

#endif /* CHIMDEV_PAYLOAD_H */
