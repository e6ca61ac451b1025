// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that programs write into: while a socket sends in bulk, the driver lends it pages
 * as its page fragment. A page is used again once nothing else refers to it, that is when
 * every byte in it has been acknowledged and unmapped. The kernel would allocate and zero
 * a new one for every 32 KB (ADR 9).
 *
 * A page has one reference, which moves with it from the pair's list to sk_frag and back.
 * To the kernel it is an ordinary page fragment, so the end of the socket needs no
 * undoing.
 *
 * sk_frag and sk_use_task_frag are written under slock with the socket's queues ours: no
 * sendmsg looks at them then. lent->lock is a leaf inside slock.
 */
#include "offload/socket/lend.h"
#include "compat/memory.h"
#include "offload/conn.h"
#include "offload/od.h"

#define LEND_BYTES	(128 * 1024)	/* one page serves a large write() from start to end */
#define LEND_ORDER	get_order(LEND_BYTES)
#define LEND_BULK	(64 * 1024)	/* unacknowledged bytes from which lending pays */
#define LEND_TICK	HZ
#define BORROWERS	64	/* sockets of a card that may borrow at a time */

static struct chimdrv_lend_pages *pages_of(const struct chimdrv_conn *conn)
{
	return &chimdrv_od(conn->cd)->lent[conn->pair->number];
}

/* -------------------------------------------------------------------- the pair's pages */

/* Oldest first, because it becomes free first. */
static struct page *pages_reuse(struct chimdrv_lend_pages *lent)
{
	struct page *page = NULL;
	unsigned int i;

	spin_lock(&lent->lock);
	lent->taken++;
	for (i = 0; i < lent->count; i++) {
		if (page_ref_count(lent->page[i]) != 1)
			continue;
		page = lent->page[i];
		lent->count--;
		memmove(&lent->page[i], &lent->page[i + 1],
			(lent->count - i) * sizeof(lent->page[0]));
		break;
	}
	spin_unlock(&lent->lock);
	return page;
}

/* Take a page that only we refer to. A new one is allocated without waiting or reserves. */
static struct page *pages_take(struct chimdrv_conn *conn)
{
	struct page *page = pages_reuse(pages_of(conn));

	if (page) {
		chimdrv_count(conn->cd, frag_reuses);
		return page;
	}
	page = alloc_pages(GFP_NOWAIT | __GFP_COMP | __GFP_NOWARN | __GFP_NOMEMALLOC, LEND_ORDER);
	if (page)
		chimdrv_count(conn->cd, frag_pages);
	return page;
}

/* Keep the page for reuse, unless it is the kernel's own or the list is full. */
static void pages_put(struct chimdrv_lend_pages *lent, struct page *page)
{
	spin_lock(&lent->lock);
	if (compound_order(page) == LEND_ORDER && lent->count < ARRAY_SIZE(lent->page)) {
		lent->page[lent->count++] = page;
		page = NULL;
	}
	spin_unlock(&lent->lock);
	if (page)
		put_page(page);
}

/* Free the pages not needed since the last tick. False: none is left. */
static bool pages_trim(struct chimdrv_lend_pages *lent, bool all)
{
	unsigned int i, idle = 0, keep = 0, excess;

	spin_lock_bh(&lent->lock);
	for (i = 0; i < lent->count; i++)
		idle += page_ref_count(lent->page[i]) == 1;
	excess = idle - min(idle, lent->taken);
	lent->taken = 0;
	for (i = 0; i < lent->count; i++) {
		if (all || (excess && page_ref_count(lent->page[i]) == 1)) {
			excess -= !all;
			put_page(lent->page[i]);
		} else {
			lent->page[keep++] = lent->page[i];
		}
	}
	lent->count = keep;
	spin_unlock_bh(&lent->lock);
	return keep;
}

/* ------------------------------------------------------------------------------ lending */

/* The list holds a reference on each borrower until chimdrv_lend_end(). */
static bool lend_begin(struct chimdrv_conn *conn)
{
	struct chimdrv_od *od = chimdrv_od(conn->cd);
	bool ok;

	spin_lock(&od->lock);
	ok = od->nborrowers < BORROWERS;
	if (ok) {
		od->nborrowers++;
		list_add_tail(&conn->lend.borrower, &od->borrowers);
	}
	spin_unlock(&od->lock);
	if (!ok)
		return false;
	refcount_inc(&conn->refs);
	conn->lend.task_frag = conn->sk->sk_use_task_frag;
	conn->sk->sk_use_task_frag = false;
	queue_delayed_work(od->wq, &od->lend_work, LEND_TICK);
	return true;
}

static void lend_return(struct chimdrv_conn *conn)
{
	struct page_frag *frag = &conn->sk->sk_frag;

	if (frag->page)
		pages_put(pages_of(conn), frag->page);
	frag->page = NULL;
	frag->offset = 0;
	frag->size = 0;
}

/* slock, queues ours, or the socket dead. Undo lend_begin(); the page goes back. */
void chimdrv_lend_end(struct chimdrv_conn *conn)
{
	struct chimdrv_od *od = chimdrv_od(conn->cd);

	if (list_empty(&conn->lend.borrower))
		return;
	lend_return(conn);
	conn->sk->sk_use_task_frag = conn->lend.task_frag;
	spin_lock(&od->lock);
	list_del_init(&conn->lend.borrower);
	od->nborrowers--;
	spin_unlock(&od->lock);
	chimdrv_conn_put(conn);
}

/* Has the page room for as much again as has just been written? */
static bool lend_lasts(struct chimdrv_conn *conn, u32 written)
{
	struct page_frag *frag = &conn->sk->sk_frag;

	if (!frag->page || compound_order(frag->page) != LEND_ORDER)
		return false;
	if (page_ref_count(frag->page) == 1)
		frag->offset = 0;	/* as the kernel would */
	return frag->size - frag->offset >= min_t(u32, written, LEND_BYTES);
}

/* release_cb, slock: lend a page for the next write if the program writes in bulk. */
void chimdrv_lend_provide(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	struct tcp_sock *tp = tcp_sk(sk);
	u32 written = tp->write_seq - conn->lend.seq;
	bool borrows = !list_empty(&conn->lend.borrower);
	struct page *page;

	conn->lend.seq = tp->write_seq;
	if (!written || tcp_under_memory_pressure(sk) ||
	    (!borrows && tp->write_seq - tp->snd_una < LEND_BULK))
		return;
	if (borrows && lend_lasts(conn, written))
		return;
	page = pages_take(conn);
	if (!page)
		return;
	if (!borrows && !lend_begin(conn)) {
		put_page(page);
		return;
	}
	lend_return(conn);
	sk->sk_frag.page = page;
	sk->sk_frag.size = LEND_BYTES;
}

/* ------------------------------------------------------------------------------- ticking */

/* End the loan if the program has written nothing for a tick, or memory is short. */
static void check_borrower(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	u32 seq;

	spin_lock_bh(&sk->sk_lock.slock);
	seq = tcp_sk(sk)->write_seq;
	if (test_bit(CHIMDRV_C_DETACHED, &conn->bits) ||
	    (!sock_owned_by_user(sk) &&
	     (seq == conn->lend.tick_seq || tcp_under_memory_pressure(sk))))
		chimdrv_lend_end(conn);
	conn->lend.tick_seq = seq;
	spin_unlock_bh(&sk->sk_lock.slock);
}

/* Check each borrower once, rotating the list. False: there is none. */
static bool check_borrowers(struct chimdrv_od *od)
{
	unsigned int n = READ_ONCE(od->nborrowers);
	struct chimdrv_conn *conn;

	while (n--) {
		spin_lock_bh(&od->lock);
		conn = list_first_entry_or_null(&od->borrowers, struct chimdrv_conn, lend.borrower);
		if (conn) {
			list_move_tail(&conn->lend.borrower, &od->borrowers);
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

static void lend_work(struct work_struct *work)
{
	struct chimdrv_od *od = container_of(work, struct chimdrv_od, lend_work.work);
	bool any = check_borrowers(od);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(od->lent); i++)
		any |= pages_trim(&od->lent[i], false);
	if (any)
		queue_delayed_work(od->wq, &od->lend_work, LEND_TICK);
}

void chimdrv_lend_work_init(struct chimdrv_od *od)
{
	unsigned int i;

	INIT_LIST_HEAD(&od->borrowers);
	INIT_DELAYED_WORK(&od->lend_work, lend_work);
	for (i = 0; i < ARRAY_SIZE(od->lent); i++)
		spin_lock_init(&od->lent[i].lock);
}

/* No connection is left. */
void chimdrv_lend_fini(struct chimdrv_od *od)
{
	unsigned int i;

	cancel_delayed_work_sync(&od->lend_work);
	for (i = 0; i < ARRAY_SIZE(od->lent); i++)
		pages_trim(&od->lent[i], true);
}
