/* SPDX-License-Identifier: GPL-2.0-only */
/* A socket that is to be offloaded. */
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
	u32 status;			/* out: the card's status, if the card refused */
	int err;			/* out: 0 if it was offloaded */
	/* while it is under way */
	struct chimdrv_dev *cd;
	struct chimdrv_conn *conn;
	struct chimdrv_room *buffered;
	u32 tcp_node;
	u32 handle;			/* from the answer to the INITIATE */
	bool again;			/* the whole list was refused: retry in a shorter one */
};

#endif /* CHIMDRV_CANDIDATE_TYPES_H */
