/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the netlink family offer each other.
 */
#ifndef CHIMDRV_GENL_H
#define CHIMDRV_GENL_H

#include <net/genetlink.h>

struct chimdrv_conn;

int chimdrv_genl_init(void);
void chimdrv_genl_exit(void);

extern struct genl_family chimdrv_genl_family;

/* -------------------------------------------------------------- genl_select.c */

/* Sockets that a command means, each with a reference. */
struct chimdrv_selection {
	struct list_head list;		/* struct chimdrv_candidate */
	unsigned int n;
	unsigned int others;		/* meant too, but where they shall go to already */
	bool by_port;
	u16 port;
	bool offloaded;			/* only those that are with the card, else only others */
	struct net *net;
	int err;
};

/* Process context, no lock. On error too, the list is the caller's to free. */
int chimdrv_genl_select(struct chimdrv_selection *s, struct genl_info *info, bool offloaded);
void chimdrv_genl_select_free(struct list_head *list);
/* Bottom halves disabled. The established socket of a tuple, with a reference, or NULL. */
struct sock *chimdrv_genl_find_sock(struct net *net, struct genl_info *info);

/* ---------------------------------------------------------------- genl_dump.c */

int chimdrv_genl_dump_start(struct netlink_callback *cb);
int chimdrv_genl_dump_status(struct sk_buff *skb, struct netlink_callback *cb);
int chimdrv_genl_dump_stats(struct sk_buff *skb, struct netlink_callback *cb);
int chimdrv_genl_dump_list(struct sk_buff *skb, struct netlink_callback *cb);
/* Any context, with a reference: one connection into a message. */
int chimdrv_genl_put_conn(struct sk_buff *msg, const struct chimdrv_conn *conn);

#endif /* CHIMDRV_GENL_H */
