/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bytes of a connection, both ways: what the files that send, receive and make room
 * offer the rest of the offload half. Part of conn.h, which includes it.
 */
#ifndef CHIMDRV_DATA_H
#define CHIMDRV_DATA_H

#ifndef CHIMDRV_CONN_H
#error "include offload/conn.h"
#endif

/* -------------------------------------------------------------------- write.c */

/* Queues ours, or socket owned. */
u32 chimdrv_write_end(struct sock *sk);	/* of the bytes in the queue; a FIN is not one */
bool chimdrv_write_pushes(const struct sock *sk);
u32 chimdrv_write_pieces(struct sock *sk);
/* A mapped request for the bytes from @seq on, at most @max. -EOPNOTSUPP: no CPU reads them. */
struct chimdrv_send *chimdrv_write_request(struct chimdrv_conn *conn, u32 seq, u32 max, gfp_t gfp);
void chimdrv_write_ack(struct sock *sk, u32 una);	/* free what is acknowledged */
void chimdrv_write_reap(struct chimdrv_conn *conn);	/* and what completed requests cover */
void chimdrv_write_keep(struct chimdrv_conn *conn);	/* the socket is being destroyed */
/* slock. */
void chimdrv_write_unmap(struct chimdrv_conn *conn, struct chimdrv_send *send);
void chimdrv_write_free(struct chimdrv_conn *conn, struct chimdrv_send *send);

/* --------------------------------------------------------------------- send.c */

void chimdrv_send_post(struct chimdrv_conn *conn);	/* socket queues must be ours */
/* Socket owned: what the chain takes of a block list at most. */
u32 chimdrv_send_chain_size(struct chimdrv_conn *conn);
/* Socket owned, valves closed. */
int chimdrv_send_chain(struct chimdrv_conn *conn, struct chimdrv_blocklist *bl, u32 *off,
		       u32 *count);
void chimdrv_send_done(struct chimdrv_conn *conn, const struct chim_cqe *cqe);	/* slock */
void chimdrv_send_drop(struct chimdrv_conn *conn);	/* slock; the card reads them no more */

/* --------------------------------------------------------------------- tail.c */

/* Socket owned: nothing before @sent is kept back. */
void chimdrv_tail_begin(struct chimdrv_conn *conn, u32 sent);
void chimdrv_tail_capture(struct chimdrv_conn *conn);	/* owned: with the rest of the state */
void chimdrv_tail_restore(struct chimdrv_conn *conn);	/* slock: behind the kernel's timers */
/* slock, queues ours. The end of what may leave, of data that ends at @all. */
u32 chimdrv_tail_end(struct chimdrv_conn *conn, u32 all);
void chimdrv_tail_acked(struct chimdrv_conn *conn);	/* slock: something was acknowledged */
void chimdrv_tail_watch(struct chimdrv_conn *conn, bool kept);	/* slock, after posting */
void chimdrv_tail_stop(struct chimdrv_conn *conn);	/* slock; the target has nothing of it */

/* --------------------------------------------------------------------- lend.c */

void chimdrv_lend_provide(struct chimdrv_conn *conn);	/* release_cb, slock held */
void chimdrv_lend_end(struct chimdrv_conn *conn);	/* slock, queues ours */
void chimdrv_lend_work_init(struct chimdrv_od *od);
void chimdrv_lend_fini(struct chimdrv_od *od);

/* --------------------------------------------------------------------- recv.c */

bool chimdrv_recv_claims(const struct chimdrv_conn *conn);	/* slock */
void chimdrv_recv_post(struct chimdrv_conn *conn);	/* slock: those that are due */
void chimdrv_recv_done(struct chimdrv_conn *conn, const struct chim_cqe *cqe);	/* slock */
void chimdrv_recv_drop(struct chimdrv_conn *conn);	/* slock; the card writes them no more */

/* ----------------------------------------------------------------- indicate.c */

/* NAPI of the pair; take: slock. Every buffer of the indication is taken or put back. */
void chimdrv_indicate_take(struct chimdrv_conn *conn, const struct chim_cqe *cqe);
/* Count the open indication as accepted if its bytes end before @kept, which the card has kept. */
void chimdrv_indicate_settle(struct chimdrv_conn *conn, u32 kept);
void chimdrv_indicate_nobody(struct chimdrv_pair *pair, const struct chim_cqe *cqe);

/* ------------------------------------------------------------------ deliver.c */

/* slock. False: the number is impossible and the card has been failed. */
bool chimdrv_deliver_seq_ok(struct chimdrv_conn *conn, u32 seq);
void chimdrv_deliver_seq_advance(struct chimdrv_conn *conn, u32 end);	/* slock */
/* slock. How many of the bytes [seq, seq + bytes) the card was given as BufferedData. */
u32 chimdrv_deliver_of_buffered(const struct chimdrv_conn *conn, u32 seq, u32 bytes);
/* slock. Takes the skb, whose bytes begin at @seq, into rxq. */
void chimdrv_deliver_queue(struct chimdrv_conn *conn, struct sk_buff *skb, u32 seq);
void chimdrv_deliver_drain(struct chimdrv_conn *conn);	/* rxq into the socket; queues ours */
void chimdrv_deliver_merge_back(struct chimdrv_conn *conn);	/* conn->back too; queues ours */

/* ------------------------------------------------------------------- window.c */

/* All slock; windows in bytes, limits in bytes of memory. */
int chimdrv_window_used(const struct chimdrv_conn *conn);
u32 chimdrv_window_now(const struct chimdrv_conn *conn);
int chimdrv_window_limit(const struct chimdrv_conn *conn);
/* Does the socket, with what waits for it, take @bytes more, in frames of @truesize? */
bool chimdrv_window_has_room(const struct chimdrv_conn *conn, u32 bytes, unsigned int truesize);
bool chimdrv_window_has_half(const struct chimdrv_conn *conn);
void chimdrv_window_begin(struct chimdrv_conn *conn, u32 promised);
u32 chimdrv_window_owed(const struct chimdrv_conn *conn);	/* also without slock, then about */
void chimdrv_window_taken(struct chimdrv_conn *conn);
bool chimdrv_window_changed(const struct chimdrv_conn *conn);	/* the target is to be told */
u32 chimdrv_window_tell(struct chimdrv_conn *conn);
void chimdrv_window_told(struct chimdrv_conn *conn, u32 wnd);
bool chimdrv_window_gave_way(const struct chimdrv_conn *conn);

/* ----------------------------------------------------------------- collapse.c */

/* slock, queues ours. Has it helped? */
bool chimdrv_collapse(struct chimdrv_conn *conn, bool all);

#endif /* CHIMDRV_DATA_H */
