// SPDX-License-Identifier: GPL-2.0-only
/*
 * The socket's write queue: map byte ranges of it as requests, and free them when they
 * are acknowledged or the socket dies. Everything goes by sequence number; no pointer to
 * an skb of the queue is kept for longer than a loop.
 *
 * All of it under the socket's slock, with the socket's queues ours, or the socket owned;
 * functions that do not need the queues say so.
 */
#include <linux/dma-mapping.h>

#include "offload/socket/write.h"
#include "compat/memory.h"
#include "compat/segment.h"
#include "offload/cache.h"
#include "offload/conn_types.h"
#include "offload/od.h"
#include "offload/requests.h"
#include "offload/socket/tail.h"
#include "offload/socket/tcp_info.h"

/* ----------------------------------------------------------- from skbs to scatter lists */

/* The card no longer reads it. */
void chimdrv_write_unmap(struct chimdrv_conn *conn, struct chimdrv_send *send)
{
	u32 i;

	for (i = 0; i < send->nsge; i++) {
		dma_unmap_page(conn->cd->dev, send->sge[i].addr, send->sge[i].len, DMA_TO_DEVICE);
		if (send->sge[i].page)
			put_page(send->sge[i].page);
	}
	send->nsge = 0;
}

void chimdrv_write_free(struct chimdrv_conn *conn, struct chimdrv_send *send)
{
	chimdrv_write_unmap(conn, send);
	list_del(&send->node);
	conn->snd.n--;
	conn->snd.posted_bytes -= send->len;
	chimdrv_cache_free(CHIMDRV_CACHE_SEND, send);
}

/*
 * Map one piece. A fragment gets a page reference of its own; the linear part and pages
 * that io_uring lends are kept by the skb, which is freed only on completion.
 */
static int send_piece(struct chimdrv_conn *conn, struct chimdrv_send *send, struct page *page,
		      u32 off, u32 len, bool hold)
{
	struct chimdrv_sge *sge = &send->sge[send->nsge];

	sge->addr = dma_map_page(conn->cd->dev, page, off, len, DMA_TO_DEVICE);
	if (dma_mapping_error(conn->cd->dev, sge->addr))
		return -ENOMEM;
	sge->len = len;
	sge->page = hold ? page : NULL;
	if (hold)
		get_page(page);
	send->nsge++;
	send->len += len;
	return 0;
}

/* Map the pieces of one skb from byte @off on, until @want bytes or no slot is left. */
static int send_skb(struct chimdrv_conn *conn, struct chimdrv_send *send, struct sk_buff *skb,
		    u32 off, u32 want, u32 slots)
{
	u32 head = skb_headlen(skb), len;
	const skb_frag_t *frag;
	int i, err = 0;

	if (off < head && want && send->nsge < slots) {
		len = min(want, head - off);
		err = send_piece(conn, send, virt_to_page(skb->data + off),
				 offset_in_page(skb->data + off), len, false);
		if (err)
			return err;
		off += len;
		want -= len;
	}
	off -= min(off, head);
	for (i = 0; i < skb_shinfo(skb)->nr_frags && want && send->nsge < slots; i++) {
		frag = &skb_shinfo(skb)->frags[i];
		if (off >= skb_frag_size(frag)) {
			off -= skb_frag_size(frag);
			continue;
		}
		len = min_t(u32, want, skb_frag_size(frag) - off);
		err = send_piece(conn, send, skb_frag_page(frag), skb_frag_off(frag) + off, len,
				 !skb_zcopy_managed(skb));
		if (err)
			return err;
		want -= len;
		off = 0;
	}
	return 0;
}

/* Find the skb that holds byte @seq. Search from the end, where new data is. */
static struct sk_buff *find_skb(struct sock *sk, u32 seq)
{
	struct sk_buff *skb;

	skb_queue_reverse_walk(&sk->sk_write_queue, skb)
		if (!after(TCP_SKB_CB(skb)->seq, seq))
			return skb;
	return NULL;
}

/* Where the bytes in the write queue end; a FIN is not one. */
u32 chimdrv_write_end(struct sock *sk)
{
	struct sk_buff *tail = skb_peek_tail(&sk->sk_write_queue);

	if (!tail)
		return tcp_sk(sk)->write_seq;
	return TCP_SKB_CB(tail)->end_seq - !!(TCP_SKB_CB(tail)->tcp_flags & TCPHDR_FIN);
}

/* Does the program want the end of the queue pushed? */
bool chimdrv_write_pushes(const struct sock *sk)
{
	const struct sk_buff *tail = skb_peek_tail(&sk->sk_write_queue);

	return tail && (TCP_SKB_CB(tail)->tcp_flags & TCPHDR_PSH);
}

/* Is the program to be told when the last byte of @skb leaves or is acknowledged? */
bool chimdrv_write_is_stamped(const struct sk_buff *skb)
{
	return TCP_SKB_CB(skb)->txstamp_ack || skb_shinfo(skb)->tx_flags & SKBTX_ANY_TSTAMP;
}

/* The same of any that is not acknowledged, no matter who has sent it. */
bool chimdrv_write_any_stamped(struct sock *sk)
{
	struct sk_buff *skb;

	skb_queue_walk(&sk->sk_write_queue, skb)
		if (chimdrv_write_is_stamped(skb))
			return true;
	for (skb = tcp_rtx_queue_head(sk); skb; skb = skb_rb_next(skb))
		if (chimdrv_write_is_stamped(skb))
			return true;
	return false;
}

/*
 * Map a request for at most @max bytes from @seq on. -EOPNOTSUPP: the CPU cannot read them;
 * -ETIME: a timestamp is wanted.
 */
struct chimdrv_send *chimdrv_write_request(struct chimdrv_conn *conn, u32 seq, u32 max, gfp_t gfp)
{
	u32 slots = min_t(u32, CHIMDRV_SEND_SGES, conn->cd->limits.sge);
	struct sock *sk = conn->sk;
	struct chimdrv_send *send;
	struct sk_buff *skb = find_skb(sk, seq);

	if (!skb)
		return ERR_PTR(-ENOMEM);
	if (!chimdrv_compat_readable(skb))
		return ERR_PTR(-EOPNOTSUPP);
	if (chimdrv_write_is_stamped(skb))
		return ERR_PTR(-ETIME);
	send = chimdrv_cache_alloc(CHIMDRV_CACHE_SEND, gfp | __GFP_NOWARN);
	if (!send)
		return ERR_PTR(-ENOMEM);
	send->seq = seq;
	send->len = 0;
	send->nsge = 0;
	send->done = false;
	send->back = false;
	send->flags = 0;
	skb_queue_walk_from(&sk->sk_write_queue, skb) {
		u32 off = seq + send->len - TCP_SKB_CB(skb)->seq;

		if (!chimdrv_compat_readable(skb) || chimdrv_write_is_stamped(skb) ||
		    send->len >= max || send->nsge >= slots)
			break;
		if (send_skb(conn, send, skb, off, max - send->len, slots))
			break;
	}
	if (!send->len) {
		chimdrv_cache_free(CHIMDRV_CACHE_SEND, send);
		return ERR_PTR(-ENOMEM);
	}
	return send;
}

static u32 pieces(const struct sk_buff *skb)
{
	return !!skb_headlen(skb) + skb_shinfo(skb)->nr_frags;
}

/* How many pieces of memory hold the bytes from SND.UNA on, no matter who has sent them. */
u32 chimdrv_write_pieces(struct sock *sk)
{
	struct sk_buff *skb;
	u32 parts = 0;

	skb_queue_walk(&sk->sk_write_queue, skb)
		parts += pieces(skb);
	for (skb = tcp_rtx_queue_head(sk); skb; skb = skb_rb_next(skb))
		parts += pieces(skb);
	return parts;
}

/* ----------------------------------------------------------------- acknowledged, or dead */

/* Free what is acknowledged; an empty skb at the end stays, a sender is filling it. */
void chimdrv_write_ack(struct sock *sk, u32 una)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb;

	while ((skb = skb_peek(&sk->sk_write_queue))) {
		struct tcp_skb_cb *cb = TCP_SKB_CB(skb);

		if (after(cb->end_seq, una) || cb->end_seq == cb->seq)
			break;
		tcp_unlink_write_queue(skb, sk);
		tcp_wmem_free_skb(sk, skb);
	}
	if (after(una, tp->snd_una)) {
		tp->bytes_acked += una - tp->snd_una;
		if (tp->snd_up == tp->snd_una)
			WRITE_ONCE(tp->snd_up, una);
		WRITE_ONCE(tp->snd_una, una);
	}
}

/* tcp_sndbuf_expand() with the target's window; the kernel runs its own only on ACKs it sees. */
static void expand_sndbuf(struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	int per_mss, sndmem;
	u32 segs;

	if ((sk->sk_userlocks & SOCK_SNDBUF_LOCK) || tcp_under_memory_pressure(sk) ||
	    sk_memory_allocated(sk) >= sk_prot_mem_limits(sk, 0))
		return;
	per_mss = max_t(u32, tp->rx_opt.mss_clamp, tp->mss_cache) + MAX_TCP_HEADER +
		  SKB_DATA_ALIGN(sizeof(struct skb_shared_info));
	per_mss = roundup_pow_of_two(per_mss) + SKB_DATA_ALIGN(sizeof(struct sk_buff));
	segs = max3((u32)TCP_INIT_CWND, tcp_snd_cwnd(tp), tp->reordering + 1);
	sndmem = min_t(u64, 2ull * segs * per_mss,
		       READ_ONCE(sock_net(sk)->ipv4.sysctl_tcp_wmem[2]));
	if (sk->sk_sndbuf < sndmem)
		WRITE_ONCE(sk->sk_sndbuf, sndmem);
}

/* Queues ours. Free what completed requests cover, from SND.UNA on up to the first gap. */
void chimdrv_write_reap(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	struct chimdrv_send *send;
	u32 una = tcp_sk(sk)->snd_una;
	bool any = false;

	while ((send = list_first_entry_or_null(&conn->snd.list, struct chimdrv_send, node))) {
		if (!send->done)
			break;
		una = send->seq + send->len;
		chimdrv_write_free(conn, send);
		any = true;
	}
	if (!any)
		return;
	chimdrv_tail_acked(conn);
	conn->bytes_out += una - tcp_sk(sk)->snd_una;
	chimdrv_count_add(conn->cd, bytes_out, una - tcp_sk(sk)->snd_una);
	chimdrv_write_ack(sk, una);
	conn->seen.snd_una = una;
	chimdrv_tcp_info_update(conn);
	expand_sndbuf(sk);
	if (sk->sk_socket && test_bit(SOCK_NOSPACE, &sk->sk_socket->flags))
		sk->sk_write_space(sk);
}

/*
 * slock, queues ours, the socket with Linux TCP again and about to end: what was not
 * acknowledged goes now, and programs that lent memory for it are told.
 */
void chimdrv_write_purge(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb;

	while ((skb = tcp_rtx_queue_head(sk)))
		tcp_rtx_queue_unlink_and_free(skb, sk);
	while ((skb = skb_peek(&sk->sk_write_queue))) {
		tcp_unlink_write_queue(skb, sk);
		tcp_wmem_free_skb(sk, skb);
	}
	INIT_LIST_HEAD(&tp->tsorted_sent_queue);
	tcp_clear_all_retrans_hints(tp);
	tp->highest_sack = NULL;
	tp->packets_out = 0;
}

/*
 * The socket dies with requests posted, and its write queue with it: keep what they read
 * until chimdrv_giveback_drop_requests(). Accounts as tcp_wmem_free_skb().
 */
void chimdrv_write_keep(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	struct sk_buff *skb;

	while ((skb = __skb_dequeue(&sk->sk_write_queue))) {
		tcp_skb_tsorted_anchor_cleanup(skb);
		sk_wmem_queued_add(sk, -(int)skb->truesize);
		sk_mem_uncharge(sk, skb_zcopy_pure(skb) ? SKB_TRUESIZE(skb_end_offset(skb)) :
							  skb->truesize);
		__skb_queue_tail(&conn->back.kept, skb);
	}
}
