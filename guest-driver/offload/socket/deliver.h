/* SPDX-License-Identifier: GPL-2.0-only */
/* Move received bytes into the socket. */
#ifndef CHIMDRV_DELIVER_H
#define CHIMDRV_DELIVER_H

#include <linux/types.h>

struct chimdrv_conn;
struct sk_buff;

/* slock. False: the number is impossible, and the card has been failed. */
bool chimdrv_deliver_seq_ok(struct chimdrv_conn *conn, u32 seq);
void chimdrv_deliver_seq_advance(struct chimdrv_conn *conn, u32 end);	/* slock */
/* slock. How many of the bytes [seq, seq + bytes) the card was given as BufferedData. */
u32 chimdrv_deliver_of_buffered(const struct chimdrv_conn *conn, u32 seq, u32 bytes);
/* slock. Queue the skb, whose bytes begin at @seq; takes it over. */
void chimdrv_deliver_queue(struct chimdrv_conn *conn, struct sk_buff *skb, u32 seq);
void chimdrv_deliver_drain(struct chimdrv_conn *conn);	/* the queue into the socket; queues ours */
void chimdrv_deliver_merge_back(struct chimdrv_conn *conn);	/* conn->back too; queues ours */

#endif /* CHIMDRV_DELIVER_H */
