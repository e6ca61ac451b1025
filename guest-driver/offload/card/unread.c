// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unread data at the offload: the socket keeps it, and the target gets a copy of the newest
 * bytes as BufferedData. It delivers them again, in place of the socket's (deliver.c).
 */
#include "offload/card/unread.h"
#include "chimney_abi.h"
#include "compat/segment.h"
#include "nic/hw.h"
#include "offload/card/blocklist.h"
#include "offload/card/room.h"
#include "offload/conn_types.h"

#define BUFFERED_MAX	262144u	/* bytes of unread data that travel; the rest stays in the socket */

/*
 * Socket owned, valves closed. Copy the newest unread bytes, which stay readable in the
 * socket (BRD-1, BRD-2). @d: the state that names them, at @d_off of the list.
 */
int chimdrv_unread_export(struct chimdrv_conn *conn, struct chimdrv_blocklist *bl,
			  struct chim_tcp_delegated **d, u32 d_off, struct chimdrv_room **out)
{
	struct sock *sk = conn->sk;
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 end = conn->rcv.buffered_end, start, from, to, n;
	u32 len = before(tp->copied_seq, end) ? end - tp->copied_seq : 0;
	struct chimdrv_room *room;
	struct sk_buff *skb;
	int off;

	*out = NULL;
	len = min3(len, conn->cd->limits.buffered, BUFFERED_MAX);
	if (!len || !chimdrv_hw_has(conn->cd, CHIM_F_BUFFERED))
		return 0;
	room = chimdrv_room_create(conn->cd->dev, len, DMA_TO_DEVICE, false);
	if (!room)
		return 0;	/* optional: the bytes stay with the socket */
	start = end - len;
	skb_queue_walk(&sk->sk_receive_queue, skb) {
		from = TCP_SKB_CB(skb)->seq;
		to = from + skb->len;
		if (!after(to, start))
			continue;
		if (before(from, start))
			from = start;
		if (!chimdrv_compat_readable(skb) || after(to, end) ||
		    chimdrv_room_write(room, from - start, skb, from - TCP_SKB_CB(skb)->seq,
				       to - from)) {
			chimdrv_room_destroy(room);
			return 0;
		}
	}
	off = chimdrv_blocklist_reserve(bl, room->count * sizeof(struct chim_sge));
	if (off < 0) {
		chimdrv_room_destroy(room);
		return off;
	}
	*d = chimdrv_blocklist_ptr(bl, d_off);
	(*d)->buffered_off = cpu_to_le32(off);
	n = chimdrv_room_sges(room, chimdrv_blocklist_ptr(bl, off), len);
	(*d)->buffered_sges = cpu_to_le32(n);
	(*d)->buffered_len = cpu_to_le32(len);
	conn->rcv.refused_bytes = len;	/* waits in the card for receive requests (BRD-6) */
	conn->rcv.buffered = len;
	conn->rcv.buffered_n = 0;
	conn->rcv.buffered_start = start;
	*out = room;
	return 0;
}
