/* SPDX-License-Identifier: GPL-2.0-only */
/* Commands of connections on a pair's submission ring. */
#ifndef CHIMDRV_SQ_H
#define CHIMDRV_SQ_H

#include <linux/types.h>

#include "offload/requests.h"

struct chimdrv_conn;

struct chimdrv_sq_cmd {
	u32 ctl;
	u64 cookie;
	u32 len;
	const struct chimdrv_sge *sge;
	u32 nsge;
};

/* slock. -EBUSY: no room now; the caller pends the connection. */
int chimdrv_sq_post(struct chimdrv_conn *conn, const struct chimdrv_sq_cmd *cmd);
/* slock. Post a FENCE behind everything; the caller changes the state before it drops slock. */
int chimdrv_sq_fence(struct chimdrv_conn *conn, u32 fence_id);
int chimdrv_sq_disconnect(struct chimdrv_conn *conn, u32 flags);	/* slock */
/* slock. May receive requests and forwards be posted? */
bool chimdrv_sq_takes(const struct chimdrv_conn *conn);
/* slock, NAPI of the pair. The verdict on an indication that was not taken whole. */
int chimdrv_sq_verdict(struct chimdrv_conn *conn, u32 number, u32 consumed);
void chimdrv_sq_pend(struct chimdrv_conn *conn);	/* slock: try again when there is room */

#endif /* CHIMDRV_SQ_H */
