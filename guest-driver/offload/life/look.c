// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looks at every connection after a change that may concern any of them, when nobody
 * says which. One change can be reported thousands of times: one look serves all
 * reports that have come, and looks take a fifth of a processor at most. A connection
 * that sends looks by itself and does not wait for this (progress.c).
 *
 * While it looks, the work holds no lock but one connection's slock at a time.
 */
#include <linux/rtnetlink.h>

#include "offload/life/look.h"
#include "compat/workqueue.h"
#include "offload/conn.h"
#include "offload/life/progress.h"

#define SHARE	4	/* pause after a look, in multiples of its duration */
#define PAUSE_MIN	(10 * NSEC_PER_MSEC)
#define PAUSE_MAX	HZ
#define LATE		(HZ / 10)
#define LATER		HZ

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
 * Reports come while the change is being made: under rtnl, or with bottom halves off for a
 * router advertisement. When this returns, the routes that it concerns are invalid.
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

/* Any context. Queue a look at all connections. */
void chimdrv_look_soon(void)
{
	s64 pause = READ_ONCE(not_before) - ktime_get_ns();

	queue_delayed_work(chimdrv_compat_unbound_wq, &look_work,
			   pause > 0 ? min(nsecs_to_jiffies(pause), (unsigned long)PAUSE_MAX) : 0);
}

static void late_work_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(late_work, late_work_fn);
static atomic_t late;	/* looks that are still to come */

static void late_work_fn(struct work_struct *work)
{
	chimdrv_look_soon();
	if (atomic_dec_if_positive(&late) >= 0)
		queue_delayed_work(chimdrv_compat_unbound_wq, &late_work, LATER);
}

/*
 * Any context. The same for a change that does not hold yet: 7.3 reports a rule before it
 * is in the list, and holds nothing meanwhile that wait_for_change() could wait for. Looks
 * follow, the last one more than a second later.
 */
void chimdrv_look_late(void)
{
	chimdrv_look_soon();
	atomic_set(&late, 1);
	queue_delayed_work(chimdrv_compat_unbound_wq, &late_work, LATE);
}

/* Nothing asks for a look any more. */
void chimdrv_look_end(void)
{
	cancel_delayed_work_sync(&late_work);
	cancel_delayed_work_sync(&look_work);
}
