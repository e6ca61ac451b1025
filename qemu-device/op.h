/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * op.h - a state operation under way, shared by stateop.c, initiate.c,
 * terminate.c and knobs.c only.
 */
#ifndef CHIMDEV_OP_H
#define CHIMDEV_OP_H

#include "blocklist.h"

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

void chimdev_op_resolve(ChimdevOp *op);
void chimdev_initiate(ChimdevOp *op, int64_t now);
void chimdev_terminate(ChimdevOp *op, int64_t now);
void chimdev_terminate_continue(ChimdevOp *op, int64_t now);

/*
 * knobs.c: the failure that a test wants for the next new object of a layer,
 * or SUCCESS
 */
uint32_t chimdev_knob_fail(ChimdevState *s, enum chimdev_layer layer);
enum toe_stop_sends chimdev_knob_stop(ChimdevState *s);
void chimdev_knobs_reset(ChimdevState *s);

#endif /* CHIMDEV_OP_H */
