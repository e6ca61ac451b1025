/* SPDX-License-Identifier: GPL-2.0-only */
/* A connection as an object: creation, lookup, references. */
#ifndef CHIMDRV_CONN_H
#define CHIMDRV_CONN_H

#include "offload/conn_types.h"

struct chimdrv_dev;
struct sock;

/*
 * Socket owned. create: one reference, the caller's; NULL: no memory. Then discard,
 * or join a card, under the RCU section that found it, and name.
 */
struct chimdrv_conn *chimdrv_conn_create(struct sock *sk);
void chimdrv_conn_discard(struct chimdrv_conn *conn);
bool chimdrv_conn_join(struct chimdrv_conn *conn, struct chimdrv_dev *cd);
int chimdrv_conn_name(struct chimdrv_conn *conn);
/* Any context. Find by cookie, or the next one after *id; with a reference, or NULL. */
struct chimdrv_conn *chimdrv_conn_find(u64 cookie);
struct chimdrv_conn *chimdrv_conn_next(unsigned long *id);
bool chimdrv_conn_get(struct chimdrv_conn *conn);	/* false: on its way out */
void chimdrv_conn_put(struct chimdrv_conn *conn);
void chimdrv_conn_want_spare(struct chimdrv_conn *conn);	/* slock: it has no spare frame */
/* Any context. Drop the target's reference, if it still has one. */
void chimdrv_conn_put_target(struct chimdrv_conn *conn);
void chimdrv_conn_set_state(struct chimdrv_conn *conn, enum chimdrv_state state);	/* slock */
const char *chimdrv_conn_state_name(enum chimdrv_state state);

#endif /* CHIMDRV_CONN_H */
