/* SPDX-License-Identifier: GPL-2.0-only */
/* The card's TCP parameters. */
#ifndef CHIMDRV_PARAMS_H
#define CHIMDRV_PARAMS_H

struct chimdrv_od;

void chimdrv_params_tell(struct chimdrv_od *od);	/* od->mutex held */

#endif /* CHIMDRV_PARAMS_H */
