// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hold list: segments that reached the host while Linux TCP does not have their
 * connection, in order of arrival, each with the cause for which the host got it. While
 * the target owns the connection, forward.c forwards them from here. Segments that an
 * upload returns from forwarding come before all that are held later.
 *
 * All of it under the socket's slock; a process may own the socket.
 */
#include <linux/if_vlan.h>

#include "offload/socket/held.h"
#include "compat/drops.h"
#include "offload/conn_types.h"
#include "offload/od.h"

/* Did it arrive on the card's netdev or a VLAN of it, so that the target may have seen it? */
static bool on_card(const struct chimdrv_conn *conn, const struct sk_buff *skb)
{
	struct net_device *dev;
	bool is;

	rcu_read_lock();
	dev = dev_get_by_index_rcu(sock_net(conn->sk), skb->skb_iif);
	if (dev && is_vlan_dev(dev))
		dev = vlan_dev_real_dev(dev);
	is = !dev || dev->dev.parent == conn->cd->dev;
	rcu_read_unlock();
	return is;
}

static bool reassembled(const struct sk_buff *skb)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (skb->protocol == htons(ETH_P_IPV6))
		return TCP_SKB_CB(skb)->header.h6.frag_max_size;
#endif
	return TCP_SKB_CB(skb)->header.h4.frag_max_size;
}

static bool has_ip_options(const struct sk_buff *skb)
{
	return skb_network_header_len(skb) > (skb->protocol == htons(ETH_P_IPV6) ?
					      sizeof(struct ipv6hdr) : sizeof(struct iphdr));
}

/* Why the host got a segment now (FWD-1); of several causes the lowest (OP-H7). */
static enum chim_forward_cause cause_of(const struct chimdrv_conn *conn, const struct sk_buff *skb)
{
	if (reassembled(skb))
		return CHIM_CAUSE_FRAGMENTS;
	if (has_ip_options(skb))
		return CHIM_CAUSE_OPTIONS;
	if (!on_card(conn, skb))
		return CHIM_CAUSE_INTERFACE;
	if (conn->state == CHIMDRV_HOLDING || conn->state == CHIMDRV_INITIATING)
		return CHIM_CAUSE_INITIATE;
	return CHIM_CAUSE_OTHER;
}

/* slock. Takes the skb. Bounded like the kernel's backlog: the peer resends what is dropped. */
void chimdrv_held_add(struct chimdrv_conn *conn, struct sk_buff *skb)
{
	unsigned int limit = READ_ONCE(conn->sk->sk_rcvbuf) * 2 + 65536;

	if ((u64)skb_queue_len(&conn->fwd.hold) * SKB_TRUESIZE(0) + conn->fwd.truesize >= limit) {
		chimdrv_count(conn->cd, held_dropped);
		chimdrv_compat_drops_add(conn->sk, skb);
		kfree_skb(skb);
		return;
	}
	/* tcp_skb_cb has no room; skb->dev is unused while we hold the segment */
	skb->dev_scratch = cause_of(conn, skb);
	conn->fwd.truesize += skb->truesize;
	__skb_queue_tail(&conn->fwd.hold, skb);
	chimdrv_count(conn->cd, held_segments);
}

/* slock. Take the oldest segment: returned ones first, then held ones. */
struct sk_buff *chimdrv_held_next(struct chimdrv_conn *conn)
{
	struct sk_buff *skb = __skb_dequeue(&conn->fwd.returned);

	if (!skb)
		skb = __skb_dequeue(&conn->fwd.hold);
	if (skb)
		skb->dev = NULL;
	return skb;
}
