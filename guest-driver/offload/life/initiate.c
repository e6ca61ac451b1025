// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs one INITIATE: puts the sockets of a batch into its list, posts the TX_FENCEs before
 * it, and reads the card's status. offload.c chooses the batch and awaits the markers.
 *
 * Process context. od->mutex is held except in chimdrv_initiate_refuse(); the socket is
 * owned in each step that changes it.
 */
#include "offload/life/initiate.h"
#include "compat/window.h"
#include "nic/adminq.h"
#include "nic/carried.h"
#include "nic/tx.h"
#include "offload/card/blocklist.h"
#include "offload/card/neigh.h"
#include "offload/card/probe.h"
#include "offload/card/state_export.h"
#include "offload/card/stateop.h"
#include "offload/conn.h"
#include "offload/life/candidate_types.h"
#include "offload/life/own.h"
#include "offload/life/progress.h"
#include "offload/life/refusals.h"
#include "offload/od.h"
#include "offload/reasons.h"
#include "offload/socket/check.h"
#include "offload/socket/snapshot.h"
#include "offload/socket/state_timers.h"
#include "offload/socket/valves.h"
#include "offload/trace.h"

void chimdrv_initiate_refuse(struct chimdrv_candidate *c, enum chimdrv_refusal why)
{
	c->refusal = why;
	c->err = chimdrv_refusal_errno(why);
	trace_chimney_refuse(c->sk, why);
}

/*
 * od->mutex, for the path. The card does not get the connection, or refuses it: restore
 * it as it was, now or when the socket's owner lets go.
 */
void chimdrv_initiate_undo(struct chimdrv_candidate *c, enum chimdrv_refusal why)
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
	chimdrv_initiate_refuse(c, why);
}

/* ------------------------------------------------------------------ into the block list */

/* Owned. May it still be offloaded? Then it has its path, and a probe reached the card intact. */
static enum chimdrv_refusal check(struct chimdrv_candidate *c, unsigned long end)
{
	struct chimdrv_od *od = chimdrv_od(c->cd);
	struct chimdrv_conn *conn = c->conn;
	enum chimdrv_refusal why;

	why = chimdrv_check_again(c->sk);
	if (!why)
		why = chimdrv_check_moment(c->sk);
	if (!why && chimdrv_compat_max_window(tcp_sk(c->sk)) > conn->cd->limits.rcv_wnd)
		why = CHIMDRV_NO_WINDOW;	/* Linux TCP has offered more than the card can */
	/* the card may have failed, and even work again, since the hook went in */
	if (!why && (test_bit(CHIMDRV_C_GONE, &conn->bits) || !READ_ONCE(od->up)))
		why = CHIMDRV_NO_DOWN;
	if (!why && test_bit(CHIMDRV_C_UPLOAD, &conn->bits))
		why = CHIMDRV_NO_BUSY;		/* somebody wants it back already */
	if (!why)
		chimdrv_timers_settle(conn);
	if (!why && !chimdrv_own_drained(c->sk, end))
		why = CHIMDRV_NO_DRAIN;
	if (!why)
		conn->path = chimdrv_path_get(od, conn, &why);
	if (!why)
		why = chimdrv_probe(conn, end, chimdrv_own_drained);
	return why;
}

/* (c) Owned and checked: take the snapshot, close the valves, export the state into the list. */
static int snapshot(struct chimdrv_candidate *c, struct chimdrv_blocklist *bl, u32 *root)
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

/* Owned. An empty list has room for anyone; the export finds out if it has not. */
static bool has_place(struct chimdrv_candidate *c, const struct chimdrv_blocklist *bl)
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
	if (err == -ETIME)
		return CHIMDRV_NO_TIMESTAMPING;
	return err == -ENOMEM ? CHIMDRV_NO_MEMORY : CHIMDRV_NO_SENDS;
}

/* Add one to the list, or refuse it. False: the list is full, it waits for the next one. */
bool chimdrv_initiate_add(struct chimdrv_candidate *c, struct chimdrv_blocklist *bl, u32 *root,
			  unsigned long end)
{
	enum chimdrv_refusal why;
	bool fits;
	int err;

	if (!chimdrv_own_until(c->sk, end)) {
		chimdrv_initiate_undo(c, CHIMDRV_NO_OWNED);
		return true;
	}
	fits = has_place(c, bl);
	if (!fits)
		goto out;
	why = check(c, end);
	if (!why) {
		err = snapshot(c, bl, root);
		if (err)
			why = export_refusal(err);
	}
	if (why)
		chimdrv_initiate_undo(c, why);
out:
	release_sock(c->sk);
	return fits;
}

/* -------------------------------------------------------------------------- the command */

/* Post one TX_FENCE per ring: any ring may have carried frames of the connections. */
static int post_fences(struct chimdrv_dev *cd, u32 id, u32 *count)
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
	chimdrv_count_add(conn->cd, buffered_in_bytes, conn->rcv.buffered);
	if (s->timers.delack != CHIM_TIMER_IDLE)
		chimdrv_count(conn->cd, owed_acks);
	chimdrv_count_add(conn->cd, send_in_unacked_bytes, s->snd_nxt - s->snd_una);
	chimdrv_count_add(conn->cd, send_in_rexmit_bytes, s->snd_max - s->snd_nxt);
	chimdrv_count_add(conn->cd, send_in_unsent_bytes, conn->snd.posted_seq - s->snd_max);
}

/* Act on the card's status for one connection. */
static void result(struct chimdrv_candidate *c, struct chimdrv_blocklist *bl, int err)
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
		chimdrv_initiate_refuse(c, CHIMDRV_NO_DOWN);
		return;
	}
	/* below a failed object there is only FAILURE (TRE-17) */
	c->status = (err ? 0 : chimdrv_path_refused(conn->path)) ?: status;
	chimdrv_initiate_undo(c, CHIMDRV_NO_CARD);
	trace_chimney_card_refused(c->sk, c->status);
}

/* (d), (e) for the connections of the batch that are in the list. */
void chimdrv_initiate(struct chimdrv_dev *cd, struct list_head *batch, unsigned int live,
		      struct chimdrv_blocklist *bl)
{
	struct chimdrv_od *od = chimdrv_od(cd);
	struct chimdrv_admin_cmd cmd = { };
	struct chimdrv_candidate *c;
	u32 fences = 0, fence;
	int err;

	fence = chimdrv_stateop_fence_id(od);
	err = post_fences(cd, fence, &fences);
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
		result(c, bl, err);
		c->again = err && live > 1 && !chimdrv_admin_lost(err);
	}
}
