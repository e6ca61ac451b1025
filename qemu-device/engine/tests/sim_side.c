/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_side.c - what happens beside the data: the host updates, queries and relinks at odd moments,
 * and an attacker who knows the connection's current numbers but not its next one sends forged
 * segments. None of it may change a byte of the streams.
 */
#include "tests/sim_host.h"

/* ---- the host */

static void change_mtu(struct host *h)
{
	struct sim *s = h->sim;
	uint32_t least = s->set.ipv6 ? 1280 : 576;

	h->mtu = sim_chance(s, 3000) ? s->set.mtu : least + sim_below(s, s->set.mtu - least + 1);
	sim_say(s, "%u: path MTU is %u now", h->end.id, h->mtu);
	for (unsigned i = 0; i < HOST_ENGINES; i++)
		if (toe_path_update(h->engine[i].path, h->mtu) != TOE_OK)
			sim_fail(s, "end %u: an MTU of %u was refused", h->end.id, h->mtu);
}

static void change_cached(struct host *h)
{
	struct sim *s = h->sim;
	unsigned me = h->end.id;
	uint32_t most = 65535u << s->set.shift[me], flags = h->cached.flags, wnd;

	if (sim_chance(s, 5000))
		h->cached.flags ^= TOE_NAGLE;
	if (sim_chance(s, 3000))
		h->cached.flags ^= TOE_KEEPALIVE;
	h->cached.tos = (uint8_t)(sim_below(s, 64) << 2);
	h->cached.ka_timeout = s->set.tps * (1 + sim_below(s, 10));
	if (sim_chance(s, 5000)) {
		wnd = 3000 + sim_below(s, (most < 400000 ? most : 400000) - 2999);
		h->cached.initial_rcv_wnd = wnd;
		if (wnd > s->set.wnd[me])
			s->set.wnd[me] = wnd;
		h->cached.flags |= TOE_UPDATE_RCV_WND;
	}
	sim_say(s, "%u: updates flags %#x to %#x, window %u", me, flags, h->cached.flags,
		h->cached.initial_rcv_wnd);
	if (toe_conn_update(h->conn, &h->cached, host_now(h)) != TOE_OK)
		sim_fail(s, "end %u: an update was refused", me);
	h->cached.flags &= TOE_NAGLE | TOE_KEEPALIVE;
}

static void query(struct host *h)
{
	struct toe_tcp_const k;
	struct toe_tcp_cached k2;
	struct toe_tcp_delegated d, again;
	uint32_t sends, buffered;

	toe_conn_query(h->conn, &k, &k2, &d, host_now(h));
	toe_conn_query(h->conn, NULL, NULL, &again, host_now(h));
	if (memcmp(&d, &again, sizeof(d)))
		sim_fail(h->sim, "end %u: a query has a side effect", h->end.id);
	if (k.local_port != h->k.local_port || k2.initial_rcv_wnd != h->cached.initial_rcv_wnd)
		sim_fail(h->sim, "end %u: a query tells other values than were given", h->end.id);
	toe_conn_bounds(h->conn, &sends, &buffered);
	if (sends > h->nsends)
		sim_fail(h->sim, "end %u: %u sends would come back of %u", h->end.id, sends,
			 h->nsends);
}

void side_act(struct host *h)
{
	struct sim *s = h->sim;
	struct host_engine *e = &h->engine[h->cur];

	if (!sim_chance(s, 300))
		return;
	switch (sim_below(s, 5)) {
	case 0:
		change_mtu(h);
		break;
	case 1:
		change_cached(h);
		break;
	case 2:
		query(h);
		break;
	case 3:
		e->on_second = !e->on_second;
		toe_path_relink(e->path, e->on_second ? e->second : e->neigh);
		break;
	default:
		toe_neigh_update(e->neigh, sim_mac[!h->end.id], 0, host_now(h));
	}
}

/* ---- the attacker */

struct forged {
	struct toe_hdr hdr;
	uint32_t len;		/* of payload that is no part of the stream */
	bool urgent, bad_csum;
};

enum {
	RST_INSIDE,
	RST_OUTSIDE,
	SYN_INSIDE,
	SYN_OUTSIDE,
	ACK_OF_UNSENT,
	ACK_TOO_OLD,
	URGENT_OUTSIDE,
	SACK_LIES, OLD_TIMESTAMP, DATA_BEYOND, FIN_OUTSIDE, BAD_CHECKSUM, KINDS,
};

/* Where the window is not: to its left, or to its right. */
static uint32_t outside(struct sim *s, const struct toe_tcp_delegated *d)
{
	uint32_t far = 1u << 20;

	return sim_chance(s, 5000) ? d->rcv_nxt - 2000 - sim_below(s, far) :
				     d->rcv_nxt + (1u << 21) + sim_below(s, far);
}

/* False if this attack makes no sense on this connection now. */
static bool forge(struct host *h, struct forged *f, const struct toe_tcp_delegated *d,
		  unsigned kind)
{
	struct sim *s = h->sim;
	struct toe_hdr *hdr = &f->hdr;

	switch (kind) {
	case RST_INSIDE:
	case SYN_INSIDE:
		hdr->flags = kind == RST_INSIDE ? TOE_RST | TOE_ACK : TOE_SYN;
		hdr->seq = d->rcv_nxt + 1 + sim_below(s, d->rcv_wnd);
		return d->rcv_wnd > 1;
	case RST_OUTSIDE:
	case SYN_OUTSIDE:
	case FIN_OUTSIDE:
		hdr->flags = kind == RST_OUTSIDE ? TOE_RST :
			     kind == SYN_OUTSIDE ? TOE_SYN | TOE_ACK :
						   TOE_FIN | TOE_ACK;
		hdr->seq = outside(s, d);
		return true;
	case ACK_OF_UNSENT:
		hdr->ack = d->snd_max + 1 + sim_below(s, 1u << 20);
		f->len = sim_below(s, 50);
		return true;
	case ACK_TOO_OLD:
		hdr->ack = d->snd_una - d->max_snd_wnd - 100000 - sim_below(s, 1u << 20);
		f->len = 1 + sim_below(s, 50);
		return true;
	case URGENT_OUTSIDE:
		hdr->seq = outside(s, d);
		f->urgent = true;
		f->len = 10;
		return true;
	case SACK_LIES:
		hdr->nsacks = (uint8_t)(1 + sim_below(s, 3));
		for (unsigned i = 0; i < hdr->nsacks; i++) {
			hdr->sacks[i].start =
				d->snd_una + sim_below(s, 2 * (d->snd_max - d->snd_una) + 5);
			hdr->sacks[i].end =
				hdr->sacks[i].start + (sim_chance(s, 5000) ? 1 : sim_rand(s));
		}
		return s->set.sack && sim_chance(s, 2000);
	case OLD_TIMESTAMP:
		hdr->ts_val -= 5 + sim_below(s, 1u << 20);
		f->len = 1 + sim_below(s, 50);
		return hdr->has_ts;
	case DATA_BEYOND:
		hdr->seq = d->rcv_nxt + (1u << 21);
		f->len = 1 + sim_below(s, 50);
		return true;
	default:
		f->bad_csum = true;
		f->len = 1 + sim_below(s, 50);
		return true;
	}
}

void side_attack(struct host *h)
{
	struct sim *s = h->sim;
	const struct sim_settings *t = &s->set;
	unsigned me = h->end.id, kind = sim_below(s, KINDS);
	uint8_t buf[TOE_MAX_HEADER + 100];
	struct toe_tcp_delegated d;
	struct forged f = { .len = 0 };
	struct toe_rx rx = { .data = buf };
	uint16_t l3, l4;

	toe_conn_query(h->conn, NULL, NULL, &d, host_now(h));
	f.hdr = (struct toe_hdr){
		.src_mac = sim_mac[!me],
		.dst_mac = sim_mac[me],
		.tagged = t->vlan,
		.tci = SIM_VLAN,
		.ipv6 = t->ipv6,
		.src = t->ipv6 ? sim_addr6[!me] : sim_addr4[!me],
		.dst = t->ipv6 ? sim_addr6[me] : sim_addr4[me],
		.ttl = 64,
		.src_port = SIM_PORT(!me),
		.dst_port = SIM_PORT(me),
		.seq = d.rcv_nxt,
		.ack = d.snd_una,
		.flags = TOE_ACK,
		.wnd = (uint16_t)(d.snd_wnd >> t->shift[!me]),
		.has_ts = t->timestamps,
		.ts_val = d.ts_recent,
		.ts_ecr = d.last_ts_val,
	};
	if (d.state == TOE_TIME_WAIT || d.state == TOE_CLOSED || !forge(h, &f, &d, kind))
		return;
	f.hdr.payload_len = f.len;
	rx.len = toe_wire_build(&f.hdr, buf, &l3, &l4);
	memset(buf + rx.len, 0xee, f.len);
	rx.len += f.len;
	if (f.urgent) {
		buf[l4 + 13] |= TOE_URG;
		buf[l4 + 19] = (uint8_t)sim_rand(s);
	}
	sim_finish_tcp(buf, rx.len, l3, l4);
	if (f.bad_csum)
		buf[l4 + 16] ^= 0x55;
	sim_say(s, "%u: attack %u, seq +%u, %u bytes", me, kind, f.hdr.seq - s->set.isn[!me],
		f.len);
	if (toe_input(h->engine[h->cur].t, &rx, host_now(h)) != TOE_RX_TAKEN && !f.bad_csum)
		sim_fail(s, "end %u: a forged segment went raw, kind %u", me, kind);
}
