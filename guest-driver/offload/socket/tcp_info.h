/* SPDX-License-Identifier: GPL-2.0-only */
/* What TCP_INFO shows of an offloaded socket. */
#ifndef CHIMDRV_TCP_INFO_H
#define CHIMDRV_TCP_INFO_H

struct chimdrv_conn;

/* slock, queues ours: the card has told of the path with a completion. */
void chimdrv_tcp_info_update(struct chimdrv_conn *conn);

#endif /* CHIMDRV_TCP_INFO_H */
