// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the headers of a kernel offer. No object is made of this file: compat/probe has the
 * compiler look at it, and a function in which it finds an error asks for something that
 * the kernel does not have. So has_name() becomes CHIMDRV_HAS_NAME, 1 or 0, in
 * compat_probe.h. Versions would not do: distributions take single changes into older
 * kernels.
 *
 * No macros of the kernel's in here: an error inside one is reported at its definition.
 * What is a macro is tested where it is used. For a header that may be there, a constant
 * is; __has_include stands here alone, because sparse does not know it.
 */
#include <linux/ethtool.h>
#include <linux/netdevice.h>
#include <linux/workqueue.h>
#if __has_include("net/netdev_queues.h")
#include <net/netdev_queues.h>
#endif
#include <net/inet6_hashtables.h>
#include <net/inet_hashtables.h>
#include <net/ipv6.h>
#include <net/tcp.h>
#if __has_include("net/page_pool/helpers.h")
#include <net/page_pool/helpers.h>
enum { page_pool_folder = 1 };
#else
#include <net/page_pool.h>
#endif
#if __has_include("net/proto_memory.h")
enum { proto_memory = 1 };
#endif

/* ------------------------------------------------------------------ between 6.1 and 6.12 */

/* Headers of page pools in a folder of their own. */
int has_page_pool_folder(void)
{
	return page_pool_folder;
}

/* A header for what all sockets together may take. */
int has_proto_memory(void)
{
	return proto_memory;
}

/* The memory of a window, by a ratio that each socket has. */
u8 has_scaling_ratio(const struct tcp_sock *tp)
{
	return tp->scaling_ratio;
}

/* Flags of a socket are bits of one word; those of IPv6 came later. */
int has_inet_flags(void)
{
	return INET_FLAGS_TRANSPARENT;
}

int has_inet6_flags(void)
{
	return INET_FLAGS_AUTOFLOWLABEL_SET;
}

/* Timestamps in microseconds, if a route wants them. */
u32 has_usec_ts(const struct tcp_sock *tp)
{
	return tcp_clock_ts(tp->tcp_usec_ts);
}

/* Signatures by TCP-AO, and configured. */
const void *has_tcp_ao(const struct tcp_sock *tp)
{
	return &tp->ao_info;
}

/* Receive-side scaling: one structure instead of three arguments. */
int has_rxfh_param(const struct ethtool_ops *ops, struct ethtool_rxfh_param *param)
{
	return ops->get_rxfh(NULL, param);
}

/* A page pool that knows its netdev. */
void has_pool_netdev(struct page_pool_params *params, struct net_device *netdev)
{
	params->netdev = netdev;
}

/* Fragments that the CPU cannot read. */
bool has_unreadable_frags(const struct sk_buff *skb)
{
	return skb_frags_readable(skb);
}

/* Which NAPI serves a queue, and which interrupt a NAPI. */
void has_queue_napi(struct net_device *netdev, struct napi_struct *napi)
{
	netif_queue_set_napi(netdev, 0, NETDEV_QUEUE_TYPE_RX, napi);
	netif_napi_set_irq(napi, 0);
}

/* What a queue has counted, all that we count of it. */
u64 has_queue_stats(const struct net_device *netdev)
{
	struct netdev_queue_stats_rx rx;
	struct netdev_queue_stats_tx tx;

	netdev->stat_ops->get_base_stats(NULL, &rx, &tx);
	return rx.csum_none + tx.hw_gso_wire_bytes + tx.wake;
}

/* ----------------------------------------------------------------- between 6.12 and 7.3 */

/* A NAPI that has its number and its settings for life. */
void has_napi_config(struct net_device *netdev, struct napi_struct *napi)
{
	netif_napi_add_config(netdev, napi, NULL, 0);
}

/* A receive filter that is set where one may sleep. */
int has_rx_mode_async(const struct net_device_ops *ops, struct netdev_hw_addr_list *list)
{
	return ops->ndo_set_rx_mode_async(NULL, list, list);
}

/* The number of receive queues is an operation of its own, and so is what the hash is of. */
int has_rx_ring_count(const struct ethtool_ops *ops, struct ethtool_rxfh_fields *fields)
{
	return ops->get_rx_ring_count(NULL) + ops->get_rxfh_fields(NULL, fields);
}

/* Sockets whose memory only their control group counts. */
bool has_bypass_prot_mem(const struct sock *sk)
{
	return sk->sk_bypass_prot_mem;
}

/* The work queue that is bound to no processor has another name. */
struct workqueue_struct *has_dfl_wq(void)
{
	return system_dfl_wq;
}

/* What GRO holds of a NAPI is a structure of its own. */
u32 has_gro_node(const struct napi_struct *napi)
{
	return napi->gro.rx_count;
}

/* A dropped segment is counted by a function of its own. */
void has_drops_skbadd(struct sock *sk, const struct sk_buff *skb)
{
	sk_drops_skbadd(sk, skb);
}

/* The table of established sockets is found by the namespace alone. */
struct sock *has_lookup_by_net(const struct net *net)
{
	return __inet_lookup_established(net, 0, 0, 0, 0, 0, 0);
}

/* With accurate ECN the flag has become a mode. */
bool has_ecn_mode(const struct tcp_sock *tp)
{
	return tcp_ecn_mode_any(tp);
}

/* For accurate ECN the flags of a segment take more than a byte. */
const u16 *has_wide_flags(const struct tcp_skb_cb *cb)
{
	return &cb->tcp_flags;
}

/* When a timer expires is known to the timer alone. */
unsigned long has_timer_expiry(const struct sock *sk, const struct inet_connection_sock *icsk)
{
	return tcp_timeout_expires(sk) + icsk_delack_timeout(icsk);
}

/* Each socket has a limit of its RTO. */
u32 has_rto_max(const struct sock *sk)
{
	return tcp_rto_max(sk);
}

/* Segments are checked against the furthest right edge that was ever offered. */
const u32 *has_max_edge(const struct tcp_sock *tp)
{
	return &tp->rcv_mwnd_seq;
}

/* Until then: a sender's checksum is an operation of the address family. */
void has_af_send_check(const struct inet_connection_sock_af_ops *ops, struct sock *sk)
{
	ops->send_check(sk, NULL);
}

/* Programs of BPF get timestamps of what is sent. */
u8 has_bpf_stamps(const struct sock *sk)
{
	return sk->sk_bpf_cb_flags;
}

/* Encryption by PSP, and configured. */
const void *has_psp(const struct sock *sk)
{
	return &sk->psp_assoc;
}
