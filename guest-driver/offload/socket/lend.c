// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that programs write into: pages lent to a socket as its page fragment while
 * it sends in bulk. Each comes into use again once nothing else refers to it, that is
 * when every byte in it has been acknowledged and unmapped; the kernel would allocate
 * a new one, and zero it, for every 32 KB (ADR 9).
 *
 * A page has one reference that moves with it, from the pair's list to sk_frag and
 * back. To the kernel it is a page fragment like its own, so whatever becomes of the
 * socket, nothing has to be undone.
 *
 * sk_frag and sk_use_task_frag are written under slock with the socket's queues ours:
 * no sendmsg is looking at them then. frags->lock is a leaf inside slock.
 */
#include "offload/conn.h"

#define FRAG_BYTES	(128 * 1024)	/* one page serves a large write() from start to end */
#define FRAG_ORDER	get_order(FRAG_BYTES)
#define FRAG_BULK	(64 * 1024)	/* unacknowledged, that make it worth while */
#define FRAG_TICK	HZ

static struct chimdrv_frags *frags_of(const struct chimdrv_conn *conn)
{
	return &chimdrv_od(conn->cd)->frags[conn->pair->number];
}

/* -------------------------------------------------------------------- the pair's pages */

/* Oldest first, because it is free first. */
static struct page *frags_reuse(struct chimdrv_frags *frags)
{
	struct page *page = NULL;
	unsigned int i;

	spin_lock(&frags->lock);
	frags->taken++;
	for (i = 0; i < frags->count; i++) {
		if (page_ref_count(frags->page[i]) != 1)
			continue;
		page = frags->page[i];
		frags->count--;
		memmove(&frags->page[i], &frags->page[i + 1],
			(frags->count - i) * sizeof(frags->page[0]));
		break;
	}
	spin_unlock(&frags->lock);
	return page;
}

/* A page that only we refer to. New ones without waiting, and never from the reserves. */
static struct page *frags_take(struct chimdrv_conn *conn)
{
	struct page *page = frags_reuse(frags_of(conn));

	if (page) {
		chimdrv_count(conn->cd, frag_reuses);
		return page;
	}
	page = alloc_pages(GFP_NOWAIT | __GFP_COMP | __GFP_NOWARN | __GFP_NOMEMALLOC, FRAG_ORDER);
	if (page)
		chimdrv_count(conn->cd, frag_pages);
	return page;
}

/* A page of the kernel's own, or one too many, is let go. */
static void frags_put(struct chimdrv_frags *frags, struct page *page)
{
	spin_lock(&frags->lock);
	if (compound_order(page) == FRAG_ORDER && frags->count < ARRAY_SIZE(frags->page)) {
		frags->page[frags->count++] = page;
		page = NULL;
	}
	spin_unlock(&frags->lock);
	if (page)
		put_page(page);
}

/* Free what nobody has needed since the last tick. False: nothing is left. */
static bool frags_trim(struct chimdrv_frags *frags, bool all)
{
	unsigned int i, idle = 0, keep = 0, excess;

	spin_lock_bh(&frags->lock);
	for (i = 0; i < frags->count; i++)
		idle += page_ref_count(frags->page[i]) == 1;
	excess = idle - min(idle, frags->taken);
	frags->taken = 0;
	for (i = 0; i < frags->count; i++) {
		if (all || (excess && page_ref_count(frags->page[i]) == 1)) {
			excess -= !all;
			put_page(frags->page[i]);
		} else {
			frags->page[keep++] = frags->page[i];
		}
	}
	frags->count = keep;
	spin_unlock_bh(&frags->lock);
	return keep;
}

/* ------------------------------------------------------------------------------ lending */

/* A borrower is held by the list, and on it until chimdrv_frag_end(). */
static bool frag_begin(struct chimdrv_conn *conn)
{
	struct chimdrv_offload *od = chimdrv_od(conn->cd);
	bool ok;

	spin_lock(&od->lock);
	ok = od->nborrowers < CHIMDRV_BORROWERS;
	if (ok) {
		od->nborrowers++;
		list_add_tail(&conn->borrower, &od->borrowers);
	}
	spin_unlock(&od->lock);
	if (!ok)
		return false;
	refcount_inc(&conn->refs);
	conn->task_frag = conn->sk->sk_use_task_frag;
	conn->sk->sk_use_task_frag = false;
	queue_delayed_work(od->wq, &od->frag_work, FRAG_TICK);
	return true;
}

static void frag_return(struct chimdrv_conn *conn)
{
	struct page_frag *frag = &conn->sk->sk_frag;

	if (frag->page)
		frags_put(frags_of(conn), frag->page);
	frag->page = NULL;
	frag->offset = 0;
	frag->size = 0;
}

/* slock, queues ours, or the socket dead. Everything as it was. */
void chimdrv_frag_end(struct chimdrv_conn *conn)
{
	struct chimdrv_offload *od = chimdrv_od(conn->cd);

	if (list_empty(&conn->borrower))
		return;
	frag_return(conn);
	conn->sk->sk_use_task_frag = conn->task_frag;
	spin_lock(&od->lock);
	list_del_init(&conn->borrower);
	od->nborrowers--;
	spin_unlock(&od->lock);
	chimdrv_conn_put(conn);
}

/* Has the page room for as much as has just been written? */
static bool frag_lasts(struct chimdrv_conn *conn, u32 written)
{
	struct page_frag *frag = &conn->sk->sk_frag;

	if (!frag->page || compound_order(frag->page) != FRAG_ORDER)
		return false;
	if (page_ref_count(frag->page) == 1)
		frag->offset = 0;	/* as the kernel would */
	return frag->size - frag->offset >= min_t(u32, written, FRAG_BYTES);
}

/* release_cb, slock: a page for the next write, if the program writes in bulk. */
void chimdrv_frag_provide(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	struct tcp_sock *tp = tcp_sk(sk);
	u32 written = tp->write_seq - conn->frag_seq;
	bool borrows = !list_empty(&conn->borrower);
	struct page *page;

	conn->frag_seq = tp->write_seq;
	if (!written || tcp_under_memory_pressure(sk) ||
	    (!borrows && tp->write_seq - tp->snd_una < FRAG_BULK))
		return;
	if (borrows && frag_lasts(conn, written))
		return;
	page = frags_take(conn);
	if (!page)
		return;
	if (!borrows && !frag_begin(conn)) {
		put_page(page);
		return;
	}
	frag_return(conn);
	sk->sk_frag.page = page;
	sk->sk_frag.size = FRAG_BYTES;
}

/* ------------------------------------------------------------------------------- ticking */

/* Nothing written for a tick, or memory is short: the page goes back. */
static void check_borrower(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	u32 seq;

	spin_lock_bh(&sk->sk_lock.slock);
	seq = tcp_sk(sk)->write_seq;
	if (test_bit(CHIMDRV_C_DETACHED, &conn->bits) ||
	    (!sock_owned_by_user(sk) &&
	     (seq == conn->frag_tick_seq || tcp_under_memory_pressure(sk))))
		chimdrv_frag_end(conn);
	conn->frag_tick_seq = seq;
	spin_unlock_bh(&sk->sk_lock.slock);
}

/* Each borrower once; they come round on the list. False: there is none. */
static bool check_borrowers(struct chimdrv_offload *od)
{
	unsigned int n = READ_ONCE(od->nborrowers);
	struct chimdrv_conn *conn;

	while (n--) {
		spin_lock_bh(&od->lock);
		conn = list_first_entry_or_null(&od->borrowers, struct chimdrv_conn, borrower);
		if (conn) {
			list_move_tail(&conn->borrower, &od->borrowers);
			refcount_inc(&conn->refs);
		}
		spin_unlock_bh(&od->lock);
		if (!conn)
			break;
		check_borrower(conn);
		chimdrv_conn_put(conn);
	}
	return READ_ONCE(od->nborrowers);
}

static void frag_work(struct work_struct *work)
{
	struct chimdrv_offload *od = container_of(work, struct chimdrv_offload, frag_work.work);
	bool any = check_borrowers(od);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(od->frags); i++)
		any |= frags_trim(&od->frags[i], false);
	if (any)
		queue_delayed_work(od->wq, &od->frag_work, FRAG_TICK);
}

void chimdrv_frag_work_init(struct chimdrv_offload *od)
{
	unsigned int i;

	INIT_LIST_HEAD(&od->borrowers);
	INIT_DELAYED_WORK(&od->frag_work, frag_work);
	for (i = 0; i < ARRAY_SIZE(od->frags); i++)
		spin_lock_init(&od->frags[i].lock);
}

/* No connection is left. */
void chimdrv_frag_fini(struct chimdrv_offload *od)
{
	unsigned int i;

	cancel_delayed_work_sync(&od->frag_work);
	for (i = 0; i < ARRAY_SIZE(od->frags); i++)
		frags_trim(&od->frags[i], true);
}
