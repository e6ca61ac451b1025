/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stateop.c - state operations: when each one runs, and the three that finish
 * at once (UPDATE, QUERY, INVALIDATE). INITIATE and TERMINATE have their own
 * files; op.c has the life of an operation.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "commands/initiate.h"
#include "commands/stateop.h"
#include "commands/terminate.h"
#include "core/chimdev.h"
#include "core/core.h"
#include "core/faults.h"
#include "core/refusal.h"
#include "objects/blocklist.h"
#include "objects/explain.h"
#include "objects/handle.h"
#include "objects/op.h"
#include "objects/state_in.h"
#include "objects/state_out.h"
#include "objects/translate.h"
#include "port/nic_out.h"
#include "toe.h"

enum { STALL_SECONDS = 1 };                             /* OP-D2 */

/*
 * The fences of an INITIATE follow frames. While the backend takes no frames,
 * do not wait the full time: it would keep the driver from other operations.
 */
static int64_t deadline(const ChimdevOp *op)
{
    int64_t stall;

    if (op->phase != CHIMDEV_OP_FENCES || op->opcode != CHIM_OP_INITIATE) {
        return op->deadline;
    }
    stall = chimdev_nic_out_first_stall(op->s);
    if (stall == INT64_MAX) {
        return op->deadline;
    }
    return MIN(op->deadline,
               MAX(stall, op->begin) + STALL_SECONDS * NANOSECONDS_PER_SECOND);
}

int64_t chimdev_stateop_deadline(const ChimdevState *s)
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

/* ---------------------------------------- objects of a list */

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
            status = chimdev_translate_status(toe_path_update(n->obj->u.path,
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
            status = chimdev_translate_status(toe_conn_update(n->obj->u.conn,
                                                              &k, now));
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
            if (n->status) {
                chimdev_explain(op->s, op->list, n);
            }
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

static uint32_t refuse_fences(const ChimdevOp *op, enum chimdev_why why,
                              uint32_t found, uint32_t status)
{
    uint32_t least = MAX(op->fence_count, 1);

    return chimdev_refuse(op->s, why, &(ChimdevRefused) {
        .at = &op->at, CHIMDEV_IN(chim_sqe, u.admin.fence_count),
        .found = found, CHIMDEV_RANGE(least, least), .status = status,
    });
}

static void act(ChimdevOp *op, int64_t now)
{
    ChimdevState *s = op->s;

    op->phase = CHIMDEV_OP_READY;
    op->status = chimdev_fault_list(s, op->opcode);
    if (op->status) {
        chimdev_refuse(s, CHIMDEV_WHY_KNOB, &(ChimdevRefused) {
            .at = &op->at, .field = "x-fault", .status = op->status,
        });
        return;
    }
    op->status = chimdev_list_read(s, op->opcode, &op->at, op->sge, op->nsge,
                                   op->len, &op->list);
    if (op->status) {
        return;
    }
    if (op->opcode == CHIM_OP_TERMINATE && !op->fence_count &&
        tcp_nodes(op->list)) {
        /* OP-D4 */
        op->status = refuse_fences(op, CHIMDEV_WHY_OP_H1_TERMINATE,
                                   op->fence_count, CHIM_ST_INVALID_FIELD);
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

void chimdev_stateop_start(ChimdevState *s, int64_t now)
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
            op->status = refuse_fences(op, CHIMDEV_WHY_OP_H1_TIMEOUT,
                                       op->fences, CHIM_ST_FENCE_TIMEOUT);
            op->phase = CHIMDEV_OP_READY;
            chimdev_op_drop_fences(op);
        }
    }
}

void chimdev_stateop_finish(ChimdevState *s, int64_t now)
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
            chimdev_op_complete(op);
        }
    }
}
