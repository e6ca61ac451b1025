// SPDX-License-Identifier: GPL-2.0-only
/*
 * Offloads sockets in batches. HOST -> HOLDING (hook in, arrivals still go to Linux
 * TCP) -> one RCU fence -> INITIATING (snapshot taken, valves closed, arrivals held) ->
 * INITIATE -> OFFLOADED; or back to HOST as if nothing had happened, with the reason.
 *
 * Process context. The socket is owned in each step that changes it. od->mutex is held
 * from the first snapshot of a batch to the card's answer, but not while waiting for
 * the markers: a late one delays only its own connection.
 */
#include <linux/module.h>

#include "offload/life/offload.h"
#include "nic/tx.h"
#include "offload/ask.h"
#include "offload/card/blocklist.h"
#include "offload/card/late.h"
#include "offload/card/neigh.h"
#include "offload/card/params.h"
#include "offload/card/room.h"
#include "offload/conn.h"
#include "offload/life/backoff.h"
#include "offload/life/candidate_types.h"
#include "offload/life/initiate.h"
#include "offload/life/own.h"
#include "offload/life/progress.h"
#include "offload/od.h"
#include "offload/socket/attach.h"
#include "offload/socket/check.h"
#include "offload/socket/route.h"

#define OWN_MS		200	/* for all sockets of a list: until their owners let go */
#define WAITERS_TRIES	20	/* for a moment at which nobody waits for a socket */
#define STILL_MS	100	/* for a batch in which some stand still: for owners, frames */

static bool no_fence;
module_param_named(unsafe_no_fence, no_fence, bool, 0644);
MODULE_PARM_DESC(unsafe_no_fence,
		 "Tests only: leave out the RCU fence at offload, to show what it is for");

/* -------------------------------------------------------------------- hook in, and back */

/* Owned. Create a connection and join it to the card that its route leads to. NULL: refused. */
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
		chimdrv_initiate_refuse(c, why);
	rcu_read_unlock();
	if (!why)
		return conn;
	if (conn)
		chimdrv_conn_discard(conn);
	return NULL;
}

/* (a) Owned. Install the hook; Linux TCP still runs. False: somebody waits for the socket. */
static bool offload_attach_owned(struct chimdrv_candidate *c, bool insist)
{
	enum chimdrv_refusal why = CHIMDRV_NO_MEMORY;
	struct chimdrv_conn *conn;
	int err = 0;

	/* a route that has gone stale, or was forgotten at a timeout, is looked up again */
	if (chimdrv_check_again(c->sk) == CHIMDRV_NO_NONE &&
	    chimdrv_route_renew(c->sk)) {
		chimdrv_initiate_refuse(c, CHIMDRV_NO_ROUTE);
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
		chimdrv_initiate_refuse(c, why);
	chimdrv_conn_put(conn);
	return err != -EAGAIN;
}

static void offload_attach(struct chimdrv_candidate *c, unsigned long end)
{
	unsigned int tries;
	bool done;

	c->err = -EINPROGRESS;
	for (tries = 0; chimdrv_own_until(c->sk, end); tries++) {
		done = offload_attach_owned(c, tries == WAITERS_TRIES);
		release_sock(c->sk);
		if (done)
			return;
		usleep_range(20, 50);
	}
	chimdrv_initiate_refuse(c, CHIMDRV_NO_OWNED);
}

/* -------------------------------------------------------------------------- the command */

/*
 * While the wire takes no frames, the fences of an INITIATE would not pass, and would
 * hold up every other state operation of the card.
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

/*
 * The card has the connection but its markers are late: take it back, by the handle that
 * the INITIATE returned. False: the markers have come by now, or the card has failed.
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
		chimdrv_ask_upload(conn, CHIMDRV_WHY_LATE);
		chimdrv_progress_check(conn);
	}
	spin_unlock_bh(&c->sk->sk_lock.slock);
	if (!late)
		return false;
	dev_warn_ratelimited(c->cd->dev, "no %s of a connection within %u ms: it is taken back\n",
			     opened ? "CUTOVER" : "OPENED", CHIMDRV_LATE_MS);
	chimdrv_count(c->cd, late_markers);
	chimdrv_initiate_refuse(c, CHIMDRV_NO_LATE);
	return true;
}

/* Wait for both markers until @end. It may go back, or end with the card, meanwhile. */
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
		chimdrv_initiate_refuse(c, CHIMDRV_NO_DOWN);
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

/*
 * (c), (d), (e) for attached and fenced connections of one card. Those for which the
 * list has no room go to @later.
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
			chimdrv_initiate_undo(c, CHIMDRV_NO_DRAIN);
		else if (!chimdrv_initiate_add(c, &bl, &root, end))
			list_move_tail(&c->node, later);
		else
			live += c->err == -EINPROGRESS;
	}
	if (live) {
		((struct chim_block_list *)bl.buf)->root = cpu_to_le32(root);
		chimdrv_initiate(cd, batch, live, &bl);
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

/* Attach all, wait one RCU grace period for all, then run batches of at most @most per card. */
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
 * Process context, no socket owned. Offload sockets; each candidate has its answer
 * afterwards. A list that the card refuses as a whole is halved, so that one unsuitable
 * connection does not keep the others out.
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
