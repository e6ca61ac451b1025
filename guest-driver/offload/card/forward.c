// SPDX-License-Identifier: GPL-2.0-only
/*
 * Forwards held segments (held.c) to the target, one command per TCP segment, while the
 * target owns the connection (FWD-1 .. FWD-11).
 *
 * Runs under the socket's slock; a process may own the socket.
 */
#include <linux/dma-mapping.h>

#include "offload/card/forward.h"
#include "compat/segment.h"
#include "offload/ask.h"
#include "offload/cache.h"
#include "offload/card/late.h"
#include "offload/card/sq.h"
#include "offload/conn_types.h"
#include "offload/od.h"
#include "offload/requests.h"

#define FWD_OUTSTANDING	64	/* forwards under way per connection */

static void count_cause(struct chimdrv_conn *conn, enum chim_forward_cause cause)
{
	switch (cause) {
	case CHIM_CAUSE_FRAGMENTS:
		chimdrv_count(conn->cd, forward_fragments);
		break;
	case CHIM_CAUSE_OPTIONS:
		chimdrv_count(conn->cd, forward_options);
		break;
	case CHIM_CAUSE_INTERFACE:
		chimdrv_count(conn->cd, forward_interface);
		break;
	case CHIM_CAUSE_INITIATE:
		chimdrv_count(conn->cd, forward_initiate);
		break;
	case CHIM_CAUSE_OTHER:
		break;
	}
}

/* Bytes of payload in one wire segment of a frame that GRO may have merged. */
static u32 seg_size(const struct sk_buff *skb, u32 payload)
{
	u32 size = skb_shinfo(skb)->gso_size;

	return size && size < payload ? size : payload;
}

/*
 * Copy the wire segment at @off of the frame's payload. GRO merges only segments that
 * differ in nothing but sequence number, PSH and FIN, so they can be separated exactly.
 */
static struct chimdrv_fwd *fwd_make(struct sk_buff *skb, u32 off, u32 len, bool last)
{
	const struct tcphdr *th = (const struct tcphdr *)skb->data;
	u32 hdr = th->doff * 4;
	struct chimdrv_fwd *fwd;
	struct tcphdr *copy;

	fwd = chimdrv_cache_alloc(CHIMDRV_CACHE_FWD, GFP_ATOMIC | __GFP_NOWARN);
	if (!fwd)
		return NULL;
	fwd->data = kmalloc(hdr + len, GFP_ATOMIC | __GFP_NOWARN);
	if (!fwd->data)
		goto fail;
	fwd->len = hdr + len;
	copy = (struct tcphdr *)fwd->data;
	memcpy(copy, th, hdr);
	if (skb_copy_bits(skb, hdr + off, fwd->data + hdr, len))
		goto fail;
	copy->seq = htonl(ntohl(th->seq) + off);
	if (!last) {
		copy->psh = 0;
		copy->fin = 0;
	}
	fwd->skb = skb_get(skb);
	return fwd;
fail:
	kfree(fwd->data);
	chimdrv_cache_free(CHIMDRV_CACHE_FWD, fwd);
	return NULL;
}

/* Free a forward that is in no list and not mapped. */
static void fwd_discard(struct chimdrv_fwd *fwd)
{
	kfree_skb(fwd->skb);
	kfree(fwd->data);
	chimdrv_cache_free(CHIMDRV_CACHE_FWD, fwd);
}

static void fwd_free(struct chimdrv_conn *conn, struct chimdrv_fwd *fwd)
{
	dma_unmap_single(conn->cd->dev, fwd->dma, fwd->len, DMA_TO_DEVICE);
	list_del(&fwd->node);
	conn->fwd.n--;
	fwd_discard(fwd);
	fwd = list_first_entry_or_null(&conn->fwd.list, struct chimdrv_fwd, node);
	WRITE_ONCE(conn->fwd.since, fwd ? fwd->since : 0);
}

static int fwd_post(struct chimdrv_conn *conn, struct chimdrv_fwd *fwd)
{
	enum chim_forward_cause cause = fwd->skb->dev_scratch;
	u32 flags = CHIM_FORWARD_CSUM_OK | cause << CHIM_FORWARD_CAUSE_SHIFT;
	struct chimdrv_sge sge = { .len = fwd->len };
	struct chimdrv_sq_cmd cmd = {
		.ctl = CHIM_OP_FORWARD | flags << CHIM_CTL_FLAGS_SHIFT,
		.len = fwd->len,
		.sge = &sge,
		.nsge = 1,
	};
	int err;

	fwd->dma = dma_map_single(conn->cd->dev, fwd->data, fwd->len, DMA_TO_DEVICE);
	if (dma_mapping_error(conn->cd->dev, fwd->dma))
		return -ENOMEM;
	fwd->cookie = ++conn->next_cookie;
	sge.addr = fwd->dma;
	cmd.cookie = fwd->cookie;
	err = chimdrv_sq_post(conn, &cmd);
	if (err) {
		dma_unmap_single(conn->cd->dev, fwd->dma, fwd->len, DMA_TO_DEVICE);
		return err;
	}
	list_add_tail(&fwd->node, &conn->fwd.list);
	fwd->since = jiffies | 1;
	if (!conn->fwd.n++)
		chimdrv_late_watch(conn, fwd->since);
	chimdrv_count(conn->cd, forwards);
	count_cause(conn, cause);
	return 0;
}

/* Post a held frame as one or more forwards; resume at conn->fwd.off if the ring was full. */
static int fwd_frame(struct chimdrv_conn *conn, struct sk_buff *skb)
{
	u32 payload = skb->len - ((const struct tcphdr *)skb->data)->doff * 4;
	u32 step = seg_size(skb, payload);
	struct chimdrv_fwd *fwd;
	u32 len;
	int err;

	do {
		len = min(step, payload - conn->fwd.off);
		if (conn->fwd.n >= FWD_OUTSTANDING)
			return -EBUSY;
		fwd = fwd_make(skb, conn->fwd.off, len, conn->fwd.off + len == payload);
		if (!fwd)
			return -ENOMEM;
		err = fwd_post(conn, fwd);
		if (err) {
			fwd_discard(fwd);
			return err;
		}
		conn->fwd.off += len;
	} while (conn->fwd.off < payload);
	conn->fwd.off = 0;
	return 0;
}

/*
 * slock. Forward held segments in order, as far as ring and memory allow. They stay held
 * if the card has given one back, until the connection goes back as well, and if the card
 * takes nothing any more: the connection ends with it.
 */
void chimdrv_forward_flush(struct chimdrv_conn *conn)
{
	struct sk_buff *skb;
	int err;

	if (!chimdrv_sq_takes(conn) || !skb_queue_empty(&conn->fwd.returned))
		return;
	while ((skb = skb_peek(&conn->fwd.hold))) {
		if (unlikely(!chimdrv_compat_readable(skb))) {
			/* it goes to Linux TCP, which need not read it, with the connection */
			chimdrv_ask_upload(conn, CHIMDRV_WHY_UNREADABLE);
			return;
		}
		err = fwd_frame(conn, skb);
		if (err) {
			if (err != -ENETDOWN && conn->fwd.n < FWD_OUTSTANDING)
				chimdrv_sq_pend(conn);
			return;
		}
		conn->fwd.truesize -= skb->truesize;
		__skb_unlink(skb, &conn->fwd.hold);
		kfree_skb(skb);		/* the forwards have references */
	}
}

/* Is the frame back? Its forwards may come back in any order, and between those of others. */
static bool has_returned(const struct chimdrv_conn *conn, const struct sk_buff *frame)
{
	const struct sk_buff *skb;

	if (skb_peek(&conn->fwd.hold) == frame)
		return true;
	skb_queue_walk(&conn->fwd.returned, skb)
		if (skb == frame)
			return true;
	return false;
}

/* slock. A FORWARD completed: the target has processed it, or gives it back (FWD-9). */
void chimdrv_forward_done(struct chimdrv_conn *conn, const struct chim_cqe *cqe)
{
	struct chimdrv_fwd *fwd;

	list_for_each_entry(fwd, &conn->fwd.list, node) {
		if (fwd->cookie != le64_to_cpu(cqe->cookie))
			continue;
		chimdrv_count(conn->cd, forward_completions);
		if (le16_to_cpu(cqe->flags) & CHIM_CQE_BATCH)
			chimdrv_count(conn->cd, forward_batches);
		if (le32_to_cpu(cqe->status) == CHIM_ST_UPLOAD_IN_PROGRESS) {
			/* whole frames come back; what was processed of one is a duplicate */
			set_bit(CHIMDRV_C_QUIET, &conn->bits);
			if (!has_returned(conn, fwd->skb))
				__skb_queue_tail(&conn->fwd.returned, skb_get(fwd->skb));
		}
		fwd_free(conn, fwd);
		/* the card says for what reason it gives up the connection, or is late */
		if (!conn->fwd.n && !skb_queue_empty(&conn->fwd.returned))
			chimdrv_late_watch(conn, jiffies | 1);
		chimdrv_forward_flush(conn);
		return;
	}
	chimdrv_count(conn->cd, bad_entries);
}

/* slock. The card no longer touches memory of the connection: free its forwards. */
void chimdrv_forward_drop(struct chimdrv_conn *conn)
{
	struct chimdrv_fwd *fwd, *next;

	list_for_each_entry_safe(fwd, next, &conn->fwd.list, node)
		fwd_free(conn, fwd);
}
