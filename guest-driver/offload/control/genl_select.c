// SPDX-License-Identifier: GPL-2.0-only
/*
 * Choose the sockets that a netlink command means: by tuple, local port, process, or all.
 *
 * Process context, no lock held; each socket found is held by a reference.
 */
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/list_sort.h>
#include <linux/pid.h>
#include <linux/sched/task.h>
#include <net/genetlink.h>

#include "chimney_genl.h"
#include "compat/lookup.h"
#include "nic/nic.h"
#include "offload/cache.h"
#include "offload/control/genl_select.h"
#include "offload/control/policy.h"
#include "offload/life/candidate_types.h"
#include "offload/socket/attach.h"
#include "offload/socket/check.h"

#define MAX_SELECTED	65536

/* Sockets whose route leads to no card of ours are not even refused. */
static bool is_foreign(struct sock *sk)
{
	struct chimdrv_dev *cd;
	enum chimdrv_refusal why;

	if (chimdrv_is_ours(sk))
		return false;
	why = chimdrv_check(sk, &cd);
	return why == CHIMDRV_NO_DEVICE || why == CHIMDRV_NO_ROUTE;
}

static bool is_other(const struct chimdrv_selection *s, const struct sock *sk)
{
	return chimdrv_is_ours(sk) != s->offloaded;
}

static bool select_add(struct chimdrv_selection *s, struct sock *sk)
{
	struct chimdrv_candidate *c;

	if (s->n >= MAX_SELECTED)
		return false;
	c = chimdrv_cache_alloc(CHIMDRV_CACHE_CANDIDATE, GFP_ATOMIC | __GFP_ZERO);
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

static bool select_sock(struct sock *sk, void *arg)
{
	struct chimdrv_selection *s = arg;

	if ((s->by_port && inet_sk(sk)->inet_num != s->port) || is_foreign(sk))
		return true;
	if (!is_other(s, sk))
		return select_add(s, sk);
	s->others++;
	return true;
}

static int select_file(const void *arg, struct file *file, unsigned int fd)
{
	struct chimdrv_selection *s = (struct chimdrv_selection *)arg;
	struct socket *sock = sock_from_file(file);
	struct sock *sk = sock ? sock->sk : NULL;

	if (!sk || (sk->sk_family != AF_INET && sk->sk_family != AF_INET6) ||
	    sk->sk_protocol != IPPROTO_TCP || sk->sk_type != SOCK_STREAM ||
	    !sk_fullsock(sk) || !net_eq(sock_net(sk), s->net) ||
	    (sk->sk_state != TCP_ESTABLISHED && sk->sk_state != TCP_CLOSE_WAIT))
		return 0;
	if (!is_foreign(sk))
		select_add(s, sk);
	return 0;
}

static int by_sock(void *priv, const struct list_head *a, const struct list_head *b)
{
	const struct sock *x = list_entry(a, struct chimdrv_candidate, node)->sk;
	const struct sock *y = list_entry(b, struct chimdrv_candidate, node)->sk;

	return x < y ? -1 : x > y;
}

static void select_drop(struct chimdrv_selection *s, struct chimdrv_candidate *c)
{
	list_del(&c->node);
	sock_put(c->sk);
	chimdrv_cache_free(CHIMDRV_CACHE_CANDIDATE, c);
	s->n--;
}

/* A process may have several descriptors of one socket. */
static void select_each_once(struct chimdrv_selection *s)
{
	struct chimdrv_candidate *c, *next;
	const struct sock *last = NULL;

	list_sort(NULL, &s->list, by_sock);
	list_for_each_entry_safe(c, next, &s->list, node) {
		if (c->sk == last) {
			select_drop(s, c);
			continue;
		}
		last = c->sk;
		if (is_other(s, c->sk)) {
			s->others++;
			select_drop(s, c);
		}
	}
}

static int select_pid(struct chimdrv_selection *s, pid_t pid)
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
	select_each_once(s);
	return s->err;
}

/* Look the socket up like a segment received on @dif; 0: for a socket bound to no device. */
static struct sock *find_sock_at(struct net *net, struct nlattr **a, bool v6, int dif)
{
	u16 lport = nla_get_u16(a[CHIMNEY_A_LPORT]), rport = nla_get_u16(a[CHIMNEY_A_RPORT]);

	if (!v6)
		return chimdrv_compat_lookup4(net, nla_get_in_addr(a[CHIMNEY_A_RADDR]),
					      htons(rport), nla_get_in_addr(a[CHIMNEY_A_LADDR]),
					      lport, dif, 0);
#if IS_ENABLED(CONFIG_IPV6)
	return chimdrv_compat_lookup6(net, nla_data(a[CHIMNEY_A_RADDR]), htons(rport),
				      nla_data(a[CHIMNEY_A_LADDR]), lport, dif, 0);
#else
	return NULL;
#endif
}

struct sock *chimdrv_genl_find_sock(struct net *net, struct genl_info *info)
{
	struct nlattr **a = info->attrs;
	struct net_device *dev;
	struct sock *sk;
	bool v6;

	if (!a[CHIMNEY_A_LADDR] || !a[CHIMNEY_A_RADDR] || !a[CHIMNEY_A_LPORT] ||
	    !a[CHIMNEY_A_RPORT] || !a[CHIMNEY_A_FAMILY])
		return NULL;
	v6 = nla_get_u16(a[CHIMNEY_A_FAMILY]) == AF_INET6;
	if (nla_len(a[CHIMNEY_A_LADDR]) != (v6 ? 16 : 4) ||
	    nla_len(a[CHIMNEY_A_RADDR]) != (v6 ? 16 : 4))
		return NULL;
	sk = find_sock_at(net, a, v6, 0);
	rcu_read_lock();
	for_each_netdev_rcu(net, dev) {
		if (sk)
			break;
		sk = find_sock_at(net, a, v6, dev->ifindex);
	}
	rcu_read_unlock();
	if (sk && !sk_fullsock(sk)) {
		sock_gen_put(sk);
		sk = NULL;
	}
	return sk;
}

int chimdrv_genl_select(struct chimdrv_selection *s, struct genl_info *info, bool offloaded)
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
	sk = chimdrv_genl_find_sock(s->net, info);
	local_bh_enable();
	if (!sk) {
		GENL_SET_ERR_MSG(info, "no such established connection");
		return -ENOENT;
	}
	c = chimdrv_cache_alloc(CHIMDRV_CACHE_CANDIDATE, GFP_KERNEL | __GFP_ZERO);
	if (!c) {
		sock_put(sk);
		return -ENOMEM;
	}
	c->sk = sk;
	list_add_tail(&c->node, &s->list);
	s->n = 1;
	return 0;
}

void chimdrv_genl_select_free(struct list_head *list)
{
	struct chimdrv_candidate *c, *next;

	list_for_each_entry_safe(c, next, list, node) {
		list_del(&c->node);
		sock_put(c->sk);
		chimdrv_cache_free(CHIMDRV_CACHE_CANDIDATE, c);
	}
}
