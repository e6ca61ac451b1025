// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands of connections on a pair's submission ring: the ones with scatter
 * lists, FENCE, DISCONNECT and VERDICT; and the waiting list of connections that
 * found no room or no memory. Forwards are posted by forward.c.
 *
 * Under the socket's slock; pair->sq_lock is taken inside, from the look at the
 * room to the doorbell.
 */
#include "offload/card/sq.h"
#include "nic/hw.h"
#include "nic/pair.h"
#include "nic/ring.h"
#include "offload/conn_types.h"
#include "offload/od.h"

/* Command with a scatter list. -EBUSY: no room now; the caller pends the connection. */
int chimdrv_sq_post(struct chimdrv_conn *conn, const struct chimdrv_sq_cmd *cmd)
{
	u32 more = cmd->nsge > CHIM_SQE_SGES ?
		   DIV_ROUND_UP(cmd->nsge - CHIM_SQE_SGES, CHIM_SG_SGES) : 0;
	struct chimdrv_pair *pair = conn->pair;
	struct chim_sqe_sg *sg = NULL;
	struct chim_sqe *sqe;
	struct chim_sge *e;
	int err = 0;
	u32 i, k;

	spin_lock_bh(&pair->sq_lock);
	if (!pair->sq_open || !chimdrv_dev_alive(conn->cd)) {
		err = -ENETDOWN;
		goto out;
	}
	if (chimdrv_ring_space(&pair->sq) < more + 1 &&
	    !(chimdrv_pair_sq_wait(pair) && chimdrv_ring_space(&pair->sq) >= more + 1)) {
		err = -EBUSY;
		goto out;
	}
	sqe = chimdrv_ring_slot(&pair->sq, 0);
	sqe->handle = cpu_to_le32(conn->handle);
	sqe->cookie = cpu_to_le64(cmd->cookie);
	sqe->u.io.len = cpu_to_le32(cmd->len);
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
	chimdrv_ring_publish(&pair->sq, cmd->ctl, more + 1);
	chimdrv_ring_kick(&pair->sq);
out:
	spin_unlock_bh(&pair->sq_lock);
	return err;
}

/* The ring or memory ran out: the pair's NAPI tries again, at the latest in a moment. */
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

/* FENCE behind everything posted for the connection. */
int chimdrv_sq_fence(struct chimdrv_conn *conn, u32 fence_id)
{
	struct chimdrv_pair *pair = conn->pair;
	struct chim_sqe *sqe;
	int err = 0;

	spin_lock_bh(&pair->sq_lock);
	if (!pair->sq_open || !chimdrv_dev_alive(conn->cd)) {
		err = -ENETDOWN;
	} else if (chimdrv_ring_space(&pair->sq) < 1 &&
		   !(chimdrv_pair_sq_wait(pair) && chimdrv_ring_space(&pair->sq) >= 1)) {
		err = -EBUSY;
	} else {
		sqe = chimdrv_ring_slot(&pair->sq, 0);
		sqe->handle = cpu_to_le32(conn->handle);
		sqe->u.fence.id = cpu_to_le32(fence_id);
		chimdrv_ring_publish(&pair->sq, CHIM_OP_FENCE, 1);
		chimdrv_ring_kick(&pair->sq);
	}
	spin_unlock_bh(&pair->sq_lock);
	return err;
}

/* Through the target: its own FIN or RST. No send follows. */
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

/* The word on an indication that was not taken whole. */
int chimdrv_sq_verdict(struct chimdrv_conn *conn, u32 number, u32 consumed)
{
	struct chimdrv_pair *pair = conn->pair;
	struct chim_sqe *sqe;
	int err = -EBUSY;

	spin_lock_bh(&pair->sq_lock);
	if (!pair->sq_open) {
		err = -ENETDOWN;
	} else if (chimdrv_ring_space(&pair->sq) >= 1) {
		sqe = chimdrv_ring_slot(&pair->sq, 0);
		sqe->handle = cpu_to_le32(conn->handle);
		sqe->u.verdict.indication = cpu_to_le32(number);
		sqe->u.verdict.status = cpu_to_le32(consumed ? CHIM_ST_DATA_PARTIALLY_ACCEPTED :
						    CHIM_ST_DATA_NOT_ACCEPTED);
		sqe->u.verdict.consumed = cpu_to_le32(consumed);
		chimdrv_ring_publish(&pair->sq, CHIM_OP_VERDICT, 1);
		chimdrv_ring_kick(&pair->sq);
		err = 0;
	}
	spin_unlock_bh(&pair->sq_lock);
	return err;
}
