// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stop a card, start it, and bring it back after it has failed: the works of
 * chimdrv_dev_fail(), and the service work, which checks the card each second.
 *
 * fail_work stops the card's DMA and takes no rtnl; reset_work takes rtnl, ends the
 * card's connections, and sets the card up again.
 */
#include <linux/pci.h>
#include <linux/rtnetlink.h>

#include "nic/recover.h"
#include "nic/adminq.h"
#include "nic/carried.h"
#include "nic/hw.h"
#include "nic/netdev.h"
#include "nic/upcalls.h"

#define SERVICE_PERIOD	HZ
#define MAX_RECOVERIES	8	/* within */
#define RECOVERY_WINDOW	(60 * HZ)

/* Afterwards the card touches no memory, whether or not it answers. */
void chimdrv_recover_quiesce(struct chimdrv_dev *cd)
{
	bool there = !test_bit(CHIMDRV_DEV_GONE, &cd->bits) && !pci_channel_offline(cd->pdev);

	/* Doorbells are rung with bottom halves off; wait for those under way. */
	synchronize_net();
	if (there && chimdrv_hw_reset(cd)) {
		pci_clear_master(cd->pdev);
		if (pcie_reset_flr(cd->pdev, PCI_RESET_DO_RESET))
			dev_err(cd->dev, "function-level reset failed\n");
		pci_restore_state(cd->pdev);
		pci_save_state(cd->pdev);
	}
	pci_clear_master(cd->pdev);
	chimdrv_admin_stop(cd, test_bit(CHIMDRV_DEV_GONE, &cd->bits) ? -ENODEV : -EIO);
}

/* Takes no rtnl: a task that waits for an admin command may hold it. */
static void fail_work(struct work_struct *work)
{
	struct chimdrv_dev *cd = container_of(work, struct chimdrv_dev, fail_work);

	chimdrv_hw_report(cd, cd->fail_why);
	chimdrv_recover_quiesce(cd);
	queue_work(cd->wq, &cd->reset_work);
}

/* Start a card that has been reset or never used: bring the admin pair up. */
int chimdrv_recover_start(struct chimdrv_dev *cd)
{
	int err;

	pci_set_master(cd->pdev);
	err = chimdrv_hw_reset(cd);
	if (err)
		return err;
	chimdrv_carried_restart(cd);
	chimdrv_up->reset(cd);
	chimdrv_admin_start(cd);
	err = chimdrv_hw_enable(cd);
	if (err) {
		chimdrv_admin_stop(cd, -EIO);
		return err;
	}
	if (chimdrv_hw_paused(cd))
		set_bit(CHIMDRV_DEV_PAUSED, &cd->bits);
	else
		clear_bit(CHIMDRV_DEV_PAUSED, &cd->bits);
	clear_bit(CHIMDRV_DEV_FAILED, &cd->bits);
	return 0;
}

static bool may_recover(struct chimdrv_dev *cd)
{
	if (test_bit(CHIMDRV_DEV_GONE, &cd->bits) || test_bit(CHIMDRV_DEV_REMOVING, &cd->bits) ||
	    test_bit(CHIMDRV_DEV_ASLEEP, &cd->bits))
		return false;
	if (time_after(jiffies, cd->last_recovery + RECOVERY_WINDOW))
		cd->recoveries = 0;
	cd->last_recovery = jiffies;
	if (++cd->recoveries <= MAX_RECOVERIES)
		return true;
	dev_err(cd->dev, "card failed %u times in a row and stays down\n", cd->recoveries);
	return false;
}

/* rtnl. Start a card at rest and its rings. If that fails, reset_work tries again. */
int chimdrv_recover_wake(struct chimdrv_dev *cd)
{
	struct chimdrv_net *net = cd->net;
	int err;

	err = chimdrv_recover_start(cd);
	if (err) {
		queue_work(cd->wq, &cd->reset_work);
		return err;
	}
	if (netif_running(net->netdev))
		err = chimdrv_net_up(net);
	if (err) {
		chimdrv_dev_fail(cd, "recovery failed");
		return err;
	}
	netif_device_attach(net->netdev);
	return 0;
}

/* rtnl. Remove the rings, end the connections with an error, and restart the NIC if possible. */
static void recover(struct chimdrv_dev *cd)
{
	struct chimdrv_net *net = cd->net;

	netif_device_detach(net->netdev);
	chimdrv_net_down(net);
	if (may_recover(cd) && !chimdrv_recover_wake(cd))
		dev_info(cd->dev, "card works again\n");
}

static void reset_work(struct work_struct *work)
{
	struct chimdrv_dev *cd = container_of(work, struct chimdrv_dev, reset_work);

	rtnl_lock();
	if (!chimdrv_dev_alive(cd) && !test_bit(CHIMDRV_DEV_REMOVING, &cd->bits))
		recover(cd);
	rtnl_unlock();
}

/* Each second: look for what no interrupt has reported. */
static void service_work(struct work_struct *work)
{
	struct chimdrv_dev *cd = container_of(work, struct chimdrv_dev, service_work.work);

	if (chimdrv_dev_alive(cd) && chimdrv_hw_check(cd)) {
		chimdrv_admin_poll(cd);
		if (chimdrv_admin_overdue(cd))
			chimdrv_dev_fail(cd, "an admin command was not completed in time");
		chimdrv_net_watch(cd->net);
	}
	if (!test_bit(CHIMDRV_DEV_REMOVING, &cd->bits))
		queue_delayed_work(cd->stop_wq, &cd->service_work, SERVICE_PERIOD);
}

/* Once per card; nothing is queued yet. */
void chimdrv_recover_init(struct chimdrv_dev *cd)
{
	INIT_WORK(&cd->fail_work, fail_work);
	INIT_WORK(&cd->reset_work, reset_work);
	INIT_DELAYED_WORK(&cd->service_work, service_work);
}

/* The card works: check it each second from now on. */
void chimdrv_recover_watch(struct chimdrv_dev *cd)
{
	queue_delayed_work(cd->stop_wq, &cd->service_work, SERVICE_PERIOD);
}
