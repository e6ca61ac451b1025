// SPDX-License-Identifier: GPL-2.0-only
/*
 * unreadable - a kernel module for one test: received segments to TCP port `port` say that the CPU
 * cannot read their fragments, as those of a network device do that receives into the memory of
 * another device. Their checksum counts as verified, as such a device has verified it. 0: none.
 *
 * They say so before the driver's hook sees them, which is the last one.
 */
#include <linux/module.h>
#include <linux/netfilter_ipv4.h>
#include <linux/tcp.h>
#include <net/ip.h>

static ushort port;
module_param(port, ushort, 0644);
MODULE_PARM_DESC(port, "of the segments");

static unsigned int mark(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	const struct iphdr *ip = ip_hdr(skb);
	const struct tcphdr *tcp = (const struct tcphdr *)(skb->data + ip->ihl * 4);

	if (ip->protocol == IPPROTO_TCP && !ip_is_fragment(ip) && skb_is_nonlinear(skb) &&
	    pskb_may_pull(skb, ip->ihl * 4 + sizeof(*tcp)) &&
	    ntohs(tcp->dest) == READ_ONCE(port)) {
		skb->ip_summed = CHECKSUM_UNNECESSARY;
		skb->unreadable = 1;
	}
	return NF_ACCEPT;
}

static const struct nf_hook_ops hook = {
	.hook		= mark,
	.pf		= NFPROTO_IPV4,
	.hooknum	= NF_INET_LOCAL_IN,
	.priority	= INT_MAX - 1,
};

static int __init unreadable_init(void)
{
	return nf_register_net_hook(&init_net, &hook);
}

static void __exit unreadable_exit(void)
{
	nf_unregister_net_hook(&init_net, &hook);
}

module_init(unreadable_init);
module_exit(unreadable_exit);
MODULE_DESCRIPTION("marks received segments as unreadable, for a test");
MODULE_LICENSE("GPL");
