/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A segment and what TCP writes into its control block.
 */
#ifndef CHIMDRV_COMPAT_SEGMENT_H
#define CHIMDRV_COMPAT_SEGMENT_H

#include <net/ip6_checksum.h>
#include <net/tcp.h>
#include "compat_probe.h"

/* Fragments that the CPU cannot read. */
static inline bool chimdrv_compat_readable(const struct sk_buff *skb)
{
#if CHIMDRV_HAS_UNREADABLE_FRAGS
	return skb_frags_readable(skb);
#else
	return true;
#endif
}

/* The header's flags as a control block has them: AE too where it has two bytes for them. */
static inline u16 chimdrv_compat_flags(const struct tcphdr *th)
{
#if CHIMDRV_HAS_WIDE_FLAGS
	return tcp_flags_ntohs(th);
#else
	return tcp_flag_byte(th);
#endif
}

/* Write the checksum of a segment that the socket sends, for the card to complete. */
static inline void chimdrv_compat_send_check(struct sock *sk, struct sk_buff *skb)
{
#if CHIMDRV_HAS_AF_SEND_CHECK
	inet_csk(sk)->icsk_af_ops->send_check(sk, skb);
#else
#if IS_ENABLED(CONFIG_IPV6)
	if (inet_csk(sk)->icsk_af_ops->net_header_len == sizeof(struct ipv6hdr)) {
		__tcp_v6_send_check(skb, &sk->sk_v6_rcv_saddr, &sk->sk_v6_daddr);
		return;
	}
#endif
	__tcp_v4_send_check(skb, inet_sk(sk)->inet_saddr, inet_sk(sk)->inet_daddr);
#endif
}

#endif /* CHIMDRV_COMPAT_SEGMENT_H */
