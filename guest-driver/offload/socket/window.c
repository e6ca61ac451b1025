// SPDX-License-Identifier: GPL-2.0-only
/*
 * The receive window as a promise (ADR 10). The target offers the peer InitialRcvWnd
 * beyond what the socket has taken, and all of that must fit into the socket when the
 * connection comes back. The right edge that it may have offered (conn->wnd.edge) moves
 * when the socket takes bytes. Bytes that do not move it are taken as long as the buffer
 * holds them: they are promised already. Others are taken if the promise then still fits.
 * If not, the window is made smaller, so that the edge stays and a reader that waits for
 * more gets as much as with Linux TCP.
 *
 * All of it under the socket's slock, whoever owns the socket.
 */
#include "offload/socket/window.h"
#include "compat/memory.h"
#include "compat/window.h"
#include "nic/pair.h"
#include "offload/conn_types.h"

/* ----------------------------------------------------------------------------- the socket */

/* Bytes of memory that received data takes, including what waits for the owner to let go. */
int chimdrv_window_used(const struct chimdrv_conn *conn)
{
	return atomic_read(&conn->sk->sk_rmem_alloc) + conn->rcv.queue_truesize;
}

/* As much of a window of @wnd bytes as can be offered. */
static u32 at_most(const struct chimdrv_conn *conn, u32 wnd)
{
	const struct tcp_sock *tp = tcp_sk(conn->sk);

	wnd = min3(wnd, (u32)tp->window_clamp, 65535u << tp->rx_opt.rcv_wscale);
	return clamp(wnd, 1u, conn->cd->limits.rcv_wnd);
}

/* InitialRcvWnd for the socket as it is now: what Linux TCP would offer. Bytes. */
u32 chimdrv_window_now(const struct chimdrv_conn *conn)
{
	const struct sock *sk = conn->sk;
	int space = READ_ONCE(sk->sk_rcvbuf) - chimdrv_window_used(conn);

	return at_most(conn, tcp_win_from_space(sk, max(space, 0)));
}

/*
 * How much memory may be used with the present window. Linux TCP can grow the buffer up
 * to tcp_rmem, unless the program has fixed its size. If the window takes nearly all of
 * that, a quarter of the buffer remains for bytes that the program is about to read.
 */
int chimdrv_window_limit(const struct chimdrv_conn *conn)
{
	const struct sock *sk = conn->sk;
	u32 space = chimdrv_compat_space_from_win(sk, conn->wnd.granted);
	int rcvbuf = READ_ONCE(sk->sk_rcvbuf), most = rcvbuf;

	if (!(sk->sk_userlocks & SOCK_RCVBUF_LOCK))
		most = max(most, READ_ONCE(sock_net(sk)->ipv4.sysctl_tcp_rmem[2]));
	most -= min_t(u32, space, most);
	return min(rcvbuf, max(most, rcvbuf / 4));
}

/*
 * May a reader wait for more than there is, without taking it? With SO_RCVLOWAT we know
 * how much; otherwise assume as many bytes as Linux TCP would let in with nobody reading.
 */
static bool reader_may_wait(const struct chimdrv_conn *conn)
{
	const struct sock *sk = conn->sk;
	u32 unread = conn->rcv.seq - READ_ONCE(tcp_sk(sk)->copied_seq);

	return unread < max_t(u32, READ_ONCE(sk->sk_rcvlowat), chimdrv_compat_most_unread(sk));
}

/* With a window of @wnd, can @bytes (at most one buffer) be taken without moving the edge? */
static bool edge_stays(const struct chimdrv_conn *conn, u32 wnd, u32 bytes)
{
	bytes = clamp(bytes, 1u, chimdrv_pair_ib_size(conn->pair));
	return !after(conn->rcv.seq + bytes + wnd, conn->wnd.edge);
}

/*
 * May the socket, whose received data takes @used bytes of memory, have more of tcp_mem? As
 * with Linux TCP: below the limits yes, under pressure up to its share, and a little always.
 * The target keeps what it cannot have, and the peer's window shuts.
 */
static bool memory_allows(const struct sock *sk, int used)
{
	long most = sk_prot_mem_limits(sk, 2), all = sk_memory_allocated(sk);

	if (used < sk_get_rmem0(sk, sk->sk_prot) || all <= sk_prot_mem_limits(sk, 0) ||
	    chimdrv_compat_bypasses_mem(sk))
		return true;
	if (all > most)
		return false;
	if (!chimdrv_compat_mem_pressure(sk))
		return true;
	return most > (long)sk_sockets_allocated_read_positive((struct sock *)sk) *
		      sk_mem_pages(sk->sk_wmem_queued + used);
}

bool chimdrv_window_has_memory(const struct chimdrv_conn *conn)
{
	return memory_allows(conn->sk, chimdrv_window_used(conn));
}

/* A reader may wait for more, and even a smaller window would not let it in. */
static bool nothing_helps(const struct chimdrv_conn *conn, u32 bytes)
{
	return reader_may_wait(conn) && !edge_stays(conn, chimdrv_window_now(conn), bytes);
}

/*
 * Has the socket's buffer room for @bytes more, in frames of @truesize? If a smaller window
 * would not help, the whole buffer may be used, even if the promise then does not fit.
 */
bool chimdrv_window_fits(const struct chimdrv_conn *conn, u32 bytes, unsigned int truesize)
{
	int used = chimdrv_window_used(conn) + truesize;

	if (used < chimdrv_window_limit(conn))
		return true;
	if (used >= READ_ONCE(conn->sk->sk_rcvbuf))
		return false;
	return !after(conn->rcv.seq + bytes + conn->wnd.granted, conn->wnd.edge) ||
	       nothing_helps(conn, bytes);
}

bool chimdrv_window_has_room(const struct chimdrv_conn *conn, u32 bytes, unsigned int truesize)
{
	return memory_allows(conn->sk, chimdrv_window_used(conn) + truesize) &&
	       chimdrv_window_fits(conn, bytes, truesize);
}

bool chimdrv_window_has_half(const struct chimdrv_conn *conn)
{
	return chimdrv_window_used(conn) * 2 <= chimdrv_window_limit(conn);
}

/* --------------------------------------------------------------------------- the promise */

static void grant(struct chimdrv_conn *conn, u32 wnd)
{
	conn->wnd.granted = wnd;
	conn->wnd.most = max(conn->wnd.most, wnd);
}

static void move_edge(struct chimdrv_conn *conn)
{
	u32 edge = conn->rcv.seq + conn->wnd.granted;

	if (after(edge, conn->wnd.edge))
		conn->wnd.edge = edge;
}

/* After the capture, before the offload: Linux TCP has offered @promised bytes. */
void chimdrv_window_begin(struct chimdrv_conn *conn, u32 promised)
{
	grant(conn, min(promised, conn->cd->limits.rcv_wnd));
	conn->wnd.edge = conn->rcv.seq + conn->wnd.granted;
}

/* The most that the target holds for the socket or may still get from the peer; bytes. */
u32 chimdrv_window_owed(const struct chimdrv_conn *conn)
{
	u32 edge = READ_ONCE(conn->wnd.edge), start = READ_ONCE(conn->rcv.seq);

	return after(edge, start) ? edge - start : 0;
}

/* The socket has taken bytes up to conn->rcv.seq. */
void chimdrv_window_taken(struct chimdrv_conn *conn)
{
	move_edge(conn);
}

/* Does the window keep bytes from a reader that waits? */
static bool in_the_way(const struct chimdrv_conn *conn)
{
	return test_bit(CHIMDRV_C_REFUSED, &conn->bits) && !conn->rcv.buffered &&
	       reader_may_wait(conn);
}

/*
 * The window to tell the target: a larger one as the program reads, in steps because each
 * costs a command; a smaller one if the present one is in the way, or if the program has
 * made its buffer smaller or wants a smaller window. Otherwise the present one.
 */
static u32 next_window(const struct chimdrv_conn *conn, u32 step)
{
	u32 wnd = chimdrv_window_now(conn), most = at_most(conn, tcp_full_space(conn->sk));

	if (conn->wnd.granted > most)
		return most;
	if (wnd >= conn->wnd.granted + step)
		return wnd;
	if (wnd < conn->wnd.granted && in_the_way(conn) &&
	    edge_stays(conn, wnd, conn->rcv.refused_bytes))
		return wnd;
	return conn->wnd.granted;
}

bool chimdrv_window_changed(const struct chimdrv_conn *conn)
{
	u32 full = at_most(conn, tcp_full_space(conn->sk)), granted = conn->wnd.granted;
	u32 step = max(granted, full) / 4;

	/* Linux TCP announces one that has doubled */
	step = min(step, max_t(u32, granted, tcp_sk(conn->sk)->advmss));
	return next_window(conn, step) != granted;
}

/*
 * After a refusal with nobody reading: has the window become small enough for the edge to
 * stay for some bytes, or can it not become so?
 */
bool chimdrv_window_gave_way(const struct chimdrv_conn *conn)
{
	return chimdrv_window_used(conn) < READ_ONCE(conn->sk->sk_rcvbuf) &&
	       (edge_stays(conn, conn->wnd.granted, conn->rcv.refused_bytes) ||
		nothing_helps(conn, conn->rcv.refused_bytes));
}

/* InitialRcvWnd to tell the target. A smaller one holds from chimdrv_window_told() on. */
u32 chimdrv_window_tell(struct chimdrv_conn *conn)
{
	u32 wnd = next_window(conn, 1);

	grant(conn, max(conn->wnd.granted, wnd));
	move_edge(conn);
	return wnd;
}

/* The target has been told the smaller @wnd: bytes for which the edge then stays are taken. */
void chimdrv_window_told(struct chimdrv_conn *conn, u32 wnd)
{
	conn->wnd.granted = wnd;
}
