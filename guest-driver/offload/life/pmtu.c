// SPDX-License-Identifier: GPL-2.0-only
/*
 * What routers report by ICMP about segments of the target.
 *
 * One was too large (RFC 1191, RFC 8201): the kernel lowers the MTU of the route, as for
 * its own connections. A path object keeps the MTU that it was made with, so its
 * connections are uploaded, and offloaded again with a new path.
 *
 * One could not be delivered: Linux TCP does not back off while it is told so (RFC 6069),
 * and keeps the error until the peer is heard again, for a program whose connection times
 * out. The target hears nothing of it, so the connection is uploaded.
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/netfilter.h>
#include <net/ipv6.h>

#include "offload/life/pmtu.h"
#include "compat/lookup.h"
#include "offload/ask.h"
#include "offload/conn.h"
#include "offload/life/look.h"
#include "offload/socket/attach.h"

/* Upload only if @seq is in flight: nobody who has not seen the segment knows such a number. */
static void reported(struct sock *sk, u32 seq, enum chimdrv_why why)
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
		chimdrv_ask_upload(conn, why);
	if (conn)
		chimdrv_conn_put(conn);
}

/* The first 8 bytes of the TCP header of the segment. */
struct quoted {
	__be16 source;
	__be16 dest;
	__be32 seq;
};

/* What the kernel takes for an error of the way; NONE: it does not concern segments. */
static enum chimdrv_why why_of(const struct icmphdr *icmp)
{
	switch (icmp->type) {
	case ICMP_DEST_UNREACH:
		if (icmp->code == ICMP_FRAG_NEEDED)
			return CHIMDRV_WHY_MTU;
		return icmp->code > NR_ICMP_UNREACH ? CHIMDRV_WHY_NONE : CHIMDRV_WHY_ROUTE;
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETERPROB:
		return CHIMDRV_WHY_ROUTE;
	default:
		return CHIMDRV_WHY_NONE;
	}
}

/* An ICMP packet at @offset, in the hook. */
void chimdrv_pmtu_icmp(struct sk_buff *skb, unsigned int offset,
		       const struct nf_hook_state *state)
{
	const struct icmphdr *icmp;
	const struct iphdr *iph;
	const struct quoted *th;
	enum chimdrv_why why;
	struct icmphdr icmp_buf;
	struct quoted th_buf;
	struct iphdr iph_buf;
	struct sock *sk;

	icmp = skb_header_pointer(skb, offset, sizeof(icmp_buf), &icmp_buf);
	if (icmp && icmp->type == ICMP_REDIRECT)	/* that of IPv6 the kernel reports */
		chimdrv_look_soon();
	why = icmp ? why_of(icmp) : CHIMDRV_WHY_NONE;
	if (!why)
		return;
	offset += sizeof(*icmp);
	iph = skb_header_pointer(skb, offset, sizeof(iph_buf), &iph_buf);
	if (!iph || iph->protocol != IPPROTO_TCP || iph->ihl < 5)
		return;
	th = skb_header_pointer(skb, offset + iph->ihl * 4, sizeof(th_buf), &th_buf);
	if (!th)
		return;
	sk = chimdrv_compat_lookup4(state->net, iph->daddr, th->dest, iph->saddr,
				    ntohs(th->source), state->in ? state->in->ifindex : 0, 0);
	if (!sk)
		return;
	if (sk_fullsock(sk) && chimdrv_is_ours(sk))
		reported(sk, ntohl(th->seq), why);
	sock_gen_put(sk);
}

#if IS_ENABLED(CONFIG_IPV6)
static enum chimdrv_why why_of6(const struct icmp6hdr *icmp)
{
	switch (icmp->icmp6_type) {
	case ICMPV6_PKT_TOOBIG:
		return CHIMDRV_WHY_MTU;
	case ICMPV6_DEST_UNREACH:
	case ICMPV6_TIME_EXCEED:
	case ICMPV6_PARAMPROB:
		return CHIMDRV_WHY_ROUTE;
	default:
		return CHIMDRV_WHY_NONE;
	}
}

void chimdrv_pmtu_icmp6(struct sk_buff *skb, unsigned int offset,
			const struct nf_hook_state *state)
{
	const struct icmp6hdr *icmp;
	const struct ipv6hdr *ip6h;
	struct icmp6hdr icmp_buf;
	const struct quoted *th;
	enum chimdrv_why why;
	struct ipv6hdr ip6_buf;
	struct quoted th_buf;
	struct sock *sk;

	icmp = skb_header_pointer(skb, offset, sizeof(icmp_buf), &icmp_buf);
	why = icmp ? why_of6(icmp) : CHIMDRV_WHY_NONE;
	if (!why)
		return;
	offset += sizeof(*icmp);
	ip6h = skb_header_pointer(skb, offset, sizeof(ip6_buf), &ip6_buf);
	if (!ip6h || ip6h->nexthdr != IPPROTO_TCP)	/* the target sends no extension header */
		return;
	th = skb_header_pointer(skb, offset + sizeof(*ip6h), sizeof(th_buf), &th_buf);
	if (!th)
		return;
	sk = chimdrv_compat_lookup6(state->net, &ip6h->daddr, th->dest, &ip6h->saddr,
				    ntohs(th->source), state->in ? state->in->ifindex : 0, 0);
	if (!sk)
		return;
	if (sk_fullsock(sk) && chimdrv_is_ours(sk))
		reported(sk, ntohl(th->seq), why);
	sock_gen_put(sk);
}
#endif
