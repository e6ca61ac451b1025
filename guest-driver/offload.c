// SPDX-License-Identifier: GPL-2.0-only
/*
 * Offload: sockets go over to the target in batches. HOST -> HOLDING (hook in,
 * arrivals held) -> one RCU fence -> INITIATING (valves closed, snapshot taken) ->
 * INITIATE -> OFFLOADED; or back to HOST as if nothing had been, with the reason.
 *
 * Process context. The socket is owned in each step that changes it, od->mutex is
 * held from the first snapshot of a batch to the last marker.
 */
#include <linux/module.h>

#include "chimdrv_conn.h"
#include "trace.h"

#define DRAIN_MS	100	/* for frames of the socket to leave queues and ring */

static bool no_fence;
module_param_named(unsafe_no_fence, no_fence, bool, 0644);
MODULE_PARM_DESC(unsafe_no_fence,
		 "Tests only: leave out the RCU fence at offload, to show what it is for");

#define X(id, name) name,
static const char * const refusal_names[] = { CHIMDRV_REFUSALS(X) };
#undef X

const char *chimdrv_offload_refusal_name(u32 refusal)
{
	return refusal < CHIMDRV_NO_COUNT ? refusal_names[refusal] : "unknown";
}

static void refuse(struct chimdrv_candidate *c, struct chimdrv_dev *cd, enum chimdrv_refusal why)
{
	c->refusal = why;
	c->err = chimdrv_policy_errno(why);
	if (cd)
		atomic64_inc(&chimdrv_od(cd)->count.refused[why]);
	trace_chimney_refuse(c->sk, why);
}

/* -------------------------------------------------------------------- hook in, and back */

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
	c->conn = chimdrv_conn_create(cd, c->sk);
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
	chimdrv_handback_drop_requests(conn);
	if (!test_bit(CHIMDRV_C_DETACHED, &conn->bits))
		chimdrv_handback_restore(conn, false);
	spin_unlock_bh(&sk->sk_lock.slock);
}

/* ------------------------------------------------------------------ into the block list */

/* Owned, so nothing new comes: frames of the socket leave queueing discipline and ring. */
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
	chimdrv_valves_close(conn);
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

/* -------------------------------------------------------------------------- the command */

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
		chimdrv_progress_check(conn);
		spin_unlock_bh(&c->sk->sk_lock.slock);
		return;
	}
	chimdrv_count(c->cd, initiate_failures);
	if (chimdrv_admin_lost(err)) {
		/* the card may have taken it before it failed: it ends with the card */
		refuse(c, c->cd, CHIMDRV_NO_DOWN);
		return;
	}
	lock_sock(c->sk);
	offload_revert(c);
	release_sock(c->sk);
	c->status = status;
	if (conn->path) {
		/* below a failed object there is only FAILURE (TRE-17) */
		if (!err)
			c->status = chimdrv_path_refused(conn->path) ?: status;
		chimdrv_path_put(chimdrv_od(c->cd), conn->path);
	}
	conn->path = NULL;
	refuse(c, c->cd, CHIMDRV_NO_CARD);
	trace_chimney_card_refused(c->sk, c->status);
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
		chimdrv_progress_check(conn);
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
	fence = chimdrv_stateop_fence_id(od);
	err = offload_fences(cd, fence, &fences);
	if (!err)
		err = chimdrv_stateop_exec(cd, CHIM_OP_INITIATE, &bl, fence, fences, &cmd);
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

/* --------------------------------------------------------------------- lists of sockets */

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
	if (!list_empty(candidates) && !READ_ONCE(no_fence))
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

/* Once per card, before anybody can ask. */
void chimdrv_offload_work_init(struct chimdrv_offload *od)
{
	INIT_LIST_HEAD(&od->candidates);
	INIT_WORK(&od->offload_work, offload_work);
}
