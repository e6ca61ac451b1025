// SPDX-License-Identifier: GPL-2.0-only
/*
 * Path MTU discovery of offloaded connections: a router says by ICMP that a segment
 * of the target was too large (RFC 1191, RFC 8201). The kernel lowers the MTU of the
 * route, as for its own connections; a path of the target keeps the MTU that it was
 * made with, so its connections go back, and over again with a new one.
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/netfilter.h>
#include <net/inet6_hashtables.h>
#include <net/inet_hashtables.h>
#include <net/ipv6.h>

#include "offload/life/pmtu.h"
#include "offload/ask.h"
#include "offload/conn.h"
#include "offload/life/look.h"
#include "offload/socket/attach.h"

/* Only who has seen the segment knows a sequence number that is under way. */
static void too_big(struct sock *sk, u32 seq)
{
	struct chimdrv_conn *conn;
	bool known = false;

	local_bh_disable();
	bh_lock_sock(sk);
	conn = chimdrv_attach_conn(sk);
	if (conn && conn->state > CHIMDRV_HOLDING && chimdrv_conn_get(conn))
		known = between(seq, tcp_sk(sk)->snd_una, conn->snd.posted_seq);
	else
		conn = NULL;
	bh_unlock_sock(sk);
	local_bh_enable();
	if (known)
		chimdrv_ask_upload(conn, CHIMDRV_WHY_MTU);
	if (conn)
		chimdrv_conn_put(conn);
}

/* The first 8 bytes of the TCP header of the segment that came to grief. */
struct quoted {
	__be16 source;
	__be16 dest;
	__be32 seq;
};

/* An ICMP packet at @offset, in the hook. */
void chimdrv_pmtu_icmp(struct sk_buff *skb, unsigned int offset,
		       const struct nf_hook_state *state)
{
	struct inet_hashinfo *hash = state->net->ipv4.tcp_death_row.hashinfo;
	const struct icmphdr *icmp;
	const struct iphdr *iph;
	const struct quoted *th;
	struct icmphdr icmp_buf;
	struct quoted th_buf;
	struct iphdr iph_buf;
	struct sock *sk;

	icmp = skb_header_pointer(skb, offset, sizeof(icmp_buf), &icmp_buf);
	if (icmp && icmp->type == ICMP_REDIRECT)	/* that of IPv6 the kernel reports */
		chimdrv_look_soon();
	if (!icmp || icmp->type != ICMP_DEST_UNREACH || icmp->code != ICMP_FRAG_NEEDED)
		return;
	offset += sizeof(*icmp);
	iph = skb_header_pointer(skb, offset, sizeof(iph_buf), &iph_buf);
	if (!iph || iph->protocol != IPPROTO_TCP || iph->ihl < 5)
		return;
	th = skb_header_pointer(skb, offset + iph->ihl * 4, sizeof(th_buf), &th_buf);
	if (!th)
		return;
	sk = __inet_lookup_established(state->net, hash, iph->daddr, th->dest, iph->saddr,
				       ntohs(th->source), state->in ? state->in->ifindex : 0, 0);
	if (!sk)
		return;
	if (sk_fullsock(sk) && chimdrv_is_ours(sk))
		too_big(sk, ntohl(th->seq));
	sock_gen_put(sk);
}

#if IS_ENABLED(CONFIG_IPV6)
void chimdrv_pmtu_icmp6(struct sk_buff *skb, unsigned int offset,
			const struct nf_hook_state *state)
{
	struct inet_hashinfo *hash = state->net->ipv4.tcp_death_row.hashinfo;
	const struct icmp6hdr *icmp;
	const struct ipv6hdr *ip6h;
	struct icmp6hdr icmp_buf;
	const struct quoted *th;
	struct ipv6hdr ip6_buf;
	struct quoted th_buf;
	struct sock *sk;

	icmp = skb_header_pointer(skb, offset, sizeof(icmp_buf), &icmp_buf);
	if (!icmp || icmp->icmp6_type != ICMPV6_PKT_TOOBIG)
		return;
	offset += sizeof(*icmp);
	ip6h = skb_header_pointer(skb, offset, sizeof(ip6_buf), &ip6_buf);
	if (!ip6h || ip6h->nexthdr != IPPROTO_TCP)	/* the target sends no extension header */
		return;
	th = skb_header_pointer(skb, offset + sizeof(*ip6h), sizeof(th_buf), &th_buf);
	if (!th)
		return;
	sk = __inet6_lookup_established(state->net, hash, &ip6h->daddr, th->dest, &ip6h->saddr,
					ntohs(th->source), state->in ? state->in->ifindex : 0, 0);
	if (!sk)
		return;
	if (sk_fullsock(sk) && chimdrv_is_ours(sk))
		too_big(sk, ntohl(th->seq));
	sock_gen_put(sk);
}
#endif
