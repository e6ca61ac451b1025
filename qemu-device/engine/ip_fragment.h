/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ip_fragment.h - whether an IPv4 datagram is a fragment. The host gets fragments: its stack
 * reassembles them and its driver forwards the segment. IPv6 needs no such test: a fragment has an
 * extension header, and the host gets every packet with one (wire.c).
 */
#ifndef TOE_IP_FRAGMENT_H
#define TOE_IP_FRAGMENT_H

#include <stdbool.h>
#include <stdint.h>

#define TOE_IPV4_MF		0x20	/* more fragments follow */
#define TOE_IPV4_OFFSET_HIGH	0x1f	/* the offset is in this part of a byte and in the next */

/* The header has its 20 bytes. */
static inline bool toe_ip_is_fragment(const uint8_t *ip)
{
	return (ip[6] & (TOE_IPV4_MF | TOE_IPV4_OFFSET_HIGH)) || ip[7];
}

#endif /* TOE_IP_FRAGMENT_H */
