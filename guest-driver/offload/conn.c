// SPDX-License-Identifier: GPL-2.0-only
/*
 * struct chimdrv_conn itself: how it is made, found by a name that the card gave,
 * held and freed, and the names of its states. Who moves it through them is
 * elsewhere: offload.c, progress.c, upload.c, giveback.c.
 *
 * Looking up and holding need no lock: an XArray under RCU, then refcount_inc_not_zero().
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

/* Who looked it up by its name is gone too. */
static void conn_free(struct rcu_head *rcu)
{
	chimdrv_cache_free(CHIMDRV_CACHE_CONN, container_of(rcu, struct chimdrv_conn, rcu));
}

/* The last to leave: nothing is mapped, nothing is queued. */
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
	kfree_skb(conn->back.synth);
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

/* The target's hold: from a successful INITIATE until it has let go, or the card is dead. */
void chimdrv_conn_put_target(struct chimdrv_conn *conn)
{
	if (test_and_clear_bit(CHIMDRV_C_TARGET, &conn->bits))
		chimdrv_conn_put(conn);
}

/* ------------------------------------------------------------------------------ by name */

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
 * Of no card yet: chimdrv_conn_join() or chimdrv_conn_discard() follows. What is to be
 * done when the time of its tail is up the caller sets.
 */
struct chimdrv_conn *chimdrv_conn_create(struct sock *sk)
{
	struct chimdrv_conn *conn = chimdrv_cache_alloc(CHIMDRV_CACHE_CONN,
							GFP_KERNEL | __GFP_ZERO);

	if (!conn)
		return NULL;
	init_lists(conn);
	refcount_set(&conn->refs, 1);
	conn->sk = sk;
	conn->back.err = ECONNABORTED;
	conn->lend.seq = tcp_sk(sk)->write_seq;
	conn->back.synth = alloc_skb(MAX_HEADER + sizeof(struct tcphdr), GFP_KERNEL);
	conn->rcv.spare = chimdrv_frame(GFP_KERNEL);
	if (conn->back.synth && conn->rcv.spare)
		return conn;
	chimdrv_conn_discard(conn);
	return NULL;
}

void chimdrv_conn_discard(struct chimdrv_conn *conn)
{
	kfree_skb(conn->back.synth);
	kfree_skb(conn->rcv.spare);
	chimdrv_cache_free(CHIMDRV_CACHE_CONN, conn);
}

/*
 * RCU, under which the card was found. From here on the card's offload half waits
 * for the last put. False: it takes no connections any more.
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

/* It has joined: its pair, and the name by which the card knows it. */
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
