// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs one state operation (05-operations.md): a block list goes to the card and comes
 * back with the card's results. Only the list's maker knows what is in it.
 *
 * Process context. od->mutex is held (chimdrv_stateop_one() takes it): a card's state
 * operations run one at a time, each for as many objects as have gathered. So no object
 * is operated on twice at once (OBJ-H4), and bulk is the ordinary case.
 */
#include "offload/card/stateop.h"
#include "nic/adminq.h"
#include "nic/status.h"
#include "offload/card/blocklist.h"
#include "offload/conn_types.h"
#include "offload/od.h"

#define EXEC_MS		14000	/* fences may take the card 10 s (OP-D2) */

u32 chimdrv_stateop_fence_id(struct chimdrv_od *od)
{
	if (!++od->fence_id)
		od->fence_id++;
	return od->fence_id;
}

/* Count per list: a command that was given, or its completion. */
static void count(struct chimdrv_counters *n, u8 op, bool completion)
{
	const struct {
		u8 op;
		atomic64_t *command;	/* NULL: counted for each connection of the list */
		atomic64_t *completion;
	} counted[] = {
		{ CHIM_OP_INITIATE, NULL, &n->initiate_completions },
		{ CHIM_OP_TERMINATE, NULL, &n->terminate_completions },
		{ CHIM_OP_UPDATE, &n->updates, &n->update_completions },
		{ CHIM_OP_QUERY, &n->queries, &n->query_completions },
		{ CHIM_OP_INVALIDATE, &n->invalidates, &n->invalidate_completions },
	};
	atomic64_t *counter;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(counted); i++) {
		counter = completion ? counted[i].completion : counted[i].command;
		if (counted[i].op == op && counter)
			atomic64_inc(counter);
	}
}

/* Copy the list to memory that the card sees, run the operation, and copy the results back. */
int chimdrv_stateop_exec(struct chimdrv_dev *cd, u8 op, struct chimdrv_blocklist *bl, u32 fence_id,
			 u32 fences, struct chimdrv_admin_cmd *cmd)
{
	struct chim_block_list *head = (struct chim_block_list *)bl->buf;
	struct chimdrv_od *od = chimdrv_od(cd);
	struct chim_sqe sqe = { };
	int err;

	lockdep_assert_held(&od->mutex);
	head->length = cpu_to_le32(bl->len);
	head->node_count = cpu_to_le32(bl->nodes);
	memcpy(od->list_mem, bl->buf, bl->len);
	sqe.ctl = cpu_to_le32(op);
	sqe.u.admin.len = cpu_to_le32(bl->len);
	sqe.u.admin.fence_id = cpu_to_le32(fence_id);
	sqe.u.admin.fence_count = cpu_to_le32(fences);
	sqe.sge[0].addr = cpu_to_le64(od->list_dma);
	sqe.sge[0].len = cpu_to_le32(bl->len);
	count(&od->count, op, false);
	err = chimdrv_admin_exec(cd, &sqe, cmd, EXEC_MS);
	memcpy(bl->buf, od->list_mem, bl->len);
	if (!err || cmd->status)	/* a refusal is an answer */
		count(&od->count, op, true);
	return err;
}

/*
 * If the command that fences belong to cannot be run, run one that does nothing, a list
 * without an object: the card holds a limited number of fences that belong to no
 * command (OP-H1). The command's own list is given up for it.
 */
void chimdrv_stateop_void(struct chimdrv_dev *cd, struct chimdrv_blocklist *bl, u32 fence_id,
			  u32 fences)
{
	struct chimdrv_admin_cmd cmd = { };

	chimdrv_blocklist_fini(bl);
	chimdrv_blocklist_init(bl, cd, 1);
	chimdrv_blocklist_node(bl, CHIM_ROLE_PLACEHOLDER, 0, 0, 0);
	chimdrv_stateop_exec(cd, CHIM_OP_UPDATE, bl, fence_id, fences, &cmd);
}

/*
 * No lock held. Run @op on one connection that the target has. @state gets the @len
 * bytes that the card wrote.
 */
int chimdrv_stateop_one(struct chimdrv_conn *conn, u8 op, u8 type, u32 len, void *state)
{
	struct chimdrv_od *od = chimdrv_od(conn->cd);
	struct chimdrv_admin_cmd cmd = { };
	struct chimdrv_blocklist bl;
	struct chim_state_hdr *hdr;
	struct chim_node *n;
	int err, off = 0;

	mutex_lock(&od->mutex);
	chimdrv_blocklist_init(&bl, conn->cd, 1);
	err = -ENOTCONN;
	if (READ_ONCE(conn->state) != CHIMDRV_OFFLOADED)
		goto out;
	chimdrv_blocklist_node(&bl, CHIM_ROLE_OBJECT, type, conn->handle, conn->cookie);
	if (len) {
		off = chimdrv_blocklist_reserve(&bl, len);
		err = off;
		if (off < 0)
			goto out;
		hdr = chimdrv_blocklist_ptr(&bl, off);
		hdr->length = cpu_to_le32(len);
		n = chimdrv_blocklist_at(&bl, 0);
		n->state_off = cpu_to_le32(off);
		n->state_len = cpu_to_le32(len);
	}
	err = chimdrv_stateop_exec(conn->cd, op, &bl, 0, 0, &cmd);
	if (!err)
		err = chimdrv_status_errno(le32_to_cpu(chimdrv_blocklist_at(&bl, 0)->status));
	if (!err && len)
		memcpy(state, chimdrv_blocklist_ptr(&bl, off), len);
out:
	chimdrv_blocklist_fini(&bl);
	mutex_unlock(&od->mutex);
	return err;
}
