// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tells the target about changed cached variables. Connections are listed from any
 * context (ask.c), those that the card could not be told of with the time when they are
 * due again; a work runs one UPDATE for as many as are.
 *
 * od->lock protects the lists. The work holds od->mutex, and takes slock to read the
 * variables.
 */
#include "offload/life/update.h"
#include "nic/adminq.h"
#include "offload/ask.h"
#include "offload/card/blocklist.h"
#include "offload/card/state_export.h"
#include "offload/card/stateop.h"
#include "offload/conn.h"
#include "offload/life/progress.h"
#include "offload/od.h"
#include "offload/socket/window.h"

#define AGAIN_TRIES	20	/* tries in a row, then an upload */
#define UPDATE_BATCH	(CHIMDRV_BATCH / 4)

struct update {
	struct chimdrv_conn *conn;
	u32 node;		/* CHIM_NODE_NONE: not in the list */
	u32 granted;		/* wnd.granted before; restored if the card was not told */
	u32 wnd;		/* what the card is told */
};

static int update_node(struct update *u, struct chimdrv_blocklist *bl)
{
	int off = chimdrv_blocklist_reserve(bl, sizeof(struct chim_tcp_cached));
	struct chimdrv_conn *conn = u->conn;
	struct chim_node *n;
	u32 node;

	if (off < 0)
		return off;
	spin_lock_bh(&conn->sk->sk_lock.slock);
	u->granted = conn->wnd.granted;
	u->wnd = chimdrv_state_cached(conn, chimdrv_blocklist_ptr(bl, off), true);
	spin_unlock_bh(&conn->sk->sk_lock.slock);
	node = chimdrv_blocklist_node(bl, CHIM_ROLE_OBJECT, CHIM_TCP_CACHED, conn->handle,
				      conn->cookie);
	n = chimdrv_blocklist_at(bl, node);
	n->state_off = cpu_to_le32(off);
	n->state_len = cpu_to_le32(sizeof(struct chim_tcp_cached));
	if (node)
		chimdrv_blocklist_at(bl, node - 1)->next = cpu_to_le32(node);
	u->node = node;
	return 0;
}

/* Jiffies until the connection is due; 0: it is. */
static unsigned long due_in(const struct chimdrv_conn *conn)
{
	unsigned long now = jiffies;

	return time_after(conn->update_due, now) ? conn->update_due - now : 0;
}

/* od->lock. The first of those that wait for another try. */
static struct chimdrv_conn *first_later(struct chimdrv_od *od)
{
	return list_first_entry_or_null(&od->updates_later, struct chimdrv_conn, update_link);
}

/* Take the next one that is due out of its list. */
static struct chimdrv_conn *next_conn(struct chimdrv_od *od)
{
	struct chimdrv_conn *conn;

	spin_lock_bh(&od->lock);
	conn = first_later(od);
	if (!conn || due_in(conn))
		conn = list_first_entry_or_null(&od->updates, struct chimdrv_conn, update_link);
	if (conn)
		list_del_init(&conn->update_link);
	spin_unlock_bh(&od->lock);
	return conn;
}

/* The connection does not fit into the list: another one may have room. */
static void update_full(struct chimdrv_conn *conn, const struct chimdrv_blocklist *bl)
{
	if (bl->nodes)
		chimdrv_ask_update(conn);
	else
		chimdrv_ask_update_again(conn);
}

/* Put the next connections that are due into the list, as many as fit. */
static unsigned int update_collect(struct chimdrv_od *od, struct update *up, unsigned int max,
				   struct chimdrv_blocklist *bl)
{
	struct chimdrv_conn *conn;
	unsigned int n = 0;
	bool full = false;

	while (n < max && !full && (conn = next_conn(od))) {
		clear_bit(CHIMDRV_C_UPDATE, &conn->bits);
		up[n] = (struct update){ .conn = conn, .node = CHIM_NODE_NONE };
		full = READ_ONCE(conn->state) == CHIMDRV_OFFLOADED && update_node(&up[n], bl);
		if (full)
			update_full(conn, bl);
		n++;
	}
	return n;
}

/* The card was not told: restore the window that it knows. */
static void update_untold(struct update *u)
{
	struct chimdrv_conn *conn = u->conn;

	spin_lock_bh(&conn->sk->sk_lock.slock);
	conn->wnd.granted = u->granted;
	spin_unlock_bh(&conn->sk->sk_lock.slock);
}

/*
 * The card was told. A smaller window holds from now on. A refused indication may go on
 * in any case; so may sends that waited for a new header, unless it has changed again.
 */
static void update_told(struct update *u)
{
	struct chimdrv_conn *conn = u->conn;
	bool waits = test_bit(CHIMDRV_C_REFUSED, &conn->bits);

	spin_lock_bh(&conn->sk->sk_lock.slock);
	if (!test_bit(CHIMDRV_C_UPDATE, &conn->bits))
		waits |= test_and_clear_bit(CHIMDRV_C_UNTOLD, &conn->bits);
	if (u->wnd < conn->wnd.granted) {
		chimdrv_window_told(conn, u->wnd);
		/* a program that has read meanwhile had no reason to ask for more than before */
		if (chimdrv_window_changed(conn))
			chimdrv_ask_update(conn);
	}
	if (waits)
		chimdrv_progress_check(conn);
	spin_unlock_bh(&conn->sk->sk_lock.slock);
}

/*
 * Act on the status for one connection. If the card has no room, try again; if it
 * refuses, upload (UPD-15).
 */
static void update_end(struct update *u, struct chimdrv_blocklist *bl, int err, u32 status)
{
	struct chimdrv_conn *conn = u->conn;

	if (!err)
		status = le32_to_cpu(chimdrv_blocklist_at(bl, u->node)->status);
	if (!err && status == CHIM_ST_SUCCESS) {
		conn->told.tries = 0;
		update_told(u);
		return;
	}
	if (chimdrv_admin_lost(err))
		return;
	if ((status == CHIM_ST_SUCCESS || status == CHIM_ST_RESOURCES || status == CHIM_ST_BUSY) &&
	    ++conn->told.tries < AGAIN_TRIES) {
		update_untold(u);
		chimdrv_ask_update_again(conn);
	} else {
		chimdrv_ask_upload(conn, CHIMDRV_WHY_CARD);
	}
}

/*
 * Run one UPDATE. Returns how many waited for it. *split: the card refused the whole
 * list, and they wait again, each for a list of its own.
 */
static unsigned int update_some(struct chimdrv_od *od, unsigned int most, bool *split)
{
	struct update up[UPDATE_BATCH];
	struct chimdrv_admin_cmd cmd = { };
	struct chimdrv_blocklist bl;
	unsigned int n, i;
	int err;

	chimdrv_blocklist_init(&bl, od->cd, most);
	n = update_collect(od, up, most, &bl);
	err = bl.nodes ? chimdrv_stateop_exec(od->cd, CHIM_OP_UPDATE, &bl, 0, 0, &cmd) : 0;
	if (bl.nodes > 1 && !err)
		chimdrv_count(od->cd, bulk_lists);
	*split = bl.nodes > 1 && err && !chimdrv_admin_lost(err);
	for (i = 0; i < n; i++) {
		if (up[i].node != CHIM_NODE_NONE && *split) {
			update_untold(&up[i]);
			chimdrv_ask_update(up[i].conn);
		} else if (up[i].node != CHIM_NODE_NONE) {
			update_end(&up[i], &bl, err, cmd.status);
		}
		chimdrv_conn_put(up[i].conn);
	}
	chimdrv_blocklist_fini(&bl);
	return n;
}

/* Run again when the first of those that wait is due. */
static void update_rearm(struct chimdrv_od *od)
{
	unsigned long wait = ULONG_MAX;
	struct chimdrv_conn *conn;

	spin_lock_bh(&od->lock);
	conn = first_later(od);
	if (!list_empty(&od->updates))
		wait = 0;
	else if (conn)
		wait = due_in(conn);
	spin_unlock_bh(&od->lock);
	if (wait != ULONG_MAX)
		queue_delayed_work(od->wq, &od->update_work, wait);
}

static void update_work(struct work_struct *work)
{
	struct chimdrv_od *od = container_of(work, struct chimdrv_od, update_work.work);
	unsigned int n, alone = 0;
	bool split;

	mutex_lock(&od->mutex);
	do {
		n = update_some(od, alone ? 1 : UPDATE_BATCH, &split);
		alone = split ? n : alone - min(alone, n);
	} while (n == UPDATE_BATCH || (n && alone));
	mutex_unlock(&od->mutex);
	update_rearm(od);
}

/* Once per card, before anybody can ask. */
void chimdrv_update_work_init(struct chimdrv_od *od)
{
	INIT_LIST_HEAD(&od->updates);
	INIT_LIST_HEAD(&od->updates_later);
	INIT_DELAYED_WORK(&od->update_work, update_work);
}
