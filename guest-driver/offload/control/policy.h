/* SPDX-License-Identifier: GPL-2.0-only */
/* What is offloaded unasked. */
#ifndef CHIMDRV_POLICY_H
#define CHIMDRV_POLICY_H

#include <linux/types.h>

struct net;
struct sock;

void chimdrv_each_socket(struct net *net, bool (*fn)(struct sock *, void *), void *arg);
int chimdrv_policy_set(u32 mode);
u32 chimdrv_policy_get(void);
void chimdrv_policy_init(void);
void chimdrv_policy_exit(void);

#endif /* CHIMDRV_POLICY_H */
