/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * op.c - a state operation under way: the command, its fences, its completion,
 * and the objects that it holds. stateop.c does the operation's work.
 *
 * Operations run side by side. Each completes exactly once (OP-D5): when its
 * work is done and its entries on other rings have been published.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "core/chimdev.h"
#include "core/clock.h"
#include "core/refusal.h"
#include "objects/blocklist.h"
#include "objects/fence.h"
#include "objects/handle.h"
#include "objects/op.h"
#include "rings/cq.h"
#include "rings/ring.h"
#include "trace.h"

enum { FENCE_WAIT_SECONDS = 10 };                      /* OP-D2 */

bool chimdev_op_possible(const ChimdevState *s)
{
    return s->nops < CHIMDEV_MAX_OPS;
}

static void op_free(ChimdevState *s, ChimdevOp *op)
{
    QTAILQ_REMOVE(&s->ops, op, next);
    s->nops--;
    chimdev_list_free(s, op->list);
    g_free(op->sge);
    g_free(op);
}

/* Let the next operation use the objects that this one holds. */
static void release_objects(ChimdevOp *op)
{
    for (unsigned i = 0; op->list && i < op->list->norder; i++) {
        ChimdevNode *n = &op->list->node[op->list->order[i]];

        if (n->obj && n->obj->op == op) {
            n->obj->op = NULL;
        }
    }
}

static void count_completion(const ChimdevOp *op)
{
    struct chim_case_stats *c = &op->s->stats.cases;

    switch (op->opcode) {
    case CHIM_OP_INITIATE:
        c->initiate_completions++;
        break;
    case CHIM_OP_TERMINATE:
        c->terminate_completions++;
        break;
    case CHIM_OP_UPDATE:
        c->update_completions++;
        break;
    case CHIM_OP_QUERY:
        c->query_completions++;
        break;
    case CHIM_OP_INVALIDATE:
        c->invalidate_completions++;
        break;
    }
}

void chimdev_op_complete(ChimdevOp *op)
{
    ChimdevState *s = op->s;

    trace_chimdev_op_done(op->opcode, op->status, op->info);
    count_completion(op);
    release_objects(op);
    if (op->fence_count) {
        chimdev_fence_release(s, op->fence_id);
    }
    chimdev_cq_answer(s, op->cookie, op->status, op->info);
    s->again |= s->admin_pass == CHIMDEV_PASS_BLOCKED;
    op_free(s, op);
}

/* The operation is answered before all its fences have come. */
void chimdev_op_drop_fences(const ChimdevOp *op)
{
    if (op->fences < op->fence_count) {
        chimdev_fence_drop(op->s, op->fence_id, op->fence_count - op->fences);
    }
}

static uint32_t check_command(ChimdevState *s, const ChimdevCmd *cmd)
{
    uint32_t ctl = le32_to_cpu(cmd->e.ctl);
    const ChimdevBound reserved[] = {
        { "chim_sqe.ctl flags", offsetof(struct chim_sqe, ctl),
          ctl >> CHIM_CTL_FLAGS_SHIFT & 0xffff },
        CHIMDEV_BOUND(chim_sqe, u.admin.flags,
                      le32_to_cpu(cmd->e.u.admin.flags), 0, 0),
    };
    const ChimdevBound length[] = {
        CHIMDEV_BOUND(chim_sqe, u.admin.len, le32_to_cpu(cmd->e.u.admin.len),
                      cmd->bytes, cmd->bytes),
    };
    ChimdevRefused what = {
        .at = &cmd->at, .status = CHIM_ST_INVALID_FIELD,
    };
    uint32_t status;

    if (cmd->wraps) {
        return chimdev_refuse(s, CHIMDEV_WHY_RING_D9_WRAP, &what);
    }
    status = chimdev_refuse_field(s, CHIMDEV_WHY_RING_D9_LENGTH, what, length,
                                  ARRAY_SIZE(length));
    return status ? status :
           chimdev_refuse_field(s, CHIMDEV_WHY_RESERVED, what, reserved,
                                ARRAY_SIZE(reserved));
}

void chimdev_op_new(ChimdevState *s, const ChimdevCmd *cmd)
{
    uint32_t ctl = le32_to_cpu(cmd->e.ctl);
    ChimdevOp *op = g_new0(ChimdevOp, 1);

    op->s = s;
    op->opcode = ctl & CHIM_CTL_OP_MASK;
    op->cookie = cmd->e.cookie;
    op->at = cmd->at;
    op->len = le32_to_cpu(cmd->e.u.admin.len);
    op->nsge = cmd->nsge;
    op->sge = g_memdup2(cmd->sge, cmd->nsge * sizeof(*op->sge));
    op->fence_id = le32_to_cpu(cmd->e.u.admin.fence_id);
    op->fence_count = le32_to_cpu(cmd->e.u.admin.fence_count);
    op->begin = chimdev_now(s);
    op->deadline = op->begin +
                   (int64_t)FENCE_WAIT_SECONDS * NANOSECONDS_PER_SECOND;
    if (op->fence_count) {
        chimdev_fence_expect(s, op->fence_id);
        op->fences = chimdev_fence_take(s, op->fence_id, op->fence_count);
    }
    QTAILQ_INSERT_TAIL(&s->ops, op, next);
    s->nops++;
    trace_chimdev_op_new(op->opcode, op->fence_id, op->fence_count);
    op->status = check_command(s, cmd);
    if (op->status) {
        op->phase = CHIMDEV_OP_READY;
        chimdev_op_drop_fences(op);
    }
}

bool chimdev_op_fence(ChimdevState *s, uint32_t id, const ChimdevAt *at)
{
    ChimdevOp *op;

    trace_chimdev_fence(id);
    QTAILQ_FOREACH(op, &s->ops, next) {
        if (op->phase == CHIMDEV_OP_FENCES && op->fence_id == id &&
            op->fences < op->fence_count) {
            op->fences++;
            return true;
        }
    }
    return chimdev_fence_early(s, id, at);
}

void chimdev_op_reset(ChimdevState *s)
{
    ChimdevOp *op, *next;

    QTAILQ_FOREACH_SAFE(op, &s->ops, next, next) {
        op_free(s, op);
    }
    chimdev_fence_reset(s);
    s->offloads = 0;
}

uint32_t chimdev_op_refuse_object(ChimdevOp *op, const ChimdevNode *n,
                                  enum chimdev_why why, uint32_t status,
                                  const char *allowed)
{
    return chimdev_refuse(op->s, why, &(ChimdevRefused) {
        .at = &op->at, .node = n->index + 1, .field = "chim_node.handle",
        .offset = chimdev_list_node_off(n, offsetof(struct chim_node, handle)),
        .found = n->handle, .allowed = allowed, .status = status,
    });
}

/*
 * Find the objects that the nodes name. A node whose status is then not
 * SUCCESS has no object.
 */
void chimdev_op_resolve(ChimdevOp *op)
{
    ChimdevState *s = op->s;

    for (unsigned i = 0; i < op->list->norder; i++) {
        ChimdevNode *n = &op->list->node[op->list->order[i]];

        if (n->role != CHIM_ROLE_OBJECT && n->role != CHIM_ROLE_LINKER) {
            continue;
        }
        n->obj = chimdev_obj_get(s, n->handle, n->layer);
        if (!n->obj) {
            n->status = chimdev_op_refuse_object(op, n,
                CHIMDEV_WHY_OBJ_D4_HANDLE, CHIM_ST_INVALID_HANDLE,
                "a handle from INITIATE");
        } else if (n->obj->op) {
            n->obj = NULL;
            n->status = chimdev_op_refuse_object(op, n,
                CHIMDEV_WHY_OBJ_H4_BUSY, CHIM_ST_BUSY,
                "an object of no other operation");
        }
    }
}
