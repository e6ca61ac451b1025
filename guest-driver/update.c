// SPDX-License-Identifier: GPL-2.0-only
/*
 * Telling the target of cached variables that have changed: connections are listed
 * from any context, and a work runs one UPDATE for as many as have gathered.
 *
 * The list is under od->lock, the work holds od->mutex and takes slock to read the
 * variables.
 */
#include "chimdrv_conn.h"

/* Any context. Tell the target the cached variables as they are now. */
void chimdrv_update_ask(struct chimdrv_conn *conn)
{
	struct chimdrv_offload *od = chimdrv_od(conn->cd);
	bool queued = false;

	if (test_and_set_bit(CHIMDRV_C_UPDATE, &conn->bits))
		return;
	spin_lock_bh(&od->lock);
	if (list_empty(&conn->link)) {
		refcount_inc(&conn->refs);
		list_add_tail(&conn->link, &od->updates);
		queued = true;
	} else {
		clear_bit(CHIMDRV_C_UPDATE, &conn->bits);	/* an upload is ahead of it */
	}
	spin_unlock_bh(&od->lock);
	if (queued)
		queue_work(od->wq, &od->update_work);
}

static int update_node(struct chimdrv_conn *conn, struct chimdrv_blist *bl)
{
	int off = chimdrv_blist_reserve(bl, sizeof(struct chim_tcp_cached));
	struct chim_node *n;
	u32 node;

	if (off < 0)
		return off;
	spin_lock_bh(&conn->sk->sk_lock.slock);
	chimdrv_state_cached(conn, chimdrv_blist_ptr(bl, off), true);
	spin_unlock_bh(&conn->sk->sk_lock.slock);
	node = chimdrv_blist_node(bl, CHIM_ROLE_OBJECT, CHIM_TCP_CACHED, conn->handle,
				  conn->cookie);
	n = chimdrv_blist_at(bl, node);
	n->state_off = cpu_to_le32(off);
	n->state_len = cpu_to_le32(sizeof(struct chim_tcp_cached));
	if (node)
		chimdrv_blist_at(bl, node - 1)->next = cpu_to_le32(node);
	return 0;
}

static void update_work(struct work_struct *work)
{
	struct chimdrv_offload *od = container_of(work, struct chimdrv_offload, update_work);
	struct chimdrv_conn *conns[CHIMDRV_BATCH / 4], *conn;
	struct chimdrv_admin_cmd cmd = { };
	struct chimdrv_blist bl;
	unsigned int n, i;

	mutex_lock(&od->mutex);
	do {
		if (chimdrv_blist_init(&bl, od->cd, ARRAY_SIZE(conns)))
			break;
		for (n = 0; n < ARRAY_SIZE(conns); n++) {
			spin_lock_bh(&od->lock);
			conn = list_first_entry_or_null(&od->updates, struct chimdrv_conn, link);
			if (conn)
				list_del_init(&conn->link);
			spin_unlock_bh(&od->lock);
			if (!conn)
				break;
			conns[n] = conn;
			clear_bit(CHIMDRV_C_UPDATE, &conn->bits);
			if (READ_ONCE(conn->state) == CHIMDRV_OFFLOADED)
				update_node(conn, &bl);
		}
		if (bl.nodes && !chimdrv_stateop_exec(od->cd, CHIM_OP_UPDATE, &bl, 0, 0, &cmd)) {
			chimdrv_count_add(od->cd, updates, bl.nodes);
			if (bl.nodes > 1)
				chimdrv_count(od->cd, bulk_lists);
		}
		for (i = 0; i < n; i++)
			chimdrv_conn_put(conns[i]);
		chimdrv_blist_fini(&bl);
	} while (n == ARRAY_SIZE(conns));
	mutex_unlock(&od->mutex);
}

/* Once per card, before anybody can ask. */
void chimdrv_update_work_init(struct chimdrv_offload *od)
{
	INIT_LIST_HEAD(&od->updates);
	INIT_WORK(&od->update_work, update_work);
}
