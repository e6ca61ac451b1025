// SPDX-License-Identifier: GPL-2.0-only
/*
 * A netfilter hook at the end of LOCAL_IN takes segments of connections that Linux TCP
 * does not own when they arrive by the raw path: during a hand-over, over another
 * interface, reassembled from fragments, or with IP options. It holds or forwards them.
 * The automatic policy sees traffic in the same hook, and pmtu.c sees ICMP there.
 */
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <net/ip6_checksum.h>
#include <net/ipv6.h>
#include <net/net_namespace.h>
#include <net/netfilter/ipv6/nf_defrag_ipv6.h>

#include "offload/life/hook.h"
#include "compat/drops.h"
#include "compat/lookup.h"
#include "compat/segment.h"
#include "compat/state.h"
#include "offload/ask.h"
#include "offload/card/forward.h"
#include "offload/conn_types.h"
#include "offload/life/backoff.h"
#include "offload/life/candidate.h"
#include "offload/life/pmtu.h"
#include "offload/od.h"
#include "offload/socket/attach.h"
#include "offload/socket/conntrack.h"
#include "offload/socket/held.h"

#if IS_ENABLED(CONFIG_IPV6) && !IS_ENABLED(CONFIG_NF_DEFRAG_IPV6)
#error "IPv6 needs nf_defrag_ipv6, or fragments would pass the hook by"
#endif

/* ------------------------------------------------------------------- one segment */

static void fill_cb(struct sk_buff *skb, const struct tcphdr *th, bool ipv6)
{
	struct tcp_skb_cb *cb = TCP_SKB_CB(skb);

	if (ipv6) {
#if IS_ENABLED(CONFIG_IPV6)
		memmove(&cb->header.h6, IP6CB(skb), sizeof(struct inet6_skb_parm));
#endif
	} else {
		memmove(&cb->header.h4, IPCB(skb), sizeof(struct inet_skb_parm));
	}
	barrier();
	cb->seq = ntohl(th->seq);
	cb->end_seq = cb->seq + th->syn + th->fin + skb->len - th->doff * 4;
	cb->ack_seq = ntohl(th->ack_seq);
	cb->tcp_flags = chimdrv_compat_flags(th);
	cb->tcp_tw_isn = 0;
	cb->ip_dsfield = ipv6 ? ipv6_get_dsfield(ipv6_hdr(skb)) : ipv4_get_dsfield(ip_hdr(skb));
	cb->sacked = 0;
	cb->has_rxtstamp = skb->tstamp || skb_hwtstamps(skb)->hwtstamp;
}

/*
 * Prepare the segment as Linux TCP expects it: data at the TCP header, checksum
 * verified, control block filled. False: the segment is bad, and the caller drops it.
 */
static bool dress(struct sk_buff *skb, unsigned int offset, bool ipv6)
{
	const struct tcphdr *th;

	if (skb->pkt_type != PACKET_HOST || !pskb_may_pull(skb, offset + sizeof(*th)))
		return false;
	th = (const struct tcphdr *)(skb->data + offset);
	if (th->doff < sizeof(*th) / 4 || !pskb_may_pull(skb, offset + th->doff * 4))
		return false;
	__skb_pull(skb, offset);
	skb_reset_transport_header(skb);
	if (ipv6) {
#if IS_ENABLED(CONFIG_IPV6)
		if (skb_checksum_init(skb, IPPROTO_TCP, ip6_compute_pseudo))
			return false;
#endif
	} else if (skb_checksum_init(skb, IPPROTO_TCP, inet_compute_pseudo)) {
		return false;
	}
	if (tcp_checksum_complete(skb))
		return false;
	nf_reset_ct(skb);
	fill_cb(skb, tcp_hdr(skb), ipv6);
	skb->dev = NULL;
	return true;
}

/* Give the segment to Linux TCP: now, or by the backlog when the owner lets go. */
static void to_kernel(struct sock *sk, struct sk_buff *skb)
{
	tcp_segs_in(tcp_sk(sk), skb);
	if (!sock_owned_by_user(sk)) {
		sk->sk_backlog_rcv(sk, skb);
	} else if (sk_add_backlog(sk, skb, READ_ONCE(sk->sk_rcvbuf) * 2 + 65536)) {
		chimdrv_compat_drops_add(sk, skb);
		kfree_skb(skb);
	}
}

/* Netfilter rewrites or inspects the segments, which the target would bypass: upload. */
static void heed_tracker(struct chimdrv_conn *conn, enum chimdrv_refusal why)
{
	if (why == CHIMDRV_NO_NAT)
		chimdrv_ask_upload(conn, CHIMDRV_WHY_NAT);
	else if (why == CHIMDRV_NO_HELPER)
		chimdrv_ask_upload(conn, CHIMDRV_WHY_HELPER);
	else if (why)
		chimdrv_ask_upload(conn, CHIMDRV_WHY_REWRITTEN);
}

/*
 * slock held. Decide on a dressed segment. Up to HOLDING Linux TCP gets it, so that the
 * peer never waits for a fence. A segment also joins a backlog that is not empty, so as
 * to overtake nothing there. All others are held and forwarded.
 */
static void dispose(struct sock *sk, struct sk_buff *skb, enum chimdrv_refusal tracked)
{
	struct chimdrv_conn *conn = chimdrv_attach_conn(sk);

	if (!conn || conn->state <= CHIMDRV_HOLDING ||
	    (sock_owned_by_user(sk) && sk->sk_backlog.len)) {
		to_kernel(sk, skb);
		return;
	}
	chimdrv_conntrack_seen(conn);
	chimdrv_held_add(conn, skb);
	chimdrv_forward_flush(conn);
	heed_tracker(conn, tracked);
}

/*
 * Under RCU, mostly with bottom halves off. Always NF_STOLEN: the control block is
 * changed, and netfilter must not pass a segment of ours on to Linux TCP.
 */
static unsigned int take(struct sock *sk, struct sk_buff *skb, unsigned int offset, bool ipv6)
{
	enum chimdrv_refusal tracked = chimdrv_conntrack_look(skb);

	chimdrv_conntrack_liberal(skb);
	if (!dress(skb, offset, ipv6)) {
		chimdrv_compat_drops_add(sk, skb);
		kfree_skb(skb);
		return NF_STOLEN;
	}
	sock_hold(sk);
	skb_orphan(skb);
	skb_dst_force(skb);
	local_bh_disable();	/* a netfilter queue reinjects in process context */
	bh_lock_sock_nested(sk);
	dispose(sk, skb, tracked);
	bh_unlock_sock(sk);
	local_bh_enable();
	sock_put(sk);
	return NF_STOLEN;
}

static bool is_ours(struct sock *sk, const struct sk_buff *skb)
{
	if (chimdrv_is_ours(sk))
		return true;
	if (chimdrv_candidate_wanted(sk) && !chimdrv_backoff_waits(sk))
		chimdrv_candidate_consider(sk, chimdrv_conntrack_look(skb));
	return false;
}

static unsigned int hook4(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	const struct iphdr *iph = ip_hdr(skb);
	unsigned int offset = iph->ihl * 4, verdict = NF_ACCEPT;
	const struct tcphdr *th;
	struct tcphdr buf;
	struct sock *sk;

	if (ip_is_fragment(iph))
		return NF_ACCEPT;
	if (iph->protocol == IPPROTO_ICMP)
		chimdrv_pmtu_icmp(skb, offset, state);
	if (iph->protocol != IPPROTO_TCP)
		return NF_ACCEPT;
	sk = skb->sk;
	if (sk) {	/* early demultiplexing has found it */
		if (sk_fullsock(sk) && is_ours(sk, skb))
			return take(sk, skb, offset, false);
		return NF_ACCEPT;
	}
	th = skb_header_pointer(skb, offset, sizeof(buf), &buf);
	if (!th)
		return NF_ACCEPT;
	sk = chimdrv_compat_lookup4(state->net, iph->saddr, th->source, iph->daddr,
				    ntohs(th->dest), state->in ? state->in->ifindex : 0,
				    inet_sdif(skb));
	if (!sk)
		return NF_ACCEPT;
	if (sk_fullsock(sk) && is_ours(sk, skb))
		verdict = take(sk, skb, offset, false);
	sock_gen_put(sk);
	return verdict;
}

#if IS_ENABLED(CONFIG_IPV6)
static unsigned int hook6(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	const struct ipv6hdr *ip6h = ipv6_hdr(skb);
	u8 proto = ip6h->nexthdr;
	const struct tcphdr *th;
	unsigned int verdict = NF_ACCEPT;
	struct tcphdr buf;
	__be16 frag = 0;
	struct sock *sk;
	int offset;

	offset = ipv6_skip_exthdr(skb, sizeof(*ip6h), &proto, &frag);
	if (offset < 0 || frag)
		return NF_ACCEPT;
	if (proto == IPPROTO_ICMPV6)
		chimdrv_pmtu_icmp6(skb, offset, state);
	if (proto != IPPROTO_TCP)
		return NF_ACCEPT;
	sk = skb->sk;
	if (sk) {
		if (sk_fullsock(sk) && is_ours(sk, skb))
			return take(sk, skb, offset, true);
		return NF_ACCEPT;
	}
	th = skb_header_pointer(skb, offset, sizeof(buf), &buf);
	if (!th)
		return NF_ACCEPT;
	sk = chimdrv_compat_lookup6(state->net, &ip6h->saddr, th->source, &ip6h->daddr,
				    ntohs(th->dest), state->in ? state->in->ifindex : 0,
				    inet6_sdif(skb));
	if (!sk)
		return NF_ACCEPT;
	if (sk_fullsock(sk) && is_ours(sk, skb))
		verdict = take(sk, skb, offset, true);
	sock_gen_put(sk);
	return verdict;
}
#endif

/*
 * The socket's backlog holds segments that had passed the hook before it took the
 * socket. The fence ensures that none is left when the valves close. A later one shows
 * that the fence failed; it is counted, held and forwarded.
 */
int chimdrv_backlog_rcv(struct sock *sk, struct sk_buff *skb)
{
	struct chimdrv_conn *conn = chimdrv_attach_conn(sk);

	if (!conn || READ_ONCE(conn->state) <= CHIMDRV_HOLDING) {
		struct proto *base = chimdrv_attach_base(sk);

#if IS_ENABLED(CONFIG_IPV6)
		if (sk->sk_family == AF_INET6 && skb->protocol == htons(ETH_P_IP))
			return chimdrv_compat_v4_do_rcv(sk, skb);
#endif
		return base->backlog_rcv(sk, skb);
	}
	chimdrv_count(conn->cd, stragglers);
	local_bh_disable();
	spin_lock(&sk->sk_lock.slock);
	chimdrv_held_add(conn, skb);
	chimdrv_forward_flush(conn);
	spin_unlock(&sk->sk_lock.slock);
	local_bh_enable();
	return 0;
}

static const struct nf_hook_ops chimdrv_hooks[] = {
	{
		.hook		= hook4,
		.pf		= NFPROTO_IPV4,
		.hooknum	= NF_INET_LOCAL_IN,
		.priority	= INT_MAX,
	},
#if IS_ENABLED(CONFIG_IPV6)
	{
		.hook		= hook6,
		.pf		= NFPROTO_IPV6,
		.hooknum	= NF_INET_LOCAL_IN,
		.priority	= INT_MAX,
	},
#endif
};

/* IPv4 reassembles before LOCAL_IN; IPv6 does so after it, unless nf_defrag_ipv6 is enabled. */
static int __net_init hook_net_init(struct net *net)
{
	int err;

#if IS_ENABLED(CONFIG_IPV6)
	err = nf_defrag_ipv6_enable(net);
	if (err)
		return err;
#endif
	err = nf_register_net_hooks(net, chimdrv_hooks, ARRAY_SIZE(chimdrv_hooks));
#if IS_ENABLED(CONFIG_IPV6)
	if (err)
		nf_defrag_ipv6_disable(net);
#endif
	return err;
}

static void __net_exit hook_net_exit(struct net *net)
{
	nf_unregister_net_hooks(net, chimdrv_hooks, ARRAY_SIZE(chimdrv_hooks));
#if IS_ENABLED(CONFIG_IPV6)
	nf_defrag_ipv6_disable(net);
#endif
}

static struct pernet_operations hook_net_ops = {
	.init = hook_net_init,
	.exit = hook_net_exit,
};

int chimdrv_hook_init(void)
{
	return register_pernet_subsys(&hook_net_ops);
}

void chimdrv_hook_exit(void)
{
	unregister_pernet_subsys(&hook_net_ops);
}
