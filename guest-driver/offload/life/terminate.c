// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs one TERMINATE: builds its block list, posts the FENCEs that precede it, and
 * reads the card's status for each connection. upload.c chooses the connections, and
 * handles those that the card does not let go.
 *
 * od->mutex is held throughout; slock is taken to change the state of a connection.
 */
#include "offload/life/terminate.h"
#include "nic/adminq.h"
#include "nic/hw.h"
#include "offload/card/blocklist.h"
#include "offload/card/room.h"
#include "offload/card/send.h"
#include "offload/card/sendback.h"
#include "offload/card/sq.h"
#include "offload/card/state_export.h"
#include "offload/card/stateop.h"
#include "offload/conn.h"
#include "offload/life/progress.h"
#include "offload/od.h"
#include "offload/socket/window.h"

#define WINDOW_ROUNDING	65536	/* bytes: the target rounds windows up to the scale */
#define SENDS_MORE	64	/* sends that may still be posted before the FENCE */
#define ROOM_FIRST	65536	/* bytes for what the card may hold and the driver does not know */
#define ROOM_BUSY	262144	/* more bytes for a connection that receives at a high rate */
#define ROOM_BATCH	(4 * 1024 * 1024)	/* bytes of room in a list; the last may pass it */
#define PATIENCE	(5 * HZ)	/* without memory, before an upload insists on pages */
#define FENCE_MS	1000	/* for all fences of a list: until there is room in the rings */

/* ----------------------------------------------------------------------- the block list */

/* Sends that may be outstanding at the FENCE: those posted now, and SENDS_MORE before it. */
static u32 terminate_send_room(struct chimdrv_conn *conn)
{
	u32 room;

	spin_lock_bh(&conn->sk->sk_lock.slock);
	room = min(conn->snd.n + SENDS_MORE, conn->cd->limits.sends);
	conn->snd.room = room;
	spin_unlock_bh(&conn->sk->sk_lock.slock);
	return room;
}

/*
 * The card cannot have taken more than this from the peer. While the right edge stays,
 * the target rounds it up to the scale with each ACK, as Linux TCP does, so that in sum
 * it may exceed the edge owed by as much as the target has memory for.
 */
static u32 terminate_most(const struct chimdrv_conn *conn)
{
	return max(chimdrv_window_owed(conn), READ_ONCE(conn->wnd.most)) + conn->rcv.buffered +
	       conn->final.rcv_wnd + WINDOW_ROUNDING;
}

/*
 * The least room to ask with. Usually the card holds little, because the socket takes
 * what it can. If it holds more, it says how much (OP-D9), and more may arrive until it
 * is asked again.
 */
static u32 terminate_least(const struct chimdrv_conn *conn)
{
	u32 most = terminate_most(conn), len;

	if (!conn->back.asks)
		len = conn->rcv.refused_bytes + conn->rcv.open_bytes + ROOM_FIRST;
	else
		len = conn->back.need + (ROOM_FIRST << min_t(u8, conn->back.asks, 7));
	return min(len, most);
}

/*
 * Allocate room for what the card holds. If it is too small, that costs a command, and
 * the window opens again meanwhile. After a refusal the peer has usually filled the
 * window, and on a busy connection more has come behind the last indication. So these
 * two ask with more at first, if there is memory and TCP is not short of it.
 */
static struct chimdrv_room *terminate_room(const struct chimdrv_conn *conn, u32 *len, bool must)
{
	struct device *dev = conn->cd->dev;
	struct chimdrv_room *room;
	u32 most = terminate_most(conn);

	*len = terminate_least(conn);
	if (!test_bit(CHIMDRV_C_REFUSED, &conn->bits))
		most = min_t(u32, most, *len + ROOM_BUSY);
	if ((test_bit(CHIMDRV_C_REFUSED, &conn->bits) || conn->rcv.big_inds) && most > *len &&
	    !tcp_under_memory_pressure(conn->sk)) {
		room = chimdrv_room_create(dev, most, DMA_FROM_DEVICE, false);
		if (room) {
			*len = most;
			return room;
		}
	}
	return chimdrv_room_create(dev, *len, DMA_FROM_DEVICE, must);
}

/* The node of one connection, with room for all that can come back (OP-D9). */
static int terminate_node(struct chimdrv_upload *u, struct chimdrv_blocklist *bl, bool must)
{
	u32 sends = terminate_send_room(u->conn), len;
	struct chim_tcp_delegated *d;
	struct chim_node *n;
	int off, refs, sges;

	u->room = terminate_room(u->conn, &len, must);
	if (!u->room)
		return -ENOMEM;
	off = chimdrv_blocklist_reserve(bl, sizeof(*d));
	refs = chimdrv_blocklist_reserve(bl, sends * sizeof(struct chim_send_ref));
	sges = chimdrv_blocklist_reserve(bl, u->room->count * sizeof(struct chim_sge));
	if (off < 0 || refs < 0 || sges < 0)
		return -EMSGSIZE;
	u->len = len;
	u->d_off = off;
	u->refs_off = refs;
	u->room_off = sges;
	d = chimdrv_blocklist_ptr(bl, off);
	d->hdr.length = cpu_to_le32(sizeof(*d));
	d->send_off = cpu_to_le32(refs);
	d->send_count = cpu_to_le32(sends);
	d->buffered_off = cpu_to_le32(sges);
	d->buffered_sges = cpu_to_le32(chimdrv_room_sges(u->room, chimdrv_blocklist_ptr(bl, sges),
							 len));
	d->buffered_len = cpu_to_le32(len);
	u->node = chimdrv_blocklist_node(bl, CHIM_ROLE_OBJECT, CHIM_TCP_DELEGATED, u->conn->handle,
					 u->conn->cookie);
	n = chimdrv_blocklist_at(bl, u->node);
	n->state_off = cpu_to_le32(off);
	n->state_len = cpu_to_le32(sizeof(*d));
	if (u->node)
		chimdrv_blocklist_at(bl, u->node - 1)->next = cpu_to_le32(u->node);
	return 0;
}

/* Has it waited so long for memory that processes may be killed for it? */
static bool insists(const struct chimdrv_conn *conn)
{
	return conn->back.hungry && time_after(jiffies, conn->back.hungry + PATIENCE);
}

/* Add as many of the @n as list and memory allow; the first if it insists, unless mapping fails. */
static unsigned int terminate_list(struct chimdrv_upload *up, unsigned int n,
				   struct chimdrv_blocklist *bl)
{
	unsigned int i;
	u32 bytes = 0, len;
	int err;

	for (i = 0; i < n && bytes < ROOM_BATCH; i++) {
		len = bl->len;
		err = terminate_node(&up[i], bl, !i && insists(up[i].conn));
		if (err) {
			chimdrv_room_destroy(up[i].room);
			up[i].room = NULL;
			chimdrv_blocklist_cut(bl, len);
			break;
		}
		bytes += up[i].room->size;
	}
	return i;
}

/* The card has let go: keep what it handed back in the connection, for LAST and the socket. */
static void terminate_take(struct chimdrv_upload *u, struct chimdrv_blocklist *bl)
{
	const struct chim_tcp_delegated *d = chimdrv_blocklist_ptr(bl, u->d_off);
	struct chimdrv_conn *conn = u->conn;
	u32 len = le32_to_cpu(d->buffered_len), seq;
	struct chimdrv_tcp_state final;
	struct sk_buff_head back;
	bool lost = false;

	__skb_queue_head_init(&back);
	chimdrv_state_import(conn->cd, &final, d);
	seq = final.rcv_nxt - len - final.fin_received;	/* a FIN stands behind the bytes */
	if (len > u->room->size || chimdrv_room_to_skbs(u->room, len, seq, &back))
		lost = true;
	chimdrv_count(conn->cd, terminates);
	/* here and nowhere else, so that the reasons add up to the uploads */
	atomic64_inc(&chimdrv_od(conn->cd)->count.why[conn->back.reason]);
	chimdrv_count_add(conn->cd, buffered_out_bytes, len);
	spin_lock_bh(&conn->sk->sk_lock.slock);
	conn->final = final;
	chimdrv_sendback_take(conn, d, chimdrv_blocklist_ptr(bl, u->refs_off));
	skb_queue_splice_tail_init(&back, &conn->back.bytes);
	conn->back.start = seq;
	if (lost)
		set_bit(CHIMDRV_C_LOST, &conn->bits);
	set_bit(CHIMDRV_C_FINAL, &conn->bits);
	chimdrv_progress_check(conn);
	spin_unlock_bh(&conn->sk->sk_lock.slock);
	__skb_queue_purge(&back);
}

/* -------------------------------------------------------------------------- the command */

/* Linux TCP has ended it and the gate has dropped its RST: the target has to send one. */
static bool died(const struct chimdrv_conn *conn)
{
	return test_bit(CHIMDRV_C_DETACHED, &conn->bits) || conn->sk->sk_state == TCP_CLOSE;
}

/*
 * Post the FENCE and change the state in one slock section, so that nothing is posted behind
 * the FENCE (OP-H4). What the program has written goes before it: the wire stays busy.
 */
static int terminate_fence(struct chimdrv_conn *conn, u32 fence_id, unsigned long end)
{
	bool late, first = true;
	struct sock *sk = conn->sk;
	int err;

	do {
		late = time_after(jiffies, end);
		if (!first)
			usleep_range(500, 1000);
		spin_lock_bh(&sk->sk_lock.slock);
		err = 0;
		if (died(conn) && !test_bit(CHIMDRV_C_RESET, &conn->bits)) {
			err = chimdrv_sq_disconnect(conn, CHIM_DISCONNECT_ABORTIVE);
			if (!err)
				set_bit(CHIMDRV_C_RESET, &conn->bits);
		} else if (first && !sock_owned_by_user(sk) &&
			   !test_bit(CHIMDRV_C_QUIET, &conn->bits)) {
			chimdrv_send_post(conn);
		}
		if (!err)
			err = chimdrv_sq_fence(conn, fence_id);
		if (!err)
			chimdrv_conn_set_state(conn, CHIMDRV_TERMINATING);
		spin_unlock_bh(&sk->sk_lock.slock);
		first = false;
	} while (err == -EBUSY && !late);
	return err;
}

/* Fence all; one whose FENCE finds no room leaves the command. Returns how many are in. */
static unsigned int terminate_fences(struct chimdrv_upload *up, unsigned int n,
				     struct chimdrv_blocklist *bl, u32 id)
{
	unsigned long end = jiffies + msecs_to_jiffies(FENCE_MS);
	unsigned int i, in = 0;
	struct chim_node *node;

	for (i = 0; i < n; i++) {
		up[i].result = UPLOAD_TAKEN;
		if (!terminate_fence(up[i].conn, id, end)) {
			in++;
			continue;
		}
		up[i].result = UPLOAD_AGAIN;
		node = chimdrv_blocklist_at(bl, up[i].node);
		node->role = CHIM_ROLE_PLACEHOLDER;
		node->type = 0;
		node->handle = 0;
		node->state_off = 0;
		node->state_len = 0;
	}
	return in;
}

/* The target keeps the connection: OFFLOADED again, and what was put off goes on. */
static void terminate_reopen(struct chimdrv_conn *conn)
{
	spin_lock_bh(&conn->sk->sk_lock.slock);
	conn->snd.room = 0;
	if (conn->state == CHIMDRV_TERMINATING) {	/* else it ended with the card */
		chimdrv_conn_set_state(conn, CHIMDRV_OFFLOADED);
		set_bit(CHIMDRV_C_FRESH, &conn->bits);
		chimdrv_progress_check(conn);
	}
	spin_unlock_bh(&conn->sk->sk_lock.slock);
}

static enum chimdrv_upload_result result_of(u32 status)
{
	switch (status) {
	case CHIM_ST_SUCCESS:
		return UPLOAD_TAKEN;
	case CHIM_ST_BUFFER_TOO_SMALL:
		return UPLOAD_MORE;
	case CHIM_ST_RESOURCES:
	case CHIM_ST_BUSY:
	case CHIM_ST_FENCE_TIMEOUT:
		return UPLOAD_AGAIN;
	default:
		return UPLOAD_REFUSED;
	}
}

/* Act on the card's status for one connection of the list. */
static void terminate_word(struct chimdrv_upload *u, struct chimdrv_blocklist *bl,
			   enum chimdrv_upload_result list)
{
	const struct chim_node *node = chimdrv_blocklist_at(bl, u->node);
	u32 info = le32_to_cpu(node->info);
	struct chimdrv_conn *conn = u->conn;

	if (u->result == UPLOAD_TAKEN || list == UPLOAD_LOST)
		u->result = list == UPLOAD_TAKEN ? result_of(le32_to_cpu(node->status)) : list;
	if (u->result == UPLOAD_MORE && info > u->len) {	/* else it is another's fault */
		conn->back.need = min(info, terminate_most(conn));
		if (++conn->back.asks >= CHIMDRV_UPLOAD_ASKS)
			u->result = UPLOAD_REFUSED;
	}
	if (u->result == UPLOAD_TAKEN)
		terminate_take(u, bl);
	else if (u->result != UPLOAD_LOST)
		terminate_reopen(conn);
	chimdrv_room_destroy(u->room);
	u->room = NULL;
}

unsigned int chimdrv_terminate(struct chimdrv_dev *cd, struct chimdrv_upload *up, unsigned int n)
{
	u32 id = chimdrv_stateop_fence_id(chimdrv_od(cd));
	struct chimdrv_admin_cmd cmd = { };
	enum chimdrv_upload_result list;
	struct chimdrv_blocklist bl;
	unsigned int i, in;
	int err = 0;

	chimdrv_blocklist_init(&bl, cd, n);
	n = terminate_list(up, n, &bl);
	if (!n) {
		up[0].result = insists(up[0].conn) ? UPLOAD_AGAIN : UPLOAD_HUNGRY;
		if (!up[0].conn->back.hungry)
			up[0].conn->back.hungry = jiffies | 1;
		chimdrv_blocklist_fini(&bl);
		return 1;
	}
	in = terminate_fences(up, n, &bl, id);
	if (in)
		err = chimdrv_stateop_exec(cd, CHIM_OP_TERMINATE, &bl, id, in, &cmd);
	if (err && !cmd.status && !chimdrv_admin_lost(err))
		chimdrv_dev_fail(cd, "the admin ring takes no command");
	list = chimdrv_dev_alive(cd) ? result_of(cmd.status) : UPLOAD_LOST;
	/* those that the card has read, as it counts them too */
	if ((list == UPLOAD_TAKEN || list == UPLOAD_MORE) && in > 1)
		chimdrv_count(cd, bulk_lists);
	for (i = 0; i < n; i++)
		terminate_word(&up[i], &bl, list);
	chimdrv_blocklist_fini(&bl);
	return n;
}
