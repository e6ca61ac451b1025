/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: every change of a connection's state, every refusal, every
 * hand-over, in the words of the specification.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM chimney

#if !defined(CHIMDRV_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define CHIMDRV_TRACE_H

#include <linux/tracepoint.h>

#include "offload/conn.h"
#include "offload/reasons.h"

TRACE_EVENT(chimney_state,
	TP_PROTO(const struct chimdrv_conn *conn, enum chimdrv_state state),
	TP_ARGS(conn, state),
	TP_STRUCT__entry(
		__field(u64, cookie)
		__field(u32, handle)
		__field(u8, from)
		__field(u8, to)
		__field(u32, unacked)
		__field(u32, unsent)
		__field(u32, unread)
	),
	TP_fast_assign(
		const struct tcp_sock *tp = tcp_sk(conn->sk);

		__entry->cookie = conn->cookie;
		__entry->handle = conn->handle;
		__entry->from = conn->state;
		__entry->to = state;
		__entry->unacked = tp->snd_nxt - tp->snd_una;
		__entry->unsent = tp->write_seq - tp->snd_nxt;
		__entry->unread = tp->rcv_nxt - tp->copied_seq;
	),
	TP_printk("cookie=%llx handle=%x %s -> %s unacked=%u unsent=%u unread=%u",
		  __entry->cookie, __entry->handle, chimdrv_conn_state_name(__entry->from),
		  chimdrv_conn_state_name(__entry->to), __entry->unacked, __entry->unsent,
		  __entry->unread)
);

TRACE_EVENT(chimney_refuse,
	TP_PROTO(const struct sock *sk, u32 why),
	TP_ARGS(sk, why),
	TP_STRUCT__entry(
		__field(u16, sport)
		__field(u16, dport)
		__field(u32, why)
	),
	TP_fast_assign(
		__entry->sport = ntohs(inet_sk(sk)->inet_sport);
		__entry->dport = ntohs(inet_sk(sk)->inet_dport);
		__entry->why = why;
	),
	TP_printk("sport=%u dport=%u why=%s", __entry->sport, __entry->dport,
		  chimdrv_refusal_name(__entry->why))
);

TRACE_EVENT(chimney_card_refused,
	TP_PROTO(const struct sock *sk, u32 status),
	TP_ARGS(sk, status),
	TP_STRUCT__entry(
		__field(u16, sport)
		__field(u16, dport)
		__field(u32, status)
	),
	TP_fast_assign(
		__entry->sport = ntohs(inet_sk(sk)->inet_sport);
		__entry->dport = ntohs(inet_sk(sk)->inet_dport);
		__entry->status = status;
	),
	TP_printk("sport=%u dport=%u status=%u", __entry->sport, __entry->dport, __entry->status)
);

TRACE_EVENT(chimney_cqe,
	TP_PROTO(u64 cookie, u32 type, u32 status, u32 bytes, u32 info),
	TP_ARGS(cookie, type, status, bytes, info),
	TP_STRUCT__entry(
		__field(u64, cookie)
		__field(u32, type)
		__field(u32, status)
		__field(u32, bytes)
		__field(u32, info)
	),
	TP_fast_assign(
		__entry->cookie = cookie;
		__entry->type = type;
		__entry->status = status;
		__entry->bytes = bytes;
		__entry->info = info;
	),
	TP_printk("cookie=%llx type=%x status=%u bytes=%u info=%u", __entry->cookie,
		  __entry->type, __entry->status, __entry->bytes, __entry->info)
);

#endif /* CHIMDRV_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH offload
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
