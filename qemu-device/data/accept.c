/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * accept.c - indications that wait for the host's word, per pair in CQ order.
 *
 * An indication is refused or partly accepted by a verdict, and accepted by
 * the driver's consumer index passing it without one (RING-H8): the index is
 * read first, then every command published by then is taken, then it is
 * settled (sq.c).
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "core/chimdev.h"
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
 * The connection is asked to stop, and its FENCE has been read: every verdict
 * on it as well, and only the index is left to look at (OP-D12). What it has
 * not passed stays open: the connection may go on (OP-D9).
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

/* The connection stops: what is open counts as refused. */
void chimdev_accept_drop(ChimdevPair *p, uint32_t handle)
{
    ChimdevInd *i, *next;

    QTAILQ_FOREACH_SAFE(i, &p->inds, next, next) {
        if (i->handle == handle) {
            forget(p, i);
        }
    }
}

/*
 * False: the verdict names nothing that is under way, or contradicts itself
 * (OP-D20).
 */
bool chimdev_accept_verdict(ChimdevPair *p, ChimdevObj *o, uint32_t number,
                            uint32_t status, uint32_t consumed, int64_t now)
{
    struct chim_case_stats *cases = &p->s->stats.cases;
    ChimdevInd *i;

    QTAILQ_FOREACH(i, &p->inds, next) {
        if (i->handle == o->handle && i->number == number) {
            break;
        }
    }
    if (!i || consumed >= i->len ||
        status != (consumed ? CHIM_ST_DATA_PARTIALLY_ACCEPTED
                            : CHIM_ST_DATA_NOT_ACCEPTED)) {
        return false;
    }
    if (toe_verdict(o->u.conn, number, consumed, now) != TOE_OK) {
        return false;
    }
    trace_chimdev_verdict(o->handle, number, consumed);
    if (consumed) {
        cases->verdict_partial++;
    } else {
        cases->verdict_refused++;
    }
    forget(p, i);
    return true;
}

/* Whether the connection could go on if the indication were settled now. */
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
