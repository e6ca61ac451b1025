/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * initiate.c - INITIATE: new neighbors, paths and connections from a checked
 * block list, with a status for every node. Spec chapters 4 and 5.2.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "commands/initiate.h"
#include "commands/knobs.h"
#include "core/chimdev.h"
#include "core/refusal.h"
#include "objects/blocklist.h"
#include "objects/explain.h"
#include "objects/handle.h"
#include "objects/op.h"
#include "objects/req.h"
#include "objects/state_in.h"
#include "objects/translate.h"
#include "port/capture.h"
#include "port/filter.h"
#include "port/rss.h"
#include "port/rx.h"
#include "rings/cq.h"
#include "rings/pair.h"
#include "rings/payload.h"
#include "toe.h"
#include "trace.h"

/* ---------------------------------------- neighbors, paths */

static uint32_t new_neighbor(ChimdevOp *op, ChimdevNode *n, int64_t now)
{
    static const uint8_t zero[6];
    ChimdevState *s = op->s;
    struct toe_neigh_state t;
    uint8_t given[6];
    uint32_t status = chimdev_state_get_neighbor(s, op->list, n, &t);
    ChimdevObj *o;

    if (status) {
        return status;
    }
    o = chimdev_obj_new(s, CHIMDEV_LAYER_NEIGHBOR, NULL, n->cookie);
    if (!o) {
        return CHIM_ST_NEIGHBOR_ENTRIES;
    }
    memcpy(given, t.src_mac, 6);
    if (!memcmp(given, zero, 6)) {
        memcpy(t.src_mac, chimdev_filter_mac(s), 6);
    } else if (!chimdev_filter_add_src(s, given)) {
        chimdev_obj_free(s, o);
        return CHIM_ST_HW_ADDRESS_ENTRIES;
    }
    status = chimdev_translate_initiate(
        toe_neigh_create(s->toe, &t, o->handle, now, &o->u.neigh),
        CHIMDEV_LAYER_NEIGHBOR);
    if (status) {
        if (memcmp(given, zero, 6)) {
            chimdev_filter_del_src(s, given);
        }
        chimdev_obj_free(s, o);
        return status;
    }
    memcpy(o->src_mac, given, 6);
    o->vlan_id = t.vlan_id;
    n->obj = o;
    return CHIM_ST_SUCCESS;
}

static uint32_t new_path(ChimdevOp *op, ChimdevNode *n, ChimdevObj *neighbor)
{
    ChimdevState *s = op->s;
    struct toe_path_state t;
    uint32_t status = chimdev_state_get_path(s, op->list, n, &t);
    ChimdevObj *o;

    if (status) {
        return status;
    }
    o = chimdev_obj_new(s, CHIMDEV_LAYER_PATH, neighbor, n->cookie);
    if (!o) {
        return CHIM_ST_PATH_ENTRIES;
    }
    status = chimdev_translate_initiate(
        toe_path_create(s->toe, neighbor->u.neigh, &t, &o->u.path),
        CHIMDEV_LAYER_PATH);
    if (status) {
        chimdev_obj_free(s, o);
        return status;
    }
    o->ipv6 = t.ipv6;
    n->obj = o;
    return CHIM_ST_SUCCESS;
}

/* ---------------------------------------- connections */

/*
 * On any failure the caller frees the requests in reqs: the host still owns
 * its sends (INI-6).
 */
static uint32_t import_sends(ChimdevOp *op, const ChimdevTcpIn *in,
                             struct toe_conn *c, GPtrArray *reqs)
{
    for (uint32_t i = 0; i < in->sends; i++) {
        ChimdevReq *r;
        enum toe_status st;
        uint32_t status = chimdev_state_get_send(op->s, op->list, in, i, &r);

        if (status) {
            return status;
        }
        g_ptr_array_add(reqs, r);
        st = toe_conn_import_send(c, &r->req);
        if (st == TOE_TOO_MANY) {
            return CHIM_ST_TCP_XMIT_BUFFER;
        }
        if (st != TOE_OK) {
            return chimdev_translate_status(st);
        }
    }
    return CHIM_ST_SUCCESS;
}

static uint32_t import_buffered(ChimdevOp *op, const ChimdevTcpIn *in,
                                struct toe_conn *c)
{
    ChimdevList *l = op->list;
    g_autofree struct chim_sge *sge = NULL;
    uint8_t *span[2];
    uint32_t len[2], off = 0;

    if (!in->buffered_len) {
        return CHIM_ST_SUCCESS;
    }
    sge = g_new(struct chim_sge, in->buffered_sges);
    memcpy(sge, l->buf + in->buffered_off, in->buffered_sges * sizeof(*sge));
    for (uint32_t i = 0; i < in->buffered_sges; i++) {
        sge[i].addr = le64_to_cpu(sge[i].addr);
        sge[i].len = le32_to_cpu(sge[i].len);
    }
    toe_conn_import_buffered(c, span, len);
    for (unsigned i = 0; i < 2 && span[i]; i++) {
        if (!chimdev_sges_read(op->s, &l->at, sge, in->buffered_sges, off,
                               span[i], len[i])) {
            return CHIM_ST_FAILURE;
        }
        off += len[i];
    }
    return CHIM_ST_SUCCESS;
}

static uint32_t import(ChimdevOp *op, ChimdevObj *o, ChimdevObj *path,
                       ChimdevTcpIn *in, GPtrArray *reqs, int64_t now)
{
    struct toe_conn *c;
    uint32_t status;

    status = chimdev_translate_initiate(
        toe_conn_import(op->s->toe, path->u.path, &in->k, &in->c, &in->d,
                        in->buffered_len, now, &c), CHIMDEV_LAYER_TCP);
    if (status) {
        /* BRD-4: no memory for BufferedData is a FAILURE, not RESOURCES */
        return status == CHIM_ST_RESOURCES && in->buffered_len ?
               CHIM_ST_FAILURE : status;
    }
    status = import_sends(op, in, c, reqs);
    status = status ? status : import_buffered(op, in, c);
    if (status) {
        toe_conn_discard(c);
        return status;
    }
    status = chimdev_translate_status(toe_conn_start(c, now));
    if (status) {
        toe_conn_discard(c);
        return status;
    }
    o->u.conn = c;
    o->local_port = in->k.local_port;
    o->remote_port = in->k.remote_port;
    return CHIM_ST_SUCCESS;
}

/*
 * OP-D6: the target now owns the tuple. Post CUTOVER behind the last raw
 * frame, then OPENED.
 */
static void announce(ChimdevOp *op, ChimdevObj *o, const ChimdevTcpIn *in)
{
    struct chim_cqe e = {
        .ctl = cpu_to_le32(CHIM_CQ_OPENED),
        .conn_cookie = cpu_to_le64(o->cookie),
        .handle = cpu_to_le32(o->handle),
    };

    chimdev_rx_cutover(op->s, in->k.hash, o->cookie);
    chimdev_cq_post_or_wait(&o->pair->cq, &e, &op->posting);
    chimdev_capture_comment(op->s->capture, "offload #%" PRIu64 ": port %u to "
                            "port %u, %u kB in flight, %u kB unread",
                            o->number, o->local_port, o->remote_port,
                            (in->d.snd_max - in->d.snd_una + 1023) / 1024,
                            (in->buffered_len + 1023) / 1024);
}

/*
 * The connection's pair needs all its rings. The pair to which RSS steers its
 * frames needs RXB and RXC, and room for one more CUTOVER.
 */
static uint32_t check_rings(ChimdevPair *p, uint32_t hash)
{
    const ChimdevPair *steered = chimdev_rss_steer(p->s, hash);

    if (!chimdev_pair_usable(p) || !steered->ring[CHIM_RING_RXB] ||
        !steered->ring[CHIM_RING_RXC]) {
        return CHIM_ST_NOT_READY;
    }
    return chimdev_rx_cutover_room(steered) ? CHIM_ST_SUCCESS :
                                              CHIM_ST_RESOURCES;
}

static uint32_t new_tcp(ChimdevOp *op, ChimdevNode *n, ChimdevObj *path,
                        int64_t now)
{
    ChimdevState *s = op->s;
    g_autoptr(GPtrArray) reqs = g_ptr_array_new();
    ChimdevTcpIn in;
    uint32_t status = chimdev_state_get_tcp(s, op->list, n, &in);
    ChimdevPair *p;
    ChimdevObj *o;

    if (status) {
        return status;
    }
    if (n->pair >= s->npairs) {
        return CHIM_ST_INVALID_FIELD;
    }
    p = &s->pair[n->pair];
    status = check_rings(p, in.k.hash);
    if (status) {
        return status;
    }
    o = chimdev_obj_new(s, CHIMDEV_LAYER_TCP, path, n->cookie);
    if (!o) {
        return CHIM_ST_TCP_ENTRIES;
    }
    in.k.queue = n->pair;
    in.k.cookie = o->handle;
    status = import(op, o, path, &in, reqs, now);
    if (status) {
        for (unsigned i = 0; i < reqs->len; i++) {
            chimdev_req_free(s, reqs->pdata[i]);
        }
        chimdev_obj_free(s, o);
        return status;
    }
    o->pair = p;
    o->op = op;
    o->number = ++s->offloads;
    p->conns++;
    n->obj = o;
    announce(op, o, &in);
    return CHIM_ST_SUCCESS;
}

/* ---------------------------------------- the tree */

static uint32_t new_object(ChimdevOp *op, ChimdevNode *n, ChimdevNode *parent,
                           int64_t now)
{
    uint32_t status = chimdev_knobs_fail(op->s, n->layer);

    if (status) {
        return status;
    }
    switch (n->layer) {
    case CHIMDEV_LAYER_NEIGHBOR:
        return new_neighbor(op, n, now);
    case CHIMDEV_LAYER_PATH:
        return new_path(op, n, parent->obj);
    default:
        return new_tcp(op, n, parent->obj, now);
    }
}

/* Whether dependents of this node may be tried. */
static bool stands(const ChimdevNode *n)
{
    return n->status == CHIM_ST_SUCCESS;
}

/*
 * First pass, parents before dependents. Once the root has failed, nothing
 * more is offloaded (TRE-16).
 */
static void offload(ChimdevOp *op, int64_t now)
{
    ChimdevList *l = op->list;
    ChimdevNode *root = &l->node[l->root];
    struct chim_case_stats *c = &op->s->stats.cases;

    for (unsigned i = 0; i < l->norder; i++) {
        ChimdevNode *n = &l->node[l->order[i]];
        ChimdevNode *parent = n->parent == CHIM_NODE_NONE ?
                              NULL : &l->node[n->parent];
        uint64_t said = chimdev_refusals_total(op->s);

        if (n->role == CHIM_ROLE_PLACEHOLDER) {
            continue;
        }
        if ((parent && !stands(parent)) || (n != root && !stands(root))) {
            n->status = CHIM_ST_FAILURE;
        } else if (n->role == CHIM_ROLE_NEW) {
            n->status = new_object(op, n, parent, now);
            n->in = stands(n);
            if (n->in) {
                n->handle = n->obj->handle;
            }
            trace_chimdev_offload(n->layer, n->cookie, n->handle, n->status);
            if (!n->in && chimdev_refusals_total(op->s) == said) {
                chimdev_explain(op->s, l, n);
            }
        }
        if (n->layer == CHIMDEV_LAYER_TCP && n->role == CHIM_ROLE_NEW) {
            c->initiates += n->in;
            c->initiate_failures += !n->in;
        }
    }
}

/*
 * Second pass, dependents before parents: a node reports failures of its
 * direct dependents only (INI-4, INI-5, TRE-13).
 */
static void sum_up(ChimdevList *l)
{
    g_autofree uint32_t *deps = g_new0(uint32_t, l->count);
    g_autofree uint32_t *failed = g_new0(uint32_t, l->count);

    for (unsigned i = l->norder; i-- > 0; ) {
        ChimdevNode *n = &l->node[l->order[i]];

        if (n->role != CHIM_ROLE_PLACEHOLDER && stands(n) &&
            failed[n->index]) {
            bool all = failed[n->index] == deps[n->index];

            n->status = n->role == CHIM_ROLE_LINKER && all ?
                        CHIM_ST_FAILURE : CHIM_ST_PARTIAL_SUCCESS;
        }
        if (n->parent != CHIM_NODE_NONE) {
            deps[n->parent]++;
            failed[n->parent] += n->status != CHIM_ST_SUCCESS &&
                                 n->status != CHIM_ST_PARTIAL_SUCCESS;
        }
    }
}

void chimdev_initiate(ChimdevOp *op, int64_t now)
{
    chimdev_op_resolve(op);
    offload(op, now);
    sum_up(op->list);
    chimdev_list_write_results(op->s, op->list);
}
