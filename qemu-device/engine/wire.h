/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wire.h - Ethernet, 802.1Q, IPv4, IPv6 and TCP headers: foreign bytes to struct toe_seg, and
 * struct toe_hdr to bytes, and Internet checksums.
 *
 * Knows formats only: no connection, no window, no policy. Nothing here trusts a length that it
 * reads. Byte order ends here: all fields of the structures are in host order, except addresses.
 */
#ifndef TOE_WIRE_H
#define TOE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "seq.h"
#include "include/toe.h"

#define TOE_ETH_HLEN		14
#define TOE_VLAN_HLEN		4
#define TOE_IPV4_HLEN		20
#define TOE_IPV6_HLEN		40
#define TOE_TCP_HLEN		20
#define TOE_MAX_SACKS		4	/* blocks in one segment; 3 beside a timestamp */
#define TOE_OPT_TS_LEN		12	/* two NOPs and the timestamps option */

enum toe_tcp_flags {
	TOE_FIN = 0x01, TOE_SYN = 0x02, TOE_RST = 0x04, TOE_PSH = 0x08, TOE_ACK = 0x10,
	TOE_URG = 0x20, TOE_ECE = 0x40, TOE_CWR = 0x80, TOE_AE = 0x100,
};

enum toe_wire_verdict {
	TOE_WIRE_TCP,		/* a TCP segment; its TCP checksum is not looked at yet */
	/*
	 * Not for the target: ARP, other protocol, fragment, IPv4 options, IPv6 extension headers,
	 * jumbogram, LLC, stacked tags (NSP-1 .. NSP-3, NSP-8).
	 */
	TOE_WIRE_OTHER,
	TOE_WIRE_TRUNCATED,	/* shorter than a header or than the IP length says */
	TOE_WIRE_BAD_IP,	/* version, IHL, total length or IPv4 header checksum wrong */
	TOE_WIRE_BAD_TCP,	/* TCP data offset below 5 or beyond the segment */
};

/*
 * A segment as parsed. Pointers point into the caller's bytes. After any verdict but TOE_WIRE_TCP
 * only ipv6 is meaningful, and only for TRUNCATED, BAD_IP and BAD_TCP (for statistics).
 */
struct toe_seg {
	/* Ethernet; all zero after toe_wire_parse_tcp() */
	const uint8_t *src_mac;		/* NULL without an Ethernet header */
	const uint8_t *dst_mac;
	bool     tagged;		/* has an 802.1Q tag */
	uint16_t tci;			/* the tag: priority 15..13, VLAN id 11..0 */

	/* IP */
	bool     ipv6;
	uint8_t  tos;			/* or traffic class; the low two bits are ECN */
	uint8_t  src[16], dst[16];	/* IPv4 in the first four bytes, the rest zero */
	uint32_t ip_len;		/* IP header to the end, bytes, padding not counted */

	/* TCP */
	uint16_t src_port, dst_port;
	uint32_t seq, ack;
	uint16_t flags;			/* enum toe_tcp_flags */
	uint16_t wnd;			/* as on the wire, not scaled */
	uint16_t urg;
	bool     has_ts;
	uint32_t ts_val, ts_ecr;
	bool bad_options; /* an option's length was impossible; it and what follows is ignored */
	uint8_t  nsacks;
	struct toe_range sacks[TOE_MAX_SACKS];	/* as on the wire: not checked against anything */

	const uint8_t *tcp;		/* TCP header and payload */
	uint32_t tcp_len;
	const uint8_t *payload;		/* valid pointer also if len is 0 */
	uint32_t len;			/* payload bytes; SYN and FIN not counted */
	uint16_t gso_size;		/* as given to the parser; 0: one segment */
};

/*
 * Parse an Ethernet frame. Padding behind the IP datagram is cut off. The TCP checksum is left to
 * toe_wire_csum_ok(), so that frames of no connection cost no pass over their bytes. seg is
 * always initialized.
 */
enum toe_wire_verdict toe_wire_parse(const uint8_t *frame, uint32_t len, uint16_t gso_size,
				     struct toe_seg *seg);

/*
 * Parse from a TCP header on (FWD-4): fills the TCP fields, leaves Ethernet and IP fields zero.
 * The caller copies ipv6, src and dst from its path before toe_wire_csum_ok().
 * TOE_WIRE_TCP, TRUNCATED or BAD_TCP.
 */
enum toe_wire_verdict toe_wire_parse_tcp(const uint8_t *tcp, uint32_t len, struct toe_seg *seg);

/* Verify the TCP checksum over pseudo header, TCP header and payload. */
bool toe_wire_csum_ok(const struct toe_seg *seg);

/* Number of segments that a large frame stands for, at least 1 (also for a pure ACK). */
static inline uint32_t toe_seg_count(const struct toe_seg *seg)
{
	if (!seg->gso_size || seg->len <= seg->gso_size)
		return 1;
	return (seg->len + seg->gso_size - 1) / seg->gso_size;
}

/* Sequence space that the segment takes: payload, SYN and FIN. */
static inline uint32_t toe_seg_space(const struct toe_seg *seg)
{
	return seg->len + !!(seg->flags & TOE_SYN) + !!(seg->flags & TOE_FIN);
}

/* What to write into the headers of a frame. */
struct toe_hdr {
	const uint8_t *src_mac, *dst_mac;
	bool     tagged;
	uint16_t tci;
	bool     ipv6;
	const uint8_t *src, *dst;	/* 4 or 16 bytes */
	uint8_t  ttl, tos;		/* hop limit and traffic class for IPv6 */
	uint32_t flow_label;		/* IPv6, 20 bits */
	uint16_t ip_id;			/* IPv4 */
	uint16_t src_port, dst_port;
	uint32_t seq, ack;
	uint16_t flags;
	uint16_t wnd;			/* scaled already */
	bool     has_ts;
	uint32_t ts_val, ts_ecr;
	uint8_t  nsacks;		/* in the order given; the caller puts a DSACK first */
	struct toe_range sacks[TOE_MAX_SACKS];
	uint32_t payload_len; /* so that header and payload stay within 65535 bytes of IP */
};

/*
 * Bytes of TCP options for a header; always a multiple of 4. At most toe_wire_max_sacks() blocks
 * fit.
 */
unsigned toe_wire_options_len(bool has_ts, unsigned nsacks);
static inline unsigned toe_wire_max_sacks(bool has_ts)
{
	return has_ts ? 3 : 4;
}

/*
 * Write the headers: DF is set, the IPv4 header checksum is right, the TCP checksum field holds the
 * pseudo-header sum, not complemented, over TCP header and payload_len (what checksum offload
 * wants). Too many SACK blocks are cut. Returns the length, at most TOE_MAX_HEADER.
 */
uint32_t toe_wire_build(const struct toe_hdr *h, uint8_t buf[TOE_MAX_HEADER], uint16_t *l3_off,
			uint16_t *l4_off);

/*
 * Internet checksum (RFC 1071) over bytes in memory order. toe_csum_add continues a sum; each piece
 * but the last has an even length. toe_csum_fold ends it: the result is stored to memory as it is
 * (no byte swap), complemented where the protocol wants that. A region with its right checksum
 * inside folds to 0xffff.
 */
uint64_t toe_csum_add(uint64_t sum, const void *p, size_t len);
uint16_t toe_csum_fold(uint64_t sum);
/* Sum of a TCP pseudo header; addresses as in struct toe_seg, len is TCP header and payload. */
uint64_t toe_csum_pseudo(bool ipv6, const uint8_t *src, const uint8_t *dst, uint32_t len);

#endif /* TOE_WIRE_H */
