/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * payload.c - guest memory: every DMA access of the device, frames assembled
 * from guest memory, and scatter lists.
 *
 * A failing access is fatal and names the entry that led to it (RING-D10). To
 * send, memory is mapped where that pays and copied elsewhere; mappings end
 * before the device returns to the main loop.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "core/chimdev.h"
#include "core/core.h"
#include "rings/payload.h"

enum { GATHER_COPY = 1024 };    /* shorter pieces are cheaper to copy */

static bool in_mask(const ChimdevState *s, uint64_t addr, uint64_t len)
{
    uint64_t last = addr + len - 1;

    return !len ||
           (last >= addr && (s->dma_bits >= 64 || !(last >> s->dma_bits)));
}

/* Nothing is read or written any more. */
static bool dead(const ChimdevState *s)
{
    return (s->status & CHIM_STATUS_FATAL) || s->reset_pending;
}

static void dma_failed(ChimdevState *s, const ChimdevAt *at, uint64_t addr)
{
    enum chimdev_why why = !chimdev_bus_master(s) ? CHIMDEV_WHY_REG_H6_DMA :
                           at->rule == CHIM_RULE_RING_H4 ?
                               CHIMDEV_WHY_RING_H4_DMA :
                           at->rule == CHIM_RULE_RING_H7 ?
                               CHIMDEV_WHY_RING_H7_DMA :
                               CHIMDEV_WHY_RING_H5_DMA;

    chimdev_fatal(s, why, &(ChimdevRefused) {
        .at = at, .found = addr, .allowed = "memory within the DMA mask",
        .cause = CHIM_FATAL_DMA,
    });
}

bool chimdev_dma_read(ChimdevState *s, const ChimdevAt *at, uint64_t addr,
                      void *buf, uint64_t len)
{
    if (dead(s)) {
        return false;
    }
    if (!in_mask(s, addr, len) ||
        pci_dma_read(&s->parent_obj, addr, buf, len) != MEMTX_OK) {
        dma_failed(s, at, addr);
        return false;
    }
    return true;
}

bool chimdev_dma_write(ChimdevState *s, const ChimdevAt *at, uint64_t addr,
                       const void *buf, uint64_t len)
{
    if (dead(s)) {
        return false;
    }
    if (!in_mask(s, addr, len) ||
        pci_dma_write(&s->parent_obj, addr, buf, len) != MEMTX_OK) {
        dma_failed(s, at, addr);
        return false;
    }
    return true;
}

bool chimdev_dma_ld32(ChimdevState *s, const ChimdevAt *at, uint64_t addr,
                      uint32_t *v)
{
    if (dead(s)) {
        return false;
    }
    if (!in_mask(s, addr, 4) ||
        ldl_le_pci_dma(&s->parent_obj, addr, v,
                       MEMTXATTRS_UNSPECIFIED) != MEMTX_OK) {
        dma_failed(s, at, addr);
        return false;
    }
    return true;
}

bool chimdev_dma_st32(ChimdevState *s, const ChimdevAt *at, uint64_t addr,
                      uint32_t v)
{
    if (dead(s)) {
        return false;
    }
    if (!in_mask(s, addr, 4) ||
        stl_le_pci_dma(&s->parent_obj, addr, v,
                       MEMTXATTRS_UNSPECIFIED) != MEMTX_OK) {
        dma_failed(s, at, addr);
        return false;
    }
    return true;
}

/* ---------------------------------------- gathering */

void chimdev_gather_init(ChimdevState *s)
{
    s->gather = g_new0(ChimdevGather, 1);
}

void chimdev_gather_fini(ChimdevState *s)
{
    g_free(s->gather);
    s->gather = NULL;
}

void chimdev_gather_start(ChimdevGather *g, bool linear)
{
    g->niov = 0;
    g->nmap = 0;
    g->len = 0;
    g->used = 0;
    g->linear = linear;
}

/* Reserve the next len bytes of the frame. NULL: too long. */
void *chimdev_gather_reserve(ChimdevGather *g, size_t len)
{
    uint8_t *p = g->arena + g->used;
    struct iovec *last = g->niov ? &g->iov[g->niov - 1] : NULL;

    if (len > sizeof(g->arena) - g->used ||
        g->len + len > CHIMDEV_MAX_FRAME + 1024) {
        return NULL;
    }
    if (last && (uint8_t *)last->iov_base + last->iov_len == p) {
        last->iov_len += len;
    } else if (g->niov < CHIMDEV_MAX_IOV) {
        g->iov[g->niov].iov_base = p;
        g->iov[g->niov].iov_len = len;
        g->niov++;
    } else {
        return NULL;
    }
    g->used += len;
    g->len += len;
    return p;
}

static bool gather_copy(ChimdevState *s, ChimdevGather *g, const ChimdevAt *at,
                        uint64_t addr, uint32_t len)
{
    void *p = chimdev_gather_reserve(g, len);

    return p && chimdev_dma_read(s, at, addr, p, len);
}

/*
 * Mapping reports no error for memory that does not exist, so check first. It
 * may also map less than asked for, or nothing.
 */
bool chimdev_gather_guest(ChimdevState *s, ChimdevGather *g,
                          const ChimdevAt *at, uint64_t addr, uint32_t len)
{
    AddressSpace *as = pci_get_address_space(&s->parent_obj);

    if (g->linear || len < GATHER_COPY) {
        return gather_copy(s, g, at, addr, len);
    }
    if (dead(s)) {
        return false;
    }
    if (!in_mask(s, addr, len) ||
        !dma_memory_valid(as, addr, len, DMA_DIRECTION_TO_DEVICE,
                          MEMTXATTRS_UNSPECIFIED)) {
        dma_failed(s, at, addr);
        return false;
    }
    while (len) {
        dma_addr_t n = len;
        void *p = NULL;

        if (g->niov < CHIMDEV_MAX_IOV / 2) {
            p = pci_dma_map(&s->parent_obj, addr, &n, DMA_DIRECTION_TO_DEVICE);
        }
        if (!p) {
            return gather_copy(s, g, at, addr, len);
        }
        g->map[g->nmap].p = p;
        g->map[g->nmap].len = n;
        g->nmap++;
        g->iov[g->niov].iov_base = p;
        g->iov[g->niov].iov_len = n;
        g->niov++;
        g->len += n;
        addr += n;
        len -= n;
    }
    return g->len <= CHIMDEV_MAX_FRAME + 1024;
}

void chimdev_gather_done(ChimdevState *s, ChimdevGather *g)
{
    for (unsigned i = 0; i < g->nmap; i++) {
        pci_dma_unmap(&s->parent_obj, g->map[i].p, g->map[i].len,
                      DMA_DIRECTION_TO_DEVICE, g->map[i].len);
    }
    g->nmap = 0;
    g->niov = 0;
}

/* ---------------------------------------- scatter lists */

static bool sges_access(ChimdevState *s, const ChimdevAt *at,
                        const struct chim_sge *sge, unsigned nsge,
                        uint64_t off, uint8_t *buf, uint64_t len, bool write)
{
    for (unsigned i = 0; i < nsge && len; i++) {
        uint64_t n;

        if (off >= sge[i].len) {
            off -= sge[i].len;
            continue;
        }
        n = MIN(len, sge[i].len - off);
        if (write ? !chimdev_dma_write(s, at, sge[i].addr + off, buf, n)
                  : !chimdev_dma_read(s, at, sge[i].addr + off, buf, n)) {
            return false;
        }
        buf += n;
        len -= n;
        off = 0;
    }
    return !len;
}

bool chimdev_sges_read(ChimdevState *s, const ChimdevAt *at,
                       const struct chim_sge *sge, unsigned nsge,
                       uint64_t off, void *buf, uint64_t len)
{
    return sges_access(s, at, sge, nsge, off, buf, len, false);
}

bool chimdev_sges_write(ChimdevState *s, const ChimdevAt *at,
                        const struct chim_sge *sge, unsigned nsge,
                        uint64_t off, const void *buf, uint64_t len)
{
    return sges_access(s, at, sge, nsge, off, (uint8_t *)buf, len, true);
}
