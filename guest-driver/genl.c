// SPDX-License-Identifier: GPL-2.0-only
/*
 * The generic netlink family "chimney": what chimneyctl and tests ask of the
 * driver, and its events. Selects connections by tuple, port, process or all, and
 * leaves the work to offload.c, upload.c and update.c.
 */
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/pid.h>
#include <linux/sched/task.h>
#include <net/genetlink.h>
#include <net/inet6_hashtables.h>
#include <net/inet_hashtables.h>

#include "chimdrv_conn.h"

#define MAX_SELECTED	65536
#define OFFLOAD_TRIES	10	/* for conditions that pass by themselves */

static struct genl_family chimney_family;

static const struct nla_policy chimney_policy_attrs[CHIMNEY_A_COUNT] = {
	[CHIMNEY_A_IFINDEX]	= { .type = NLA_U32 },
	[CHIMNEY_A_FAMILY]	= { .type = NLA_U16 },
	[CHIMNEY_A_LADDR]	= { .type = NLA_BINARY, .len = 16 },
	[CHIMNEY_A_RADDR]	= { .type = NLA_BINARY, .len = 16 },
	[CHIMNEY_A_LPORT]	= { .type = NLA_U16 },
	[CHIMNEY_A_RPORT]	= { .type = NLA_U16 },
	[CHIMNEY_A_ALL]		= { .type = NLA_FLAG },
	[CHIMNEY_A_PORT]	= { .type = NLA_U16 },
	[CHIMNEY_A_PID]		= { .type = NLA_U32 },
	[CHIMNEY_A_ABORTIVE]	= { .type = NLA_FLAG },
	[CHIMNEY_A_MODE]	= { .type = NLA_U32 },
	[CHIMNEY_A_SEED]	= { .type = NLA_U32 },
};

/* ---------------------------------------------------------------------------- selection */

/* Sockets that a command means, each with a reference. */
struct selection {
	struct list_head list;		/* struct chimdrv_candidate */
	unsigned int n;
	bool by_port;
	u16 port;
	bool offloaded;			/* only those that are with the card, else only others */
	struct net *net;
	int err;
};

static bool select_sock(struct sock *sk, void *arg)
{
	struct selection *s = arg;
	struct chimdrv_candidate *c;
	struct chimdrv_dev *cd;

	if (s->by_port && inet_sk(sk)->inet_num != s->port)
		return true;
	if (chimdrv_ulp_is_ours(sk) != s->offloaded)
		return true;
	/* for offloads, sockets of other devices are not even refused */
	if (!s->offloaded && (chimdrv_policy_check(sk, &cd) == CHIMDRV_NO_DEVICE ||
			      chimdrv_policy_check(sk, &cd) == CHIMDRV_NO_ROUTE))
		return true;
	if (s->n >= MAX_SELECTED)
		return false;
	c = kzalloc(sizeof(*c), GFP_ATOMIC);
	if (!c) {
		s->err = -ENOMEM;
		return false;
	}
	sock_hold(sk);
	c->sk = sk;
	list_add_tail(&c->node, &s->list);
	s->n++;
	return true;
}

static int select_file(const void *arg, struct file *file, unsigned int fd)
{
	struct selection *s = (struct selection *)arg;
	struct socket *sock = sock_from_file(file);
	struct sock *sk = sock ? sock->sk : NULL;

	if (!sk || (sk->sk_family != AF_INET && sk->sk_family != AF_INET6) ||
	    sk->sk_protocol != IPPROTO_TCP || sk->sk_type != SOCK_STREAM ||
	    !sk_fullsock(sk) || !net_eq(sock_net(sk), s->net) ||
	    (sk->sk_state != TCP_ESTABLISHED && sk->sk_state != TCP_CLOSE_WAIT))
		return 0;
	select_sock(sk, s);
	return 0;
}

static int select_pid(struct selection *s, pid_t pid)
{
	struct task_struct *task;

	rcu_read_lock();
	task = pid_task(find_vpid(pid), PIDTYPE_TGID);
	if (task)
		get_task_struct(task);
	rcu_read_unlock();
	if (!task)
		return -ESRCH;
	task_lock(task);
	if (task->files)
		iterate_fd(task->files, 0, select_file, s);
	task_unlock(task);
	put_task_struct(task);
	return s->err;
}

static struct sock *find_tuple(struct net *net, struct genl_info *info)
{
	struct inet_hashinfo *h = net->ipv4.tcp_death_row.hashinfo;
	struct nlattr **a = info->attrs;
	struct sock *sk = NULL;
	u16 lport, rport;
	bool v6;

	if (!a[CHIMNEY_A_LADDR] || !a[CHIMNEY_A_RADDR] || !a[CHIMNEY_A_LPORT] ||
	    !a[CHIMNEY_A_RPORT] || !a[CHIMNEY_A_FAMILY])
		return NULL;
	v6 = nla_get_u16(a[CHIMNEY_A_FAMILY]) == AF_INET6;
	if (nla_len(a[CHIMNEY_A_LADDR]) != (v6 ? 16 : 4) ||
	    nla_len(a[CHIMNEY_A_RADDR]) != (v6 ? 16 : 4))
		return NULL;
	lport = nla_get_u16(a[CHIMNEY_A_LPORT]);
	rport = nla_get_u16(a[CHIMNEY_A_RPORT]);
	if (!v6)
		sk = __inet_lookup_established(net, h, nla_get_in_addr(a[CHIMNEY_A_RADDR]),
					       htons(rport), nla_get_in_addr(a[CHIMNEY_A_LADDR]),
					       lport, 0, 0);
#if IS_ENABLED(CONFIG_IPV6)
	else
		sk = __inet6_lookup_established(net, h, nla_data(a[CHIMNEY_A_RADDR]), htons(rport),
						nla_data(a[CHIMNEY_A_LADDR]), lport, 0, 0);
#endif
	if (sk && !sk_fullsock(sk)) {
		sock_gen_put(sk);
		sk = NULL;
	}
	return sk;
}

static int select_info(struct selection *s, struct genl_info *info, bool offloaded)
{
	struct chimdrv_candidate *c;
	struct sock *sk;

	memset(s, 0, sizeof(*s));
	INIT_LIST_HEAD(&s->list);
	s->offloaded = offloaded;
	s->net = genl_info_net(info);
	if (info->attrs[CHIMNEY_A_PID])
		return select_pid(s, nla_get_u32(info->attrs[CHIMNEY_A_PID]));
	if (info->attrs[CHIMNEY_A_PORT]) {
		s->by_port = true;
		s->port = nla_get_u16(info->attrs[CHIMNEY_A_PORT]);
	}
	if (s->by_port || info->attrs[CHIMNEY_A_ALL]) {
		chimdrv_each_socket(s->net, select_sock, s);
		return s->err;
	}
	local_bh_disable();
	sk = find_tuple(s->net, info);
	local_bh_enable();
	if (!sk) {
		GENL_SET_ERR_MSG(info, "no such established connection");
		return -ENOENT;
	}
	c = kzalloc(sizeof(*c), GFP_KERNEL);
	if (!c) {
		sock_put(sk);
		return -ENOMEM;
	}
	c->sk = sk;
	list_add_tail(&c->node, &s->list);
	s->n = 1;
	return 0;
}

static void selection_free(struct list_head *list)
{
	struct chimdrv_candidate *c, *next;

	list_for_each_entry_safe(c, next, list, node) {
		list_del(&c->node);
		sock_put(c->sk);
		kfree(c);
	}
}

/* The connection of a selected socket, with a reference, or NULL. */
static struct chimdrv_conn *conn_of(struct sock *sk)
{
	struct chimdrv_conn *conn;

	rcu_read_lock();
	conn = chimdrv_ulp_conn(sk);
	if (conn && !chimdrv_conn_get(conn))
		conn = NULL;
	rcu_read_unlock();
	return conn;
}

/* ------------------------------------------------------------------------------ answers */

static struct sk_buff *reply_new(struct genl_info *info, u8 cmd, void **hdr)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);

	if (!msg)
		return NULL;
	*hdr = genlmsg_put_reply(msg, info, &chimney_family, 0, cmd);
	if (*hdr)
		return msg;
	nlmsg_free(msg);
	return NULL;
}

static int reply_counts(struct genl_info *info, u8 cmd, u32 done, u32 refused, const char *reason)
{
	struct sk_buff *msg;
	void *hdr;

	msg = reply_new(info, cmd, &hdr);
	if (!msg)
		return -ENOMEM;
	if (nla_put_u32(msg, CHIMNEY_A_DONE, done) ||
	    nla_put_u32(msg, CHIMNEY_A_REFUSED, refused) ||
	    (reason && nla_put_string(msg, CHIMNEY_A_REASON, reason))) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

static int put_tuple(struct sk_buff *msg, const struct sock *sk)
{
	const struct inet_sock *inet = inet_sk(sk);
	bool v6 = false;
	int err = 0;

#if IS_ENABLED(CONFIG_IPV6)
	v6 = sk->sk_family == AF_INET6 && !ipv6_addr_v4mapped(&sk->sk_v6_daddr);
	if (v6)
		err = nla_put_in6_addr(msg, CHIMNEY_A_LADDR, &sk->sk_v6_rcv_saddr) ?:
		      nla_put_in6_addr(msg, CHIMNEY_A_RADDR, &sk->sk_v6_daddr);
#endif
	if (!v6)
		err = nla_put_in_addr(msg, CHIMNEY_A_LADDR, inet->inet_rcv_saddr) ?:
		      nla_put_in_addr(msg, CHIMNEY_A_RADDR, inet->inet_daddr);
	return err ?: nla_put_u16(msg, CHIMNEY_A_FAMILY, v6 ? AF_INET6 : AF_INET) ?:
	       nla_put_u16(msg, CHIMNEY_A_LPORT, ntohs(inet->inet_sport)) ?:
	       nla_put_u16(msg, CHIMNEY_A_RPORT, ntohs(inet->inet_dport));
}

static int put_conn(struct sk_buff *msg, const struct chimdrv_conn *conn)
{
	const struct tcp_sock *tp = tcp_sk(conn->sk);

	return put_tuple(msg, conn->sk) ?:
	       nla_put_u32(msg, CHIMNEY_A_IFINDEX, conn->cd->net->netdev->ifindex) ?:
	       nla_put_string(msg, CHIMNEY_A_STATE,
			      chimdrv_conn_state_name(READ_ONCE(conn->state))) ?:
	       nla_put_u32(msg, CHIMNEY_A_HANDLE, conn->handle) ?:
	       nla_put_u32(msg, CHIMNEY_A_PAIR, conn->pair->number) ?:
	       nla_put_u64_64bit(msg, CHIMNEY_A_BYTES_IN, conn->bytes_in, CHIMNEY_A_PAD) ?:
	       nla_put_u64_64bit(msg, CHIMNEY_A_BYTES_OUT, conn->bytes_out, CHIMNEY_A_PAD) ?:
	       nla_put_u32(msg, CHIMNEY_A_SENDQ, READ_ONCE(tp->write_seq) -
						 READ_ONCE(tp->snd_una)) ?:
	       nla_put_u32(msg, CHIMNEY_A_RECVQ, READ_ONCE(tp->rcv_nxt) -
						 READ_ONCE(tp->copied_seq)) ?:
	       nla_put_u32(msg, CHIMNEY_A_POSTED, READ_ONCE(conn->posted_bytes)) ?:
	       nla_put_u32(msg, CHIMNEY_A_HELD, skb_queue_len_lockless(&conn->hold));
}

/* ---------------------------------------------------------------------- offload, upload */

static int cmd_offload(struct sk_buff *skb, struct genl_info *info)
{
	u32 done = 0, refused = 0, tries;
	struct chimdrv_candidate *c, *next;
	const char *reason = NULL;
	struct selection s;
	LIST_HEAD(again);
	LIST_HEAD(end);
	int err = select_info(&s, info, false);

	for (tries = 0; !err && tries < OFFLOAD_TRIES && !list_empty(&s.list); tries++) {
		if (tries)
			msleep(20);
		chimdrv_offload_list(&s.list);
		list_for_each_entry_safe(c, next, &s.list, node)
			if (c->err != -EAGAIN)
				list_move_tail(&c->node, &end);
	}
	list_splice_tail_init(&s.list, &end);
	list_for_each_entry(c, &end, node) {
		if (!c->err) {
			done++;
			continue;
		}
		refused++;
		if (!reason)
			reason = chimdrv_offload_refusal_name(c->refusal);
	}
	selection_free(&end);
	return err ?: reply_counts(info, CHIMNEY_CMD_OFFLOAD, done, refused, reason);
}

static int cmd_upload(struct sk_buff *skb, struct genl_info *info)
{
	u32 done = 0, refused = 0;
	struct chimdrv_candidate *c;
	struct selection s;
	int err = select_info(&s, info, true);

	/* ask for all, then wait for all: the worker takes them in batches */
	list_for_each_entry(c, &s.list, node) {
		c->conn = conn_of(c->sk);
		if (c->conn)
			chimdrv_upload_ask(c->conn, CHIMDRV_WHY_REQUEST);
		else
			refused++;
	}
	list_for_each_entry(c, &s.list, node) {
		if (!c->conn)
			continue;
		chimdrv_upload_wait(c->conn);
		chimdrv_conn_put(c->conn);
		done++;
	}
	selection_free(&s.list);
	return err ?: reply_counts(info, CHIMNEY_CMD_UPLOAD, done, refused,
				   refused ? "not-offloaded" : NULL);
}

/* ------------------------------------------------------- operations on one connection */

/* The one connection that a tuple names. */
static struct chimdrv_conn *conn_by_info(struct genl_info *info, int *err)
{
	struct chimdrv_conn *conn;
	struct sock *sk;

	local_bh_disable();
	sk = find_tuple(genl_info_net(info), info);
	local_bh_enable();
	*err = -ENOENT;
	if (!sk) {
		GENL_SET_ERR_MSG(info, "no such established connection");
		return NULL;
	}
	conn = conn_of(sk);
	sock_put(sk);
	if (!conn)
		GENL_SET_ERR_MSG(info, "the connection is not offloaded");
	*err = 0;
	return conn;
}

/* A graceful or abortive close that the target does itself; the rest follows by upload. */
static int cmd_disconnect(struct sk_buff *skb, struct genl_info *info)
{
	u32 flags = info->attrs[CHIMNEY_A_ABORTIVE] ? CHIM_DISCONNECT_ABORTIVE :
						      CHIM_DISCONNECT_GRACEFUL;
	struct chimdrv_conn *conn;
	int err;

	conn = conn_by_info(info, &err);
	if (!conn)
		return err ?: -ENOTCONN;
	lock_sock(conn->sk);
	spin_lock_bh(&conn->sk->sk_lock.slock);
	err = -EAGAIN;
	if (conn->state == CHIMDRV_OFFLOADED && !test_bit(CHIMDRV_C_QUIET, &conn->bits)) {
		if (!(flags & CHIM_DISCONNECT_ABORTIVE))
			chimdrv_send_post(conn);
		/* behind everything written so far (DIS-3) */
		if ((flags & CHIM_DISCONNECT_ABORTIVE) ||
		    conn->posted_seq == tcp_sk(conn->sk)->write_seq)
			err = chimdrv_sq_disconnect(conn, flags);
	}
	spin_unlock_bh(&conn->sk->sk_lock.slock);
	release_sock(conn->sk);
	chimdrv_conn_put(conn);
	return err ?: reply_counts(info, CHIMNEY_CMD_DISCONNECT, 1, 0, NULL);
}

static int cmd_update(struct sk_buff *skb, struct genl_info *info)
{
	struct chimdrv_conn *conn;
	int err;

	conn = conn_by_info(info, &err);
	if (!conn)
		return err ?: -ENOTCONN;
	chimdrv_update_ask(conn);
	chimdrv_conn_put(conn);
	return reply_counts(info, CHIMNEY_CMD_UPDATE, 1, 0, NULL);
}

/* A list with one node, run under od->mutex while the target owns the connection. */
static int one_node(struct chimdrv_conn *conn, u8 op, u8 type, u32 len, void *state)
{
	struct chimdrv_offload *od = chimdrv_od(conn->cd);
	struct chimdrv_admin_cmd cmd = { };
	struct chimdrv_blist bl;
	struct chim_node *n;
	int err, off = 0;

	err = chimdrv_blist_init(&bl, 1);
	if (err)
		return err;
	mutex_lock(&od->mutex);
	err = -ENOTCONN;
	if (READ_ONCE(conn->state) != CHIMDRV_OFFLOADED)
		goto out;
	chimdrv_blist_node(&bl, CHIM_ROLE_OBJECT, type, conn->handle, conn->cookie);
	if (len) {
		off = chimdrv_blist_reserve(&bl, len);
		err = off;
		if (off < 0)
			goto out;
		((struct chim_state_hdr *)chimdrv_blist_ptr(&bl, off))->length = cpu_to_le32(len);
		n = chimdrv_blist_at(&bl, 0);
		n->state_off = cpu_to_le32(off);
		n->state_len = cpu_to_le32(len);
	}
	err = chimdrv_stateop_exec(conn->cd, op, &bl, 0, 0, &cmd);
	if (!err && (cmd.status || chimdrv_blist_at(&bl, 0)->status))
		err = -EREMOTEIO;
	if (!err && len)
		memcpy(state, chimdrv_blist_ptr(&bl, off), len);
out:
	mutex_unlock(&od->mutex);
	chimdrv_blist_fini(&bl);
	return err;
}

static int put_query(struct sk_buff *msg, const struct chimdrv_tcp_state *s)
{
	return nla_put_u32(msg, CHIMNEY_A_Q_STATE, s->state) ?:
	       nla_put_u32(msg, CHIMNEY_A_Q_RCV_NXT, s->rcv_nxt) ?:
	       nla_put_u32(msg, CHIMNEY_A_Q_RCV_WND, s->rcv_wnd) ?:
	       nla_put_u32(msg, CHIMNEY_A_Q_SND_UNA, s->snd_una) ?:
	       nla_put_u32(msg, CHIMNEY_A_Q_SND_NXT, s->snd_nxt) ?:
	       nla_put_u32(msg, CHIMNEY_A_Q_SND_MAX, s->snd_max) ?:
	       nla_put_u32(msg, CHIMNEY_A_Q_SND_WND, s->snd_wnd) ?:
	       nla_put_u32(msg, CHIMNEY_A_Q_CWND, s->cwnd) ?:
	       nla_put_u32(msg, CHIMNEY_A_Q_SSTHRESH, s->ssthresh) ?:
	       nla_put_u32(msg, CHIMNEY_A_Q_SRTT_US, s->srtt_us / 8) ?:
	       nla_put_u32(msg, CHIMNEY_A_Q_SEND_BACKLOG, s->send_backlog) ?:
	       nla_put_u32(msg, CHIMNEY_A_Q_RECEIVE_BACKLOG, s->receive_backlog);
}

static int cmd_query(struct sk_buff *skb, struct genl_info *info)
{
	struct chim_tcp_delegated d;
	struct chimdrv_tcp_state s = { };
	struct chimdrv_conn *conn;
	struct sk_buff *msg;
	void *hdr;
	int err;

	conn = conn_by_info(info, &err);
	if (!conn)
		return err ?: -ENOTCONN;
	err = one_node(conn, CHIM_OP_QUERY, CHIM_TCP_DELEGATED, sizeof(d), &d);
	chimdrv_count(conn->cd, queries);
	if (err)
		goto out;
	chimdrv_state_import(&s, &d);
	err = -ENOMEM;
	msg = reply_new(info, CHIMNEY_CMD_QUERY, &hdr);
	if (!msg)
		goto out;
	err = put_conn(msg, conn) ?: put_query(msg, &s);
	if (err) {
		nlmsg_free(msg);
		goto out;
	}
	genlmsg_end(msg, hdr);
	err = genlmsg_reply(msg, info);
out:
	chimdrv_conn_put(conn);
	return err;
}

/* The card asks for the upload itself afterwards (INV-6). */
static int cmd_invalidate(struct sk_buff *skb, struct genl_info *info)
{
	struct chimdrv_conn *conn;
	int err;

	conn = conn_by_info(info, &err);
	if (!conn)
		return err ?: -ENOTCONN;
	err = one_node(conn, CHIM_OP_INVALIDATE, CHIM_TCP_DELEGATED, 0, NULL);
	chimdrv_count(conn->cd, invalidates);
	chimdrv_conn_put(conn);
	return err ?: reply_counts(info, CHIMNEY_CMD_INVALIDATE, 1, 0, NULL);
}

static int cmd_policy(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;
	void *hdr;
	int err;

	if (info->attrs[CHIMNEY_A_MODE]) {
		err = chimdrv_policy_set(nla_get_u32(info->attrs[CHIMNEY_A_MODE]),
					 info->attrs[CHIMNEY_A_SEED] ?
					 nla_get_u32(info->attrs[CHIMNEY_A_SEED]) : 1);
		if (err)
			return err;
	}
	msg = reply_new(info, CHIMNEY_CMD_POLICY, &hdr);
	if (!msg)
		return -ENOMEM;
	if (nla_put_u32(msg, CHIMNEY_A_MODE, chimdrv_policy_get())) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

/* -------------------------------------------------------------------------------- dumps */

/* A card's message does not fit into what a dump gets by default. */
static int dump_start(struct netlink_callback *cb)
{
	cb->min_dump_alloc = 24576;
	return 0;
}

/* One message per card of the caller's namespace; cb->args[0] counts cards. */
static int dump_cards(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd,
		      int (*fill)(struct sk_buff *msg, struct chimdrv_dev *cd))
{
	struct chimdrv_dev *cd;
	long i = 0;
	void *hdr;

	mutex_lock(&chimdrv_devs_lock);
	list_for_each_entry(cd, &chimdrv_devs, list) {
		if (i++ < cb->args[0] || !chimdrv_od(cd) || !cd->net ||
		    !net_eq(dev_net(cd->net->netdev), sock_net(skb->sk)))
			continue;
		hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
				  &chimney_family, NLM_F_MULTI, cmd);
		if (!hdr || nla_put_u32(skb, CHIMNEY_A_IFINDEX, cd->net->netdev->ifindex) ||
		    nla_put_string(skb, CHIMNEY_A_IFNAME, cd->net->netdev->name) ||
		    fill(skb, cd)) {
			if (hdr)
				genlmsg_cancel(skb, hdr);
			i--;
			break;
		}
		genlmsg_end(skb, hdr);
	}
	mutex_unlock(&chimdrv_devs_lock);
	cb->args[0] = i;
	return skb->len;
}

static int put_reason(struct sk_buff *msg, const char *group, const char *name, u64 n)
{
	struct nlattr *nest;

	if (!n)
		return 0;
	nest = nla_nest_start(msg, CHIMNEY_A_STAT);
	if (!nest || nla_put_string(msg, CHIMNEY_A_GROUP, group) ||
	    nla_put_string(msg, CHIMNEY_A_NAME, name) ||
	    nla_put_u64_64bit(msg, CHIMNEY_A_DRIVER, n, CHIMNEY_A_PAD))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

/* Why sockets were refused, and why connections went back: those that happened. */
static int fill_reasons(struct sk_buff *msg, struct chimdrv_offload *od)
{
	unsigned int i;
	int err = 0;

	for (i = 1; i < CHIMDRV_NO_COUNT && !err; i++)
		err = put_reason(msg, "refused", chimdrv_offload_refusal_name(i),
				 atomic64_read(&od->count.refused[i]));
	for (i = 1; i < CHIMDRV_WHY_COUNT && !err; i++)
		err = put_reason(msg, "why", chimdrv_upload_why_name(i),
				 atomic64_read(&od->count.why[i]));
	return err;
}

static int fill_status(struct sk_buff *msg, struct chimdrv_dev *cd)
{
	struct chimdrv_offload *od = chimdrv_od(cd);

	if ((test_bit(CHIMDRV_DEV_PAUSED, &cd->bits) && nla_put_flag(msg, CHIMNEY_A_PAUSED)) ||
	    (!od->up && nla_put_flag(msg, CHIMNEY_A_DOWN)))
		return -EMSGSIZE;
	return nla_put_u32(msg, CHIMNEY_A_CONNS, READ_ONCE(od->nconns)) ?:
	       nla_put_u32(msg, CHIMNEY_A_MAX_CONNS, cd->limits.conns) ?:
	       nla_put_u64_64bit(msg, CHIMNEY_A_FEATURES, cd->features, CHIMNEY_A_PAD) ?:
	       nla_put_u32(msg, CHIMNEY_A_MODE, chimdrv_policy_get()) ?:
	       nla_put_u64_64bit(msg, CHIMNEY_A_BYTES_IN,
				 atomic64_read(&od->count.bytes_in), CHIMNEY_A_PAD) ?:
	       nla_put_u64_64bit(msg, CHIMNEY_A_BYTES_OUT,
				 atomic64_read(&od->count.bytes_out), CHIMNEY_A_PAD) ?:
	       fill_reasons(msg, od);
}

static int dump_status(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dump_cards(skb, cb, CHIMNEY_CMD_STATUS, fill_status);
}

static int put_stat(struct sk_buff *msg, const char *name, const u64 *driver, const u64 *device)
{
	struct nlattr *nest = nla_nest_start(msg, CHIMNEY_A_STAT);

	if (!nest || nla_put_string(msg, CHIMNEY_A_NAME, name) ||
	    (driver && nla_put_u64_64bit(msg, CHIMNEY_A_DRIVER, *driver, CHIMNEY_A_PAD)) ||
	    (device && nla_put_u64_64bit(msg, CHIMNEY_A_DEVICE, *device, CHIMNEY_A_PAD)))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

#define DRV_PREFIX	"offload_"
#define DEV_PREFIX	"t_"	/* the target's counts of the cases */
#define NIC_PREFIX	"nic_"

static const char *plain_name(const char *device_name)
{
	if (!strncmp(device_name, DEV_PREFIX, strlen(DEV_PREFIX)))
		return device_name + strlen(DEV_PREFIX);
	if (!strncmp(device_name, NIC_PREFIX, strlen(NIC_PREFIX)))
		return device_name + strlen(NIC_PREFIX);
	return device_name;
}

/* The driver's value of one of the card's cases, or -1. */
static int driver_case(const char *device_name)
{
	unsigned int i;

	if (strncmp(device_name, DEV_PREFIX, strlen(DEV_PREFIX)))
		return -1;
	for (i = 0; i < chimdrv_offload_stats_count(); i++)
		if (!strcmp(chimdrv_offload_stats_name(i) + strlen(DRV_PREFIX),
			    device_name + strlen(DEV_PREFIX)))
			return i;
	return -1;
}

static int fill_stats(struct sk_buff *msg, struct chimdrv_dev *cd)
{
	unsigned int ndrv = chimdrv_offload_stats_count(), ndev = chimdrv_admin_stat_count(), i;
	u64 *drv = kcalloc(ndrv + ndev, sizeof(*drv), GFP_KERNEL), *dev = drv + ndrv;
	const char *name;
	bool have_dev;
	int err = 0, k;

	if (!drv)
		return -ENOMEM;
	chimdrv_offload_stats_read(cd, drv);
	have_dev = !chimdrv_admin_get_stats(cd, dev);
	for (i = 0; i < ndev && have_dev && !err; i++) {
		name = chimdrv_admin_stat_name(i);
		k = driver_case(name);
		err = put_stat(msg, plain_name(name), k < 0 ? NULL : &drv[k], &dev[i]);
	}
	for (i = 0; i < ndrv && !err; i++) {
		name = chimdrv_offload_stats_name(i) + strlen(DRV_PREFIX);
		for (k = 0; k < (int)ndev && have_dev; k++)
			if (driver_case(chimdrv_admin_stat_name(k)) == (int)i)
				break;
		if (!have_dev || k == (int)ndev)
			err = put_stat(msg, name, &drv[i], NULL);
	}
	kfree(drv);
	return err ?: fill_reasons(msg, chimdrv_od(cd));
}

static int dump_stats(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dump_cards(skb, cb, CHIMNEY_CMD_STATS, fill_stats);
}

/* One message per connection; cb->args[0]: name of the last one shown. */
static int dump_list(struct sk_buff *skb, struct netlink_callback *cb)
{
	unsigned long id = cb->args[0];
	struct chimdrv_conn *conn;
	void *hdr;

	while ((conn = chimdrv_conn_next(&id))) {
		if (net_eq(sock_net(conn->sk), sock_net(skb->sk))) {
			hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
					  &chimney_family, NLM_F_MULTI, CHIMNEY_CMD_LIST);
			if (!hdr || put_conn(skb, conn)) {
				if (hdr)
					genlmsg_cancel(skb, hdr);
				chimdrv_conn_put(conn);
				break;
			}
			genlmsg_end(skb, hdr);
		}
		cb->args[0] = id;
		chimdrv_conn_put(conn);
	}
	return skb->len;
}

/* ------------------------------------------------------------------------------- events */

/* Any context but hard interrupt. Nobody listens: nothing is built. */
void chimdrv_genl_event(struct chimdrv_conn *conn, u32 event)
{
	struct net *net = sock_net(conn->sk);
	struct sk_buff *msg;
	void *hdr;

	if (!genl_has_listeners(&chimney_family, net, 0))
		return;
	msg = genlmsg_new(NLMSG_GOODSIZE, GFP_ATOMIC);
	if (!msg)
		return;
	hdr = genlmsg_put(msg, 0, 0, &chimney_family, 0, CHIMNEY_CMD_EVENT);
	if (!hdr || put_conn(msg, conn) || nla_put_u32(msg, CHIMNEY_A_EVENT, event) ||
	    (event == CHIMNEY_EVENT_UPLOADED &&
	     nla_put_string(msg, CHIMNEY_A_REASON, chimdrv_upload_why_name(conn->reason)))) {
		nlmsg_free(msg);
		return;
	}
	genlmsg_end(msg, hdr);
	genlmsg_multicast_netns(&chimney_family, net, msg, 0, 0, GFP_ATOMIC);
}

/* --------------------------------------------------------------------------- the family */

static const struct genl_ops chimney_ops[] = {
	{ .cmd = CHIMNEY_CMD_STATUS, .start = dump_start, .dumpit = dump_status },
	{ .cmd = CHIMNEY_CMD_LIST, .dumpit = dump_list },
	{ .cmd = CHIMNEY_CMD_STATS, .start = dump_start, .dumpit = dump_stats },
	{ .cmd = CHIMNEY_CMD_OFFLOAD, .doit = cmd_offload, .flags = GENL_UNS_ADMIN_PERM },
	{ .cmd = CHIMNEY_CMD_UPLOAD, .doit = cmd_upload, .flags = GENL_UNS_ADMIN_PERM },
	{ .cmd = CHIMNEY_CMD_DISCONNECT, .doit = cmd_disconnect, .flags = GENL_UNS_ADMIN_PERM },
	{ .cmd = CHIMNEY_CMD_UPDATE, .doit = cmd_update, .flags = GENL_UNS_ADMIN_PERM },
	{ .cmd = CHIMNEY_CMD_QUERY, .doit = cmd_query },
	{ .cmd = CHIMNEY_CMD_INVALIDATE, .doit = cmd_invalidate, .flags = GENL_UNS_ADMIN_PERM },
	{ .cmd = CHIMNEY_CMD_POLICY, .doit = cmd_policy, .flags = GENL_ADMIN_PERM },
};

static const struct genl_multicast_group chimney_groups[] = {
	{ .name = CHIMNEY_GENL_GROUP },
};

static struct genl_family chimney_family = {
	.name		= CHIMNEY_GENL_NAME,
	.version	= CHIMNEY_GENL_VERSION,
	.maxattr	= CHIMNEY_A_COUNT - 1,
	.policy		= chimney_policy_attrs,
	.module		= THIS_MODULE,
	.netnsok	= true,
	.parallel_ops	= true,
	.ops		= chimney_ops,
	.n_ops		= ARRAY_SIZE(chimney_ops),
	.resv_start_op	= CHIMNEY_CMD_STATUS,
	.mcgrps		= chimney_groups,
	.n_mcgrps	= ARRAY_SIZE(chimney_groups),
};

int chimdrv_genl_init(void)
{
	return genl_register_family(&chimney_family);
}

void chimdrv_genl_exit(void)
{
	genl_unregister_family(&chimney_family);
}
