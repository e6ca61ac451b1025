/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * core.c - the basics of the card: whether it is alive, the bottom half that
 * runs it, the fatal state, the link.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "system/runstate.h"
#include "core/chimdev.h"
#include "core/clock.h"
#include "core/core.h"
#include "core/irq.h"
#include "core/refusal.h"
#include "trace.h"

bool chimdev_alive(const ChimdevState *s)
{
    return (s->status & (CHIM_STATUS_READY | CHIM_STATUS_FATAL)) ==
           CHIM_STATUS_READY && !s->reset_pending;
}

/* LIFE-D3: nothing is written to guest memory while the VM is stopped. */
bool chimdev_may_dma(const ChimdevState *s)
{
    return chimdev_alive(s) && runstate_is_running();
}

void chimdev_kick(ChimdevState *s)
{
    qemu_bh_schedule(s->bh);
}

bool chimdev_link_up(ChimdevState *s)
{
    return !qemu_get_queue(s->nic)->link_down;
}

bool chimdev_bus_master(const ChimdevState *s)
{
    return pci_get_word(s->parent_obj.config + PCI_COMMAND) &
           PCI_COMMAND_MASTER;
}

/*
 * The first cause wins; the device does nothing more until it is reset
 * (EVT-D1).
 */
void chimdev_fatal(ChimdevState *s, enum chimdev_why why,
                   const ChimdevRefused *what)
{
    const ChimdevAt *at = what->at;

    if (s->status & CHIM_STATUS_FATAL) {
        return;
    }
    s->fatal.cause = what->cause;
    s->fatal.ring = at ? at->ring : CHIM_RING_NONE;
    s->fatal.index = at ? at->index : 0;
    s->fatal.rule = at ? at->rule : CHIM_RULE_NONE;
    s->fatal.addr = what->cause == CHIM_FATAL_DMA ? what->found : 0;
    s->status = (s->status & ~CHIM_STATUS_READY) | CHIM_STATUS_FATAL;
    trace_chimdev_fatal(s->fatal.cause, s->fatal.ring, s->fatal.index,
                        s->fatal.rule, s->fatal.addr);
    chimdev_refuse(s, why, what);
    chimdev_clock_stop(s);
    chimdev_irq_raise(s, 0);
}

void chimdev_bug(ChimdevState *s, const ChimdevAt *at)
{
    chimdev_fatal(s, CHIMDEV_WHY_BUG, &(ChimdevRefused) {
        .at = at, .cause = CHIM_FATAL_INTERNAL,
    });
}
