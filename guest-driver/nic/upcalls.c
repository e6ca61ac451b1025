// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of upcalls that the half above the network card has registered: written once,
 * when the module is loaded, then read without a lock.
 */
#include "nic/upcalls.h"

const struct chimdrv_upcalls *chimdrv_up __ro_after_init;

void __init chimdrv_upcalls_register(const struct chimdrv_upcalls *upcalls)
{
	chimdrv_up = upcalls;
}
