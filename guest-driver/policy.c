// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which sockets may be offloaded, and which are without being asked: the
 * conditions with their reasons, and the policy none, auto or random.
 */
#include <linux/inetdevice.h>
#include <linux/prandom.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/transp_v6.h>
#include <net/xfrm.h>

#include "chimdrv_conn.h"

static struct {
	u32 mode;		/* enum chimney_policy; READ_ONCE */
	u32 seed;
	struct rnd_state rnd;	/* lock */
	spinlock_t lock;
	struct delayed_work work;	/* random: the next moment */
} policy;

#define RANDOM_MIN_MS	5
#define RANDOM_SPAN_MS	195

/* -------------------------------------------------------------------------- conditions */

static bool has_ip_options(const struct sock *sk)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (chimdrv_is_ipv6(sk))
		return rcu_access_pointer(inet6_sk(sk)->opt);
#endif
	return rcu_access_pointer(inet_sk(sk)->inet_opt);
}

/* Options that the target does not know; they change without a call that passes by the driver. */
enum chimdrv_refusal chimdrv_policy_option(const struct sock *sk)
{
	if (READ_ONCE(sk->sk_tsflags) & SOF_TIMESTAMPING_TX_RECORD_MASK)
		return CHIMDRV_NO_TIMESTAMPING;
	if (READ_ONCE(inet_sk(sk)->min_ttl))
		return CHIMDRV_NO_MIN_TTL;
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6 && READ_ONCE(inet6_sk(sk)->min_hopcount))
		return CHIMDRV_NO_MIN_TTL;
#endif
	return CHIMDRV_NO_NONE;
}

static bool good_congestion_control(const struct sock *sk)
{
	const char *name = inet_csk(sk)->icsk_ca_ops->name;

	return !strcmp(name, "cubic") || !strcmp(name, "reno");
}

/* What holds for a socket whoever has it. */
enum chimdrv_refusal chimdrv_policy_recheck(struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	if (sk->sk_state != TCP_ESTABLISHED && sk->sk_state != TCP_CLOSE_WAIT)
		return CHIMDRV_NO_STATE;
	if (sk->sk_shutdown & SEND_SHUTDOWN)
		return CHIMDRV_NO_STATE;
	if (!sk->sk_socket || sock_flag(sk, SOCK_DEAD))
		return CHIMDRV_NO_ORPHAN;
	if (tp->repair)
		return CHIMDRV_NO_REPAIR;
	if (tp->urg_data || tp->snd_una != tp->snd_up)
		return CHIMDRV_NO_URGENT;
	if (chimdrv_compat_signed(tp))
		return CHIMDRV_NO_SIGNED;
	if (rcu_access_pointer(sk->sk_filter))
		return CHIMDRV_NO_FILTER;
	if (rcu_access_pointer(tp->fastopen_rsk))
		return CHIMDRV_NO_FASTOPEN;
#ifdef CONFIG_XFRM
	if (rcu_access_pointer(sk->sk_policy[0]) || rcu_access_pointer(sk->sk_policy[1]))
		return CHIMDRV_NO_XFRM;
#endif
	if (chimdrv_policy_option(sk))
		return chimdrv_policy_option(sk);
	if (has_ip_options(sk))
		return CHIMDRV_NO_OPTIONS;
	if (READ_ONCE(sk->sk_pacing_status) == SK_PACING_NEEDED)
		return CHIMDRV_NO_PACING;
	if (!good_congestion_control(sk))
		return CHIMDRV_NO_CONGESTION;
	if (tp->ecn_flags & TCP_ECN_OK)
		return CHIMDRV_NO_ECN;
	if (BPF_SOCK_OPS_TEST_FLAG(tp, BPF_SOCK_OPS_ALL_CB_FLAGS))
		return CHIMDRV_NO_BPF;
	return CHIMDRV_NO_NONE;
}

/* What passes by itself: try again in a moment. */
enum chimdrv_refusal chimdrv_policy_moment(struct sock *sk)
{
	if (!RB_EMPTY_ROOT(&tcp_sk(sk)->out_of_order_queue))
		return CHIMDRV_NO_OOO;
	if (inet_csk(sk)->icsk_ca_state == TCP_CA_CWR ||
	    inet_csk(sk)->icsk_ca_state == TCP_CA_Recovery)
		return CHIMDRV_NO_RECOVERY;
	return CHIMDRV_NO_NONE;
}

/* The card that the route leads to; a VLAN device counts as the device below it. */
static enum chimdrv_refusal find_card(struct sock *sk, struct chimdrv_dev **cd)
{
	enum chimdrv_refusal why = CHIMDRV_NO_ROUTE;
	struct net_device *dev;
	struct dst_entry *dst;

	rcu_read_lock();
	dst = __sk_dst_get(sk);
	if (!dst)
		goto out;
	if (dst_xfrm(dst)) {
		why = CHIMDRV_NO_XFRM;
		goto out;
	}
	dev = dst->dev;
	if (is_vlan_dev(dev))
		dev = vlan_dev_real_dev(dev);
	why = CHIMDRV_NO_DEVICE;
	if (!chimdrv_net_is_ours(dev))
		goto out;
	*cd = chimdrv_net_of(dev)->cd;
	why = CHIMDRV_NO_DOWN;
	if (!chimdrv_od(*cd) || !READ_ONCE(chimdrv_od(*cd)->up) || !chimdrv_dev_alive(*cd))
		goto out;
	why = CHIMDRV_NO_PAUSED;
	if (test_bit(CHIMDRV_DEV_PAUSED, &(*cd)->bits))
		goto out;
	why = CHIMDRV_NO_MTU;
	if (dst_mtu(dst) > (*cd)->limits.mtu)
		goto out;
	why = CHIMDRV_NO_FAMILY;
	if (chimdrv_hw_has(*cd, chimdrv_is_ipv6(sk) ? CHIM_F_OFFLOAD_IPV6 : CHIM_F_OFFLOAD_IPV4))
		why = CHIMDRV_NO_NONE;
out:
	rcu_read_unlock();
	return why;
}

/* @cd is not held: it is good as long as the RCU section of the caller. */
enum chimdrv_refusal chimdrv_policy_check(struct sock *sk, struct chimdrv_dev **cd)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	enum chimdrv_refusal why;

	if (sk->sk_protocol != IPPROTO_TCP || sk->sk_type != SOCK_STREAM)
		return CHIMDRV_NO_PROTO;
	if (chimdrv_ulp_is_ours(sk))
		return CHIMDRV_NO_BUSY;
	if (inet_csk(sk)->icsk_ulp_ops)
		return CHIMDRV_NO_ULP;
	if (sk->sk_prot != &tcp_prot
#if IS_ENABLED(CONFIG_IPV6)
	    && sk->sk_prot != &tcpv6_prot
#endif
	    )
		return CHIMDRV_NO_PROTO;
	why = chimdrv_policy_recheck(sk);
	if (why)
		return why;
	why = find_card(sk, cd);
	if (why)
		return why;
	if (tp->rx_opt.tstamp_ok && chimdrv_compat_usec_ts(tp) &&
	    !chimdrv_hw_has(*cd, CHIM_F_EXT_TS_US))
		return CHIMDRV_NO_USEC;
	return CHIMDRV_NO_NONE;
}

int chimdrv_policy_errno(enum chimdrv_refusal refusal)
{
	switch (refusal) {
	case CHIMDRV_NO_NONE:
		return 0;
	case CHIMDRV_NO_OOO:
	case CHIMDRV_NO_RECOVERY:
	case CHIMDRV_NO_DRAIN:
	case CHIMDRV_NO_PAUSED:
	case CHIMDRV_NO_NEIGHBOR:
	case CHIMDRV_NO_OWNED:
		return -EAGAIN;
	case CHIMDRV_NO_STATE:
		return -ENOTCONN;
	case CHIMDRV_NO_MEMORY:
		return -ENOMEM;
	case CHIMDRV_NO_BUSY:
		return -EALREADY;
	case CHIMDRV_NO_DEVICE:
	case CHIMDRV_NO_ROUTE:
		return -ENODEV;
	case CHIMDRV_NO_DOWN:
		return -ENETDOWN;
	case CHIMDRV_NO_CARD:
		return -ENOSPC;
	default:
		return -EOPNOTSUPP;
	}
}

/* ------------------------------------------------------------------------------ policy */

/* In the hook, without a lock: is it worth a closer look? */
bool chimdrv_policy_wants(struct sock *sk)
{
	if (likely(READ_ONCE(policy.mode) != CHIMNEY_POLICY_AUTO))
		return false;
	return sk->sk_state == TCP_ESTABLISHED && !inet_csk(sk)->icsk_ulp_ops && sk->sk_socket;
}

static u32 roll(void)
{
	u32 v;

	spin_lock_bh(&policy.lock);
	v = prandom_u32_state(&policy.rnd);
	spin_unlock_bh(&policy.lock);
	return v;
}

/*
 * The random policy walks through the established sockets and flips coins: one in
 * two of the eligible ones goes over, one in two of the offloaded ones comes back.
 */
static void random_card(struct chimdrv_dev *cd)
{
	struct chimdrv_offload *od = chimdrv_od(cd);
	struct chimdrv_conn *conn;

	spin_lock_bh(&od->lock);
	list_for_each_entry(conn, &od->conns, all) {
		if (conn->state != CHIMDRV_OFFLOADED || !list_empty(&conn->link) ||
		    (prandom_u32_state(&policy.rnd) & 1) ||
		    test_and_set_bit(CHIMDRV_C_UPLOAD, &conn->bits) || !chimdrv_conn_get(conn))
			continue;
		conn->reason = CHIMDRV_WHY_POLICY;
		list_add_tail(&conn->link, &od->uploads);
	}
	spin_unlock_bh(&od->lock);
	queue_work(od->wq, &od->upload_work);
}

static bool random_socket(struct sock *sk, void *arg)
{
	struct chimdrv_dev *cd;

	if (!chimdrv_ulp_is_ours(sk) && (roll() & 1) &&
	    chimdrv_policy_check(sk, &cd) == CHIMDRV_NO_NONE)
		chimdrv_offload_want(cd, sk);
	return true;
}

static void policy_work(struct work_struct *work)
{
	struct chimdrv_dev *cd;

	if (READ_ONCE(policy.mode) != CHIMNEY_POLICY_RANDOM)
		return;
	mutex_lock(&chimdrv_devs_lock);
	list_for_each_entry(cd, &chimdrv_devs, list) {
		if (!chimdrv_od(cd))
			continue;
		chimdrv_each_socket(dev_net(cd->net->netdev), random_socket, NULL);
		random_card(cd);
	}
	mutex_unlock(&chimdrv_devs_lock);
	schedule_delayed_work(&policy.work,
			      msecs_to_jiffies(RANDOM_MIN_MS + roll() % RANDOM_SPAN_MS));
}

int chimdrv_policy_set(u32 mode, u32 seed)
{
	if (mode > CHIMNEY_POLICY_RANDOM)
		return -EINVAL;
	spin_lock_bh(&policy.lock);
	policy.seed = seed;
	prandom_seed_state(&policy.rnd, seed);
	WRITE_ONCE(policy.mode, mode);
	spin_unlock_bh(&policy.lock);
	if (mode == CHIMNEY_POLICY_RANDOM)
		mod_delayed_work(system_wq, &policy.work, 1);
	return 0;
}

u32 chimdrv_policy_get(void)
{
	return READ_ONCE(policy.mode);
}

/*
 * Every full TCP socket of the namespace that is established, with a reference
 * while fn() runs; process context, fn() may not sleep. fn() false: enough.
 */
void chimdrv_each_socket(struct net *net, bool (*fn)(struct sock *, void *), void *arg)
{
	struct inet_hashinfo *h = net->ipv4.tcp_death_row.hashinfo;
	struct hlist_nulls_node *node;
	struct sock *sk;
	bool more = true;
	u32 i;

	for (i = 0; i <= h->ehash_mask && more; i++) {
		if (hlist_nulls_empty(&h->ehash[i].chain))
			continue;
		rcu_read_lock();
		sk_nulls_for_each_rcu(sk, node, &h->ehash[i].chain) {
			if (!sk_fullsock(sk) || !net_eq(sock_net(sk), net) ||
			    (sk->sk_state != TCP_ESTABLISHED && sk->sk_state != TCP_CLOSE_WAIT) ||
			    !refcount_inc_not_zero(&sk->sk_refcnt))
				continue;
			more = fn(sk, arg);
			sock_put(sk);
			if (!more)
				break;
		}
		rcu_read_unlock();
		cond_resched();
	}
}

int chimdrv_policy_init(void)
{
	spin_lock_init(&policy.lock);
	prandom_seed_state(&policy.rnd, 1);
	INIT_DELAYED_WORK(&policy.work, policy_work);
	return 0;
}

void chimdrv_policy_exit(void)
{
	WRITE_ONCE(policy.mode, CHIMNEY_POLICY_NONE);
	cancel_delayed_work_sync(&policy.work);
}
