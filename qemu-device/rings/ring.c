/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ring.c - the rings: fetching, posting, indices, events.
 *
 * The only file of the device that knows phase bits, control blocks and memory
 * barriers. It does not interpret entries, except to chain a command's scatter
 * list. Spec chapter 3.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qemu/atomic.h"
#include "qemu/bswap.h"
#include "core/chimdev.h"
#include "core/core.h"
#include "rings/payload.h"
#include "rings/ring.h"
#include "trace.h"

/*
 * The most buffers read ahead: enough for the largest frame in the smallest
 * buffers.
 */
enum { RING_LOOK = 2048 };

enum { BUF_MIN = 64 };          /* RING-H7 */

struct ChimdevRing {
    ChimdevState *s;
    uint32_t id;
    unsigned log2_size;
    unsigned entry_size;
    bool to_driver;
    uint64_t base, ctl;

    uint32_t index;             /* ours: next to fetch, or next to post */
    uint32_t flushed;           /* value of index in the control block */
    uint32_t drv_index;         /* to driver: consumer index as last read */

    /* buffer rings: entries [index, index + nlook) are in look[] */
    ChimdevBuf *look;
    unsigned nlook, look_first;
    uint64_t look_bytes;
};

static ChimdevAt ring_at(const ChimdevRing *r, uint32_t index)
{
    return (ChimdevAt) { r->id, index, CHIM_RULE_RING_H5 };
}

static uint64_t entry_addr(const ChimdevRing *r, uint32_t index)
{
    uint32_t slot = index & ((1u << r->log2_size) - 1);

    return r->base + (uint64_t)slot * r->entry_size;
}

static uint32_t entry_phase(const ChimdevRing *r, uint32_t index)
{
    return (index >> r->log2_size) & 1 ? 0 : CHIM_CTL_PHASE;
}

static uint64_t ctl_addr(const ChimdevRing *r, size_t offset)
{
    return r->ctl + offset;
}
#define CTL(r, field) ctl_addr(r, offsetof(struct chim_ring_ctl, field))

/* Whether moving an index from old to new passes event. */
static bool passes(uint32_t event, uint32_t old, uint32_t new)
{
    return event - old < new - old;
}

static void ring_shape(ChimdevRing *r)
{
    unsigned kind;

    r->entry_size = sizeof(struct chim_sqe);
    if (r->id < CHIM_RING_PAIR0) {
        r->to_driver = r->id == CHIM_RING_ADMIN_CQ;
        return;
    }
    kind = (r->id - CHIM_RING_PAIR0) % CHIM_RINGS_PER_PAIR;
    r->to_driver = kind == CHIM_RING_CQ || kind == CHIM_RING_RXC;
    if (kind == CHIM_RING_RXB || kind == CHIM_RING_IB) {
        r->entry_size = sizeof(struct chim_buf);
    } else if (kind == CHIM_RING_RXC) {
        r->entry_size = sizeof(struct chim_rxe);
    }
}

ChimdevRing *chimdev_ring_create(ChimdevState *s, uint32_t id, uint64_t base,
                                 uint64_t ctl, unsigned log2_size)
{
    ChimdevRing *r = g_new0(ChimdevRing, 1);
    ChimdevAt at;

    r->s = s;
    r->id = id;
    r->base = base;
    r->ctl = ctl;
    r->log2_size = log2_size;
    ring_shape(r);
    if (r->entry_size == sizeof(struct chim_buf)) {
        r->look = g_new(ChimdevBuf, RING_LOOK);
    }
    at = ring_at(r, 0);
    if (!chimdev_dma_st32(s, &at, CTL(r, dev_index), 0) ||
        !chimdev_dma_st32(s, &at, CTL(r, dev_event), r->to_driver ? -1u : 0)) {
        chimdev_ring_destroy(r);
        return NULL;
    }
    trace_chimdev_ring_create(id, 1u << log2_size, base);
    return r;
}

void chimdev_ring_destroy(ChimdevRing *r)
{
    if (r) {
        g_free(r->look);
        g_free(r);
    }
}

uint32_t chimdev_ring_id(const ChimdevRing *r)
{
    return r->id;
}

uint32_t chimdev_ring_size(const ChimdevRing *r)
{
    return 1u << r->log2_size;
}

/* RING-H1, RING-H2. The value is only checked; phases count (RING-D8). */
void chimdev_ring_doorbell(ChimdevRing *r, uint32_t value)
{
    uint32_t size = 1u << r->log2_size;
    uint32_t off = r->to_driver ? r->index - value : value - r->index;

    if (off > size) {
        ChimdevAt at = {
            r->id, value,
            r->to_driver ? CHIM_RULE_RING_H2 : CHIM_RULE_RING_H1
        };
        uint64_t least = r->to_driver ? (uint32_t)(r->index - size) : r->index;

        chimdev_fatal(r->s, r->to_driver ? CHIMDEV_WHY_RING_H2_DOORBELL :
                                           CHIMDEV_WHY_RING_H1_DOORBELL,
                      &(ChimdevRefused) {
            .at = &at, .field = "doorbell",
            .offset = CHIM_REG_DOORBELL + 4 * r->id, .found = value,
            CHIMDEV_RANGE(least, least + size),
            .cause = CHIM_FATAL_DOORBELL,
        });
    }
}

/* Whether entry index is published. If so, the rest of it may be read. */
static ChimdevFetch published(ChimdevRing *r, uint32_t index)
{
    ChimdevAt at = ring_at(r, index);
    uint32_t ctl;

    if (!chimdev_dma_ld32(r->s, &at, entry_addr(r, index), &ctl)) {
        return CHIMDEV_FETCH_FATAL;
    }
    if ((ctl & CHIM_CTL_PHASE) != entry_phase(r, index)) {
        return CHIMDEV_FETCH_EMPTY;
    }
    smp_rmb();          /* the phase before what it announces (RING-D2) */
    return CHIMDEV_FETCH_OK;
}

static bool read_entry(ChimdevRing *r, uint32_t index, void *entry)
{
    ChimdevAt at = ring_at(r, index);

    return chimdev_dma_read(r->s, &at, entry_addr(r, index), entry,
                            r->entry_size);
}

/*
 * Append elements to a command's scatter list; the first of length 0 ends it.
 */
static void add_sges(ChimdevCmd *cmd, const struct chim_sge *sge, unsigned n,
                     bool *ended)
{
    for (unsigned i = 0; i < n && !*ended; i++) {
        uint64_t addr = le64_to_cpu(sge[i].addr);
        uint32_t len = le32_to_cpu(sge[i].len);

        if (!len) {
            *ended = true;
            return;
        }
        cmd->sge[cmd->nsge].addr = addr;
        cmd->sge[cmd->nsge].len = len;
        cmd->nsge++;
        cmd->bytes += len;
        cmd->wraps |= addr + len < addr;
    }
}

static ChimdevFetch fetch_sg(ChimdevRing *r, uint32_t index, ChimdevCmd *cmd,
                             bool *ended)
{
    ChimdevAt at = { r->id, index, CHIM_RULE_RING_H3 };
    struct chim_sqe_sg sg;
    ChimdevFetch f = published(r, index);

    if (f == CHIMDEV_FETCH_EMPTY) {
        chimdev_fatal(r->s, CHIMDEV_WHY_RING_H3_PHASE, &(ChimdevRefused) {
            .at = &at, CHIMDEV_IN(chim_sqe_sg, ctl),
            .cause = CHIM_FATAL_PHASE,
        });
        return CHIMDEV_FETCH_FATAL;
    }
    if (f != CHIMDEV_FETCH_OK || !read_entry(r, index, &sg)) {
        return CHIMDEV_FETCH_FATAL;
    }
    if ((le32_to_cpu(sg.ctl) & CHIM_CTL_OP_MASK) != CHIM_OP_SG) {
        at.rule = CHIM_RULE_RING_H6;
        chimdev_fatal(r->s, CHIMDEV_WHY_RING_H6_SG, &(ChimdevRefused) {
            .at = &at, CHIMDEV_IN(chim_sqe_sg, ctl),
            .found = le32_to_cpu(sg.ctl) & CHIM_CTL_OP_MASK,
            CHIMDEV_RANGE(CHIM_OP_SG, CHIM_OP_SG),
            .cause = CHIM_FATAL_OPCODE,
        });
        return CHIMDEV_FETCH_FATAL;
    }
    add_sges(cmd, sg.sge, CHIM_SG_SGES, ended);
    return CHIMDEV_FETCH_OK;
}

/*
 * Set-up commands lay out the scatter area differently (a ring's addresses
 * have no length), so the raw entry stays available in cmd->e.
 */
ChimdevFetch chimdev_ring_fetch(ChimdevRing *r, ChimdevCmd *cmd)
{
    ChimdevFetch f = published(r, r->index);
    unsigned sgs, size = 1u << r->log2_size;
    bool ended = false;
    uint32_t ctl;

    if (f != CHIMDEV_FETCH_OK) {
        return f;
    }
    cmd->at = ring_at(r, r->index);
    cmd->at.rule = CHIM_RULE_RING_H4;
    cmd->nsge = 0;
    cmd->bytes = 0;
    cmd->wraps = false;
    if (!read_entry(r, r->index, &cmd->e)) {
        return CHIMDEV_FETCH_FATAL;
    }
    ctl = le32_to_cpu(cmd->e.ctl);
    sgs = ctl >> CHIM_CTL_SG_SHIFT & CHIM_CTL_SG_MASK;
    if (sgs >= size) {
        ChimdevAt at = { r->id, r->index, CHIM_RULE_RING_H3 };

        chimdev_fatal(r->s, CHIMDEV_WHY_RING_H3_LENGTH, &(ChimdevRefused) {
            .at = &at, CHIMDEV_IN(chim_sqe, ctl), .found = 1 + sgs,
            CHIMDEV_RANGE(1, size), .cause = CHIM_FATAL_PHASE,
        });
        return CHIMDEV_FETCH_FATAL;
    }
    add_sges(cmd, cmd->e.sge, CHIM_SQE_SGES, &ended);
    for (unsigned i = 1; i <= sgs; i++) {
        f = fetch_sg(r, r->index + i, cmd, &ended);
        if (f != CHIMDEV_FETCH_OK) {
            return f;
        }
    }
    r->index += 1 + sgs;
    return CHIMDEV_FETCH_OK;
}

static ChimdevFetch impossible_buffer(ChimdevRing *r, const ChimdevBuf *b)
{
    ChimdevAt at = { r->id, b->index, CHIM_RULE_RING_H7 };

    if (b->len < BUF_MIN) {
        chimdev_fatal(r->s, CHIMDEV_WHY_RING_H7_LENGTH, &(ChimdevRefused) {
            .at = &at, CHIMDEV_IN(chim_buf, len), .found = b->len,
            CHIMDEV_RANGE(BUF_MIN, UINT32_MAX),
            .cause = CHIM_FATAL_BUFFER,
        });
    } else {
        chimdev_fatal(r->s, CHIMDEV_WHY_RING_H7_WRAP, &(ChimdevRefused) {
            .at = &at, CHIMDEV_IN(chim_buf, addr), .found = b->addr,
            CHIMDEV_RANGE(0, UINT64_MAX - b->len),
            .cause = CHIM_FATAL_BUFFER,
        });
    }
    return CHIMDEV_FETCH_FATAL;
}

/* Read one more buffer entry ahead. RING-H7. */
static ChimdevFetch look_further(ChimdevRing *r)
{
    uint32_t index = r->index + r->nlook;
    struct chim_buf e;
    ChimdevBuf *b;
    ChimdevFetch f;

    if (chimdev_ring_look_full(r)) {
        return CHIMDEV_FETCH_EMPTY;
    }
    f = published(r, index);
    if (f != CHIMDEV_FETCH_OK) {
        return f;
    }
    if (!read_entry(r, index, &e)) {
        return CHIMDEV_FETCH_FATAL;
    }
    b = &r->look[(r->look_first + r->nlook) % RING_LOOK];
    b->index = index;
    b->len = le32_to_cpu(e.len);
    b->addr = le64_to_cpu(e.addr);
    if (b->len < BUF_MIN || b->addr + b->len < b->addr) {
        return impossible_buffer(r, b);
    }
    r->nlook++;
    r->look_bytes += b->len;
    return CHIMDEV_FETCH_OK;
}

bool chimdev_ring_look_full(const ChimdevRing *r)
{
    return r->nlook == MIN(RING_LOOK, 1u << r->log2_size);
}

uint64_t chimdev_ring_look(ChimdevRing *r, uint64_t want, unsigned *count)
{
    uint64_t bytes = 0;
    unsigned n = 0;

    while (r->look_bytes < want) {
        if (look_further(r) != CHIMDEV_FETCH_OK) {
            break;
        }
    }
    while (n < r->nlook && bytes < want) {
        bytes += r->look[(r->look_first + n) % RING_LOOK].len;
        n++;
    }
    if (count) {
        *count = n;
    }
    return bytes;
}

ChimdevBuf chimdev_ring_take(ChimdevRing *r)
{
    ChimdevBuf b = r->look[r->look_first];

    r->look_first = (r->look_first + 1) % RING_LOOK;
    r->nlook--;
    r->look_bytes -= b.len;
    r->index++;
    return b;
}

/*
 * RING-D5. A buffer ring waits for the first entry that it has not read ahead.
 */
bool chimdev_ring_sleep(ChimdevRing *r)
{
    uint32_t next = r->index + r->nlook;
    ChimdevAt at = ring_at(r, next);

    if (!chimdev_dma_st32(r->s, &at, CTL(r, dev_event), next)) {
        return true;
    }
    smp_mb();           /* the event before the phase, as the driver does */
    return published(r, next) != CHIMDEV_FETCH_OK;
}

uint32_t chimdev_ring_consumed(ChimdevRing *r)
{
    ChimdevAt at = { r->id, r->index, CHIM_RULE_RING_H5 };
    uint32_t v;

    if (!chimdev_dma_ld32(r->s, &at, CTL(r, drv_index), &v)) {
        return r->drv_index;
    }
    smp_mb_acquire();   /* the index before the commands behind it (RING-H8) */
    if (v - r->drv_index > r->index - r->drv_index) {
        at.index = v;
        at.rule = CHIM_RULE_RING_H2;
        chimdev_fatal(r->s, CHIMDEV_WHY_RING_H2_INDEX, &(ChimdevRefused) {
            .at = &at, CHIMDEV_IN(chim_ring_ctl, drv_index), .found = v,
            CHIMDEV_RANGE(r->drv_index, (uint64_t)r->drv_index +
                                        (uint32_t)(r->index - r->drv_index)),
            .cause = CHIM_FATAL_CQ_INDEX,
        });
        return r->drv_index;
    }
    r->drv_index = v;
    return v;
}

uint32_t chimdev_ring_room(ChimdevRing *r, uint32_t want)
{
    uint32_t size = 1u << r->log2_size;
    uint32_t room = size - (r->index - r->drv_index);

    if (room < want) {
        room = size - (r->index - chimdev_ring_consumed(r));
    }
    return room;
}

/* RING-D1 */
void chimdev_ring_post(ChimdevRing *r, uint32_t ahead, const void *entry)
{
    uint32_t index = r->index + ahead;
    uint64_t addr = entry_addr(r, index);
    ChimdevAt at = ring_at(r, index);
    uint32_t ctl = (ldl_le_p(entry) & ~CHIM_CTL_PHASE) | entry_phase(r, index);

    if (!chimdev_dma_write(r->s, &at, addr + 4, (const uint8_t *)entry + 4,
                           r->entry_size - 4)) {
        return;
    }
    smp_wmb();          /* everything else before the phase (RING-D1) */
    chimdev_dma_st32(r->s, &at, addr, ctl);
}

void chimdev_ring_advance(ChimdevRing *r, uint32_t n)
{
    r->index += n;
}

uint32_t chimdev_ring_next(const ChimdevRing *r)
{
    return r->index;
}

bool chimdev_ring_wake_at(ChimdevRing *r, uint32_t index)
{
    ChimdevAt at = ring_at(r, index);

    if (!chimdev_dma_st32(r->s, &at, CTL(r, dev_event), index)) {
        return true;
    }
    smp_mb();           /* the event before the index */
    return (int32_t)(chimdev_ring_consumed(r) - index) <= 0;
}

/* RING-D7 */
bool chimdev_ring_wait_room(ChimdevRing *r)
{
    uint32_t seen = r->drv_index;
    ChimdevAt at = ring_at(r, r->index);

    if (!chimdev_dma_st32(r->s, &at, CTL(r, dev_event), seen)) {
        return true;
    }
    smp_mb();           /* the event before the index */
    return chimdev_ring_consumed(r) == seen;
}

/* RING-D4, RING-D6 */
bool chimdev_ring_flush(ChimdevRing *r, uint32_t *entries)
{
    ChimdevAt at = ring_at(r, r->index);
    uint32_t old = r->flushed, event;

    *entries = r->index - old;
    if (!*entries) {
        return false;
    }
    r->flushed = r->index;
    if (!chimdev_dma_st32(r->s, &at, CTL(r, dev_index), r->index)) {
        return false;
    }
    smp_mb();           /* our index before the driver's event (RING-D6) */
    if (!chimdev_dma_ld32(r->s, &at, CTL(r, drv_event), &event)) {
        return false;
    }
    return passes(event, old, r->index);
}
