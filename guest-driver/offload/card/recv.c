// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receive requests: allocates page buffers for the card to fill, posts them (for BufferedData,
 * after a refusal, in bulk), and turns completions into frames for deliver.c. indicate.c
 * handles what comes without a request.
 *
 * Under slock, whoever owns the socket. Only chimdrv_collapse() touches the socket's queues.
 */
#include <linux/dma-mapping.h>

#include "offload/card/recv.h"
#include "compat/pagepool.h"
#include "nic/hw.h"
#include "nic/pair.h"
#include "offload/ask.h"
#include "offload/cache.h"
#include "offload/card/sq.h"
#include "offload/conn_types.h"
#include "offload/frame.h"
#include "offload/od.h"
#include "offload/requests.h"
#include "offload/socket/collapse.h"
#include "offload/socket/deliver.h"
#include "offload/socket/window.h"

#define RECV_COPY	4096	/* copy completions up to this size */
#define MEMORY_PAUSE	(HZ / 10)	/* between two looks whether tcp_mem allows more */
#define BULK_RECVS	2	/* requests kept posted in bulk */
#define BUFFERED_RECVS	2	/* requests posted for BufferedData; the rest is indicated */

/* ------------------------------------------------------------------------------- memory */

/* Pages of the usual order return to the pair's page pool, even if the pair has stopped. */
static void recv_page_put(struct chimdrv_recv *recv, struct page *page)
{
	if (recv->order == CHIMDRV_RECV_ORDER)
		page_pool_put_full_page(page->pp, page, false);
	else
		__free_pages(page, recv->order);
}

static struct page *recv_page_get(struct chimdrv_conn *conn, unsigned int order)
{
	if (order == CHIMDRV_RECV_ORDER)
		return chimdrv_pair_recv_page(conn->pair);
	return alloc_pages(GFP_ATOMIC | __GFP_NOWARN | __GFP_COMP, order);
}

static void recv_free(struct chimdrv_conn *conn, struct chimdrv_recv *recv)
{
	u32 i;

	for (i = 0; i < recv->nsge; i++) {
		dma_unmap_page(conn->cd->dev, recv->sge[i].addr, recv->sge[i].len, DMA_FROM_DEVICE);
		if (recv->sge[i].page)
			recv_page_put(recv, recv->sge[i].page);
	}
	kfree_skb(recv->skb);
	chimdrv_cache_free(CHIMDRV_CACHE_RECV, recv);
}

/* Make a request for @len bytes, or less if memory is short; @len 0 only re-arms. */
static struct chimdrv_recv *recv_make(struct chimdrv_conn *conn, u32 len)
{
	struct chimdrv_recv *recv = chimdrv_cache_alloc(CHIMDRV_CACHE_RECV,
							GFP_ATOMIC | __GFP_NOWARN | __GFP_ZERO);
	struct chimdrv_sge *sge;

	if (!recv || !len)
		return recv;
	recv->skb = chimdrv_frame(GFP_ATOMIC);
	if (!recv->skb)
		goto fail;
	recv->order = min_t(unsigned int, CHIMDRV_RECV_ORDER, get_order(len));
	while (recv->len < len && recv->nsge < CHIMDRV_RECV_PARTS) {
		sge = &recv->sge[recv->nsge];
		sge->page = recv_page_get(conn, recv->order);
		if (!sge->page) {
			if (recv->nsge || !recv->order)
				break;
			recv->order = 0;
			continue;
		}
		sge->len = min_t(u32, len - recv->len, PAGE_SIZE << recv->order);
		sge->addr = dma_map_page(conn->cd->dev, sge->page, 0, sge->len, DMA_FROM_DEVICE);
		if (dma_mapping_error(conn->cd->dev, sge->addr)) {
			recv_page_put(recv, sge->page);
			break;
		}
		recv->nsge++;
		recv->len += sge->len;
	}
	if (recv->nsge)
		return recv;
fail:
	recv_free(conn, recv);
	return NULL;
}

/* ------------------------------------------------------------------------------ posting */

/* Post a receive request; indications resume behind it (RIN-9). */
static int post(struct chimdrv_conn *conn, u32 len, bool nonpush)
{
	struct chimdrv_recv *recv;
	struct chimdrv_sq_cmd cmd = { .ctl = CHIM_OP_RECV };
	int err;

	if (conn->rcv.n >= conn->cd->limits.recvs)
		return -ENOSPC;
	recv = recv_make(conn, len);
	if (!recv) {
		chimdrv_sq_pend(conn);
		return -ENOMEM;
	}
	recv->cookie = ++conn->next_cookie;
	recv->nonpush = nonpush;
	if (nonpush)
		cmd.ctl |= CHIM_RECV_NONPUSH << CHIM_CTL_FLAGS_SHIFT;
	cmd.cookie = recv->cookie;
	cmd.len = recv->len;
	cmd.sge = recv->sge;
	cmd.nsge = recv->nsge;
	err = chimdrv_sq_post(conn, &cmd);
	if (err) {
		recv_free(conn, recv);
		if (err == -EBUSY)
			chimdrv_sq_pend(conn);
		return err;
	}
	list_add_tail(&recv->node, &conn->rcv.list);
	conn->rcv.n++;
	conn->rcv.bytes += recv->len;
	chimdrv_count(conn->cd, recvs);
	return 0;
}

/* Is a request posted that the card completes only when it is full? */
bool chimdrv_recv_claims(const struct chimdrv_conn *conn)
{
	const struct chimdrv_recv *recv;

	list_for_each_entry(recv, &conn->rcv.list, node)
		if (recv->nonpush)
			return true;
	return false;
}

/*
 * BufferedData replaces bytes that the socket has, so no room is needed. Post a few
 * nonpush requests for it to fill; the rest is indicated.
 */
static void post_for_buffered(struct chimdrv_conn *conn)
{
	u32 left;

	while (conn->rcv.buffered_n < BUFFERED_RECVS && conn->rcv.bytes < conn->rcv.refused_bytes) {
		left = conn->rcv.refused_bytes - conn->rcv.bytes;
		if (post(conn, min_t(u32, left, CHIMDRV_RECV_PARTS * PAGE_SIZE <<
				     CHIMDRV_RECV_ORDER), true))
			break;
		conn->rcv.buffered_n++;
	}
}

/*
 * After a refusal: is there enough room again for a request? Nothing has come since, so
 * collapsing once is enough, if there was the memory; it needs the socket's queues.
 */
static bool room_again(struct chimdrv_conn *conn)
{
	int freed;

	if (chimdrv_window_has_half(conn) || chimdrv_window_gave_way(conn) ||
	    chimdrv_window_limit(conn) / 8 > conn->rcv.refused_limit / 7)
		return true;
	if (!conn->rcv.collapse_tried && (conn->releasing || !sock_owned_by_user(conn->sk))) {
		freed = chimdrv_collapse(conn, false);
		conn->rcv.collapse_tried = freed >= 0;
		conn->rcv.collapse_helped = freed > 0;
		if (freed < 0)
			chimdrv_sq_pend(conn);
	}
	return conn->rcv.collapse_helped;
}

/* Nobody says when other sockets have given memory back. */
static bool memory_again(const struct chimdrv_conn *conn)
{
	struct chimdrv_od *od = chimdrv_od(conn->cd);

	if (chimdrv_window_has_memory(conn))
		return true;
	queue_delayed_work(od->wq, &od->memory_work, MEMORY_PAUSE);
	return false;
}

/*
 * Whenever room may have appeared. For BufferedData: requests for it to fill. After a
 * refusal: once there is room_again(), a zero-byte request, so that the card indicates
 * again. In bulk: keep a few requests posted.
 */
void chimdrv_recv_post(struct chimdrv_conn *conn)
{
	if (!chimdrv_sq_takes(conn))
		return;
	if (conn->rcv.buffered) {
		post_for_buffered(conn);
		/* memory was short for the rest: no room is needed to ask for it again */
		if (test_bit(CHIMDRV_C_REFUSED, &conn->bits) && !chimdrv_recv_claims(conn) &&
		    !post(conn, 0, false))
			clear_bit(CHIMDRV_C_REFUSED, &conn->bits);
		return;
	}
	if (test_bit(CHIMDRV_C_REFUSED, &conn->bits)) {
		if (room_again(conn) && memory_again(conn) && !post(conn, 0, false))
			clear_bit(CHIMDRV_C_REFUSED, &conn->bits);
		return;
	}
	if (test_bit(CHIMDRV_C_BULK, &conn->bits) && chimdrv_window_has_half(conn))
		while (conn->rcv.n < BULK_RECVS &&
		       chimdrv_window_has_room(conn, conn->rcv.bytes, conn->rcv.bytes * 2) &&
		       !post(conn, CHIMDRV_RECV_PARTS * PAGE_SIZE << CHIMDRV_RECV_ORDER, false))
			;
}

/* -------------------------------------------------------------------------- completions */

/* Turn a completed request into a frame. Few bytes are copied, so as not to waste pages. */
static struct sk_buff *recv_to_skb(struct chimdrv_conn *conn, struct chimdrv_recv *recv, u32 bytes)
{
	struct sk_buff *skb = recv->skb, *small;
	u32 i, part, left = bytes;

	for (i = 0; i < recv->nsge; i++)
		dma_unmap_page(conn->cd->dev, recv->sge[i].addr, recv->sge[i].len, DMA_FROM_DEVICE);
	small = bytes <= RECV_COPY ? alloc_skb(bytes, GFP_ATOMIC | __GFP_NOWARN) : NULL;
	if (small) {
		memset(small->cb, 0, sizeof(struct tcp_skb_cb));
		for (i = 0; i < recv->nsge && left; i++) {
			part = min(left, recv->sge[i].len);
			skb_put_data(small, page_address(recv->sge[i].page), part);
			left -= part;
		}
		kfree_skb(skb);
		skb = small;
	}
	if (recv->order == CHIMDRV_RECV_ORDER)
		skb_mark_for_recycle(skb);
	for (i = 0; i < recv->nsge; i++) {
		part = min(left, recv->sge[i].len);
		if (part)
			skb_add_rx_frag(skb, i, recv->sge[i].page, 0, part,
					PAGE_SIZE << recv->order);
		else
			recv_page_put(recv, recv->sge[i].page);
		left -= part;
	}
	recv->nsge = 0;
	recv->skb = NULL;
	return skb;
}

static void recv_bytes(struct chimdrv_conn *conn, struct chimdrv_recv *recv,
		       const struct chim_cqe *cqe, u32 bytes)
{
	u32 seq = le32_to_cpu(cqe->seq);

	if (!chimdrv_deliver_seq_ok(conn, seq))
		return;
	chimdrv_deliver_seq_advance(conn, seq + bytes);
	chimdrv_deliver_queue(conn, recv_to_skb(conn, recv, bytes), seq);
	conn->rcv.rtt_us = le32_to_cpu(cqe->rcv_rtt_us);
	chimdrv_count_add(conn->cd, buffered_to_recv_bytes,
			  chimdrv_deliver_of_buffered(conn, seq, bytes));
	conn->rcv.refused_bytes -= min(bytes, conn->rcv.refused_bytes);
	if (!conn->rcv.refused_bytes)
		conn->rcv.buffered = 0;
	if (bytes < CHIMDRV_BULK_BYTES / 2)
		clear_bit(CHIMDRV_C_BULK, &conn->bits);
}

/* RECV completed, in posting order (RRQ-4). */
void chimdrv_recv_done(struct chimdrv_conn *conn, const struct chim_cqe *cqe)
{
	u32 status = le32_to_cpu(cqe->status), bytes = le32_to_cpu(cqe->bytes);
	struct chimdrv_recv *recv;

	recv = list_first_entry_or_null(&conn->rcv.list, struct chimdrv_recv, node);
	if (!recv || recv->cookie != le64_to_cpu(cqe->cookie) || bytes > recv->len) {
		chimdrv_count(conn->cd, bad_entries);
		chimdrv_dev_fail(conn->cd, "receive completion that fits no request");
		return;
	}
	list_del(&recv->node);
	conn->rcv.n--;
	conn->rcv.bytes -= recv->len;
	chimdrv_count(conn->cd, recv_completions);
	if (!recv->len)
		chimdrv_count(conn->cd, recv_zero);
	else if (recv->nonpush)
		chimdrv_count(conn->cd, recv_nonpush);
	else
		chimdrv_count(conn->cd, recv_push);
	/* with any status the bytes counted are valid and may be acknowledged (RRQ-18, TRM-29) */
	if (bytes)
		recv_bytes(conn, recv, cqe, bytes);
	recv_free(conn, recv);
	if (status != CHIM_ST_SUCCESS)		/* more of the kind would come back too */
		clear_bit(CHIMDRV_C_BULK, &conn->bits);
	if (status != CHIM_ST_SUCCESS && status != CHIM_ST_UPLOAD_IN_PROGRESS &&
	    status != CHIM_ST_REQUEST_ABORTED && status != CHIM_ST_INVALID_STATE)
		chimdrv_ask_upload(conn, CHIMDRV_WHY_CARD);
}

void chimdrv_recv_drop(struct chimdrv_conn *conn)
{
	struct chimdrv_recv *recv, *next;

	list_for_each_entry_safe(recv, next, &conn->rcv.list, node) {
		list_del(&recv->node);
		recv_free(conn, recv);
	}
	conn->rcv.n = 0;
	conn->rcv.bytes = 0;
}
