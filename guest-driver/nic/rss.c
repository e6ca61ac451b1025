// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receive-side scaling as the card does it: key, indirection table, and the same Toeplitz
 * hash in software, so that a connection's pair is known without asking the card.
 */
#include <linux/ethtool.h>
#include <linux/in6.h>
#include <net/tcp.h>

#include "nic/rss.h"
#include "nic/inline.h"

/*
 * Toeplitz is linear: four bits of input contribute by their value and place only. A
 * table of the contributions makes the hash of each transmitted segment cheap.
 */
static void tabulate(struct chimdrv_net *net)
{
	unsigned int place, value, bit;

	for (place = 0; place < CHIMDRV_RSS_NIBBLES; place++) {
		const u8 *key = net->rss_key + place / 2;
		u64 window = ((u64)get_unaligned_be32(key) << 8 | key[4]) << (24 + place % 2 * 4);

		for (value = 0; value < 16; value++) {
			u32 hash = 0;

			for (bit = 0; bit < 4; bit++)
				if (value & (8 >> bit))
					hash ^= (u32)(window << bit >> 32);
			WRITE_ONCE(net->rss_nibble[place][value], hash);
		}
	}
}

void chimdrv_rss_set_key(struct chimdrv_net *net, const u8 *key)
{
	memcpy(net->rss_key, key, sizeof(net->rss_key));
	tabulate(net);
}

void chimdrv_rss_default(struct chimdrv_net *net)
{
	u8 key[CHIMDRV_RSS_KEY_LEN];

	netdev_rss_key_fill(key, sizeof(key));
	chimdrv_rss_set_key(net, key);
	chimdrv_rss_spread(net);
}

void chimdrv_rss_spread(struct chimdrv_net *net)
{
	unsigned int i;

	for (i = 0; i < CHIMDRV_RSS_TABLE_LEN; i++)
		WRITE_ONCE(net->rss_table[i], ethtool_rxfh_indir_default(i, net->pairs));
}

static u32 toeplitz(const struct chimdrv_net *net, const u8 *data, unsigned int len)
{
	unsigned int i;
	u32 hash = 0;

	for (i = 0; i < len; i++)
		hash ^= READ_ONCE(net->rss_nibble[2 * i][data[i] >> 4]) ^
			READ_ONCE(net->rss_nibble[2 * i + 1][data[i] & 15]);
	return hash;
}

u32 chimdrv_rss_hash(const struct chimdrv_net *net, const struct sock *sk)
{
	const struct inet_sock *inet = inet_sk(sk);
	struct {
		__be32 addr[2];
		__be16 port[2];
	} __packed in4;
#if IS_ENABLED(CONFIG_IPV6)
	struct {
		struct in6_addr addr[2];
		__be16 port[2];
	} __packed in6;

	BUILD_BUG_ON(2 * sizeof(in6) != CHIMDRV_RSS_NIBBLES);
	if (sk->sk_family == AF_INET6 && !ipv6_addr_v4mapped(&sk->sk_v6_daddr)) {
		in6.addr[0] = sk->sk_v6_daddr;
		in6.addr[1] = sk->sk_v6_rcv_saddr;
		in6.port[0] = inet->inet_dport;
		in6.port[1] = inet->inet_sport;
		return toeplitz(net, (const u8 *)&in6, sizeof(in6));
	}
#endif
	in4.addr[0] = inet->inet_daddr;
	in4.addr[1] = inet->inet_rcv_saddr;
	in4.port[0] = inet->inet_dport;
	in4.port[1] = inet->inet_sport;
	return toeplitz(net, (const u8 *)&in4, sizeof(in4));
}

/*
 * Send a connection's segments through the pair that the card would use for it. A backend
 * with several queues answers a flow on the queue that it last came from: if kernel and
 * target used different ones, the peer's frames would overtake each other at a hand-over.
 */
u16 chimdrv_rss_select_queue(struct net_device *netdev, struct sk_buff *skb,
			     struct net_device *sb_dev)
{
	struct chimdrv_net *net = chimdrv_net_of(netdev);
	const struct sock *sk = skb->sk;

	if (sk && sk_fullsock(sk) && sk->sk_protocol == IPPROTO_TCP &&
	    netdev->real_num_tx_queues > 1)
		return chimdrv_rss_pair(net, chimdrv_rss_hash(net, sk))->number;
	return netdev_pick_tx(netdev, skb, sb_dev);
}

struct chimdrv_pair *chimdrv_rss_pair(struct chimdrv_net *net, u32 hash)
{
	unsigned int p = 0;

	if (net->pairs > 1)
		p = READ_ONCE(net->rss_table[hash % CHIMDRV_RSS_TABLE_LEN]);
	return net->pair[p < net->pairs ? p : 0];
}
