/* SPDX-License-Identifier: GPL-2.0-only */
/* What the card reports about connections; nic/upcalls.h has entries of the same names. */
#ifndef CHIMDRV_EVENTS_H
#define CHIMDRV_EVENTS_H

#include "nic/nic.h"

void chimdrv_events_entry(struct chimdrv_pair *pair, const struct chim_cqe *cqe);
void chimdrv_events_cutover(struct chimdrv_pair *pair, u64 cookie);
void chimdrv_events_poll_end(struct chimdrv_pair *pair);
void chimdrv_events_upload_all(struct chimdrv_dev *cd);
void chimdrv_events_nce(struct chimdrv_dev *cd, const struct chim_cqe *cqe);

#endif /* CHIMDRV_EVENTS_H */
