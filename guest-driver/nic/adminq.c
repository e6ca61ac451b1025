// SPDX-License-Identifier: GPL-2.0-only
/*
 * The admin pair: posts commands, matches completions, watches deadlines, and passes on
 * the card's events. The netdev and the offload half call it and know what their commands
 * mean; the commands of the NIC half are in admin_cmds.c.
 *
 * adminq.lock protects slots and submission ring, poll_lock the completion ring; done()
 * runs under poll_lock alone, with bottom halves disabled.
 */
#include "nic/adminq.h"
#include "chimney_abi.h"
#include "nic/hw.h"
#include "nic/link.h"
#include "nic/ring.h"
#include "nic/status.h"
#include "nic/upcalls.h"

/* --------------------------------------------------------------------------------- life */

int chimdrv_admin_init(struct chimdrv_dev *cd)
{
	struct chimdrv_adminq *aq = &cd->adminq;
	int err;

	spin_lock_init(&aq->lock);
	mutex_init(&aq->poll_lock);
	init_waitqueue_head(&aq->room);
	err = chimdrv_ring_init(&aq->sq, cd, CHIM_RING_ADMIN_SQ, CHIMDRV_ADMIN_LOG2,
				sizeof(struct chim_sqe));
	if (err)
		return err;
	err = chimdrv_ring_init(&aq->cq, cd, CHIM_RING_ADMIN_CQ, CHIMDRV_ADMIN_LOG2 + 1,
				sizeof(struct chim_cqe));
	if (err)
		chimdrv_ring_fini(&aq->sq);
	return err;
}

void chimdrv_admin_fini(struct chimdrv_dev *cd)
{
	chimdrv_ring_fini(&cd->adminq.cq);
	chimdrv_ring_fini(&cd->adminq.sq);
}

/* Empty the rings for a card that has been reset; from now on commands are accepted. */
void chimdrv_admin_start(struct chimdrv_dev *cd)
{
	struct chimdrv_adminq *aq = &cd->adminq;

	mutex_lock(&aq->poll_lock);
	spin_lock_bh(&aq->lock);
	chimdrv_ring_clear(&aq->sq);
	chimdrv_ring_clear(&aq->cq);
	aq->open = true;
	spin_unlock_bh(&aq->lock);
	mutex_unlock(&aq->poll_lock);
}

static void finish(struct chimdrv_admin_cmd *cmd)
{
	local_bh_disable();
	cmd->done(cmd);
	local_bh_enable();
}

/* Take the command out of its slot, lock held. */
static struct chimdrv_admin_cmd *take_locked(struct chimdrv_adminq *aq, unsigned int i)
{
	struct chimdrv_admin_cmd *cmd = aq->slot[i].cmd;

	lockdep_assert_held(&aq->lock);
	if (!cmd)
		return NULL;
	aq->slot[i].cmd = NULL;
	aq->slot[i].generation++;
	aq->in_flight--;
	return cmd;
}

/* The card does no DMA, or never will again for these commands: end them all with @err. */
void chimdrv_admin_stop(struct chimdrv_dev *cd, int err)
{
	struct chimdrv_adminq *aq = &cd->adminq;
	unsigned int i;

	mutex_lock(&aq->poll_lock);
	spin_lock_bh(&aq->lock);
	aq->open = false;
	spin_unlock_bh(&aq->lock);
	for (i = 0; i < CHIMDRV_ADMIN_SLOTS; i++) {
		struct chimdrv_admin_cmd *cmd;

		spin_lock_bh(&aq->lock);
		cmd = take_locked(aq, i);
		spin_unlock_bh(&aq->lock);
		if (!cmd)
			continue;
		cmd->err = err;
		finish(cmd);
	}
	mutex_unlock(&aq->poll_lock);
	wake_up_all(&aq->room);
}

/* ------------------------------------------------------------------------------ posting */

static u64 slot_cookie(const struct chimdrv_adminq *aq, unsigned int i)
{
	return (u64)aq->slot[i].generation << 32 | i;
}

static int find_slot_locked(struct chimdrv_adminq *aq)
{
	unsigned int i;

	for (i = 0; i < CHIMDRV_ADMIN_SLOTS; i++)
		if (!aq->slot[i].cmd)
			return i;
	return -EBUSY;
}

static int post_locked(struct chimdrv_dev *cd, const struct chim_sqe *sqe,
		       struct chimdrv_admin_cmd *cmd, bool terminate)
{
	struct chimdrv_adminq *aq = &cd->adminq;
	unsigned int keep = terminate ? 0 : CHIMDRV_ADMIN_RESERVED;
	struct chim_sqe *entry;
	int slot;

	lockdep_assert_held(&aq->lock);
	if (!aq->open || !chimdrv_dev_alive(cd))
		return test_bit(CHIMDRV_DEV_GONE, &cd->bits) ? -ENODEV : -EIO;
	if (aq->in_flight + keep >= CHIMDRV_ADMIN_SLOTS || chimdrv_ring_space(&aq->sq) <= keep)
		return -EBUSY;
	slot = find_slot_locked(aq);
	if (slot < 0)
		return slot;
	aq->slot[slot].cmd = cmd;
	aq->in_flight++;

	entry = chimdrv_ring_slot(&aq->sq, 0);
	entry->handle = sqe->handle;
	entry->cookie = cpu_to_le64(slot_cookie(aq, slot));
	memcpy(&entry->u, &sqe->u, sizeof(entry->u));
	memcpy(entry->sge, sqe->sge, sizeof(entry->sge));
	chimdrv_ring_publish(&aq->sq, cmd->op, 1);
	chimdrv_ring_kick(&aq->sq);
	return 0;
}

int chimdrv_admin_post(struct chimdrv_dev *cd, const struct chim_sqe *sqe,
		       struct chimdrv_admin_cmd *cmd, unsigned int timeout_ms, bool terminate)
{
	int err;

	cmd->op = le32_to_cpu(sqe->ctl) & CHIM_CTL_OP_MASK;
	cmd->deadline = jiffies + msecs_to_jiffies(timeout_ms);
	spin_lock_bh(&cd->adminq.lock);
	err = post_locked(cd, sqe, cmd, terminate);
	spin_unlock_bh(&cd->adminq.lock);
	return err;
}

/* Post if there is a slot. True: *err holds the result. */
static bool try_post(struct chimdrv_dev *cd, const struct chim_sqe *sqe,
		     struct chimdrv_admin_cmd *cmd, unsigned int timeout_ms, int *err)
{
	*err = chimdrv_admin_post(cd, sqe, cmd, timeout_ms, false);
	return *err != -EBUSY;
}

static void exec_done(struct chimdrv_admin_cmd *cmd)
{
	complete(cmd->wait);
}

int chimdrv_admin_exec(struct chimdrv_dev *cd, const struct chim_sqe *sqe,
		       struct chimdrv_admin_cmd *cmd, unsigned int timeout_ms)
{
	DECLARE_COMPLETION_ONSTACK(wait);
	struct chimdrv_admin_cmd local = {};
	int err;

	if (!cmd)
		cmd = &local;
	cmd->done = exec_done;
	cmd->wait = &wait;
	wait_event_timeout(cd->adminq.room, try_post(cd, sqe, cmd, timeout_ms, &err),
			   msecs_to_jiffies(timeout_ms));
	if (err)
		return err;
	/*
	 * Not bounded here: for an overdue command the service work fails the card, and the
	 * command ends only when the card's DMA is known to have stopped.
	 */
	wait_for_completion(&wait);
	return cmd->err;
}

/* --------------------------------------------------------------- completions and events */

bool chimdrv_admin_overdue(struct chimdrv_dev *cd)
{
	struct chimdrv_adminq *aq = &cd->adminq;
	bool overdue = false;
	unsigned int i;

	spin_lock_bh(&aq->lock);
	for (i = 0; i < CHIMDRV_ADMIN_SLOTS; i++)
		if (aq->slot[i].cmd && time_after(jiffies, aq->slot[i].cmd->deadline))
			overdue = true;
	spin_unlock_bh(&aq->lock);
	return overdue;
}

static void complete_command(struct chimdrv_dev *cd, const struct chim_cqe *cqe)
{
	struct chimdrv_adminq *aq = &cd->adminq;
	u64 cookie = le64_to_cpu(cqe->cookie);
	struct chimdrv_admin_cmd *cmd = NULL;
	u32 slot = lower_32_bits(cookie);

	spin_lock_bh(&aq->lock);
	if (slot < CHIMDRV_ADMIN_SLOTS && slot_cookie(aq, slot) == cookie)
		cmd = take_locked(aq, slot);
	spin_unlock_bh(&aq->lock);
	if (!cmd) {
		chimdrv_dev_fail(cd, "completion of an admin command that was not posted");
		return;
	}
	cmd->status = le32_to_cpu(cqe->status);
	cmd->info = le32_to_cpu(cqe->info);
	cmd->info2 = le32_to_cpu(cqe->info2);
	cmd->bytes = le32_to_cpu(cqe->bytes);
	cmd->err = chimdrv_status_errno(cmd->status);
	finish(cmd);
	wake_up_all(&aq->room);
}

static void handle_event(struct chimdrv_dev *cd, const struct chim_cqe *cqe)
{
	unsigned int type = le32_to_cpu(cqe->ctl) & CHIM_CTL_OP_MASK;

	local_bh_disable();
	switch (type) {
	case CHIM_CQ_LINK:
		if (cd->net)
			chimdrv_link_read(cd->net);
		break;
	case CHIM_CQ_PAUSE:
		set_bit(CHIMDRV_DEV_PAUSED, &cd->bits);		/* PAU-1 */
		break;
	case CHIM_CQ_RESUME:
		clear_bit(CHIMDRV_DEV_PAUSED, &cd->bits);	/* PAU-5 */
		break;
	case CHIM_CQ_UPLOAD_ALL:
		set_bit(CHIMDRV_DEV_PAUSED, &cd->bits);		/* PAU-7 */
		chimdrv_up->upload_all(cd);
		break;
	case CHIM_CQ_NCE:
		chimdrv_up->nce(cd, cqe);
		break;
	default:
		chimdrv_dev_fail(cd, "unknown entry on the admin CQ");
		break;
	}
	local_bh_enable();
}

/* Consume the admin CQ. Called by the interrupt thread and the service work. */
bool chimdrv_admin_poll(struct chimdrv_dev *cd)
{
	struct chimdrv_adminq *aq = &cd->adminq;
	struct chim_cqe cqe;
	bool any = false;

	mutex_lock(&aq->poll_lock);
	while (aq->open && chimdrv_dev_alive(cd)) {
		if (!chimdrv_ring_peek(&aq->cq, &cqe)) {
			chimdrv_ring_kick(&aq->cq);
			if (!chimdrv_ring_rearm(&aq->cq))
				break;
			continue;
		}
		any = true;
		chimdrv_ring_advance(&aq->cq);
		if ((le32_to_cpu(cqe.ctl) & CHIM_CTL_OP_MASK) == CHIM_CQ_ADMIN)
			complete_command(cd, &cqe);
		else
			handle_event(cd, &cqe);
	}
	mutex_unlock(&aq->poll_lock);
	return any;
}
