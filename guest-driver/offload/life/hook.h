/* SPDX-License-Identifier: GPL-2.0-only */
/* Segments that arrive by the raw path. */
#ifndef CHIMDRV_HOOK_H
#define CHIMDRV_HOOK_H

struct sk_buff;
struct sock;

int chimdrv_hook_init(void);
void chimdrv_hook_exit(void);
int chimdrv_backlog_rcv(struct sock *sk, struct sk_buff *skb);

#endif /* CHIMDRV_HOOK_H */
