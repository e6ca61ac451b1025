// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the socket's write queue to the card: send requests made of byte ranges of
 * the queue, their completions, and what an offload hands over unacknowledged.
 * Sequence numbers say what goes where; no skb of the write queue is ever known by
 * its pointer for longer than a loop.
 *
 * All of it under the socket's slock. What touches the write queue says so: then
 * nobody owns the socket, or release_cb of the owner calls.
 */
#include <linux/dma-mapping.h>

#include "compat.h"
#include "offload/conn.h"

#define BACKLOG_MIN	(256 * 1024)

/* ----------------------------------------------------------- from skbs to scatter lists */

static void sges_unmap(struct chimdrv_conn *conn, struct chimdrv_sge *sge, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++) {
		dma_unmap_page(conn->cd->dev, sge[i].addr, sge[i].len, DMA_TO_DEVICE);
		if (sge[i].page)
			put_page(sge[i].page);
	}
}

static void send_free(struct chimdrv_conn *conn, struct chimdrv_send *send)
{
	sges_unmap(conn, send->sge, send->nsge);
	list_del(&send->node);
	conn->nsends--;
	conn->posted_bytes -= send->len;
	chimdrv_cache_free(CHIMDRV_CACHE_SEND, send);
}

/*
 * One piece. A fragment gets a page reference of its own; the linear part and
 * pages that io_uring lends are kept by the skb, which is freed by completion only.
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

/* Pieces of one skb from byte @off on, until @want bytes or no slot is left. */
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

/* The skb of the write queue that holds byte @seq. Newly written ones are at the end. */
static struct sk_buff *find_skb(struct sock *sk, u32 seq)
{
	struct sk_buff *skb;

	skb_queue_reverse_walk(&sk->sk_write_queue, skb)
		if (!after(TCP_SKB_CB(skb)->seq, seq))
			return skb;
	return NULL;
}

/* End of the bytes in the write queue; a FIN is not one. */
static u32 data_end(struct sock *sk)
{
	struct sk_buff *tail = skb_peek_tail(&sk->sk_write_queue);

	if (!tail)
		return tcp_sk(sk)->write_seq;
	return TCP_SKB_CB(tail)->end_seq - !!(TCP_SKB_CB(tail)->tcp_flags & TCPHDR_FIN);
}

/* A mapped request for the bytes from @seq on, at most @max. -EOPNOTSUPP: no CPU reads them. */
static struct chimdrv_send *send_make(struct chimdrv_conn *conn, u32 seq, u32 max, gfp_t gfp)
{
	u32 slots = min_t(u32, CHIMDRV_SEND_SGES, conn->cd->limits.sge);
	struct sock *sk = conn->sk;
	struct chimdrv_send *send;
	struct sk_buff *skb = find_skb(sk, seq);

	if (!skb)
		return ERR_PTR(-ENOMEM);
	if (!chimdrv_compat_readable(skb))
		return ERR_PTR(-EOPNOTSUPP);
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

		if (!chimdrv_compat_readable(skb) || send->len >= max || send->nsge >= slots)
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

/* ----------------------------------------------------------------------------- requests */

/*
 * What the target may do with the end of a request: push it, if the program's data
 * ends there; wait for more, if a request that follows is certain to come. @room:
 * requests that may be posted at once. Else it goes as it is.
 */
static u32 send_flags(const struct chimdrv_conn *conn, const struct chimdrv_send *send, u32 end,
		      u32 all, u32 room)
{
	const struct sk_buff *tail = skb_peek_tail(&conn->sk->sk_write_queue);
	u32 last = send->seq + send->len;

	if (last == all && tail && (TCP_SKB_CB(tail)->tcp_flags & TCPHDR_PSH))
		return CHIM_SEND_PUSH;
	/* it is posted now, or when one in front completes */
	return before(last, end) && (conn->nsends || room > 1) ? CHIM_SEND_MORE : 0;
}

static void send_account(struct chimdrv_conn *conn, struct chimdrv_send *send)
{
	list_add_tail(&send->node, &conn->sends);
	conn->nsends++;
	conn->posted_bytes += send->len;
	conn->posted_seq = send->seq + send->len;
}

/* Queues ours. Give the target what the program has written since. */
void chimdrv_send_post(struct chimdrv_conn *conn)
{
	u32 limit = max_t(u32, conn->backlog, max(2 * conn->cwnd_bytes, (u32)BACKLOG_MIN));
	const struct chimdrv_limits *lim = &conn->cd->limits;
	struct tcp_sock *tp = tcp_sk(conn->sk);
	u32 all = data_end(conn->sk), end = chimdrv_tail_end(conn, all);
	u32 room = conn->send_room ?: lim->sends;
	struct chimdrv_send *send;
	struct chimdrv_sq_cmd cmd = { };
	int err;

	if (test_bit(CHIMDRV_C_UNTOLD, &conn->bits))
		return;		/* with a header that the target does not know yet */
	if (chimdrv_route_stale(conn))
		return;		/* perhaps not this way; progress.c looks first */
	while (before(conn->posted_seq, end) && conn->nsends < room &&
	       conn->posted_bytes < limit) {
		send = send_make(conn, conn->posted_seq, min3(end - conn->posted_seq,
				 (u32)CHIMDRV_SEND_LEN, lim->send_len), GFP_ATOMIC);
		if (IS_ERR(send)) {
			if (PTR_ERR(send) == -ENOMEM)
				chimdrv_sq_pend(conn);
			else
				chimdrv_ask_upload(conn, CHIMDRV_WHY_UNREADABLE);
			break;
		}
		send->flags = send_flags(conn, send, end, all, room);
		send->cookie = ++conn->next_cookie;
		cmd.ctl = CHIM_OP_SEND | send->flags << CHIM_CTL_FLAGS_SHIFT;
		cmd.cookie = send->cookie;
		cmd.len = send->len;
		cmd.sge = send->sge;
		cmd.nsge = send->nsge;
		err = chimdrv_sq_post(conn, &cmd);
		if (err) {
			sges_unmap(conn, send->sge, send->nsge);
			chimdrv_cache_free(CHIMDRV_CACHE_SEND, send);
			if (err == -EBUSY)
				chimdrv_sq_pend(conn);
			break;
		}
		send_account(conn, send);
		chimdrv_count(conn->cd, sends);
	}
	chimdrv_tail_watch(conn, end != all);
	WRITE_ONCE(tp->snd_nxt, conn->posted_seq);	/* SIOCOUTQNSD, TCP_NOTSENT_LOWAT */
}

static u32 pieces(const struct sk_buff *skb)
{
	return !!skb_headlen(skb) + skb_shinfo(skb)->nr_frags;
}

/* A request ends when it is long enough or has no slot left, and may cut a piece in two. */
u32 chimdrv_send_chain_size(struct chimdrv_conn *conn)
{
	u32 slots = min_t(u32, CHIMDRV_SEND_SGES, conn->cd->limits.sge);
	u32 len = min_t(u32, CHIMDRV_SEND_LEN, conn->cd->limits.send_len);
	struct sock *sk = conn->sk;
	struct sk_buff *skb;
	u32 parts = 0, sends;

	skb_queue_walk(&sk->sk_write_queue, skb)
		parts += pieces(skb);
	for (skb = tcp_rtx_queue_head(sk); skb; skb = skb_rb_next(skb))
		parts += pieces(skb);
	sends = (tcp_sk(sk)->write_seq - tcp_sk(sk)->snd_una) / len + parts / slots + 2;
	sends = min(sends, conn->cd->limits.sends);
	return sends * (sizeof(struct chim_send_ref) + 8) +
	       min(parts + sends, sends * slots) * sizeof(struct chim_sge);
}

/*
 * At initiate, socket owned: [SND.UNA, write_seq) as a chain of requests (OSD-1),
 * each with its scatter list in the block list. What does not fit is sent later.
 */
int chimdrv_send_chain(struct chimdrv_conn *conn, struct chimdrv_blist *bl, u32 *off, u32 *count)
{
	const struct chimdrv_tcp_state *s = &conn->final;
	u32 all = data_end(conn->sk), n = 0, end, i;
	struct chim_send_ref *ref;
	struct chimdrv_send *send;
	struct chim_sge *sge;
	int refs, sges, err = -ENOBUFS;

	chimdrv_tail_begin(conn, s->snd_max);
	end = chimdrv_tail_end(conn, all);
	while (before(conn->posted_seq, end) && conn->nsends < conn->cd->limits.sends) {
		send = send_make(conn, conn->posted_seq, min3(end - conn->posted_seq,
				 (u32)CHIMDRV_SEND_LEN, conn->cd->limits.send_len), GFP_KERNEL);
		if (IS_ERR(send)) {
			err = PTR_ERR(send);
			break;
		}
		send->flags = send_flags(conn, send, end, all, conn->cd->limits.sends);
		send->cookie = ++conn->next_cookie;
		send_account(conn, send);
	}
	/* everything sent already must be in it, or the sequence numbers contradict each other */
	if (before(conn->posted_seq, s->snd_max))
		return err;
	*count = conn->nsends;
	*off = 0;
	if (!conn->nsends)
		return 0;
	refs = chimdrv_blist_reserve(bl, conn->nsends * sizeof(*ref));
	if (refs < 0)
		return refs;
	list_for_each_entry(send, &conn->sends, node) {
		sges = chimdrv_blist_reserve(bl, send->nsge * sizeof(*sge));
		if (sges < 0)
			return sges;
		sge = chimdrv_blist_ptr(bl, sges);
		for (i = 0; i < send->nsge; i++) {
			sge[i].addr = cpu_to_le64(send->sge[i].addr);
			sge[i].len = cpu_to_le32(send->sge[i].len);
		}
		ref = (struct chim_send_ref *)chimdrv_blist_ptr(bl, refs) + n++;
		ref->cookie = cpu_to_le64(send->cookie);
		ref->len = cpu_to_le32(send->len);
		ref->sge_off = cpu_to_le32(sges);
		ref->sge_count = cpu_to_le32(send->nsge);
		ref->flags = cpu_to_le32(send->flags);
	}
	*off = refs;
	return 0;
}

/* -------------------------------------------------------------------------- completions */

/* SEND completed; the socket's queues wait for chimdrv_send_reap(). */
void chimdrv_send_done(struct chimdrv_conn *conn, const struct chim_cqe *cqe)
{
	u32 status = le32_to_cpu(cqe->status);
	struct chimdrv_send *send;

	list_for_each_entry(send, &conn->sends, node)
		if (!send->done && !send->back && send->cookie == le64_to_cpu(cqe->cookie))
			break;
	if (list_entry_is_head(send, &conn->sends, node)) {
		chimdrv_count(conn->cd, bad_entries);
		return;
	}
	chimdrv_count(conn->cd, send_completions);
	if (le16_to_cpu(cqe->flags) & CHIM_CQE_BATCH)
		chimdrv_count(conn->cd, send_batches);
	sges_unmap(conn, send->sge, send->nsge);
	send->nsge = 0;
	if (status == CHIM_ST_SUCCESS && le32_to_cpu(cqe->bytes) == send->len) {
		send->done = true;
		conn->cwnd_bytes = le32_to_cpu(cqe->cwnd);
		conn->srtt_us = le32_to_cpu(cqe->srtt_us);
		return;
	}
	/* its bytes stay in the write queue; sequence numbers tell the rest (TRM-42) */
	send->back = true;
	if (status == CHIM_ST_UPLOAD_IN_PROGRESS) {
		chimdrv_count(conn->cd, send_back_completed);
		conn->sends_completed = true;
	}
	set_bit(CHIMDRV_C_QUIET, &conn->bits);
	if (!test_bit(CHIMDRV_C_UPLOAD, &conn->bits))
		chimdrv_ask_upload(conn, CHIMDRV_WHY_CARD);
}

/* tcp_sndbuf_expand() with the target's window; the kernel's runs only on ACKs it sees. */
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

/* What TCP_INFO and the kernel's autotuning see while the target runs the connection. */
static void show_path(struct chimdrv_conn *conn)
{
	struct tcp_sock *tp = tcp_sk(conn->sk);

	if (conn->cwnd_bytes && tp->mss_cache) {
		tcp_snd_cwnd_set(tp, clamp(conn->cwnd_bytes / tp->mss_cache, 2u,
					   tp->snd_cwnd_clamp));
		tp->packets_out = tcp_snd_cwnd(tp);
	}
	if (conn->srtt_us)
		tp->srtt_us = conn->srtt_us << 3;
	chimdrv_compat_mstamp(tp);
}

/* Queues ours. Free what completed requests cover, from SND.UNA on without a gap. */
void chimdrv_send_reap(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	struct chimdrv_send *send;
	u32 una = tcp_sk(sk)->snd_una;
	bool any = false;

	while ((send = list_first_entry_or_null(&conn->sends, struct chimdrv_send, node))) {
		if (!send->done)
			break;
		una = send->seq + send->len;
		send_free(conn, send);
		any = true;
	}
	if (!any)
		return;
	chimdrv_tail_acked(conn);
	conn->bytes_out += una - tcp_sk(sk)->snd_una;
	chimdrv_count_add(conn->cd, bytes_out, una - tcp_sk(sk)->snd_una);
	chimdrv_state_ack(sk, una);
	conn->seen_snd_una = una;
	show_path(conn);
	expand_sndbuf(sk);
	if (sk->sk_socket && test_bit(SOCK_NOSPACE, &sk->sk_socket->flags))
		sk->sk_write_space(sk);
}

/* The card reads nothing of the connection any more: drop what is left, bytes stay queued. */
void chimdrv_send_drop(struct chimdrv_conn *conn)
{
	struct chimdrv_send *send, *next;

	list_for_each_entry_safe(send, next, &conn->sends, node)
		send_free(conn, send);
}

/*
 * The socket dies with requests posted, and its write queue with it: what they read
 * is kept until chimdrv_handback_drop_requests(). Accounts as tcp_wmem_free_skb().
 */
void chimdrv_send_keep(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	struct sk_buff *skb;

	while ((skb = __skb_dequeue(&sk->sk_write_queue))) {
		tcp_skb_tsorted_anchor_cleanup(skb);
		sk_wmem_queued_add(sk, -(int)skb->truesize);
		sk_mem_uncharge(sk, skb_zcopy_pure(skb) ? SKB_TRUESIZE(skb_end_offset(skb)) :
							  skb->truesize);
		__skb_queue_tail(&conn->kept, skb);
	}
}
