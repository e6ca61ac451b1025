// SPDX-License-Identifier: GPL-2.0-only
/*
 * Watches for overdue answers. The card must answer each FORWARD, which depends on
 * nothing but the card, and if it gives one back it must say what for. If that is late
 * the connection is uploaded, and the TERMINATE tells what became of its bytes. SEND and
 * RECV have no deadline, because they wait for the peer.
 *
 * The work runs each second while an answer is due. It reads fwd.since, which is
 * written under slock, without a lock: a second more or less does not matter.
 */
#include "offload/card/late.h"
#include "offload/ask.h"
#include "offload/conn.h"
#include "offload/od.h"

#define LATE_TICK	HZ

/* slock. An answer is due from @since on. */
void chimdrv_late_watch(struct chimdrv_conn *conn, unsigned long since)
{
	struct chimdrv_od *od = chimdrv_od(conn->cd);

	WRITE_ONCE(conn->fwd.since, since);
	queue_delayed_work(od->wq, &od->late_work, LATE_TICK);
}

/* Find an overdue connection, with a reference. *due: answers are still due, look again. */
static struct chimdrv_conn *overdue(struct chimdrv_od *od, bool *due)
{
	struct chimdrv_conn *conn, *found = NULL;
	unsigned long since;

	*due = false;
	spin_lock_bh(&od->lock);
	list_for_each_entry(conn, &od->conns, all) {
		since = READ_ONCE(conn->fwd.since);
		if (!since || test_bit(CHIMDRV_C_UPLOAD, &conn->bits) ||
		    test_bit(CHIMDRV_C_GONE, &conn->bits))
			continue;
		*due = true;
		if (time_after(jiffies, since + msecs_to_jiffies(CHIMDRV_LATE_MS)) &&
		    chimdrv_conn_get(conn)) {
			found = conn;
			break;
		}
	}
	spin_unlock_bh(&od->lock);
	return found;
}

static void late_work(struct work_struct *work)
{
	struct chimdrv_od *od = container_of(work, struct chimdrv_od, late_work.work);
	struct chimdrv_conn *conn;
	bool due;

	/* each one found has its upload asked for, so this ends */
	while ((conn = overdue(od, &due))) {
		dev_warn_ratelimited(od->cd->dev,
			"no end of a FORWARD within %u ms: the connection is taken back\n",
			CHIMDRV_LATE_MS);
		chimdrv_count(od->cd, late_markers);
		chimdrv_ask_upload(conn, CHIMDRV_WHY_LATE);
		chimdrv_conn_put(conn);
	}
	if (due)
		queue_delayed_work(od->wq, &od->late_work, LATE_TICK);
}

/* Once per card, before anybody can ask. */
void chimdrv_late_work_init(struct chimdrv_od *od)
{
	INIT_DELAYED_WORK(&od->late_work, late_work);
}
