/* SPDX-License-Identifier: GPL-2.0-only */
/* Running one state operation. */
#ifndef CHIMDRV_STATEOP_H
#define CHIMDRV_STATEOP_H

#include <linux/types.h>

struct chimdrv_admin_cmd;
struct chimdrv_blocklist;
struct chimdrv_conn;
struct chimdrv_dev;
struct chimdrv_od;

/* od->mutex held. */
u32 chimdrv_stateop_fence_id(struct chimdrv_od *od);
int chimdrv_stateop_exec(struct chimdrv_dev *cd, u8 op, struct chimdrv_blocklist *bl, u32 fence_id,
			 u32 fences, struct chimdrv_admin_cmd *cmd);
/* od->mutex held. Run instead of the command that the fences belong to; overwrites @bl. */
void chimdrv_stateop_void(struct chimdrv_dev *cd, struct chimdrv_blocklist *bl, u32 fence_id,
			  u32 fences);
/* No lock held. Run @op on a connection that the target has; @state gets what came back. */
int chimdrv_stateop_one(struct chimdrv_conn *conn, u8 op, u8 type, u32 len, void *state);

#endif /* CHIMDRV_STATEOP_H */
