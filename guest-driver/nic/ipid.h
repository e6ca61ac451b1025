/* SPDX-License-Identifier: GPL-2.0-only */
/* IP IDs of packets that the host sends. */
#ifndef CHIMDRV_IPID_H
#define CHIMDRV_IPID_H

#include "nic/nic.h"

/* Keep the IP ID of a locally made packet in the lower half. 0, or -ENOMEM: drop the frame. */
int chimdrv_ipid_map(struct sk_buff *skb);

#endif /* CHIMDRV_IPID_H */
