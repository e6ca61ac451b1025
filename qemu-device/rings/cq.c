/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cq.c - completion rings: the admin CQ and the CQ of each pair.
 *
 * An entry that finds its ring full waits in that ring's own list, in order,
 * and holds up no other ring. A list holds only completions of state
 * operations, and OPENED and LAST of connections in operations under way,
 * which bounds it. Events wait at their source instead.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "core/chimdev.h"
#include "core/faults.h"
#include "rings/cq.h"
#include "rings/ring.h"
#include "trace.h"

/* A completion that waits for room on its ring. */
struct ChimdevWait {
    QSIMPLEQ_ENTRY(ChimdevWait) next;
    struct chim_cqe cqe;
    unsigned *posting;                  /* one less when it is published */
};

void chimdev_cq_init(ChimdevCq *cq, ChimdevState *s)
{
    cq->s = s;
    cq->ring = NULL;
    QSIMPLEQ_INIT(&cq->wait);
}

void chimdev_cq_fini(ChimdevCq *cq)
{
    ChimdevWait *w;

    while ((w = QSIMPLEQ_FIRST(&cq->wait))) {
        QSIMPLEQ_REMOVE_HEAD(&cq->wait, next);
        g_free(w);
    }
    cq->ring = NULL;
}

/*
 * Whether an entry can be published now. If not, the driver's doorbell wakes
 * the device.
 */
bool chimdev_cq_ready(ChimdevCq *cq)
{
    if (!cq->ring) {
        return false;
    }
    chimdev_cq_drain(cq);
    if (!QSIMPLEQ_EMPTY(&cq->wait)) {
        return false;
    }
    while (!chimdev_ring_room(cq->ring, 1)) {
        if (chimdev_ring_wait_room(cq->ring)) {
            return false;
        }
    }
    return true;
}

/* Publish an entry; there must be room. Returns its index. */
uint32_t chimdev_cq_post(ChimdevCq *cq, const struct chim_cqe *e)
{
    uint32_t index = chimdev_ring_next(cq->ring);
    uint32_t type = le32_to_cpu(e->ctl) & CHIM_CTL_OP_MASK;
    struct chim_cqe wrong;
    uint32_t status;

    if (chimdev_fault_withholds(cq->s, type)) {
        return index;
    }
    if (chimdev_fault_status(cq->s, type, &status)) {
        wrong = *e;
        wrong.status = cpu_to_le32(status);
        e = &wrong;
    }

    trace_chimdev_cq_post(chimdev_ring_id(cq->ring), index, type,
                          le32_to_cpu(e->status), le32_to_cpu(e->handle),
                          le32_to_cpu(e->bytes), le32_to_cpu(e->info));
    chimdev_ring_post(cq->ring, 0, e);
    chimdev_ring_advance(cq->ring, 1);
    return index;
}

static void posted(unsigned *posting)
{
    if (posting) {
        --*posting;
    }
}

void chimdev_cq_post_or_wait(ChimdevCq *cq, const struct chim_cqe *e,
                             unsigned *posting)
{
    ChimdevWait *w;

    if (posting) {
        ++*posting;
    }
    if (chimdev_cq_ready(cq)) {
        chimdev_cq_post(cq, e);
        posted(posting);
        return;
    }
    w = g_new(ChimdevWait, 1);
    w->cqe = *e;
    w->posting = posting;
    QSIMPLEQ_INSERT_TAIL(&cq->wait, w, next);
}

void chimdev_cq_drain(ChimdevCq *cq)
{
    ChimdevWait *w;

    if (!cq->ring) {
        return;
    }
    while ((w = QSIMPLEQ_FIRST(&cq->wait))) {
        if (!chimdev_ring_room(cq->ring, 1) &&
            chimdev_ring_wait_room(cq->ring)) {
            return;
        }
        chimdev_cq_post(cq, &w->cqe);
        QSIMPLEQ_REMOVE_HEAD(&cq->wait, next);
        posted(w->posting);
        g_free(w);
    }
}

void chimdev_cq_answer(ChimdevState *s, uint64_t cookie, uint32_t status,
                       uint32_t info)
{
    struct chim_cqe e = {
        .ctl = cpu_to_le32(CHIM_CQ_ADMIN),
        .status = cpu_to_le32(status),
        .cookie = cookie,               /* as the driver gave it */
        .info = cpu_to_le32(info),
    };

    chimdev_cq_post_or_wait(&s->admin_cq, &e, NULL);
}
