// SPDX-License-Identifier: GPL-2.0-only
/*
 * struct chimdrv_conn itself: creation, lookup by the cookie that the card returns,
 * references, release, and the names of its states. offload.c, progress.c, upload.c and
 * giveback.c move it through the states.
 *
 * Lookups and references need no lock: an XArray under RCU, then refcount_inc_not_zero().
 */
#include <linux/xarray.h>

#include "offload/conn.h"
#include "nic/rss.h"
#include "offload/cache.h"
#include "offload/frame.h"
#include "offload/od.h"
#define CREATE_TRACE_POINTS
#include "offload/trace.h"

/* Every connection by the low half of its cookie; the high half is a generation. */
static DEFINE_XARRAY_FLAGS(chimdrv_conns, XA_FLAGS_ALLOC1 | XA_FLAGS_LOCK_BH);
static atomic_t chimdrv_generation;

const char *chimdrv_conn_state_name(enum chimdrv_state state)
{
	static const char * const names[] = { "host", "holding", "initiating", "offloaded",
					      "terminating" };

	return state < ARRAY_SIZE(names) ? names[state] : "unknown";
}

void chimdrv_conn_set_state(struct chimdrv_conn *conn, enum chimdrv_state state)
{
	trace_chimney_state(conn, state);
	WRITE_ONCE(conn->state, state);
	conn->since = jiffies;
	wake_up_all(&conn->wait);
}

/* ------------------------------------------------------------------------------ holders */

bool chimdrv_conn_get(struct chimdrv_conn *conn)
{
	return refcount_inc_not_zero(&conn->refs);
}

/* Nobody who looked it up by its cookie uses it any more. */
static void conn_free(struct rcu_head *rcu)
{
	chimdrv_cache_free(CHIMDRV_CACHE_CONN, container_of(rcu, struct chimdrv_conn, rcu));
}

/* Drop a reference. At the last one nothing is mapped and nothing is queued. */
void chimdrv_conn_put(struct chimdrv_conn *conn)
{
	struct chimdrv_od *od = chimdrv_od(conn->cd);

	if (!refcount_dec_and_test(&conn->refs))
		return;
	if (conn->id)
		xa_erase_bh(&chimdrv_conns, conn->id);
	WARN_ON_ONCE(conn->snd.n || conn->rcv.n || conn->fwd.n);
	skb_queue_purge(&conn->fwd.hold);
	skb_queue_purge(&conn->fwd.returned);
	skb_queue_purge(&conn->rcv.queue);
	skb_queue_purge(&conn->back.bytes);
	kfree_skb(conn->back.fin);
	kfree_skb(conn->back.rst);
	kfree_skb(conn->back.own_fin);
	kfree_skb(conn->rcv.spare);
	dst_release(conn->route.dst);
	spin_lock_bh(&od->lock);
	list_del(&conn->all);
	od->nconns--;
	wake_up_all(&od->idle);
	spin_unlock_bh(&od->lock);
	sock_put(conn->sk);
	call_rcu(&conn->rcu, conn_free);
}

/* Drop the target's reference, if any: from INITIATE until it lets go or the card is dead. */
void chimdrv_conn_put_target(struct chimdrv_conn *conn)
{
	if (test_and_clear_bit(CHIMDRV_C_TARGET, &conn->bits))
		chimdrv_conn_put(conn);
}

/* ------------------------------------------------------------------------------ by name */

/* Look up a cookie that the card gave, all of which must match; returns a reference. */
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

/* --------------------------------------------------------------------------- spare frame */

/* Has a reference. */
static void spare_work(struct work_struct *work)
{
	struct chimdrv_conn *conn = container_of(work, struct chimdrv_conn, rcv.spare_work);
	struct sk_buff *skb = chimdrv_frame(GFP_KERNEL);

	spin_lock_bh(&conn->sk->sk_lock.slock);
	if (!conn->rcv.spare)
		swap(skb, conn->rcv.spare);
	spin_unlock_bh(&conn->sk->sk_lock.slock);
	kfree_skb(skb);
	chimdrv_conn_put(conn);
}

/* slock. The spare frame is used up: a work gets another one, as it may wait for memory. */
void chimdrv_conn_want_spare(struct chimdrv_conn *conn)
{
	refcount_inc(&conn->refs);
	if (!queue_work(chimdrv_od(conn->cd)->wq, &conn->rcv.spare_work))
		chimdrv_conn_put(conn);		/* it is coming already */
}

/* -------------------------------------------------------------------------------- birth */

static void init_lists(struct chimdrv_conn *conn)
{
	init_waitqueue_head(&conn->wait);
	INIT_LIST_HEAD(&conn->pending);
	INIT_LIST_HEAD(&conn->link);
	INIT_LIST_HEAD(&conn->update_link);
	INIT_LIST_HEAD(&conn->snd.list);
	INIT_LIST_HEAD(&conn->lend.borrower);
	INIT_LIST_HEAD(&conn->rcv.list);
	INIT_LIST_HEAD(&conn->fwd.list);
	__skb_queue_head_init(&conn->rcv.queue);
	__skb_queue_head_init(&conn->fwd.hold);
	__skb_queue_head_init(&conn->fwd.returned);
	__skb_queue_head_init(&conn->back.bytes);
	__skb_queue_head_init(&conn->back.kept);
}

/*
 * The connection has no card yet: chimdrv_conn_join() or chimdrv_conn_discard()
 * follows. The caller sets up its tail timer.
 */
struct chimdrv_conn *chimdrv_conn_create(struct sock *sk)
{
	struct chimdrv_conn *conn = chimdrv_cache_alloc(CHIMDRV_CACHE_CONN,
							GFP_KERNEL | __GFP_ZERO);

	if (!conn)
		return NULL;
	init_lists(conn);
	INIT_WORK(&conn->rcv.spare_work, spare_work);
	refcount_set(&conn->refs, 1);
	conn->sk = sk;
	conn->back.err = ECONNABORTED;
	conn->lend.seq = tcp_sk(sk)->write_seq;
	conn->back.fin = alloc_skb(MAX_TCP_HEADER, GFP_KERNEL);
	conn->back.rst = alloc_skb(MAX_TCP_HEADER, GFP_KERNEL);
	conn->back.own_fin = alloc_skb_fclone(MAX_TCP_HEADER, GFP_KERNEL);
	conn->rcv.spare = chimdrv_frame(GFP_KERNEL);
	if (conn->back.fin && conn->back.rst && conn->back.own_fin && conn->rcv.spare)
		return conn;
	chimdrv_conn_discard(conn);
	return NULL;
}

void chimdrv_conn_discard(struct chimdrv_conn *conn)
{
	kfree_skb(conn->back.fin);
	kfree_skb(conn->back.rst);
	kfree_skb(conn->back.own_fin);
	kfree_skb(conn->rcv.spare);
	chimdrv_cache_free(CHIMDRV_CACHE_CONN, conn);
}

/*
 * Under the RCU section that found the card. From here on the card's offload half waits
 * for the last put. False: the card takes no more connections.
 */
bool chimdrv_conn_join(struct chimdrv_conn *conn, struct chimdrv_dev *cd)
{
	struct chimdrv_od *od = chimdrv_od(cd);
	bool up;

	if (!od)
		return false;
	spin_lock_bh(&od->lock);
	up = od->up;
	if (up) {
		conn->cd = cd;
		sock_hold(conn->sk);
		list_add_tail(&conn->all, &od->conns);
		od->nconns++;
	}
	spin_unlock_bh(&od->lock);
	return up;
}

/* After joining: choose the pair, and the cookie by which the card knows the connection. */
int chimdrv_conn_name(struct chimdrv_conn *conn)
{
	struct chimdrv_net *net = conn->cd->net;
	int err;

	conn->hash = chimdrv_rss_hash(net, conn->sk);
	conn->pair = chimdrv_rss_pair(net, conn->hash);
	err = xa_alloc_bh(&chimdrv_conns, &conn->id, conn, xa_limit_31b, GFP_KERNEL);
	if (err)
		conn->id = 0;		/* it may be another one's */
	else
		conn->cookie = (u64)atomic_inc_return(&chimdrv_generation) << 32 | conn->id;
	return err;
}
