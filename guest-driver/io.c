// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bytes between the socket's queues and the card: send requests made of byte
 * ranges of the write queue, receive requests and indications that end as frames
 * in the receive queue, verdicts. Sequence numbers say what goes where; no skb of
 * the write queue is ever known by its pointer for longer than a loop.
 *
 * All of it under the socket's slock. What touches the socket's queues says so:
 * then nobody owns the socket, or release_cb of the owner calls.
 */
#include <linux/dma-mapping.h>
#include <net/tcp.h>

#include "chimdrv_conn.h"

#define COPY_BELOW	1024	/* bytes of an indication that are worth copying */
#define RECV_COPY	4096	/* the same of a receive request */
#define BACKLOG_MIN	(256 * 1024)
#define BULK_IND	(32 * 1024)	/* an indication that counts as large */
#define BULK_AFTER	4	/* so many in a row */
#define BULK_RECVS	2	/* requests kept posted then */
#define BUFFERED_RECVS	4	/* requests posted for BufferedData */
#define OLD_BYTES	(1u << 30)	/* how far back a repeated byte can lie */

/* ------------------------------------------------------------------- submission ring */

struct sq_cmd {
	u32 ctl;
	u64 cookie;
	u32 len;
	const struct chimdrv_sge *sge;
	u32 nsge;
};

/* Command with a scatter list. -EBUSY: no room now; the caller pends the connection. */
static int sq_post(struct chimdrv_conn *conn, const struct sq_cmd *cmd)
{
	u32 more = cmd->nsge > CHIM_SQE_SGES ?
		   DIV_ROUND_UP(cmd->nsge - CHIM_SQE_SGES, CHIM_SG_SGES) : 0;
	struct chimdrv_pair *pair = conn->pair;
	struct chim_sqe_sg *sg = NULL;
	struct chim_sqe *sqe;
	struct chim_sge *e;
	int err = 0;
	u32 i, k;

	spin_lock_bh(&pair->sq_lock);
	if (!pair->sq_open || !chimdrv_dev_alive(conn->cd)) {
		err = -ENETDOWN;
		goto out;
	}
	if (chimdrv_ring_space(&pair->sq) < more + 1 &&
	    !(chimdrv_sq_wait(pair) && chimdrv_ring_space(&pair->sq) >= more + 1)) {
		err = -EBUSY;
		goto out;
	}
	sqe = chimdrv_ring_slot(&pair->sq, 0);
	sqe->handle = cpu_to_le32(conn->handle);
	sqe->cookie = cpu_to_le64(cmd->cookie);
	sqe->u.io.len = cpu_to_le32(cmd->len);
	for (i = 0; i < cmd->nsge; i++) {
		if (i < CHIM_SQE_SGES) {
			e = &sqe->sge[i];
		} else {
			k = i - CHIM_SQE_SGES;
			if (k % CHIM_SG_SGES == 0)
				sg = chimdrv_ring_slot(&pair->sq, 1 + k / CHIM_SG_SGES);
			e = &sg->sge[k % CHIM_SG_SGES];
		}
		e->addr = cpu_to_le64(cmd->sge[i].addr);
		e->len = cpu_to_le32(cmd->sge[i].len);
	}
	chimdrv_ring_publish(&pair->sq, cmd->ctl, more + 1);
	chimdrv_ring_kick(&pair->sq);
out:
	spin_unlock_bh(&pair->sq_lock);
	return err;
}

/* The ring or memory ran out: the pair's NAPI tries again, at the latest in a moment. */
void chimdrv_io_pend(struct chimdrv_conn *conn)
{
	struct chimdrv_pair *pair = conn->pair;

	if (test_bit(CHIMDRV_C_GONE, &conn->bits) ||
	    test_and_set_bit(CHIMDRV_C_PENDING, &conn->bits))
		return;
	refcount_inc(&conn->refs);
	spin_lock_bh(&pair->sq_lock);
	list_add_tail(&conn->pending, &pair->pending);
	spin_unlock_bh(&pair->sq_lock);
	chimdrv_count(conn->cd, late_pending);
	queue_delayed_work(chimdrv_od(conn->cd)->wq, &chimdrv_od(conn->cd)->retry_work, 1);
}

/* FENCE behind everything posted for the connection. */
int chimdrv_io_fence(struct chimdrv_conn *conn, u32 fence_id)
{
	struct chimdrv_pair *pair = conn->pair;
	struct chim_sqe *sqe;
	int err = 0;

	spin_lock_bh(&pair->sq_lock);
	if (!pair->sq_open || !chimdrv_dev_alive(conn->cd)) {
		err = -ENETDOWN;
	} else if (chimdrv_ring_space(&pair->sq) < 1 &&
		   !(chimdrv_sq_wait(pair) && chimdrv_ring_space(&pair->sq) >= 1)) {
		err = -EBUSY;
	} else {
		sqe = chimdrv_ring_slot(&pair->sq, 0);
		sqe->handle = cpu_to_le32(conn->handle);
		sqe->u.fence.id = cpu_to_le32(fence_id);
		chimdrv_ring_publish(&pair->sq, CHIM_OP_FENCE, 1);
		chimdrv_ring_kick(&pair->sq);
	}
	spin_unlock_bh(&pair->sq_lock);
	return err;
}

/* Through the target: its own FIN or RST. No send follows. */
int chimdrv_io_disconnect(struct chimdrv_conn *conn, u32 flags)
{
	struct sq_cmd cmd = {
		.ctl = CHIM_OP_DISCONNECT | flags << CHIM_CTL_FLAGS_SHIFT,
		.cookie = ++conn->next_cookie,
	};
	int err = sq_post(conn, &cmd);

	if (!err) {
		set_bit(CHIMDRV_C_QUIET, &conn->bits);
		chimdrv_count(conn->cd, disconnects);
	}
	return err;
}

/* ------------------------------------------------------------------------------- send */

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
	kmem_cache_free(chimdrv_send_cache, send);
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

/* A mapped request for the next bytes from @seq on, at most @max. */
static struct chimdrv_send *send_make(struct chimdrv_conn *conn, u32 seq, u32 max, gfp_t gfp)
{
	u32 slots = min_t(u32, CHIMDRV_SEND_SGES, conn->cd->limits.sge);
	struct sock *sk = conn->sk;
	struct chimdrv_send *send;
	struct sk_buff *skb = find_skb(sk, seq);

	if (!skb)
		return NULL;
	send = kmem_cache_alloc(chimdrv_send_cache, gfp | __GFP_NOWARN);
	if (!send)
		return NULL;
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
		kmem_cache_free(chimdrv_send_cache, send);
		return NULL;
	}
	return send;
}

/* What the program said about the end of its data: push it, or more will come. */
static void send_intent(struct sock *sk, struct chimdrv_send *send, u32 end)
{
	const struct sk_buff *tail = skb_peek_tail(&sk->sk_write_queue);

	if (send->seq + send->len == end && tail && (TCP_SKB_CB(tail)->tcp_flags & TCPHDR_PSH))
		send->flags = CHIM_SEND_PUSH;
	else
		send->flags = CHIM_SEND_MORE;
}

/* With the socket corked a last partial segment waits for the rest, as in the kernel's TCP. */
static u32 corked(const struct sock *sk, u32 from, u32 end)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	if (!(tp->nonagle & TCP_NAGLE_CORK) || !tp->mss_cache)
		return end;
	return end - (end - from) % tp->mss_cache;
}

static void send_account(struct chimdrv_conn *conn, struct chimdrv_send *send)
{
	list_add_tail(&send->node, &conn->sends);
	conn->nsends++;
	conn->posted_bytes += send->len;
	conn->posted_seq = send->seq + send->len;
}

/* Queues ours. Give the target what the program has written since. */
void chimdrv_io_post_sends(struct chimdrv_conn *conn)
{
	u32 limit = max_t(u32, conn->backlog, max(2 * conn->cwnd_bytes, (u32)BACKLOG_MIN));
	const struct chimdrv_limits *lim = &conn->cd->limits;
	struct tcp_sock *tp = tcp_sk(conn->sk);
	u32 end, all = data_end(conn->sk);
	struct chimdrv_send *send;
	struct sq_cmd cmd = { };
	int err;

	end = corked(conn->sk, conn->posted_seq, all);
	while (before(conn->posted_seq, end) && conn->nsends < (conn->send_room ?: lim->sends) &&
	       conn->posted_bytes < limit) {
		send = send_make(conn, conn->posted_seq, min3(end - conn->posted_seq,
				 (u32)CHIMDRV_SEND_LEN, lim->send_len), GFP_ATOMIC);
		if (!send) {
			chimdrv_io_pend(conn);
			break;
		}
		send_intent(conn->sk, send, all);
		send->cookie = ++conn->next_cookie;
		cmd.ctl = CHIM_OP_SEND | send->flags << CHIM_CTL_FLAGS_SHIFT;
		cmd.cookie = send->cookie;
		cmd.len = send->len;
		cmd.sge = send->sge;
		cmd.nsge = send->nsge;
		err = sq_post(conn, &cmd);
		if (err) {
			sges_unmap(conn, send->sge, send->nsge);
			kmem_cache_free(chimdrv_send_cache, send);
			if (err == -EBUSY)
				chimdrv_io_pend(conn);
			break;
		}
		send_account(conn, send);
		chimdrv_count(conn->cd, sends);
	}
	WRITE_ONCE(tp->snd_nxt, conn->posted_seq);	/* SIOCOUTQNSD, TCP_NOTSENT_LOWAT */
}

/*
 * At initiate, socket owned: [SND.UNA, write_seq) as a chain of requests (OSD-1),
 * each with its scatter list in the block list. What does not fit is sent later.
 */
int chimdrv_io_chain(struct chimdrv_conn *conn, struct chimdrv_blist *bl, u32 *off, u32 *count)
{
	const struct chimdrv_tcp_state *s = &conn->final;
	u32 end = data_end(conn->sk), n = 0, i;
	struct chim_send_ref *ref;
	struct chimdrv_send *send;
	struct chim_sge *sge;
	int refs, sges;

	while (before(conn->posted_seq, end) && conn->nsends < conn->cd->limits.sends) {
		send = send_make(conn, conn->posted_seq, min3(end - conn->posted_seq,
				 (u32)CHIMDRV_SEND_LEN, conn->cd->limits.send_len), GFP_KERNEL);
		if (!send)
			break;
		send_intent(conn->sk, send, end);
		send->cookie = ++conn->next_cookie;
		send_account(conn, send);
	}
	/* everything sent already must be in it, or the sequence numbers contradict each other */
	if (before(conn->posted_seq, s->snd_max))
		return -ENOBUFS;
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

/* SEND completed; the socket's queues wait for chimdrv_io_reap_sends(). */
void chimdrv_io_send_done(struct chimdrv_conn *conn, const struct chim_cqe *cqe)
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
	if (status == CHIM_ST_UPLOAD_IN_PROGRESS)
		chimdrv_count(conn->cd, send_back_completed);
	set_bit(CHIMDRV_C_QUIET, &conn->bits);
	if (!test_bit(CHIMDRV_C_UPLOAD, &conn->bits))
		chimdrv_upload_ask(conn, CHIMDRV_WHY_CARD);
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
void chimdrv_io_reap_sends(struct chimdrv_conn *conn)
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
void chimdrv_io_drop_sends(struct chimdrv_conn *conn)
{
	struct chimdrv_send *send, *next;

	list_for_each_entry_safe(send, next, &conn->sends, node)
		send_free(conn, send);
}

/* ---------------------------------------------------------------------------- receive */

struct sk_buff *chimdrv_io_skb(gfp_t gfp)
{
	struct sk_buff *skb = alloc_skb(0, gfp | __GFP_NOWARN);

	if (skb)
		memset(skb->cb, 0, sizeof(struct tcp_skb_cb));
	return skb;
}

/* Does the socket take more? In terms of memory, so that a full one always polls readable. */
static bool has_room(const struct chimdrv_conn *conn, unsigned int extra)
{
	const struct sock *sk = conn->sk;

	return atomic_read(&sk->sk_rmem_alloc) + conn->rxq_truesize + extra <
	       READ_ONCE(sk->sk_rcvbuf);
}

static bool has_half(const struct chimdrv_conn *conn)
{
	return (atomic_read(&conn->sk->sk_rmem_alloc) + conn->rxq_truesize) * 2 <=
	       READ_ONCE(conn->sk->sk_rcvbuf);
}

/*
 * Queues ours. Put new bytes at their place among queued ones; old bytes that they
 * cover go. Frames may overlap, as the kernel's own do, but each reaches further
 * than all before it, else the reader would find one that it has passed.
 * False: the bytes are all there already.
 */
static bool insert(struct sock *sk, struct sk_buff *new)
{
	struct tcp_skb_cb *n = TCP_SKB_CB(new), *o;
	struct sk_buff *old, *next, *prev = NULL;
	u32 have = tcp_sk(sk)->copied_seq;	/* read, or in a frame in front */

	skb_queue_walk_safe(&sk->sk_receive_queue, old, next) {
		o = TCP_SKB_CB(old);
		if (after(o->end_seq, n->seq)) {
			if (!before(o->seq, n->end_seq))
				break;
			if (after(o->end_seq, n->end_seq)) {	/* reaches further than the new */
				if (!after(o->seq, n->seq) || !after(o->seq, have) ||
				    pskb_trim(new, o->seq - n->seq))
					return false;
				n->end_seq = o->seq;
				break;
			}
			if (!before(o->seq, n->seq) || !after(n->seq, have)) {
				__skb_unlink(old, &sk->sk_receive_queue);
				__kfree_skb(old);
				continue;
			}
			if (!pskb_trim(old, n->seq - o->seq))
				o->end_seq = n->seq;	/* else it overlaps */
		}
		prev = old;
		if (after(o->end_seq, have))
			have = o->end_seq;
	}
	if (!after(n->end_seq, have))
		return false;
	if (prev)
		__skb_queue_after(&sk->sk_receive_queue, prev, new);
	else
		__skb_queue_head(&sk->sk_receive_queue, new);
	return true;
}

/* Queues ours. Takes the skb. */
static void deliver(struct chimdrv_conn *conn, struct sk_buff *skb)
{
	struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	struct sock *sk = conn->sk;
	struct tcp_sock *tp = tcp_sk(sk);
	u32 end;

	if (!after(cb->end_seq, tp->copied_seq)) {
		if (after(cb->end_seq, tp->rcv_nxt))
			WRITE_ONCE(tp->rcv_nxt, cb->end_seq);
		kfree_skb(skb);			/* read already */
		return;
	}
	if (sock_flag(sk, SOCK_RCVTSTAMP) || sock_flag(sk, SOCK_TIMESTAMPING_RX_SOFTWARE)) {
		__net_timestamp(skb);
		cb->has_rxtstamp = 1;
	}
	sk_rmem_schedule(sk, skb, skb->truesize);	/* what was accepted is kept in any case */
	skb_set_owner_r(skb, sk);
	end = cb->end_seq;
	if (cb->seq == tp->rcv_nxt)
		__skb_queue_tail(&sk->sk_receive_queue, skb);
	else if (!insert(sk, skb))
		__kfree_skb(skb);
	if (after(end, tp->rcv_nxt)) {
		tp->bytes_received += end - tp->rcv_nxt;
		conn->bytes_in += end - tp->rcv_nxt;
		chimdrv_count_add(conn->cd, bytes_in, end - tp->rcv_nxt);
		WRITE_ONCE(tp->rcv_nxt, end);
		tp->rcv_wup = end;
	}
	conn->seen_rcv_nxt = tp->rcv_nxt;
}

/* Queues ours. What has come for the socket goes into it. */
void chimdrv_io_drain(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb;
	bool any = false;

	while ((skb = __skb_dequeue(&conn->rxq))) {
		conn->rxq_truesize -= skb->truesize;
		deliver(conn, skb);
		any = true;
	}
	if (any) {
		inet_csk(sk)->icsk_ack.lrcvtime = tcp_jiffies32;
		/* receive autotuning stands still without an RTT estimate */
		if (conn->rcv_rtt_us)
			tp->rcv_rtt_est.rtt_us = conn->rcv_rtt_us << 3;
		else if (!tp->rcv_rtt_est.rtt_us && tp->srtt_us)
			tp->rcv_rtt_est.rtt_us = tp->srtt_us;
		chimdrv_compat_mstamp(tp);
	}
	/* a refusal must wake too: a reader may wait for more than the buffer holds */
	if (!sock_flag(sk, SOCK_DEAD) &&
	    ((any && tcp_epollin_ready(sk, sk->sk_rcvlowat)) ||
	     test_bit(CHIMDRV_C_REFUSED, &conn->bits)) && tp->rcv_nxt != tp->copied_seq)
		sk->sk_data_ready(sk);
}

/* Queues ours. BufferedData that came back at the upload. */
void chimdrv_io_merge_back(struct chimdrv_conn *conn)
{
	struct sk_buff *skb;

	while ((skb = __skb_dequeue(&conn->back))) {
		if (after(TCP_SKB_CB(skb)->seq, tcp_sk(conn->sk)->rcv_nxt)) {
			set_bit(CHIMDRV_C_LOST, &conn->bits);
			kfree_skb(skb);
			continue;
		}
		deliver(conn, skb);
	}
}

/*
 * Sequence numbers of what the card delivers: no gap, nothing older than the
 * BufferedData that it was given. False: the card cannot be believed any more.
 */
static bool seq_ok(struct chimdrv_conn *conn, u32 seq)
{
	u32 oldest = conn->buffered ? conn->buffered_start : conn->rx_seq - OLD_BYTES;

	if (!after(seq, conn->rx_seq) && !before(seq, oldest))
		return true;
	chimdrv_count(conn->cd, bad_entries);
	netdev_err(conn->cd->net->netdev,
		   "handle %x: received bytes at %x, not in %x..%x (state %s, bits %lx)\n",
		   conn->handle, seq, oldest, conn->rx_seq, chimdrv_conn_state_name(conn->state),
		   conn->bits);
	chimdrv_dev_fail(conn->cd, "received bytes with impossible sequence numbers");
	return false;
}

static void seq_advance(struct chimdrv_conn *conn, u32 end)
{
	if (after(end, conn->rx_seq))
		conn->rx_seq = end;
}

/* How many of the bytes [seq, seq + bytes) the card was given as BufferedData. */
static u32 of_buffered(const struct chimdrv_conn *conn, u32 seq, u32 bytes)
{
	return before(seq, conn->buffered_end) ? min(bytes, conn->buffered_end - seq) : 0;
}

static void rxq_add(struct chimdrv_conn *conn, struct sk_buff *skb, u32 seq)
{
	TCP_SKB_CB(skb)->seq = seq;
	TCP_SKB_CB(skb)->end_seq = seq + skb->len;
	TCP_SKB_CB(skb)->tcp_flags = TCPHDR_ACK;
	conn->rxq_truesize += skb->truesize;
	__skb_queue_tail(&conn->rxq, skb);
}

/* ------------------------------------------------------------------- receive requests */

static void recv_free(struct chimdrv_conn *conn, struct chimdrv_recv *recv)
{
	u32 i;

	for (i = 0; i < recv->nsge; i++) {
		dma_unmap_page(conn->cd->dev, recv->sge[i].addr, recv->sge[i].len, DMA_FROM_DEVICE);
		if (recv->sge[i].page)
			__free_pages(recv->sge[i].page, recv->order);
	}
	kfree_skb(recv->skb);
	kfree(recv);
}

/* Buffers for @len bytes, or less if memory is short; @len 0 only re-arms. */
static struct chimdrv_recv *recv_make(struct chimdrv_conn *conn, u32 len)
{
	struct chimdrv_recv *recv = kzalloc(sizeof(*recv), GFP_ATOMIC | __GFP_NOWARN);
	struct chimdrv_sge *sge;

	if (!recv || !len)
		return recv;
	recv->skb = chimdrv_io_skb(GFP_ATOMIC);
	if (!recv->skb)
		goto fail;
	recv->order = min_t(unsigned int, CHIMDRV_RECV_ORDER, get_order(len));
	while (recv->len < len && recv->nsge < CHIMDRV_RECV_PARTS) {
		sge = &recv->sge[recv->nsge];
		sge->page = alloc_pages(GFP_ATOMIC | __GFP_NOWARN | __GFP_COMP, recv->order);
		if (!sge->page) {
			if (recv->nsge || !recv->order)
				break;
			recv->order = 0;
			continue;
		}
		sge->len = PAGE_SIZE << recv->order;
		sge->addr = dma_map_page(conn->cd->dev, sge->page, 0, sge->len, DMA_FROM_DEVICE);
		if (dma_mapping_error(conn->cd->dev, sge->addr)) {
			__free_pages(sge->page, recv->order);
			break;
		}
		recv->nsge++;
		recv->len += sge->len;
	}
	if (recv->nsge)
		return recv;
fail:
	recv_free(conn, recv);
	return NULL;
}

/* Post a receive request; indications resume behind it (RIN-9). */
static int post_recv(struct chimdrv_conn *conn, u32 len, bool nonpush)
{
	struct chimdrv_recv *recv;
	struct sq_cmd cmd = { .ctl = CHIM_OP_RECV };
	int err;

	if (conn->nrecvs >= conn->cd->limits.recvs)
		return -ENOSPC;
	recv = recv_make(conn, len);
	if (!recv) {
		chimdrv_io_pend(conn);
		return -ENOMEM;
	}
	recv->cookie = ++conn->next_cookie;
	recv->nonpush = nonpush;
	if (nonpush)
		cmd.ctl |= CHIM_RECV_NONPUSH << CHIM_CTL_FLAGS_SHIFT;
	cmd.cookie = recv->cookie;
	cmd.len = recv->len;
	cmd.sge = recv->sge;
	cmd.nsge = recv->nsge;
	err = sq_post(conn, &cmd);
	if (err) {
		recv_free(conn, recv);
		if (err == -EBUSY)
			chimdrv_io_pend(conn);
		return err;
	}
	list_add_tail(&recv->node, &conn->recvs);
	conn->nrecvs++;
	conn->recv_bytes += recv->len;
	chimdrv_count(conn->cd, recvs);
	return 0;
}

int chimdrv_io_post_recv(struct chimdrv_conn *conn, u32 len)
{
	return post_recv(conn, len, false);
}

/*
 * BufferedData takes the place of bytes that the socket has, so no room is needed.
 * A few requests that it fills, in nonpush mode; the rest is indicated.
 */
static void post_for_buffered(struct chimdrv_conn *conn)
{
	u32 left;

	while (conn->buffered_recvs < BUFFERED_RECVS && conn->recv_bytes < conn->refused_bytes) {
		left = conn->refused_bytes - conn->recv_bytes;
		if (post_recv(conn, min_t(u32, left, CHIMDRV_RECV_PARTS * PAGE_SIZE <<
					  CHIMDRV_RECV_ORDER), true))
			break;
		conn->buffered_recvs++;
	}
}

/*
 * Any time room may have appeared. After a refusal, once half of the buffer is
 * free: a zero-byte request, so that the card indicates again. In bulk: a few
 * requests always.
 */
void chimdrv_io_post_recvs(struct chimdrv_conn *conn)
{
	if (conn->state != CHIMDRV_OFFLOADED || test_bit(CHIMDRV_C_QUIET, &conn->bits) ||
	    test_bit(CHIMDRV_C_GONE, &conn->bits))
		return;
	if (conn->buffered) {
		post_for_buffered(conn);
		return;
	}
	if (test_bit(CHIMDRV_C_REFUSED, &conn->bits)) {
		if (has_half(conn) && !chimdrv_io_post_recv(conn, 0))
			clear_bit(CHIMDRV_C_REFUSED, &conn->bits);
		return;
	}
	if (test_bit(CHIMDRV_C_BULK, &conn->bits) && has_half(conn))
		while (conn->nrecvs < BULK_RECVS && has_room(conn, conn->recv_bytes * 2) &&
		       !chimdrv_io_post_recv(conn, CHIMDRV_RECV_PARTS * PAGE_SIZE <<
						  CHIMDRV_RECV_ORDER))
			;
}

/* The bytes of a completed request as a frame; small ones are copied so that pages are not wasted. */
static struct sk_buff *recv_to_skb(struct chimdrv_conn *conn, struct chimdrv_recv *recv, u32 bytes)
{
	struct sk_buff *skb = recv->skb, *small;
	u32 i, part, left = bytes;

	for (i = 0; i < recv->nsge; i++)
		dma_unmap_page(conn->cd->dev, recv->sge[i].addr, recv->sge[i].len, DMA_FROM_DEVICE);
	small = bytes <= RECV_COPY ? alloc_skb(bytes, GFP_ATOMIC | __GFP_NOWARN) : NULL;
	if (small) {
		memset(small->cb, 0, sizeof(struct tcp_skb_cb));
		for (i = 0; i < recv->nsge && left; i++) {
			part = min(left, recv->sge[i].len);
			skb_put_data(small, page_address(recv->sge[i].page), part);
			left -= part;
		}
		kfree_skb(skb);
		skb = small;
	}
	for (i = 0; i < recv->nsge; i++) {
		part = min(left, recv->sge[i].len);
		if (part)
			skb_add_rx_frag(skb, i, recv->sge[i].page, 0, part, recv->sge[i].len);
		else
			__free_pages(recv->sge[i].page, recv->order);
		left -= part;
	}
	recv->nsge = 0;
	recv->skb = NULL;
	return skb;
}

static void recv_bytes(struct chimdrv_conn *conn, struct chimdrv_recv *recv,
		       const struct chim_cqe *cqe, u32 bytes)
{
	u32 seq = le32_to_cpu(cqe->seq);

	if (!seq_ok(conn, seq))
		return;
	seq_advance(conn, seq + bytes);
	rxq_add(conn, recv_to_skb(conn, recv, bytes), seq);
	conn->rcv_rtt_us = le32_to_cpu(cqe->rcv_rtt_us);
	chimdrv_count_add(conn->cd, buffered_to_recv_bytes, of_buffered(conn, seq, bytes));
	conn->refused_bytes -= min(bytes, conn->refused_bytes);
	if (!conn->refused_bytes)
		conn->buffered = 0;
	if (bytes < BULK_IND / 2)
		clear_bit(CHIMDRV_C_BULK, &conn->bits);
}

/* RECV completed, in posting order (RRQ-4). */
void chimdrv_io_recv_done(struct chimdrv_conn *conn, const struct chim_cqe *cqe)
{
	u32 status = le32_to_cpu(cqe->status), bytes = le32_to_cpu(cqe->bytes);
	struct chimdrv_recv *recv;

	recv = list_first_entry_or_null(&conn->recvs, struct chimdrv_recv, node);
	if (!recv || recv->cookie != le64_to_cpu(cqe->cookie) || bytes > recv->len) {
		chimdrv_count(conn->cd, bad_entries);
		chimdrv_dev_fail(conn->cd, "receive completion that fits no request");
		return;
	}
	list_del(&recv->node);
	conn->nrecvs--;
	conn->recv_bytes -= recv->len;
	chimdrv_count(conn->cd, recv_completions);
	if (!recv->len)
		chimdrv_count(conn->cd, recv_zero);
	else if (recv->nonpush)
		chimdrv_count(conn->cd, recv_nonpush);
	else
		chimdrv_count(conn->cd, recv_push);
	/* with any status the bytes counted are valid and may be acknowledged (RRQ-18, TRM-29) */
	if (bytes)
		recv_bytes(conn, recv, cqe, bytes);
	recv_free(conn, recv);
	if (status != CHIM_ST_SUCCESS && status != CHIM_ST_UPLOAD_IN_PROGRESS &&
	    status != CHIM_ST_REQUEST_ABORTED && status != CHIM_ST_INVALID_STATE)
		chimdrv_upload_ask(conn, CHIMDRV_WHY_CARD);
}

void chimdrv_io_drop_recvs(struct chimdrv_conn *conn)
{
	struct chimdrv_recv *recv, *next;

	list_for_each_entry_safe(recv, next, &conn->recvs, node) {
		list_del(&recv->node);
		recv_free(conn, recv);
	}
	conn->nrecvs = 0;
	conn->recv_bytes = 0;
}

/* ------------------------------------------------------------------------ indications */

struct ind {
	struct chimdrv_pair *pair;
	u32 first;	/* index of the first buffer */
	u32 count;
	u32 size;	/* of a buffer */
	u32 bytes;
};

static bool ind_parse(struct chimdrv_pair *pair, const struct chim_cqe *cqe, struct ind *ind)
{
	ind->pair = pair;
	ind->first = le32_to_cpu(cqe->ind_first);
	ind->count = le16_to_cpu(cqe->ind_count);
	ind->size = chimdrv_ib_size(pair);
	ind->bytes = le32_to_cpu(cqe->bytes);
	if (ind->count && ind->bytes > (ind->count - 1) * (u64)ind->size &&
	    ind->bytes <= ind->count * (u64)ind->size)
		return true;
	chimdrv_count(pair->cd, bad_entries);
	chimdrv_dev_fail(pair->cd, "indication whose length does not fit its buffers");
	return false;
}

static u32 ind_len(const struct ind *ind, u32 i)
{
	return i + 1 < ind->count ? ind->size : ind->bytes - (ind->count - 1) * ind->size;
}

/* Nobody takes it: the buffers go back to the ring. */
void chimdrv_io_indicate_nobody(struct chimdrv_pair *pair, const struct chim_cqe *cqe)
{
	struct ind ind;
	u32 i;

	if (!ind_parse(pair, cqe, &ind))
		return;
	for (i = 0; i < ind.count; i++)
		chimdrv_ib_put_back(pair, ind.first + i);
}

/* One small buffer, copied. */
static struct sk_buff *ind_copy(const struct ind *ind)
{
	struct sk_buff *skb = alloc_skb(ind->bytes, GFP_ATOMIC | __GFP_NOWARN);
	const void *src;

	if (!skb)
		return NULL;
	memset(skb->cb, 0, sizeof(struct tcp_skb_cb));
	src = chimdrv_ib_peek(ind->pair, ind->first, ind->bytes);
	if (!src) {
		kfree_skb(skb);
		return NULL;
	}
	skb_put_data(skb, src, ind->bytes);
	chimdrv_ib_put_back(ind->pair, ind->first);
	return skb;
}

/*
 * Buffers of an indication into frames, as long as the socket has room, or all of
 * them if @force. Returns the bytes taken; buffers not taken are still in the ring.
 */
static u32 ind_take(struct chimdrv_conn *conn, const struct ind *ind, u32 seq, bool force, u32 *done)
{
	struct sk_buff *skb = NULL;
	u32 taken = 0, i, len, used = 0;
	struct page *page;

	*done = 0;
	if (ind->count == 1 && ind->bytes <= COPY_BELOW) {
		if (!force && !has_room(conn, 0))
			return 0;
		skb = ind_copy(ind);
		if (skb) {
			rxq_add(conn, skb, seq);
			*done = 1;
			return ind->bytes;
		}
	}
	skb = NULL;
	for (i = 0; i < ind->count; i++) {
		if (!force && !has_room(conn, used))
			break;
		if (!skb) {
			skb = chimdrv_io_skb(GFP_ATOMIC);
			if (!skb && force) {
				skb = conn->spare;
				conn->spare = NULL;
			}
			if (!skb)
				break;
		}
		len = ind_len(ind, i);
		page = chimdrv_ib_take(ind->pair, ind->first + i, len);
		if (!page)
			break;
		skb_add_rx_frag(skb, skb_shinfo(skb)->nr_frags, page, 0, len, ind->size);
		used = skb->truesize;
		taken += len;
		if (skb_shinfo(skb)->nr_frags == MAX_SKB_FRAGS) {
			rxq_add(conn, skb, seq);
			seq += skb->len;
			skb = NULL;
			used = 0;
		}
	}
	if (skb && skb->len)
		rxq_add(conn, skb, seq);
	else
		kfree_skb(skb);
	*done = i;
	return taken;
}

/* The word on an indication that was not taken whole. */
static int post_verdict(struct chimdrv_conn *conn, u32 number, u32 consumed)
{
	struct chimdrv_pair *pair = conn->pair;
	struct chim_sqe *sqe;
	int err = -EBUSY;

	spin_lock_bh(&pair->sq_lock);
	if (!pair->sq_open) {
		err = -ENETDOWN;
	} else if (chimdrv_ring_space(&pair->sq) >= 1) {
		sqe = chimdrv_ring_slot(&pair->sq, 0);
		sqe->handle = cpu_to_le32(conn->handle);
		sqe->u.verdict.indication = cpu_to_le32(number);
		sqe->u.verdict.status = cpu_to_le32(consumed ? CHIM_ST_DATA_PARTIALLY_ACCEPTED :
						    CHIM_ST_DATA_NOT_ACCEPTED);
		sqe->u.verdict.consumed = cpu_to_le32(consumed);
		chimdrv_ring_publish(&pair->sq, CHIM_OP_VERDICT, 1);
		chimdrv_ring_kick(&pair->sq);
		err = 0;
	}
	spin_unlock_bh(&pair->sq_lock);
	return err;
}

static void ind_refused(struct chimdrv_conn *conn, u32 bytes, u32 taken)
{
	chimdrv_count(conn->cd, verdicts);
	if (taken)
		chimdrv_count(conn->cd, verdict_partial);
	else
		chimdrv_count(conn->cd, verdict_refused);
	conn->refused_bytes = bytes - taken;
	set_bit(CHIMDRV_C_REFUSED, &conn->bits);
}

static void ind_taken(struct chimdrv_conn *conn, u32 bytes)
{
	chimdrv_count(conn->cd, verdict_accepted);
	conn->refused_bytes = 0;
	if (!before(conn->rx_seq, conn->buffered_end))
		conn->buffered = 0;
	conn->big_inds = bytes >= BULK_IND ? conn->big_inds + 1 : 0;
	if (conn->big_inds >= BULK_AFTER)
		set_bit(CHIMDRV_C_BULK, &conn->bits);
}

/*
 * INDICATE. Decided here and now, whoever owns the socket, because the verdict
 * must stand in the ring before the consumer index passes the entry (RING-H8).
 * Behind a FENCE nothing may be posted: everything is taken (OP-H5).
 */
void chimdrv_io_indicate(struct chimdrv_conn *conn, const struct chim_cqe *cqe)
{
	/* what replaces bytes of the socket needs no room, and behind the FENCE nothing is refused */
	bool fenced = conn->state == CHIMDRV_TERMINATING;
	bool force = fenced || (conn->buffered && before(le32_to_cpu(cqe->seq), conn->buffered_end));
	u32 seq = le32_to_cpu(cqe->seq), taken, done, i;
	struct ind ind;

	if (!ind_parse(conn->pair, cqe, &ind))
		return;
	if (!seq_ok(conn, seq)) {
		chimdrv_io_indicate_nobody(conn->pair, cqe);
		return;
	}
	chimdrv_count(conn->cd, indications);
	conn->rcv_rtt_us = le32_to_cpu(cqe->rcv_rtt_us);
	taken = ind_take(conn, &ind, seq, force, &done);
	if (taken < ind.bytes && !fenced && post_verdict(conn, le32_to_cpu(cqe->info), taken)) {
		/* no room for the verdict: then it is taken, whatever the memory says */
		struct ind rest = ind;
		u32 more = 0;

		rest.first += done;
		rest.count -= done;
		rest.bytes -= taken;
		taken += ind_take(conn, &rest, seq + taken, true, &more);
		done += more;
		if (taken < ind.bytes)
			set_bit(CHIMDRV_C_LOST, &conn->bits);
	} else if (taken < ind.bytes) {
		if (fenced)
			set_bit(CHIMDRV_C_LOST, &conn->bits);
		else
			ind_refused(conn, ind.bytes, taken);
	}
	for (i = done; i < ind.count; i++)
		chimdrv_ib_put_back(conn->pair, ind.first + i);
	chimdrv_count_add(conn->cd, buffered_indicated_bytes, of_buffered(conn, seq, taken));
	seq_advance(conn, seq + taken);
	if (taken == ind.bytes)
		ind_taken(conn, ind.bytes);
	if (test_bit(CHIMDRV_C_LOST, &conn->bits))
		chimdrv_upload_ask(conn, CHIMDRV_WHY_CARD);
}
