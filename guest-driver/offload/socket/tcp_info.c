// SPDX-License-Identifier: GPL-2.0-only
/*
 * What TCP_INFO, and with it ss -i, shows of an offloaded socket: the congestion window and
 * the round-trip time that the card has told. Bytes and sequence numbers are right without
 * this, because write.c and deliver.c move them with the data. What is retransmitted is
 * shown after the upload.
 *
 * Under the socket's slock, with the socket's queues ours.
 */
#include "offload/socket/tcp_info.h"
#include "compat.h"
#include "offload/conn_types.h"

/* The kernel's autotuning goes by the same numbers. packets_out is a valve, too (valves.c). */
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
	chimdrv_compat_mstamp(tp);
}
