/* SPDX-License-Identifier: GPL-2.0-only */
/* The socket's write queue. */
#ifndef CHIMDRV_WRITE_H
#define CHIMDRV_WRITE_H

#include <linux/types.h>

struct chimdrv_conn;
struct chimdrv_send;
struct sk_buff;
struct sock;

/* Queues ours, or socket owned. */
u32 chimdrv_write_end(struct sock *sk);	/* of the bytes in the queue; a FIN is not one */
bool chimdrv_write_pushes(const struct sock *sk);
u32 chimdrv_write_pieces(struct sock *sk);
/* Is the program to be told when bytes leave or are acknowledged: of one skb, of any? */
bool chimdrv_write_is_stamped(const struct sk_buff *skb);
bool chimdrv_write_any_stamped(struct sock *sk);
/*
 * Map a request for at most @max bytes from @seq on. -EOPNOTSUPP: the CPU cannot read them;
 * -ETIME: a timestamp is wanted.
 */
struct chimdrv_send *chimdrv_write_request(struct chimdrv_conn *conn, u32 seq, u32 max, gfp_t gfp);
void chimdrv_write_ack(struct sock *sk, u32 una);	/* free what is acknowledged */
void chimdrv_write_reap(struct chimdrv_conn *conn);	/* and what completed requests cover */
void chimdrv_write_keep(struct chimdrv_conn *conn);	/* the socket is being destroyed */
void chimdrv_write_purge(struct sock *sk);	/* slock, queues ours: the socket ends */
/* slock. */
void chimdrv_write_unmap(struct chimdrv_conn *conn, struct chimdrv_send *send);
void chimdrv_write_free(struct chimdrv_conn *conn, struct chimdrv_send *send);

#endif /* CHIMDRV_WRITE_H */
