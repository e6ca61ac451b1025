// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asks for an upload of a connection, or an update of what the target knows. Whoever
 * sees the need asks, in any context; the works of upload.c and update.c do it. Nobody
 * waits for the card here, except callers that wait for an upload to end.
 *
 * What is asked for is a bit of the connection and its place in a list, under od->lock;
 * the list has a reference.
 */
#include "offload/ask.h"
#include "nic/hw.h"
#include "offload/conn.h"
#include "offload/od.h"

#define UPDATE_AGAIN_MS	50

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

/* The connection is OFFLOADED and waits in od->uploads_later: its upload is due now. */
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

/* Upload every connection of the card; @wait: sleep until it has none any more or has failed. */
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
 * The last step of an upload waits for the socket's owner as long as it takes; only the
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

static void ask_update(struct chimdrv_conn *conn, bool again)
{
	struct chimdrv_od *od = chimdrv_od(conn->cd);

	if (test_and_set_bit(CHIMDRV_C_UPDATE, &conn->bits))
		return;
	spin_lock_bh(&od->lock);
	refcount_inc(&conn->refs);
	if (again) {
		/* the pause is the same for all: the list is in the order of their times */
		conn->update_due = jiffies + msecs_to_jiffies(UPDATE_AGAIN_MS);
		list_add_tail(&conn->update_link, &od->updates_later);
	} else {
		list_add_tail(&conn->update_link, &od->updates);
	}
	spin_unlock_bh(&od->lock);
	mod_delayed_work(od->wq, &od->update_work, 0);		/* which finds out when */
}

/* Any context. chimdrv_ask_update() after a pause, because the card cannot be told now. */
void chimdrv_ask_update_again(struct chimdrv_conn *conn)
{
	ask_update(conn, true);
}

/*
 * Any context. Have the target told the cached variables as they are now, also while an
 * upload waits its turn, which lasts as long as the card has no room for it.
 */
void chimdrv_ask_update(struct chimdrv_conn *conn)
{
	ask_update(conn, false);
}
