/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * irq.c - interrupts: MSI-X vectors, the INTx fallback, moderation per pair.
 *
 * ring.c decides whether the driver wants an interrupt; this file decides when
 * it is raised.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "hw/pci/msix.h"
#include "core/chimdev.h"
#include "core/clock.h"
#include "core/irq.h"
#include "trace.h"

void chimdev_irq_update(ChimdevState *s)
{
    if (!msix_enabled(&s->parent_obj)) {
        pci_set_irq(&s->parent_obj, s->isr != 0);
    }
}

void chimdev_irq_raise(ChimdevState *s, unsigned vector)
{
    if (s->reset_pending) {
        return;
    }
    s->stats.nic.interrupts++;
    trace_chimdev_irq(vector);
    if (msix_enabled(&s->parent_obj)) {
        msix_notify(&s->parent_obj, vector);
        return;
    }
    s->isr |= 1u << vector;
    chimdev_irq_update(s);
}

static void pair_raise(ChimdevPair *p)
{
    p->irq_entries = 0;
    p->irq_deadline = INT64_MAX;
    chimdev_irq_raise(p->s, 1 + p->nr);
}

/* Entries were published. want: the driver's event index is among them. */
void chimdev_irq_count(ChimdevPair *p, uint32_t entries, bool want)
{
    if (!want && p->irq_deadline == INT64_MAX) {
        return;
    }
    p->irq_entries += entries;
    if (!p->usecs || (p->frames && p->irq_entries >= p->frames)) {
        pair_raise(p);
    } else if (p->irq_deadline == INT64_MAX) {
        p->irq_deadline = chimdev_now(p->s) + (int64_t)p->usecs * SCALE_US;
    }
}

void chimdev_irq_expire(ChimdevState *s, int64_t now)
{
    for (unsigned i = 0; i < s->npairs; i++) {
        if (s->pair[i].irq_deadline <= now) {
            pair_raise(&s->pair[i]);
        }
    }
}

int64_t chimdev_irq_deadline(const ChimdevState *s)
{
    int64_t first = INT64_MAX;

    for (unsigned i = 0; i < s->npairs; i++) {
        first = MIN(first, s->pair[i].irq_deadline);
    }
    return first;
}

void chimdev_irq_reset(ChimdevState *s)
{
    for (unsigned i = 0; i < s->npairs; i++) {
        ChimdevPair *p = &s->pair[i];

        p->usecs = 0;
        p->frames = 0;
        p->irq_entries = 0;
        p->irq_deadline = INT64_MAX;
    }
    s->isr = 0;
    pci_set_irq(&s->parent_obj, 0);
}
