/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_ops.c - what an engine of a simulated end calls: memory, frames out, and received bytes into
 * requests. Each frame is checked before it goes on the link: that it reads only what the engine
 * owns, its size, its partial checksum, PSH.
 */
#include "tests/sim_host.h"

static void *host_alloc(void *opaque, size_t size)
{
	(void)opaque;
	return calloc(1, size);
}

static void host_free(void *opaque, void *p, size_t size)
{
	(void)opaque;
	(void)size;
	free(p);
}

static uint32_t host_random(void *opaque)
{
	struct host_engine *e = opaque;

	return sim_rand(e->h->sim);
}

/* Is the request one that the engine may read now? */
static struct host_send *owned(struct host *h, const struct toe_req *r)
{
	for (struct host_send *s = h->sends; s; s = s->next)
		if (&s->r == r)
			return s->with_engine ? s : NULL;
	return NULL;
}

/* The pieces' bytes behind the header; false if they make no sense. */
static bool gather(struct host *h, const struct toe_frame *f, uint8_t *to)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < f->npieces; i++) {
		const struct toe_piece *p = &f->pieces[i];
		struct host_send *s = owned(h, p->req);

		if (!s || p->off > s->r.len || p->len > s->r.len - p->off || !p->len) {
			sim_fail(h->sim, "end %u: a frame reads bytes %u + %u of a request that %s",
				 h->end.id, p->off, p->len,
				 s ? "has fewer" : "is not the engine's");
			return false;
		}
		for (uint32_t k = 0; k < p->len; k++)
			*to++ = sim_stream(h->sim, h->end.id, s->pos + p->off + k);
		sum += p->len;
	}
	if (sum != f->payload_len)
		sim_fail(h->sim, "end %u: pieces of %u bytes for a payload of %u", h->end.id, sum,
			 f->payload_len);
	return sum == f->payload_len;
}

/* The frame that empties the queue carries PSH, unless its request says MORE (SND-15). */
static void check_push(struct host *h, const struct toe_frame *f, bool push)
{
	const struct toe_piece *last = f->npieces ? &f->pieces[f->npieces - 1] : NULL;
	struct host_send *r = last ? owned(h, last->req) : NULL;

	if (!r || last->off + last->len != r->r.len || push || (r->r.flags & TOE_SEND_MORE))
		return;
	for (r = r->next; r; r = r->next)
		if (r->r.len && r->with_engine)
			return;
	sim_fail(h->sim, "end %u: the last bytes of the queue went out without PSH", h->end.id);
}

static bool host_emit(void *opaque, const struct toe_frame *f)
{
	struct host_engine *e = opaque;
	struct host *h = e->h;
	struct sim *s = h->sim;
	uint8_t *buf, partial[2];
	uint32_t len = f->header_len + f->payload_len;
	uint16_t sum;

	if (f->header_len > TOE_MAX_HEADER || f->queue >= e->queues || e->blocked[f->queue] ||
	    len - f->l3_off > 65535) {
		sim_fail(s, "end %u: emit of an impossible frame", h->end.id);
		return true;
	}
	if (!sim_link_ready(s, h->end.id)) {
		e->blocked[f->queue] = true;
		return false;
	}
	if (f->header_len - f->l3_off + (f->gso_size && f->gso_size < f->payload_len ? f->gso_size :
					 f->payload_len) > h->mtu)
		sim_fail(s, "end %u sent a segment larger than its MTU of %u", h->end.id, h->mtu);
	buf = malloc(len);
	memcpy(buf, f->header, f->header_len);
	if (gather(h, f, buf + f->header_len)) {
		/*
		 * Finish the checksum as hardware does, from the partial sum, and compare with the
		 * whole one.
		 */
		sum = (uint16_t)~toe_csum_fold(toe_csum_add(0, buf + f->l4_off, len - f->l4_off));
		memcpy(partial, &sum, 2);
		sim_finish_tcp(buf, len, f->l3_off, f->l4_off);
		if (memcmp(partial, buf + f->l4_off + 16, 2))
			sim_fail(s, "end %u: wrong partial checksum", h->end.id);
		if (s->verbose) {
			struct toe_seg g;

			toe_wire_parse(buf, len, 0, &g);
			sim_say(s, "%u> seq +%u len %u ack +%u flags %#x wnd %u sacks %u",
				h->end.id, g.seq - s->set.isn[h->end.id], g.len,
				g.ack - s->set.isn[!h->end.id], g.flags,
				g.wnd << s->set.shift[h->end.id], g.nsacks);
		}
		check_push(h, f, buf[f->l4_off + 13] & 8);
		if (s->watch)
			s->watch(s, buf, len, f->gso_size);
		sim_link_send(s, h->end.id, buf, len, f->l3_off, f->l4_off, f->gso_size);
	}
	free(buf);
	return true;
}

static void host_place(void *opaque, struct toe_req *req, uint32_t off, const uint8_t *src,
		       uint32_t len)
{
	struct host_engine *e = opaque;
	struct host_recv *r = e->h->recvs;

	while (r && &r->r != req)
		r = r->next;
	if (!r || off > r->r.len || len > r->r.len - off || off < r->r.prefilled)
		sim_fail(e->h->sim, "end %u: %u bytes placed at %u of a request", e->h->end.id, len,
			 off);
	else
		memcpy(r->buf + off, src, len);
}

const struct toe_ops host_ops = {
	.alloc = host_alloc, .free = host_free, .random = host_random, .emit = host_emit,
	.place = host_place,
};
