/* SPDX-License-Identifier: GPL-2.0-only */
/* One INITIATE. */
#ifndef CHIMDRV_INITIATE_H
#define CHIMDRV_INITIATE_H

#include <linux/list.h>

#include "offload/reason_types.h"

struct chimdrv_blocklist;
struct chimdrv_candidate;
struct chimdrv_dev;

/* Any context. Note why a candidate is not offloaded. */
void chimdrv_initiate_refuse(struct chimdrv_candidate *c, enum chimdrv_refusal why);

/* od->mutex. Return an attached candidate, which the card does not have, to Linux TCP. */
void chimdrv_initiate_undo(struct chimdrv_candidate *c, enum chimdrv_refusal why);
/* od->mutex. Add one to the list, or refuse it. False: the list is full. */
bool chimdrv_initiate_add(struct chimdrv_candidate *c, struct chimdrv_blocklist *bl, u32 *root,
			  unsigned long end);
/* od->mutex. Run it for the @live of @batch in the list; those taken keep -EINPROGRESS. */
void chimdrv_initiate(struct chimdrv_dev *cd, struct list_head *batch, unsigned int live,
		      struct chimdrv_blocklist *bl);

#endif /* CHIMDRV_INITIATE_H */
