/* SPDX-License-Identifier: GPL-2.0-only */
/* Carry timers out of the socket and back into it. */
#ifndef CHIMDRV_STATE_TIMERS_H
#define CHIMDRV_STATE_TIMERS_H

struct chim_tcp_delegated;
struct chimdrv_conn;
struct chimdrv_dev;
struct chimdrv_timers;
struct sock;

void chimdrv_timers_settle(struct chimdrv_conn *conn);	/* owned, before its frames drain */
void chimdrv_timers_capture(struct sock *sk, struct chimdrv_timers *t);	/* owned, valves open */
void chimdrv_timers_put(const struct chimdrv_dev *cd, const struct chimdrv_timers *then,
			struct chim_tcp_delegated *d);
void chimdrv_timers_take(const struct chimdrv_dev *cd, struct chimdrv_timers *t,
			 const struct chim_tcp_delegated *d);
/* slock, queues ours: restore what is left now. */
void chimdrv_timers_restore(struct sock *sk, const struct chimdrv_timers *then);

#endif /* CHIMDRV_STATE_TIMERS_H */
