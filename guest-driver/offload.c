// SPDX-License-Identifier: GPL-2.0-only
/*
 * Offload: sockets go over to the target in batches. HOST -> HOLDING (hook in,
 * arrivals pass it to the kernel's TCP) -> one RCU fence -> INITIATING (arrivals
 * held, valves closed, snapshot taken) -> INITIATE -> OFFLOADED; or back to HOST
 * as if nothing had been, with the reason.
 *
 * Process context. The socket is owned in each step that changes it, od->mutex is
 * held from the first snapshot of a batch to the last marker.
 */
#include <linux/module.h>

#include "chimdrv_conn.h"
#include "trace.h"

#define OWN_MS		200	/* for all sockets of a list: until their owners let go */
#define STILL_MS	100	/* for a batch in which some stand still: for owners, frames */

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

/* @cd is held by a connection, or by RCU: then it may be without its offload half. */
static void refuse(struct chimdrv_candidate *c, struct chimdrv_dev *cd, enum chimdrv_refusal why)
{
	struct chimdrv_offload *od = cd ? chimdrv_od(cd) : NULL;

	c->refusal = why;
	c->err = chimdrv_policy_errno(why);
	if (od)
		atomic64_inc(&od->count.refused[why]);
	trace_chimney_refuse(c->sk, why);
}

/* ------------------------------------------------------------------- owning the socket */

static bool try_own(struct sock *sk)
{
	bool got;

	spin_lock_bh(&sk->sk_lock.slock);
	got = !sock_owned_by_user_nocheck(sk);
	if (got)
		sk->sk_lock.owned = 1;
	spin_unlock_bh(&sk->sk_lock.slock);
	if (got)
		mutex_acquire(&sk->sk_lock.dep_map, 0, 1, _RET_IP_);
	return got;
}

/*
 * lock_sock() with an end: a program can own its socket for as long as it likes (a
 * page that it sends from does not come), and others wait behind this one.
 */
static bool own_until(struct sock *sk, unsigned long end)
{
	long left = (long)(end - jiffies);

	return wait_event_timeout(sk->sk_lock.wq, try_own(sk), max(left, 1L));
}

/* -------------------------------------------------------------------- hook in, and back */

/* A connection of the card that the route leads to; NULL: refused. Owned. */
static struct chimdrv_conn *conn_for(struct chimdrv_candidate *c)
{
	struct chimdrv_conn *conn = chimdrv_conn_create(c->sk);
	enum chimdrv_refusal why = CHIMDRV_NO_MEMORY;
	struct chimdrv_dev *cd = NULL;

	rcu_read_lock();
	if (conn)
		why = chimdrv_policy_check(c->sk, &cd);
	if (!why && !chimdrv_conn_join(conn, cd))
		why = CHIMDRV_NO_DOWN;
	if (why)
		refuse(c, cd, why);
	rcu_read_unlock();
	if (!why)
		return conn;
	if (conn)
		chimdrv_conn_discard(conn);
	return NULL;
}

/* (a) Hook in, kernel TCP still whole. Owned. */
static void offload_attach_owned(struct chimdrv_candidate *c)
{
	enum chimdrv_refusal why = CHIMDRV_NO_MEMORY;
	struct chimdrv_conn *conn;

	/* a route that has gone stale, or was forgotten at a timeout, is looked up again */
	if (chimdrv_policy_recheck(c->sk) == CHIMDRV_NO_NONE &&
	    inet_csk(c->sk)->icsk_af_ops->rebuild_header(c->sk)) {
		refuse(c, NULL, CHIMDRV_NO_ROUTE);
		return;
	}
	conn = conn_for(c);
	if (!conn)
		return;
	if (!chimdrv_conn_name(conn)) {
		why = CHIMDRV_NO_ULP;
		if (!chimdrv_ulp_attach(conn)) {
			c->conn = conn;
			c->cd = conn->cd;
			return;
		}
	}
	refuse(c, conn->cd, why);
	chimdrv_conn_put(conn);
}

static void offload_attach(struct chimdrv_candidate *c, unsigned long end)
{
	c->err = -EINPROGRESS;
	if (!own_until(c->sk, end)) {
		refuse(c, NULL, CHIMDRV_NO_OWNED);
		return;
	}
	offload_attach_owned(c);
	release_sock(c->sk);
}

/*
 * The card does not get it, or does not want it: as it was before, now or when the
 * socket's owner lets go. od->mutex, for the path.
 */
static void offload_undo(struct chimdrv_candidate *c, enum chimdrv_refusal why)
{
	struct chimdrv_offload *od = chimdrv_od(c->cd);
	struct chimdrv_conn *conn = c->conn;

	if (conn->path)
		chimdrv_path_put(od, conn->path);
	conn->path = NULL;
	spin_lock_bh(&c->sk->sk_lock.slock);
	set_bit(CHIMDRV_C_UNDO, &conn->bits);
	set_bit(CHIMDRV_C_LET_GO, &conn->bits);
	chimdrv_progress_check(conn);
	spin_unlock_bh(&c->sk->sk_lock.slock);
	wake_up_all(&od->idle);
	refuse(c, c->cd, why);
}

/* ------------------------------------------------------------------ into the block list */

/* Owned, so nothing new comes: frames of the socket leave queueing discipline and ring. */
static bool drained(struct sock *sk, unsigned long end)
{
	while (refcount_read(&sk->sk_wmem_alloc) > 1) {
		if (time_after(jiffies, end))
			return false;
		usleep_range(50, 200);
	}
	return true;
}

/* Owned. May it still go? Then it has its path. */
static enum chimdrv_refusal offload_check(struct chimdrv_candidate *c, unsigned long end)
{
	struct chimdrv_offload *od = chimdrv_od(c->cd);
	struct chimdrv_conn *conn = c->conn;
	enum chimdrv_refusal why;

	why = chimdrv_policy_recheck(c->sk);
	if (!why)
		why = chimdrv_policy_moment(c->sk);
	/* the card may have failed, and even work again, since the hook went in */
	if (!why && (test_bit(CHIMDRV_C_GONE, &conn->bits) || !READ_ONCE(od->up)))
		why = CHIMDRV_NO_DOWN;
	if (!why && test_bit(CHIMDRV_C_UPLOAD, &conn->bits))
		why = CHIMDRV_NO_BUSY;		/* somebody wants it back already */
	if (!why && !drained(c->sk, end))
		why = CHIMDRV_NO_DRAIN;
	if (!why)
		conn->path = chimdrv_path_get(od, c->sk, &why);
	return why;
}

/* Owned and checked. (c) Valves closed, snapshot into the list. */
static int offload_snapshot(struct chimdrv_candidate *c, struct chimdrv_blist *bl, u32 *root)
{
	struct chimdrv_offload *od = chimdrv_od(c->cd);
	struct chimdrv_conn *conn = c->conn;
	struct sock *sk = c->sk;
	u32 path_node, len;
	int err;

	chimdrv_hook_ct_liberal(sk);
	spin_lock_bh(&sk->sk_lock.slock);
	chimdrv_conn_set_state(conn, CHIMDRV_INITIATING);
	spin_unlock_bh(&sk->sk_lock.slock);
	chimdrv_state_capture(conn);
	chimdrv_valves_close(conn);
	path_node = chimdrv_path_node(od, conn->path, bl, root);
	c->tcp_node = chimdrv_blist_node(bl, CHIM_ROLE_NEW, CHIM_TCP_ALL, 0, conn->cookie);
	len = bl->len;
	err = chimdrv_state_export(conn, bl, c->tcp_node, &c->buffered);
	if (err) {
		bl->nodes--;			/* the node was the last and is not linked yet */
		chimdrv_blist_cut(bl, len);
		return err;
	}
	chimdrv_blist_at(bl, c->tcp_node)->next = chimdrv_blist_at(bl, path_node)->dependent;
	chimdrv_blist_at(bl, path_node)->dependent = cpu_to_le32(c->tcp_node);
	return 0;
}

/* Owned. Nobody is too large for an empty list, that is for the export to find out. */
static bool offload_fits(struct chimdrv_candidate *c, const struct chimdrv_blist *bl)
{
	const u32 path = sizeof(struct chim_neighbor_const) + sizeof(struct chim_neighbor_cached) +
			 sizeof(struct chim_neighbor_delegated) + sizeof(struct chim_path_const) +
			 sizeof(struct chim_path_cached) + sizeof(struct chim_path_delegated);
	u32 need = path + chimdrv_state_size(c->conn) + 64;	/* and its gaps */

	return !bl->nodes || (need < bl->max_len && bl->len < bl->max_len - need);
}

static enum chimdrv_refusal export_refusal(int err)
{
	if (err == -EOPNOTSUPP)
		return CHIMDRV_NO_UNREADABLE;
	return err == -ENOMEM ? CHIMDRV_NO_MEMORY : CHIMDRV_NO_SENDS;
}

/* One more into the list, or refused. False: the list is full, it has to wait for the next. */
static bool offload_add(struct chimdrv_candidate *c, struct chimdrv_blist *bl, u32 *root,
			unsigned long end)
{
	enum chimdrv_refusal why;
	bool fits;
	int err;

	if (!own_until(c->sk, end)) {
		offload_undo(c, CHIMDRV_NO_OWNED);
		return true;
	}
	fits = offload_fits(c, bl);
	if (!fits)
		goto out;
	why = offload_check(c, end);
	if (!why) {
		err = offload_snapshot(c, bl, root);
		if (err)
			why = export_refusal(err);
	}
	if (why)
		offload_undo(c, why);
out:
	release_sock(c->sk);
	return fits;
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
		spin_lock_bh(&c->sk->sk_lock.slock);
		if (conn->state == CHIMDRV_INITIATING) {	/* else it ended with the card */
			refcount_inc(&conn->refs);
			set_bit(CHIMDRV_C_TARGET, &conn->bits);
			set_bit(CHIMDRV_C_ADMIN, &conn->bits);
			chimdrv_progress_check(conn);
		}
		spin_unlock_bh(&c->sk->sk_lock.slock);
		return;
	}
	chimdrv_count(c->cd, initiate_failures);
	if (chimdrv_admin_lost(err)) {
		/* the card may have taken it before it failed: it ends with the card */
		refuse(c, c->cd, CHIMDRV_NO_DOWN);
		return;
	}
	/* below a failed object there is only FAILURE (TRE-17) */
	c->status = (err ? 0 : chimdrv_path_refused(conn->path)) ?: status;
	offload_undo(c, CHIMDRV_NO_CARD);
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
	/* it cannot have gone back meanwhile, that needs od->mutex: it ended with the card */
	if (READ_ONCE(conn->state) != CHIMDRV_OFFLOADED) {
		refuse(c, c->cd, CHIMDRV_NO_DOWN);
		return;
	}
	c->err = 0;
	/* data written meanwhile, and anything that came while a process owned it */
	spin_lock_bh(&c->sk->sk_lock.slock);
	chimdrv_progress_check(conn);
	spin_unlock_bh(&c->sk->sk_lock.slock);
	chimdrv_genl_event(conn, CHIMNEY_EVENT_OFFLOADED);
}

/* (d), (e) for those of the batch that are in the list. */
static void offload_run(struct chimdrv_dev *cd, struct list_head *batch, struct chimdrv_blist *bl)
{
	struct chimdrv_offload *od = chimdrv_od(cd);
	struct chimdrv_admin_cmd cmd = { };
	struct chimdrv_candidate *c;
	u32 fences = 0, fence;
	int err;

	fence = chimdrv_stateop_fence_id(od);
	err = offload_fences(cd, fence, &fences);
	if (!err)
		err = chimdrv_stateop_exec(cd, CHIM_OP_INITIATE, bl, fence, fences, &cmd);
	else if (fences)
		chimdrv_stateop_void(cd, fence, fences);
	if (!err)
		chimdrv_path_results(od, bl);
	list_for_each_entry(c, batch, node)
		if (c->err == -EINPROGRESS)
			offload_result(c, bl, err);
	list_for_each_entry(c, batch, node)
		offload_wait(c);
}

/*
 * (c), (d), (e) for connections of one card that have been attached and fenced.
 * Those for which the list has no room go to @later.
 */
static void offload_batch(struct chimdrv_dev *cd, struct list_head *batch, unsigned int n,
			  struct list_head *later)
{
	struct chimdrv_offload *od = chimdrv_od(cd);
	u32 root = CHIM_NODE_NONE, live = 0;
	struct chimdrv_candidate *c, *next;
	struct chimdrv_blist bl;
	unsigned long end;
	int err;

	mutex_lock(&od->mutex);
	end = jiffies + msecs_to_jiffies(STILL_MS);
	err = chimdrv_blist_init(&bl, cd, 3 * n);
	list_for_each_entry_safe(c, next, batch, node) {
		if (err)
			offload_undo(c, CHIMDRV_NO_MEMORY);
		else if (!offload_add(c, &bl, &root, end))
			list_move_tail(&c->node, later);
		else
			live += c->err == -EINPROGRESS;
	}
	if (live) {
		((struct chim_block_list *)bl.buf)->root = cpu_to_le32(root);
		if (live > 1)
			chimdrv_count(cd, bulk_lists);
		offload_run(cd, batch, &bl);
	}
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
	unsigned long end = jiffies + msecs_to_jiffies(OWN_MS);
	struct chimdrv_dev *cd;
	unsigned int n, max;
	LIST_HEAD(done);
	LIST_HEAD(batch);
	LIST_HEAD(later);

	list_for_each_entry_safe(c, next, candidates, node) {
		offload_attach(c, end);
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
		offload_batch(cd, &batch, n, &later);
		list_for_each_entry(c, &batch, node) {
			chimdrv_conn_put(c->conn);	/* ours */
			c->conn = NULL;
		}
		list_splice_tail_init(&batch, &done);
		list_splice_init(&later, candidates);
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
	c = chimdrv_cache_alloc(CHIMDRV_CACHE_CANDIDATE, GFP_ATOMIC | __GFP_NOWARN | __GFP_ZERO);
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
		chimdrv_cache_free(CHIMDRV_CACHE_CANDIDATE, c);
	}
}

/* No work runs and none comes any more: those that still wait are let off. */
void chimdrv_offload_work_end(struct chimdrv_offload *od)
{
	struct chimdrv_candidate *c, *next;

	cancel_work_sync(&od->offload_work);
	list_for_each_entry_safe(c, next, &od->candidates, node) {
		list_del(&c->node);
		sock_put(c->sk);
		chimdrv_cache_free(CHIMDRV_CACHE_CANDIDATE, c);
	}
	od->ncandidates = 0;
}

/* Once per card, before anybody can ask. */
void chimdrv_offload_work_init(struct chimdrv_offload *od)
{
	INIT_LIST_HEAD(&od->candidates);
	INIT_WORK(&od->offload_work, offload_work);
}
