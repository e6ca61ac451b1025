/* SPDX-License-Identifier: GPL-2.0-only */
/* Interrupt vectors. */
#ifndef CHIMDRV_IRQ_H
#define CHIMDRV_IRQ_H

#include "nic/nic.h"

int chimdrv_irq_alloc(struct chimdrv_dev *cd);		/* vectors */
void chimdrv_irq_free(struct chimdrv_dev *cd);
int chimdrv_irq_request_admin(struct chimdrv_dev *cd);
void chimdrv_irq_free_admin(struct chimdrv_dev *cd);
int chimdrv_irq_request_pair(struct chimdrv_pair *pair);
void chimdrv_irq_free_pair(struct chimdrv_pair *pair);

#endif /* CHIMDRV_IRQ_H */
