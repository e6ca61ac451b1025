/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * irq.h - interrupts, and their moderation per pair.
 */
#ifndef CHIMDEV_IRQ_H
#define CHIMDEV_IRQ_H

#include "core/chimdev.h"

void chimdev_irq_raise(ChimdevState *s, unsigned vector);
void chimdev_irq_update(ChimdevState *s);
void chimdev_irq_count(ChimdevPair *p, uint32_t entries, bool want);
void chimdev_irq_expire(ChimdevState *s, int64_t now);
int64_t chimdev_irq_deadline(const ChimdevState *s);
void chimdev_irq_reset(ChimdevState *s);

#endif /* CHIMDEV_IRQ_H */
