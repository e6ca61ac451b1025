// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the connection tracker knows of a segment: whether packets are rewritten on their
 * way for its sake, or looked into for other connections; and the word to it that it
 * will not see the segments that the target sends and receives.
 *
 * The tracker may not be loaded: nothing here needs a symbol of it. ct->lock is taken
 * for the windows.
 */
#include <linux/netfilter.h>
#if IS_ENABLED(CONFIG_NF_CONNTRACK)
#include <net/netfilter/nf_conntrack.h>
#include <net/netfilter/nf_conntrack_extend.h>
#include <net/netfilter/nf_conntrack_helper.h>
#endif

#include "offload/socket/conntrack.h"

#if IS_ENABLED(CONFIG_NF_CONNTRACK)
/* With stale windows it would call the first segments after the upload invalid. */
static void be_liberal(struct nf_conn *ct)
{
	if (nf_ct_protonum(ct) != IPPROTO_TCP)
		return;
	spin_lock_bh(&ct->lock);
	ct->proto.tcp.seen[0].flags |= IP_CT_TCP_FLAG_BE_LIBERAL;
	ct->proto.tcp.seen[1].flags |= IP_CT_TCP_FLAG_BE_LIBERAL;
	spin_unlock_bh(&ct->lock);
}

/* A helper reads what the two ends say to each other. */
static bool has_helper(const struct nf_conn *ct)
{
	const struct nf_ct_ext *ext = ct->ext;
	const struct nf_conn_help *help;

	if (!ext || !nf_ct_ext_exist(ct, NF_CT_EXT_HELPER) || !nf_ct_is_confirmed(ct))
		return false;
	help = (const void *)ext + ext->offset[NF_CT_EXT_HELPER];
	return rcu_access_pointer(help->helper);
}

static bool has_synproxy(const struct nf_conn *ct)
{
#if IS_ENABLED(CONFIG_NETFILTER_SYNPROXY)
	return nf_ct_ext_exist(ct, NF_CT_EXT_SYNPROXY);
#else
	return false;
#endif
}

/* Any context, RCU. Why a connection whose segment this is cannot be the target's. */
enum chimdrv_refusal chimdrv_conntrack_look(const struct sk_buff *skb)
{
	enum ip_conntrack_info info;
	struct nf_conn *ct = nf_ct_get(skb, &info);
	unsigned long status;

	if (!ct || nf_ct_is_template(ct))
		return CHIMDRV_NO_NONE;
	status = READ_ONCE(ct->status);
	if (status & IPS_NAT_MASK)
		return CHIMDRV_NO_NAT;
	if ((status & IPS_SEQ_ADJUST) || has_synproxy(ct))
		return CHIMDRV_NO_REWRITTEN;
	if (has_helper(ct))
		return CHIMDRV_NO_HELPER;
	return CHIMDRV_NO_NONE;
}

/* Any context, RCU. From here on the tracker does not see all segments of the connection. */
void chimdrv_conntrack_liberal(const struct sk_buff *skb)
{
	enum ip_conntrack_info info;
	struct nf_conn *ct = nf_ct_get(skb, &info);

	if (ct && !nf_ct_is_template(ct))
		be_liberal(ct);
}
#else
void chimdrv_conntrack_liberal(const struct sk_buff *skb)
{
}

enum chimdrv_refusal chimdrv_conntrack_look(const struct sk_buff *skb)
{
	return CHIMDRV_NO_NONE;
}
#endif
