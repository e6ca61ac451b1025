/* SPDX-License-Identifier: GPL-2.0-only */
/* Sockets that are to go over, by the policy or by a request. */
#ifndef CHIMDRV_CANDIDATE_H
#define CHIMDRV_CANDIDATE_H

#include "offload/reason_types.h"

struct chimdrv_candidate;
struct chimdrv_od;
struct sock;

void chimdrv_candidate_want(bool automatic);	/* the policy */
bool chimdrv_candidate_automatic(void);		/* what it has said last */
bool chimdrv_candidate_wanted(struct sock *sk);	/* hook: a candidate of the automatic policy */
void chimdrv_candidate_note(const struct chimdrv_candidate *c, bool asked);
/* Any context: the policy looks at a socket, which becomes a candidate or is refused. */
void chimdrv_candidate_consider(struct sock *sk, enum chimdrv_refusal tracked);
void chimdrv_candidate_work_init(struct chimdrv_od *od);
void chimdrv_candidate_work_end(struct chimdrv_od *od);

#endif /* CHIMDRV_CANDIDATE_H */
