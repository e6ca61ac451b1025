// SPDX-License-Identifier: GPL-2.0-only
/*
 * Offload: sockets go over to the target in batches. HOST -> HOLDING (hook in,
 * arrivals pass it to Linux TCP) -> one RCU fence -> INITIATING (arrivals
 * held, valves closed, snapshot taken) -> INITIATE -> OFFLOADED; or back to HOST
 * as if nothing had been, with the reason.
 *
 * Process context. The socket is owned in each step that changes it, od->mutex is
 * held from the first snapshot of a batch to the card's answer. The markers are waited
 * for without it: a late one holds up nothing but its own connection.
 */
#include <linux/module.h>

#include "offload/life/offload.h"
#include "nic/adminq.h"
#include "nic/carried.h"
#include "nic/tx.h"
#include "offload/ask.h"
#include "offload/card/blocklist.h"
#include "offload/card/late.h"
#include "offload/card/neigh.h"
#include "offload/card/params.h"
#include "offload/card/probe.h"
#include "offload/card/room.h"
#include "offload/card/state_export.h"
#include "offload/card/stateop.h"
#include "offload/conn.h"
#include "offload/life/backoff.h"
#include "offload/life/progress.h"
#include "offload/life/refusals.h"
#include "offload/od.h"
#include "offload/reasons.h"
#include "offload/socket/attach.h"
#include "offload/socket/check.h"
#include "offload/socket/snapshot.h"
#include "offload/socket/state_timers.h"
#include "offload/socket/valves.h"
#include "offload/trace.h"

#define OWN_MS		200	/* for all sockets of a list: until their owners let go */
#define WAITERS_TRIES	20	/* for a moment at which nobody waits for a socket */
#define STILL_MS	100	/* for a batch in which some stand still: for owners, frames */

static bool no_fence;
module_param_named(unsafe_no_fence, no_fence, bool, 0644);
MODULE_PARM_DESC(unsafe_no_fence,
		 "Tests only: leave out the RCU fence at offload, to show what it is for");

static void refuse(struct chimdrv_candidate *c, enum chimdrv_refusal why)
{
	c->refusal = why;
	c->err = chimdrv_refusal_errno(why);
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

	if (conn)
		chimdrv_progress_init(conn);
	rcu_read_lock();
	if (conn)
		why = chimdrv_check(c->sk, &cd);
	if (!why && !chimdrv_conn_join(conn, cd))
		why = CHIMDRV_NO_DOWN;
	if (why)
		refuse(c, why);
	rcu_read_unlock();
	if (!why)
		return conn;
	if (conn)
		chimdrv_conn_discard(conn);
	return NULL;
}

/* (a) Hook in, Linux TCP still whole. Owned. False: somebody waits for the socket. */
static bool offload_attach_owned(struct chimdrv_candidate *c, bool insist)
{
	enum chimdrv_refusal why = CHIMDRV_NO_MEMORY;
	struct chimdrv_conn *conn;
	int err = 0;

	/* a route that has gone stale, or was forgotten at a timeout, is looked up again */
	if (chimdrv_check_again(c->sk) == CHIMDRV_NO_NONE &&
	    inet_csk(c->sk)->icsk_af_ops->rebuild_header(c->sk)) {
		refuse(c, CHIMDRV_NO_ROUTE);
		return true;
	}
	conn = conn_for(c);
	if (!conn)
		return true;
	if (!chimdrv_conn_name(conn)) {
		err = chimdrv_attach(conn, insist);
		if (!err) {
			c->conn = conn;
			c->cd = conn->cd;
			return true;
		}
		why = err == -EBUSY ? CHIMDRV_NO_BUSY : CHIMDRV_NO_ULP;
	}
	if (err != -EAGAIN)
		refuse(c, why);
	chimdrv_conn_put(conn);
	return err != -EAGAIN;
}

static void offload_attach(struct chimdrv_candidate *c, unsigned long end)
{
	unsigned int tries;
	bool done;

	c->err = -EINPROGRESS;
	for (tries = 0; own_until(c->sk, end); tries++) {
		done = offload_attach_owned(c, tries == WAITERS_TRIES);
		release_sock(c->sk);
		if (done)
			return;
		usleep_range(20, 50);
	}
	refuse(c, CHIMDRV_NO_OWNED);
}

/*
 * The card does not get it, or does not want it: as it was before, now or when the
 * socket's owner lets go. od->mutex, for the path.
 */
static void offload_undo(struct chimdrv_candidate *c, enum chimdrv_refusal why)
{
	struct chimdrv_od *od = chimdrv_od(c->cd);
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
	refuse(c, why);
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

/* Owned. May it still go? Then it has its path, and the way to the card is straight. */
static enum chimdrv_refusal offload_check(struct chimdrv_candidate *c, unsigned long end)
{
	struct chimdrv_od *od = chimdrv_od(c->cd);
	struct chimdrv_conn *conn = c->conn;
	enum chimdrv_refusal why;

	why = chimdrv_check_again(c->sk);
	if (!why)
		why = chimdrv_check_moment(c->sk);
	/* the card may have failed, and even work again, since the hook went in */
	if (!why && (test_bit(CHIMDRV_C_GONE, &conn->bits) || !READ_ONCE(od->up)))
		why = CHIMDRV_NO_DOWN;
	if (!why && test_bit(CHIMDRV_C_UPLOAD, &conn->bits))
		why = CHIMDRV_NO_BUSY;		/* somebody wants it back already */
	if (!why)
		chimdrv_timers_settle(conn);
	if (!why && !drained(c->sk, end))
		why = CHIMDRV_NO_DRAIN;
	if (!why)
		conn->path = chimdrv_path_get(od, conn, &why);
	if (!why)
		why = chimdrv_probe(conn, end, drained);
	return why;
}

/* Owned and checked. (c) Valves closed, snapshot into the list. */
static int offload_snapshot(struct chimdrv_candidate *c, struct chimdrv_blocklist *bl, u32 *root)
{
	struct chimdrv_od *od = chimdrv_od(c->cd);
	struct chimdrv_conn *conn = c->conn;
	struct sock *sk = c->sk;
	u32 path_node, len;
	int err;

	spin_lock_bh(&sk->sk_lock.slock);
	chimdrv_conn_set_state(conn, CHIMDRV_INITIATING);
	spin_unlock_bh(&sk->sk_lock.slock);
	chimdrv_snapshot(conn);
	chimdrv_valves_close(conn);
	path_node = chimdrv_path_node(od, conn->path, bl, root);
	c->tcp_node = chimdrv_blocklist_node(bl, CHIM_ROLE_NEW, CHIM_TCP_ALL, 0, conn->cookie);
	len = bl->len;
	err = chimdrv_state_export(conn, bl, c->tcp_node, &c->buffered);
	if (err) {
		bl->nodes--;			/* the node was the last and is not linked yet */
		chimdrv_blocklist_cut(bl, len);
		return err;
	}
	chimdrv_blocklist_hang(bl, path_node, c->tcp_node);
	return 0;
}

/* Owned. Nobody is too large for an empty list, that is for the export to find out. */
static bool offload_fits(struct chimdrv_candidate *c, const struct chimdrv_blocklist *bl)
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
static bool offload_add(struct chimdrv_candidate *c, struct chimdrv_blocklist *bl, u32 *root,
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

/*
 * While the wire takes no frames the fences of an INITIATE would not pass, and
 * nothing else of the card could be run meanwhile.
 */
static bool offload_wire_moves(struct chimdrv_dev *cd, unsigned long end)
{
	struct chimdrv_net *net = cd->net;
	unsigned int i;

	for (i = 0; i < net->pairs; i++)
		if (!chimdrv_tx_moves(net->pair[i], end))
			return false;
	return true;
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

	chimdrv_refusals_carried(conn->sk);
	chimdrv_carried_begin(conn->cd);
	chimdrv_count(conn->cd, initiates);
	chimdrv_count(conn->cd, connections);
	chimdrv_count_add(conn->cd, buffered_in_bytes, conn->buffered);
	if (s->timers.delack != CHIM_TIMER_IDLE)
		chimdrv_count(conn->cd, owed_acks);
	chimdrv_count_add(conn->cd, send_in_unacked_bytes, s->snd_nxt - s->snd_una);
	chimdrv_count_add(conn->cd, send_in_rexmit_bytes, s->snd_max - s->snd_nxt);
	chimdrv_count_add(conn->cd, send_in_unsent_bytes, conn->posted_seq - s->snd_max);
}

/* The card's word on one connection. */
static void offload_result(struct chimdrv_candidate *c, struct chimdrv_blocklist *bl, int err)
{
	struct chimdrv_conn *conn = c->conn;
	const struct chim_node *node = chimdrv_blocklist_at(bl, c->tcp_node);
	u32 status = err ? CHIM_ST_FAILURE : le32_to_cpu(node->status);

	if (!err && status == CHIM_ST_SUCCESS) {
		count_initiated(conn);
		spin_lock_bh(&c->sk->sk_lock.slock);
		if (conn->state == CHIMDRV_INITIATING) {	/* else it ended with the card */
			refcount_inc(&conn->refs);
			c->handle = le32_to_cpu(node->handle);
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
		refuse(c, CHIMDRV_NO_DOWN);
		return;
	}
	/* below a failed object there is only FAILURE (TRE-17) */
	c->status = (err ? 0 : chimdrv_path_refused(conn->path)) ?: status;
	offload_undo(c, CHIMDRV_NO_CARD);
	trace_chimney_card_refused(c->sk, c->status);
}

/*
 * The card has it, and does not say so in order: it is taken back, by the handle that
 * the INITIATE has told. False: it has said so by now, or has failed.
 */
static bool offload_late(struct chimdrv_candidate *c)
{
	struct chimdrv_conn *conn = c->conn;
	bool late, opened;

	spin_lock_bh(&c->sk->sk_lock.slock);
	opened = test_bit(CHIMDRV_C_OPENED, &conn->bits);
	late = conn->state == CHIMDRV_INITIATING && !test_bit(CHIMDRV_C_GONE, &conn->bits);
	if (late) {
		set_bit(CHIMDRV_C_QUIET, &conn->bits);
		if (!opened)
			conn->handle = c->handle;
		set_bit(CHIMDRV_C_OPENED, &conn->bits);
		set_bit(CHIMDRV_C_CUTOVER, &conn->bits);
		chimdrv_progress_check(conn);
	}
	spin_unlock_bh(&c->sk->sk_lock.slock);
	if (!late)
		return false;
	dev_warn_ratelimited(c->cd->dev, "no %s of a connection within %u ms: it is taken back\n",
			     opened ? "CUTOVER" : "OPENED", CHIMDRV_LATE_MS);
	chimdrv_count(c->cd, late_markers);
	chimdrv_ask_upload(conn, CHIMDRV_WHY_LATE);
	refuse(c, CHIMDRV_NO_LATE);
	return true;
}

/* Both markers, by @end. It may have gone back again by now, or ended with the card. */
static void offload_wait(struct chimdrv_candidate *c, unsigned long end)
{
	struct chimdrv_conn *conn = c->conn;
	long left = (long)(end - jiffies);

	if (c->err != -EINPROGRESS)
		return;
	if (!wait_event_timeout(conn->wait, READ_ONCE(conn->state) != CHIMDRV_INITIATING ||
				test_bit(CHIMDRV_C_GONE, &conn->bits), max(left, 1L)) &&
	    offload_late(c))
		return;
	/* one that the card has given back it has had */
	if (test_bit(CHIMDRV_C_GONE, &conn->bits) && !test_bit(CHIMDRV_C_FINAL, &conn->bits)) {
		refuse(c, CHIMDRV_NO_DOWN);
		return;
	}
	c->err = 0;
	if (READ_ONCE(conn->state) == CHIMDRV_OFFLOADED)
		chimdrv_backoff_over(c->sk);
	/* data written meanwhile, and anything that came while a process owned it */
	spin_lock_bh(&c->sk->sk_lock.slock);
	chimdrv_progress_check(conn);
	spin_unlock_bh(&c->sk->sk_lock.slock);
}

static void offload_wait_all(struct list_head *done)
{
	unsigned long end = jiffies + msecs_to_jiffies(CHIMDRV_LATE_MS);
	struct chimdrv_candidate *c;

	list_for_each_entry(c, done, node) {
		if (!c->conn)
			continue;
		offload_wait(c, end);
		chimdrv_conn_put(c->conn);		/* ours */
		c->conn = NULL;
	}
}

/* (d), (e) for those of the batch that are in the list. */
static void offload_run(struct chimdrv_dev *cd, struct list_head *batch, unsigned int live,
			struct chimdrv_blocklist *bl)
{
	struct chimdrv_od *od = chimdrv_od(cd);
	struct chimdrv_admin_cmd cmd = { };
	struct chimdrv_candidate *c;
	u32 fences = 0, fence;
	int err;

	fence = chimdrv_stateop_fence_id(od);
	err = offload_fences(cd, fence, &fences);
	list_for_each_entry(c, batch, node)
		if (c->err == -EINPROGRESS)
			chimdrv_state_age(c->conn, bl, c->tcp_node);
	if (!err)
		err = chimdrv_stateop_exec(cd, CHIM_OP_INITIATE, bl, fence, fences, &cmd);
	else if (fences)
		chimdrv_stateop_void(cd, bl, fence, fences);
	if (!err && live > 1)
		chimdrv_count(cd, bulk_lists);
	if (!err)
		chimdrv_path_results(od, bl);
	list_for_each_entry(c, batch, node) {
		if (c->err != -EINPROGRESS)
			continue;
		offload_result(c, bl, err);
		c->again = err && live > 1 && !chimdrv_admin_lost(err);
	}
}

/*
 * (c), (d), (e) for connections of one card that have been attached and fenced.
 * Those for which the list has no room go to @later.
 */
static void offload_batch(struct chimdrv_dev *cd, struct list_head *batch, unsigned int n,
			  struct list_head *later)
{
	struct chimdrv_od *od = chimdrv_od(cd);
	u32 root = CHIM_NODE_NONE, live = 0;
	struct chimdrv_candidate *c, *next;
	struct chimdrv_blocklist bl;
	unsigned long end;
	bool moves;

	mutex_lock(&od->mutex);
	chimdrv_params_tell(od);
	end = jiffies + msecs_to_jiffies(STILL_MS);
	chimdrv_blocklist_init(&bl, cd, 3 * n);
	moves = offload_wire_moves(cd, end);
	list_for_each_entry_safe(c, next, batch, node) {
		if (!moves)
			offload_undo(c, CHIMDRV_NO_DRAIN);
		else if (!offload_add(c, &bl, &root, end))
			list_move_tail(&c->node, later);
		else
			live += c->err == -EINPROGRESS;
	}
	if (live) {
		((struct chim_block_list *)bl.buf)->root = cpu_to_le32(root);
		offload_run(cd, batch, live, &bl);
	}
	list_for_each_entry(c, batch, node) {
		chimdrv_room_destroy(c->buffered);
		c->buffered = NULL;
	}
	chimdrv_blocklist_fini(&bl);
	chimdrv_neigh_idle_soon(od);
	mutex_unlock(&od->mutex);
}

/* --------------------------------------------------------------------- lists of sockets */

/* Attach all, one RCU grace period for all, then batches of at most @most per card. */
static void offload_pass(struct list_head *candidates, unsigned int most)
{
	struct chimdrv_candidate *c, *next;
	unsigned long end = jiffies + msecs_to_jiffies(OWN_MS);
	struct chimdrv_dev *cd;
	unsigned int n, max;
	LIST_HEAD(done);
	LIST_HEAD(batch);
	LIST_HEAD(later);

	list_for_each_entry_safe(c, next, candidates, node) {
		c->again = false;
		c->refusal = CHIMDRV_NO_NONE;
		c->status = 0;
		offload_attach(c, end);
		if (!c->conn)
			list_move_tail(&c->node, &done);
	}
	/* segments already past the hook reach Linux TCP before the valves close */
	if (!list_empty(candidates) && !READ_ONCE(no_fence))
		synchronize_rcu_expedited();
	while (!list_empty(candidates)) {
		cd = list_first_entry(candidates, struct chimdrv_candidate, node)->cd;
		max = clamp_t(u32, cd->limits.nodes / 3, 1, most);
		n = 0;
		list_for_each_entry_safe(c, next, candidates, node) {
			if (c->cd != cd || n == max)
				continue;
			list_move_tail(&c->node, &batch);
			n++;
		}
		offload_batch(cd, &batch, n, &later);
		list_splice_tail_init(&batch, &done);
		list_splice_init(&later, candidates);
	}
	offload_wait_all(&done);
	list_splice(&done, candidates);
}

/*
 * Bring sockets over. Each candidate has its answer afterwards. A list that the card
 * refuses as a whole is halved, so that one unsuitable connection does not speak for
 * the others. Process context, no socket owned.
 */
void chimdrv_offload_list(struct list_head *candidates)
{
	unsigned int most = CHIMDRV_BATCH;
	struct chimdrv_candidate *c, *next;
	LIST_HEAD(done);

	for (; !list_empty(candidates); most = max(most / 2, 1u)) {
		offload_pass(candidates, most);
		list_for_each_entry_safe(c, next, candidates, node)
			if (!c->again)
				list_move_tail(&c->node, &done);
	}
	list_splice(&done, candidates);
}
