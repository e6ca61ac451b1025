/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sq.c - the SQ: commands on connections, checked and handed to the engine.
 * Spec chapter 5.5.
 *
 * A command is fetched only when its pair's CQ has room for a completion, so
 * that one that is refused can be answered at once.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qemu/log.h"
#include "core/chimdev.h"
#include "core/clock.h"
#include "core/core.h"
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
    FORWARD_MAX = 65535,        /* bytes of a TCP segment with its header */
};

/* ---------------------------------------- commands */

/* The cause is the host's word, and nothing else depends on it (OP-D27). */
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

/*
 * Refused or not, a command and its completion count, as they do at the
 * driver.
 */
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

    trace_chimdev_refused_command(cmd->at.ring, cmd->at.index, type, status);
    qemu_log_mask(LOG_GUEST_ERROR, "chimney: ring %u entry %u: command 0x%02x "
                  "is refused with status %u\n", cmd->at.ring, cmd->at.index,
                  type, status);
    count_refused(&p->s->stats.cases, o, type, status);
    p->forward_run = 0;
    chimdev_cq_post(&p->cq, &e);
}

static uint32_t check_length(const ChimdevCmd *cmd)
{
    if (cmd->wraps || cmd->bytes != le32_to_cpu(cmd->e.u.io.len)) {
        return CHIM_ST_INVALID_FIELD;           /* RING-D9 */
    }
    return CHIM_ST_SUCCESS;
}

static uint32_t check_send(const ChimdevCmd *cmd, uint32_t flags)
{
    if (!cmd->bytes) {
        return CHIM_ST_INVALID_FIELD;
    }
    return cmd->bytes > CHIMDEV_MAX_SEND_LEN ? CHIM_ST_LIMIT : CHIM_ST_SUCCESS;
}

static uint32_t check_recv(const ChimdevCmd *cmd, uint32_t flags)
{
    uint32_t prefilled = le32_to_cpu(cmd->e.u.io.prefilled);

    if (prefilled && prefilled >= cmd->bytes) {
        return CHIM_ST_INVALID_FIELD;
    }
    return cmd->bytes > UINT32_MAX / 2 ? CHIM_ST_LIMIT : CHIM_ST_SUCCESS;
}

/* OP-D23 */
static uint32_t check_disconnect(const ChimdevCmd *cmd, uint32_t flags)
{
    bool graceful = flags & CHIM_DISCONNECT_GRACEFUL;
    bool abortive = flags & CHIM_DISCONNECT_ABORTIVE;

    if (graceful == abortive || (abortive && cmd->bytes)) {
        return CHIM_ST_INVALID_FIELD;
    }
    return cmd->bytes > CHIMDEV_MAX_SEND_LEN ? CHIM_ST_LIMIT : CHIM_ST_SUCCESS;
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
    uint32_t status = check_length(cmd);
    enum toe_req_kind kind;
    ChimdevReq *r;

    if (op == CHIM_OP_SEND) {
        kind = TOE_REQ_SEND;
        status = status ? status : check_send(cmd, flags);
    } else if (op == CHIM_OP_RECV) {
        kind = TOE_REQ_RECV;
        status = status ? status : check_recv(cmd, flags);
    } else {
        kind = TOE_REQ_DISCONNECT;
        status = status ? status : check_disconnect(cmd, flags);
    }
    r = status ? NULL : make_req(p, cmd, kind, flags);
    if (!r) {
        refuse(p, cmd, op, o, status ? status : CHIM_ST_RESOURCES);
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

/* The second of a run says so (OP-D26). */
static void count_forwarded(ChimdevPair *p, struct chim_cqe *e)
{
    p->s->stats.cases.forward_completions++;
    if (++p->forward_run == 2) {
        p->s->stats.cases.forward_batches++;
        e->flags = cpu_to_le16(CHIM_CQE_BATCH);
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

    if (check_length(cmd) || cmd->bytes < 20 || cmd->bytes > FORWARD_MAX) {
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
    count_forwarded(p, &e);
    e.status = cpu_to_le32(chimdev_translate_status(st));
    chimdev_cq_post(&p->cq, &e);
}

static void do_verdict(ChimdevPair *p, ChimdevObj *o, const ChimdevCmd *cmd,
                       int64_t now)
{
    uint32_t number = le32_to_cpu(cmd->e.u.verdict.indication);
    uint32_t status = le32_to_cpu(cmd->e.u.verdict.status);
    uint32_t consumed = le32_to_cpu(cmd->e.u.verdict.consumed);

    if (!o || o->stopping ||
        !chimdev_accept_verdict(p, o, number, status, consumed, now)) {
        trace_chimdev_refused_verdict(cmd->at.ring, cmd->at.index, number,
                                      status, consumed);
        qemu_log_mask(LOG_GUEST_ERROR, "chimney: ring %u entry %u: verdict on "
                      "indication %u is ignored\n", cmd->at.ring,
                      cmd->at.index, number);
    }
}

/* One that names its connection holds the window (OP-D31). */
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
        chimdev_fatal(p->s, CHIM_FATAL_OPCODE, &at, 0);
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
        refuse(p, cmd, op, NULL, CHIM_ST_INVALID_HANDLE);
    } else if (o->stopping) {
        refuse(p, cmd, op, o, CHIM_ST_UPLOAD_IN_PROGRESS);
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
 * Everything published at this moment. False: the completion ring has no room
 * for it.
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
