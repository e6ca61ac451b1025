/* SPDX-License-Identifier: GPL-2.0-only */
/* Calls during which nothing takes the socket from Linux TCP. */
#ifndef CHIMDRV_BAR_H
#define CHIMDRV_BAR_H

#include <linux/list.h>

struct sock;
struct task_struct;

/* On the stack of a call that must find the socket with Linux TCP until it ends. */
struct chimdrv_bar {
	struct hlist_node node;
	const struct sock *sk;
	const struct task_struct *task;
};

void chimdrv_bar_set(struct chimdrv_bar *bar, const struct sock *sk);
void chimdrv_bar_clear(struct chimdrv_bar *bar);
void chimdrv_bar_lock(const struct sock *sk) __acquires(bar);	/* for attach: bars do not change */
bool chimdrv_barred(const struct sock *sk);	/* under that lock: does another task bar it? */
void chimdrv_bar_unlock(const struct sock *sk) __releases(bar);
void chimdrv_bar_init(void);

#endif /* CHIMDRV_BAR_H */
