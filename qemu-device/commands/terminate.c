/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * terminate.c - TERMINATE: check that everything fits, stop the connections,
 * wait until they have drained, hand their state back, then free paths and
 * neighbors. Spec chapter 5.3.
 *
 * A connection first sends what it owes its peer (TRM-32). The wait is short,
 * so that a stuck wire cannot keep the connection from the host (OP-D29).
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "commands/knobs.h"
#include "commands/terminate.h"
#include "core/chimdev.h"
#include "core/faults.h"
#include "data/accept.h"
#include "objects/blocklist.h"
#include "objects/handle.h"
#include "objects/op.h"
#include "objects/state_out.h"
#include "objects/translate.h"
#include "port/capture.h"
#include "port/filter.h"
#include "port/nic_out.h"
#include "rings/cq.h"
#include "toe.h"
#include "trace.h"

enum { WIRE_WAIT_MS = 200 };            /* OP-D29 */

static bool is_conn(const ChimdevNode *n)
{
    return n->layer == CHIMDEV_LAYER_TCP && n->role == CHIM_ROLE_OBJECT &&
           n->obj;
}

static uint32_t refuse_room(ChimdevOp *op, const ChimdevNode *n,
                            enum chimdev_why why, const char *field,
                            uint64_t found, uint64_t least)
{
    return chimdev_refuse(op->s, why, &(ChimdevRefused) {
        .at = &op->at, .node = n->index + 1, .field = field,
        .offset = n->state_off, .found = found,
        CHIMDEV_RANGE(least, UINT32_MAX), .status = CHIM_ST_BUFFER_TOO_SMALL,
    });
}

/*
 * OP-D9: check before anything changes. Report every node that falls short, so
 * that the driver need not ask again for each.
 */
static void check_room(ChimdevOp *op)
{
    ChimdevList *l = op->list;

    for (unsigned i = 0; i < l->norder; i++) {
        ChimdevNode *n = &l->node[l->order[i]];
        uint32_t sends, buffered;
        ChimdevTcpRoom room;

        if (!is_conn(n)) {
            continue;
        }
        if (chimdev_state_get_room(l, n, &room)) {
            op->status = chimdev_refuse(op->s, CHIMDEV_WHY_RING_D9_WRAP,
                                        &(ChimdevRefused) {
                .at = &op->at, .node = n->index + 1,
                .status = CHIM_ST_INVALID_FIELD,
            });
            return;
        }
        toe_conn_bounds(n->obj->u.conn, &sends, &buffered);
        n->info = buffered;
        if (chimdev_fault_room(op->s, &n->info)) {
            op->status = refuse_room(op, n, CHIMDEV_WHY_KNOB, "x-fault", 0, 0);
        }
        if (sends > room.sends || buffered > room.buffered) {
            bool many = sends > room.sends;

            op->status = refuse_room(op, n,
                many ? CHIMDEV_WHY_OP_D9_SENDS : CHIMDEV_WHY_OP_D9_BUFFERED,
                many ? "chim_tcp_delegated.send_count"
                     : "chim_tcp_delegated.buffered_len",
                many ? room.sends : room.buffered, many ? sends : buffered);
            op->info = MAX(op->info, buffered);
        }
    }
}

static void report_small(ChimdevOp *op)
{
    for (unsigned i = 0; i < op->list->norder; i++) {
        ChimdevNode *n = &op->list->node[op->list->order[i]];

        if (is_conn(n)) {
            n->status = CHIM_ST_BUFFER_TOO_SMALL;
            chimdev_list_write_result(op->s, op->list, n);
        }
    }
}

static void stop(ChimdevOp *op, ChimdevNode *n, int64_t now)
{
    ChimdevObj *o = n->obj;

    n->info = 0;
    o->stopping = true;
    chimdev_accept_drop(o->pair, o->handle);
    toe_conn_stop(o->u.conn, chimdev_knobs_stop(op->s), now);
}

/*
 * The operation holds objects of every layer until it completes, which may
 * take long; the list may name an object twice.
 */
static bool claim(ChimdevOp *op, ChimdevNode *n)
{
    if (!n->obj) {
        return false;
    }
    if (n->obj->op) {
        n->status = chimdev_op_refuse_object(op, n, CHIMDEV_WHY_OBJ_H4_BUSY,
            CHIM_ST_BUSY, "an object of no other node or operation");
        n->info = 0;
        n->obj = NULL;
        return false;
    }
    n->obj->op = op;
    return true;
}

void chimdev_terminate(ChimdevOp *op, int64_t now)
{
    ChimdevList *l = op->list;

    chimdev_op_resolve(op);
    for (unsigned i = 0; i < l->norder; i++) {
        ChimdevNode *n = &l->node[l->order[i]];

        if (is_conn(n)) {
            chimdev_accept_final(n->obj->pair, n->handle, now);
        }
    }
    check_room(op);
    if (op->status) {
        if (op->status == CHIM_ST_BUFFER_TOO_SMALL) {
            report_small(op);
        }
        return;
    }
    for (unsigned i = 0; i < l->norder; i++) {
        ChimdevNode *n = &l->node[l->order[i]];

        if (claim(op, n) && is_conn(n)) {
            stop(op, n, now);
        }
    }
    op->phase = CHIMDEV_OP_STOPPING;
    op->deadline = now + WIRE_WAIT_MS * SCALE_MS;
}

/*
 * The time for the wire is over, or the backend has taken nothing for as long.
 * Giving up may post one more completion.
 */
static void give_up_wire(ChimdevOp *op, const ChimdevObj *o, int64_t now)
{
    const int64_t wait = WIRE_WAIT_MS * SCALE_MS;

    if ((now >= op->deadline ||
         chimdev_nic_out_stalled(op->s, o->pair->nr, now - wait)) &&
        toe_conn_give_up(o->u.conn)) {
        trace_chimdev_wire_stalled(o->cookie, o->handle);
        op->s->again = true;
    }
}

/*
 * The connection has drained: hand its state back and post LAST, its last
 * entry (OP-D11).
 */
static void give_back(ChimdevOp *op, ChimdevNode *n, int64_t now)
{
    ChimdevState *s = op->s;
    ChimdevObj *o = n->obj;
    struct chim_cqe e = {
        .ctl = cpu_to_le32(CHIM_CQ_LAST),
        .conn_cookie = cpu_to_le64(o->cookie),
        .handle = cpu_to_le32(o->handle),
        .info = cpu_to_le32(op->fence_id),
    };
    uint32_t sends, buffered;

    chimdev_state_hand_back(s, op->list, n, now, &sends, &buffered);
    toe_conn_destroy(o->u.conn);
    chimdev_cq_post_or_wait(&o->pair->cq, &e, &op->posting);
    s->stats.cases.terminates++;
    s->stats.cases.send_back_mixed += o->sends_completed && sends;
    chimdev_capture_comment(s->capture, "upload #%" PRIu64 ": port %u to port "
                            "%u, %u sends handed back, %u kB unread", o->number,
                            o->local_port, o->remote_port, sends,
                            (buffered + 1023) / 1024);
    trace_chimdev_upload(o->cookie, o->handle);
    o->pair->conns--;
    chimdev_obj_free(s, o);
    n->obj = NULL;
    n->done = true;
}

static void free_lower(ChimdevOp *op, ChimdevNode *n, int64_t now)
{
    ChimdevState *s = op->s;
    ChimdevObj *o = n->obj;
    enum toe_status st;

    if (o->deps) {
        n->status = chimdev_op_refuse_object(op, n,
            CHIMDEV_WHY_OBJ_H2_DEPENDENTS, CHIM_ST_IN_USE,
            "an object without dependents");
        return;
    }
    if (n->layer == CHIMDEV_LAYER_NEIGHBOR) {
        chimdev_state_put_neighbor(s, op->list, n, now);
        st = toe_neigh_destroy(o->u.neigh);
    } else {
        chimdev_state_put_path(s, op->list, n);
        st = toe_path_destroy(o->u.path);
    }
    n->status = chimdev_translate_status(st);
    if (st == TOE_OK) {
        if (n->layer == CHIMDEV_LAYER_NEIGHBOR) {
            chimdev_filter_del_src(s, o->src_mac);
        }
        chimdev_obj_free(s, o);
        n->obj = NULL;
    }
}

void chimdev_terminate_continue(ChimdevOp *op, int64_t now)
{
    ChimdevList *l = op->list;
    bool waiting = false;

    for (unsigned i = 0; i < l->norder; i++) {
        ChimdevNode *n = &l->node[l->order[i]];

        if (!is_conn(n)) {
            continue;
        }
        give_up_wire(op, n->obj, now);
        if (toe_conn_stopped(n->obj->u.conn)) {
            give_back(op, n, now);
        } else {
            waiting = true;
        }
    }
    if (waiting) {
        if (now >= op->deadline) {
            op->deadline = INT64_MAX;   /* no more waiting for the wire */
        }
        return;
    }
    /* dependents before what they depend on */
    for (unsigned i = l->norder; i-- > 0; ) {
        ChimdevNode *n = &l->node[l->order[i]];

        if (n->obj && n->layer != CHIMDEV_LAYER_TCP) {
            free_lower(op, n, now);
        }
    }
    chimdev_list_write_results(op->s, l);
    op->phase = CHIMDEV_OP_READY;
}
