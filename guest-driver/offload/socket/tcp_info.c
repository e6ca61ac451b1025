// SPDX-License-Identifier: GPL-2.0-only
/*
 * What TCP_INFO, and so ss -i, shows of an offloaded socket: the congestion window and
 * the round-trip time that the card last reported, and when data was last sent and the
 * peer last heard, as far as the driver is told. Bytes and sequence numbers need
 * nothing here, because write.c and deliver.c move them with the data. Retransmissions
 * show only after the upload.
 *
 * Under the socket's slock, with the socket's queues ours.
 */
#include "offload/socket/tcp_info.h"
#include "compat/clock.h"
#include "offload/conn_types.h"

/* The kernel's autotuning uses the same numbers. packets_out is also a valve (valves.c). */
void chimdrv_tcp_info_update(struct chimdrv_conn *conn)
{
	struct tcp_sock *tp = tcp_sk(conn->sk);

	if (conn->snd.cwnd_bytes && tp->mss_cache) {
		tcp_snd_cwnd_set(tp, clamp(conn->snd.cwnd_bytes / tp->mss_cache, 2u,
					   tp->snd_cwnd_clamp));
		tp->packets_out = tcp_snd_cwnd(tp);
	}
	if (conn->snd.srtt_us)
		tp->srtt_us = conn->snd.srtt_us << 3;
	if (conn->snd.n)
		tp->lsndtime = tcp_jiffies32;	/* the ACK let the target send more */
	chimdrv_tcp_info_heard(conn->sk);
	chimdrv_compat_mstamp(tp);
}

/* The peer has acknowledged or sent something. */
void chimdrv_tcp_info_heard(struct sock *sk)
{
	tcp_sk(sk)->rcv_tstamp = tcp_jiffies32;
}
