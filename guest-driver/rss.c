// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receive-side scaling as the card does it: key, indirection table, and the same
 * Toeplitz hash in software, so that a connection's pair is known before the card
 * has been asked.
 */
#include <linux/ethtool.h>
#include <linux/in6.h>

#include "chimdrv.h"

void chimdrv_rss_default(struct chimdrv_net *net)
{
	netdev_rss_key_fill(net->rss_key, sizeof(net->rss_key));
	chimdrv_rss_spread(net);
}

void chimdrv_rss_spread(struct chimdrv_net *net)
{
	unsigned int i;

	for (i = 0; i < CHIMDRV_RSS_TABLE_LEN; i++)
		WRITE_ONCE(net->rss_table[i], ethtool_rxfh_indir_default(i, net->pairs));
}

/* Toeplitz: for each set bit of the input, the 32 bits of the key from there on. */
static u32 toeplitz(const u8 *key, const u8 *data, unsigned int len)
{
	u32 window = get_unaligned_be32(key), hash = 0;
	unsigned int i, bit;

	for (i = 0; i < len; i++) {
		for (bit = 0; bit < 8; bit++) {
			if (data[i] & (0x80 >> bit))
				hash ^= window;
			window = window << 1 | ((key[i + 4] >> (7 - bit)) & 1);
		}
	}
	return hash;
}

u32 chimdrv_rss_hash4(const struct chimdrv_net *net, __be32 saddr, __be32 daddr,
		      __be16 sport, __be16 dport)
{
	struct {
		__be32 addr[2];
		__be16 port[2];
	} __packed in = { { saddr, daddr }, { sport, dport } };

	return toeplitz(net->rss_key, (const u8 *)&in, sizeof(in));
}

u32 chimdrv_rss_hash6(const struct chimdrv_net *net, const struct in6_addr *saddr,
		      const struct in6_addr *daddr, __be16 sport, __be16 dport)
{
	struct {
		struct in6_addr addr[2];
		__be16 port[2];
	} __packed in = { { *saddr, *daddr }, { sport, dport } };

	return toeplitz(net->rss_key, (const u8 *)&in, sizeof(in));
}

struct chimdrv_pair *chimdrv_rss_pair(struct chimdrv_net *net, u32 hash)
{
	unsigned int p = 0;

	if (net->pairs > 1)
		p = READ_ONCE(net->rss_table[hash % CHIMDRV_RSS_TABLE_LEN]);
	return net->pair[p < net->pairs ? p : 0];
}
