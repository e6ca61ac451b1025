// SPDX-License-Identifier: GPL-2.0-only
/*
 * The upper layer protocol "chimney", and the calls for which the connection must be
 * with Linux TCP (close, shutdown, disconnect, destroy, some socket options): they
 * upload first and then call the kernel's own function. All other calls, above all
 * sendmsg and recvmsg, stay the kernel's. attach.c takes sockets over; if a socket dies
 * while it is ours, this file resets sk_prot and icsk_ulp_data.
 */
#include <linux/module.h>
#include <net/inet_common.h>
#include <net/ip.h>
#include <net/transp_v6.h>

#include "offload/life/ulp.h"
#include "compat/options.h"
#include "offload/ask.h"
#include "offload/conn.h"
#include "offload/life/candidate_types.h"
#include "offload/life/hook.h"
#include "offload/life/offload.h"
#include "offload/life/progress.h"
#include "offload/socket/attach.h"
#include "offload/socket/bar.h"
#include "offload/socket/conntrack.h"
#include "offload/socket/write.h"

/* --------------------------------------------------------- operations of the proto */

static void upload_soon(struct sock *sk, enum chimdrv_why why)
{
	struct chimdrv_conn *conn = chimdrv_attach_conn_get(sk);

	if (!conn)
		return;
	chimdrv_ask_upload(conn, why);
	chimdrv_conn_put(conn);
}

/*
 * Upload and wait; no lock held, the socket barred. -EINTR: the task is being killed.
 * Close and shutdown cannot be given up, and wait on.
 */
static int upload_and_wait(struct sock *sk, enum chimdrv_why why)
{
	struct chimdrv_conn *conn = chimdrv_attach_conn_get(sk);
	int err = 0;

	if (!conn)
		return 0;
	chimdrv_ask_upload(conn, why);
	if (why == CHIMDRV_WHY_CLOSE || why == CHIMDRV_WHY_SHUTDOWN)
		chimdrv_ask_wait_end(conn);
	else
		err = chimdrv_ask_wait(conn, MAX_SCHEDULE_TIMEOUT);
	chimdrv_conn_put(conn);
	return err;
}

/* The same for callers that own the socket: ownership is given up meanwhile. */
static int upload_owned(struct sock *sk, enum chimdrv_why why)
{
	int err;

	release_sock(sk);
	err = upload_and_wait(sk, why);
	lock_sock(sk);
	return err;
}

/* A call begins that needs the socket with Linux TCP: no offload until op_end(). */
static void op_begin(struct chimdrv_bar *bar, struct sock *sk)
{
	__module_get(THIS_MODULE);	/* the socket's reference goes away inside */
	chimdrv_bar_set(bar, sk);
}

static void op_end(struct chimdrv_bar *bar)
{
	chimdrv_bar_clear(bar);
	module_put(THIS_MODULE);
}

static void op_close(struct sock *sk, long timeout)
{
	struct chimdrv_bar bar;

	op_begin(&bar, sk);
	upload_and_wait(sk, CHIMDRV_WHY_CLOSE);
	chimdrv_attach_base(sk)->close(sk, timeout);
	op_end(&bar);
}

static void op_shutdown(struct sock *sk, int how)
{
	struct chimdrv_bar bar;

	op_begin(&bar, sk);
	if (how & SEND_SHUTDOWN)
		upload_owned(sk, CHIMDRV_WHY_SHUTDOWN);
	chimdrv_attach_base(sk)->shutdown(sk, how);
	op_end(&bar);
}

static int op_disconnect(struct sock *sk, int flags)
{
	struct chimdrv_bar bar;
	int err;

	op_begin(&bar, sk);
	err = upload_owned(sk, CHIMDRV_WHY_DISCONNECT);
	if (!err)
		err = chimdrv_attach_base(sk)->disconnect(sk, flags);
	op_end(&bar);
	return err;
}

static int op_diag_destroy(struct sock *sk, int error)
{
	struct chimdrv_bar bar;
	int err;

	op_begin(&bar, sk);
	if (has_current_bpf_ctx()) {	/* owns the socket already, and may not sleep */
		upload_soon(sk, CHIMDRV_WHY_DESTROY);
		err = chimdrv_is_ours(sk) ? -EAGAIN : 0;
	} else {
		err = upload_and_wait(sk, CHIMDRV_WHY_DESTROY);
	}
	if (!err)
		err = chimdrv_attach_base(sk)->diag_destroy(sk, error);
	op_end(&bar);
	return err;
}

/* Options with which the connection cannot stay with the target, or that need the ULP slot. */
static bool option_uploads(int level, int name)
{
	if (level == SOL_TCP)
		return name == TCP_REPAIR || name == TCP_MD5SIG || name == TCP_MD5SIG_EXT ||
		       name == TCP_ULP || name == TCP_CONGESTION || name == TCP_TX_DELAY ||
		       (name >= CHIMDRV_TCP_AO_FIRST && name <= CHIMDRV_TCP_AO_LAST);
	if (level == SOL_IP)
		return name == IP_OPTIONS || name == IP_MINTTL || name == IP_XFRM_POLICY ||
		       name == IP_IPSEC_POLICY;
	if (level == SOL_IPV6)
		return name == IPV6_ADDRFORM || name == IPV6_MINHOPCOUNT ||
		       name == IPV6_XFRM_POLICY || name == IPV6_IPSEC_POLICY ||
		       name == IPV6_RTHDR || name == IPV6_HOPOPTS ||
		       name == IPV6_DSTOPTS || name == IPV6_RTHDRDSTOPTS ||
		       name == IPV6_2292PKTOPTIONS;
	return false;
}

/* Options that some programs set with each message; their calls take the socket lock. */
static bool is_frequent(int level, int name)
{
	return level == SOL_TCP &&
	       (name == TCP_NODELAY || name == TCP_CORK || name == TCP_QUICKACK);
}

/* Some options are set without the socket lock, so no release_cb sees the change: look now. */
static void look_after_option(struct sock *sk)
{
	struct chimdrv_conn *conn = chimdrv_attach_conn_get(sk);

	if (!conn)
		return;
	chimdrv_progress_look(conn);
	chimdrv_conn_put(conn);
}

static int op_setsockopt(struct sock *sk, int level, int name, sockptr_t val, unsigned int len)
{
	bool barred = option_uploads(level, name);
	struct chimdrv_bar bar;
	int err = 0;

	__module_get(THIS_MODULE);
	if (barred) {
		chimdrv_bar_set(&bar, sk);
		err = upload_and_wait(sk, CHIMDRV_WHY_SOCKOPT);
	}
	if (!err)
		err = chimdrv_attach_base(sk)->setsockopt(sk, level, name, val, len);
	if (barred)
		chimdrv_bar_clear(&bar);
	else if (!err && !is_frequent(level, name))
		look_after_option(sk);
	module_put(THIS_MODULE);
	return err;
}

/*
 * A program sees the ULP only if it has asked for it; `ss -i` shows the administrator
 * what is really there.
 */
static int op_getsockopt(struct sock *sk, int level, int name, char __user *val, int __user *len)
{
	struct chimdrv_conn *conn;
	bool hidden = false;
	int n, err;

	__module_get(THIS_MODULE);
	if (level == SOL_TCP && name == TCP_ULP) {
		rcu_read_lock();
		conn = chimdrv_attach_conn(sk);
		hidden = conn && !READ_ONCE(conn->asked_for);
		rcu_read_unlock();
	}
	if (!hidden)
		err = chimdrv_attach_base(sk)->getsockopt(sk, level, name, val, len);
	else if (get_user(n, len))	/* as for a socket without a ULP */
		err = -EFAULT;
	else
		err = n < 0 ? -EINVAL : put_user(0, len);
	module_put(THIS_MODULE);
	return err;
}

/*
 * Called at the end of every section in which a process owned the socket: sees
 * everything that the program did, and delivers what came meanwhile. slock held. The
 * kernel's own part comes first; on 6.1 it may give up ownership, but never slock.
 */
static void op_release_cb(struct sock *sk)
{
	struct chimdrv_conn *conn;

	chimdrv_attach_base(sk)->release_cb(sk);
	conn = chimdrv_attach_conn(sk);
	if (!conn || !chimdrv_conn_get(conn))
		return;
	chimdrv_progress_released(conn);
	chimdrv_conn_put(conn);
}

/* ------------------------------------------------------------------ the ULP itself */

/*
 * setsockopt(TCP_ULP, "chimney"), socket owned: offload this socket. The lock is
 * released meanwhile, because fence and card take time.
 */
static int ulp_init(struct sock *sk)
{
	struct chimdrv_candidate c = { .sk = sk };
	struct chimdrv_conn *conn;
	LIST_HEAD(list);

	if (sk->sk_socket)	/* cleared by the caller for other ULPs' sake */
		set_bit(SOCK_SUPPORT_ZC, &sk->sk_socket->flags);
	sock_hold(sk);
	list_add(&c.node, &list);
	release_sock(sk);
	chimdrv_offload_list(&list);
	lock_sock(sk);
	sock_put(sk);
	if (c.err)
		return c.err;
	conn = chimdrv_attach_conn(sk);
	if (!conn)
		return -EAGAIN;		/* has gone back already */
	WRITE_ONCE(conn->asked_for, true);
	/* attach took a reference of its own; the caller's would be one too many */
	module_put(THIS_MODULE);
	return 0;
}

/*
 * A socket dies without having passed an operation above: its close had begun before it
 * was ours, and data was unread. What the card may still read outlives it; the worker
 * ends the connection and has the target send the RST that the gate has dropped.
 */
static void ulp_release(struct sock *sk)
{
	struct chimdrv_conn *conn = rcu_dereference_protected(inet_csk(sk)->icsk_ulp_data, true);

	if (!conn)
		return;
	RCU_INIT_POINTER(inet_csk(sk)->icsk_ulp_data, NULL);
	WRITE_ONCE(sk->sk_prot, chimdrv_attach_base(sk));
	chimdrv_write_keep(conn);
	chimdrv_conntrack_let_go(conn, true);
	set_bit(CHIMDRV_C_DETACHED, &conn->bits);
	chimdrv_ask_upload(conn, CHIMDRV_WHY_DESTROY);
	wake_up_all(&conn->wait);
	chimdrv_conn_put(conn);
}

static struct tcp_ulp_ops chimdrv_ulp_ops = {
	.name		= CHIMDRV_NAME,
	.owner		= THIS_MODULE,
	.init		= ulp_init,
	.release	= ulp_release,
};

/* Put our calls into a copy of the address family's operations. */
static void build(struct proto *prot)
{
	prot->close = op_close;
	prot->shutdown = op_shutdown;
	prot->disconnect = op_disconnect;
	prot->diag_destroy = op_diag_destroy;
	prot->setsockopt = op_setsockopt;
	prot->getsockopt = op_getsockopt;
	prot->release_cb = op_release_cb;
}

static const struct chimdrv_attach_ops attach_ops = {
	.build		= build,
	.ulp		= &chimdrv_ulp_ops,
	.backlog_rcv	= chimdrv_backlog_rcv,
};

int chimdrv_ulp_init(void)
{
	chimdrv_bar_init();
	chimdrv_attach_init(&attach_ops);
	return tcp_register_ulp(&chimdrv_ulp_ops);
}

/* No socket is ours any more; a task may still be in the tail of an operation. */
void chimdrv_ulp_exit(void)
{
	tcp_unregister_ulp(&chimdrv_ulp_ops);
	synchronize_rcu();
	synchronize_rcu_tasks();
}

MODULE_ALIAS_TCP_ULP("chimney");
