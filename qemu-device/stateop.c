/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stateop.c - state operations: their way from the admin SQ over the fences to
 * the completion, and the three that act at once (UPDATE, QUERY, INVALIDATE).
 * INITIATE and TERMINATE are in files of their own.
 *
 * Operations run side by side; each completes exactly once (OP-D5), when its
 * work is done and the entries it has posted on other rings are published.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qemu/log.h"
#include "faults.h"
#include "handle.h"
#include "op.h"
#include "state.h"
#include "stateop.h"
#include "trace.h"

enum { FENCE_WAIT_SECONDS = 10, STALL_SECONDS = 1 };    /* OP-D2 */

/* ---------------------------------------- life */

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

/* Objects that the operation holds are free for the next one. */
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

static void op_complete(ChimdevOp *op)
{
    ChimdevState *s = op->s;

    trace_chimdev_op_done(op->opcode, op->status, op->info);
    if (op->status) {
        qemu_log_mask(LOG_GUEST_ERROR, "chimney: ring %u entry %u: state "
                      "operation 0x%02x is refused with status %u\n",
                      op->at.ring, op->at.index, op->opcode, op->status);
    }
    count_completion(op);
    release_objects(op);
    if (op->fence_count) {
        chimdev_fence_release(s, op->fence_id);
    }
    chimdev_admin_complete(s, op->cookie, op->status, op->info);
    s->again |= s->admin_pass == CHIMDEV_PASS_BLOCKED;
    op_free(s, op);
}

/* The operation is answered without the fences that have not come. */
static void drop_fences(const ChimdevOp *op)
{
    if (op->fences < op->fence_count) {
        chimdev_fence_drop(op->s, op->fence_id, op->fence_count - op->fences);
    }
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
    if (cmd->wraps || cmd->bytes != op->len || cmd->e.u.admin.flags ||
        (ctl >> CHIM_CTL_FLAGS_SHIFT & 0xffff)) {
        op->status = CHIM_ST_INVALID_FIELD;
        op->phase = CHIMDEV_OP_READY;
        drop_fences(op);
    }
}

bool chimdev_op_fence(ChimdevState *s, uint32_t id)
{
    ChimdevOp *op;

    QTAILQ_FOREACH(op, &s->ops, next) {
        if (op->phase == CHIMDEV_OP_FENCES && op->fence_id == id &&
            op->fences < op->fence_count) {
            op->fences++;
            return true;
        }
    }
    return false;
}

void chimdev_op_posted(ChimdevOp *op)
{
    op->posting--;
}

/*
 * The fences of an INITIATE stand behind frames. While the wire takes none it
 * is not worth the wait, which keeps the driver from other operations.
 */
static int64_t deadline(const ChimdevOp *op)
{
    int64_t stall;

    if (op->phase != CHIMDEV_OP_FENCES || op->opcode != CHIM_OP_INITIATE) {
        return op->deadline;
    }
    stall = chimdev_nic_first_stall(op->s);
    if (stall == INT64_MAX) {
        return op->deadline;
    }
    return MIN(op->deadline,
               MAX(stall, op->begin) + STALL_SECONDS * NANOSECONDS_PER_SECOND);
}

int64_t chimdev_op_deadline(const ChimdevState *s)
{
    int64_t first = INT64_MAX;
    ChimdevOp *op;

    QTAILQ_FOREACH(op, &s->ops, next) {
        if (op->phase != CHIMDEV_OP_READY) {
            first = MIN(first, deadline(op));
        }
    }
    return first;
}

void chimdev_op_reset(ChimdevState *s)
{
    ChimdevOp *op, *next;

    QTAILQ_FOREACH_SAFE(op, &s->ops, next, next) {
        op_free(s, op);
    }
    chimdev_fence_reset(s);
    chimdev_knobs_reset(s);
    s->offloads = 0;
}

/* ---------------------------------------- objects of a list */

/*
 * Find the objects that the nodes name. A node whose status is not SUCCESS
 * after this has none.
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
            n->status = CHIM_ST_INVALID_HANDLE;
        } else if (n->obj->op) {
            n->obj = NULL;
            n->status = CHIM_ST_BUSY;           /* OBJ-H4 */
        }
    }
}

static unsigned tcp_nodes(const ChimdevList *l)
{
    unsigned n = 0;

    for (unsigned i = 0; i < l->norder; i++) {
        const ChimdevNode *node = &l->node[l->order[i]];

        n += node->layer == CHIMDEV_LAYER_TCP &&
             node->role != CHIM_ROLE_PLACEHOLDER;
    }
    return n;
}

/* ---------------------------------------- UPDATE */

static uint32_t update_neighbor(ChimdevOp *op, ChimdevNode *n, int64_t now)
{
    uint8_t mac[6];
    uint32_t hrd;
    uint32_t status = chimdev_state_get_neighbor_cached(op->list, n, mac,
                                                        &hrd);

    if (!status) {
        toe_neigh_update(n->obj->u.neigh, mac, hrd, now);
    }
    return status;
}

static uint32_t update_path(ChimdevOp *op, ChimdevNode *n)
{
    ChimdevNode *parent = n->parent == CHIM_NODE_NONE ?
                          NULL : &op->list->node[n->parent];
    uint32_t status, mtu;

    if (n->state_len) {
        status = chimdev_state_get_path_cached(op->list, n, &mtu);
        if (!status) {
            status = chimdev_state_status(toe_path_update(n->obj->u.path,
                                                          mtu));
        }
        if (status) {
            return status == CHIM_ST_PATH_MTU ? CHIM_ST_INVALID_FIELD : status;
        }
    }
    if (parent && parent->role == CHIM_ROLE_LINKER) {
        if (!parent->obj) {
            return CHIM_ST_FAILURE;
        }
        toe_path_relink(n->obj->u.path, parent->obj->u.neigh);
        n->obj->parent->deps--;
        n->obj->parent = parent->obj;
        parent->obj->deps++;
    }
    return CHIM_ST_SUCCESS;
}

static uint32_t update_node(ChimdevOp *op, ChimdevNode *n, int64_t now)
{
    struct toe_tcp_cached k;
    uint32_t status;

    switch (n->layer) {
    case CHIMDEV_LAYER_NEIGHBOR:
        return update_neighbor(op, n, now);
    case CHIMDEV_LAYER_PATH:
        return update_path(op, n);
    default:
        status = chimdev_state_get_tcp_cached(op->list, n, &k, true);
        if (!status) {
            status = chimdev_state_status(toe_conn_update(n->obj->u.conn, &k,
                                                          now));
        }
        return status == CHIM_ST_TCP_RCV_WINDOW ? CHIM_ST_INVALID_FIELD
                                                : status;
    }
}

/* ---------------------------------------- QUERY, INVALIDATE */

static uint32_t query_node(ChimdevOp *op, ChimdevNode *n, int64_t now)
{
    switch (n->layer) {
    case CHIMDEV_LAYER_NEIGHBOR:
        chimdev_state_put_neighbor(op->s, op->list, n, now);
        break;
    case CHIMDEV_LAYER_PATH:
        chimdev_state_put_path(op->s, op->list, n);
        break;
    default:
        chimdev_state_query_tcp(op->s, op->list, n, now);
        break;
    }
    return CHIM_ST_SUCCESS;
}

static uint32_t invalidate_node(ChimdevOp *op, ChimdevNode *n, int64_t now)
{
    switch (n->layer) {
    case CHIMDEV_LAYER_NEIGHBOR:
        toe_neigh_invalidate(n->obj->u.neigh, now);
        break;
    case CHIMDEV_LAYER_PATH:
        toe_path_invalidate(n->obj->u.path, now);
        break;
    default:
        toe_conn_invalidate(n->obj->u.conn, now);
        break;
    }
    return CHIM_ST_SUCCESS;
}

static void each_node(ChimdevOp *op, int64_t now)
{
    chimdev_op_resolve(op);
    for (unsigned i = 0; i < op->list->norder; i++) {
        ChimdevNode *n = &op->list->node[op->list->order[i]];

        if (n->role != CHIM_ROLE_OBJECT || n->status) {
            continue;
        }
        switch (op->opcode) {
        case CHIM_OP_UPDATE:
            n->status = update_node(op, n, now);
            break;
        case CHIM_OP_QUERY:
            n->status = query_node(op, n, now);
            break;
        default:
            n->status = invalidate_node(op, n, now);
            break;
        }
    }
    chimdev_list_write_results(op->s, op->list);
}

/* ---------------------------------------- running */

static void count(ChimdevOp *op)
{
    struct chim_case_stats *c = &op->s->stats.cases;
    unsigned tcp = tcp_nodes(op->list);

    c->bulk_lists += tcp > 1;
    switch (op->opcode) {
    case CHIM_OP_UPDATE:
        c->updates++;
        break;
    case CHIM_OP_QUERY:
        c->queries++;
        break;
    case CHIM_OP_INVALIDATE:
        c->invalidates++;
        break;
    }
}

static void act(ChimdevOp *op, int64_t now)
{
    ChimdevState *s = op->s;

    op->phase = CHIMDEV_OP_READY;
    op->status = chimdev_fault_list(s, op->opcode);
    if (op->status) {
        return;
    }
    op->status = chimdev_list_read(s, op->opcode, &op->at, op->sge, op->nsge,
                                   op->len, &op->list);
    if (op->status) {
        return;
    }
    if (op->opcode == CHIM_OP_TERMINATE && !op->fence_count &&
        tcp_nodes(op->list)) {
        op->status = CHIM_ST_INVALID_FIELD;     /* OP-D4 */
        return;
    }
    count(op);
    switch (op->opcode) {
    case CHIM_OP_INITIATE:
        chimdev_initiate(op, now);
        break;
    case CHIM_OP_TERMINATE:
        chimdev_terminate(op, now);
        break;
    default:
        each_node(op, now);
        break;
    }
}

void chimdev_op_start(ChimdevState *s, int64_t now)
{
    ChimdevOp *op, *next;

    QTAILQ_FOREACH_SAFE(op, &s->ops, next, next) {
        if (!chimdev_alive(s)) {
            return;
        }
        if (op->phase != CHIMDEV_OP_FENCES) {
            continue;
        }
        if (op->fences == op->fence_count) {
            act(op, now);
        } else if (now >= deadline(op)) {
            op->status = CHIM_ST_FENCE_TIMEOUT;
            op->phase = CHIMDEV_OP_READY;
            drop_fences(op);
        }
    }
}

void chimdev_op_finish(ChimdevState *s, int64_t now)
{
    ChimdevOp *op, *next;

    QTAILQ_FOREACH_SAFE(op, &s->ops, next, next) {
        if (!chimdev_alive(s)) {
            return;
        }
        if (op->phase == CHIMDEV_OP_STOPPING) {
            chimdev_terminate_continue(op, now);
        }
        if (op->phase == CHIMDEV_OP_READY && !op->posting) {
            op_complete(op);
        }
    }
}
