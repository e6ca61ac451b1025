/* SPDX-License-Identifier: GPL-2.0-only */
/* One INITIATE. */
#ifndef CHIMDRV_INITIATE_H
#define CHIMDRV_INITIATE_H

#include <linux/list.h>

#include "offload/reason_types.h"

struct chimdrv_blocklist;
struct chimdrv_candidate;
struct chimdrv_dev;

/* Any lock. The answer to a candidate that does not go over. */
void chimdrv_initiate_refuse(struct chimdrv_candidate *c, enum chimdrv_refusal why);

/* od->mutex. One that has been attached, and is not the card's, goes back to Linux TCP. */
void chimdrv_initiate_undo(struct chimdrv_candidate *c, enum chimdrv_refusal why);
/* od->mutex. One more into the list, or refused. False: the list is full. */
bool chimdrv_initiate_add(struct chimdrv_candidate *c, struct chimdrv_blocklist *bl, u32 *root,
			  unsigned long end);
/* od->mutex. Those of @batch that are in the list, @live in number; each has its answer. */
void chimdrv_initiate(struct chimdrv_dev *cd, struct list_head *batch, unsigned int live,
		      struct chimdrv_blocklist *bl);

#endif /* CHIMDRV_INITIATE_H */
