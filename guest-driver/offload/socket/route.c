// SPDX-License-Identifier: GPL-2.0-only
/*
 * The route of a socket: which card it leads to, whether the target can send that way,
 * and whether it is still the way that the target was given. Before it sends, Linux TCP
 * looks up a new route if the one that it holds has become invalid. The target cannot, so
 * the driver does it instead, with the kernel's own function. route_watch.c says when
 * routes change.
 *
 * conn->route is written while the socket is owned for its offload, under od->mutex;
 * afterwards under slock with the socket's queues ours.
 */
#include <linux/if_vlan.h>
#include <net/addrconf.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/lwtunnel.h>
#include <net/xfrm.h>

#include "offload/socket/route.h"
#include "nic/hw.h"
#include "nic/inline.h"
#include "nic/netdev.h"
#include "offload/conn_types.h"
#include "offload/family.h"
#include "offload/od.h"

/*
 * Socket lock. Look up the route anew if the socket's has become invalid. If there is none,
 * the kernel's function leaves an error for SO_ERROR, because it is called for a segment
 * that cannot leave. Nobody has sent one here.
 */
int chimdrv_route_renew(struct sock *sk)
{
	int soft = READ_ONCE(sk->sk_err_soft);
	int err = inet_csk(sk)->icsk_af_ops->rebuild_header(sk);

	if (err)
		WRITE_ONCE(sk->sk_err_soft, soft);
	return err;
}

/* ------------------------------------------------------------------------------ which card */

/*
 * The card sends one IEEE 802.1Q tag with a VLAN id that is not reserved: the VLAN device
 * must stand directly on the card and have its MAC address.
 */
static bool vlan_fits(const struct net_device *dev, const struct net_device *card)
{
	u16 id;

	if (!is_vlan_dev(dev))
		return true;
	id = vlan_dev_vlan_id(dev);
	return vlan_dev_vlan_proto(dev) == htons(ETH_P_8021Q) && id && id < VLAN_VID_MASK &&
	       vlan_dev_priv(dev)->real_dev == card &&
	       ether_addr_equal(dev->dev_addr, card->dev_addr);
}

/* What the kernel would do to a packet on this route and the target does not. */
static enum chimdrv_refusal treatment(const struct dst_entry *dst)
{
	if (dst_xfrm(dst))
		return CHIMDRV_NO_XFRM;
	return dst->lwtstate ? CHIMDRV_NO_ENCAP : CHIMDRV_NO_NONE;
}

/*
 * Route metrics that Linux TCP obeys and the target does not, and packets that routers
 * may fragment: the target always sets DF.
 */
static enum chimdrv_refusal habits(const struct sock *sk, const struct dst_entry *dst)
{
	if (dst_metric(dst, RTAX_QUICKACK) || dst_metric_locked(dst, RTAX_CWND))
		return CHIMDRV_NO_METRIC;
	if (!chimdrv_is_ipv6(sk) && !ip_dont_fragment(sk, dst))
		return CHIMDRV_NO_FRAGMENTS;
	return CHIMDRV_NO_NONE;
}

/* RCU. The card below this route, and the reason if it cannot take the connection. */
static enum chimdrv_refusal card_of(const struct dst_entry *dst, struct chimdrv_dev **cd)
{
	struct net_device *dev = dst->dev, *card = dev;

	if (is_vlan_dev(dev))
		card = vlan_dev_real_dev(dev);
	if (!chimdrv_net_is_ours(card))
		return CHIMDRV_NO_DEVICE;
	*cd = chimdrv_net_of(card)->cd;
	if (treatment(dst))
		return treatment(dst);
	if (!chimdrv_od(*cd) || !READ_ONCE(chimdrv_od(*cd)->up) || !chimdrv_dev_alive(*cd))
		return CHIMDRV_NO_DOWN;
	if (test_bit(CHIMDRV_DEV_PAUSED, &(*cd)->bits))
		return CHIMDRV_NO_PAUSED;
	if (!vlan_fits(dev, card))
		return CHIMDRV_NO_VLAN;
	if (dst_mtu(dst) > (*cd)->limits.mtu)
		return CHIMDRV_NO_MTU;
	return CHIMDRV_NO_NONE;
}

/*
 * Socket lock, or RCU for a first look: the card that the socket's route leads to. @cd is
 * set whenever it is one of ours.
 */
enum chimdrv_refusal chimdrv_route_card(struct sock *sk, struct chimdrv_dev **cd)
{
	enum chimdrv_refusal why = CHIMDRV_NO_ROUTE;
	struct dst_entry *dst;

	rcu_read_lock();
	dst = __sk_dst_get(sk);
	if (dst)
		why = card_of(dst, cd);
	if (!why)
		why = habits(sk, dst);
	if (!why && !chimdrv_hw_has(*cd, chimdrv_is_ipv6(sk) ? CHIM_F_OFFLOAD_IPV6 :
							       CHIM_F_OFFLOAD_IPV4))
		why = CHIMDRV_NO_FAMILY;
	rcu_read_unlock();
	return why;
}

/* ---------------------------------------------------------------------------- the way of it */

/* An IPv4 route look-up checks the source address, an IPv6 one does not. */
static bool has_local6(const struct sock *sk)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (chimdrv_is_ipv6(sk))
		return ipv6_chk_addr(sock_net(sk), &inet6_sk(sk)->saddr, NULL, 0);
#endif
	return false;
}

/* Owned, od->mutex. Record the way given to the target: over @dst, by the neighbor @n. */
void chimdrv_route_take(struct chimdrv_conn *conn, struct dst_entry *dst,
			const struct neighbour *n)
{
	struct chimdrv_route *r = &conn->route;

	dst_hold(dst);
	dst_release(r->dst);
	r->dst = dst;
	r->dev = dst->dev;
	r->neigh = n;
	r->mtu = dst_mtu(dst);
	r->local6 = has_local6(conn->sk);
}

/* VLAN priority of the socket's frames, from the VLAN device's egress map. */
u32 chimdrv_route_vlan_prio(const struct sock *sk, const struct dst_entry *dst)
{
	if (!is_vlan_dev(dst->dev))
		return 0;
	return vlan_dev_get_egress_qos_mask(dst->dev, sk->sk_priority) >> VLAN_PRIO_SHIFT;
}

/* Release the route. */
void chimdrv_route_drop(struct chimdrv_conn *conn)
{
	dst_release(conn->route.dst);
	conn->route.dst = NULL;
}

static bool same_neigh(const struct chimdrv_conn *conn, const struct dst_entry *dst)
{
	const struct sock *sk = conn->sk;
	const void *daddr = &inet_sk(sk)->inet_daddr;
	struct neighbour *n;

#if IS_ENABLED(CONFIG_IPV6)
	if (chimdrv_is_ipv6(sk))
		daddr = &sk->sk_v6_daddr;
#endif
	n = dst_neigh_lookup(dst, daddr);
	if (n)
		neigh_release(n);
	return n && n == conn->route.neigh;	/* held by the connection's path */
}

static enum chimdrv_why another_way(const struct chimdrv_conn *conn, const struct dst_entry *dst)
{
	switch (treatment(dst)) {
	case CHIMDRV_NO_NONE:
		break;
	case CHIMDRV_NO_XFRM:
		return CHIMDRV_WHY_XFRM;
	default:
		return CHIMDRV_WHY_ROUTE;
	}
	if (dst->dev != conn->route.dev || !same_neigh(conn, dst) || habits(conn->sk, dst))
		return CHIMDRV_WHY_ROUTE;
	return dst_mtu(dst) == conn->route.mtu ? CHIMDRV_WHY_NONE : CHIMDRV_WHY_MTU;
}

/*
 * slock, queues ours. Would Linux TCP look up a new route before it sends, or cut its
 * segments anew? IPv4 forgets what a router has said of its MTU without a new route.
 */
bool chimdrv_route_stale(const struct chimdrv_conn *conn)
{
	struct dst_entry *dst = __sk_dst_get(conn->sk);
	u32 cookie = 0;

	if (!dst || dst != conn->route.dst)
		return true;
#if IS_ENABLED(CONFIG_IPV6)
	if (chimdrv_is_ipv6(conn->sk))
		cookie = inet6_sk(conn->sk)->dst_cookie;
#endif
	return (READ_ONCE(dst->obsolete) && !dst->ops->check(dst, cookie)) ||
	       dst_mtu(dst) != conn->route.mtu;
}

/*
 * slock, queues ours, OFFLOADED. Look the route up as Linux TCP would now. Returns why
 * the connection cannot stay: there is no route, or it is not the way that the target
 * has.
 */
enum chimdrv_why chimdrv_route_check(struct chimdrv_conn *conn)
{
	struct sock *sk = conn->sk;
	enum chimdrv_why why;
	struct dst_entry *dst;

	if (conn->route.local6 && !has_local6(sk))
		return CHIMDRV_WHY_ROUTE;
	if (chimdrv_route_renew(sk))
		return CHIMDRV_WHY_ROUTE;
	dst = __sk_dst_get(sk);
	if (dst == conn->route.dst) {
		if (habits(sk, dst))
			return CHIMDRV_WHY_SOCKOPT;
		return dst_mtu(dst) == conn->route.mtu ? CHIMDRV_WHY_NONE : CHIMDRV_WHY_MTU;
	}
	why = another_way(conn, dst);
	if (!why) {
		dst_hold(dst);
		dst_release(conn->route.dst);
		conn->route.dst = dst;
	}
	return why;
}
