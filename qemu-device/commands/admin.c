/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * admin.c - the admin pair: set-up commands, and the device's own events.
 * State operations are handed on to op.c. Spec chapter 5.6.
 *
 * Each handler checks everything first and answers with one status.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qemu/log.h"
#include "commands/admin.h"
#include "commands/stats.h"
#include "core/chimdev.h"
#include "core/core.h"
#include "data/accept.h"
#include "data/target.h"
#include "objects/handle.h"
#include "objects/op.h"
#include "port/filter.h"
#include "port/rss.h"
#include "port/rx.h"
#include "rings/cq.h"
#include "rings/pair.h"
#include "rings/payload.h"
#include "rings/ring.h"
#include "trace.h"

enum { ADMIN_BUDGET = 64 };

/* ---------------------------------------- the pair */

void chimdev_admin_init(ChimdevState *s)
{
    chimdev_cq_init(&s->admin_cq, s);
    for (unsigned i = 0; i < CHIM_PAIRS_LIMIT; i++) {
        ChimdevPair *p = &s->pair[i];

        p->s = s;
        p->nr = i;
        chimdev_cq_init(&p->cq, s);
        QTAILQ_INIT(&p->inds);
        QSIMPLEQ_INIT(&p->rx_wait);
        p->irq_deadline = INT64_MAX;
    }
    QLIST_INIT(&s->reqs);
    QTAILQ_INIT(&s->ops);
}

static bool ring_place_ok(uint64_t base, uint64_t ctl, uint32_t log2_size)
{
    return !(base % 64) && !(ctl % 128) && log2_size >= CHIM_RING_LOG2_MIN &&
           log2_size <= CHIM_RING_LOG2_LIMIT;
}

/* REG-D4 */
bool chimdev_admin_enable(ChimdevState *s)
{
    const uint32_t *r = s->admin_reg;
    uint64_t sq = r[0] | (uint64_t)r[1] << 32;
    uint64_t sq_ctl = r[2] | (uint64_t)r[3] << 32;
    uint64_t cq = r[4] | (uint64_t)r[5] << 32;
    uint64_t cq_ctl = r[6] | (uint64_t)r[7] << 32;
    unsigned sq_log2 = r[8] & 0xff, cq_log2 = r[8] >> 8 & 0xff;
    ChimdevAt at = { CHIM_RING_ADMIN_SQ, 0, CHIM_RULE_REG_H2 };

    if (!ring_place_ok(sq, sq_ctl, sq_log2) ||
        !ring_place_ok(cq, cq_ctl, cq_log2) || r[8] >> 16) {
        chimdev_fatal(s, CHIM_FATAL_RING_CONFIG, &at, 0);
        return false;
    }
    s->admin_sq = chimdev_ring_create(s, CHIM_RING_ADMIN_SQ, sq, sq_ctl,
                                      sq_log2);
    if (s->admin_sq) {
        s->admin_cq.ring = chimdev_ring_create(s, CHIM_RING_ADMIN_CQ, cq,
                                               cq_ctl, cq_log2);
    }
    return s->admin_cq.ring;
}

static void destroy_ring(ChimdevPair *p, unsigned kind)
{
    if (kind == CHIM_RING_CQ) {
        chimdev_cq_fini(&p->cq);
        chimdev_accept_reset(p);
    } else if (kind == CHIM_RING_RXB || kind == CHIM_RING_RXC) {
        chimdev_rx_reset(p);
    }
    chimdev_ring_destroy(p->ring[kind]);
    p->ring[kind] = NULL;
}

void chimdev_admin_reset(ChimdevState *s)
{
    for (unsigned i = 0; i < s->npairs; i++) {
        ChimdevPair *p = &s->pair[i];

        for (unsigned k = 0; k < CHIM_RING_KINDS; k++) {
            destroy_ring(p, k);
        }
        p->sq_awake = false;
        p->tx_awake = false;
        p->conns = 0;
        p->send_run = 0;
        p->forward_run = 0;
    }
    chimdev_ring_destroy(s->admin_cq.ring);
    chimdev_cq_fini(&s->admin_cq);
    chimdev_ring_destroy(s->admin_sq);
    s->admin_sq = NULL;
    s->admin_awake = false;
    s->link_event = false;
    s->mtu = 1500;
    s->nvlans = 0;
}

/* ---------------------------------------- the link */

/* Only the newest link state waits if the ring is full. */
void chimdev_admin_link(ChimdevState *s)
{
    struct chim_cqe e = { .ctl = cpu_to_le32(CHIM_CQ_LINK) };

    if (!chimdev_cq_ready(&s->admin_cq)) {
        s->link_event = true;
        return;
    }
    s->link_event = false;
    e.info = cpu_to_le32(chimdev_link_up(s));
    chimdev_cq_post(&s->admin_cq, &e);
}

/* ---------------------------------------- set-up commands */

/* The command's buffer, which must be size bytes long, copied. */
static uint32_t read_data(ChimdevState *s, const ChimdevCmd *cmd, void *buf,
                          uint32_t size)
{
    if (cmd->e.u.admin.fence_id || cmd->e.u.admin.fence_count ||
        cmd->e.u.admin.flags || cmd->wraps ||
        le32_to_cpu(cmd->e.u.admin.len) != size || cmd->bytes != size) {
        return CHIM_ST_INVALID_FIELD;
    }
    if (!chimdev_sges_read(s, &cmd->at, cmd->sge, cmd->nsge, 0, buf, size)) {
        return CHIM_ST_FAILURE; /* the cause is in the fatal registers */
    }
    return CHIM_ST_SUCCESS;
}

static uint32_t create_ring(ChimdevState *s, const ChimdevCmd *cmd)
{
    uint32_t id = le32_to_cpu(cmd->e.u.ring.ring);
    uint32_t log2_size = le32_to_cpu(cmd->e.u.ring.log2_size);
    uint64_t base = le64_to_cpu(cmd->e.sge[0].addr);
    uint64_t ctl = le64_to_cpu(cmd->e.sge[1].addr);
    unsigned kind = 0;
    ChimdevPair *p = chimdev_pair_of_ring(s, id, &kind);

    if (!p || cmd->e.u.ring.rsvd) {
        return CHIM_ST_INVALID_FIELD;
    }
    if (log2_size > CHIM_RING_LOG2_LIMIT) {
        return CHIM_ST_LIMIT;
    }
    if (!ring_place_ok(base, ctl, log2_size)) {
        return CHIM_ST_INVALID_FIELD;
    }
    if (p->ring[kind]) {
        return CHIM_ST_NOT_READY;
    }
    p->ring[kind] = chimdev_ring_create(s, id, base, ctl, log2_size);
    if (!p->ring[kind]) {
        return CHIM_ST_FAILURE;
    }
    if (kind == CHIM_RING_CQ) {
        p->cq.ring = p->ring[kind];
    }
    /* what is published already is found without a doorbell */
    p->sq_awake |= kind == CHIM_RING_SQ;
    p->tx_awake |= kind == CHIM_RING_TX;
    return CHIM_ST_SUCCESS;
}

/*
 * Entries of a connection that wait for room in the ring: OPENED and LAST, for
 * which an operation waits in turn (OP-D5), or CUTOVER.
 */
static bool ring_owes(const ChimdevPair *p, unsigned kind)
{
    switch (kind) {
    case CHIM_RING_CQ:
        return !QSIMPLEQ_EMPTY(&p->cq.wait);
    case CHIM_RING_RXB:
    case CHIM_RING_RXC:
        return p->rx_wait_markers;
    default:
        return false;
    }
}

static uint32_t do_destroy_ring(ChimdevState *s, const ChimdevCmd *cmd)
{
    unsigned kind = 0;
    ChimdevPair *p = chimdev_pair_of_ring(s, le32_to_cpu(cmd->e.u.ring.ring),
                                          &kind);

    if (!p || cmd->e.u.ring.rsvd) {
        return CHIM_ST_INVALID_FIELD;
    }
    if (!p->ring[kind]) {
        return CHIM_ST_NOT_READY;
    }
    if (p->conns || ring_owes(p, kind)) {
        return CHIM_ST_IN_USE;
    }
    destroy_ring(p, kind);
    return CHIM_ST_SUCCESS;
}

static uint32_t set_rx_mode(ChimdevState *s, const ChimdevCmd *cmd)
{
    g_autofree struct chim_rx_mode *m = g_new0(struct chim_rx_mode, 1);
    uint32_t st = read_data(s, cmd, m, sizeof(*m));

    return st ? st : chimdev_filter_set_mode(s, m);
}

static uint32_t set_rss(ChimdevState *s, const ChimdevCmd *cmd)
{
    struct chim_rss r;
    uint32_t st = read_data(s, cmd, &r, sizeof(r));

    return st ? st : chimdev_rss_set(s, &r);
}

static uint32_t set_mtu(ChimdevState *s, const ChimdevCmd *cmd)
{
    uint32_t mtu = le32_to_cpu(cmd->e.u.value);

    if (mtu < CHIMDEV_MIN_MTU || mtu > CHIMDEV_MAX_MTU) {
        return CHIM_ST_INVALID_FIELD;
    }
    s->mtu = mtu;
    return CHIM_ST_SUCCESS;
}

static uint32_t set_coalesce(ChimdevState *s, const ChimdevCmd *cmd)
{
    uint32_t pair = le32_to_cpu(cmd->e.u.coalesce.pair);
    uint32_t usecs = le32_to_cpu(cmd->e.u.coalesce.usecs);

    if (pair >= s->npairs || usecs > 1000000 || cmd->e.u.coalesce.rsvd) {
        return CHIM_ST_INVALID_FIELD;
    }
    s->pair[pair].usecs = usecs;
    s->pair[pair].frames = le32_to_cpu(cmd->e.u.coalesce.frames);
    return CHIM_ST_SUCCESS;
}

static uint32_t get_stats(ChimdevState *s, const ChimdevCmd *cmd)
{
    g_autofree struct chim_stats *st = g_new0(struct chim_stats, 1);

    if (le32_to_cpu(cmd->e.u.admin.len) != cmd->bytes || cmd->wraps) {
        return CHIM_ST_INVALID_FIELD;
    }
    if (cmd->bytes < sizeof(*st)) {
        return CHIM_ST_BUFFER_TOO_SMALL;
    }
    chimdev_stats_get(s, st);
    if (!chimdev_sges_write(s, &cmd->at, cmd->sge, cmd->nsge, 0, st,
                            sizeof(*st))) {
        return CHIM_ST_FAILURE;
    }
    return CHIM_ST_SUCCESS;
}

static uint32_t reset_stats(ChimdevState *s, const ChimdevCmd *cmd)
{
    uint32_t sets = le32_to_cpu(cmd->e.u.value);

    if (sets & ~(uint32_t)(CHIM_STATS_CASES * 2 - 1)) {
        return CHIM_ST_INVALID_FIELD;
    }
    chimdev_stats_reset(s, sets);
    return CHIM_ST_SUCCESS;
}

static uint32_t set_vlans(ChimdevState *s, const ChimdevCmd *cmd)
{
    uint32_t n = le32_to_cpu(cmd->e.u.vlan.count);
    uint16_t id[CHIMDEV_MAX_VLANS];

    if (n > CHIMDEV_MAX_VLANS) {
        return CHIM_ST_LIMIT;
    }
    if (cmd->bytes != 2 * n || cmd->wraps) {
        return CHIM_ST_INVALID_FIELD;
    }
    if (!chimdev_sges_read(s, &cmd->at, cmd->sge, cmd->nsge, 0, id, 2 * n)) {
        return CHIM_ST_FAILURE;
    }
    for (uint32_t i = 0; i < n; i++) {
        id[i] = le16_to_cpu(id[i]);
        if (!id[i] || id[i] > 4094) {
            return CHIM_ST_INVALID_FIELD;
        }
    }
    memcpy(s->vlan, id, 2 * n);
    s->nvlans = n;
    return CHIM_ST_SUCCESS;
}

typedef struct AdminCommand {
    uint8_t op;
    uint32_t (*run)(ChimdevState *s, const ChimdevCmd *cmd);
    uint32_t info_too_small;    /* bytes needed, said with BUFFER_TOO_SMALL */
} AdminCommand;

static uint32_t set_params(ChimdevState *s, const ChimdevCmd *cmd)
{
    struct chim_params p;
    uint32_t st = read_data(s, cmd, &p, sizeof(p));

    return st ? st : chimdev_target_set_params(s, &p);
}

static uint32_t nce_answer(ChimdevState *s, const ChimdevCmd *cmd)
{
    return chimdev_target_nce_answer(s, le32_to_cpu(cmd->e.handle),
                                     le32_to_cpu(cmd->e.u.nce.hrd));
}

static const AdminCommand commands[] = {
    { CHIM_OP_CREATE_RING, create_ring },
    { CHIM_OP_DESTROY_RING, do_destroy_ring },
    { CHIM_OP_SET_RX_MODE, set_rx_mode },
    { CHIM_OP_SET_RSS, set_rss },
    { CHIM_OP_SET_MTU, set_mtu },
    { CHIM_OP_SET_COALESCE, set_coalesce },
    { CHIM_OP_GET_STATS, get_stats, sizeof(struct chim_stats) },
    { CHIM_OP_RESET_STATS, reset_stats },
    { CHIM_OP_SET_PARAMS, set_params },
    { CHIM_OP_SET_VLANS, set_vlans },
    { CHIM_OP_NCE_ANSWER, nce_answer },
};

static void dispatch(ChimdevState *s, const ChimdevCmd *cmd)
{
    uint32_t ctl = le32_to_cpu(cmd->e.ctl);
    uint8_t op = ctl & CHIM_CTL_OP_MASK;
    uint32_t status = CHIM_ST_INVALID_OPCODE, info = 0;

    if (op >= CHIM_OP_INITIATE && op <= CHIM_OP_INVALIDATE) {
        chimdev_op_new(s, cmd);
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        if (commands[i].op == op) {
            status = ctl >> CHIM_CTL_FLAGS_SHIFT & 0xffff ?
                     CHIM_ST_INVALID_FIELD : commands[i].run(s, cmd);
            if (status == CHIM_ST_BUFFER_TOO_SMALL) {
                info = commands[i].info_too_small;
            }
        }
    }
    trace_chimdev_admin(op, status);
    if (status) {
        qemu_log_mask(LOG_GUEST_ERROR, "chimney: admin command 0x%02x is "
                      "refused with status %u\n", op, status);
    }
    chimdev_cq_answer(s, cmd->e.cookie, status, info);
}

ChimdevPass chimdev_admin_run(ChimdevState *s)
{
    ChimdevCmd cmd;

    for (unsigned n = 0; n < ADMIN_BUDGET; n++) {
        if (!chimdev_cq_ready(&s->admin_cq) || !chimdev_op_possible(s)) {
            return CHIMDEV_PASS_BLOCKED;
        }
        if (chimdev_ring_fetch(s->admin_sq, &cmd) != CHIMDEV_FETCH_OK) {
            return CHIMDEV_PASS_EMPTY;
        }
        dispatch(s, &cmd);
    }
    return CHIMDEV_PASS_MORE;
}
