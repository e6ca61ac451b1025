/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run.c - one run of the device: received frames, timers, commands, events,
 * frames out, indices and interrupts, then sleep. A run is bounded; what is
 * left over asks for another.
 *
 * This file also begins and ends runs, does the reset, which waits for the end
 * of a run, and sets the one timer for all deadlines: the engine's, interrupt
 * moderation's, and those of state operations that wait.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "commands/admin.h"
#include "commands/knobs.h"
#include "commands/stateop.h"
#include "core/chimdev.h"
#include "core/clock.h"
#include "core/core.h"
#include "core/irq.h"
#include "core/refusal.h"
#include "data/sq.h"
#include "data/target.h"
#include "objects/op.h"
#include "port/filter.h"
#include "port/rss.h"
#include "port/rx.h"
#include "port/tx.h"
#include "rings/cq.h"
#include "rings/ring.h"
#include "mmio.h"
#include "nic.h"
#include "run.h"
#include "toe.h"
#include "trace.h"

/* ---------------------------------------- begin, end, reset */

/*
 * Whatever may touch guest memory or raise an interrupt does so between these
 * two calls: either may write to our own configuration space and reset us.
 * False: a run is already under way.
 */
bool chimdev_enter(ChimdevState *s)
{
    if (s->busy) {
        return false;
    }
    s->busy = true;
    return true;
}

void chimdev_leave(ChimdevState *s)
{
    s->busy = false;
    if (s->reset_pending && !s->unplugged) {
        chimdev_reset(s);
    }
}

void chimdev_forget(ChimdevState *s)
{
    trace_chimdev_reset();
    chimdev_refusals_settle(s);
    s->reset_pending = false;
    chimdev_clock_stop(s);
    qemu_bh_cancel(s->bh);
    chimdev_op_reset(s);
    chimdev_knobs_reset(s);
    chimdev_target_reset(s);
    chimdev_admin_reset(s);
    chimdev_mmio_reset(s);
    chimdev_nic_reset(s);
    chimdev_filter_reset(s);
    chimdev_rss_reset(s);
    memset(&s->stats, 0, sizeof(s->stats));
}

/*
 * A run under way still holds rings and operations: let it end first. No DMA,
 * interrupt or frame leaves until then.
 */
void chimdev_reset(ChimdevState *s)
{
    if (s->busy) {
        s->reset_pending = true;
    } else {
        chimdev_forget(s);
        chimdev_irq_reset(s);
    }
}

/* ---------------------------------------- a run */

static void take_commands(ChimdevState *s)
{
    chimdev_cq_drain(&s->admin_cq);
    if (s->link_event) {
        chimdev_admin_link(s);
    }
    if (s->admin_awake) {
        s->admin_pass = chimdev_admin_run(s);
    }
    for (unsigned i = 0; i < s->npairs; i++) {
        ChimdevPair *p = &s->pair[i];

        chimdev_cq_drain(&p->cq);
        if (p->sq_awake && p->ring[CHIM_RING_SQ]) {
            p->sq_pass = chimdev_sq_run(p);     /* nothing without a CQ */
        }
        if (p->tx_awake && p->ring[CHIM_RING_TX]) {
            p->tx_pass = chimdev_tx_run(p);
        }
        if (p->ring[CHIM_RING_RXB] && p->ring[CHIM_RING_RXC]) {
            chimdev_rx_drain(p);
        }
    }
}

/* Publish a pair's indices, raise interrupts; none for RXB, IB (RING-D6). */
static void flush_pair(ChimdevPair *p)
{
    uint32_t entries, total = 0;
    bool want = false;

    for (unsigned k = 0; k < CHIM_RING_KINDS; k++) {
        bool wanted = p->ring[k] && chimdev_ring_flush(p->ring[k], &entries);

        if (p->ring[k] && k != CHIM_RING_RXB && k != CHIM_RING_IB) {
            want |= wanted;
            total += entries;
        }
    }
    if (total) {
        chimdev_irq_count(p, total, want);
    }
}

static void flush_admin(ChimdevState *s)
{
    uint32_t entries;

    chimdev_ring_flush(s->admin_sq, &entries);
    if (chimdev_ring_flush(s->admin_cq.ring, &entries)) {
        chimdev_irq_raise(s, 0);
    }
}

/*
 * Ask for a doorbell on an emptied ring, unless an entry came meanwhile. A
 * blocked ring is woken by what it waits for.
 */
static void sleep_ring(ChimdevState *s, ChimdevRing *r, ChimdevPass pass,
                       bool *awake)
{
    if (!*awake || !r || pass == CHIMDEV_PASS_BLOCKED) {
        return;
    }
    if (pass == CHIMDEV_PASS_EMPTY && chimdev_ring_sleep(r)) {
        *awake = false;
    } else {
        s->again = true;
    }
}

static void finish(ChimdevState *s)
{
    flush_admin(s);
    sleep_ring(s, s->admin_sq, s->admin_pass, &s->admin_awake);
    for (unsigned i = 0; i < s->npairs; i++) {
        ChimdevPair *p = &s->pair[i];

        flush_pair(p);
        sleep_ring(s, p->ring[CHIM_RING_SQ], p->sq_pass, &p->sq_awake);
        sleep_ring(s, p->ring[CHIM_RING_TX], p->tx_pass, &p->tx_awake);
    }
}

static void arm(ChimdevState *s)
{
    int64_t when = MIN(chimdev_irq_deadline(s), chimdev_stateop_deadline(s));

    if (s->toe) {
        uint64_t engine = toe_next_deadline(s->toe);

        if (engine < (uint64_t)when) {
            when = engine;
        }
    }
    if (when == INT64_MAX) {
        timer_del(s->timer);
    } else {
        timer_mod(s->timer, when);
    }
}

void chimdev_run(ChimdevState *s)
{
    int64_t now;

    if (!chimdev_may_dma(s) || !chimdev_enter(s)) {
        return;
    }
    s->again = false;
    now = chimdev_now(s);
    chimdev_nic_take_deferred(s);
    chimdev_irq_expire(s, now);
    chimdev_target_tick(s, now);
    take_commands(s);
    if (!QTAILQ_EMPTY(&s->ops)) {
        chimdev_target_serve(s, now);   /* what is before a fence goes first */
    }
    chimdev_stateop_start(s, now);
    chimdev_stateop_finish(s, now);
    chimdev_target_serve(s, now);
    chimdev_stateop_finish(s, now);
    finish(s);
    chimdev_leave(s);
    if (!chimdev_alive(s)) {
        chimdev_clock_stop(s);
        return;
    }
    arm(s);
    if (s->again) {
        chimdev_kick(s);
    }
    chimdev_nic_resume_rx(s);
}

/* ---------------------------------------- the timer */

/*
 * QEMU's re-entrancy guard does not cover timer callbacks. Take it here as the
 * net layer does, or leave the work to the bottom half if it is taken.
 */
static void deadline_passed(void *opaque)
{
    ChimdevState *s = opaque;
    MemReentrancyGuard *guard = &DEVICE(s)->mem_reentrancy_guard;

    if (guard->engaged_in_io || s->busy) {
        chimdev_kick(s);
        return;
    }
    guard->engaged_in_io = true;
    chimdev_run(s);
    guard->engaged_in_io = false;
}

void chimdev_run_init(ChimdevState *s)
{
    s->timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, deadline_passed, s);
}

void chimdev_run_fini(ChimdevState *s)
{
    timer_free(s->timer);
    s->timer = NULL;
}
