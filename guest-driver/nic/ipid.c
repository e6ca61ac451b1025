// SPDX-License-Identifier: GPL-2.0-only
/*
 * IP identification: the host's packets use the lower half of the 16-bit space, the
 * target's the upper half (INI-14 and the rules on IP IDs), so that the two never meet in
 * one flow of addresses and protocol.
 *
 * IPv4 packets made on this machine are mapped, tagged or not. Forwarded packets keep
 * their IDs, which belong to another host. Fragments of one datagram keep one ID, since
 * without segmentation the mapping depends on the ID alone. A large frame is cut into
 * segments with consecutive IDs further down, so its first ID leaves room for all of them
 * below the border. An ID covered by an authentication header is signed and stays as it
 * is.
 */
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <net/checksum.h>

#include "nic/ipid.h"

#define CHIMDRV_IPID_BORDER	0x8000
#define CHIMDRV_MAX_TAGS	2

/* Offset of the IPv4 header in the frame; 0 if there is none. */
static unsigned int find_ipv4(const struct sk_buff *skb)
{
	unsigned int off = ETH_HLEN, tags;
	const struct ethhdr *eth;
	struct vlan_hdr tag;
	__be16 proto;

	if (skb_headlen(skb) < ETH_HLEN)
		return 0;
	eth = (const struct ethhdr *)skb->data;
	proto = eth->h_proto;
	for (tags = 0; eth_type_vlan(proto) && tags < CHIMDRV_MAX_TAGS; tags++) {
		if (skb_copy_bits(skb, off, &tag, sizeof(tag)))
			return 0;
		proto = tag.h_vlan_encapsulated_proto;
		off += VLAN_HLEN;
	}
	return proto == htons(ETH_P_IP) ? off : 0;
}

static unsigned int segments(const struct sk_buff *skb)
{
	unsigned int size = skb_shinfo(skb)->gso_size;

	if (!size)
		return 1;
	if (skb_shinfo(skb)->gso_segs)
		return skb_shinfo(skb)->gso_segs;
	return DIV_ROUND_UP(skb->len, size);
}

static u16 lower_half(u16 id, unsigned int segs)
{
	unsigned int last = CHIMDRV_IPID_BORDER - min_t(unsigned int, segs, CHIMDRV_IPID_BORDER);

	return min_t(unsigned int, id & (CHIMDRV_IPID_BORDER - 1), last);
}

int chimdrv_ipid_map(struct sk_buff *skb)
{
	unsigned int off = find_ipv4(skb);
	struct iphdr *iph, copy;
	u16 id, mapped;
	__be16 new;

	if (!off || skb->skb_iif)
		return 0;
	iph = skb_header_pointer(skb, off, sizeof(copy), &copy);
	if (!iph || iph->version != 4 || iph->protocol == IPPROTO_AH)
		return 0;
	id = ntohs(iph->id);
	mapped = lower_half(id, segments(skb));
	if (mapped == id)
		return 0;
	/* Another holder of the headers, such as a packet socket, must not see the change. */
	if (!pskb_may_pull(skb, off + sizeof(*iph)) || skb_cow_head(skb, 0))
		return -ENOMEM;
	iph = (struct iphdr *)(skb->data + off);
	new = htons(mapped);
	csum_replace2(&iph->check, iph->id, new);
	iph->id = new;
	return 0;
}
