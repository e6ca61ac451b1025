// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/chimney/<pci address>/: the rings as the driver sees them, a switch
 * that makes the card look failed, and the number of objects of each kind in the offload
 * half.
 */
#include <linux/debugfs.h>
#include <linux/rtnetlink.h>
#include <linux/seq_file.h>

#include "nic/debugfs.h"
#include "nic/hw.h"
#include "nic/ring.h"
#include "nic/upcalls.h"

static struct dentry *root;

static void show_ring(struct seq_file *m, const char *name, const struct chimdrv_ring *r)
{
	if (!r->entries)
		return;
	seq_printf(m, "  %-8s id %3u size %5u index %10u kicked %10u seen %10u doorbells %llu\n",
		   name, r->id, chimdrv_ring_size(r), r->index, r->kicked, r->seen, r->doorbells);
}

static void show_pair(struct seq_file *m, const struct chimdrv_pair *pair)
{
	seq_printf(m, "pair %u\n", pair->number);
	show_ring(m, "SQ", &pair->sq);
	show_ring(m, "CQ", &pair->cq);
	show_ring(m, "TX", &pair->tx);
	show_ring(m, "RXB", &pair->rxb.ring);
	show_ring(m, "RXC", &pair->rxc);
	show_ring(m, "IB", &pair->ib.ring);
	seq_printf(m, "  TX reaped to %u, RXB posted %u, IB posted %u\n", pair->tx_clean,
		   pair->rxb.posted, pair->ib.posted);
}

/* A snapshot without the data path's locks; rtnl keeps the rings in place. */
static int rings_show(struct seq_file *m, void *unused)
{
	struct chimdrv_dev *cd = m->private;
	unsigned int p;

	rtnl_lock();
	seq_printf(m, "state %#lx, admin commands in flight %u, recoveries %u\n", cd->bits,
		   cd->adminq.in_flight, cd->recoveries);
	show_ring(m, "admin SQ", &cd->adminq.sq);
	show_ring(m, "admin CQ", &cd->adminq.cq);
	for (p = 0; p < cd->max_pairs; p++)
		show_pair(m, cd->net->pair[p]);
	rtnl_unlock();
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(rings);

static int objects_show(struct seq_file *m, void *unused)
{
	chimdrv_up->show(m, m->private);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(objects);

static int fail_set(void *data, u64 value)
{
	if (value)
		chimdrv_dev_fail(data, "asked for through debugfs");
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(fail_fops, NULL, fail_set, "%llu\n");

void chimdrv_debugfs_add(struct chimdrv_dev *cd)
{
	cd->debugfs = debugfs_create_dir(pci_name(cd->pdev), root);
	debugfs_create_file("rings", 0400, cd->debugfs, cd, &rings_fops);
	debugfs_create_file("objects", 0400, cd->debugfs, cd, &objects_fops);
	debugfs_create_file("fail", 0200, cd->debugfs, cd, &fail_fops);
}

void chimdrv_debugfs_remove(struct chimdrv_dev *cd)
{
	debugfs_remove_recursive(cd->debugfs);
}

void chimdrv_debugfs_init(void)
{
	root = debugfs_create_dir(CHIMDRV_NAME, NULL);
}

void chimdrv_debugfs_exit(void)
{
	debugfs_remove_recursive(root);
}
