/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * accept.c - indications that the host has not settled, per pair in CQ order.
 *
 * A verdict refuses an indication or accepts a part of it. Without a verdict,
 * the driver accepts it when its consumer index passes it (RING-H8). So sq.c
 * reads the index first, then takes every command published by then, and only
 * then settles the indication.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "core/chimdev.h"
#include "core/refusal.h"
#include "data/accept.h"
#include "objects/handle.h"
#include "rings/ring.h"
#include "toe.h"
#include "trace.h"

enum { ARM_LOOKS = 16 };        /* connections asked whether they have more */

void chimdev_accept_add(ChimdevPair *p, const ChimdevInd *ind)
{
    ChimdevInd *copy = g_memdup2(ind, sizeof(*ind));

    QTAILQ_INSERT_TAIL(&p->inds, copy, next);
}

static void forget(ChimdevPair *p, ChimdevInd *i)
{
    QTAILQ_REMOVE(&p->inds, i, next);
    g_free(i);
}

static void accept_one(ChimdevPair *p, ChimdevInd *i, int64_t now)
{
    ChimdevObj *o = chimdev_obj_get(p->s, i->handle, CHIMDEV_LAYER_TCP);

    trace_chimdev_accepted(i->handle, i->number, i->len);
    if (o && !o->stopping &&
        toe_verdict(o->u.conn, i->number, i->len, now) == TOE_OK) {
        p->s->stats.cases.verdict_accepted++;
    }
    forget(p, i);
}

static bool passed(const ChimdevInd *i, uint32_t consumed)
{
    return (int32_t)(consumed - i->cq_index) > 0;
}

bool chimdev_accept_due(ChimdevPair *p, uint32_t *consumed)
{
    ChimdevInd *i = QTAILQ_FIRST(&p->inds);

    if (!i) {
        return false;
    }
    *consumed = chimdev_ring_consumed(p->cq.ring);
    return passed(i, *consumed);
}

void chimdev_accept_passed(ChimdevPair *p, uint32_t consumed, int64_t now)
{
    ChimdevInd *i;

    while ((i = QTAILQ_FIRST(&p->inds)) && passed(i, consumed)) {
        accept_one(p, i, now);
    }
}

/*
 * The connection is asked to stop and its FENCE has been read, hence every
 * verdict on it too: only the index is left to check (OP-D12). Indications
 * that it has not passed stay open: the connection may go on (OP-D9).
 */
void chimdev_accept_final(ChimdevPair *p, uint32_t handle, int64_t now)
{
    ChimdevInd *i, *next;
    uint32_t consumed;

    if (QTAILQ_EMPTY(&p->inds)) {
        return;
    }
    consumed = chimdev_ring_consumed(p->cq.ring);
    QTAILQ_FOREACH_SAFE(i, &p->inds, next, next) {
        if (i->handle == handle && passed(i, consumed)) {
            accept_one(p, i, now);
        }
    }
}

/* The connection stops: indications still open count as refused. */
void chimdev_accept_drop(ChimdevPair *p, uint32_t handle)
{
    ChimdevInd *i, *next;

    QTAILQ_FOREACH_SAFE(i, &p->inds, next, next) {
        if (i->handle == handle) {
            forget(p, i);
        }
    }
}

static void ignore(ChimdevPair *p, const ChimdevAt *at, enum chimdev_why why,
                   ChimdevRefused what)
{
    what.at = at;
    chimdev_refuse(p->s, why, &what);
}

/* OP-D20: whether the verdict goes with the indication, and with itself. */
static bool verdict_ok(ChimdevPair *p, const ChimdevInd *i,
                       const ChimdevAt *at, uint32_t status, uint32_t consumed)
{
    uint32_t fits = consumed ? CHIM_ST_DATA_PARTIALLY_ACCEPTED
                             : CHIM_ST_DATA_NOT_ACCEPTED;

    if (consumed >= i->len) {
        ignore(p, at, CHIMDEV_WHY_OP_D20_CONSUMED, (ChimdevRefused) {
            CHIMDEV_IN(chim_sqe, u.verdict.consumed), .found = consumed,
            CHIMDEV_RANGE(0, i->len - 1),
        });
        return false;
    }
    if (status != fits) {
        ignore(p, at, CHIMDEV_WHY_OP_D20_STATUS, (ChimdevRefused) {
            CHIMDEV_IN(chim_sqe, u.verdict.status), .found = status,
            CHIMDEV_RANGE(fits, fits),
        });
        return false;
    }
    return true;
}

void chimdev_accept_verdict(ChimdevPair *p, ChimdevObj *o,
                            const ChimdevAt *at, uint32_t number,
                            uint32_t status, uint32_t consumed, int64_t now)
{
    struct chim_case_stats *cases = &p->s->stats.cases;
    ChimdevInd *i;

    QTAILQ_FOREACH(i, &p->inds, next) {
        if (i->handle == o->handle && i->number == number) {
            break;
        }
    }
    if (i && !verdict_ok(p, i, at, status, consumed)) {
        return;
    }
    if (!i || toe_verdict(o->u.conn, number, consumed, now) != TOE_OK) {
        ignore(p, at, CHIMDEV_WHY_RING_H8_VERDICT, (ChimdevRefused) {
            CHIMDEV_IN(chim_sqe, u.verdict.indication), .found = number,
            .allowed = "an indication that is not settled",
        });
        return;
    }
    trace_chimdev_verdict(o->handle, number, consumed);
    if (consumed) {
        cases->verdict_partial++;
    } else {
        cases->verdict_refused++;
    }
    forget(p, i);
}

/* Whether settling the indication now would let the connection go on. */
static bool has_more(ChimdevPair *p, const ChimdevInd *i, int64_t now)
{
    ChimdevObj *o = chimdev_obj_get(p->s, i->handle, CHIMDEV_LAYER_TCP);
    struct toe_tcp_delegated d;
    struct toe_tcp_cached k;

    if (!o || o->stopping) {
        return false;
    }
    toe_conn_query(o->u.conn, NULL, &k, &d, now);
    return d.receive_backlog_size > i->len ||   /* bytes wait behind it */
           d.rcv_wnd < k.initial_rcv_wnd / 2 || /* or window to be opened */
           (d.state != TOE_ESTABLISHED && d.state != TOE_FIN_WAIT1 &&
            d.state != TOE_FIN_WAIT2);                  /* or the peer's FIN */
}

bool chimdev_accept_arm(ChimdevPair *p, int64_t now)
{
    unsigned looks = 0;
    ChimdevInd *i;

    QTAILQ_FOREACH(i, &p->inds, next) {
        if (looks++ == ARM_LOOKS || has_more(p, i, now)) {
            return chimdev_ring_wake_at(p->cq.ring, i->cq_index);
        }
    }
    return true;
}

void chimdev_accept_reset(ChimdevPair *p)
{
    ChimdevInd *i, *next;

    QTAILQ_FOREACH_SAFE(i, &p->inds, next, next) {
        forget(p, i);
    }
}
