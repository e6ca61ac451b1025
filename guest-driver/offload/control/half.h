/* SPDX-License-Identifier: GPL-2.0-only */
/* The offload half in the life of a card and of the module, for main.c. */
#ifndef CHIMDRV_HALF_H
#define CHIMDRV_HALF_H

struct chimdrv_dev;

/* Module life. init runs before the first probe, exit after the last remove. */
int chimdrv_half_init(void);
void chimdrv_half_exit(void);

/* A card has come or goes; process context, no rtnl. del: no connection is offloaded any more. */
int chimdrv_half_add(struct chimdrv_dev *cd);
void chimdrv_half_del(struct chimdrv_dev *cd);

#endif /* CHIMDRV_HALF_H */
