// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attach takes the operations of a socket from Linux TCP, detach gives them back. Here
 * are the prebuilt copies of struct proto and of the address family's operations, the
 * look-up of a socket's connection, and the gate: the queue_xmit of those copies, which
 * lets nothing out while Linux TCP stands still. ulp.c and hook.c decide what the
 * replaced calls do, and pass it down.
 *
 * Attach with the socket owned, detach under slock with its queues ours. Fields of the
 * socket that this file writes: sk_prot, sk_backlog_rcv, icsk_af_ops, icsk_ulp_ops,
 * icsk_ulp_data, and SOCK_SUPPORT_ZC of sk_socket->flags (spec/10-host-stack.md, 10.8).
 */
#include <linux/module.h>
#include <net/transp_v6.h>

#include "offload/socket/attach.h"
#include "chimney_abi.h"
#include "compat/state.h"
#include "offload/conn.h"
#include "offload/od.h"
#include "offload/socket/bar.h"
#include "offload/socket/conntrack.h"
#include "offload/socket/route.h"
#include "offload/socket/write.h"

enum { CHIMDRV_PROT4, CHIMDRV_PROT6, CHIMDRV_PROTS };

static struct proto *base_prot[CHIMDRV_PROTS];
static struct proto our_prot[CHIMDRV_PROTS];

/* IPv4, IPv6 and IPv4 mapped into IPv6: copied from sockets, since two are not exported. */
static struct chimdrv_af afs[3];
static DEFINE_MUTEX(af_lock);

/* The replacements for Linux TCP's operations, registered by the code that implements them. */
static const struct chimdrv_attach_ops *ops;

static int prot_index(const struct proto *prot)
{
	int i;

	for (i = 0; i < CHIMDRV_PROTS; i++)
		if (prot == &our_prot[i])
			return i;
	return -1;
}

bool chimdrv_is_ours(const struct sock *sk)
{
	return prot_index(READ_ONCE(sk->sk_prot)) >= 0;
}

/* The kernel's own operations for the socket, attached or not. */
struct proto *chimdrv_attach_base(const struct sock *sk)
{
	struct proto *prot = READ_ONCE(sk->sk_prot);
	int i = prot_index(prot);

	return i < 0 ? prot : base_prot[i];
}

struct chimdrv_conn *chimdrv_attach_conn(const struct sock *sk)
{
	if (!chimdrv_is_ours(sk))
		return NULL;
	return rcu_dereference_check(inet_csk(sk)->icsk_ulp_data, lockdep_sock_is_held(sk));
}

/* Returns the connection with a reference; the caller needs no lock. NULL: the kernel's socket. */
struct chimdrv_conn *chimdrv_attach_conn_get(const struct sock *sk)
{
	struct chimdrv_conn *conn;

	rcu_read_lock();
	conn = chimdrv_attach_conn(sk);
	if (conn && !chimdrv_conn_get(conn))
		conn = NULL;
	rcu_read_unlock();
	return conn;
}

/* --------------------------------------------------- address family operations */

/*
 * Every transmission of Linux TCP passes here. While Linux TCP stands still none may go
 * out: a segment that arrives shows that a valve was left open; it is counted and
 * dropped, and the error leaves it unsent in the write queue. After a reset TCP throws
 * its write queue away, but the card may still be reading from it, so it is kept.
 */
static int gate_xmit(struct sock *sk, struct sk_buff *skb, struct flowi *fl)
{
	const struct chimdrv_af *af = container_of(inet_csk(sk)->icsk_af_ops, struct chimdrv_af,
						   ops);
	struct chimdrv_conn *conn;
	bool closed = false;

	rcu_read_lock();
	conn = rcu_dereference(inet_csk(sk)->icsk_ulp_data);
	if (conn && READ_ONCE(conn->state) > CHIMDRV_HOLDING) {
		chimdrv_count(conn->cd, gate_xmits);
		if (tcp_hdr(skb)->rst) {
			set_bit(CHIMDRV_C_QUIET, &conn->bits);
			chimdrv_write_keep(conn);
		}
		closed = true;
	}
	rcu_read_unlock();
	if (!closed)
		return af->base->queue_xmit(sk, skb, fl);
	kfree_skb(skb);
	return -ENOBUFS;
}

static struct chimdrv_af *af_get(const struct inet_connection_sock_af_ops *base)
{
	struct chimdrv_af *af = NULL;
	unsigned int i;

	mutex_lock(&af_lock);
	for (i = 0; i < ARRAY_SIZE(afs); i++) {
		if (!afs[i].base) {
			afs[i].ops = *base;
			afs[i].ops.queue_xmit = gate_xmit;
			afs[i].base = base;
		}
		if (afs[i].base == base) {
			af = &afs[i];
			break;
		}
	}
	mutex_unlock(&af_lock);
	return af;
}

/* ------------------------------------------------------------ attach and detach */

/*
 * The socket is owned and has been checked. From here on we receive its segments. A task
 * that waits for the socket has already chosen Linux TCP's operation, for instance
 * TCP_ULP, which would find the slot taken: unless we @insist, give up with -EAGAIN.
 */
int chimdrv_attach(struct chimdrv_conn *conn, bool insist)
{
	struct sock *sk = conn->sk;
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct proto *base = READ_ONCE(sk->sk_prot);
	int i, err = 0;

	lockdep_assert_once(lockdep_sock_is_held(sk));
	for (i = 0; i < CHIMDRV_PROTS; i++)
		if (base == base_prot[i])
			break;
	if (i == CHIMDRV_PROTS || icsk->icsk_ulp_ops)
		return -EEXIST;
	conn->af = af_get(icsk->icsk_af_ops);
	if (!conn->af)
		return -EAFNOSUPPORT;
	if (!try_module_get(THIS_MODULE))
		return -ENOENT;
	spin_lock_bh(&sk->sk_lock.slock);
	chimdrv_bar_lock(sk);
	/* a BPF program may have put it into a sockmap, under slock alone */
	if (READ_ONCE(sk->sk_prot) != base || icsk->icsk_ulp_ops)
		err = -EEXIST;
	/* slock is the barrier: __lock_sock() holds it when it queues a waiter */
	else if (!insist && waitqueue_active(&sk->sk_lock.wq))
		err = -EAGAIN;
	else if (chimdrv_barred(sk))
		err = -EBUSY;
	if (err) {
		chimdrv_bar_unlock(sk);
		spin_unlock_bh(&sk->sk_lock.slock);
		module_put(THIS_MODULE);
		return err;
	}
	refcount_inc(&conn->refs);	/* the socket's */
	chimdrv_conn_set_state(conn, CHIMDRV_HOLDING);
	icsk->icsk_ulp_ops = ops->ulp;
	rcu_assign_pointer(icsk->icsk_ulp_data, conn);
	sk->sk_backlog_rcv = ops->backlog_rcv;
	icsk->icsk_af_ops = &conn->af->ops;
	WRITE_ONCE(sk->sk_prot, &our_prot[i]);
	chimdrv_bar_unlock(sk);
	spin_unlock_bh(&sk->sk_lock.slock);
	return 0;
}

/* By an RST or both FINs: nothing more comes of it. */
static bool has_ended(const struct chimdrv_conn *conn)
{
	return test_bit(CHIMDRV_C_PEER_RST, &conn->bits) ||
	       test_bit(CHIMDRV_C_RESET, &conn->bits) ||
	       (test_bit(CHIMDRV_C_FINAL, &conn->bits) && conn->final.state == CHIM_TCP_CLOSED);
}

/*
 * slock held and the queues ours. Frees the ULP slot, so that the socket may be offloaded
 * again or take another ULP, and drops the socket's reference.
 */
void chimdrv_detach(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct proto *base = chimdrv_attach_base(sk);

	lockdep_assert_held(&sk->sk_lock.slock);
	WRITE_ONCE(sk->sk_prot, base);
	icsk->icsk_af_ops = conn->af->base;
	sk->sk_backlog_rcv = base->backlog_rcv;
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6 && conn->af->base->net_header_len == sizeof(struct iphdr))
		sk->sk_backlog_rcv = chimdrv_compat_v4_do_rcv;	/* mapped: what the kernel sets */
#endif
	RCU_INIT_POINTER(icsk->icsk_ulp_data, NULL);
	icsk->icsk_ulp_ops = NULL;
	if (sk->sk_socket)
		set_bit(SOCK_SUPPORT_ZC, &sk->sk_socket->flags);
	chimdrv_conn_set_state(conn, CHIMDRV_HOST);
	chimdrv_route_drop(conn);
	chimdrv_conntrack_let_go(conn, has_ended(conn));
	set_bit(CHIMDRV_C_DETACHED, &conn->bits);
	wake_up_all(&conn->wait);
	module_put(THIS_MODULE);
}

static void prot_build(int i, struct proto *base)
{
	base_prot[i] = base;
	our_prot[i] = *base;
	ops->build(&our_prot[i]);
}

/* Called once, before the first socket is attached; @with must outlive the last one. */
void chimdrv_attach_init(const struct chimdrv_attach_ops *with)
{
	ops = with;
	prot_build(CHIMDRV_PROT4, &tcp_prot);
#if IS_ENABLED(CONFIG_IPV6)
	prot_build(CHIMDRV_PROT6, &tcpv6_prot);
#endif
}
