// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module and the PCI driver: probe, remove, suspend, and recovery of bus errors. The
 * only file that knows both halves.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/rtnetlink.h>

#include "nic/adminq.h"
#include "nic/carried.h"
#include "nic/debugfs.h"
#include "nic/devs.h"
#include "nic/hw.h"
#include "nic/irq.h"
#include "nic/netdev.h"
#include "nic/recover.h"
#include "offload/control/half.h"

static unsigned int dma_bits = 64;
module_param(dma_bits, uint, 0444);
MODULE_PARM_DESC(dma_bits, "Width of the addresses that cards are given, 32 to 64 (default 64)");

/* ---------------------------------------------------------------- probe, remove */

static int map_card(struct chimdrv_dev *cd)
{
	struct pci_dev *pdev = cd->pdev;
	int err;

	err = pci_enable_device_mem(pdev);
	if (err)
		return err;
	err = pci_request_mem_regions(pdev, CHIMDRV_NAME);
	if (err)
		goto err_disable;
	err = dma_set_mask_and_coherent(cd->dev, DMA_BIT_MASK(clamp(dma_bits, 32u, 64u)));
	if (err)
		err = dma_set_mask_and_coherent(cd->dev, DMA_BIT_MASK(32));
	if (err)
		goto err_release;
	err = chimdrv_hw_map(cd);
	if (err)
		goto err_release;
	pci_save_state(pdev);
	return 0;

err_release:
	pci_release_mem_regions(pdev);
err_disable:
	pci_disable_device(pdev);
	return err;
}

static void unmap_card(struct chimdrv_dev *cd)
{
	pci_iounmap(cd->pdev, cd->regs);
	pci_release_mem_regions(cd->pdev);
	pci_disable_device(cd->pdev);
}

static void dev_free(struct chimdrv_dev *cd)
{
	if (cd->stop_wq)
		destroy_workqueue(cd->stop_wq);
	if (cd->wq)
		destroy_workqueue(cd->wq);
	kfree(cd);
}

static struct chimdrv_dev *dev_create(struct pci_dev *pdev)
{
	struct chimdrv_dev *cd = kzalloc(sizeof(*cd), GFP_KERNEL);

	if (!cd)
		return NULL;
	cd->pdev = pdev;
	cd->dev = &pdev->dev;
	set_bit(CHIMDRV_DEV_FAILED, &cd->bits);	/* until it has been started */
	spin_lock_init(&cd->fail_lock);
	chimdrv_recover_init(cd);
	chimdrv_carried_init(cd);
	cd->wq = alloc_workqueue(CHIMDRV_NAME "-%s", WQ_UNBOUND | WQ_MEM_RECLAIM, 0,
				 pci_name(pdev));
	cd->stop_wq = alloc_workqueue(CHIMDRV_NAME "-stop-%s", WQ_UNBOUND | WQ_MEM_RECLAIM, 0,
				      pci_name(pdev));
	if (!cd->wq || !cd->stop_wq) {
		dev_free(cd);
		return NULL;
	}
	return cd;
}

/* Card, admin pair and netdev work; the netdev is not registered yet. */
static int dev_start(struct chimdrv_dev *cd)
{
	int err;

	err = chimdrv_hw_identify(cd);
	if (err)
		return err;
	err = chimdrv_irq_alloc(cd);
	if (err)
		return err;
	err = chimdrv_admin_init(cd);
	if (err)
		goto err_vectors;
	err = chimdrv_net_create(cd);
	if (err)
		goto err_admin;
	err = chimdrv_irq_request_admin(cd);
	if (err)
		goto err_net;
	err = chimdrv_recover_start(cd);
	if (err)
		goto err_irq;
	chimdrv_recover_watch(cd);
	return 0;

err_irq:
	set_bit(CHIMDRV_DEV_REMOVING, &cd->bits);
	chimdrv_dev_fail_wait(cd);
	cancel_work_sync(&cd->reset_work);
	chimdrv_irq_free_admin(cd);
err_net:
	chimdrv_net_destroy(cd);
err_admin:
	chimdrv_admin_fini(cd);
err_vectors:
	chimdrv_irq_free(cd);
	return err;
}

static void dev_stop(struct chimdrv_dev *cd)
{
	cancel_delayed_work_sync(&cd->service_work);
	if (chimdrv_dev_alive(cd)) {
		set_bit(CHIMDRV_DEV_FAILED, &cd->bits);
		chimdrv_recover_quiesce(cd);
	}
	chimdrv_dev_fail_wait(cd);
	cancel_work_sync(&cd->reset_work);
	chimdrv_irq_free_admin(cd);
	chimdrv_net_destroy(cd);
	chimdrv_admin_fini(cd);
	chimdrv_irq_free(cd);
}

static int probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct chimdrv_dev *cd = dev_create(pdev);
	int err;

	if (!cd)
		return -ENOMEM;
	pci_set_drvdata(pdev, cd);
	err = map_card(cd);
	if (err)
		goto err_free;
	err = dev_start(cd);
	if (err)
		goto err_unmap;
	err = chimdrv_half_add(cd);
	if (err)
		goto err_stop;
	err = register_netdev(cd->net->netdev);
	if (err)
		goto err_del;
	mutex_lock(&chimdrv_devs_lock);
	list_add_tail(&cd->list, &chimdrv_devs);
	mutex_unlock(&chimdrv_devs_lock);
	chimdrv_debugfs_add(cd);
	netdev_info(cd->net->netdev, "chimney card at %s, %u pairs, features %#llx\n",
		    pci_name(pdev), cd->max_pairs, cd->features);
	return 0;

err_del:
	chimdrv_half_del(cd);
err_stop:
	set_bit(CHIMDRV_DEV_REMOVING, &cd->bits);
	dev_stop(cd);
err_unmap:
	unmap_card(cd);
err_free:
	dev_free(cd);
	return err;
}

static void remove(struct pci_dev *pdev)
{
	struct chimdrv_dev *cd = pci_get_drvdata(pdev);

	set_bit(CHIMDRV_DEV_REMOVING, &cd->bits);
	if (!pci_device_is_present(pdev)) {
		set_bit(CHIMDRV_DEV_GONE, &cd->bits);
		chimdrv_dev_fail(cd, "the card was pulled");
	}
	chimdrv_debugfs_remove(cd);
	mutex_lock(&chimdrv_devs_lock);
	list_del(&cd->list);
	mutex_unlock(&chimdrv_devs_lock);
	unregister_netdev(cd->net->netdev);
	chimdrv_half_del(cd);
	chimdrv_carried_end(cd);
	dev_stop(cd);
	unmap_card(cd);
	dev_free(cd);
}

/* rtnl. Upload the connections if the card still answers, then stop it. */
static void put_to_sleep(struct chimdrv_dev *cd)
{
	set_bit(CHIMDRV_DEV_ASLEEP, &cd->bits);
	netif_device_detach(cd->net->netdev);
	chimdrv_net_down(cd->net);
	set_bit(CHIMDRV_DEV_FAILED, &cd->bits);
	chimdrv_dev_fail_wait(cd);
	chimdrv_recover_quiesce(cd);
}

/* rtnl. */
static int wake_up_card(struct chimdrv_dev *cd)
{
	int err;

	clear_bit(CHIMDRV_DEV_ASLEEP, &cd->bits);
	err = chimdrv_recover_wake(cd);
	if (err)
		dev_err(cd->dev, "the card does not come back: %d\n", err);
	return err;
}

static void shutdown(struct pci_dev *pdev)
{
	struct chimdrv_dev *cd = pci_get_drvdata(pdev);

	rtnl_lock();
	set_bit(CHIMDRV_DEV_REMOVING, &cd->bits);
	put_to_sleep(cd);
	rtnl_unlock();
	pci_disable_device(pdev);
}

static int suspend(struct device *dev)
{
	struct chimdrv_dev *cd = dev_get_drvdata(dev);

	rtnl_lock();
	put_to_sleep(cd);
	rtnl_unlock();
	return 0;
}

static int resume(struct device *dev)
{
	struct chimdrv_dev *cd = dev_get_drvdata(dev);
	int err;

	rtnl_lock();
	err = wake_up_card(cd);
	rtnl_unlock();
	return err;
}

static DEFINE_SIMPLE_DEV_PM_OPS(pm_ops, suspend, resume);

/* ----------------------------------------------------------- errors of the bus */

/* Nobody wakes the card any more. */
static void mark_gone(struct chimdrv_dev *cd)
{
	set_bit(CHIMDRV_DEV_GONE, &cd->bits);
	clear_bit(CHIMDRV_DEV_ASLEEP, &cd->bits);
}

/*
 * The connections end here, whatever becomes of the card: up to 6.17 a driver is not told
 * of a recovery that fails, and later ones call this once more, with perm_failure.
 */
static pci_ers_result_t error_detected(struct pci_dev *pdev, pci_channel_state_t state)
{
	struct chimdrv_dev *cd = pci_get_drvdata(pdev);

	if (state == pci_channel_io_normal)
		return PCI_ERS_RESULT_CAN_RECOVER;
	if (state == pci_channel_io_perm_failure)
		mark_gone(cd);
	else
		set_bit(CHIMDRV_DEV_ASLEEP, &cd->bits);
	chimdrv_dev_fail(cd, "error on the PCI bus");
	chimdrv_dev_fail_wait(cd);
	queue_work(cd->wq, &cd->reset_work);
	flush_work(&cd->reset_work);
	return state == pci_channel_io_perm_failure ? PCI_ERS_RESULT_DISCONNECT :
						      PCI_ERS_RESULT_NEED_RESET;
}

static pci_ers_result_t slot_reset(struct pci_dev *pdev)
{
	struct chimdrv_dev *cd = pci_get_drvdata(pdev);

	if (pci_enable_device_mem(pdev)) {
		mark_gone(cd);
		queue_work(cd->wq, &cd->reset_work);
		return PCI_ERS_RESULT_DISCONNECT;
	}
	pci_restore_state(pdev);
	pci_save_state(pdev);
	return PCI_ERS_RESULT_RECOVERED;
}

static void error_resume(struct pci_dev *pdev)
{
	struct chimdrv_dev *cd = pci_get_drvdata(pdev);

	clear_bit(CHIMDRV_DEV_ASLEEP, &cd->bits);
	if (!chimdrv_dev_alive(cd))
		queue_work(cd->wq, &cd->reset_work);
}

/* A reset requested through sysfs. */
static void reset_prepare(struct pci_dev *pdev)
{
	struct chimdrv_dev *cd = pci_get_drvdata(pdev);

	rtnl_lock();
	put_to_sleep(cd);
	rtnl_unlock();
}

static void reset_done(struct pci_dev *pdev)
{
	struct chimdrv_dev *cd = pci_get_drvdata(pdev);

	rtnl_lock();
	wake_up_card(cd);
	rtnl_unlock();
}

static const struct pci_error_handlers error_handlers = {
	.error_detected	= error_detected,
	.slot_reset	= slot_reset,
	.resume		= error_resume,
	.reset_prepare	= reset_prepare,
	.reset_done	= reset_done,
};

static struct pci_driver driver = {
	.name		= CHIMDRV_NAME,
	.id_table	= chimdrv_hw_ids,
	.probe		= probe,
	.remove		= remove,
	.shutdown	= shutdown,
	.driver.pm	= pm_sleep_ptr(&pm_ops),
	.err_handler	= &error_handlers,
};

static int __init chimdrv_init(void)
{
	int err;

	chimdrv_debugfs_init();
	err = chimdrv_half_init();
	if (err)
		goto err_debugfs;
	err = pci_register_driver(&driver);
	if (err)
		goto err_offload;
	return 0;

err_offload:
	chimdrv_half_exit();
err_debugfs:
	chimdrv_debugfs_exit();
	return err;
}

static void __exit chimdrv_exit(void)
{
	pci_unregister_driver(&driver);
	chimdrv_half_exit();
	chimdrv_debugfs_exit();
}

module_init(chimdrv_init);
module_exit(chimdrv_exit);

MODULE_DESCRIPTION("chimney TCP offload network card");
MODULE_LICENSE("GPL");
