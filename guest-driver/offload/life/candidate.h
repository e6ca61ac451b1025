/* SPDX-License-Identifier: GPL-2.0-only */
/* Sockets that are to be offloaded, by the policy or on request. */
#ifndef CHIMDRV_CANDIDATE_H
#define CHIMDRV_CANDIDATE_H

#include "offload/reason_types.h"

struct chimdrv_candidate;
struct chimdrv_od;
struct sock;

void chimdrv_candidate_want(bool automatic);	/* the policy */
bool chimdrv_candidate_automatic(void);		/* as last set */
bool chimdrv_candidate_wanted(struct sock *sk);	/* hook: might the policy offload it? */
void chimdrv_candidate_note(const struct chimdrv_candidate *c, bool asked);
/* Any context: the policy looks at a socket, which becomes a candidate or is refused. */
void chimdrv_candidate_consider(struct sock *sk, enum chimdrv_refusal tracked);
void chimdrv_candidate_work_init(struct chimdrv_od *od);
void chimdrv_candidate_work_end(struct chimdrv_od *od);

#endif /* CHIMDRV_CANDIDATE_H */
