/* SPDX-License-Identifier: GPL-2.0-only */
/* Sockets that are to go over, by the policy or by a request. */
#ifndef CHIMDRV_CANDIDATE_H
#define CHIMDRV_CANDIDATE_H

#include <linux/list.h>

#include "offload/reason_types.h"

struct chimdrv_conn;
struct chimdrv_dev;
struct chimdrv_od;
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

void chimdrv_candidate_want(bool automatic);	/* the policy */
bool chimdrv_candidate_wanted(struct sock *sk);	/* hook: a candidate of the automatic policy */
void chimdrv_candidate_note(const struct chimdrv_candidate *c, bool asked);
/* Any context: the policy looks at a socket, which becomes a candidate or is refused. */
void chimdrv_candidate_consider(struct sock *sk, enum chimdrv_refusal tracked);
void chimdrv_candidate_work_init(struct chimdrv_od *od);
void chimdrv_candidate_work_end(struct chimdrv_od *od);

#endif /* CHIMDRV_CANDIDATE_H */
