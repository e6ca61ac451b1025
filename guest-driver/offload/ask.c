// SPDX-License-Identifier: GPL-2.0-only
/*
 * Wishes for a connection: that it go back, or that the target be told what has changed.
 * Whoever sees the need says so, in any context; the works of upload.c and update.c do
 * it. Nothing here waits for the card, but for those who wait until a wish is fulfilled.
 *
 * A wish is a bit of the connection and its place in a list, which has a reference, under
 * od->lock.
 */
#include "offload/ask.h"
#include "nic/hw.h"
#include "offload/conn.h"
#include "offload/od.h"

/* ------------------------------------------------------------------------------- upload */

/* od->lock. */
void chimdrv_ask_upload_locked(struct chimdrv_od *od, struct chimdrv_conn *conn,
			       enum chimdrv_why why)
{
	if (test_and_set_bit(CHIMDRV_C_UPLOAD, &conn->bits) || !chimdrv_conn_get(conn))
		return;
	conn->back.reason = why;
	list_add_tail(&conn->link, &od->uploads);
}

void chimdrv_ask_upload(struct chimdrv_conn *conn, enum chimdrv_why why)
{
	struct chimdrv_od *od = chimdrv_od(conn->cd);

	if (test_bit(CHIMDRV_C_UPLOAD, &conn->bits))
		return;
	spin_lock_bh(&od->lock);
	chimdrv_ask_upload_locked(od, conn, why);
	spin_unlock_bh(&od->lock);
	queue_work(od->wq, &od->upload_work);
}

/* It has gone over with an upload asked for, and stands in that list. */
void chimdrv_ask_upload_again(struct chimdrv_conn *conn)
{
	struct chimdrv_od *od = chimdrv_od(conn->cd);

	spin_lock_bh(&od->lock);
	conn->back.due = jiffies;
	spin_unlock_bh(&od->lock);
	mod_delayed_work(od->wq, &od->upload_again, 0);
}

static bool card_has_none(struct chimdrv_od *od)
{
	struct chimdrv_conn *conn;
	bool none = true;

	spin_lock_bh(&od->lock);
	list_for_each_entry(conn, &od->conns, all)
		if (!test_bit(CHIMDRV_C_LET_GO, &conn->bits) &&
		    !test_bit(CHIMDRV_C_GONE, &conn->bits))
			none = false;
	spin_unlock_bh(&od->lock);
	return none;
}

/* Every connection of the card; with @wait, until it has none any more or has failed. */
void chimdrv_ask_upload_all(struct chimdrv_dev *cd, enum chimdrv_why why, bool wait)
{
	struct chimdrv_od *od = chimdrv_od(cd);
	struct chimdrv_conn *conn;

	do {
		spin_lock_bh(&od->lock);
		list_for_each_entry(conn, &od->conns, all)
			chimdrv_ask_upload_locked(od, conn, why);
		spin_unlock_bh(&od->lock);
		queue_work(od->wq, &od->upload_work);
	} while (wait && chimdrv_dev_alive(cd) &&
		 !wait_event_timeout(od->idle, card_has_none(od), HZ / 4));
}

/* -------------------------------------------------------------- and waiting until it is back */

/*
 * The last step of the way back waits for the socket's owner as long as it takes; only the
 * card's own steps have deadlines (upload.c).
 */

int chimdrv_ask_wait(struct chimdrv_conn *conn, long timeout)
{
	long left = wait_event_killable_timeout(conn->wait,
						test_bit(CHIMDRV_C_DETACHED, &conn->bits), timeout);

	return left > 0 ? 0 : left ? -EINTR : -ETIMEDOUT;
}

void chimdrv_ask_wait_end(struct chimdrv_conn *conn)
{
	wait_event(conn->wait, test_bit(CHIMDRV_C_DETACHED, &conn->bits));
}

/* ------------------------------------------------------------------------------- update */

/* The same once @delay jiffies have gone by. */
void chimdrv_ask_update_later(struct chimdrv_conn *conn, unsigned long delay)
{
	struct chimdrv_od *od = chimdrv_od(conn->cd);

	if (test_and_set_bit(CHIMDRV_C_UPDATE, &conn->bits))
		return;
	spin_lock_bh(&od->lock);
	refcount_inc(&conn->refs);
	list_add_tail(&conn->update_link, &od->updates);
	spin_unlock_bh(&od->lock);
	queue_delayed_work(od->wq, &od->update_work, delay);
}

/*
 * Any context. Tell the target the cached variables as they are now; also while an upload
 * waits for its turn, which may be as long as the card has no room for it.
 */
void chimdrv_ask_update(struct chimdrv_conn *conn)
{
	chimdrv_ask_update_later(conn, 0);
}
