/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's own work queues.
 */
#ifndef CHIMDRV_COMPAT_WORKQUEUE_H
#define CHIMDRV_COMPAT_WORKQUEUE_H

#include <linux/workqueue.h>
#include "compat_probe.h"

/* The one that is bound to no processor. Newer kernels warn of the old name. */
#if CHIMDRV_HAS_DFL_WQ
#define chimdrv_compat_unbound_wq system_dfl_wq
#else
#define chimdrv_compat_unbound_wq system_unbound_wq
#endif

#endif /* CHIMDRV_COMPAT_WORKQUEUE_H */
