/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the hand-over relies on inside TCP, as far as the compiler can see it: a field that has
 * become wider, or a flag that has moved, does not fail by itself. The rest is in the table of
 * spec/10-host-stack.md, 10.8.
 */
#ifndef CHIMDRV_COMPAT_RELIED_H
#define CHIMDRV_COMPAT_RELIED_H

#include <linux/build_bug.h>
#include <net/tcp.h>

#define CHIMDRV_IS(holder, field, type) \
	static_assert(__same_type(((struct holder *)0)->field, type))

/* sequence numbers, windows and counts of 32 bits */
CHIMDRV_IS(tcp_sock, rcv_nxt, u32);
CHIMDRV_IS(tcp_sock, rcv_wup, u32);
CHIMDRV_IS(tcp_sock, rcv_wnd, u32);
CHIMDRV_IS(tcp_sock, copied_seq, u32);
CHIMDRV_IS(tcp_sock, snd_una, u32);
CHIMDRV_IS(tcp_sock, snd_nxt, u32);
CHIMDRV_IS(tcp_sock, snd_wnd, u32);
CHIMDRV_IS(tcp_sock, max_window, u32);
CHIMDRV_IS(tcp_sock, write_seq, u32);
CHIMDRV_IS(tcp_sock, packets_out, u32);
CHIMDRV_IS(tcp_sock, snd_cwnd, u32);

/* times: nanoseconds and microseconds of 64 bits; jiffies and the clock of timestamps of 32 */
CHIMDRV_IS(tcp_sock, tcp_clock_cache, u64);
CHIMDRV_IS(tcp_sock, tcp_mstamp, u64);
CHIMDRV_IS(sk_buff, skb_mstamp_ns, u64);
CHIMDRV_IS(tcp_sock, srtt_us, u32);
CHIMDRV_IS(tcp_sock, rttvar_us, u32);
CHIMDRV_IS(tcp_sock, retrans_stamp, u32);
CHIMDRV_IS(tcp_sock, rcv_tstamp, u32);
CHIMDRV_IS(tcp_sock, tsoffset, u32);
CHIMDRV_IS(inet_connection_sock, icsk_rto, u32);
CHIMDRV_IS(inet_connection_sock, icsk_probes_tstamp, u32);
CHIMDRV_IS(inet_connection_sock, icsk_user_timeout, u32);

/* counts of timers, of 8 bits */
CHIMDRV_IS(inet_connection_sock, icsk_pending, u8);
CHIMDRV_IS(inet_connection_sock, icsk_retransmits, u8);
CHIMDRV_IS(inet_connection_sock, icsk_backoff, u8);
CHIMDRV_IS(inet_connection_sock, icsk_probes_out, u8);

/* the queues */
CHIMDRV_IS(sock, tcp_rtx_queue, struct rb_root);
CHIMDRV_IS(sock, sk_write_queue, struct sk_buff_head);
CHIMDRV_IS(sock, sk_receive_queue, struct sk_buff_head);
CHIMDRV_IS(tcp_sock, tsorted_sent_queue, struct list_head);
static_assert(offsetof(struct tcp_sock, inet_conn) == 0);
static_assert(sizeof(struct tcp_skb_cb) <= sizeof_field(struct sk_buff, cb));

/* a segment that is lost, and one that takes no RTT sample; Nagle; order of the CA states */
static_assert(TCPCB_LOST == 0x04 && TCPCB_SACKED_RETRANS == 0x02 && TCPCB_REPAIRED == 0x10);
static_assert(TCP_NAGLE_OFF == 1 && TCP_NAGLE_CORK == 2 && TCP_NAGLE_PUSH == 4);
static_assert(TCP_CA_Open < TCP_CA_Disorder && TCP_CA_Disorder < TCP_CA_CWR &&
	      TCP_CA_CWR < TCP_CA_Recovery && TCP_CA_Recovery < TCP_CA_Loss);

#undef CHIMDRV_IS

#endif /* CHIMDRV_COMPAT_RELIED_H */
