// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether connections may be handed over on this kernel. On one whose TCP nobody has
 * compared with what the hand-over relies on, the card is a network card and nothing
 * more, unless the administrator wants it otherwise.
 */
#include <linux/module.h>

#include "offload/kernel.h"
#include "chimney_genl.h"
#include "compat/known.h"
#include "nic/nic.h"

static bool any_kernel;
module_param(any_kernel, bool, 0644);
MODULE_PARM_DESC(any_kernel,
		 "Hand connections over on a kernel that the driver has not been checked with");

/* Any context. */
bool chimdrv_kernel_ok(void)
{
	return CHIMDRV_KNOWN_KERNEL || READ_ONCE(any_kernel);
}

/* When the module is loaded. */
void chimdrv_kernel_look(void)
{
	if (!chimdrv_kernel_ok())
		pr_warn("%s: %s\n", CHIMDRV_NAME, CHIMNEY_UNKNOWN_KERNEL);
}
