/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * core.c - the ground of the card: whether it is alive, the bottom half that
 * runs it, the fatal state, the link.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qemu/log.h"
#include "system/runstate.h"
#include "core/chimdev.h"
#include "core/clock.h"
#include "core/core.h"
#include "core/irq.h"
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

/*
 * The first cause wins; the device does nothing more until it is reset
 * (EVT-D1).
 */
void chimdev_fatal(ChimdevState *s, uint32_t cause, const ChimdevAt *at,
                   uint64_t addr)
{
    if (s->status & CHIM_STATUS_FATAL) {
        return;
    }
    s->fatal.cause = cause;
    s->fatal.ring = at ? at->ring : CHIM_RING_NONE;
    s->fatal.index = at ? at->index : 0;
    s->fatal.rule = at ? at->rule : CHIM_RULE_NONE;
    s->fatal.addr = addr;
    s->status = (s->status & ~CHIM_STATUS_READY) | CHIM_STATUS_FATAL;
    trace_chimdev_fatal(cause, s->fatal.ring, s->fatal.index, s->fatal.rule,
                        addr);
    qemu_log_mask(LOG_GUEST_ERROR, "chimney: fatal cause %u: ring %u entry %u "
                  "breaks rule 0x%04x, address 0x%" PRIx64 "\n", cause,
                  s->fatal.ring, s->fatal.index, s->fatal.rule, addr);
    chimdev_clock_stop(s);
    chimdev_irq_raise(s, 0);
}
