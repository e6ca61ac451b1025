/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * target.c - the TCP engine inside the device: its callbacks (memory, frames
 * out, payload), received frames, and its events as completion entries.
 *
 * The engine calls back only from within calls to it; callbacks only gather,
 * place and send.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qemu/guest-random.h"
#include "qapi/error.h"
#include "core/chimdev.h"
#include "core/clock.h"
#include "core/core.h"
#include "core/memory.h"
#include "data/accept.h"
#include "data/sq.h"
#include "data/target.h"
#include "objects/handle.h"
#include "objects/req.h"
#include "objects/translate.h"
#include "port/capture.h"
#include "port/nic_out.h"
#include "port/vnet.h"
#include "rings/cq.h"
#include "rings/payload.h"
#include "rings/ring.h"
#include "toe.h"

enum {
    EVENT_BUDGET = 512,
    OUTPUT_BUDGET = 64,
    SERVE_ROUNDS = 4,
    MAX_GSO = 65000,            /* payload bytes of one large frame */
};

/* ---------------------------------------- callbacks */

static void *op_alloc(void *opaque, size_t size)
{
    return chimdev_memory_get(opaque, CHIMDEV_MEM_ENGINE, size);
}

static void op_free(void *opaque, void *p, size_t size)
{
    chimdev_memory_put(opaque, CHIMDEV_MEM_ENGINE, p, size);
}

static uint32_t op_random(void *opaque)
{
    uint32_t v;

    qemu_guest_getrandom_nofail(&v, sizeof(v));
    return v;
}

static void frame_vnet(const struct toe_frame *f, ChimdevVnet *v)
{
    memset(v, 0, sizeof(*v));
    v->flags = CHIM_VNET_F_NEEDS_CSUM;
    v->csum_start = f->l4_off;
    v->csum_offset = 16;
    v->hdr_len = f->header_len;
    if (f->gso_size) {
        v->gso_size = f->gso_size;
        v->gso_type = f->ipv6 ? CHIM_VNET_GSO_TCPV6 : CHIM_VNET_GSO_TCPV4;
        if (f->ecn) {
            v->gso_type |= CHIM_VNET_GSO_ECN;
        }
    }
}

/*
 * Read the payload from guest memory now, anew for each transmission. If the
 * device is dead, the frame is dropped.
 */
static bool op_emit(void *opaque, const struct toe_frame *f)
{
    ChimdevState *s = opaque;
    ChimdevVnet vnet;
    ChimdevGather *g;
    void *head;

    if (chimdev_nic_out_busy(s, f->queue)) {
        return false;
    }
    frame_vnet(f, &vnet);
    g = chimdev_nic_out_begin(s, &vnet);
    head = chimdev_gather_reserve(g, f->header_len);
    if (!head) {
        return true;
    }
    memcpy(head, f->header, f->header_len);
    for (unsigned i = 0; i < f->npieces; i++) {
        ChimdevReq *r = container_of(f->pieces[i].req, ChimdevReq, req);

        if (!chimdev_req_gather(s, g, r, f->pieces[i].off, f->pieces[i].len)) {
            chimdev_gather_done(s, g);
            return true;
        }
    }
    s->stats.nic.tx_offloaded_frames++;
    s->stats.cases.target_tx_octets += f->header_len + f->payload_len;
    chimdev_nic_out_send(s, f->queue, CHIMDEV_FROM_TARGET, &vnet);
    return true;
}

static void op_place(void *opaque, struct toe_req *req, uint32_t off,
                     const uint8_t *src, uint32_t len)
{
    chimdev_req_write(opaque, container_of(req, ChimdevReq, req), off, src,
                      len);
}

static const struct toe_ops target_ops = {
    .alloc = op_alloc,
    .free = op_free,
    .random = op_random,
    .emit = op_emit,
    .place = op_place,
};

/* ---------------------------------------- life */

bool chimdev_target_init(ChimdevState *s, Error **errp)
{
    struct toe_config cfg = {
        .max_conns = s->max_conns,
        .max_paths = s->max_paths,
        .max_neighs = s->max_neighbors,
        .max_rcv_wnd = CHIMDEV_MAX_RCV_WND,
        .max_buffered = CHIMDEV_MAX_BUFFERED,
        .max_sends = CHIMDEV_MAX_SENDS,
        .max_recvs = CHIMDEV_MAX_RECVS,
        .max_mtu = CHIMDEV_MAX_MTU,
        .max_gso = MAX_GSO,
        .queues = s->npairs,
        .takeover_grace = 20 * SCALE_MS,
        .ip_id_start = s->ip_id_start,
        .now = chimdev_now(s),
    };

    memcpy(cfg.mac, s->conf.macaddr.a, sizeof(cfg.mac));
    s->toe = toe_create(&cfg, &target_ops, s);
    if (!s->toe) {
        error_setg(errp, "chimney: no memory for the TCP engine, or "
                   "x-max-bytes is too small for it");
        return false;
    }
    s->defaults = g_memdup2(toe_get_params(s->toe), sizeof(*s->defaults));
    chimdev_obj_init(s);
    return true;
}

void chimdev_target_reset(ChimdevState *s)
{
    toe_reset(s->toe);
    toe_set_params(s->toe, s->defaults);
    chimdev_req_free_all(s);
    chimdev_obj_reset(s);
}

void chimdev_target_fini(ChimdevState *s)
{
    toe_destroy(s->toe);
    s->toe = NULL;
    g_free(s->defaults);
    s->defaults = NULL;
    chimdev_obj_fini(s);
}

uint32_t chimdev_target_set_params(ChimdevState *s,
                                   const struct chim_params *p)
{
    struct toe_params t;
    uint32_t status = chimdev_translate_params(p, &t);

    if (status) {
        return status;
    }
    if (s->count[CHIMDEV_LAYER_TCP]) {
        return CHIM_ST_IN_USE;          /* OP-D24 */
    }
    return chimdev_translate_status(toe_set_params(s->toe, &t));
}

uint32_t chimdev_target_nce_answer(ChimdevState *s, uint32_t handle,
                                   uint32_t hrd)
{
    ChimdevObj *o = chimdev_obj_get(s, handle, CHIMDEV_LAYER_NEIGHBOR);

    if (!o) {
        return CHIM_ST_INVALID_HANDLE;
    }
    toe_neigh_answer(o->u.neigh, hrd, chimdev_now(s));
    return CHIM_ST_SUCCESS;
}

/* ---------------------------------------- in */

bool chimdev_target_input(ChimdevState *s, const ChimdevVnet *vnet,
                          const uint8_t *data, uint32_t len)
{
    struct toe_rx rx = {
        .data = data,
        .len = len,
        .csum_ok = vnet->flags,
        .gso_size = vnet->gso_type ? vnet->gso_size : 0,
    };

    return s->count[CHIMDEV_LAYER_TCP] &&
           toe_input(s->toe, &rx, chimdev_now(s)) == TOE_RX_TAKEN;
}

void chimdev_target_tick(ChimdevState *s, int64_t now)
{
    toe_tick(s->toe, now);
}

/* ---------------------------------------- events */

static void count_request(ChimdevPair *p, ChimdevObj *o,
                          const struct toe_event *ev)
{
    struct chim_case_stats *c = &p->s->stats.cases;

    switch (ev->type) {
    case TOE_EV_SEND_DONE:
        c->send_completions++;
        if (ev->req->status == TOE_UPLOADING) {
            c->send_back_completed++;
            o->sends_completed = true;
        }
        c->send_batches += ++p->send_run == 2;
        break;
    case TOE_EV_RECV_DONE:
        c->recv_completions++;
        if (!ev->req->len) {
            c->recv_zero++;
        } else if (ev->req->flags & TOE_RECV_NONPUSH) {
            c->recv_nonpush++;
        } else {
            c->recv_push++;
        }
        break;
    default:
        c->disconnect_completions++;
        break;
    }
}

static void finish_request(ChimdevPair *p, ChimdevObj *o,
                           const struct toe_event *ev, struct chim_cqe *e,
                           unsigned type)
{
    struct toe_req *req = ev->req;

    count_request(p, o, ev);
    e->ctl = cpu_to_le32(type);
    e->status = cpu_to_le32(chimdev_req_status(p->s, req));
    e->cookie = cpu_to_le64(req->cookie);
    e->bytes = cpu_to_le32(req->done);
    if (ev->type == TOE_EV_RECV_DONE) {
        e->seq = cpu_to_le32(req->rcv_seq);
        e->rcv_rtt_us = cpu_to_le32(ev->rcv_rtt_us);
        e->flags = cpu_to_le16((req->push ? CHIM_CQE_PUSH : 0) |
                               (req->done_buffered ? CHIM_CQE_BUFFERED : 0));
    } else {
        e->seq = cpu_to_le32(ev->seq);
        e->cwnd = cpu_to_le32(ev->cwnd);
        e->srtt_us = cpu_to_le32(ev->srtt_us);
        if (ev->type == TOE_EV_SEND_DONE && p->send_run == 2) {
            e->flags = cpu_to_le16(CHIM_CQE_BATCH);
        }
    }
    chimdev_cq_post(&p->cq, e);
    chimdev_req_free(p->s, container_of(req, ChimdevReq, req));
}

/* Copy an indication's bytes, which may lie in two spans, to one buffer. */
static void copy_spans(ChimdevState *s, const ChimdevAt *at,
                       const struct toe_event *ev, uint32_t off,
                       uint64_t addr, uint32_t len)
{
    for (unsigned i = 0; i < 2 && len; i++) {
        uint32_t n;

        if (off >= ev->span_len[i]) {
            off -= ev->span_len[i];
            continue;
        }
        n = MIN(len, ev->span_len[i] - off);
        chimdev_dma_write(s, at, addr, ev->span[i] + off, n);
        addr += n;
        len -= n;
        off = 0;
    }
}

static void indicate(ChimdevPair *p, const ChimdevObj *o,
                     const struct toe_event *ev, struct chim_cqe *e)
{
    ChimdevRing *ib = p->ring[CHIM_RING_IB];
    uint32_t len = ev->span_len[0] + ev->span_len[1], off = 0, count = 0;
    ChimdevInd ind = { .handle = o->handle, .number = ev->indication,
                       .len = len };

    while (off < len) {
        ChimdevBuf b = chimdev_ring_take(ib);
        uint32_t n = MIN(b.len, len - off);
        ChimdevAt at = { chimdev_ring_id(ib), b.index, CHIM_RULE_RING_H7 };

        copy_spans(p->s, &at, ev, off, b.addr, n);
        if (!count++) {
            e->ind_first = cpu_to_le32(b.index);
        }
        off += n;
    }
    p->s->stats.cases.indications++;
    e->ctl = cpu_to_le32(CHIM_CQ_INDICATE);
    e->ind_count = cpu_to_le16(count);
    e->bytes = cpu_to_le32(len);
    e->info = cpu_to_le32(ev->indication);
    e->seq = cpu_to_le32(ev->seq);
    e->rcv_rtt_us = cpu_to_le32(ev->rcv_rtt_us);
    e->flags = cpu_to_le16((ev->push ? CHIM_CQE_PUSH : 0) |
                           (ev->buffered ? CHIM_CQE_BUFFERED : 0));
    ind.cq_index = chimdev_cq_post(&p->cq, e);
    chimdev_accept_add(p, &ind);
}

static void post_event(ChimdevPair *p, struct chim_cqe *e, uint32_t event,
                       uint32_t info2)
{
    p->s->stats.cases.events++;
    e->ctl = cpu_to_le32(CHIM_CQ_EVENT);
    e->info = cpu_to_le32(event);
    e->info2 = cpu_to_le32(info2);
    chimdev_cq_post(&p->cq, e);
}

static void post_nce(ChimdevState *s, const struct toe_event *ev)
{
    ChimdevObj *o = chimdev_obj_get(s, ev->cookie, CHIMDEV_LAYER_NEIGHBOR);
    struct chim_cqe e = {
        .ctl = cpu_to_le32(CHIM_CQ_NCE),
        .info = cpu_to_le32(ev->info),
        .info2 = cpu_to_le32(ev->info2),
    };

    if (o) {
        e.conn_cookie = cpu_to_le64(o->cookie);
        e.handle = cpu_to_le32(o->handle);
        chimdev_cq_post(&s->admin_cq, &e);
    }
}

/* Without room, events stay with their neighbors, one for each. */
static void serve_neighbors(ChimdevState *s)
{
    struct toe_event ev;

    while (chimdev_alive(s) && chimdev_cq_ready(&s->admin_cq) &&
           toe_poll_nce(s->toe, &ev)) {
        post_nce(s, &ev);
    }
}

/* The engine's cookies are our handles. */
static void post(ChimdevPair *p, const struct toe_event *ev)
{
    ChimdevObj *o = chimdev_obj_get(p->s, ev->cookie, CHIMDEV_LAYER_TCP);
    struct chim_cqe e = { 0 };

    if (!o) {
        chimdev_bug(p->s, NULL);
        return;
    }
    e.conn_cookie = cpu_to_le64(o->cookie);
    e.handle = cpu_to_le32(o->handle);
    if (ev->type != TOE_EV_SEND_DONE) {
        p->send_run = 0;
    }
    switch (ev->type) {
    case TOE_EV_SEND_DONE:
        finish_request(p, o, ev, &e, CHIM_CQ_SEND);
        break;
    case TOE_EV_RECV_DONE:
        finish_request(p, o, ev, &e, CHIM_CQ_RECV);
        break;
    case TOE_EV_DISCONNECT_DONE:
        finish_request(p, o, ev, &e, CHIM_CQ_DISCONNECT);
        break;
    case TOE_EV_INDICATE:
        indicate(p, o, ev, &e);
        break;
    case TOE_EV_PEER_CLOSED:
        post_event(p, &e, CHIM_EV_DISCONNECT, 0);
        break;
    case TOE_EV_ABORTED:
        post_event(p, &e, CHIM_EV_ABORT, 0);
        break;
    case TOE_EV_RETRIEVE:
        post_event(p, &e, CHIM_EV_RETRIEVE, ev->info);
        break;
    case TOE_EV_BACKLOG:
        post_event(p, &e, CHIM_EV_SEND_BACKLOG, ev->info);
        break;
    case TOE_EV_NCE:
        break;
    }
}

/*
 * Room for an indication. If there is none, the driver's next buffer rings the
 * doorbell.
 */
static uint32_t indication_room(ChimdevPair *p)
{
    ChimdevRing *ib = p->ring[CHIM_RING_IB];
    uint64_t room;

    if (!ib) {
        return 0;
    }
    while (!(room = chimdev_ring_look(ib, TOE_MAX_INDICATION, NULL))) {
        if (chimdev_ring_sleep(ib) || !chimdev_alive(p->s)) {
            return 0;
        }
    }
    return MIN(room, TOE_MAX_INDICATION);
}

/* True: something was posted. */
static bool serve_events(ChimdevPair *p)
{
    struct toe_event ev;
    unsigned n;

    p->send_run = 0;
    for (n = 0; n < EVENT_BUDGET && chimdev_cq_ready(&p->cq); n++) {
        uint32_t room = indication_room(p);

        if (!chimdev_alive(p->s) || !toe_poll(p->s->toe, p->nr, room, &ev)) {
            return n;
        }
        post(p, &ev);
    }
    if (n == EVENT_BUDGET) {
        p->s->again = true;
    }
    return n;
}

/*
 * Completions may let the engine send, and sending may complete requests: do a
 * few rounds, and leave the rest to the next run.
 */
static void serve_pair(ChimdevPair *p, int64_t now)
{
    ChimdevState *s = p->s;
    bool settled = true;

    for (unsigned round = 0; round < SERVE_ROUNDS; round++) {
        bool some;

        settled = chimdev_sq_settle(p, now);
        some = serve_events(p);
        if (!chimdev_nic_out_busy(s, p->nr) &&
            toe_output(s->toe, p->nr, now, OUTPUT_BUDGET)) {
            some = true;
        }
        if (!chimdev_alive(s)) {
            return;
        }
        /* sending has an event of its own: an RST that has left */
        if (!some && !serve_events(p)) {
            break;
        }
        s->again |= round + 1 == SERVE_ROUNDS;
    }
    /* if not settled, the CQ is full and has asked for a doorbell itself */
    if (settled && !chimdev_accept_arm(p, now)) {
        s->again = true;
    }
}

void chimdev_target_serve(ChimdevState *s, int64_t now)
{
    for (unsigned i = 0; i < s->npairs; i++) {
        ChimdevPair *p = &s->pair[i];

        if (p->conns && p->cq.ring && chimdev_alive(s)) {
            serve_pair(p, now);
        }
    }
    serve_neighbors(s);
}
