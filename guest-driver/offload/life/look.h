/* SPDX-License-Identifier: GPL-2.0-only */
/* A look at every connection. */
#ifndef CHIMDRV_LOOK_H
#define CHIMDRV_LOOK_H

void chimdrv_look_soon(void);	/* any context: routes have changed */
void chimdrv_look_late(void);	/* any context: and will in a moment */
void chimdrv_look_end(void);

#endif /* CHIMDRV_LOOK_H */
