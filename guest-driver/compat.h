/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything in which the kernels from 6.1 to 6.12 differ for this driver. No
 * other file tests the version.
 */
#ifndef CHIMDRV_COMPAT_H
#define CHIMDRV_COMPAT_H

#include <linux/netdevice.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/version.h>
#include <net/tcp.h>

/* Came with 6.5. Without it a cache may be merged with others of its size, and not be seen. */
#ifdef SLAB_NO_MERGE
#define CHIMDRV_SLAB_NO_MERGE SLAB_NO_MERGE
#else
#define CHIMDRV_SLAB_NO_MERGE 0
#endif

/* Split into a folder in 6.6. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#include <net/page_pool/helpers.h>
#else
#include <net/page_pool.h>
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "chimney needs Linux 6.1 or later"
#endif

/* 6.8 renamed it. */
#ifndef PCI_IRQ_INTX
#define PCI_IRQ_INTX PCI_IRQ_LEGACY
#endif

/* 6.8: one structure instead of three arguments. */
#define CHIMDRV_RXFH_PARAM (LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0))

/* From 6.8 on a page pool may be shown as its netdev's; then late pages are no complaint. */
static inline void chimdrv_compat_pool_netdev(struct page_pool_params *params,
					      struct net_device *netdev)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	params->netdev = netdev;
#endif
}

/* Memory for a window, by which Linux TCP makes a window of memory. 6.6 brought the ratio. */
static inline u32 chimdrv_compat_space_from_win(const struct sock *sk, u32 win)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	return tcp_space_from_win(sk, win);
#else
	int scale = READ_ONCE(sock_net(sk)->ipv4.sysctl_tcp_adv_win_scale);

	return scale <= 0 ? win << -scale : win + win / ((1u << scale) - 1);
#endif
}

#if IS_ENABLED(CONFIG_IPV6)
/* Does the socket want a flow label that it has not named? By its option, else by the default. */
static inline bool chimdrv_compat_autolabel(const struct sock *sk)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	if (inet6_test_bit(AUTOFLOWLABEL_SET, sk))
		return inet6_test_bit(AUTOFLOWLABEL, sk);
#else
	if (inet6_sk(sk)->autoflowlabel_set)
		return inet6_sk(sk)->autoflowlabel;
#endif
	return ip6_default_np_autolabel(sock_net(sk));
}
#endif

/* How many bytes Linux TCP lets in that nobody reads: since 6.6, as many as find memory. */
static inline u32 chimdrv_compat_most_unread(const struct sock *sk)
{
	int rcvbuf = READ_ONCE(sk->sk_rcvbuf);

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	return rcvbuf;
#else
	return tcp_win_from_space(sk, rcvbuf);
#endif
}

/*
 * Hand up everything that this NAPI still holds: frames in GRO and those that
 * wait for a batch. The core does the second half only at the end of a poll.
 */
static inline void chimdrv_gro_flush(struct napi_struct *napi)
{
	napi_gro_flush(napi, false);
	if (!napi->rx_count)
		return;
	netif_receive_skb_list(&napi->rx_list);
	INIT_LIST_HEAD(&napi->rx_list);
	napi->rx_count = 0;
}

/* Microsecond timestamps came with 6.7, TCP-AO too. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
static inline bool chimdrv_compat_usec_ts(const struct tcp_sock *tp)
{
	return tp->tcp_usec_ts;
}

static inline u32 chimdrv_compat_ts_clock(const struct tcp_sock *tp)
{
	return tcp_clock_ts(tp->tcp_usec_ts);
}
#else
static inline bool chimdrv_compat_usec_ts(const struct tcp_sock *tp)
{
	return false;
}

static inline u32 chimdrv_compat_ts_clock(const struct tcp_sock *tp)
{
	return tcp_time_stamp_raw();
}
#endif

/* MD5 and AO: has the socket a key? */
static inline bool chimdrv_compat_signed(const struct tcp_sock *tp)
{
#ifdef CONFIG_TCP_MD5SIG
	if (rcu_access_pointer(tp->md5sig_info))
		return true;
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0) && defined(CONFIG_TCP_AO)
	if (rcu_access_pointer(tp->ao_info))
		return true;
#endif
	return false;
}

/* A flag of its own until 6.5. */
static inline bool chimdrv_compat_transparent(const struct sock *sk)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	return inet_test_bit(TRANSPARENT, sk);
#else
	return inet_sk(sk)->transparent;
#endif
}

/* Values of TCP_AO_*, in the order of the kernels that have them. */
#define CHIMDRV_TCP_AO_FIRST	38
#define CHIMDRV_TCP_AO_LAST	42

static inline void chimdrv_compat_clear_isn(struct tcp_skb_cb *cb)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
	cb->tcp_tw_isn = 0;
#endif
}

/* Fragments that the CPU cannot read. */
static inline bool chimdrv_compat_readable(const struct sk_buff *skb)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	return skb_frags_readable(skb);
#else
	return true;
#endif
}

/* Moved to a header of its own in 6.10. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#include <net/proto_memory.h>
#endif

/* A third argument (TCP flags) came by backport within 6.12, so the type decides. */
static inline void chimdrv_compat_send_ack2(void *fn, struct sock *sk, u32 nxt)
{
	((void (*)(struct sock *, u32))fn)(sk, nxt);
}

static inline void chimdrv_compat_send_ack3(void *fn, struct sock *sk, u32 nxt)
{
	((void (*)(struct sock *, u32, u16))fn)(sk, nxt, 0);
}

#define chimdrv_compat_send_ack(sk, nxt)					\
	(_Generic(&__tcp_send_ack,						\
		  void (*)(struct sock *, u32) : chimdrv_compat_send_ack2,	\
		  void (*)(struct sock *, u32, u16) : chimdrv_compat_send_ack3)	\
		 (__tcp_send_ack, sk, nxt))

/* tcp_mstamp_refresh(), which is not exported. */
static inline void chimdrv_compat_mstamp(struct tcp_sock *tp)
{
	u64 now = tcp_clock_ns();

	tp->tcp_clock_cache = now;
	tp->tcp_mstamp = div_u64(now, NSEC_PER_USEC);
}

/* What the next segment is stamped with, before the offset: the cached clock, not the moment. */
static inline u32 chimdrv_compat_ts_cached(const struct tcp_sock *tp)
{
	return (u32)div_u64(tp->tcp_clock_cache,
			    chimdrv_compat_usec_ts(tp) ? NSEC_PER_USEC : NSEC_PER_MSEC);
}

/* The same clock so many milliseconds ago: what retrans_stamp holds. */
static inline u32 chimdrv_compat_ts_ago(const struct tcp_sock *tp, u32 ms)
{
	return chimdrv_compat_ts_cached(tp) - ms * (chimdrv_compat_usec_ts(tp) ? USEC_PER_MSEC : 1);
}

#endif /* CHIMDRV_COMPAT_H */
