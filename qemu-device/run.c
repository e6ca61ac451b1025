/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run.c - one run of the device: what came in, timers, commands, events,
 * frames out, indices and interrupts, sleep. Bounded; what is left asks for
 * another run.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "chimdev.h"
#include "io.h"
#include "stateop.h"
#include "target.h"
#include "trace.h"

/*
 * Frames and commands may use what exists of a pair; connections need all of
 * it.
 */
bool chimdev_pair_usable(const ChimdevPair *p)
{
    for (unsigned k = 0; k < CHIM_RING_KINDS; k++) {
        if (!p->ring[k]) {
            return false;
        }
    }
    return true;
}

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
            p->sq_pass = chimdev_io_run(p);     /* nothing without a CQ */
        }
        if (p->tx_awake && p->ring[CHIM_RING_TX]) {
            p->tx_pass = chimdev_tx_run(p);
        }
        if (p->ring[CHIM_RING_RXB] && p->ring[CHIM_RING_RXC]) {
            chimdev_rx_drain(p);
        }
    }
}

/* Indices and interrupts of one pair. Buffer rings raise none (RING-D6). */
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
 * A ring that has been emptied asks for a doorbell, unless something came in
 * between. One that waits for something else is woken by that.
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
    chimdev_op_start(s, now);
    chimdev_op_finish(s, now);
    chimdev_target_serve(s, now);
    chimdev_op_finish(s, now);
    finish(s);
    chimdev_leave(s);
    if (!chimdev_alive(s)) {
        chimdev_clock_stop(s);
        return;
    }
    chimdev_clock_arm(s);
    if (s->again) {
        chimdev_kick(s);
    }
    chimdev_nic_resume_rx(s);
}
