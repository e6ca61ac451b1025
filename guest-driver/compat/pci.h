/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names of the PCI core.
 */
#ifndef CHIMDRV_COMPAT_PCI_H
#define CHIMDRV_COMPAT_PCI_H

#include <linux/pci.h>

/* Until 6.7. */
#ifndef PCI_IRQ_INTX
#define PCI_IRQ_INTX PCI_IRQ_LEGACY
#endif

#endif /* CHIMDRV_COMPAT_PCI_H */
