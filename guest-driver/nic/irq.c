// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts: how many vectors there are, and which one wakes whom. With MSI-X vector 0
 * serves the admin pair and vector 1 + p every ring of pair p; without it, one INTx line
 * serves all and the ISR register tells them apart. No interrupt is masked: a ring that
 * has raised one stays silent until the driver writes its event index again.
 */
#include <linux/cpumask.h>
#include <linux/interrupt.h>

#include "nic/irq.h"
#include "compat/pci.h"
#include "nic/adminq.h"
#include "nic/hw.h"

/* May sleep: handles completions, events of the card, and a fatal status. */
static irqreturn_t admin_thread(int irq, void *arg)
{
	struct chimdrv_dev *cd = arg;

	/* No entry: the status has changed. */
	if (chimdrv_dev_alive(cd) && !chimdrv_admin_poll(cd))
		chimdrv_hw_check(cd);
	return IRQ_HANDLED;
}

static irqreturn_t admin_msix(int irq, void *arg)
{
	return IRQ_WAKE_THREAD;
}

static irqreturn_t pair_msix(int irq, void *arg)
{
	struct chimdrv_pair *pair = arg;

	napi_schedule_irqoff(&pair->napi);
	return IRQ_HANDLED;
}

static irqreturn_t all_intx(int irq, void *arg)
{
	struct chimdrv_dev *cd = arg;
	u32 isr = chimdrv_hw_isr(cd);
	unsigned int p;

	if (!isr)
		return IRQ_NONE;
	for (p = 0; cd->net && p < cd->max_pairs; p++) {
		struct chimdrv_pair *pair = cd->net->pair[p];

		if ((isr & BIT(1 + p)) && READ_ONCE(pair->polled))
			napi_schedule_irqoff(&pair->napi);
	}
	return isr & 1 ? IRQ_WAKE_THREAD : IRQ_HANDLED;
}

/* Allocate a vector per useful pair, fewer if there are fewer, and INTx if there is no MSI-X. */
int chimdrv_irq_alloc(struct chimdrv_dev *cd)
{
	unsigned int want = min3(num_online_cpus(), cd->limits.pairs,
				 (unsigned int)CHIMDRV_MAX_PAIRS);
	int n = pci_alloc_irq_vectors(cd->pdev, 2, 1 + want, PCI_IRQ_MSIX);

	if (n >= 2) {
		set_bit(CHIMDRV_DEV_MSIX, &cd->bits);
		cd->vectors = n;
		cd->max_pairs = n - 1;
		return 0;
	}
	clear_bit(CHIMDRV_DEV_MSIX, &cd->bits);
	n = pci_alloc_irq_vectors(cd->pdev, 1, 1, PCI_IRQ_INTX);
	if (n < 0) {
		dev_err(cd->dev, "neither MSI-X nor INTx can be had: %d\n", n);
		return n;
	}
	dev_info(cd->dev, "no MSI-X, one interrupt line for all\n");
	cd->vectors = 1;
	cd->max_pairs = want;
	return 0;
}

void chimdrv_irq_free(struct chimdrv_dev *cd)
{
	pci_free_irq_vectors(cd->pdev);
}

int chimdrv_irq_request_admin(struct chimdrv_dev *cd)
{
	if (test_bit(CHIMDRV_DEV_MSIX, &cd->bits))
		return request_threaded_irq(pci_irq_vector(cd->pdev, 0), admin_msix, admin_thread,
					    0, CHIMDRV_NAME "-admin", cd);
	return request_threaded_irq(pci_irq_vector(cd->pdev, 0), all_intx, admin_thread,
				    IRQF_SHARED, CHIMDRV_NAME, cd);
}

void chimdrv_irq_free_admin(struct chimdrv_dev *cd)
{
	free_irq(pci_irq_vector(cd->pdev, 0), cd);
}

int chimdrv_irq_request_pair(struct chimdrv_pair *pair)
{
	struct chimdrv_dev *cd = pair->cd;
	unsigned int cpu;
	int err;

	if (!test_bit(CHIMDRV_DEV_MSIX, &cd->bits)) {
		pair->irq = pci_irq_vector(cd->pdev, 0);
		WRITE_ONCE(pair->polled, true);
		return 0;
	}
	snprintf(pair->irq_name, sizeof(pair->irq_name), "%s-%u", pair->net->netdev->name,
		 pair->number);
	pair->irq = pci_irq_vector(cd->pdev, 1 + pair->number);
	err = request_irq(pair->irq, pair_msix, 0, pair->irq_name, pair);
	if (err)
		return err;
	cpu = cpumask_local_spread(pair->number, dev_to_node(cd->dev));
	irq_set_affinity_and_hint(pair->irq, cpumask_of(cpu));
	return 0;
}

/* Afterwards no interrupt schedules the pair's NAPI. */
void chimdrv_irq_free_pair(struct chimdrv_pair *pair)
{
	struct chimdrv_dev *cd = pair->cd;

	if (!test_bit(CHIMDRV_DEV_MSIX, &cd->bits)) {
		WRITE_ONCE(pair->polled, false);
		synchronize_irq(pair->irq);
		return;
	}
	irq_update_affinity_hint(pair->irq, NULL);
	free_irq(pair->irq, pair);
}
