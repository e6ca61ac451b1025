/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * peer.c - a small, strict TCP, the other end of a simulated connection. As a receiver: delayed
 * ACKs, SACK and DSACK; as a sender: slow start, fast retransmit and go-back-N. Timestamps with
 * PAWS, and zero windows while its program does not read. Bytes are compared with the stream as
 * they arrive.
 */
#include "tests/peer.h"

#define FIN0(p)		((p)->sim->set.total[0])	/* offset of each FIN */
#define FIN1(p)		((p)->sim->set.total[1])
#define DELAYED_ACK	(40 * SIM_MS)
#define FIRST_RTO	(300 * SIM_MS)

static uint32_t clock_of(struct peer *p)
{
	return p->sim->set.ts[1] + (uint32_t)(p->sim->now / SIM_MS);
}

static void put(uint8_t **at, unsigned n, uint64_t v)
{
	while (n--)
		*(*at)++ = (uint8_t)(v >> 8 * n);
}

/* ---- receiving */

/* The window: unread bytes take room, and the edge moves only in useful steps. */
static void offer(struct peer *p)
{
	uint64_t data = p->rcv_nxt < FIN0(p) ? p->rcv_nxt : FIN0(p);
	uint64_t could = p->read + p->sim->set.wnd[1], step = p->sim->set.wnd[1] / 2;

	could = data + (((could > data ? could - data : 0) >> p->sim->set.shift[1])
			<< p->sim->set.shift[1]);
	if (step > p->mss)
		step = p->mss;
	/* The rest of the old offer may be too small to express at this scale. */
	if (could >= p->edge + step ||
	    (could > p->edge && !((p->edge - data) >> p->sim->set.shift[1])))
		p->edge = could;
}

static unsigned blocks(struct peer *p, uint64_t b[PEER_SACKS][2], unsigned max)
{
	unsigned n = 0;

	if (!p->sim->set.sack)
		return 0;
	if (p->dup[1] > p->dup[0]) {
		b[n][0] = p->dup[0];
		b[n++][1] = p->dup[1];
	}
	if (p->latest[0] >= p->rcv_nxt && p->latest[1] > p->latest[0]) {
		uint64_t s = p->latest[0], e = p->latest[0];

		while (s > p->rcv_nxt && p->have[s - 1])
			s--;
		while (e < p->highest && p->have[e])
			e++;
		b[n][0] = s;
		b[n++][1] = e;
	}
	for (uint64_t i = p->rcv_nxt; i < p->highest && n < max; i++) {
		uint64_t e = i;
		bool known = false;

		while (e < p->highest && p->have[e])
			e++;
		if (e == i)
			continue;
		for (unsigned k = 0; k < n; k++)
			known |= b[k][0] == i;
		if (!known) {
			b[n][0] = i;
			b[n++][1] = e;
		}
		i = e;
	}
	return n < max ? n : max;
}

static void take_data(struct peer *p, const struct peer_seg *g)
{
	int64_t at = peer_offset(p, 0, g->seq, p->rcv_nxt);
	uint64_t before = p->rcv_nxt, from, end;
	bool fresh = false;

	if (!g->len && !g->fin)
		return;
	if (at + (int64_t)g->len < 0 || at > (int64_t)p->edge) {
		p->ack_now = true;
		return;
	}
	from = at < 0 ? 0 : (uint64_t)at;
	end = (uint64_t)(at + (int64_t)g->len);
	if (end > p->edge)
		end = p->edge;
	for (uint64_t i = from; i < end; i++) {
		fresh |= !p->have[i];
		p->have[i] = 1;
	}
	if (!fresh && end > from) {
		p->dup[0] = from;
		p->dup[1] = end;
	} else if (from > p->rcv_nxt) {
		p->latest[0] = from;
		p->latest[1] = end;
	}
	if (end > p->highest)
		p->highest = end;
	if (g->fin && (uint64_t)at + g->len == FIN0(p))
		p->fin_seen = true;
	while (p->rcv_nxt < p->highest && p->have[p->rcv_nxt])
		p->rcv_nxt++;
	if (p->rcv_nxt == FIN0(p) && p->fin_seen)
		p->rcv_nxt++;
	p->unacked++;
	if (p->rcv_nxt == before || p->highest > p->rcv_nxt || p->unacked >= 2 || g->fin)
		p->ack_now = true;
	else if (p->ack_at == SIM_NEVER)
		p->ack_at = p->sim->now + DELAYED_ACK;
}

/* ---- sending */

static void put_ethernet(struct peer *p, uint8_t **at)
{
	const struct sim_settings *t = &p->sim->set;

	memcpy(*at, sim_mac[0], 6);
	memcpy(*at + 6, sim_mac[1], 6);
	*at += 12;
	if (t->vlan)
		put(at, 4, 0x81000000u | SIM_VLAN);
	put(at, 2, t->ipv6 ? 0x86dd : 0x0800);
}

/* The header of a packet with so many bytes behind it. */
static void put_ip(struct peer *p, uint8_t **at, uint32_t len)
{
	uint8_t *ip = *at;
	uint32_t sum = 0;

	if (p->sim->set.ipv6) {
		put(at, 4, 0x60000000);
		put(at, 2, len);
		put(at, 2, 0x0640);
		memcpy(*at, sim_addr6[1], 16);
		memcpy(*at + 16, sim_addr6[0], 16);
		*at += 32;
		return;
	}
	put(at, 2, 0x4500);
	put(at, 2, 20 + len);
	put(at, 4, 0x00004000);
	put(at, 4, 0x40060000);
	memcpy(*at, sim_addr4[1], 4);
	memcpy(*at + 4, sim_addr4[0], 4);
	*at += 8;
	for (unsigned i = 0; i < 20; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
}

static void put_options(struct peer *p, uint8_t **at, uint64_t b[PEER_SACKS][2], unsigned n)
{
	const struct sim_settings *t = &p->sim->set;

	if (t->timestamps) {
		p->last_ts = clock_of(p);
		put(at, 4, 0x0101080a);
		put(at, 4, p->last_ts);
		put(at, 4, p->ts_recent);
	}
	if (n) {
		put(at, 4, 0x01010502u + 8 * n);
		for (unsigned i = 0; i < n; i++) {
			put(at, 4, (uint32_t)(t->isn[0] + b[i][0]));
			put(at, 4, (uint32_t)(t->isn[0] + b[i][1]));
		}
	}
}

static void build(struct peer *p, uint64_t off, uint32_t len, bool fin, bool probe)
{
	const struct sim_settings *t = &p->sim->set;
	uint8_t frame[10000], *at = frame;
	uint64_t b[PEER_SACKS][2], data = p->rcv_nxt;
	unsigned n = len ? 0 : blocks(p, b, t->timestamps ? 3 : 4);
	uint32_t options = (t->timestamps ? 12 : 0) + (n ? 4 + 8 * n : 0), window;
	uint16_t l3, l4;

	offer(p);
	window = (uint32_t)((p->edge > data ? p->edge - data : 0) >> t->shift[1]);
	put_ethernet(p, &at);
	l3 = (uint16_t)(at - frame);
	put_ip(p, &at, 20 + options + len);
	l4 = (uint16_t)(at - frame);
	put(&at, 2, SIM_PORT(1));
	put(&at, 2, SIM_PORT(0));
	put(&at, 4, (uint32_t)(t->isn[1] + off));
	put(&at, 4, (uint32_t)(t->isn[0] + p->rcv_nxt));
	put(&at, 2,
	    (20 + options) / 4 << 12 | 0x10 | (fin ? 1 : 0) |
		    (len && sim_chance(p->sim, 5000) ? 8 : 0));
	put(&at, 2, window < 65535 ? window : 65535);
	put(&at, 4, 0);
	put_options(p, &at, b, n);
	for (uint32_t i = 0; i < len; i++)
		*at++ = sim_stream(p->sim, 1, off + i);
	sim_finish_tcp(frame, (uint32_t)(at - frame), l3, l4);
	sim_say(p->sim, "1> seq +%" PRIu64 " len %u%s ack +%" PRIu64 " wnd %u sacks %u%s", off, len,
		fin ? " FIN" : "", p->rcv_nxt, window << t->shift[1], n, probe ? " probe" : "");
	sim_link_send(p->sim, 1, frame, (uint32_t)(at - frame), l3, l4, 0);
	p->ack_now = false;
	p->ack_at = SIM_NEVER;
	p->unacked = 0;
	p->dup[1] = p->dup[0];
}

/* Send what lies at nxt, if anything may go. */
static bool send_next(struct peer *p)
{
	uint64_t limit = p->una + (uint64_t)p->cwnd * p->mss, end = p->written;
	uint32_t most = p->mss - (p->sim->set.timestamps ? 12 : 0), len;
	bool fin;

	if (limit > p->peer_edge)
		limit = p->peer_edge;
	if (p->nxt >= limit || p->nxt > FIN1(p))
		return false;
	if (end > limit)
		end = limit;
	len = p->nxt < end ? (uint32_t)(end - p->nxt < most ? end - p->nxt : most) : 0;
	fin = p->written == FIN1(p) && p->nxt + len == FIN1(p) && p->nxt + len < limit;
	if (!len && !fin)
		return false;
	if (p->max < p->nxt + len + fin)
		p->max = p->nxt + len + fin;
	build(p, p->nxt, len, fin, false);
	p->nxt += len + fin;
	if (p->rto_at == SIM_NEVER)
		p->rto_at = p->sim->now + p->rto;
	return true;
}

static void retransmit_first(struct peer *p)
{
	uint64_t nxt = p->nxt, edge = p->peer_edge;
	uint32_t cwnd = p->cwnd;

	p->nxt = p->una;
	p->cwnd = 1;
	send_next(p);
	p->cwnd = cwnd;
	p->peer_edge = edge;
	p->nxt = nxt > p->nxt ? nxt : p->nxt;
}

static void take_ack(struct peer *p, const struct peer_seg *g)
{
	int64_t ack = peer_offset(p, 1, g->ack, p->una);
	uint64_t edge;

	if (ack < (int64_t)p->una || ack > (int64_t)p->max)
		return;
	edge = (uint64_t)ack + ((uint64_t)g->win << p->sim->set.shift[0]);
	if ((uint64_t)ack > p->una) {
		p->una = (uint64_t)ack;
		p->nxt = p->nxt > p->una ? p->nxt : p->una;
		p->dupacks = 0;
		p->rto = FIRST_RTO;
		p->rto_at = p->una < p->max ? p->sim->now + p->rto : SIM_NEVER;
		if (p->in_recovery && p->una >= p->recover)
			p->in_recovery = false;
		else if (p->in_recovery)
			retransmit_first(p);
		if (p->cwnd < p->ssthresh || sim_chance(p->sim, 2000))
			p->cwnd += p->cwnd < 64;
	} else if (!g->len && edge == p->peer_edge && p->una < p->max && ++p->dupacks == 3 &&
		   !p->in_recovery) {
		p->in_recovery = true;
		p->recover = p->max;
		p->ssthresh = p->cwnd / 2 > 2 ? p->cwnd / 2 : 2;
		p->cwnd = p->ssthresh;
		retransmit_first(p);
	}
	if (edge > p->peer_edge)
		p->peer_edge = edge;
}

static void timeout(struct peer *p)
{
	p->rto = p->rto < 8000 * SIM_MS ? p->rto * 2 : p->rto;
	p->rto_at = p->sim->now + p->rto;
	if (p->una == p->peer_edge && p->una <= FIN1(p) &&
	    (p->written > p->una || p->written == FIN1(p))) {
		/* Zero window: one octet beyond it. */
		bool fin = p->una == FIN1(p);

		p->max = p->max > p->una + 1 ? p->max : p->una + 1;
		build(p, p->una, fin ? 0 : 1, fin, true);
		return;
	}
	p->ssthresh = p->cwnd / 2 > 2 ? p->cwnd / 2 : 2;
	p->cwnd = 1;
	p->in_recovery = false;
	p->dupacks = 0;
	p->nxt = p->una;
}

/* ---- the end */

static void peer_input(struct sim_end *end, const struct sim_frame *f)
{
	struct peer *p = (struct peer *)end;
	struct peer_seg g;
	const char *why;

	if (!peer_parse(p, f->data, f->len, &g, &why)) {
		if (!p->sim->set.corrupt)
			sim_fail(p->sim, "the peer cannot read a frame: %s", why);
		return;
	}
	if (g.has_ts) {
		int64_t at = peer_offset(p, 0, g.seq, p->rcv_nxt);

		if ((int32_t)(g.ts_val - p->ts_recent) < 0) {	/* PAWS */
			p->ack_now = true;
			return;
		}
		if (at <= (int64_t)p->rcv_nxt)
			p->ts_recent = g.ts_val;
	}
	if (!g.len && !g.fin && peer_offset(p, 0, g.seq, p->rcv_nxt) < (int64_t)p->rcv_nxt)
		p->ack_now = true;	/* keepalive probe, or an old ACK */
	take_ack(p, &g);
	take_data(p, &g);
}

static void read_and_write(struct peer *p)
{
	struct sim *s = p->sim;

	if (s->now >= p->read_at) {
		uint64_t data = p->rcv_nxt < FIN0(p) ? p->rcv_nxt : FIN0(p), before = p->edge;

		p->read += sim_chance(s, 3000) ? 0 : sim_below(s, (uint32_t)(data - p->read) + 1);
		p->read_at = s->now + sim_below(s, sim_chance(s, 500) ? 900000000 : 10000000);
		offer(p);
		if (p->edge > before)
			p->ack_now = true;	/* window update */
	}
	if (s->now >= p->write_at && p->written < FIN1(p)) {
		uint64_t left = FIN1(p) - p->written, n = 1 + sim_below(s, 30000);

		p->written += n < left ? n : left;
		p->write_at = s->now + sim_below(s, 20000000);
	}
}

static bool over(const struct peer *p)
{
	return p->una == FIN1(p) + 1 && p->rcv_nxt == FIN0(p) + 1;
}

static void peer_step(struct sim_end *end)
{
	struct peer *p = (struct peer *)end;
	struct sim *s = p->sim;

	read_and_write(p);
	if (s->now >= p->ack_at)
		p->ack_now = true;
	if (p->rto_at == SIM_NEVER && (p->una < p->max || p->written > p->una))
		p->rto_at = s->now + p->rto;
	if (s->now >= p->rto_at)
		timeout(p);
	for (unsigned n = 0; n < 70 && send_next(p); n++)
		;
	if (p->ack_now)
		build(p, p->nxt, 0, false, false);
	if (over(p))
		p->rto_at = SIM_NEVER;
}

static uint64_t peer_deadline(struct sim_end *end)
{
	struct peer *p = (struct peer *)end;
	uint64_t t = p->read_at;

	if (over(p))
		return p->ack_at;
	t = p->ack_at < t ? p->ack_at : t;
	t = p->rto_at < t ? p->rto_at : t;
	return p->written < FIN1(p) && p->write_at < t ? p->write_at : t;
}

static bool peer_done(struct sim_end *end)
{
	return over((struct peer *)end);
}

static void peer_describe(struct sim_end *end, FILE *to)
{
	struct peer *p = (struct peer *)end;

	fprintf(to,
		"independent peer: read %" PRIu64 ", RCV.NXT +%" PRIu64 ", edge +%" PRIu64
		"; UNA +%" PRIu64 " NXT +%" PRIu64 " MAX +%" PRIu64 " peer's edge +%" PRIu64
		", cwnd %u, written %" PRIu64 "\n",
		p->read, p->rcv_nxt, p->edge, p->una, p->nxt, p->max, p->peer_edge, p->cwnd,
		p->written);
}

static void peer_destroy(struct sim_end *end)
{
	struct peer *p = (struct peer *)end;

	free(p->have);
	free(p);
}

static const struct sim_end_ops peer_ops = {
	.input = peer_input, .step = peer_step, .deadline = peer_deadline, .done = peer_done,
	.describe = peer_describe, .destroy = peer_destroy,
};

struct sim_end *sim_peer_create(struct sim *s, unsigned id)
{
	struct peer *p = calloc(1, sizeof(*p));

	p->end = (struct sim_end){ .ops = &peer_ops, .sim = s, .id = id };
	p->sim = s;
	p->mss = s->set.mtu - (s->set.ipv6 ? 60 : 40);
	p->have = calloc(1, s->set.total[0] + 2 + s->set.wnd[1]);
	p->edge = s->set.wnd[1];
	p->peer_edge = s->set.wnd[0];
	p->cwnd = 4;
	p->ssthresh = 64;
	p->rto = FIRST_RTO;
	p->rto_at = SIM_NEVER;
	p->ack_at = SIM_NEVER;
	p->ts_recent = s->set.ts[0];
	p->last_ts = s->set.ts[1];
	p->seen.ts = s->set.ts[0];
	p->seen.edge = s->set.wnd[0];
	s->watch = peer_watch;
	return &p->end;
}
