/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cq.h - completion rings, whose entries may wait for room.
 */
#ifndef CHIMDEV_CQ_H
#define CHIMDEV_CQ_H

#include "core/chimdev.h"

void chimdev_cq_init(ChimdevCq *cq, ChimdevState *s);
void chimdev_cq_fini(ChimdevCq *cq);
bool chimdev_cq_ready(ChimdevCq *cq);
uint32_t chimdev_cq_post(ChimdevCq *cq, const struct chim_cqe *e);
/* Post now or when there is room; *posting, if any, counts it until then. */
void chimdev_cq_post_or_wait(ChimdevCq *cq, const struct chim_cqe *e,
                             unsigned *posting);
void chimdev_cq_drain(ChimdevCq *cq);
/* The answer to an admin command. */
void chimdev_cq_answer(ChimdevState *s, uint64_t cookie, uint32_t status,
                       uint32_t info);

#endif /* CHIMDEV_CQ_H */
