/* SPDX-License-Identifier: GPL-2.0-only */
/* The admin pair: post commands, wait for them, complete them. */
#ifndef CHIMDRV_ADMINQ_H
#define CHIMDRV_ADMINQ_H

#include "nic/nic.h"

int chimdrv_admin_init(struct chimdrv_dev *cd);		/* memory */
void chimdrv_admin_fini(struct chimdrv_dev *cd);
void chimdrv_admin_start(struct chimdrv_dev *cd);	/* rings empty, accept commands */
void chimdrv_admin_stop(struct chimdrv_dev *cd, int err);	/* card is quiet: end all */
bool chimdrv_admin_poll(struct chimdrv_dev *cd);	/* process context; was there an entry? */
bool chimdrv_admin_overdue(struct chimdrv_dev *cd);

/*
 * The card has not answered: it has failed, and nobody knows what it has done. Any other
 * error means that the command was not posted, or is the card's answer.
 */
static inline bool chimdrv_admin_lost(int err)
{
	return err == -EIO || err == -ENODEV || err == -ETIMEDOUT;
}

/*
 * Post a command and return at once; any context but hard interrupt. ctl's
 * opcode, u and sge[] of *sqe are the caller's, phase and cookie are set here.
 * @terminate: may take the slots that are kept free for terminates.
 * 0: cmd->done() will be called once. -EBUSY: no slot free, try again later.
 * -EIO, -ENODEV: the card has failed; done() will not be called.
 */
int chimdrv_admin_post(struct chimdrv_dev *cd, const struct chim_sqe *sqe,
		       struct chimdrv_admin_cmd *cmd, unsigned int timeout_ms, bool terminate);

/*
 * Post a command and sleep until it has completed or the card has been stopped.
 * @cmd may be NULL; else it holds status and info afterwards. Returns cmd->err.
 */
int chimdrv_admin_exec(struct chimdrv_dev *cd, const struct chim_sqe *sqe,
		       struct chimdrv_admin_cmd *cmd, unsigned int timeout_ms);

#endif /* CHIMDRV_ADMINQ_H */
