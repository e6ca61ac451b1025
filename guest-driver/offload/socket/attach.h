/* SPDX-License-Identifier: GPL-2.0-only */
/* Take a socket's operations from Linux TCP, and give them back. */
#ifndef CHIMDRV_ATTACH_H
#define CHIMDRV_ATTACH_H

#include <linux/types.h>

struct chimdrv_conn;
struct proto;
struct sk_buff;
struct sock;
struct tcp_ulp_ops;

struct chimdrv_attach_ops {
	void (*build)(struct proto *prot);	/* puts our calls into a copy of the kernel's */
	struct tcp_ulp_ops *ulp;
	int (*backlog_rcv)(struct sock *sk, struct sk_buff *skb);
};

void chimdrv_attach_init(const struct chimdrv_attach_ops *with);
bool chimdrv_is_ours(const struct sock *sk);	/* sk_prot is a copy of ours */
struct chimdrv_conn *chimdrv_attach_conn(const struct sock *sk);	/* slock or owner or RCU */
struct chimdrv_conn *chimdrv_attach_conn_get(const struct sock *sk);	/* any context */
/*
 * Socket owned. Install our operations; the socket becomes HOLDING. -EBUSY: a call bars
 * it. -EAGAIN, unless @insist: a task waits for the socket to run one of Linux TCP's
 * operations.
 */
int chimdrv_attach(struct chimdrv_conn *conn, bool insist);
/* slock, queues ours. Give every operation back. */
void chimdrv_detach(struct chimdrv_conn *conn);
struct proto *chimdrv_attach_base(const struct sock *sk);

#endif /* CHIMDRV_ATTACH_H */
