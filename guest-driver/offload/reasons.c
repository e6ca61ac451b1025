// SPDX-License-Identifier: GPL-2.0-only
/*
 * The names under which the reasons for refusals and uploads are shown and counted, and
 * the errno that tells a program of a refusal.
 */
#include <linux/errno.h>

#include "offload/reasons.h"

#define X(id, name) name,
static const char * const refusal_names[] = { CHIMDRV_REFUSALS(X) };
static const char * const why_names[] = { CHIMDRV_WHYS(X) };
#undef X

const char *chimdrv_refusal_name(u32 refusal)
{
	return refusal < CHIMDRV_NO_COUNT ? refusal_names[refusal] : "unknown";
}

const char *chimdrv_why_name(u32 why)
{
	return why < CHIMDRV_WHY_COUNT ? why_names[why] : "unknown";
}

int chimdrv_refusal_errno(enum chimdrv_refusal refusal)
{
	switch (refusal) {
	case CHIMDRV_NO_NONE:
		return 0;
	case CHIMDRV_NO_OOO:
	case CHIMDRV_NO_RECOVERY:
	case CHIMDRV_NO_DRAIN:
	case CHIMDRV_NO_PAUSED:
	case CHIMDRV_NO_NEIGHBOR:
	case CHIMDRV_NO_OWNED:
	case CHIMDRV_NO_WINDOW:
		return -EAGAIN;
	case CHIMDRV_NO_STATE:
		return -ENOTCONN;
	case CHIMDRV_NO_MEMORY:
		return -ENOMEM;
	case CHIMDRV_NO_BUSY:
	case CHIMDRV_NO_ALREADY:
		return -EALREADY;
	case CHIMDRV_NO_DEVICE:
	case CHIMDRV_NO_ROUTE:
		return -ENODEV;
	case CHIMDRV_NO_DOWN:
		return -ENETDOWN;
	case CHIMDRV_NO_LATE:
		return -ETIMEDOUT;
	case CHIMDRV_NO_CARD:
		return -ENOSPC;
	default:
		return -EOPNOTSUPP;
	}
}
