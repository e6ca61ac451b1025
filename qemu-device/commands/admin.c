/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * admin.c - the admin pair, and the device's own events. Set-up commands are
 * handed on to setup.c, state operations to op.c. Spec chapter 5.6.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "commands/admin.h"
#include "commands/setup.h"
#include "core/chimdev.h"
#include "core/core.h"
#include "core/refusal.h"
#include "objects/op.h"
#include "rings/cq.h"
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

/* REG-D4 */
bool chimdev_admin_enable(ChimdevState *s)
{
    const uint32_t *r = s->admin_reg;
    uint64_t sq = r[0] | (uint64_t)r[1] << 32;
    uint64_t sq_ctl = r[2] | (uint64_t)r[3] << 32;
    uint64_t cq = r[4] | (uint64_t)r[5] << 32;
    uint64_t cq_ctl = r[6] | (uint64_t)r[7] << 32;
    unsigned sq_log2 = r[8] & 0xff, cq_log2 = r[8] >> 8 & 0xff;
    const ChimdevBound bounds[] = {
        { "ADMIN_SQ", CHIM_REG_ADMIN_SQ_LO, sq, .align = CHIMDEV_RING_ALIGN },
        { "ADMIN_SQ_CTL", CHIM_REG_ADMIN_SQ_CTL_LO, sq_ctl,
          .align = CHIMDEV_CTL_ALIGN },
        { "ADMIN_CQ", CHIM_REG_ADMIN_CQ_LO, cq, .align = CHIMDEV_RING_ALIGN },
        { "ADMIN_CQ_CTL", CHIM_REG_ADMIN_CQ_CTL_LO, cq_ctl,
          .align = CHIMDEV_CTL_ALIGN },
        { "ADMIN_SIZE bits 0..7", CHIM_REG_ADMIN_SIZE, sq_log2,
          CHIM_RING_LOG2_MIN, CHIM_RING_LOG2_LIMIT },
        { "ADMIN_SIZE bits 8..15", CHIM_REG_ADMIN_SIZE, cq_log2,
          CHIM_RING_LOG2_MIN, CHIM_RING_LOG2_LIMIT },
        { "ADMIN_SIZE bits 16..31", CHIM_REG_ADMIN_SIZE, r[8] >> 16, 0, 0 },
    };
    ChimdevAt at = { CHIM_RING_ADMIN_SQ, 0, CHIM_RULE_REG_H2 };
    ChimdevRefused what = { .at = &at, .cause = CHIM_FATAL_RING_CONFIG };

    if (chimdev_bound_broken(bounds, ARRAY_SIZE(bounds), &what)) {
        chimdev_fatal(s, CHIMDEV_WHY_REG_H2_PAIR, &what);
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

void chimdev_admin_reset(ChimdevState *s)
{
    for (unsigned i = 0; i < s->npairs; i++) {
        ChimdevPair *p = &s->pair[i];

        for (unsigned k = 0; k < CHIM_RING_KINDS; k++) {
            chimdev_setup_drop_ring(p, k);
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

/* If the ring is full, only the newest link state waits. */
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

/* ---------------------------------------- commands */

static void dispatch(ChimdevState *s, const ChimdevCmd *cmd)
{
    uint8_t op = le32_to_cpu(cmd->e.ctl) & CHIM_CTL_OP_MASK;
    uint32_t status, info = 0;

    if (op >= CHIM_OP_INITIATE && op <= CHIM_OP_INVALIDATE) {
        chimdev_op_new(s, cmd);
        return;
    }
    status = chimdev_setup(s, cmd, op, &info);
    trace_chimdev_admin(op, status);
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
