/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sq.c - the SQ: commands on connections, checked and passed to the engine.
 * Spec chapter 5.5.
 *
 * A command is fetched only when its pair's CQ has room for a completion, so
 * that a refusal can be answered at once.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "core/chimdev.h"
#include "core/clock.h"
#include "core/core.h"
#include "core/refusal.h"
#include "data/accept.h"
#include "data/sq.h"
#include "objects/fence.h"
#include "objects/handle.h"
#include "objects/op.h"
#include "objects/req.h"
#include "objects/translate.h"
#include "rings/cq.h"
#include "rings/payload.h"
#include "rings/ring.h"
#include "toe.h"
#include "trace.h"

enum {
    SQ_BUDGET = 256,
    FORWARD_MIN = 20,           /* bytes of a TCP segment with its header */
    FORWARD_MAX = 65535,
};

/* ---------------------------------------- commands */

/* The host names the cause; it is only counted (OP-D27). */
static void count_forward(struct chim_case_stats *c, uint32_t flags)
{
    c->forwards++;
    switch (flags >> CHIM_FORWARD_CAUSE_SHIFT & CHIM_FORWARD_CAUSE_MASK) {
    case CHIM_CAUSE_FRAGMENTS:
        c->forward_fragments++;
        break;
    case CHIM_CAUSE_OPTIONS:
        c->forward_options++;
        break;
    case CHIM_CAUSE_INTERFACE:
        c->forward_interface++;
        break;
    case CHIM_CAUSE_INITIATE:
        c->forward_initiate++;
        break;
    }
}

/* Count refused commands and their completions too, as the driver does. */
static void count_command(struct chim_case_stats *c, unsigned op,
                          uint32_t flags)
{
    switch (op) {
    case CHIM_OP_SEND:
        c->sends++;
        break;
    case CHIM_OP_RECV:
        c->recvs++;
        break;
    case CHIM_OP_FORWARD:
        count_forward(c, flags);
        break;
    case CHIM_OP_DISCONNECT:
        c->disconnects++;
        break;
    case CHIM_OP_VERDICT:
        c->verdicts++;
        break;
    }
}

static void count_refused(struct chim_case_stats *c, ChimdevObj *o,
                          unsigned type, uint32_t status)
{
    switch (type) {
    case CHIM_CQ_SEND:
        c->send_completions++;
        if (status == CHIM_ST_UPLOAD_IN_PROGRESS) {
            c->send_back_completed++;
            o->sends_completed = true;
        }
        break;
    case CHIM_CQ_RECV:
        c->recv_completions++;
        break;
    case CHIM_CQ_FORWARD:
        c->forward_completions++;
        break;
    case CHIM_CQ_DISCONNECT:
        c->disconnect_completions++;
        break;
    }
}

static void refuse(ChimdevPair *p, const ChimdevCmd *cmd, unsigned type,
                   ChimdevObj *o, uint32_t status)
{
    struct chim_cqe e = {
        .ctl = cpu_to_le32(type),
        .status = cpu_to_le32(status),
        .cookie = cmd->e.cookie,
        .conn_cookie = o ? cpu_to_le64(o->cookie) : 0,
        .handle = cmd->e.handle,
    };

    count_refused(&p->s->stats.cases, o, type, status);
    p->forward_run = 0;
    chimdev_cq_post(&p->cq, &e);
}

/* Say why the command gets that status, and return it. */
static uint32_t because(ChimdevPair *p, const ChimdevCmd *cmd,
                        enum chimdev_why why, ChimdevRefused what,
                        uint32_t status)
{
    what.at = &cmd->at;
    what.status = status;
    return chimdev_refuse(p->s, why, &what);
}

/* RING-D9 */
static uint32_t check_sges(ChimdevPair *p, const ChimdevCmd *cmd)
{
    uint32_t len = le32_to_cpu(cmd->e.u.io.len);

    if (cmd->wraps) {
        return because(p, cmd, CHIMDEV_WHY_RING_D9_WRAP, (ChimdevRefused) {
            CHIMDEV_IN(chim_sqe, sge),
        }, CHIM_ST_INVALID_FIELD);
    }
    if (cmd->bytes != len) {
        return because(p, cmd, CHIMDEV_WHY_RING_D9_LENGTH, (ChimdevRefused) {
            CHIMDEV_IN(chim_sqe, u.io.len), .found = len,
            CHIMDEV_RANGE(cmd->bytes, cmd->bytes),
        }, CHIM_ST_INVALID_FIELD);
    }
    return CHIM_ST_SUCCESS;
}

/* OP-D19 */
static uint32_t check_length(ChimdevPair *p, const ChimdevCmd *cmd,
                             uint64_t least, uint64_t most, uint32_t too_long)
{
    if (cmd->bytes >= least && cmd->bytes <= most) {
        return CHIM_ST_SUCCESS;
    }
    return because(p, cmd, CHIMDEV_WHY_OP_D19_LENGTH, (ChimdevRefused) {
        CHIMDEV_IN(chim_sqe, u.io.len), .found = cmd->bytes,
        CHIMDEV_RANGE(least, most),
    }, cmd->bytes < least ? CHIM_ST_INVALID_FIELD : too_long);
}

static uint32_t check_recv(ChimdevPair *p, const ChimdevCmd *cmd)
{
    uint32_t prefilled = le32_to_cpu(cmd->e.u.io.prefilled);

    if (prefilled && prefilled >= cmd->bytes) {
        return because(p, cmd, CHIMDEV_WHY_OP_D19_PREFILLED,
                       (ChimdevRefused) {
            CHIMDEV_IN(chim_sqe, u.io.prefilled), .found = prefilled,
            CHIMDEV_RANGE(0, cmd->bytes ? cmd->bytes - 1 : 0),
        }, CHIM_ST_INVALID_FIELD);
    }
    return check_length(p, cmd, 0, UINT32_MAX / 2, CHIM_ST_LIMIT);
}

/* OP-D23 */
static uint32_t check_disconnect(ChimdevPair *p, const ChimdevCmd *cmd,
                                 uint32_t flags)
{
    bool graceful = flags & CHIM_DISCONNECT_GRACEFUL;
    bool abortive = flags & CHIM_DISCONNECT_ABORTIVE;

    if (graceful == abortive) {
        return because(p, cmd, CHIMDEV_WHY_OP_D23_FLAGS, (ChimdevRefused) {
            CHIMDEV_IN(chim_sqe, ctl), .found = flags,
            .allowed = "one of GRACEFUL and ABORTIVE",
        }, CHIM_ST_INVALID_FIELD);
    }
    if (abortive && cmd->bytes) {
        return because(p, cmd, CHIMDEV_WHY_OP_D23_DATA, (ChimdevRefused) {
            CHIMDEV_IN(chim_sqe, u.io.len), .found = cmd->bytes,
            CHIMDEV_RANGE(0, 0),
        }, CHIM_ST_INVALID_FIELD);
    }
    return check_length(p, cmd, 0, CHIMDEV_MAX_SEND_LEN, CHIM_ST_LIMIT);
}

static ChimdevReq *make_req(ChimdevPair *p, const ChimdevCmd *cmd,
                            enum toe_req_kind kind, uint32_t flags)
{
    ChimdevReq *r = chimdev_req_new(p->s, &cmd->at, cmd->nsge);

    if (r) {
        memcpy(r->sge, cmd->sge, cmd->nsge * sizeof(r->sge[0]));
        r->req.kind = kind;
        r->req.flags = chimdev_translate_req_flags(kind, flags);
        r->req.len = cmd->bytes;
        r->req.cookie = le64_to_cpu(cmd->e.cookie);
    }
    return r;
}

static void do_request(ChimdevPair *p, ChimdevObj *o, const ChimdevCmd *cmd,
                       unsigned op, uint32_t flags, int64_t now)
{
    uint32_t status = check_sges(p, cmd);
    enum toe_req_kind kind;
    ChimdevReq *r;

    if (op == CHIM_OP_SEND) {
        kind = TOE_REQ_SEND;
        status = status ? status :
                 check_length(p, cmd, 1, CHIMDEV_MAX_SEND_LEN, CHIM_ST_LIMIT);
    } else if (op == CHIM_OP_RECV) {
        kind = TOE_REQ_RECV;
        status = status ? status : check_recv(p, cmd);
    } else {
        kind = TOE_REQ_DISCONNECT;
        status = status ? status : check_disconnect(p, cmd, flags);
    }
    r = status ? NULL : make_req(p, cmd, kind, flags);
    if (!r) {
        status = status ? status :
                 because(p, cmd, CHIMDEV_WHY_OP_D19_MEMORY,
                         (ChimdevRefused) { 0 }, CHIM_ST_RESOURCES);
        refuse(p, cmd, op, o, status);
        return;
    }
    switch (kind) {
    case TOE_REQ_SEND:
        toe_send(o->u.conn, &r->req, now);
        break;
    case TOE_REQ_RECV:
        r->req.prefilled = le32_to_cpu(cmd->e.u.io.prefilled);
        toe_recv(o->u.conn, &r->req, now);
        break;
    case TOE_REQ_DISCONNECT:
        toe_disconnect(o->u.conn, &r->req, now);
        break;
    }
}

/* Count runs; a run's second completion carries the flag (OP-D26). */
static void count_forwarded(ChimdevPair *p, struct chim_cqe *e)
{
    p->s->stats.cases.forward_completions++;
    if (++p->forward_run == 2) {
        p->s->stats.cases.forward_batches++;
        e->flags = cpu_to_le16(CHIM_CQE_BATCH);
    }
}

static void bad_segment(ChimdevPair *p, const ChimdevCmd *cmd,
                        enum toe_status st)
{
    if (st == TOE_BAD_FIELD) {
        because(p, cmd, CHIMDEV_WHY_OP_D19_SEGMENT, (ChimdevRefused) {
            CHIMDEV_IN(chim_sqe, sge), .found = le64_to_cpu(cmd->e.sge[0].addr),
            .allowed = "a whole header, the connection's ports, a checksum "
                       "that is right",
        }, CHIM_ST_INVALID_FIELD);
    }
}

static void do_forward(ChimdevPair *p, ChimdevObj *o, const ChimdevCmd *cmd,
                       uint32_t flags, int64_t now)
{
    struct chim_cqe e = {
        .ctl = cpu_to_le32(CHIM_CQ_FORWARD),
        .cookie = cmd->e.cookie,
        .conn_cookie = cpu_to_le64(o->cookie),
        .handle = cmd->e.handle,
    };
    g_autofree uint8_t *seg = NULL;
    enum toe_status st;

    if (check_sges(p, cmd) ||
        check_length(p, cmd, FORWARD_MIN, FORWARD_MAX,
                     CHIM_ST_INVALID_FIELD)) {
        refuse(p, cmd, CHIM_CQ_FORWARD, o, CHIM_ST_INVALID_FIELD);
        return;
    }
    seg = g_malloc(cmd->bytes);
    if (!chimdev_sges_read(p->s, &cmd->at, cmd->sge, cmd->nsge, 0, seg,
                           cmd->bytes)) {
        return;
    }
    st = toe_forward(o->u.conn, seg, cmd->bytes,
                     flags & CHIM_FORWARD_CSUM_OK, now);
    if (st != TOE_OK) {
        bad_segment(p, cmd, st);
    }
    count_forwarded(p, &e);
    e.status = cpu_to_le32(chimdev_translate_status(st));
    chimdev_cq_post(&p->cq, &e);
}

static uint32_t no_connection(ChimdevPair *p, const ChimdevCmd *cmd,
                              uint32_t status)
{
    return because(p, cmd, CHIMDEV_WHY_OP_H3_HANDLE, (ChimdevRefused) {
        CHIMDEV_IN(chim_sqe, handle), .found = le32_to_cpu(cmd->e.handle),
        .allowed = "a handle from INITIATE",
    }, status);
}

static uint32_t behind_the_fence(ChimdevPair *p, const ChimdevCmd *cmd,
                                 uint32_t status)
{
    return because(p, cmd, CHIMDEV_WHY_OP_H4_COMMAND, (ChimdevRefused) {
        CHIMDEV_IN(chim_sqe, handle), .found = le32_to_cpu(cmd->e.handle),
        .allowed = "a handle that no TERMINATE names",
    }, status);
}

static void do_verdict(ChimdevPair *p, ChimdevObj *o, const ChimdevCmd *cmd,
                       int64_t now)
{
    uint32_t number = le32_to_cpu(cmd->e.u.verdict.indication);
    uint32_t status = le32_to_cpu(cmd->e.u.verdict.status);
    uint32_t consumed = le32_to_cpu(cmd->e.u.verdict.consumed);

    if (!o) {
        no_connection(p, cmd, CHIM_ST_SUCCESS);
    } else if (o->stopping) {
        behind_the_fence(p, cmd, CHIM_ST_SUCCESS);
    } else {
        chimdev_accept_verdict(p, o, &cmd->at, number, status, consumed, now);
    }
}

/* A fence that names its connection holds the receive window (OP-D31). */
static void do_fence(ChimdevPair *p, const ChimdevCmd *cmd)
{
    uint32_t id = le32_to_cpu(cmd->e.u.fence.id);
    ChimdevObj *o = chimdev_obj_get(p->s, le32_to_cpu(cmd->e.handle),
                                    CHIMDEV_LAYER_TCP);

    if (chimdev_op_fence(p->s, id, &cmd->at) && o && o->pair == p) {
        chimdev_fence_hold(p->s, o, id);
    }
}

static void do_command(ChimdevPair *p, const ChimdevCmd *cmd, int64_t now)
{
    uint32_t ctl = le32_to_cpu(cmd->e.ctl);
    uint32_t flags = ctl >> CHIM_CTL_FLAGS_SHIFT & 0xffff;
    unsigned op = ctl & CHIM_CTL_OP_MASK;
    ChimdevAt at = cmd->at;
    ChimdevObj *o;

    if (op == CHIM_OP_FENCE) {
        do_fence(p, cmd);
        return;
    }
    if (op < CHIM_OP_SEND || op > CHIM_OP_VERDICT) {
        at.rule = CHIM_RULE_RING_H6;
        chimdev_fatal(p->s, CHIMDEV_WHY_RING_H6_OPCODE, &(ChimdevRefused) {
            .at = &at, CHIMDEV_IN(chim_sqe, ctl), .found = op,
            .allowed = "SEND to FENCE", .cause = CHIM_FATAL_OPCODE,
        });
        return;
    }
    count_command(&p->s->stats.cases, op, flags);
    o = chimdev_obj_get(p->s, le32_to_cpu(cmd->e.handle), CHIMDEV_LAYER_TCP);
    if (o && o->pair != p) {
        o = NULL;                       /* OP-D18 */
    }
    trace_chimdev_command(cmd->at.ring, cmd->at.index, op,
                          le32_to_cpu(cmd->e.handle), cmd->bytes);
    if (op == CHIM_OP_VERDICT) {
        do_verdict(p, o, cmd, now);
    } else if (!o) {
        refuse(p, cmd, op, NULL,
               no_connection(p, cmd, CHIM_ST_INVALID_HANDLE));
    } else if (o->stopping) {
        refuse(p, cmd, op, o,
               behind_the_fence(p, cmd, CHIM_ST_UPLOAD_IN_PROGRESS));
    } else if (op == CHIM_OP_FORWARD) {
        do_forward(p, o, cmd, flags, now);
    } else {
        do_request(p, o, cmd, op, flags, now);
    }
}

static ChimdevPass take(ChimdevPair *p, unsigned budget)
{
    int64_t now = chimdev_now(p->s);
    ChimdevCmd cmd;

    p->forward_run = 0;
    for (unsigned n = 0; n < budget; n++) {
        if (!chimdev_cq_ready(&p->cq)) {
            return CHIMDEV_PASS_BLOCKED;
        }
        if (chimdev_ring_fetch(p->ring[CHIM_RING_SQ], &cmd) !=
            CHIMDEV_FETCH_OK) {
            return CHIMDEV_PASS_EMPTY;
        }
        do_command(p, &cmd, now);
    }
    return CHIMDEV_PASS_MORE;
}

ChimdevPass chimdev_sq_run(ChimdevPair *p)
{
    return take(p, SQ_BUDGET);
}

/*
 * Take every command published by now. False: the CQ has no room for their
 * completions.
 */
static bool drain(ChimdevPair *p)
{
    ChimdevRing *sq = p->ring[CHIM_RING_SQ];

    return !sq || take(p, chimdev_ring_size(sq)) != CHIMDEV_PASS_BLOCKED;
}

bool chimdev_sq_settle(ChimdevPair *p, int64_t now)
{
    uint32_t consumed;

    if (!chimdev_accept_due(p, &consumed)) {
        return true;
    }
    if (!drain(p)) {
        return false;
    }
    chimdev_accept_passed(p, consumed, now);
    return true;
}
