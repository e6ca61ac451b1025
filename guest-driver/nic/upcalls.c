// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the half above the network card has registered itself: written once, when the
 * module is loaded, and read without a lock from then on.
 */
#include "nic/upcalls.h"

const struct chimdrv_upcalls *chimdrv_up __ro_after_init;

void __init chimdrv_upcalls_register(const struct chimdrv_upcalls *upcalls)
{
	chimdrv_up = upcalls;
}
