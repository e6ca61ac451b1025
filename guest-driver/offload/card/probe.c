// SPDX-License-Identifier: GPL-2.0-only
/*
 * The probe shows what happens to a segment between the socket and the wire. The target
 * puts segments on the wire as the socket would write them; address translation, rewriting
 * rules, traffic control or another device might change or drop them. No list of such
 * things is complete. So before an offload a bare ACK is sent the kernel's way, inspected
 * where it reaches the card, and swallowed.
 *
 * A connection has one probe at a time, while its socket is owned and od->mutex is held;
 * the sender waits for it. The frame is inspected under the netdev's tx queue lock.
 */
#include <linux/if_vlan.h>
#include <linux/module.h>
#include <net/ip.h>
#include <net/ipv6.h>

#include "offload/card/probe.h"
#include "compat/segment.h"
#include "offload/card/neigh.h"
#include "offload/conn_types.h"
#include "offload/family.h"
#include "offload/socket/attach.h"
#include "offload/socket/conntrack.h"
#include "offload/socket/route.h"
#include "offload/socket/snapshot.h"

#define UNSEEN	CHIMDRV_NO_COUNT	/* it has not come to the card */

/* ----------------------------------------------------------------------------- on its way */

/* Destructor of a probe, which was dropped on the way or swallowed at the card. */
void chimdrv_probe_free(struct sk_buff *skb)
{
	sock_wfree(skb);
	module_put(THIS_MODULE);
}

static void build(struct chimdrv_conn *conn, struct sk_buff *skb)
{
	struct sock *sk = conn->sk;
	const struct tcp_sock *tp = tcp_sk(sk);
	struct tcphdr *th;

	skb_reserve(skb, MAX_TCP_HEADER);
	th = skb_push(skb, sizeof(*th));
	memset(th, 0, sizeof(*th));
	skb_reset_transport_header(skb);
	skb_set_owner_w(skb, sk);
	__module_get(THIS_MODULE);
	skb->destructor = chimdrv_probe_free;
	skb_set_hash_from_sk(skb, sk);
	th->source = inet_sk(sk)->inet_sport;
	th->dest = inet_sk(sk)->inet_dport;
	th->seq = htonl(tp->snd_nxt);
	th->ack_seq = htonl(tp->rcv_nxt);
	th->doff = sizeof(*th) / 4;
	th->ack = 1;
	th->window = htons(min(tp->rcv_wnd >> tp->rx_opt.rcv_wscale, 65535u));
	skb->ip_summed = CHECKSUM_PARTIAL;
	chimdrv_compat_send_check(sk, skb);
	conn->probe.segment = *th;
}

/* What the target would write around the segment, to compare with at the card. */
static void expect(struct chimdrv_conn *conn)
{
	struct dst_entry *dst = conn->route.dst;
	const struct chimdrv_neigh *ng = conn->path->neigh;
	struct chimdrv_probe *p = &conn->probe;

	ether_addr_copy(p->mac, ng->mac);
	p->tci = ng->vlan | chimdrv_route_vlan_prio(conn->sk, dst) << VLAN_PRIO_SHIFT;
	p->ttl = chimdrv_snapshot_ttl(conn->sk, dst);
	p->tos = chimdrv_snapshot_tos(conn->sk);
}

/*
 * Socket owned, HOLDING, path set, nothing of it under way. Does a segment reach the
 * card as the socket wrote it? drained() waits until @end for the probe to be freed.
 */
enum chimdrv_refusal chimdrv_probe(struct chimdrv_conn *conn, unsigned long end,
				   bool (*drained)(struct sock *sk, unsigned long end))
{
	struct sk_buff *skb = alloc_skb(MAX_TCP_HEADER + sizeof(struct tcphdr), GFP_KERNEL);
	struct chimdrv_probe *p = &conn->probe;
	struct sock *sk = conn->sk;
	bool done;

	if (!skb)
		return CHIMDRV_NO_MEMORY;
	build(conn, skb);
	expect(conn);
	p->verdict = UNSEEN;
	WRITE_ONCE(p->skb, skb);
	conn->af->base->queue_xmit(sk, skb, &inet_sk(sk)->cork.fl);
	done = drained(sk, end);
	WRITE_ONCE(p->skb, NULL);
	if (READ_ONCE(p->verdict) == UNSEEN)
		return done ? CHIMDRV_NO_BLOCKED : CHIMDRV_NO_DRAIN;
	return READ_ONCE(p->verdict);
}

/* ---------------------------------------------------------------------------- at the card */

static bool same_segment(const struct tcphdr *ours, const struct sk_buff *skb, unsigned int off)
{
	struct tcphdr buf;
	const struct tcphdr *th = skb_header_pointer(skb, off, sizeof(buf), &buf);

	return th && th->source == ours->source && th->dest == ours->dest &&
	       th->seq == ours->seq && th->ack_seq == ours->ack_seq &&
	       th->window == ours->window && th->doff == ours->doff &&
	       tcp_flag_byte(th) == tcp_flag_byte(ours);
}

static bool same_packet4(const struct chimdrv_conn *conn, const struct sk_buff *skb,
			 unsigned int off)
{
	struct sock *sk = conn->sk;
	struct iphdr buf;
	const struct iphdr *iph = skb_header_pointer(skb, off, sizeof(buf), &buf);

	return iph && iph->version == 4 && iph->ihl == 5 && iph->protocol == IPPROTO_TCP &&
	       iph->saddr == inet_sk(sk)->inet_saddr && iph->daddr == inet_sk(sk)->inet_daddr &&
	       iph->ttl == conn->probe.ttl &&
	       (iph->tos & ~INET_ECN_MASK) == conn->probe.tos &&
	       same_segment(&conn->probe.segment, skb, off + sizeof(*iph));
}

static bool same_packet6(const struct chimdrv_conn *conn, const struct sk_buff *skb,
			 unsigned int off)
{
#if IS_ENABLED(CONFIG_IPV6)
	struct sock *sk = conn->sk;
	struct ipv6hdr buf;
	const struct ipv6hdr *h = skb_header_pointer(skb, off, sizeof(buf), &buf);

	return h && h->version == 6 && h->nexthdr == IPPROTO_TCP &&
	       ipv6_addr_equal(&h->saddr, &inet6_sk(sk)->saddr) &&
	       ipv6_addr_equal(&h->daddr, &sk->sk_v6_daddr) &&
	       h->hop_limit == conn->probe.ttl &&
	       (ipv6_get_dsfield(h) & ~INET_ECN_MASK) == conn->probe.tos &&
	       same_segment(&conn->probe.segment, skb, off + sizeof(*h));
#else
	return false;
#endif
}

/* Compare the hardware addresses, and the only VLAN tag with its priority, or its absence. */
static bool same_frame(const struct chimdrv_conn *conn, const struct sk_buff *skb,
		       const struct net_device *netdev)
{
	struct vlan_ethhdr buf;
	const struct vlan_ethhdr *eth = skb_header_pointer(skb, 0, sizeof(buf), &buf);
	unsigned int off = ETH_HLEN;
	u16 tci = 0;
	__be16 proto;

	if (!eth || !ether_addr_equal(eth->h_dest, conn->probe.mac) ||
	    !ether_addr_equal(eth->h_source, netdev->dev_addr) || skb_vlan_tag_present(skb))
		return false;
	proto = eth->h_vlan_proto;
	if (proto == htons(ETH_P_8021Q)) {
		tci = ntohs(eth->h_vlan_TCI);
		proto = eth->h_vlan_encapsulated_proto;
		off += VLAN_HLEN;
	}
	if (tci != conn->probe.tci)
		return false;
	if (chimdrv_is_ipv6(conn->sk))
		return proto == htons(ETH_P_IPV6) && same_packet6(conn, skb, off);
	return proto == htons(ETH_P_IP) && same_packet4(conn, skb, off);
}

/* TX lock. Judge a probe that has reached the card. The caller frees it; the card never sees it. */
void chimdrv_probe_take(const struct sk_buff *skb, const struct net_device *netdev)
{
	enum chimdrv_refusal why;
	struct chimdrv_conn *conn;

	rcu_read_lock();
	conn = chimdrv_attach_conn(skb->sk);
	if (conn && READ_ONCE(conn->probe.skb) == skb) {
		why = chimdrv_conntrack_look(skb);
		if (!why && (conn->cd->net->netdev != netdev || !same_frame(conn, skb, netdev)))
			why = CHIMDRV_NO_REWRITTEN;
		if (!why) {
			chimdrv_conntrack_liberal(skb);
			chimdrv_conntrack_keep(conn, skb);
		}
		WRITE_ONCE(conn->probe.verdict, why);
	}
	rcu_read_unlock();
}
