/* SPDX-License-Identifier: GPL-2.0-only */
/* A socket that is to go over. */
#ifndef CHIMDRV_CANDIDATE_TYPES_H
#define CHIMDRV_CANDIDATE_TYPES_H

#include <linux/list.h>

#include "offload/reason_types.h"

struct chimdrv_conn;
struct chimdrv_dev;
struct chimdrv_room;
struct sock;

struct chimdrv_candidate {
	struct list_head node;
	struct sock *sk;		/* with a reference */
	enum chimdrv_refusal refusal;	/* out */
	u32 status;			/* out: the card's word, if it was the card that refused */
	int err;			/* out: 0, it was offloaded */
	/* while it is under way */
	struct chimdrv_dev *cd;
	struct chimdrv_conn *conn;
	struct chimdrv_room *buffered;
	u32 tcp_node;
	u32 handle;			/* as the INITIATE has told it */
	bool again;			/* the whole list was refused: once more in a shorter one */
};

#endif /* CHIMDRV_CANDIDATE_TYPES_H */
