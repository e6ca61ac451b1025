/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * op.h - a state operation under way.
 */
#ifndef CHIMDEV_OP_H
#define CHIMDEV_OP_H

#include "core/refusal.h"
#include "objects/blocklist.h"
#include "rings/ring.h"

enum chimdev_op_phase {
    CHIMDEV_OP_FENCES,          /* not all fences have come */
    CHIMDEV_OP_STOPPING,        /* TERMINATE: connections drain */
    CHIMDEV_OP_READY,           /* complete when nothing is posting any more */
};

struct ChimdevOp {
    QTAILQ_ENTRY(ChimdevOp) next;
    ChimdevState *s;
    unsigned opcode;
    uint64_t cookie;            /* as the driver gave it */
    ChimdevAt at;
    uint32_t len;
    unsigned nsge;
    struct chim_sge *sge;
    uint32_t fence_id, fence_count;
    uint32_t fences;            /* of them, how many have come */
    int64_t begin;
    int64_t deadline;           /* for fences, then for the wire */
    enum chimdev_op_phase phase;
    uint32_t status, info;
    unsigned posting;           /* entries on other rings not published yet */
    ChimdevList *list;
};

/* False: too many are under way; the next one waits on the admin SQ. */
bool chimdev_op_possible(const ChimdevState *s);
/* Begin an operation from the admin SQ; chimdev_op_possible() was true. */
void chimdev_op_new(ChimdevState *s, const ChimdevCmd *cmd);
void chimdev_op_complete(ChimdevOp *op);
void chimdev_op_drop_fences(const ChimdevOp *op);
void chimdev_op_resolve(ChimdevOp *op);
/* The node's object is refused. Returns the status. */
uint32_t chimdev_op_refuse_object(ChimdevOp *op, const ChimdevNode *n,
                                  enum chimdev_why why, uint32_t status,
                                  const char *allowed);
void chimdev_op_reset(ChimdevState *s);

/* A fence has come. False: nobody waits for it; see chimdev_fence_early(). */
bool chimdev_op_fence(ChimdevState *s, uint32_t id, const ChimdevAt *at);

#endif /* CHIMDEV_OP_H */
