/* SPDX-License-Identifier: GPL-2.0-only */
/* Which sockets a command means. */
#ifndef CHIMDRV_GENL_SELECT_H
#define CHIMDRV_GENL_SELECT_H

#include <linux/list.h>
#include <linux/types.h>

struct genl_info;
struct net;
struct sock;

/* Sockets that a command means, each with a reference. */
struct chimdrv_selection {
	struct list_head list;		/* struct chimdrv_candidate */
	unsigned int n;
	unsigned int others;		/* meant too, but already where they should go */
	bool by_port;
	u16 port;
	bool offloaded;			/* only offloaded ones, else only others */
	struct net *net;
	int err;
};

/* Process context, no lock. The caller frees the list, even after an error. */
int chimdrv_genl_select(struct chimdrv_selection *s, struct genl_info *info, bool offloaded);
void chimdrv_genl_select_free(struct list_head *list);
/* Bottom halves disabled. The established socket of a tuple, with a reference, or NULL. */
struct sock *chimdrv_genl_find_sock(struct net *net, struct genl_info *info);

#endif /* CHIMDRV_GENL_SELECT_H */
