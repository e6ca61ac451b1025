// SPDX-License-Identifier: GPL-2.0-only
/*
 * Upload, from the wish to the TERMINATE: connections that shall go back are listed
 * from any context, and a work fences them and runs one TERMINATE for as many as
 * have gathered. What the card hands over waits in the connection; handback.c puts
 * it into the socket when LAST has come too.
 *
 * The list is under od->lock, the work holds od->mutex throughout and takes slock
 * for what it reads and writes of a connection.
 */
#include "chimdrv_conn.h"

#define WINDOW_ROUNDING	65536	/* bytes: the target rounds windows up to the scale */
#define UPLOAD_SENDS	64	/* sends that may still be posted before the FENCE of an upload */
#define UPLOAD_TRIES	8	/* for memory, or more room than asked for */

#define X(id, name) name,
static const char * const why_names[] = { CHIMDRV_WHYS(X) };
#undef X

const char *chimdrv_upload_why_name(u32 why)
{
	return why < CHIMDRV_WHY_COUNT ? why_names[why] : "unknown";
}

/* ------------------------------------------------------------------------ asking for it */

/* od->lock. */
static void ask_locked(struct chimdrv_offload *od, struct chimdrv_conn *conn,
		       enum chimdrv_why why)
{
	if (test_and_set_bit(CHIMDRV_C_UPLOAD, &conn->bits))
		return;
	/* from updates: with that list's reference */
	if (list_empty(&conn->link) && !chimdrv_conn_get(conn))
		return;
	conn->reason = why;
	list_move_tail(&conn->link, &od->uploads);
}

void chimdrv_upload_ask(struct chimdrv_conn *conn, enum chimdrv_why why)
{
	struct chimdrv_offload *od = chimdrv_od(conn->cd);

	if (test_bit(CHIMDRV_C_UPLOAD, &conn->bits))
		return;
	spin_lock_bh(&od->lock);
	ask_locked(od, conn, why);
	spin_unlock_bh(&od->lock);
	queue_work(od->wq, &od->upload_work);
}

/* -------------------------------------------------------------------- and waiting for it */

/*
 * The card's part has its deadlines where it is run, and a card that misses one has
 * failed. The last step belongs to whoever owns the socket, which may be never, and
 * for that nobody is to blame the card: who waits for it does so on its own account.
 */

static bool card_has_none(struct chimdrv_offload *od)
{
	struct chimdrv_conn *conn;
	bool none = true;

	spin_lock_bh(&od->lock);
	list_for_each_entry(conn, &od->conns, all)
		if (!test_bit(CHIMDRV_C_LET_GO, &conn->bits) &&
		    !test_bit(CHIMDRV_C_GONE, &conn->bits))
			none = false;
	spin_unlock_bh(&od->lock);
	return none;
}

/* Every connection of the card; with @wait, until it has none any more or has failed. */
void chimdrv_upload_all(struct chimdrv_dev *cd, enum chimdrv_why why, bool wait)
{
	struct chimdrv_offload *od = chimdrv_od(cd);
	struct chimdrv_conn *conn;

	do {
		spin_lock_bh(&od->lock);
		list_for_each_entry(conn, &od->conns, all)
			ask_locked(od, conn, why);
		spin_unlock_bh(&od->lock);
		queue_work(od->wq, &od->upload_work);
	} while (wait && chimdrv_dev_alive(cd) &&
		 !wait_event_timeout(od->idle, card_has_none(od), HZ / 4));
}

int chimdrv_upload_wait(struct chimdrv_conn *conn, long timeout)
{
	long left = wait_event_killable_timeout(conn->wait,
						test_bit(CHIMDRV_C_DETACHED, &conn->bits), timeout);

	return left > 0 ? 0 : left ? -EINTR : -ETIMEDOUT;
}

void chimdrv_upload_wait_close(struct chimdrv_conn *conn)
{
	wait_event(conn->wait, test_bit(CHIMDRV_C_DETACHED, &conn->bits));
}

/* ----------------------------------------------------------------------- the block list */

struct upload {
	struct chimdrv_conn *conn;
	struct chimdrv_room *room;
	u32 node;
	u32 d_off;
	u32 refs_off;
	u32 room_off;
	u32 need;		/* bytes of room that the card asked for */
};

/* Requests that may be outstanding at the FENCE: those now, and some that go before it. */
static u32 upload_send_room(struct chimdrv_conn *conn)
{
	u32 room;

	spin_lock_bh(&conn->sk->sk_lock.slock);
	room = min(conn->nsends + UPLOAD_SENDS, conn->cd->limits.sends);
	conn->send_room = room;
	spin_unlock_bh(&conn->sk->sk_lock.slock);
	return room;
}

/* The node of one connection, with room for all that can come back (OP-D9). */
static int upload_node(struct upload *u, struct chimdrv_blist *bl)
{
	u32 held = u->conn->wnd_granted + u->conn->buffered + u->conn->final.rcv_wnd +
		   WINDOW_ROUNDING;
	u32 sends = upload_send_room(u->conn), len = max(u->need, held);
	struct chim_tcp_delegated *d;
	struct chim_node *n;
	int off, refs;

	chimdrv_room_destroy(u->room);
	u->room = chimdrv_room_create(u->conn->cd->dev, len, DMA_FROM_DEVICE);
	if (!u->room)
		return -ENOMEM;
	off = chimdrv_blist_reserve(bl, sizeof(*d));
	refs = chimdrv_blist_reserve(bl, sends * sizeof(struct chim_send_ref));
	u->room_off = chimdrv_blist_reserve(bl, u->room->count * sizeof(struct chim_sge));
	if (off < 0 || refs < 0 || (int)u->room_off < 0)
		return off < 0 ? off : refs < 0 ? refs : (int)u->room_off;
	u->d_off = off;
	u->refs_off = refs;
	d = chimdrv_blist_ptr(bl, off);
	d->hdr.length = cpu_to_le32(sizeof(*d));
	d->send_off = cpu_to_le32(refs);
	d->send_count = cpu_to_le32(sends);
	d->buffered_off = cpu_to_le32(u->room_off);
	d->buffered_sges = cpu_to_le32(chimdrv_room_sges(u->room,
							 chimdrv_blist_ptr(bl, u->room_off), len));
	d->buffered_len = cpu_to_le32(len);
	u->node = chimdrv_blist_node(bl, CHIM_ROLE_OBJECT, CHIM_TCP_DELEGATED, u->conn->handle,
				     u->conn->cookie);
	n = chimdrv_blist_at(bl, u->node);
	n->state_off = cpu_to_le32(off);
	n->state_len = cpu_to_le32(sizeof(*d));
	if (u->node)
		chimdrv_blist_at(bl, u->node - 1)->next = cpu_to_le32(u->node);
	return 0;
}

/* The card has let go: what it handed back waits in the connection for LAST and the socket. */
static void upload_take(struct upload *u, struct chimdrv_blist *bl)
{
	const struct chim_tcp_delegated *d = chimdrv_blist_ptr(bl, u->d_off);
	struct chimdrv_conn *conn = u->conn;
	u32 status = le32_to_cpu(chimdrv_blist_at(bl, u->node)->status);
	u32 len = le32_to_cpu(d->buffered_len), seq;
	struct sk_buff_head back;
	bool lost = false;

	__skb_queue_head_init(&back);
	seq = le32_to_cpu(d->rcv_nxt) - len;
	if (chimdrv_state_fin_seen(d->state))
		seq--;		/* the peer's FIN stands behind the bytes */
	if (status != CHIM_ST_SUCCESS || len > u->room->size ||
	    chimdrv_room_to_skbs(u->room, len, seq, &back))
		lost = true;
	chimdrv_count(conn->cd, terminates);
	chimdrv_count_add(conn->cd, buffered_out_bytes, len);
	spin_lock_bh(&conn->sk->sk_lock.slock);
	chimdrv_state_import(&conn->final, d);
	chimdrv_sendback_take(conn, d, chimdrv_blist_ptr(bl, u->refs_off));
	skb_queue_splice_tail_init(&back, &conn->back);
	conn->back_start = seq;
	if (lost)
		set_bit(CHIMDRV_C_LOST, &conn->bits);
	set_bit(CHIMDRV_C_FINAL, &conn->bits);
	chimdrv_progress_check(conn);
	spin_unlock_bh(&conn->sk->sk_lock.slock);
	__skb_queue_purge(&back);
}

/* The command changed nothing: the connections are the target's as before. */
static void upload_reopen(struct upload *u, struct chimdrv_blist *bl)
{
	u->need = le32_to_cpu(chimdrv_blist_at(bl, u->node)->info);
	spin_lock_bh(&u->conn->sk->sk_lock.slock);
	u->conn->send_room = 0;
	chimdrv_conn_set_state(u->conn, CHIMDRV_OFFLOADED);
	spin_unlock_bh(&u->conn->sk->sk_lock.slock);
}

/* -------------------------------------------------------------------------- the command */

struct upload_fences {
	struct upload *up;
	unsigned int n;
	u32 id;
};

/*
 * FENCE with the state change in one go, so that nothing is posted behind it
 * (OP-H4). What the program has written goes before it: the wire stays busy.
 */
static int upload_fence(struct chimdrv_conn *conn, u32 fence_id)
{
	struct sock *sk = conn->sk;
	unsigned int tries;
	int err = -EBUSY;

	for (tries = 0; tries < 2000 && err == -EBUSY; tries++) {
		if (tries)
			usleep_range(500, 1000);
		spin_lock_bh(&sk->sk_lock.slock);
		if (!tries && test_bit(CHIMDRV_C_DETACHED, &conn->bits))
			chimdrv_sq_disconnect(conn, CHIM_DISCONNECT_ABORTIVE);
		else if (!tries && !sock_owned_by_user(sk) &&
			 !test_bit(CHIMDRV_C_QUIET, &conn->bits))
			chimdrv_send_post(conn);
		err = chimdrv_sq_fence(conn, fence_id);
		if (!err)
			chimdrv_conn_set_state(conn, CHIMDRV_TERMINATING);
		spin_unlock_bh(&sk->sk_lock.slock);
	}
	return err;
}

/* A fence that cannot be posted leaves the TERMINATE to its deadline, and the card to its reset. */
static void upload_post_fences(void *arg)
{
	struct upload_fences *f = arg;
	unsigned int i;

	for (i = 0; i < f->n; i++)
		if (upload_fence(f->up[i].conn, f->id))
			break;
}

/* As many of the @n as a list takes. */
static int upload_list(struct upload *up, unsigned int *n, struct chimdrv_blist *bl)
{
	unsigned int i;
	int err;

	for (i = 0; i < *n; i++) {
		err = upload_node(&up[i], bl);
		if (err == -EMSGSIZE && i)
			break;
		if (err)
			return err;
	}
	*n = i;
	return 0;
}

/*
 * One TERMINATE for all of them, or for as many as fit: *@count. -EAGAIN: once more,
 * with the room that the card asked for.
 */
static int upload_once(struct chimdrv_dev *cd, struct upload *up, unsigned int *count)
{
	struct upload_fences fences = { up, 0, chimdrv_stateop_fence_id(chimdrv_od(cd)) };
	struct chimdrv_admin_cmd cmd = { };
	struct chimdrv_blist bl;
	int err = chimdrv_blist_init(&bl, cd, *count);
	unsigned int i, n;

	if (err)
		return err;
	err = upload_list(up, count, &bl);
	n = *count;
	fences.n = n;
	if (!err)
		err = chimdrv_stateop_exec_then(cd, CHIM_OP_TERMINATE, &bl, fences.id, n, &cmd,
						upload_post_fences, &fences);
	if (err == -ENOMEM) {		/* nothing has been asked of the card yet */
		chimdrv_blist_fini(&bl);
		return err;
	}
	if (n > 1)
		chimdrv_count(cd, bulk_lists);
	if (!err && !cmd.status) {
		for (i = 0; i < n; i++)
			upload_take(&up[i], &bl);
	} else if (cmd.status == CHIM_ST_BUFFER_TOO_SMALL) {
		for (i = 0; i < n; i++)
			upload_reopen(&up[i], &bl);
		err = -EAGAIN;
	} else {
		chimdrv_dev_fail(cd, "a terminate failed");
		err = -EIO;
	}
	chimdrv_blist_fini(&bl);
	return err;
}

/* ----------------------------------------------------------------------------- the work */

/* Those asked for that the target really has; the others are on their way already. */
static unsigned int upload_collect(struct chimdrv_offload *od, struct upload *up)
{
	struct chimdrv_conn *conn;
	unsigned int n = 0;
	bool mine;

	while (n < min_t(u32, CHIMDRV_BATCH, od->cd->limits.nodes)) {
		spin_lock_bh(&od->lock);
		conn = list_first_entry_or_null(&od->uploads, struct chimdrv_conn, link);
		if (conn)
			list_del_init(&conn->link);
		spin_unlock_bh(&od->lock);
		if (!conn)
			break;
		spin_lock_bh(&conn->sk->sk_lock.slock);
		mine = conn->state == CHIMDRV_OFFLOADED && !test_bit(CHIMDRV_C_GONE, &conn->bits);
		spin_unlock_bh(&conn->sk->sk_lock.slock);
		if (mine)
			up[n++].conn = conn;
		else
			chimdrv_conn_put(conn);
	}
	return n;
}

/* Both markers are in, or the card is dead: then the target's hold ends. */
static void upload_end(struct chimdrv_offload *od, struct upload *u)
{
	struct chimdrv_conn *conn = u->conn;

	if (!wait_event_timeout(conn->wait, READ_ONCE(conn->state) == CHIMDRV_HOST ||
				(test_bit(CHIMDRV_C_LAST, &conn->bits) &&
				 test_bit(CHIMDRV_C_FINAL, &conn->bits)) ||
				test_bit(CHIMDRV_C_GONE, &conn->bits),
				msecs_to_jiffies(CHIMDRV_LATE_MS)))
		chimdrv_dev_fail(od->cd, "no LAST after a terminate");
	chimdrv_sendback_end(conn);
	if (conn->path)
		chimdrv_path_put(od, conn->path);
	conn->path = NULL;
	set_bit(CHIMDRV_C_LET_GO, &conn->bits);
	wake_up_all(&od->idle);
	chimdrv_room_destroy(u->room);
	chimdrv_conn_put_target(conn);
	chimdrv_conn_put(conn);			/* the list's */
}

/* The first of @n, to their end; returns how many that were. */
static unsigned int upload_some(struct chimdrv_offload *od, struct upload *up, unsigned int n)
{
	unsigned int i, tries;
	int err = -EAGAIN;

	for (tries = 0; tries < UPLOAD_TRIES && (err == -EAGAIN || err == -ENOMEM); tries++) {
		if (err == -ENOMEM)
			msleep(10u << min(tries, 5u));
		err = upload_once(od->cd, up, &n);
	}
	if (err == -EAGAIN || err == -ENOMEM)
		chimdrv_dev_fail(od->cd, "a terminate could not be run");
	for (i = 0; i < n; i++)
		upload_end(od, &up[i]);
	return n;
}

static void upload_work(struct work_struct *work)
{
	struct chimdrv_offload *od = container_of(work, struct chimdrv_offload, upload_work);
	struct upload *up = kcalloc(CHIMDRV_BATCH, sizeof(*up), GFP_KERNEL | __GFP_NOFAIL);
	unsigned int n, done;

	mutex_lock(&od->mutex);
	while ((n = upload_collect(od, up))) {
		for (done = 0; done < n;)
			done += upload_some(od, up + done, n - done);
		memset(up, 0, CHIMDRV_BATCH * sizeof(*up));
	}
	chimdrv_neigh_idle_soon(od);
	mutex_unlock(&od->mutex);
	kfree(up);
}

/* Once per card, before anybody can ask. */
void chimdrv_upload_work_init(struct chimdrv_offload *od)
{
	INIT_LIST_HEAD(&od->uploads);
	INIT_WORK(&od->upload_work, upload_work);
}
