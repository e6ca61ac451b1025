/* SPDX-License-Identifier: GPL-2.0-only */
/* Owning a socket, with a deadline. */
#ifndef CHIMDRV_OWN_H
#define CHIMDRV_OWN_H

#include <linux/types.h>

struct sock;

/* Process context; sleeps, until @end in jiffies. False: its owner does not let go. */
bool chimdrv_own_until(struct sock *sk, unsigned long end);
/* Socket owned. False: frames of it are still on their way through the kernel. */
bool chimdrv_own_drained(struct sock *sk, unsigned long end);

#endif /* CHIMDRV_OWN_H */
