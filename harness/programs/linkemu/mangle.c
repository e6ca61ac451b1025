// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Owns the changes that the emulator makes to a frame: a flipped bit, IP options that change
 * nothing, and fragmentation, for IPv4 and IPv6. Works on bytes alone; frames that are not what a
 * change needs are left as they are, and lengths inside a frame are never believed unchecked.
 */
#include <string.h>

#include "linkemu.h"

#define ETH_HEADER 14u
#define IP4_HEADER 20u
#define IP6_HEADER 40u
#define IP6_FRAGMENT_HEADER 8u
#define IP_PROTO_FRAGMENT 44
#define IP_PROTO_DEST_OPTIONS 60
#define IP4_DF 0x4000u
#define IP4_MF 0x2000u
/* A packet with less payload is left whole: the TCP header stays together. */
#define CUT_MIN 64u

struct ip {
	int version;		/* 4 or 6, 0 when it is neither */
	size_t at;		/* where its header begins in the frame */
	size_t header;		/* length of its header without IPv6 extension headers */
	size_t total;		/* length of the packet */
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, size_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

/* Find the IP packet of a frame, behind at most two VLAN tags. */
static struct ip parse(const uint8_t *data, size_t length)
{
	struct ip ip = { 0 };
	size_t at = ETH_HEADER;

	for (int tags = 0; tags < 2 && length >= at + 4; tags++) {
		uint16_t type = get16(data + at - 2);

		if (type != 0x8100 && type != 0x88a8)
			break;
		at += 4;
	}
	if (length < at + IP4_HEADER)
		return ip;
	ip.at = at;
	if (get16(data + at - 2) == 0x0800 && data[at] >> 4 == 4) {
		ip.header = (size_t)(data[at] & 15) * 4;
		ip.total = get16(data + at + 2);
		if (ip.header >= IP4_HEADER && ip.total >= ip.header && at + ip.total <= length)
			ip.version = 4;
	} else if (get16(data + at - 2) == 0x86dd && length >= at + IP6_HEADER) {
		ip.header = IP6_HEADER;
		ip.total = IP6_HEADER + get16(data + at + 4);
		if (data[at] >> 4 == 6 && at + ip.total <= length)
			ip.version = 6;
	}
	return ip;
}

static void fix_ip4_checksum(uint8_t *header, size_t length)
{
	uint32_t sum = 0;

	put16(header + 10, 0);
	for (size_t i = 0; i < length; i += 2)
		sum += get16(header + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	put16(header + 10, ~sum & 0xffff);
}

void mangle_corrupt(uint8_t *data, size_t length, struct rng *rng)
{
	uint64_t bit = rng_next(rng);

	/* Only behind the Ethernet header: a wrong address would merely be a loss. */
	if (length > ETH_HEADER)
		data[ETH_HEADER + (bit >> 8) % (length - ETH_HEADER)] ^= (uint8_t)(1u << (bit & 7));
}

/* Four NOPs, or a record-route option that is already full; 4 or 8 bytes. */
static size_t make_ip4_option(uint8_t *option, struct rng *rng)
{
	static const uint8_t record_route[8] = { 7, 7, 8, 10, 77, 0, 1, 0 };

	if (rng_next(rng) & 1) {
		memset(option, 1, 4);
		return 4;
	}
	memcpy(option, record_route, sizeof(record_route));
	return sizeof(record_route);
}

static size_t insert_ip4(uint8_t *data, size_t length, size_t size, size_t mtu,
			 const struct ip *ip, struct rng *rng)
{
	uint8_t option[8];
	size_t more = make_ip4_option(option, rng);
	uint8_t *header = data + ip->at;

	if (ip->header + more > 60 || ip->total + more > mtu || length + more > size)
		return 0;
	memmove(header + ip->header + more, header + ip->header, length - ip->at - ip->header);
	memcpy(header + ip->header, option, more);
	header[0] = (uint8_t)(0x40 | (ip->header + more) / 4);
	put16(header + 2, ip->total + more);
	fix_ip4_checksum(header, ip->header + more);
	return length + more;
}

/* A destination-options header that holds nothing but padding. */
static size_t insert_ip6(uint8_t *data, size_t length, size_t size, size_t mtu,
			 const struct ip *ip)
{
	uint8_t *header = data + ip->at;
	const uint8_t option[8] = { header[6], 0, 1, 4, 0, 0, 0, 0 };

	if (ip->total + sizeof(option) > mtu || length + sizeof(option) > size)
		return 0;
	memmove(header + IP6_HEADER + sizeof(option), header + IP6_HEADER,
		length - ip->at - IP6_HEADER);
	memcpy(header + IP6_HEADER, option, sizeof(option));
	header[6] = IP_PROTO_DEST_OPTIONS;
	put16(header + 4, ip->total - IP6_HEADER + sizeof(option));
	return length + sizeof(option);
}

static bool is_tcp(const uint8_t *data, const struct ip *ip)
{
	return ip->version && data[ip->at + (ip->version == 4 ? 9 : 6)] == 6;
}

size_t mangle_insert_option(uint8_t *data, size_t length, size_t size, size_t mtu,
			    struct rng *rng)
{
	struct ip ip = parse(data, length);

	/* Neighbor discovery and ARP stay as they are: the link must come up. */
	if (!is_tcp(data, &ip))
		return 0;
	return ip.version == 4 ? insert_ip4(data, length, size, mtu, &ip, rng) :
				 insert_ip6(data, length, size, mtu, &ip);
}

/* The fragment of an IPv4 packet that carries payload bytes from..to. */
static void cut_ip4(struct piece *piece, const uint8_t *data, const struct ip *ip, size_t from,
		    size_t to, bool last, uint16_t id)
{
	uint8_t *header = piece->data + ip->at;

	memcpy(piece->data, data, ip->at + ip->header);
	memcpy(header + ip->header, data + ip->at + ip->header + from, to - from);
	put16(header + 2, ip->header + to - from);
	put16(header + 4, id);
	put16(header + 6, from / 8 | (last ? 0 : IP4_MF));
	fix_ip4_checksum(header, ip->header);
	piece->length = ip->at + ip->header + to - from;
}

static void cut_ip6(struct piece *piece, const uint8_t *data, const struct ip *ip, size_t from,
		    size_t to, bool last, uint16_t id)
{
	uint8_t *header = piece->data + ip->at, *extra = header + IP6_HEADER;

	memcpy(piece->data, data, ip->at + IP6_HEADER);
	extra[0] = header[6];
	extra[1] = 0;
	put16(extra + 2, from | (last ? 0 : 1));
	put16(extra + 4, 0x6c65);
	put16(extra + 6, id);
	memcpy(extra + IP6_FRAGMENT_HEADER, data + ip->at + IP6_HEADER + from, to - from);
	header[6] = IP_PROTO_FRAGMENT;
	put16(header + 4, IP6_FRAGMENT_HEADER + to - from);
	piece->length = ip->at + IP6_HEADER + IP6_FRAGMENT_HEADER + to - from;
}

int mangle_fragment(const uint8_t *data, size_t length, struct piece pieces[MAX_FRAGMENTS],
		    struct rng *rng)
{
	struct ip ip = parse(data, length);
	uint64_t draw = rng_next(rng);
	size_t count = 2 + draw % (MAX_FRAGMENTS - 1), payload, size;
	uint16_t id = (uint16_t)(draw >> 16);
	int made = 0;

	if (!is_tcp(data, &ip))
		return 0;
	payload = ip.total - ip.header;
	if (payload <= CUT_MIN)
		return 0;
	if (ip.version == 4) {
		uint16_t flags = get16(data + ip.at + 6);

		if (flags & (uint16_t)~IP4_DF)
			return 0;	/* already a fragment */
		/* With DF an ID of 0 is usual, and would mix up two packets. */
		if (get16(data + ip.at + 4))
			id = get16(data + ip.at + 4);
	}
	size = (payload / count + 7) & ~(size_t)7;
	if (size < CUT_MIN)
		size = CUT_MIN;
	for (size_t from = 0; from < payload && made < MAX_FRAGMENTS; from += size, made++) {
		bool last = from + size >= payload || made == MAX_FRAGMENTS - 1;
		size_t to = last ? payload : from + size;

		if (ip.version == 4)
			cut_ip4(&pieces[made], data, &ip, from, to, last, id);
		else
			cut_ip6(&pieces[made], data, &ip, from, to, last, id);
		if (last)
			return made + 1;
	}
	return made;
}
