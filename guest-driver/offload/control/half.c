// SPDX-License-Identifier: GPL-2.0-only
/*
 * The offload half in the life of a card and of the module: what the NIC half calls when
 * a card comes, goes up, goes down, fails or goes; the order in which the parts of the
 * offload half start and end; and retry_work and memory_work, which belong to none of them.
 *
 * Process context; up, down and gone may come with rtnl held. od->mutex is taken inside,
 * for neighbors and paths.
 */
#include <linux/seq_file.h>

#include "offload/control/half.h"
#include "nic/hw.h"
#include "nic/upcalls.h"
#include "offload/ask.h"
#include "offload/cache.h"
#include "offload/card/blocklist.h"
#include "offload/card/late.h"
#include "offload/card/neigh.h"
#include "offload/card/params.h"
#include "offload/card/probe.h"
#include "offload/conn.h"
#include "offload/control/genl.h"
#include "offload/control/neigh_watch.h"
#include "offload/control/policy.h"
#include "offload/control/route_watch.h"
#include "offload/control/stats.h"
#include "offload/kernel.h"
#include "offload/life/backoff.h"
#include "offload/life/candidate.h"
#include "offload/life/candidate_types.h"
#include "offload/life/events.h"
#include "offload/life/hook.h"
#include "offload/life/progress.h"
#include "offload/life/refusals.h"
#include "offload/life/ulp.h"
#include "offload/life/update.h"
#include "offload/life/upload.h"
#include "offload/od.h"
#include "offload/requests.h"
#include "offload/socket/conntrack.h"
#include "offload/socket/lend.h"

#define RST_MS	100	/* after which a card that works has sent an RST */

/* Retry the connections whose posting failed for want of memory or room in the ring. */
static void retry_work(struct work_struct *work)
{
	struct chimdrv_od *od = container_of(work, struct chimdrv_od, retry_work.work);
	struct chimdrv_net *net = od->cd->net;
	unsigned int i;

	for (i = 0; net && i < od->cd->max_pairs; i++) {
		local_bh_disable();
		if (net->pair[i])
			chimdrv_events_poll_end(net->pair[i]);
		local_bh_enable();
	}
}

/* Ask again for what was refused because all sockets together had too much. */
static void memory_work(struct work_struct *work)
{
	struct chimdrv_od *od = container_of(work, struct chimdrv_od, memory_work.work);
	struct chimdrv_conn *conn;
	unsigned long id = 0;

	while ((conn = chimdrv_conn_next(&id))) {
		if (conn->cd == od->cd && test_bit(CHIMDRV_C_REFUSED, &conn->bits))
			chimdrv_progress_receive(conn);
		chimdrv_conn_put(conn);
		cond_resched();
	}
}

int chimdrv_half_add(struct chimdrv_dev *cd)
{
	struct chimdrv_od *od = kzalloc(sizeof(*od), GFP_KERNEL);

	if (!od)
		return -ENOMEM;
	/* its own: these works wait for the card, which recovers on cd->wq */
	od->wq = alloc_workqueue("chimney-%s", WQ_UNBOUND | WQ_HIGHPRI | WQ_MEM_RECLAIM, 0,
				 pci_name(cd->pdev));
	if (!od->wq) {
		kfree(od);
		return -ENOMEM;
	}
	od->cd = cd;
	if (chimdrv_blocklist_memory(od)) {
		dev_err(cd->dev, "no %u bytes in one piece for a block list\n", od->list_len);
		destroy_workqueue(od->wq);
		kfree(od);
		return -ENOMEM;
	}
	mutex_init(&od->mutex);
	spin_lock_init(&od->lock);
	INIT_LIST_HEAD(&od->neighs);
	INIT_LIST_HEAD(&od->paths);
	INIT_LIST_HEAD(&od->conns);
	init_waitqueue_head(&od->idle);
	chimdrv_upload_work_init(od);
	chimdrv_update_work_init(od);
	chimdrv_candidate_work_init(od);
	INIT_DELAYED_WORK(&od->retry_work, retry_work);
	INIT_DELAYED_WORK(&od->memory_work, memory_work);
	chimdrv_neigh_watch_work_init(od);
	chimdrv_lend_work_init(od);
	chimdrv_late_work_init(od);
	cd->offload = od;
	return 0;
}

/* Under the lock: a later walk of the connections sees every one that joined before. */
static void set_up(struct chimdrv_od *od, bool up)
{
	spin_lock_bh(&od->lock);
	WRITE_ONCE(od->up, up);
	spin_unlock_bh(&od->lock);
}

/* The card must outlive its last connection, which uses its DMA mappings and counters. */
static void wait_for_owners(struct chimdrv_od *od)
{
	while (!wait_event_timeout(od->idle, !READ_ONCE(od->nconns), 10 * HZ))
		dev_warn(od->cd->dev, "waiting for programs to let go of %u sockets\n",
			 READ_ONCE(od->nconns));
}

void chimdrv_half_del(struct chimdrv_dev *cd)
{
	struct chimdrv_od *od = chimdrv_od(cd);

	if (!od)
		return;
	set_up(od, false);
	synchronize_rcu();		/* whoever saw it up has added its candidate */
	chimdrv_candidate_work_end(od);
	chimdrv_ask_upload_all(cd, CHIMDRV_WHY_CARD_DOWN, true);
	wait_for_owners(od);
	chimdrv_lend_fini(od);
	mutex_lock(&od->mutex);
	chimdrv_neigh_idle(od, true);
	chimdrv_neigh_forget(od);
	mutex_unlock(&od->mutex);
	/* in order: nobody finds it, nothing is queued any more, it goes */
	WRITE_ONCE(cd->offload, NULL);
	synchronize_rcu();
	chimdrv_refusals_forget(od);
	cancel_delayed_work_sync(&od->late_work);
	cancel_delayed_work_sync(&od->upload_again);
	cancel_delayed_work_sync(&od->upload_ends);
	cancel_work_sync(&od->upload_work);
	cancel_delayed_work_sync(&od->update_work);
	cancel_work_sync(&od->nce_work);
	cancel_delayed_work_sync(&od->retry_work);
	cancel_delayed_work_sync(&od->memory_work);
	cancel_delayed_work_sync(&od->neigh_work);
	destroy_workqueue(od->wq);
	chimdrv_blocklist_memory_free(od);
	kfree(od);
}

static void half_reset(struct chimdrv_dev *cd)
{
	struct chimdrv_od *od = chimdrv_od(cd);

	if (!od)
		return;
	chimdrv_count(cd, card_resets);
	/* also those that the card kept when it was taken down without a failure */
	mutex_lock(&od->mutex);
	chimdrv_neigh_forget(od);
	mutex_unlock(&od->mutex);
}

static bool half_busy(struct chimdrv_dev *cd)
{
	struct chimdrv_od *od;
	bool busy;

	rcu_read_lock();
	od = READ_ONCE(cd->offload);
	busy = od && READ_ONCE(od->nconns);
	rcu_read_unlock();
	return busy;
}

static void half_up(struct chimdrv_net *net)
{
	struct chimdrv_od *od = chimdrv_od(net->cd);

	chimdrv_backoff_forget();
	mutex_lock(&od->mutex);
	/* a reset card has forgotten them */
	memset(&od->params, 0, sizeof(od->params));
	chimdrv_params_tell(od);
	mutex_unlock(&od->mutex);
	set_up(od, true);
}

static void half_down(struct chimdrv_net *net)
{
	struct chimdrv_od *od = chimdrv_od(net->cd);

	set_up(od, false);
	flush_work(&od->offload_work);
	chimdrv_ask_upload_all(net->cd, CHIMDRV_WHY_CARD_DOWN, true);
	mutex_lock(&od->mutex);
	chimdrv_neigh_idle(od, true);
	mutex_unlock(&od->mutex);
	if (!atomic_read(&od->abandoned))
		return;
	/* a card that has been reset sends nothing more (LIFE-D1) */
	wait_event_timeout(od->idle, !atomic_read(&od->resets), msecs_to_jiffies(RST_MS));
	chimdrv_dev_fail(net->cd, "reset for connections that it has not given back");
}

static void half_gone(struct chimdrv_dev *cd)
{
	struct chimdrv_od *od = chimdrv_od(cd);
	struct chimdrv_conn *conn, **all;
	unsigned int n = 0, i, max;

	if (!od)
		return;
	spin_lock_bh(&od->lock);
	WRITE_ONCE(od->up, false);
	max = od->nconns;
	spin_unlock_bh(&od->lock);
	all = kvcalloc(max + 64, sizeof(*all), GFP_KERNEL | __GFP_NOFAIL);
	spin_lock_bh(&od->lock);
	list_for_each_entry(conn, &od->conns, all)
		if (n < max + 64 && chimdrv_conn_get(conn))
			all[n++] = conn;
	spin_unlock_bh(&od->lock);
	for (i = 0; i < n; i++) {
		spin_lock_bh(&all[i]->sk->sk_lock.slock);
		set_bit(CHIMDRV_C_GONE, &all[i]->bits);
		wake_up_all(&all[i]->wait);
		chimdrv_progress_check(all[i]);
		spin_unlock_bh(&all[i]->sk->sk_lock.slock);
		chimdrv_conn_put(all[i]);
	}
	kvfree(all);
	/* an owned socket ends when its owner lets go; the works end now, nobody answers them */
	mutex_lock(&od->mutex);
	atomic_set(&od->abandoned, 0);
	atomic_set(&od->resets, 0);
	chimdrv_neigh_forget(od);
	mutex_unlock(&od->mutex);
}

/* Shows the objects in the lists; one that is in a cache but not here has leaked. */
static void half_show(struct seq_file *m, struct chimdrv_dev *cd)
{
	struct chimdrv_od *od = chimdrv_od(cd);
	unsigned int neighs = 0, paths = 0;
	struct chimdrv_neigh *ng;
	struct chimdrv_path *p;

	mutex_lock(&od->mutex);
	list_for_each_entry(ng, &od->neighs, node)
		neighs++;
	list_for_each_entry(p, &od->paths, node)
		paths++;
	mutex_unlock(&od->mutex);
	seq_printf(m, "conn %u\nneigh %u\npath %u\n", READ_ONCE(od->nconns), neighs, paths);
}

/* -------------------------------------------------------------------------- module life */

#define KIND(kind, type)	\
	[CHIMDRV_CACHE_##kind] = { "chimney_" #type, sizeof(struct chimdrv_##type) }

static const struct chimdrv_cache_kind kinds[CHIMDRV_CACHES] = {
	KIND(CONN, conn),
	KIND(SEND, send),
	KIND(RECV, recv),
	KIND(FWD, fwd),
	KIND(NEIGH, neigh),
	KIND(PATH, path),
	KIND(CANDIDATE, candidate),
};

static const struct chimdrv_upcalls upcalls = {
	.entry		= chimdrv_events_entry,
	.cutover	= chimdrv_events_cutover,
	.poll_end	= chimdrv_events_poll_end,
	.upload_all	= chimdrv_events_upload_all,
	.nce		= chimdrv_events_nce,
	.up		= half_up,
	.down		= half_down,
	.gone		= half_gone,
	.reset		= half_reset,
	.busy		= half_busy,
	.show		= half_show,
	.probe		= chimdrv_probe_free,
	.probe_take	= chimdrv_probe_take,
	.stat_count	= chimdrv_stats_count,
	.stat_name	= chimdrv_stats_name,
	.stats		= chimdrv_stats_read,
};

int __init chimdrv_half_init(void)
{
	int err = chimdrv_cache_init(kinds);

	if (err)
		return err;
	chimdrv_policy_init();
	err = chimdrv_ulp_init();
	if (err)
		goto err_policy;
	err = chimdrv_route_watch_init();
	if (err)
		goto err_ulp;
	err = chimdrv_hook_init();	/* the hook asks for looks at routes */
	if (err)
		goto err_route;
	err = chimdrv_neigh_watch_init();
	if (err)
		goto err_hook;
	err = chimdrv_genl_init();
	if (err)
		goto err_neigh;
	chimdrv_upcalls_register(&upcalls);
	chimdrv_kernel_look();
	return 0;
err_neigh:
	chimdrv_neigh_watch_exit();
err_hook:
	chimdrv_hook_exit();
err_route:
	chimdrv_route_watch_exit();
err_ulp:
	chimdrv_ulp_exit();
err_policy:
	chimdrv_policy_exit();
	chimdrv_cache_exit();
	return err;
}

void chimdrv_half_exit(void)
{
	chimdrv_genl_exit();
	chimdrv_neigh_watch_exit();
	chimdrv_hook_exit();
	chimdrv_route_watch_exit();	/* the two above ask it for looks */
	chimdrv_ulp_exit();
	chimdrv_conntrack_exit();
	chimdrv_policy_exit();
	chimdrv_refusals_exit();
	rcu_barrier();
	chimdrv_cache_exit();
}
