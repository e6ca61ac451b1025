// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of connections: HOST -> HOLDING -> INITIATING -> OFFLOADED ->
 * TERMINATING -> HOST, their two holders, and the works that run state operations.
 * State operations of a card run one at a time under od->mutex, each for as many
 * connections as have gathered; that keeps objects from being operated on twice
 * (OBJ-H4) and makes bulk the ordinary case.
 */
#include <linux/module.h>
#include <linux/xarray.h>

#include "chimdrv_conn.h"
#define CREATE_TRACE_POINTS
#include "trace.h"

#define EXEC_MS		14000	/* fences may take the card 10 s (OP-D2) */
#define UPLOAD_SENDS	64	/* send requests that may still be posted before the FENCE of an upload */
#define UPLOAD_TRIES	8	/* for memory, or more room than asked for */
#define DRAIN_MS	100	/* for frames of the socket to leave queues and ring */

bool chimdrv_no_fence;
module_param_named(unsafe_no_fence, chimdrv_no_fence, bool, 0644);
MODULE_PARM_DESC(unsafe_no_fence,
		 "Tests only: leave out the RCU fence at offload, to show what it is for");

struct kmem_cache *chimdrv_send_cache;

/* Every connection by the low half of its cookie; the high half is a generation. */
static DEFINE_XARRAY_FLAGS(chimdrv_conns, XA_FLAGS_ALLOC1 | XA_FLAGS_LOCK_BH);
static atomic_t chimdrv_generation;

#define X(id, name) name,
static const char * const refusal_names[] = { CHIMDRV_REFUSALS(X) };
static const char * const why_names[] = { CHIMDRV_WHYS(X) };
#undef X

const char *chimdrv_refusal_name(u32 refusal)
{
	return refusal < CHIMDRV_NO_COUNT ? refusal_names[refusal] : "unknown";
}

const char *chimdrv_why_name(u32 why)
{
	return why < CHIMDRV_WHY_COUNT ? why_names[why] : "unknown";
}

const char *chimdrv_state_name(enum chimdrv_state state)
{
	static const char * const names[] = { "host", "holding", "initiating", "offloaded",
					      "terminating" };

	return state < ARRAY_SIZE(names) ? names[state] : "unknown";
}

/* -------------------------------------------------------------------------- holders */

bool chimdrv_conn_get(struct chimdrv_conn *conn)
{
	return refcount_inc_not_zero(&conn->refs);
}

/* The last to leave: nothing is mapped, nothing is queued. */
void chimdrv_conn_put(struct chimdrv_conn *conn)
{
	struct chimdrv_offload *od = chimdrv_od(conn->cd);

	if (!refcount_dec_and_test(&conn->refs))
		return;
	xa_erase_bh(&chimdrv_conns, conn->id);
	WARN_ON_ONCE(conn->nsends || conn->nrecvs || conn->nfwds);
	skb_queue_purge(&conn->hold);
	skb_queue_purge(&conn->returned);
	skb_queue_purge(&conn->rxq);
	skb_queue_purge(&conn->back);
	kfree_skb(conn->synth);
	kfree_skb(conn->spare);
	spin_lock_bh(&od->lock);
	list_del(&conn->all);
	od->nconns--;
	if (!od->nconns)
		wake_up_all(&od->idle);
	spin_unlock_bh(&od->lock);
	sock_put(conn->sk);
	kfree_rcu(conn, rcu);
}

/* By a name that the card gave: believed only if all of it fits. */
struct chimdrv_conn *chimdrv_conn_find(u64 cookie)
{
	struct chimdrv_conn *conn;

	rcu_read_lock();
	conn = xa_load(&chimdrv_conns, (u32)cookie);
	if (conn && (conn->cookie != cookie || !chimdrv_conn_get(conn)))
		conn = NULL;
	rcu_read_unlock();
	return conn;
}

/* The first connection behind @id, with a reference; @id moves on to it. */
struct chimdrv_conn *chimdrv_conn_next(unsigned long *id)
{
	struct chimdrv_conn *conn;

	rcu_read_lock();
	do {
		conn = xa_find_after(&chimdrv_conns, id, ULONG_MAX, XA_PRESENT);
	} while (conn && !chimdrv_conn_get(conn));
	rcu_read_unlock();
	return conn;
}

void chimdrv_conn_set_state(struct chimdrv_conn *conn, enum chimdrv_state state)
{
	trace_chimney_state(conn, state);
	WRITE_ONCE(conn->state, state);
	conn->since = jiffies;
	wake_up_all(&conn->wait);
}

static void conn_init_lists(struct chimdrv_conn *conn)
{
	init_waitqueue_head(&conn->wait);
	INIT_LIST_HEAD(&conn->pending);
	INIT_LIST_HEAD(&conn->link);
	INIT_LIST_HEAD(&conn->sends);
	INIT_LIST_HEAD(&conn->recvs);
	INIT_LIST_HEAD(&conn->fwds);
	__skb_queue_head_init(&conn->rxq);
	__skb_queue_head_init(&conn->hold);
	__skb_queue_head_init(&conn->returned);
	__skb_queue_head_init(&conn->back);
}

/* One reference: the caller's. */
static struct chimdrv_conn *conn_create(struct chimdrv_dev *cd, struct sock *sk)
{
	struct chimdrv_conn *conn = kzalloc(sizeof(*conn), GFP_KERNEL);
	struct chimdrv_offload *od = chimdrv_od(cd);
	const struct inet_sock *inet = inet_sk(sk);
	struct chimdrv_net *net = cd->net;

	if (!conn)
		return NULL;
	conn_init_lists(conn);
	refcount_set(&conn->refs, 1);
	conn->cd = cd;
	conn->sk = sk;
	conn->end_err = ECONNABORTED;
	conn->synth = alloc_skb(MAX_HEADER + sizeof(struct tcphdr), GFP_KERNEL);
	conn->spare = chimdrv_io_skb(GFP_KERNEL);
	if (!conn->synth || !conn->spare)
		goto fail;
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6 && !ipv6_addr_v4mapped(&sk->sk_v6_daddr))
		conn->hash = chimdrv_rss_hash6(net, &sk->sk_v6_daddr, &sk->sk_v6_rcv_saddr,
					       inet->inet_dport, inet->inet_sport);
	else
#endif
		conn->hash = chimdrv_rss_hash4(net, inet->inet_daddr, inet->inet_rcv_saddr,
					       inet->inet_dport, inet->inet_sport);
	conn->pair = chimdrv_rss_pair(net, conn->hash);
	if (xa_alloc_bh(&chimdrv_conns, &conn->id, conn, xa_limit_31b, GFP_KERNEL))
		goto fail;
	conn->cookie = (u64)atomic_inc_return(&chimdrv_generation) << 32 | conn->id;
	sock_hold(sk);
	spin_lock_bh(&od->lock);
	list_add_tail(&conn->all, &od->conns);
	od->nconns++;
	spin_unlock_bh(&od->lock);
	return conn;
fail:
	kfree_skb(conn->synth);
	kfree_skb(conn->spare);
	kfree(conn);
	return NULL;
}

/* ------------------------------------------------------------------ back to the host */

/* Let the kernel's TCP send what it may; it exports no direct way. slock held. */
static void kick(struct chimdrv_conn *conn, bool ack)
{
	struct sock *sk = conn->sk;

	if (sk->sk_state == TCP_CLOSE)
		return;
	if (ack)
		chimdrv_compat_send_ack(sk, tcp_sk(sk)->rcv_nxt);
	if (!test_and_set_bit(TCP_TSQ_DEFERRED, &sk->sk_tsq_flags))
		sock_hold(sk);
	/* 6.1 gives up ownership inside: only where there is none, or where it ends anyway */
	if (conn->releasing || !sock_owned_by_user(sk))
		chimdrv_ulp_base(sk)->release_cb(sk);
}

/* The target's hold: from a successful INITIATE until it has let go, or the card is dead. */
static void target_leaves(struct chimdrv_conn *conn)
{
	if (test_and_clear_bit(CHIMDRV_C_TARGET, &conn->bits))
		chimdrv_conn_put(conn);
}

static void conn_drop_requests(struct chimdrv_conn *conn)
{
	chimdrv_io_drop_sends(conn);
	chimdrv_io_drop_recvs(conn);
	chimdrv_fwd_drop(conn);
}

/*
 * The connection cannot go on: the card is gone, or bytes are, or the target has
 * closed it for good. slock, queues ours.
 */
static void conn_die(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;

	conn_drop_requests(conn);
	target_leaves(conn);
	if (test_bit(CHIMDRV_C_GONE, &conn->bits))
		chimdrv_count(conn->cd, lost_connections);
	if (!test_bit(CHIMDRV_C_DETACHED, &conn->bits)) {
		tcp_sk(sk)->packets_out = 0;
		chimdrv_ulp_detach(conn);
		if (sk->sk_state != TCP_CLOSE) {
			if (conn->end_err) {
				WRITE_ONCE(sk->sk_err, conn->end_err);
				sk_error_report(sk);
			}
			tcp_done(sk);
		}
		chimdrv_conn_put(conn);		/* the socket's */
	} else {
		chimdrv_conn_set_state(conn, CHIMDRV_HOST);
	}
}

/* What was under way when a connection went back: each is a case of its own to get right. */
static void count_cargo(struct chimdrv_conn *conn)
{
	const struct tcp_sock *tp = tcp_sk(conn->sk);

	if (before(tp->snd_una, tp->snd_nxt))
		chimdrv_count(conn->cd, upload_in_flight);
	if (before(tp->copied_seq, tp->rcv_nxt))
		chimdrv_count(conn->cd, upload_unread);
	if (before(tp->snd_nxt, tp->write_seq))
		chimdrv_count(conn->cd, upload_unsent);
}

/* conn->final into the socket and everything back. slock, queues ours. */
static void conn_give_back(struct chimdrv_conn *conn, bool ack)
{
	chimdrv_state_restore(conn);
	count_cargo(conn);
	chimdrv_ulp_detach(conn);
	chimdrv_state_replay(conn);
	kick(conn, ack && !test_bit(CHIMDRV_C_PEER_RST, &conn->bits));
	chimdrv_conn_put(conn);			/* the socket's */
}

/* LAST and the admin completion have been processed (OP-H6). slock, queues ours. */
static void conn_finish(struct chimdrv_conn *conn)
{
	const struct chimdrv_tcp_state *s = &conn->final;
	struct tcp_sock *tp = tcp_sk(conn->sk);

	if (test_bit(CHIMDRV_C_DETACHED, &conn->bits)) {	/* the socket died meanwhile */
		conn_drop_requests(conn);
		chimdrv_conn_set_state(conn, CHIMDRV_HOST);
		return;
	}
	chimdrv_io_merge_back(conn);
	chimdrv_io_reap_sends(conn);
	conn_drop_requests(conn);
	/* every byte that the target has acknowledged must be here; a FIN is one more */
	if (s->rcv_nxt != tp->rcv_nxt && s->rcv_nxt != tp->rcv_nxt + 1)
		set_bit(CHIMDRV_C_LOST, &conn->bits);
	if (before(s->snd_una, tp->snd_una) || before(s->snd_max, s->snd_una) ||
	    after(s->snd_max, tp->write_seq + 1))
		set_bit(CHIMDRV_C_LOST, &conn->bits);
	if (test_bit(CHIMDRV_C_LOST, &conn->bits)) {
		pr_warn_ratelimited("%s: connection ended, final state does not fit: RCV.NXT %x/%x SND.UNA %x/%x SND.MAX %x/%x\n",
				    CHIMDRV_NAME, s->rcv_nxt, tp->rcv_nxt, s->snd_una, tp->snd_una,
				    s->snd_max, tp->write_seq);
		conn_die(conn);
		return;
	}
	if (conn->reason < CHIMDRV_WHY_COUNT)
		atomic64_inc(&chimdrv_od(conn->cd)->count.why[conn->reason]);
	if (s->state == CHIM_TCP_CLOSED && !test_bit(CHIMDRV_C_PEER_RST, &conn->bits)) {
		if (s->snd_una == tp->write_seq + 1)
			conn->end_err = 0;	/* both FINs acknowledged */
		conn_die(conn);
	} else {
		conn_give_back(conn, true);
	}
	chimdrv_genl_event(conn, CHIMNEY_EVENT_UPLOADED);
}

/* ------------------------------------------------------------------------- progress */

/* slock. The target has it: what was held goes there first, then everything else. */
static void conn_go(struct chimdrv_conn *conn)
{
	if (conn->state != CHIMDRV_INITIATING || !test_bit(CHIMDRV_C_OPENED, &conn->bits) ||
	    !test_bit(CHIMDRV_C_CUTOVER, &conn->bits) || !test_bit(CHIMDRV_C_ADMIN, &conn->bits))
		return;
	chimdrv_conn_set_state(conn, CHIMDRV_OFFLOADED);
	chimdrv_io_post_recvs(conn);
	chimdrv_fwd_flush(conn);
}

/* slock, queues ours. */
static void conn_run(struct chimdrv_conn *conn)
{
	if (conn->state <= CHIMDRV_HOLDING)
		return;
	if (test_bit(CHIMDRV_C_GONE, &conn->bits)) {
		conn_die(conn);
		return;
	}
	if (!test_bit(CHIMDRV_C_DETACHED, &conn->bits)) {
		chimdrv_io_reap_sends(conn);
		chimdrv_io_drain(conn);
	}
	if (conn->state == CHIMDRV_OFFLOADED && !test_bit(CHIMDRV_C_DETACHED, &conn->bits)) {
		chimdrv_fwd_flush(conn);
		chimdrv_io_post_recvs(conn);
		if (!test_bit(CHIMDRV_C_QUIET, &conn->bits))
			chimdrv_io_post_sends(conn);
	} else if (conn->state == CHIMDRV_TERMINATING && test_bit(CHIMDRV_C_LAST, &conn->bits) &&
		   test_bit(CHIMDRV_C_FINAL, &conn->bits)) {
		conn_finish(conn);
	}
}

/* slock. */
void chimdrv_conn_progress(struct chimdrv_conn *conn)
{
	conn_go(conn);
	if (!sock_owned_by_user(conn->sk))
		conn_run(conn);
}

/* What a program may have done with which the connection cannot stay. */
static enum chimdrv_why must_leave(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	struct tcp_sock *tp = tcp_sk(sk);

	if (tp->snd_up != conn->snd_up) {
		if (after(tp->snd_up, tp->snd_una)) {
			set_bit(CHIMDRV_C_QUIET, &conn->bits);
			return CHIMDRV_WHY_URGENT;
		}
		conn->snd_up = tp->snd_up;
	}
	if (rcu_access_pointer(sk->sk_filter) || smp_load_acquire(&sk->sk_pacing_status) == SK_PACING_NEEDED)
		return CHIMDRV_WHY_FILTER;
	if ((sk->sk_state != TCP_ESTABLISHED && sk->sk_state != TCP_CLOSE_WAIT) ||
	    (sk->sk_shutdown & SEND_SHUTDOWN))
		return CHIMDRV_WHY_SHUTDOWN;
	return CHIMDRV_WHY_NONE;
}

/* Any context. Tell the target the cached variables as they are now. */
void chimdrv_conn_update(struct chimdrv_conn *conn)
{
	struct chimdrv_offload *od = chimdrv_od(conn->cd);
	bool queued = false;

	if (test_and_set_bit(CHIMDRV_C_UPDATE, &conn->bits))
		return;
	spin_lock_bh(&od->lock);
	if (list_empty(&conn->link)) {
		refcount_inc(&conn->refs);
		list_add_tail(&conn->link, &od->updates);
		queued = true;
	} else {
		clear_bit(CHIMDRV_C_UPDATE, &conn->bits);	/* an upload is ahead of it */
	}
	spin_unlock_bh(&od->lock);
	if (queued)
		queue_work(od->wq, &od->update_work);
}

/* release_cb: slock held, whoever owned the socket is done. */
void chimdrv_conn_released(struct chimdrv_conn *conn)
{
	struct tcp_sock *tp = tcp_sk(conn->sk);
	enum chimdrv_why why;

	if (conn->state <= CHIMDRV_HOLDING)
		return;
	if (tp->rcv_nxt != conn->seen_rcv_nxt || tp->snd_una != conn->seen_snd_una) {
		chimdrv_count(conn->cd, leaks);	/* kernel TCP has processed a segment */
		conn->seen_rcv_nxt = tp->rcv_nxt;
		conn->seen_snd_una = tp->snd_una;
	}
	chimdrv_state_hold_valves(conn);
	if (conn->state == CHIMDRV_OFFLOADED) {
		why = must_leave(conn);
		if (why)
			chimdrv_conn_upload(conn, why);
		else if (chimdrv_state_changed(conn))
			chimdrv_conn_update(conn);
	}
	conn->releasing = true;
	conn_run(conn);
	conn->releasing = false;
}

/* ------------------------------------------------------------------------------ upload */

void chimdrv_conn_upload(struct chimdrv_conn *conn, enum chimdrv_why why)
{
	struct chimdrv_offload *od = chimdrv_od(conn->cd);

	if (test_and_set_bit(CHIMDRV_C_UPLOAD, &conn->bits))
		return;
	conn->reason = why;
	spin_lock_bh(&od->lock);
	if (list_empty(&conn->link))
		refcount_inc(&conn->refs);
	list_move_tail(&conn->link, &od->uploads);	/* from updates: with that list's reference */
	spin_unlock_bh(&od->lock);
	queue_work(od->wq, &od->upload_work);
}

void chimdrv_conn_wait_host(struct chimdrv_conn *conn)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		if (wait_event_timeout(conn->wait, test_bit(CHIMDRV_C_DETACHED, &conn->bits),
				       msecs_to_jiffies(CHIMDRV_LATE_MS)))
			return;
		chimdrv_dev_fail(conn->cd, "a connection did not come back in time");
	}
	WARN_ONCE(1, "%s: connection lost in state %s\n", CHIMDRV_NAME,
		  chimdrv_state_name(conn->state));
}

u32 chimdrv_fence_id(struct chimdrv_offload *od)
{
	if (!++od->fence_id)
		od->fence_id++;
	return od->fence_id;
}

/*
 * Run a state operation: the list goes to memory that the card sees, and comes
 * back. @posted, if any, posts the fences behind it.
 */
static int state_exec(struct chimdrv_dev *cd, u8 op, struct chimdrv_blist *bl, u32 fence_id,
		      u32 fences, struct chimdrv_admin_cmd *cmd, void (*posted)(void *), void *arg)
{
	struct chim_block_list *head = (struct chim_block_list *)bl->buf;
	struct chim_sqe sqe = { };
	dma_addr_t dma;
	void *mem;
	int err;

	if (bl->len > cd->limits.block_len)
		return -EMSGSIZE;
	head->length = cpu_to_le32(bl->len);
	head->node_count = cpu_to_le32(bl->nodes);
	mem = dma_alloc_coherent(cd->dev, bl->len, &dma, GFP_KERNEL);
	if (!mem)
		return -ENOMEM;
	memcpy(mem, bl->buf, bl->len);
	sqe.ctl = cpu_to_le32(op);
	sqe.u.admin.len = cpu_to_le32(bl->len);
	sqe.u.admin.fence_id = cpu_to_le32(fence_id);
	sqe.u.admin.fence_count = cpu_to_le32(fences);
	sqe.sge[0].addr = cpu_to_le64(dma);
	sqe.sge[0].len = cpu_to_le32(bl->len);
	err = chimdrv_admin_exec_then(cd, &sqe, cmd, EXEC_MS, posted, arg);
	memcpy(bl->buf, mem, bl->len);
	dma_free_coherent(cd->dev, bl->len, mem, dma);
	chimdrv_count(cd, state_completions);
	return err;
}

int chimdrv_state_exec(struct chimdrv_dev *cd, u8 op, struct chimdrv_blist *bl, u32 fence_id,
		       u32 fences, struct chimdrv_admin_cmd *cmd)
{
	return state_exec(cd, op, bl, fence_id, fences, cmd, NULL, NULL);
}

struct upload {
	struct chimdrv_conn *conn;
	struct chimdrv_room *room;
	u32 node;
	u32 d_off;
	u32 room_off;
	u32 need;		/* bytes of room that the card asked for */
};

/*
 * FENCE with the state change in one go, so that nothing is posted behind it
 * (OP-H4). What the program has written goes before it: the wire stays busy.
 */
static int upload_fence(struct chimdrv_conn *conn, u32 fence_id)
{
	struct sock *sk = conn->sk;
	unsigned int tries;
	int err = -EBUSY;

	for (tries = 0; tries < 2000 && err == -EBUSY; tries++) {
		if (tries)
			usleep_range(500, 1000);
		spin_lock_bh(&sk->sk_lock.slock);
		if (!tries && !sock_owned_by_user(sk) && !test_bit(CHIMDRV_C_QUIET, &conn->bits))
			chimdrv_io_post_sends(conn);
		err = chimdrv_io_fence(conn, fence_id);
		if (!err)
			chimdrv_conn_set_state(conn, CHIMDRV_TERMINATING);
		spin_unlock_bh(&sk->sk_lock.slock);
	}
	return err;
}

/* Requests that may be outstanding at the FENCE: those now, and some that go before it. */
static u32 upload_send_room(struct chimdrv_conn *conn)
{
	u32 room;

	spin_lock_bh(&conn->sk->sk_lock.slock);
	room = min(conn->nsends + UPLOAD_SENDS, conn->cd->limits.sends);
	conn->send_room = room;
	spin_unlock_bh(&conn->sk->sk_lock.slock);
	return room;
}

/* The node of one connection, with room for all that can come back (OP-D9). */
static int upload_node(struct upload *u, struct chimdrv_blist *bl)
{
	u32 held = u->conn->wnd_granted + u->conn->buffered + u->conn->final.rcv_wnd;
	u32 sends = upload_send_room(u->conn), len = max(u->need, held);
	struct chim_tcp_delegated *d;
	struct chim_node *n;
	int off, refs;

	chimdrv_room_destroy(u->room);
	u->room = chimdrv_room_create(u->conn->cd->dev, len, DMA_FROM_DEVICE);
	if (!u->room)
		return -ENOMEM;
	off = chimdrv_blist_reserve(bl, sizeof(*d));
	refs = chimdrv_blist_reserve(bl, sends * sizeof(struct chim_send_ref));
	u->room_off = chimdrv_blist_reserve(bl, u->room->count * sizeof(struct chim_sge));
	if (off < 0 || refs < 0 || (int)u->room_off < 0)
		return -ENOMEM;
	u->d_off = off;
	d = chimdrv_blist_ptr(bl, off);
	d->hdr.length = cpu_to_le32(sizeof(*d));
	d->send_off = cpu_to_le32(refs);
	d->send_count = cpu_to_le32(sends);
	d->buffered_off = cpu_to_le32(u->room_off);
	d->buffered_sges = cpu_to_le32(chimdrv_room_sges(u->room,
							 chimdrv_blist_ptr(bl, u->room_off), len));
	d->buffered_len = cpu_to_le32(len);
	u->node = chimdrv_blist_node(bl, CHIM_ROLE_OBJECT, CHIM_TCP_DELEGATED, u->conn->handle,
				     u->conn->cookie);
	n = chimdrv_blist_at(bl, u->node);
	n->state_off = cpu_to_le32(off);
	n->state_len = cpu_to_le32(sizeof(*d));
	if (u->node)
		chimdrv_blist_at(bl, u->node - 1)->next = cpu_to_le32(u->node);
	return 0;
}

/* The card has let go: what it handed back waits in the connection for LAST and the socket. */
static void upload_take(struct upload *u, struct chimdrv_blist *bl)
{
	const struct chim_tcp_delegated *d = chimdrv_blist_ptr(bl, u->d_off);
	struct chimdrv_conn *conn = u->conn;
	u32 status = le32_to_cpu(chimdrv_blist_at(bl, u->node)->status);
	u32 len = le32_to_cpu(d->buffered_len), seq;
	struct sk_buff_head back;
	bool lost = false;

	__skb_queue_head_init(&back);
	seq = le32_to_cpu(d->rcv_nxt) - len;
	if (d->state == CHIM_TCP_CLOSE_WAIT || d->state == CHIM_TCP_CLOSING ||
	    d->state == CHIM_TCP_LAST_ACK || d->state == CHIM_TCP_TIME_WAIT)
		seq--;		/* the peer's FIN stands behind the bytes */
	if (status != CHIM_ST_SUCCESS || len > u->room->size ||
	    chimdrv_room_to_skbs(u->room, len, seq, &back))
		lost = true;
	chimdrv_count(conn->cd, terminates);
	chimdrv_count_add(conn->cd, buffered_out_bytes, len);
	chimdrv_count_add(conn->cd, send_back_requests, le32_to_cpu(d->send_count));
	spin_lock_bh(&conn->sk->sk_lock.slock);
	chimdrv_state_import(&conn->final, d);
	skb_queue_splice_tail_init(&back, &conn->back);
	if (lost)
		set_bit(CHIMDRV_C_LOST, &conn->bits);
	set_bit(CHIMDRV_C_FINAL, &conn->bits);
	chimdrv_conn_progress(conn);
	spin_unlock_bh(&conn->sk->sk_lock.slock);
	__skb_queue_purge(&back);
}

/* The command changed nothing: the connections are the target's as before. */
static void upload_reopen(struct upload *u, struct chimdrv_blist *bl)
{
	u->need = le32_to_cpu(chimdrv_blist_at(bl, u->node)->info);
	spin_lock_bh(&u->conn->sk->sk_lock.slock);
	u->conn->send_room = 0;
	chimdrv_conn_set_state(u->conn, CHIMDRV_OFFLOADED);
	spin_unlock_bh(&u->conn->sk->sk_lock.slock);
}

struct upload_fences {
	struct upload *up;
	unsigned int n;
	u32 id;
};

/* A fence that cannot be posted leaves the TERMINATE to its deadline, and the card to its reset. */
static void upload_post_fences(void *arg)
{
	struct upload_fences *f = arg;
	unsigned int i;

	for (i = 0; i < f->n; i++)
		if (upload_fence(f->up[i].conn, f->id))
			break;
}

/* One TERMINATE for all of them. -EAGAIN: once more, with the room that the card asked for. */
static int upload_once(struct chimdrv_dev *cd, struct upload *up, unsigned int n)
{
	struct upload_fences fences = { up, n, chimdrv_fence_id(chimdrv_od(cd)) };
	struct chimdrv_admin_cmd cmd = { };
	unsigned int i;
	struct chimdrv_blist bl;
	int err = chimdrv_blist_init(&bl, n);

	if (err)
		return err;
	for (i = 0; i < n && !err; i++)
		err = upload_node(&up[i], &bl);
	if (!err)
		err = state_exec(cd, CHIM_OP_TERMINATE, &bl, fences.id, n, &cmd,
				 upload_post_fences, &fences);
	if (err == -ENOMEM) {		/* nothing has been asked of the card yet */
		chimdrv_blist_fini(&bl);
		return err;
	}
	if (n > 1)
		chimdrv_count(cd, bulk_lists);
	if (!err && !cmd.status) {
		for (i = 0; i < n; i++)
			upload_take(&up[i], &bl);
	} else if (cmd.status == CHIM_ST_BUFFER_TOO_SMALL) {
		for (i = 0; i < n; i++)
			upload_reopen(&up[i], &bl);
		err = -EAGAIN;
	} else {
		chimdrv_dev_fail(cd, "a terminate failed");
		err = -EIO;
	}
	chimdrv_blist_fini(&bl);
	return err;
}

/* Those asked for that the target really has; the others are on their way already. */
static unsigned int upload_collect(struct chimdrv_offload *od, struct upload *up)
{
	struct chimdrv_conn *conn;
	unsigned int n = 0;
	bool mine;

	while (n < min_t(u32, CHIMDRV_BATCH, od->cd->limits.nodes)) {
		spin_lock_bh(&od->lock);
		conn = list_first_entry_or_null(&od->uploads, struct chimdrv_conn, link);
		if (conn)
			list_del_init(&conn->link);
		spin_unlock_bh(&od->lock);
		if (!conn)
			break;
		spin_lock_bh(&conn->sk->sk_lock.slock);
		mine = conn->state == CHIMDRV_OFFLOADED && !test_bit(CHIMDRV_C_GONE, &conn->bits);
		spin_unlock_bh(&conn->sk->sk_lock.slock);
		if (mine)
			up[n++].conn = conn;
		else
			chimdrv_conn_put(conn);
	}
	return n;
}

/* Both markers are in, or the card is dead: then the target's hold ends. */
static void upload_end(struct chimdrv_offload *od, struct upload *u)
{
	struct chimdrv_conn *conn = u->conn;

	if (!wait_event_timeout(conn->wait, READ_ONCE(conn->state) == CHIMDRV_HOST ||
				(test_bit(CHIMDRV_C_LAST, &conn->bits) &&
				 test_bit(CHIMDRV_C_FINAL, &conn->bits)) ||
				test_bit(CHIMDRV_C_GONE, &conn->bits),
				msecs_to_jiffies(CHIMDRV_LATE_MS)))
		chimdrv_dev_fail(od->cd, "no LAST after a terminate");
	if (conn->path && !test_bit(CHIMDRV_C_GONE, &conn->bits))
		chimdrv_path_put(od, conn->path);
	conn->path = NULL;
	chimdrv_room_destroy(u->room);
	target_leaves(conn);
	chimdrv_conn_put(conn);			/* the list's */
}

static void upload_work(struct work_struct *work)
{
	struct chimdrv_offload *od = container_of(work, struct chimdrv_offload, upload_work);
	struct upload *up = kcalloc(CHIMDRV_BATCH, sizeof(*up), GFP_KERNEL | __GFP_NOFAIL);
	unsigned int n, i, tries;
	int err;

	mutex_lock(&od->mutex);
	while ((n = upload_collect(od, up))) {
		err = -EAGAIN;
		for (tries = 0; tries < UPLOAD_TRIES && (err == -EAGAIN || err == -ENOMEM);
		     tries++) {
			if (err == -ENOMEM)
				msleep(10u << min(tries, 5u));
			err = upload_once(od->cd, up, n);
		}
		if (err == -EAGAIN || err == -ENOMEM)
			chimdrv_dev_fail(od->cd, "a terminate could not be run");
		for (i = 0; i < n; i++)
			upload_end(od, &up[i]);
		memset(up, 0, CHIMDRV_BATCH * sizeof(*up));
	}
	chimdrv_neigh_idle_soon(od);
	mutex_unlock(&od->mutex);
	kfree(up);
}

/* Every connection of the card; with @wait, until none is left or the card has failed. */
void chimdrv_upload_all(struct chimdrv_dev *cd, enum chimdrv_why why, bool wait)
{
	struct chimdrv_offload *od = chimdrv_od(cd);
	struct chimdrv_conn *conn;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		spin_lock_bh(&od->lock);
		list_for_each_entry(conn, &od->conns, all) {
			if (!list_empty(&conn->link) ||
			    test_and_set_bit(CHIMDRV_C_UPLOAD, &conn->bits) ||
			    !chimdrv_conn_get(conn))
				continue;
			conn->reason = why;
			list_add_tail(&conn->link, &od->uploads);
		}
		spin_unlock_bh(&od->lock);
		queue_work(od->wq, &od->upload_work);
		if (!wait || wait_event_timeout(od->idle, !READ_ONCE(od->nconns),
						msecs_to_jiffies(CHIMDRV_LATE_MS)))
			return;
		if (i)
			chimdrv_dev_fail(cd, "connections did not come back in time");
	}
}

/* ------------------------------------------------------------------------------ update */

static int update_node(struct chimdrv_conn *conn, struct chimdrv_blist *bl)
{
	int off = chimdrv_blist_reserve(bl, sizeof(struct chim_tcp_cached));
	struct chim_node *n;
	u32 node;

	if (off < 0)
		return off;
	spin_lock_bh(&conn->sk->sk_lock.slock);
	chimdrv_state_cached(conn, chimdrv_blist_ptr(bl, off), true);
	spin_unlock_bh(&conn->sk->sk_lock.slock);
	node = chimdrv_blist_node(bl, CHIM_ROLE_OBJECT, CHIM_TCP_CACHED, conn->handle,
				  conn->cookie);
	n = chimdrv_blist_at(bl, node);
	n->state_off = cpu_to_le32(off);
	n->state_len = cpu_to_le32(sizeof(struct chim_tcp_cached));
	if (node)
		chimdrv_blist_at(bl, node - 1)->next = cpu_to_le32(node);
	return 0;
}

static void update_work(struct work_struct *work)
{
	struct chimdrv_offload *od = container_of(work, struct chimdrv_offload, update_work);
	struct chimdrv_conn *conns[CHIMDRV_BATCH / 4], *conn;
	struct chimdrv_admin_cmd cmd = { };
	struct chimdrv_blist bl;
	unsigned int n, i;

	mutex_lock(&od->mutex);
	do {
		if (chimdrv_blist_init(&bl, ARRAY_SIZE(conns)))
			break;
		for (n = 0; n < ARRAY_SIZE(conns); n++) {
			spin_lock_bh(&od->lock);
			conn = list_first_entry_or_null(&od->updates, struct chimdrv_conn, link);
			if (conn)
				list_del_init(&conn->link);
			spin_unlock_bh(&od->lock);
			if (!conn)
				break;
			conns[n] = conn;
			clear_bit(CHIMDRV_C_UPDATE, &conn->bits);
			if (READ_ONCE(conn->state) == CHIMDRV_OFFLOADED)
				update_node(conn, &bl);
		}
		if (bl.nodes && !chimdrv_state_exec(od->cd, CHIM_OP_UPDATE, &bl, 0, 0, &cmd)) {
			chimdrv_count_add(od->cd, updates, bl.nodes);
			if (bl.nodes > 1)
				chimdrv_count(od->cd, bulk_lists);
		}
		for (i = 0; i < n; i++)
			chimdrv_conn_put(conns[i]);
		chimdrv_blist_fini(&bl);
	} while (n == ARRAY_SIZE(conns));
	mutex_unlock(&od->mutex);
}

/* ----------------------------------------------------------------------------- offload */

static void refuse(struct chimdrv_candidate *c, struct chimdrv_dev *cd, enum chimdrv_refusal why)
{
	c->refusal = why;
	c->err = chimdrv_policy_errno(why);
	if (cd)
		atomic64_inc(&chimdrv_od(cd)->count.refused[why]);
	trace_chimney_refuse(c->sk, why);
}

/* (a) Hook in, kernel TCP still whole, arrivals held. */
static void offload_attach(struct chimdrv_candidate *c)
{
	enum chimdrv_refusal why = CHIMDRV_NO_ROUTE;
	struct chimdrv_dev *cd = NULL;
	int err;

	c->err = -EINPROGRESS;
	lock_sock(c->sk);
	/* a route that has gone stale, or was forgotten at a timeout, is looked up again */
	if (chimdrv_policy_recheck(c->sk) == CHIMDRV_NO_NONE &&
	    inet_csk(c->sk)->icsk_af_ops->rebuild_header(c->sk))
		goto out;
	why = chimdrv_policy_check(c->sk, &cd);
	if (why)
		goto out;
	why = CHIMDRV_NO_MEMORY;
	c->conn = conn_create(cd, c->sk);
	if (!c->conn)
		goto out;
	c->cd = cd;
	err = chimdrv_ulp_attach(c->conn);
	if (!err) {
		release_sock(c->sk);
		return;
	}
	chimdrv_conn_put(c->conn);
	c->conn = NULL;
	why = CHIMDRV_NO_ULP;
out:
	release_sock(c->sk);
	refuse(c, cd, why);
}

/* Still with kernel TCP in all but the hook: hook out, held segments to kernel TCP. Owned. */
static void offload_undo_hold(struct chimdrv_candidate *c)
{
	struct chimdrv_conn *conn = c->conn;
	struct sock *sk = c->sk;

	spin_lock_bh(&sk->sk_lock.slock);
	chimdrv_ulp_detach(conn);
	clear_bit(CHIMDRV_C_PEER_FIN, &conn->bits);
	chimdrv_state_replay(conn);
	chimdrv_conn_put(conn);			/* the socket's */
	spin_unlock_bh(&sk->sk_lock.slock);
}

/* The valves were closed: everything as it was, nothing lost. Owned. */
static void offload_revert(struct chimdrv_candidate *c)
{
	struct chimdrv_conn *conn = c->conn;
	struct sock *sk = c->sk;

	spin_lock_bh(&sk->sk_lock.slock);
	conn_drop_requests(conn);
	if (!test_bit(CHIMDRV_C_DETACHED, &conn->bits))
		conn_give_back(conn, false);
	spin_unlock_bh(&sk->sk_lock.slock);
}

/* Frames of the socket leave queueing discipline and ring; nothing new comes, the socket is owned. */
static bool drained(struct sock *sk)
{
	unsigned long end = jiffies + msecs_to_jiffies(DRAIN_MS);

	while (refcount_read(&sk->sk_wmem_alloc) > 1) {
		if (time_after(jiffies, end))
			return false;
		usleep_range(50, 200);
	}
	return true;
}

/* (c) Valves closed, snapshot into the list. */
static void offload_snapshot(struct chimdrv_candidate *c, struct chimdrv_blist *bl, u32 *root)
{
	struct chimdrv_offload *od = chimdrv_od(c->cd);
	struct chimdrv_conn *conn = c->conn;
	struct sock *sk = c->sk;
	enum chimdrv_refusal why;
	u32 path_node;

	lock_sock(sk);
	why = chimdrv_policy_recheck(sk);
	if (!why)
		why = chimdrv_policy_moment(sk);
	if (!why && test_bit(CHIMDRV_C_UPLOAD, &conn->bits))
		why = CHIMDRV_NO_BUSY;		/* somebody wants it back already */
	if (!why && !drained(sk))
		why = CHIMDRV_NO_DRAIN;
	if (!why)
		conn->path = chimdrv_path_get(od, sk, &why);
	if (why) {
		offload_undo_hold(c);
		goto out;
	}
	chimdrv_hook_ct_liberal(sk);
	spin_lock_bh(&sk->sk_lock.slock);
	chimdrv_conn_set_state(conn, CHIMDRV_INITIATING);
	spin_unlock_bh(&sk->sk_lock.slock);
	chimdrv_state_capture(conn);
	chimdrv_state_close_valves(conn);
	path_node = chimdrv_path_node(od, conn->path, bl, root);
	c->tcp_node = chimdrv_blist_node(bl, CHIM_ROLE_NEW, CHIM_TCP_ALL, 0, conn->cookie);
	if (chimdrv_state_export(conn, bl, c->tcp_node, &c->buffered)) {
		bl->nodes--;			/* the node was the last and is not linked yet */
		why = CHIMDRV_NO_SENDS;
		offload_revert(c);
		goto out;
	}
	chimdrv_blist_at(bl, c->tcp_node)->next = chimdrv_blist_at(bl, path_node)->dependent;
	chimdrv_blist_at(bl, path_node)->dependent = cpu_to_le32(c->tcp_node);
	release_sock(sk);
	return;
out:
	release_sock(sk);
	refuse(c, c->cd, why);
}

/* One TX_FENCE per ring: any of them may have carried frames of the connections. */
static int offload_fences(struct chimdrv_dev *cd, u32 id, u32 *count)
{
	struct chimdrv_net *net = cd->net;
	unsigned int i, tries;
	int err = 0;

	for (i = 0; i < net->pairs && !err; i++) {
		for (tries = 0; tries < 2000; tries++) {
			err = chimdrv_tx_fence(net->pair[i], id);
			if (err != -EBUSY)
				break;
			usleep_range(500, 1000);
		}
		if (!err)
			(*count)++;
	}
	return err;
}

static void count_initiated(struct chimdrv_conn *conn)
{
	const struct chimdrv_tcp_state *s = &conn->final;

	chimdrv_count(conn->cd, initiates);
	chimdrv_count(conn->cd, connections);
	chimdrv_count_add(conn->cd, buffered_in_bytes, conn->buffered);
	chimdrv_count_add(conn->cd, send_in_unacked_bytes, s->snd_nxt - s->snd_una);
	chimdrv_count_add(conn->cd, send_in_rexmit_bytes, s->snd_max - s->snd_nxt);
	chimdrv_count_add(conn->cd, send_in_unsent_bytes, conn->posted_seq - s->snd_max);
}

/* The card's word on one connection. */
static void offload_result(struct chimdrv_candidate *c, struct chimdrv_blist *bl, int err)
{
	struct chimdrv_conn *conn = c->conn;
	u32 status = err ? CHIM_ST_FAILURE : le32_to_cpu(chimdrv_blist_at(bl, c->tcp_node)->status);

	if (!err && status == CHIM_ST_SUCCESS) {
		count_initiated(conn);
		refcount_inc(&conn->refs);
		set_bit(CHIMDRV_C_TARGET, &conn->bits);
		spin_lock_bh(&c->sk->sk_lock.slock);
		set_bit(CHIMDRV_C_ADMIN, &conn->bits);
		chimdrv_conn_progress(conn);
		spin_unlock_bh(&c->sk->sk_lock.slock);
		return;
	}
	chimdrv_count(c->cd, initiate_failures);
	if (err == -EIO || err == -ENODEV || err == -ETIMEDOUT) {
		/* the card may have taken it before it failed: it ends with the card */
		refuse(c, c->cd, CHIMDRV_NO_DOWN);
		return;
	}
	lock_sock(c->sk);
	offload_revert(c);
	release_sock(c->sk);
	if (conn->path)
		chimdrv_path_put(chimdrv_od(c->cd), conn->path);
	conn->path = NULL;
	refuse(c, c->cd, CHIMDRV_NO_CARD);
	trace_chimney_card_refused(c->sk, status);
}

/* All three markers, or the card fails. */
static void offload_wait(struct chimdrv_candidate *c)
{
	struct chimdrv_conn *conn = c->conn;

	if (c->err != -EINPROGRESS)
		return;
	if (!wait_event_timeout(conn->wait, READ_ONCE(conn->state) != CHIMDRV_INITIATING ||
				test_bit(CHIMDRV_C_GONE, &conn->bits),
				msecs_to_jiffies(CHIMDRV_LATE_MS)))
		chimdrv_dev_fail(c->cd, "no OPENED or CUTOVER after an initiate");
	c->err = READ_ONCE(conn->state) == CHIMDRV_INITIATING ? -EIO : 0;
	if (!c->err) {
		/* data written meanwhile, and anything that came while a process owned it */
		spin_lock_bh(&c->sk->sk_lock.slock);
		chimdrv_conn_progress(conn);
		spin_unlock_bh(&c->sk->sk_lock.slock);
		chimdrv_genl_event(conn, CHIMNEY_EVENT_OFFLOADED);
	}
}

/* (c), (d), (e) for connections of one card that have been attached and fenced. */
static void offload_batch(struct chimdrv_dev *cd, struct list_head *batch, unsigned int n)
{
	struct chimdrv_offload *od = chimdrv_od(cd);
	struct chimdrv_admin_cmd cmd = { };
	u32 root = CHIM_NODE_NONE, fences = 0, fence, live = 0;
	struct chimdrv_candidate *c;
	struct chimdrv_blist bl;
	int err;

	mutex_lock(&od->mutex);
	err = chimdrv_blist_init(&bl, 3 * n);
	list_for_each_entry(c, batch, node) {
		if (err) {
			lock_sock(c->sk);
			offload_undo_hold(c);
			release_sock(c->sk);
			refuse(c, cd, CHIMDRV_NO_MEMORY);
			continue;
		}
		offload_snapshot(c, &bl, &root);
		live += c->err == -EINPROGRESS;
	}
	if (!live)
		goto out;
	((struct chim_block_list *)bl.buf)->root = cpu_to_le32(root);
	fence = chimdrv_fence_id(od);
	err = offload_fences(cd, fence, &fences);
	if (!err)
		err = chimdrv_state_exec(cd, CHIM_OP_INITIATE, &bl, fence, fences, &cmd);
	if (!err && cmd.status != CHIM_ST_SUCCESS)
		err = -EREMOTEIO;
	if (live > 1)
		chimdrv_count(cd, bulk_lists);
	if (!err)
		chimdrv_path_results(od, &bl);
	list_for_each_entry(c, batch, node)
		if (c->err == -EINPROGRESS)
			offload_result(c, &bl, err);
	list_for_each_entry(c, batch, node)
		offload_wait(c);
out:
	list_for_each_entry(c, batch, node) {
		chimdrv_room_destroy(c->buffered);
		c->buffered = NULL;
	}
	chimdrv_neigh_idle_soon(od);
	mutex_unlock(&od->mutex);
	chimdrv_blist_fini(&bl);
}

/*
 * Bring sockets over: attach all, one RCU grace period for all, then batches per
 * card. Each candidate has its answer afterwards. Process context, no socket owned.
 */
void chimdrv_offload_list(struct list_head *candidates)
{
	struct chimdrv_candidate *c, *next;
	struct chimdrv_dev *cd;
	unsigned int n, max;
	LIST_HEAD(done);
	LIST_HEAD(batch);

	list_for_each_entry_safe(c, next, candidates, node) {
		offload_attach(c);
		if (!c->conn)
			list_move_tail(&c->node, &done);
	}
	/* segments already past the hook reach kernel TCP before the valves close */
	if (!list_empty(candidates) && !READ_ONCE(chimdrv_no_fence))
		synchronize_rcu_expedited();
	while (!list_empty(candidates)) {
		cd = list_first_entry(candidates, struct chimdrv_candidate, node)->cd;
		max = clamp_t(u32, cd->limits.nodes / 3, 1, CHIMDRV_BATCH);
		n = 0;
		list_for_each_entry_safe(c, next, candidates, node) {
			if (c->cd != cd || n == max)
				continue;
			list_move_tail(&c->node, &batch);
			n++;
		}
		offload_batch(cd, &batch, n);
		list_for_each_entry(c, &batch, node) {
			chimdrv_conn_put(c->conn);	/* ours */
			c->conn = NULL;
		}
		list_splice_tail_init(&batch, &done);
	}
	list_splice(&done, candidates);
}

/* The automatic policy's candidates. Any context. */
void chimdrv_offload_want(struct chimdrv_dev *cd, struct sock *sk)
{
	struct chimdrv_offload *od = chimdrv_od(cd);
	struct chimdrv_candidate *c;

	if (!od || !od->up || READ_ONCE(od->ncandidates) >= 4 * CHIMDRV_BATCH)
		return;
	spin_lock_bh(&od->lock);
	list_for_each_entry(c, &od->candidates, node)
		if (c->sk == sk)
			goto out;
	c = kzalloc(sizeof(*c), GFP_ATOMIC | __GFP_NOWARN);
	if (!c)
		goto out;
	sock_hold(sk);
	c->sk = sk;
	list_add_tail(&c->node, &od->candidates);
	od->ncandidates++;
	queue_work(od->wq, &od->offload_work);
out:
	spin_unlock_bh(&od->lock);
}

static void offload_work(struct work_struct *work)
{
	struct chimdrv_offload *od = container_of(work, struct chimdrv_offload, offload_work);
	struct chimdrv_candidate *c, *next;
	LIST_HEAD(list);

	spin_lock_bh(&od->lock);
	list_splice_init(&od->candidates, &list);
	od->ncandidates = 0;
	spin_unlock_bh(&od->lock);
	chimdrv_offload_list(&list);
	list_for_each_entry_safe(c, next, &list, node) {
		sock_put(c->sk);
		kfree(c);
	}
}

/* --------------------------------------------------------------- cards and the NIC half */

/* Connections whose posting failed for want of memory, and those of a full ring. */
static void retry_work(struct work_struct *work)
{
	struct chimdrv_offload *od = container_of(work, struct chimdrv_offload, retry_work.work);
	struct chimdrv_net *net = od->cd->net;
	unsigned int i;

	for (i = 0; net && i < od->cd->max_pairs; i++) {
		local_bh_disable();
		if (net->pair[i])
			chimdrv_events_poll_end(net->pair[i]);
		local_bh_enable();
	}
}

int chimdrv_offload_dev_add(struct chimdrv_dev *cd)
{
	struct chimdrv_offload *od = kzalloc(sizeof(*od), GFP_KERNEL);

	if (!od)
		return -ENOMEM;
	/* its own: these works wait for the card, whose recovery runs on cd->wq */
	od->wq = alloc_workqueue("chimney-%s", WQ_UNBOUND | WQ_MEM_RECLAIM, 0,
				 pci_name(cd->pdev));
	if (!od->wq) {
		kfree(od);
		return -ENOMEM;
	}
	od->cd = cd;
	mutex_init(&od->mutex);
	spin_lock_init(&od->lock);
	INIT_LIST_HEAD(&od->neighs);
	INIT_LIST_HEAD(&od->paths);
	INIT_LIST_HEAD(&od->conns);
	INIT_LIST_HEAD(&od->uploads);
	INIT_LIST_HEAD(&od->updates);
	INIT_LIST_HEAD(&od->candidates);
	init_waitqueue_head(&od->idle);
	INIT_WORK(&od->upload_work, upload_work);
	INIT_WORK(&od->update_work, update_work);
	INIT_WORK(&od->offload_work, offload_work);
	INIT_DELAYED_WORK(&od->retry_work, retry_work);
	chimdrv_neigh_dev_init(od);
	cd->offload = od;
	return 0;
}

void chimdrv_offload_dev_del(struct chimdrv_dev *cd)
{
	struct chimdrv_offload *od = chimdrv_od(cd);

	if (!od)
		return;
	WRITE_ONCE(od->up, false);
	chimdrv_upload_all(cd, CHIMDRV_WHY_CARD_DOWN, true);
	cancel_work_sync(&od->offload_work);
	cancel_work_sync(&od->upload_work);
	cancel_work_sync(&od->update_work);
	cancel_delayed_work_sync(&od->retry_work);
	cancel_delayed_work_sync(&od->neigh_work);
	cancel_work_sync(&od->nce_work);
	mutex_lock(&od->mutex);
	chimdrv_neigh_idle(od);
	chimdrv_neigh_forget(od);
	mutex_unlock(&od->mutex);
	synchronize_rcu();
	cd->offload = NULL;
	destroy_workqueue(od->wq);
	kfree(od);
}

void chimdrv_offload_net_up(struct chimdrv_net *net)
{
	WRITE_ONCE(chimdrv_od(net->cd)->up, true);
}

void chimdrv_offload_net_down(struct chimdrv_net *net)
{
	struct chimdrv_offload *od = chimdrv_od(net->cd);

	WRITE_ONCE(od->up, false);
	flush_work(&od->offload_work);
	chimdrv_upload_all(net->cd, CHIMDRV_WHY_CARD_DOWN, true);
	mutex_lock(&od->mutex);
	chimdrv_neigh_idle(od);
	mutex_unlock(&od->mutex);
}

void chimdrv_offload_device_gone(struct chimdrv_dev *cd)
{
	struct chimdrv_offload *od = chimdrv_od(cd);
	struct chimdrv_conn *conn, **all;
	unsigned int n = 0, i, max;

	if (!od)
		return;
	WRITE_ONCE(od->up, false);
	spin_lock_bh(&od->lock);
	max = od->nconns;
	spin_unlock_bh(&od->lock);
	all = kvcalloc(max + 64, sizeof(*all), GFP_KERNEL | __GFP_NOFAIL);
	spin_lock_bh(&od->lock);
	list_for_each_entry(conn, &od->conns, all)
		if (n < max + 64 && chimdrv_conn_get(conn))
			all[n++] = conn;
	spin_unlock_bh(&od->lock);
	for (i = 0; i < n; i++) {
		spin_lock_bh(&all[i]->sk->sk_lock.slock);
		set_bit(CHIMDRV_C_GONE, &all[i]->bits);
		wake_up_all(&all[i]->wait);
		chimdrv_conn_progress(all[i]);
		spin_unlock_bh(&all[i]->sk->sk_lock.slock);
		chimdrv_conn_put(all[i]);
	}
	kvfree(all);
	/* owned ones end when their owner lets go */
	wait_event_timeout(od->idle, !READ_ONCE(od->nconns), msecs_to_jiffies(CHIMDRV_LATE_MS));
	mutex_lock(&od->mutex);
	chimdrv_neigh_forget(od);
	mutex_unlock(&od->mutex);
}

/* ------------------------------------------------------------------------- statistics */

static const char * const stat_names[] = {
#define X(name) "offload_" #name,
	CHIMDRV_CASES(X)
	CHIMDRV_OWN(X)
#undef X
};

unsigned int chimdrv_offload_stat_count(void)
{
	return ARRAY_SIZE(stat_names);
}

const char *chimdrv_offload_stat_name(unsigned int i)
{
	return stat_names[i];
}

void chimdrv_offload_stat_read(struct chimdrv_dev *cd, u64 *values)
{
	struct chimdrv_offload *od = chimdrv_od(cd);

	if (!od) {
		memset(values, 0, sizeof(*values) * ARRAY_SIZE(stat_names));
		return;
	}
#define X(name) *values++ = atomic64_read(&od->count.name);
	CHIMDRV_CASES(X)
	CHIMDRV_OWN(X)
#undef X
}

void chimdrv_offload_debugfs(struct chimdrv_dev *cd, struct dentry *dir)
{
}

/* ------------------------------------------------------------------------- module life */

int chimdrv_offload_init(void)
{
	int err;

	chimdrv_send_cache = kmem_cache_create("chimney_send", sizeof(struct chimdrv_send), 0, 0,
					       NULL);
	if (!chimdrv_send_cache)
		return -ENOMEM;
	err = chimdrv_policy_init();
	if (err)
		goto err_cache;
	err = chimdrv_ulp_init();
	if (err)
		goto err_policy;
	err = chimdrv_hook_init();
	if (err)
		goto err_ulp;
	err = chimdrv_neigh_init();
	if (err)
		goto err_hook;
	err = chimdrv_genl_init();
	if (err)
		goto err_neigh;
	return 0;
err_neigh:
	chimdrv_neigh_exit();
err_hook:
	chimdrv_hook_exit();
err_ulp:
	chimdrv_ulp_exit();
err_policy:
	chimdrv_policy_exit();
err_cache:
	kmem_cache_destroy(chimdrv_send_cache);
	return err;
}

void chimdrv_offload_exit(void)
{
	chimdrv_genl_exit();
	chimdrv_neigh_exit();
	chimdrv_hook_exit();
	chimdrv_ulp_exit();
	chimdrv_policy_exit();
	rcu_barrier();
	kmem_cache_destroy(chimdrv_send_cache);
}
