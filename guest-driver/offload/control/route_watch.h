/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel reports about routes. */
#ifndef CHIMDRV_ROUTE_WATCH_H
#define CHIMDRV_ROUTE_WATCH_H

int chimdrv_route_watch_init(void);
void chimdrv_route_watch_exit(void);

#endif /* CHIMDRV_ROUTE_WATCH_H */
