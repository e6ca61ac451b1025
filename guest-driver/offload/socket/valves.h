/* SPDX-License-Identifier: GPL-2.0-only */
/* The valves, which keep Linux TCP still. */
#ifndef CHIMDRV_VALVES_H
#define CHIMDRV_VALVES_H

struct chimdrv_conn;
struct sock;

void chimdrv_valves_close(struct chimdrv_conn *conn);	/* once, socket owned */
void chimdrv_valves_merge(struct sock *sk);	/* queues ours: sent data back in front */
void chimdrv_valves_end(struct chimdrv_conn *conn);	/* owned, slock: no more is written */
void chimdrv_valves_hold(struct chimdrv_conn *conn);	/* each release_cb */

#endif /* CHIMDRV_VALVES_H */
