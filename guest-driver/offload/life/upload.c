// SPDX-License-Identifier: GPL-2.0-only
/*
 * A connection comes back to Linux TCP. In order:
 *
 * 1. Somebody asks for it (ask.c): UPLOAD is set, the reason is noted, and the connection
 *    is added to od->uploads. A caller that needs the socket sleeps until DETACHED is set.
 * 2. upload_work() takes all connections that have gathered there. If one is still
 *    INITIATING, it waits in od->uploads_later until progress.c has made it OFFLOADED.
 * 3. terminate.c runs one TERMINATE for all of them. From its FENCE on, a connection is
 *    TERMINATING: nothing more is posted for it, and arriving segments are held.
 * 4. The card answers for each connection. If it hands the connection over, terminate.c
 *    stores what came with it in the conn and sets FINAL. If the card cannot do it now,
 *    the connection is OFFLOADED again and waits in od->uploads_later. If the card has not
 *    done it within UPLOAD_MS, the connection is given up (ABANDONED).
 * 5. On the completion ring the card says that nothing follows, and events.c sets LAST.
 *    This may happen before or after the card's answer. upload_work() sleeps up to
 *    MARKER_MS for it; then the connection waits in od->uploads_ending. After
 *    CHIMDRV_LATE_MS it goes on without LAST.
 * 6. With LAST and FINAL the card is done. upload_end() drops the path and the target's
 *    reference, and sets LET_GO, which wakes those that wait until the card has no
 *    connection.
 * 7. When LAST and FINAL are set, progress.c calls giveback.c: at once if nobody owns the
 *    socket, else when its owner releases it. giveback.c puts everything into the socket;
 *    the connection is then HOST, and DETACHED is set. This step may wait for the socket's
 *    owner as long as it takes; only the card's own steps have deadlines.
 *
 * A fault affects one connection only. If a list cannot be run, it is halved, down to one
 * connection; that one is tried again later, and given up in the end (10-host-stack.md).
 *
 * od->lock protects the lists. The works hold od->mutex throughout, and take slock for
 * what they read and write of a connection.
 */
#include "offload/life/upload.h"
#include "offload/card/late.h"
#include "offload/card/neigh.h"
#include "offload/card/sendback.h"
#include "offload/conn.h"
#include "offload/life/giveback.h"
#include "offload/life/progress.h"
#include "offload/life/terminate.h"
#include "offload/od.h"

#define HUNGRY_MS	100	/* between two looks for memory */
#define UPLOAD_MS	30000	/* after that, one that the card cannot give back is given up */
#define MARKER_MS	10	/* between looks at a connection whose marker is missing */

/* Try one again in @ms; the list's reference goes along. */
static void upload_later(struct chimdrv_od *od, struct chimdrv_conn *conn, unsigned int ms)
{
	spin_lock_bh(&od->lock);
	conn->back.due = jiffies + msecs_to_jiffies(ms);
	list_add_tail(&conn->link, &od->uploads_later);
	spin_unlock_bh(&od->lock);
	mod_delayed_work(od->wq, &od->upload_again, 0);		/* which finds out when */
}

static struct chimdrv_conn *upload_next(struct chimdrv_od *od)
{
	struct chimdrv_conn *conn;

	spin_lock_bh(&od->lock);
	conn = list_first_entry_or_null(&od->uploads, struct chimdrv_conn, link);
	if (conn)
		list_del_init(&conn->link);
	spin_unlock_bh(&od->lock);
	return conn;
}

/*
 * Collect the connections to upload that the target has. One that is still INITIATING is
 * looked at again later; the others are with Linux TCP, or on their way back, already.
 */
static unsigned int upload_collect(struct chimdrv_od *od, struct chimdrv_upload *up)
{
	struct chimdrv_conn *conn;
	unsigned int n = 0;
	bool mine, goes;

	while (n < min_t(u32, CHIMDRV_BATCH, od->cd->limits.nodes) && (conn = upload_next(od))) {
		spin_lock_bh(&conn->sk->sk_lock.slock);
		mine = !test_bit(CHIMDRV_C_GONE, &conn->bits) &&
		       !test_bit(CHIMDRV_C_UNDO, &conn->bits);
		goes = mine && conn->state == CHIMDRV_INITIATING;
		mine = mine && conn->state == CHIMDRV_OFFLOADED;
		spin_unlock_bh(&conn->sk->sk_lock.slock);
		if (mine)
			up[n++].conn = conn;
		else if (goes)
			upload_later(od, conn, MARKER_MS);
		else
			chimdrv_conn_put(conn);
	}
	return n;
}

/* The card is done with the connection, or has failed, or it is abandoned. */
static void upload_over(struct chimdrv_od *od, struct chimdrv_conn *conn)
{
	set_bit(CHIMDRV_C_LET_GO, &conn->bits);
	wake_up_all(&od->idle);
	chimdrv_conn_put(conn);			/* the list's */
}

/*
 * The card has handed the connection over, but LAST is missing. DMA had ended before
 * the completion (OP-D11), and the state says whether a byte is missing.
 */
static void upload_without_last(struct chimdrv_conn *conn)
{
	chimdrv_count(conn->cd, late_markers);
	dev_warn_ratelimited(conn->cd->dev,
			     "no LAST of a connection within %u ms: it goes on by its state\n",
			     CHIMDRV_LATE_MS);
	spin_lock_bh(&conn->sk->sk_lock.slock);
	set_bit(CHIMDRV_C_LAST, &conn->bits);
	chimdrv_progress_check(conn);
	spin_unlock_bh(&conn->sk->sk_lock.slock);
}

/* @taken: the card has handed it over, the target's reference ends. Else the card has failed. */
static void upload_end(struct chimdrv_od *od, struct chimdrv_conn *conn, bool taken)
{
	chimdrv_sendback_end(conn);
	if (conn->path)
		chimdrv_path_put(od, conn->path);
	conn->path = NULL;
	if (taken)
		chimdrv_conn_put_target(conn);
	upload_over(od, conn);
}

static bool handed_over(const struct chimdrv_conn *conn)
{
	return READ_ONCE(conn->state) == CHIMDRV_HOST || test_bit(CHIMDRV_C_GONE, &conn->bits) ||
	       (test_bit(CHIMDRV_C_LAST, &conn->bits) && test_bit(CHIMDRV_C_FINAL, &conn->bits));
}

/* Usually LAST comes with the card's answer: wait until @soon, else leave it to upload_ends(). */
static void upload_taken(struct chimdrv_od *od, struct chimdrv_conn *conn, unsigned long soon)
{
	long left = (long)(soon - jiffies);

	if (wait_event_timeout(conn->wait, handed_over(conn), max(left, 1L))) {
		upload_end(od, conn, true);
		return;
	}
	conn->back.end = jiffies + msecs_to_jiffies(CHIMDRV_LATE_MS);
	spin_lock_bh(&od->lock);
	list_add_tail(&conn->link, &od->uploads_ending);	/* with the list's reference */
	spin_unlock_bh(&od->lock);
	queue_delayed_work(od->wq, &od->upload_ends, msecs_to_jiffies(MARKER_MS));
}

/* End those whose LAST has come or is late; the others go on waiting. */
static void upload_ends(struct work_struct *work)
{
	struct chimdrv_od *od = container_of(work, struct chimdrv_od, upload_ends.work);
	struct chimdrv_conn *conn, *next;
	bool ended = false;
	LIST_HEAD(list);

	mutex_lock(&od->mutex);
	spin_lock_bh(&od->lock);
	list_splice_init(&od->uploads_ending, &list);
	spin_unlock_bh(&od->lock);
	list_for_each_entry_safe(conn, next, &list, link) {
		if (!handed_over(conn) && time_before(jiffies, conn->back.end))
			continue;
		list_del_init(&conn->link);
		if (!handed_over(conn))
			upload_without_last(conn);
		upload_end(od, conn, true);
		ended = true;
	}
	if (ended)
		chimdrv_neigh_idle_soon(od);
	if (!list_empty(&list)) {
		spin_lock_bh(&od->lock);
		list_splice(&list, &od->uploads_ending);
		spin_unlock_bh(&od->lock);
		queue_delayed_work(od->wq, &od->upload_ends, msecs_to_jiffies(MARKER_MS));
	}
	mutex_unlock(&od->mutex);
}

/* End the program's connection; memory that the card may still touch waits for its reset. */
static void upload_give_up(struct chimdrv_od *od, struct chimdrv_conn *conn)
{
	dev_warn_ratelimited(od->cd->dev,
			     "a connection is not given back and ends; "
			     "the card keeps its memory until the next reset\n");
	chimdrv_count(od->cd, abandoned_connections);
	if (!test_bit(CHIMDRV_C_GONE, &conn->bits))
		atomic_inc(&od->abandoned);
	if (conn->path)
		conn->path->abandoned++;
	spin_lock_bh(&conn->sk->sk_lock.slock);
	conn->back.end = jiffies + msecs_to_jiffies(CHIMDRV_LATE_MS);
	chimdrv_giveback_reset(conn);
	set_bit(CHIMDRV_C_ABANDONED, &conn->bits);
	set_bit(CHIMDRV_C_QUIET, &conn->bits);
	chimdrv_progress_check(conn);
	spin_unlock_bh(&conn->sk->sk_lock.slock);
	upload_over(od, conn);
}

/* Not now: try again later, behind the others. */
static void upload_retry(struct chimdrv_od *od, struct chimdrv_conn *conn)
{
	unsigned int ms = 10u << min_t(u8, conn->back.tries, 5);

	if (conn->back.tries < U8_MAX)
		conn->back.tries++;
	upload_later(od, conn, ms);
}

/* For one that was alone in its list, or failed while others were taken. */
static void upload_failed(struct chimdrv_od *od, struct chimdrv_upload *u)
{
	if (u->result == UPLOAD_HUNGRY) {
		upload_later(od, u->conn, HUNGRY_MS);
		return;
	}
	if (!u->conn->back.end)
		u->conn->back.end = (jiffies + msecs_to_jiffies(UPLOAD_MS)) | 1;
	/* a list of one may be the first of many: once more, before it is the connection's fault */
	if ((u->result == UPLOAD_REFUSED && u->conn->back.tries) ||
	    time_after(jiffies, u->conn->back.end))
		upload_give_up(od, u->conn);
	else
		upload_retry(od, u->conn);
}

/*
 * Run the list again? If all ask for more room, yes: the card names one of them at a
 * time. If all failed, with half of it, to find the one at fault.
 */
static bool upload_once_more(const struct chimdrv_upload *up, unsigned int n, unsigned int *most,
			     unsigned int *asks)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (up[i].result == UPLOAD_TAKEN || up[i].result == UPLOAD_LOST)
			return false;
	for (i = 0; i < n; i++)
		if (up[i].result != UPLOAD_MORE)
			break;
	if (i == n && ++*asks < CHIMDRV_UPLOAD_ASKS)
		return true;
	*most = n / 2;
	return n > 1;
}

/* Act on the results of a list: end each connection, or put it off. */
static void upload_results(struct chimdrv_od *od, struct chimdrv_upload *up, unsigned int n)
{
	unsigned long soon = jiffies + msecs_to_jiffies(MARKER_MS);
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (up[i].result == UPLOAD_TAKEN)
			upload_taken(od, up[i].conn, soon);
		else if (up[i].result == UPLOAD_LOST)
			upload_end(od, up[i].conn, false);
		else
			upload_failed(od, &up[i]);
	}
}

/* Upload all of the @n, in as few lists as the card takes. */
static void upload_batch(struct chimdrv_od *od, struct chimdrv_upload *up, unsigned int n)
{
	unsigned int most = n, now, asks;

	for (; n; up += now, n -= now) {
		asks = 0;
		do {
			now = chimdrv_terminate(od->cd, up, min(most, n));
		} while (upload_once_more(up, now, &most, &asks));
		most = min_t(unsigned int, 2 * max(most, 1u), CHIMDRV_BATCH);
		upload_results(od, up, now);
	}
}

static void upload_work(struct work_struct *work)
{
	struct chimdrv_od *od = container_of(work, struct chimdrv_od, upload_work);
	struct chimdrv_upload *up = kcalloc(CHIMDRV_BATCH, sizeof(*up), GFP_KERNEL | __GFP_NOFAIL);
	unsigned int n;

	mutex_lock(&od->mutex);
	while ((n = upload_collect(od, up))) {
		upload_batch(od, up, n);
		memset(up, 0, CHIMDRV_BATCH * sizeof(*up));
	}
	chimdrv_neigh_idle_soon(od);
	mutex_unlock(&od->mutex);
	kfree(up);
}

/* Queue those that are due, and rearm for the next one. */
static void upload_again(struct work_struct *work)
{
	struct chimdrv_od *od = container_of(work, struct chimdrv_od, upload_again.work);
	unsigned long now = jiffies, wait = ULONG_MAX;
	struct chimdrv_conn *conn, *next;

	spin_lock_bh(&od->lock);
	list_for_each_entry_safe(conn, next, &od->uploads_later, link) {
		if (time_after(conn->back.due, now))
			wait = min(wait, conn->back.due - now);
		else
			list_move_tail(&conn->link, &od->uploads);
	}
	spin_unlock_bh(&od->lock);
	if (wait != ULONG_MAX)
		queue_delayed_work(od->wq, &od->upload_again, wait);
	queue_work(od->wq, &od->upload_work);
}

/* Once per card, before anybody can ask. */
void chimdrv_upload_work_init(struct chimdrv_od *od)
{
	INIT_LIST_HEAD(&od->uploads);
	INIT_LIST_HEAD(&od->uploads_later);
	INIT_LIST_HEAD(&od->uploads_ending);
	INIT_WORK(&od->upload_work, upload_work);
	INIT_DELAYED_WORK(&od->upload_again, upload_again);
	INIT_DELAYED_WORK(&od->upload_ends, upload_ends);
}
