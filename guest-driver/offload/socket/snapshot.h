/* SPDX-License-Identifier: GPL-2.0-only */
/* A snapshot of the socket. */
#ifndef CHIMDRV_SNAPSHOT_H
#define CHIMDRV_SNAPSHOT_H

#include <linux/types.h>

struct chimdrv_conn;
struct dst_entry;
struct sock;

/* Socket owned, valves open: the socket into conn->final. */
void chimdrv_snapshot(struct chimdrv_conn *conn);
/* slock or owner. Do the options differ from what the target knows? */
bool chimdrv_snapshot_options(struct chimdrv_conn *conn);
bool chimdrv_snapshot_changed(struct chimdrv_conn *conn);
u8 chimdrv_snapshot_ttl(const struct sock *sk, struct dst_entry *dst);
u8 chimdrv_snapshot_tos(const struct sock *sk);

#endif /* CHIMDRV_SNAPSHOT_H */
