// SPDX-License-Identifier: GPL-2.0-only
/*
 * Posts commands of connections on a pair's submission ring, each between begin() and
 * commit(), and lists the connections that wait for room or memory.
 *
 * Under the socket's slock; pair->sq_lock is taken inside, from the check for room to
 * the doorbell.
 */
#include "offload/card/sq.h"
#include "nic/hw.h"
#include "nic/pair.h"
#include "nic/ring.h"
#include "offload/conn_types.h"
#include "offload/od.h"

/* ------------------------------------------------------------------- begin and commit */

/*
 * slock. Take pair->sq_lock, which commit() always releases, and find room for
 * @entries. Returns the first, with the connection's handle in it. NULL: *err is
 * -ENETDOWN or -EBUSY; with @wait, NAPI runs when there is room again.
 */
static struct chim_sqe *begin(struct chimdrv_conn *conn, unsigned int entries, bool wait, int *err)
	__acquires(&conn->pair->sq_lock)
{
	struct chimdrv_pair *pair = conn->pair;
	struct chim_sqe *sqe;

	spin_lock_bh(&pair->sq_lock);
	*err = -ENETDOWN;
	if (!pair->sq_open || !chimdrv_dev_alive(conn->cd))
		return NULL;
	*err = -EBUSY;
	if (chimdrv_ring_space(&pair->sq) < entries &&
	    !(wait && chimdrv_pair_sq_wait(pair) && chimdrv_ring_space(&pair->sq) >= entries))
		return NULL;
	*err = 0;
	sqe = chimdrv_ring_slot(&pair->sq, 0);
	sqe->handle = cpu_to_le32(conn->handle);
	return sqe;
}

/* Publish what was filled since begin(), unless that failed with @err. Returns @err. */
static int commit(struct chimdrv_conn *conn, u32 ctl, unsigned int entries, int err)
	__releases(&conn->pair->sq_lock)
{
	struct chimdrv_pair *pair = conn->pair;

	if (!err) {
		chimdrv_ring_publish(&pair->sq, ctl, entries);
		chimdrv_ring_kick(&pair->sq);
	}
	spin_unlock_bh(&pair->sq_lock);
	return err;
}

/* ---------------------------------------------------------------------------- commands */

/* sq_lock. Write the scatter list of a command, over as many entries as it takes. */
static void fill_sges(struct chimdrv_pair *pair, struct chim_sqe *sqe,
		      const struct chimdrv_sq_cmd *cmd)
{
	struct chim_sqe_sg *sg = NULL;
	struct chim_sge *e;
	u32 i, k;

	for (i = 0; i < cmd->nsge; i++) {
		if (i < CHIM_SQE_SGES) {
			e = &sqe->sge[i];
		} else {
			k = i - CHIM_SQE_SGES;
			if (k % CHIM_SG_SGES == 0)
				sg = chimdrv_ring_slot(&pair->sq, 1 + k / CHIM_SG_SGES);
			e = &sg->sge[k % CHIM_SG_SGES];
		}
		e->addr = cpu_to_le64(cmd->sge[i].addr);
		e->len = cpu_to_le32(cmd->sge[i].len);
	}
}

/* Post a command with a scatter list. -EBUSY: no room now; the caller pends the connection. */
int chimdrv_sq_post(struct chimdrv_conn *conn, const struct chimdrv_sq_cmd *cmd)
{
	u32 more = cmd->nsge > CHIM_SQE_SGES ?
		   DIV_ROUND_UP(cmd->nsge - CHIM_SQE_SGES, CHIM_SG_SGES) : 0;
	struct chim_sqe *sqe;
	int err;

	sqe = begin(conn, more + 1, true, &err);
	if (sqe) {
		sqe->cookie = cpu_to_le64(cmd->cookie);
		sqe->u.io.len = cpu_to_le32(cmd->len);
		fill_sges(conn->pair, sqe, cmd);
	}
	return commit(conn, cmd->ctl, more + 1, err);
}

/* Post a FENCE behind everything posted for the connection. */
int chimdrv_sq_fence(struct chimdrv_conn *conn, u32 fence_id)
{
	struct chim_sqe *sqe;
	int err;

	sqe = begin(conn, 1, true, &err);
	if (sqe)
		sqe->u.fence.id = cpu_to_le32(fence_id);
	return commit(conn, CHIM_OP_FENCE, 1, err);
}

/*
 * May commands other than sends be posted? While a connection is on its way to Linux TCP
 * they would only come back. A disconnect alone, whose FIN may wait long, bars sends only.
 */
bool chimdrv_sq_takes(const struct chimdrv_conn *conn)
{
	return conn->state == CHIMDRV_OFFLOADED && !test_bit(CHIMDRV_C_GONE, &conn->bits) &&
	       !(test_bit(CHIMDRV_C_QUIET, &conn->bits) &&
		 test_bit(CHIMDRV_C_UPLOAD, &conn->bits));
}

/* Have the target send its own FIN or RST. No send follows. */
int chimdrv_sq_disconnect(struct chimdrv_conn *conn, u32 flags)
{
	struct chimdrv_sq_cmd cmd = {
		.ctl = CHIM_OP_DISCONNECT | flags << CHIM_CTL_FLAGS_SHIFT,
		.cookie = ++conn->next_cookie,
	};
	int err = chimdrv_sq_post(conn, &cmd);

	if (!err) {
		set_bit(CHIMDRV_C_QUIET, &conn->bits);
		chimdrv_count(conn->cd, disconnects);
	}
	return err;
}

/* Post the verdict on an indication that was not taken whole. It cannot wait for room. */
int chimdrv_sq_verdict(struct chimdrv_conn *conn, u32 number, u32 consumed)
{
	struct chim_sqe *sqe;
	int err;

	sqe = begin(conn, 1, false, &err);
	if (sqe) {
		sqe->u.verdict.indication = cpu_to_le32(number);
		sqe->u.verdict.status = cpu_to_le32(consumed ? CHIM_ST_DATA_PARTIALLY_ACCEPTED :
						    CHIM_ST_DATA_NOT_ACCEPTED);
		sqe->u.verdict.consumed = cpu_to_le32(consumed);
	}
	return commit(conn, CHIM_OP_VERDICT, 1, err);
}

/* -------------------------------------------------------------------------------- waiting */

/* The ring is full or memory is short: the pair's NAPI tries again, at the latest in a moment. */
void chimdrv_sq_pend(struct chimdrv_conn *conn)
{
	struct chimdrv_pair *pair = conn->pair;

	if (test_bit(CHIMDRV_C_GONE, &conn->bits) ||
	    test_and_set_bit(CHIMDRV_C_PENDING, &conn->bits))
		return;
	refcount_inc(&conn->refs);
	spin_lock_bh(&pair->sq_lock);
	list_add_tail(&conn->pending, &pair->pending);
	spin_unlock_bh(&pair->sq_lock);
	chimdrv_count(conn->cd, late_pending);
	queue_delayed_work(chimdrv_od(conn->cd)->wq, &chimdrv_od(conn->cd)->retry_work, 1);
}
