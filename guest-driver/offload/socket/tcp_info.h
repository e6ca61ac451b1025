/* SPDX-License-Identifier: GPL-2.0-only */
/* What TCP_INFO shows of an offloaded socket. */
#ifndef CHIMDRV_TCP_INFO_H
#define CHIMDRV_TCP_INFO_H

struct chimdrv_conn;
struct sock;

/* slock, queues ours: a completion has reported on the path; the peer has sent something. */
void chimdrv_tcp_info_update(struct chimdrv_conn *conn);
void chimdrv_tcp_info_heard(struct sock *sk);

#endif /* CHIMDRV_TCP_INFO_H */
