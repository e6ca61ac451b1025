/* SPDX-License-Identifier: GPL-2.0-only */
/* The names of reasons, and the errno of a refusal. */
#ifndef CHIMDRV_REASONS_H
#define CHIMDRV_REASONS_H

#include <linux/types.h>

#include "offload/reason_types.h"

const char *chimdrv_refusal_name(u32 refusal);
const char *chimdrv_why_name(u32 why);
int chimdrv_refusal_errno(enum chimdrv_refusal refusal);

#endif /* CHIMDRV_REASONS_H */
