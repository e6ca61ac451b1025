/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmio.c - the registers: one table with offset, name, and read and write
 * functions. Spec chapter 2.
 *
 * An access of the wrong size, alignment, place or direction is logged as a
 * guest error and has no effect; such a read returns 0 (REG-D1).
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "hw/pci/msix.h"
#include "commands/admin.h"
#include "core/chimdev.h"
#include "core/core.h"
#include "core/faults.h"
#include "core/irq.h"
#include "core/refusal.h"
#include "rings/pair.h"
#include "rings/ring.h"
#include "mmio.h"
#include "nic.h"
#include "run.h"
#include "toe.h"
#include "trace.h"

typedef struct ChimdevReg ChimdevReg;
struct ChimdevReg {
    uint32_t offset;
    const char *name;
    uint32_t (*read)(ChimdevState *s, const ChimdevReg *r);
    void (*write)(ChimdevState *s, const ChimdevReg *r, uint32_t v);
    uint32_t arg;
};

/* What was written to a register, and what may be. */
static void refuse(ChimdevState *s, enum chimdev_why why, const ChimdevReg *r,
                   uint32_t v, const char *allowed)
{
    chimdev_refuse(s, why, &(ChimdevRefused) {
        .field = r->name, .offset = r->offset, .found = v, .allowed = allowed,
    });
}

/*
 * Features of received frames are offered only as far as the backend supports
 * them.
 */
static uint64_t features(const ChimdevState *s)
{
    uint64_t f = 1ull << CHIM_F_CSUM | 1ull << CHIM_F_GUEST_CSUM |
                 1ull << CHIM_F_TSO4 | 1ull << CHIM_F_TSO6 |
                 1ull << CHIM_F_RSS | 1ull << CHIM_F_OFFLOAD_IPV4 |
                 1ull << CHIM_F_OFFLOAD_IPV6 | 1ull << CHIM_F_SACK |
                 1ull << CHIM_F_EXT_RTT_US | 1ull << CHIM_F_EXT_TS_US |
                 1ull << CHIM_F_BUFFERED | 1ull << CHIM_F_EXT_FINS |
                 1ull << CHIM_F_EXT_TIMERS | 1ull << CHIM_F_OCTETS;

    if (s->has_vnet) {
        f |= 1ull << CHIM_F_LRO;
    }
    return f;
}

static uint32_t read_const(ChimdevState *s, const ChimdevReg *r)
{
    return chimdev_fault_limit(s, r->offset) ? 0 : r->arg;
}

static uint32_t read_features(ChimdevState *s, const ChimdevReg *r)
{
    return features(s) >> r->arg;
}

static uint32_t read_drv_features(ChimdevState *s, const ChimdevReg *r)
{
    return s->drv_features[r->arg];
}

static void write_drv_features(ChimdevState *s, const ChimdevReg *r,
                               uint32_t v)
{
    uint32_t offered = features(s) >> (32 * r->arg);

    if (s->ctrl & CHIM_CTRL_ENABLE) {
        refuse(s, CHIMDEV_WHY_REG_D3_FEATURES, r, v, "a write before ENABLE");
        return;
    }
    if (v & ~offered) {
        refuse(s, CHIMDEV_WHY_REG_H4_FEATURES, r, v & ~offered,
               "bits of FEATURES_LO and FEATURES_HI");
    }
    s->drv_features[r->arg] = v & offered;
}

static uint32_t read_ctrl(ChimdevState *s, const ChimdevReg *r)
{
    return s->ctrl;
}

static void write_ctrl(ChimdevState *s, const ChimdevReg *r, uint32_t v)
{
    bool enabled = s->ctrl & CHIM_CTRL_ENABLE;

    trace_chimdev_ctrl(v);
    if (s->count[CHIMDEV_LAYER_TCP] && chimdev_alive(s) &&
        ((v & CHIM_CTRL_RESET) || !(v & CHIM_CTRL_ENABLE))) {
        chimdev_refuse(s, CHIMDEV_WHY_LIFE_H1_RESET, &(ChimdevRefused) {
            .field = "connections", .offset = r->offset,
            .found = s->count[CHIMDEV_LAYER_TCP], CHIMDEV_RANGE(0, 0),
        });
    }
    if (v & CHIM_CTRL_RESET) {
        chimdev_reset(s);
        return;
    }
    if (enabled && !(v & CHIM_CTRL_ENABLE)) {
        chimdev_reset(s);
    } else if (!enabled && (v & CHIM_CTRL_ENABLE) &&
               !(s->status & CHIM_STATUS_FATAL)) {
        s->ctrl = CHIM_CTRL_ENABLE;
        if (chimdev_admin_enable(s) &&
            !chimdev_fault_withholds(s, CHIMDEV_FAULT_READY)) {
            s->status |= CHIM_STATUS_READY;
            s->admin_awake = true; /* entries may be there already (RING-D8) */
            chimdev_nic_set_offloads(s);
            chimdev_kick(s);
        }
    }
}

static uint32_t read_status(ChimdevState *s, const ChimdevReg *r)
{
    return s->status | (chimdev_link_up(s) ? CHIM_STATUS_LINK_UP : 0);
}

static uint32_t read_fatal(ChimdevState *s, const ChimdevReg *r)
{
    switch (r->offset) {
    case CHIM_REG_FATAL_CAUSE:
        return s->fatal.cause;
    case CHIM_REG_FATAL_RING:
        return s->fatal.ring;
    case CHIM_REG_FATAL_INDEX:
        return s->fatal.index;
    case CHIM_REG_FATAL_RULE:
        return s->fatal.rule;
    case CHIM_REG_FATAL_ADDR_LO:
        return s->fatal.addr;
    default:
        return s->fatal.addr >> 32;
    }
}

static uint32_t read_isr(ChimdevState *s, const ChimdevReg *r)
{
    return s->isr;
}

static void write_isr(ChimdevState *s, const ChimdevReg *r, uint32_t v)
{
    s->isr &= ~v;
    chimdev_irq_update(s);
}

static uint32_t read_limit(ChimdevState *s, const ChimdevReg *r)
{
    switch (r->offset) {
    case CHIM_REG_MAX_PAIRS:
        return s->npairs;
    case CHIM_REG_MAX_CONNS:
        return s->max_conns;
    case CHIM_REG_MAX_PATHS:
        return s->max_paths;
    default:
        return s->max_neighbors;
    }
}

static uint32_t read_mac(ChimdevState *s, const ChimdevReg *r)
{
    const uint8_t *a = s->conf.macaddr.a;

    return r->arg ? lduw_le_p(a + 4) : (uint32_t)ldl_le_p(a);
}

static uint32_t read_admin(ChimdevState *s, const ChimdevReg *r)
{
    return s->admin_reg[r->arg];
}

static void write_admin(ChimdevState *s, const ChimdevReg *r, uint32_t v)
{
    if (s->ctrl & CHIM_CTRL_ENABLE) {
        refuse(s, CHIMDEV_WHY_REG_H2_LATCHED, r, v, "a write before ENABLE");
        return;
    }
    s->admin_reg[r->arg] = v;
}

static uint32_t read_scratch(ChimdevState *s, const ChimdevReg *r)
{
    return s->scratch;
}

static void write_scratch(ChimdevState *s, const ChimdevReg *r, uint32_t v)
{
    s->scratch = v;
}

static void write_test_irq(ChimdevState *s, const ChimdevReg *r, uint32_t v)
{
    if (v > s->npairs) {
        chimdev_refuse(s, CHIMDEV_WHY_VECTOR, &(ChimdevRefused) {
            .field = r->name, .offset = r->offset, .found = v,
            CHIMDEV_RANGE(0, s->npairs),
        });
        return;
    }
    if (msix_enabled(&s->parent_obj) && !chimdev_bus_master(s)) {
        refuse(s, CHIMDEV_WHY_REG_H6_MESSAGE, r, v,
               "a vector when bus mastering is on");
    }
    chimdev_irq_raise(s, v);
}

#define REG(suffix, rd, wr, value) \
    { CHIM_REG_##suffix, #suffix, rd, wr, value }
#define CONST(suffix, value) REG(suffix, read_const, NULL, value)

static const ChimdevReg regs[] = {
    CONST(MAGIC, CHIM_MAGIC),
    CONST(VERSION, CHIM_ABI_MAJOR << 16 | CHIM_ABI_MINOR),
    REG(FEATURES_LO, read_features, NULL, 0),
    REG(FEATURES_HI, read_features, NULL, 32),
    REG(DRV_FEATURES_LO, read_drv_features, write_drv_features, 0),
    REG(DRV_FEATURES_HI, read_drv_features, write_drv_features, 1),
    REG(CTRL, read_ctrl, write_ctrl, 0),
    REG(STATUS, read_status, NULL, 0),
    REG(FATAL_CAUSE, read_fatal, NULL, 0),
    REG(FATAL_RING, read_fatal, NULL, 0),
    REG(FATAL_INDEX, read_fatal, NULL, 0),
    REG(FATAL_RULE, read_fatal, NULL, 0),
    REG(FATAL_ADDR_LO, read_fatal, NULL, 0),
    REG(FATAL_ADDR_HI, read_fatal, NULL, 0),
    REG(ISR, read_isr, write_isr, 0),
    REG(MAX_PAIRS, read_limit, NULL, 0),
    CONST(MAX_RING_LOG2, CHIM_RING_LOG2_LIMIT),
    REG(MAX_CONNS, read_limit, NULL, 0),
    REG(MAX_PATHS, read_limit, NULL, 0),
    REG(MAX_NEIGHBORS, read_limit, NULL, 0),
    CONST(MAX_SGE, CHIMDEV_MAX_SGE),
    CONST(MAX_BUFFERED, CHIMDEV_MAX_BUFFERED),
    CONST(MAX_SENDS, CHIMDEV_MAX_SENDS),
    CONST(MAX_RECVS, CHIMDEV_MAX_RECVS),
    CONST(MAX_RCV_WND, CHIMDEV_MAX_RCV_WND),
    CONST(MAX_MTU, CHIMDEV_MAX_MTU),
    CONST(MAX_BLOCK_LEN, CHIMDEV_MAX_BLOCK_LEN),
    CONST(MAX_NODES, CHIMDEV_MAX_NODES),
    CONST(MAX_VLANS, CHIMDEV_MAX_VLANS),
    CONST(MAX_SEND_LEN, CHIMDEV_MAX_SEND_LEN),
    CONST(MAX_IND_LEN, TOE_MAX_INDICATION),
    REG(MAC_LO, read_mac, NULL, 0),
    REG(MAC_HI, read_mac, NULL, 1),
    CONST(LINK_SPEED, 10000),
    REG(ADMIN_SQ_LO, read_admin, write_admin, 0),
    REG(ADMIN_SQ_HI, read_admin, write_admin, 1),
    REG(ADMIN_SQ_CTL_LO, read_admin, write_admin, 2),
    REG(ADMIN_SQ_CTL_HI, read_admin, write_admin, 3),
    REG(ADMIN_CQ_LO, read_admin, write_admin, 4),
    REG(ADMIN_CQ_HI, read_admin, write_admin, 5),
    REG(ADMIN_CQ_CTL_LO, read_admin, write_admin, 6),
    REG(ADMIN_CQ_CTL_HI, read_admin, write_admin, 7),
    REG(ADMIN_SIZE, read_admin, write_admin, 8),
    REG(TEST_SCRATCH, read_scratch, write_scratch, 0),
    REG(TEST_IRQ, NULL, write_test_irq, 0),
};

static const ChimdevReg *find_reg(hwaddr addr, unsigned size)
{
    if (size != 4 || addr % 4) {
        return NULL;
    }
    for (size_t i = 0; i < ARRAY_SIZE(regs); i++) {
        if (regs[i].offset == addr) {
            return &regs[i];
        }
    }
    return NULL;
}

static void doorbell(ChimdevState *s, uint32_t id, uint32_t value)
{
    ChimdevRing *r;

    if (!chimdev_alive(s)) {
        return;
    }
    r = chimdev_pair_ring(s, id);
    if (!r) {
        chimdev_refuse(s, CHIMDEV_WHY_REG_H3_DOORBELL, &(ChimdevRefused) {
            .at = &(ChimdevAt) { id, value }, .field = "doorbell",
            .offset = CHIM_REG_DOORBELL + 4 * id,
        });
        return;
    }
    trace_chimdev_doorbell(id, value);
    s->stats.nic.doorbells++;
    chimdev_ring_doorbell(r, value);
    if (id == CHIM_RING_ADMIN_SQ) {
        s->admin_awake = true;
    } else if (id >= CHIM_RING_PAIR0) {
        ChimdevPair *p = &s->pair[(id - CHIM_RING_PAIR0) /
                                  CHIM_RINGS_PER_PAIR];

        switch ((id - CHIM_RING_PAIR0) % CHIM_RINGS_PER_PAIR) {
        case CHIM_RING_SQ:
            p->sq_awake = true;
            break;
        case CHIM_RING_TX:
            p->tx_awake = true;
            break;
        }
    }
    chimdev_kick(s);
}

/* r: the register, if there is one at this place. */
static void refuse_access(ChimdevState *s, const ChimdevReg *r, bool write,
                          hwaddr addr, unsigned size)
{
    ChimdevRefused what = {
        .field = r ? r->name : write ? "write" : "read", .offset = addr,
    };

    if (size != 4 || addr % 4) {
        what.found = size;
        what.allowed = "4 aligned bytes";
        chimdev_refuse(s, CHIMDEV_WHY_REG_H1_SIZE, &what);
    } else if (!r) {
        chimdev_refuse(s, CHIMDEV_WHY_REG_D1_REGISTER, &what);
    } else {
        what.allowed = write ? "reads only" : "writes only";
        chimdev_refuse(s, CHIMDEV_WHY_REG_D1_DIRECTION, &what);
    }
}

static uint64_t mmio_read(void *opaque, hwaddr addr, unsigned size)
{
    ChimdevState *s = opaque;
    const ChimdevReg *r = find_reg(addr, size);
    uint32_t v;

    if (!r || !r->read) {
        refuse_access(s, r, false, addr, size);
        return 0;
    }
    v = r->read(s, r);
    trace_chimdev_reg_read(r->name, v);
    return v;
}

static void do_write(ChimdevState *s, hwaddr addr, uint64_t v, unsigned size)
{
    const ChimdevReg *r;

    if (size == 4 && addr % 4 == 0 && addr >= CHIM_REG_DOORBELL) {
        doorbell(s, (addr - CHIM_REG_DOORBELL) / 4, v);
        return;
    }
    r = find_reg(addr, size);
    if (!r || !r->write) {
        refuse_access(s, r, true, addr, size);
        return;
    }
    trace_chimdev_reg_write(r->name, v);
    r->write(s, r, v);
}

static void mmio_write(void *opaque, hwaddr addr, uint64_t v, unsigned size)
{
    ChimdevState *s = opaque;

    /* QEMU's re-entrancy guard keeps such writes from reaching a run */
    if (chimdev_enter(s)) {
        do_write(s, addr, v, size);
        chimdev_leave(s);
    }
}

/*
 * Let every access reach the functions above with its own size, so that they
 * can refuse it.
 */
const MemoryRegionOps chimdev_mmio_ops = {
    .read = mmio_read,
    .write = mmio_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
    .impl = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
};

void chimdev_mmio_reset(ChimdevState *s)
{
    memset(s->drv_features, 0, sizeof(s->drv_features));
    memset(s->admin_reg, 0, sizeof(s->admin_reg));
    memset(&s->fatal, 0, sizeof(s->fatal));
    s->fatal.ring = CHIM_RING_NONE;
    s->ctrl = 0;
    s->status = 0;
    s->scratch = 0;
}
