/* SPDX-License-Identifier: GPL-2.0-only */
/* Taking connections back from the card. */
#ifndef CHIMDRV_UPLOAD_H
#define CHIMDRV_UPLOAD_H

struct chimdrv_od;

void chimdrv_upload_work_init(struct chimdrv_od *od);

#endif /* CHIMDRV_UPLOAD_H */
