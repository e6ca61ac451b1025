/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wire.c - reads and writes Ethernet, 802.1Q, IPv4, IPv6 and TCP headers, and computes Internet
 * checksums. All bytes are read one by one or by memcpy, so alignment does not matter. Every length
 * is compared with what is really there before it is used.
 */
#include <string.h>

#include "ip_fragment.h"
#include "wire.h"

#define ETHERTYPE_IPV4	0x0800
#define ETHERTYPE_IPV6	0x86dd
#define ETHERTYPE_VLAN	0x8100
#define IPPROTO_TCP_NR	6
#define IPV4_DF		0x4000

enum { OPT_END = 0, OPT_NOP = 1, OPT_SACK = 5, OPT_TIMESTAMPS = 8 };

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

/* ---- checksums */

uint64_t toe_csum_add(uint64_t sum, const void *p, size_t len)
{
	const uint8_t *b = p;

	/*
	 * 32-bit words into 64-bit sums: no carry is lost for any length that fits in memory we
	 * see.
	 */
	while (len >= 32) {
		uint32_t w[8];

		memcpy(w, b, sizeof(w));
		sum += (uint64_t)w[0] + w[1] + w[2] + w[3];
		sum += (uint64_t)w[4] + w[5] + w[6] + w[7];
		b += 32;
		len -= 32;
	}
	while (len >= 4) {
		uint32_t w;

		memcpy(&w, b, sizeof(w));
		sum += w;
		b += 4;
		len -= 4;
	}
	if (len) {
		uint32_t w = 0;

		memcpy(&w, b, len);
		sum += w;
	}
	return sum;
}

uint16_t toe_csum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

uint64_t toe_csum_pseudo(bool ipv6, const uint8_t *src, const uint8_t *dst, uint32_t len)
{
	size_t alen = ipv6 ? 16 : 4;
	uint8_t tail[8] = { 0 };
	uint64_t sum = toe_csum_add(0, src, alen);

	sum = toe_csum_add(sum, dst, alen);
	put32(tail, len);
	tail[7] = IPPROTO_TCP_NR;
	return toe_csum_add(sum, tail, sizeof(tail));
}

bool toe_wire_csum_ok(const struct toe_seg *seg)
{
	uint64_t sum = toe_csum_pseudo(seg->ipv6, seg->src, seg->dst, seg->tcp_len);

	return toe_csum_fold(toe_csum_add(sum, seg->tcp, seg->tcp_len)) == 0xffff;
}

/* ---- parsing */

static void take_sacks(struct toe_seg *seg, const uint8_t *p, unsigned n)
{
	for (unsigned i = 0; i < n && seg->nsacks < TOE_MAX_SACKS; i++, p += 8) {
		seg->sacks[seg->nsacks].start = get32(p);
		seg->sacks[seg->nsacks].end = get32(p + 4);
		seg->nsacks++;
	}
}

/* len is at most 40, because the data offset has four bits. */
static void parse_options(struct toe_seg *seg, const uint8_t *p, uint32_t len)
{
	while (len) {
		uint8_t kind = p[0];
		uint8_t olen;

		if (kind == OPT_END)
			return;
		if (kind == OPT_NOP) {
			p++;
			len--;
			continue;
		}
		if (len < 2 || p[1] < 2 || p[1] > len) {
			seg->bad_options = true;
			return;
		}
		olen = p[1];
		if (kind == OPT_TIMESTAMPS && olen == 10 && !seg->has_ts) {
			seg->has_ts = true;
			seg->ts_val = get32(p + 2);
			seg->ts_ecr = get32(p + 6);
		} else if (kind == OPT_SACK && olen >= 10 && (olen - 2) % 8 == 0) {
			take_sacks(seg, p + 2, (olen - 2u) / 8);
		}
		p += olen;
		len -= olen;
	}
}

static enum toe_wire_verdict parse_tcp(const uint8_t *p, uint32_t len, struct toe_seg *seg)
{
	uint32_t hlen;

	if (len < TOE_TCP_HLEN)
		return TOE_WIRE_TRUNCATED;
	hlen = (p[12] >> 4) * 4u;
	if (hlen < TOE_TCP_HLEN || hlen > len)
		return TOE_WIRE_BAD_TCP;
	seg->src_port = get16(p);
	seg->dst_port = get16(p + 2);
	seg->seq = get32(p + 4);
	seg->ack = get32(p + 8);
	seg->flags = (uint16_t)((p[12] & 1) << 8 | p[13]);
	seg->wnd = get16(p + 14);
	seg->urg = get16(p + 18);
	seg->tcp = p;
	seg->tcp_len = len;
	seg->payload = p + hlen;
	seg->len = len - hlen;
	parse_options(seg, p + TOE_TCP_HLEN, hlen - TOE_TCP_HLEN);
	return TOE_WIRE_TCP;
}

static enum toe_wire_verdict parse_ipv4(const uint8_t *p, uint32_t len, struct toe_seg *seg)
{
	uint32_t total;

	if (len < TOE_IPV4_HLEN)
		return TOE_WIRE_TRUNCATED;
	if (p[0] >> 4 != 4 || (p[0] & 15) < 5)
		return TOE_WIRE_BAD_IP;
	if ((p[0] & 15) > 5)
		return TOE_WIRE_OTHER;	/* IPv4 options: the host's (NSP-2) */
	if (toe_csum_fold(toe_csum_add(0, p, TOE_IPV4_HLEN)) != 0xffff)
		return TOE_WIRE_BAD_IP;
	total = get16(p + 2);
	if (total < TOE_IPV4_HLEN)
		return TOE_WIRE_BAD_IP;
	if (p[9] != IPPROTO_TCP_NR || toe_ip_is_fragment(p))
		return TOE_WIRE_OTHER;
	if (total > len)
		return TOE_WIRE_TRUNCATED;
	seg->tos = p[1];
	memcpy(seg->src, p + 12, 4);
	memcpy(seg->dst, p + 16, 4);
	seg->ip_len = total;
	return parse_tcp(p + TOE_IPV4_HLEN, total - TOE_IPV4_HLEN, seg);
}

static enum toe_wire_verdict parse_ipv6(const uint8_t *p, uint32_t len, struct toe_seg *seg)
{
	uint32_t payload;

	if (len < TOE_IPV6_HLEN)
		return TOE_WIRE_TRUNCATED;
	if (p[0] >> 4 != 6)
		return TOE_WIRE_BAD_IP;
	if (p[6] != IPPROTO_TCP_NR)
		return TOE_WIRE_OTHER;	/* another protocol, or an extension header */
	payload = get16(p + 4);
	if (payload > len - TOE_IPV6_HLEN)
		return TOE_WIRE_TRUNCATED;
	seg->tos = (uint8_t)((p[0] & 15) << 4 | p[1] >> 4);
	memcpy(seg->src, p + 8, 16);
	memcpy(seg->dst, p + 24, 16);
	seg->ip_len = TOE_IPV6_HLEN + payload;
	return parse_tcp(p + TOE_IPV6_HLEN, payload, seg);
}

enum toe_wire_verdict toe_wire_parse(const uint8_t *frame, uint32_t len, uint16_t gso_size,
				     struct toe_seg *seg)
{
	uint32_t off = TOE_ETH_HLEN;
	uint16_t type;

	memset(seg, 0, sizeof(*seg));
	if (len < TOE_ETH_HLEN)
		return TOE_WIRE_OTHER;
	seg->gso_size = gso_size;
	seg->dst_mac = frame;
	seg->src_mac = frame + 6;
	type = get16(frame + 12);
	if (type == ETHERTYPE_VLAN) {
		if (len < TOE_ETH_HLEN + TOE_VLAN_HLEN)
			return TOE_WIRE_OTHER;
		seg->tagged = true;
		seg->tci = get16(frame + 14);
		type = get16(frame + 16);
		off += TOE_VLAN_HLEN;
	}
	if (type == ETHERTYPE_IPV4)
		return parse_ipv4(frame + off, len - off, seg);
	if (type == ETHERTYPE_IPV6) {
		seg->ipv6 = true;
		return parse_ipv6(frame + off, len - off, seg);
	}
	return TOE_WIRE_OTHER;
}

enum toe_wire_verdict toe_wire_parse_tcp(const uint8_t *tcp, uint32_t len, struct toe_seg *seg)
{
	memset(seg, 0, sizeof(*seg));
	return parse_tcp(tcp, len, seg);
}

/* ---- building */

static unsigned sacks_that_fit(bool has_ts, unsigned nsacks)
{
	unsigned max = toe_wire_max_sacks(has_ts);

	return nsacks < max ? nsacks : max;
}

unsigned toe_wire_options_len(bool has_ts, unsigned nsacks)
{
	unsigned n = sacks_that_fit(has_ts, nsacks);

	return (has_ts ? TOE_OPT_TS_LEN : 0) + (n ? 4 + 8 * n : 0);
}

static uint8_t *build_eth(const struct toe_hdr *h, uint8_t *p)
{
	memcpy(p, h->dst_mac, 6);
	memcpy(p + 6, h->src_mac, 6);
	p += 12;
	if (h->tagged) {
		put16(p, ETHERTYPE_VLAN);
		put16(p + 2, h->tci);
		p += 4;
	}
	put16(p, h->ipv6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
	return p + 2;
}

static uint8_t *build_ip(const struct toe_hdr *h, uint8_t *p, uint32_t tcp_len)
{
	uint16_t sum;

	if (h->ipv6) {
		put32(p, 6u << 28 | (uint32_t)h->tos << 20 | (h->flow_label & 0xfffff));
		put16(p + 4, tcp_len);
		p[6] = IPPROTO_TCP_NR;
		p[7] = h->ttl;
		memcpy(p + 8, h->src, 16);
		memcpy(p + 24, h->dst, 16);
		return p + TOE_IPV6_HLEN;
	}
	p[0] = 0x45;
	p[1] = h->tos;
	put16(p + 2, TOE_IPV4_HLEN + tcp_len);
	put16(p + 4, h->ip_id);
	put16(p + 6, IPV4_DF);
	p[8] = h->ttl;
	p[9] = IPPROTO_TCP_NR;
	put16(p + 10, 0);
	memcpy(p + 12, h->src, 4);
	memcpy(p + 16, h->dst, 4);
	sum = (uint16_t)~toe_csum_fold(toe_csum_add(0, p, TOE_IPV4_HLEN));
	memcpy(p + 10, &sum, 2);
	return p + TOE_IPV4_HLEN;
}

static uint8_t *build_options(const struct toe_hdr *h, uint8_t *p)
{
	unsigned n = sacks_that_fit(h->has_ts, h->nsacks);

	if (h->has_ts) {
		put32(p, OPT_NOP << 24 | OPT_NOP << 16 | OPT_TIMESTAMPS << 8 | 10);
		put32(p + 4, h->ts_val);
		put32(p + 8, h->ts_ecr);
		p += TOE_OPT_TS_LEN;
	}
	if (!n)
		return p;
	put32(p, OPT_NOP << 24 | OPT_NOP << 16 | OPT_SACK << 8 | (2 + 8 * n));
	p += 4;
	for (unsigned i = 0; i < n; i++, p += 8) {
		put32(p, h->sacks[i].start);
		put32(p + 4, h->sacks[i].end);
	}
	return p;
}

static uint8_t *build_tcp(const struct toe_hdr *h, uint8_t *p, uint32_t hlen, uint32_t tcp_len)
{
	uint16_t sum = toe_csum_fold(toe_csum_pseudo(h->ipv6, h->src, h->dst, tcp_len));

	put16(p, h->src_port);
	put16(p + 2, h->dst_port);
	put32(p + 4, h->seq);
	put32(p + 8, h->ack);
	put16(p + 12, (hlen / 4) << 12 | (h->flags & 0x1ffu));
	put16(p + 14, h->wnd);
	memcpy(p + 16, &sum, 2);
	put16(p + 18, 0);
	return build_options(h, p + TOE_TCP_HLEN);
}

uint32_t toe_wire_build(const struct toe_hdr *h, uint8_t buf[TOE_MAX_HEADER], uint16_t *l3_off,
			uint16_t *l4_off)
{
	uint32_t hlen = TOE_TCP_HLEN + toe_wire_options_len(h->has_ts, h->nsacks);
	uint8_t *l3 = build_eth(h, buf);
	uint8_t *l4 = build_ip(h, l3, hlen + h->payload_len);
	uint8_t *end = build_tcp(h, l4, hlen, hlen + h->payload_len);

	*l3_off = (uint16_t)(l3 - buf);
	*l4_off = (uint16_t)(l4 - buf);
	return (uint32_t)(end - buf);
}
