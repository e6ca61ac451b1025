// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the card reports about connections: entries of a pair's completion ring, CUTOVER
 * entries of its raw ring, and the card-wide events of the admin ring. Every name and
 * number in an entry is checked. The worst that an entry can do is end its connection
 * or fail the card.
 */
#include "offload/life/events.h"
#include "offload/ask.h"
#include "offload/card/forward.h"
#include "offload/card/indicate.h"
#include "offload/card/recv.h"
#include "offload/card/send.h"
#include "offload/conn.h"
#include "offload/life/progress.h"
#include "offload/od.h"
#include "offload/trace.h"

static void opened(struct chimdrv_conn *conn, const struct chim_cqe *cqe)
{
	if (conn->state != CHIMDRV_INITIATING || test_bit(CHIMDRV_C_OPENED, &conn->bits)) {
		chimdrv_count(conn->cd, bad_entries);
		return;
	}
	conn->handle = le32_to_cpu(cqe->handle);
	set_bit(CHIMDRV_C_OPENED, &conn->bits);
}

/* The driver must upload for the mandatory reasons (TRM-8), and does so for the others too. */
static void event(struct chimdrv_conn *conn, const struct chim_cqe *cqe)
{
	u32 info2 = le32_to_cpu(cqe->info2);

	chimdrv_count(conn->cd, events);
	switch (le32_to_cpu(cqe->info)) {
	case CHIM_EV_SEND_BACKLOG:
		conn->snd.backlog = info2;
		break;
	case CHIM_EV_DISCONNECT:
		/* Linux TCP takes the FIN: it comes back in the state */
		chimdrv_ask_upload(conn, CHIMDRV_WHY_PEER_FIN);
		break;
	case CHIM_EV_RETRIEVE:
		if (info2 == CHIM_UPR_TIMEOUT)
			conn->back.err = ETIMEDOUT;	/* if the target has given up already */
		chimdrv_ask_upload(conn, info2 == CHIM_UPR_URGENT_DATA ? CHIMDRV_WHY_URGENT :
				   CHIMDRV_WHY_CARD);
		break;
	case CHIM_EV_ABORT:
		set_bit(CHIMDRV_C_PEER_RST, &conn->bits);
		set_bit(CHIMDRV_C_QUIET, &conn->bits);
		chimdrv_ask_upload(conn, CHIMDRV_WHY_PEER_RST);
		break;
	default:
		chimdrv_count(conn->cd, bad_entries);
	}
}

static void disconnected(struct chimdrv_conn *conn, const struct chim_cqe *cqe)
{
	chimdrv_count(conn->cd, disconnect_completions);
	chimdrv_ask_upload(conn, CHIMDRV_WHY_DISCONNECT);
}

/* Of one that was abandoned, and that the card still has. */
static void reset_sent(struct chimdrv_conn *conn)
{
	struct chimdrv_od *od = chimdrv_od(conn->cd);

	chimdrv_count(conn->cd, disconnect_completions);
	if (!atomic_dec_if_positive(&od->resets))
		wake_up_all(&od->idle);
}

/* LAST: nothing follows on the connection. Accepted only after a FENCE has asked for it. */
static void last(struct chimdrv_conn *conn)
{
	if (conn->state != CHIMDRV_TERMINATING) {
		chimdrv_count(conn->cd, bad_entries);
		return;
	}
	set_bit(CHIMDRV_C_LAST, &conn->bits);
	wake_up_all(&conn->wait);
}

/* slock. */
static void entry(struct chimdrv_conn *conn, u32 type, const struct chim_cqe *cqe)
{
	switch (type) {
	case CHIM_CQ_SEND:
		chimdrv_send_done(conn, cqe);
		break;
	case CHIM_CQ_RECV:
		chimdrv_recv_done(conn, cqe);
		break;
	case CHIM_CQ_FORWARD:
		chimdrv_forward_done(conn, cqe);
		break;
	case CHIM_CQ_DISCONNECT:
		disconnected(conn, cqe);
		break;
	case CHIM_CQ_OPENED:
		opened(conn, cqe);
		break;
	case CHIM_CQ_LAST:
		last(conn);
		break;
	case CHIM_CQ_INDICATE:
		chimdrv_indicate_take(conn, cqe);
		break;
	case CHIM_CQ_EVENT:
		event(conn, cqe);
		break;
	default:
		chimdrv_count(conn->cd, bad_entries);
	}
}

void chimdrv_events_entry(struct chimdrv_pair *pair, const struct chim_cqe *cqe)
{
	u32 type = le32_to_cpu(cqe->ctl) & CHIM_CTL_OP_MASK;
	struct chimdrv_conn *conn = chimdrv_conn_find(le64_to_cpu(cqe->conn_cookie));

	trace_chimney_cqe(le64_to_cpu(cqe->conn_cookie), type, le32_to_cpu(cqe->status),
			  le32_to_cpu(cqe->bytes), le32_to_cpu(cqe->info));
	if (!conn || conn->pair != pair) {
		chimdrv_count(pair->cd, bad_entries);
		if (type == CHIM_CQ_INDICATE)
			chimdrv_indicate_nobody(pair, cqe);
		goto out;
	}
	bh_lock_sock(conn->sk);
	/* before OPENED and after LAST there is nothing (OP-D7, OP-D11) */
	if (type != CHIM_CQ_OPENED && (!test_bit(CHIMDRV_C_OPENED, &conn->bits) ||
				       test_bit(CHIMDRV_C_LAST, &conn->bits) ||
				       conn->state == CHIMDRV_HOST)) {
		if (!test_bit(CHIMDRV_C_ABANDONED, &conn->bits))
			chimdrv_count(pair->cd, bad_entries);
		else if (type == CHIM_CQ_DISCONNECT)
			reset_sent(conn);
		if (type == CHIM_CQ_INDICATE)
			chimdrv_indicate_nobody(pair, cqe);
	} else {
		entry(conn, type, cqe);
	}
	chimdrv_progress_check(conn);
	bh_unlock_sock(conn->sk);
out:
	if (conn)
		chimdrv_conn_put(conn);
}

/* CUTOVER: every raw frame of the tuple has gone up the stack, into the hold list. */
void chimdrv_events_cutover(struct chimdrv_pair *pair, u64 cookie)
{
	struct chimdrv_conn *conn = chimdrv_conn_find(cookie);

	if (!conn) {
		chimdrv_count(pair->cd, bad_entries);
		return;
	}
	bh_lock_sock(conn->sk);
	if (conn->state == CHIMDRV_INITIATING && conn->cd == pair->cd)
		set_bit(CHIMDRV_C_CUTOVER, &conn->bits);
	else
		chimdrv_count(pair->cd, bad_entries);
	chimdrv_progress_check(conn);
	bh_unlock_sock(conn->sk);
	chimdrv_conn_put(conn);
}

/* Bottom halves disabled. Try each connection that waits for room in the SQ or for memory. */
void chimdrv_events_poll_end(struct chimdrv_pair *pair)
{
	struct chimdrv_conn *conn, *next;
	LIST_HEAD(list);

	if (list_empty(&pair->pending))		/* whoever adds arms the retry work */
		return;
	spin_lock(&pair->sq_lock);
	list_splice_init(&pair->pending, &list);
	spin_unlock(&pair->sq_lock);
	list_for_each_entry_safe(conn, next, &list, pending) {
		list_del_init(&conn->pending);
		smp_mb__before_atomic();	/* whoever finds the bit clear adds it */
		clear_bit(CHIMDRV_C_PENDING, &conn->bits);
		bh_lock_sock(conn->sk);
		chimdrv_progress_check(conn);
		bh_unlock_sock(conn->sk);
		chimdrv_conn_put(conn);
	}
}

/* ---------------------------------------------------------------------- the whole card */

/* PAU-7. The card may ask before there is an offload half. */
void chimdrv_events_upload_all(struct chimdrv_dev *cd)
{
	if (chimdrv_od(cd))
		chimdrv_ask_upload_all(cd, CHIMDRV_WHY_CARD, false);
}

/* NCE-6: the answer needs the neighbor's lock and an admin command, so a work gives it. */
void chimdrv_events_nce(struct chimdrv_dev *cd, const struct chim_cqe *cqe)
{
	struct chimdrv_od *od = chimdrv_od(cd);
	u64 cookie = le64_to_cpu(cqe->conn_cookie);
	unsigned int i;

	if (!od)
		return;
	spin_lock(&od->lock);
	for (i = 0; i < od->nnces && od->nce[i].cookie != cookie; i++)
		;
	if (i < CHIMDRV_NCES) {
		od->nce[i].cookie = cookie;
		od->nce[i].handle = le32_to_cpu(cqe->handle);
		od->nce[i].nrd = le32_to_cpu(cqe->info);
		od->nnces = max(od->nnces, i + 1);
	}
	spin_unlock(&od->lock);
	queue_work(od->wq, &od->nce_work);
}
