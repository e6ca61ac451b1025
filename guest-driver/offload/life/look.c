// SPDX-License-Identifier: GPL-2.0-only
/*
 * A look at every connection, when something may have changed that concerns any of them
 * and nobody says whom. One change can be reported thousands of times: there is one look
 * for as many reports as have come, and looks take a fifth of a processor at most. A
 * connection that sends looks by itself and does not wait for it (progress.c).
 *
 * The work holds no lock but one connection's slock at a time.
 */
#include <linux/rtnetlink.h>
#include <linux/workqueue.h>

#include "offload/life/look.h"
#include "offload/conn.h"
#include "offload/life/progress.h"

#define SHARE	4	/* for so many times as long as the last look took there is no other */
#define PAUSE_MIN	(10 * NSEC_PER_MSEC)
#define PAUSE_MAX	HZ

static u64 not_before;	/* ktime_get_ns(); written by the work */

static bool any_conn(void)
{
	struct chimdrv_conn *conn;
	unsigned long id = 0;

	conn = chimdrv_conn_next(&id);
	if (!conn)
		return false;
	chimdrv_conn_put(conn);
	return true;
}

/*
 * The reports come while the change is being made: under rtnl, or with bottom halves
 * off where a router advertises. Afterwards a route that it concerns is invalid.
 */
static void wait_for_change(void)
{
	rtnl_lock();
	rtnl_unlock();
	synchronize_rcu_expedited();
}

static void look_work_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(look_work, look_work_fn);

static void look_work_fn(struct work_struct *work)
{
	struct chimdrv_conn *conn;
	unsigned long id = 0;
	u64 start, end;

	if (!any_conn())
		return;
	start = ktime_get_ns();
	wait_for_change();
	while ((conn = chimdrv_conn_next(&id))) {
		chimdrv_progress_look(conn);
		chimdrv_conn_put(conn);
		cond_resched();
	}
	end = ktime_get_ns();
	WRITE_ONCE(not_before, end + max_t(u64, SHARE * (end - start), PAUSE_MIN));
}

/* Any context. Have all connections looked at. */
void chimdrv_look_soon(void)
{
	s64 pause = READ_ONCE(not_before) - ktime_get_ns();

	queue_delayed_work(system_unbound_wq, &look_work,
			   pause > 0 ? min(nsecs_to_jiffies(pause), (unsigned long)PAUSE_MAX) : 0);
}

/* Nobody asks any more. */
void chimdrv_look_end(void)
{
	cancel_delayed_work_sync(&look_work);
}
