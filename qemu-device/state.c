/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state.c - the one translation between the ABI and the engine: statuses,
 * flags, parameters, and the state structures of the three layers, in and out.
 *
 * Reserved fields and what belongs to features that were not accepted are
 * refused here; whether values make sense together is the engine's to say.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qemu/bswap.h"
#include "io.h"
#include "state.h"

enum { SEND_MAX_SGE = 1024 };

/*
 * ------------------------------------------------------------ statuses, flags
 */

uint32_t chimdev_state_status(enum toe_status st)
{
    switch (st) {
    case TOE_OK:
        return CHIM_ST_SUCCESS;
    case TOE_NO_MEMORY:
        return CHIM_ST_RESOURCES;
    case TOE_TOO_MANY:
        return CHIM_ST_LIMIT;
    case TOE_DUPLICATE:
        return CHIM_ST_DUPLICATE;
    case TOE_BAD_STATE:
        return CHIM_ST_INVALID_STATE;
    case TOE_BAD_SEQUENCE:
        return CHIM_ST_INVALID_SEQUENCE;
    case TOE_BAD_FIELD:
        return CHIM_ST_INVALID_FIELD;
    case TOE_BAD_MTU:
        return CHIM_ST_PATH_MTU;
    case TOE_BAD_WINDOW:
        return CHIM_ST_TCP_RCV_WINDOW;
    case TOE_IN_USE:
        return CHIM_ST_IN_USE;
    case TOE_UPLOADING:
        return CHIM_ST_UPLOAD_IN_PROGRESS;
    case TOE_ABORTED:
        return CHIM_ST_REQUEST_ABORTED;
    }
    return CHIM_ST_FAILURE;
}

uint32_t chimdev_state_initiate_status(enum toe_status st,
                                       enum chimdev_layer layer)
{
    if (st == TOE_TOO_MANY) {
        switch (layer) {
        case CHIMDEV_LAYER_NEIGHBOR:
            return CHIM_ST_NEIGHBOR_ENTRIES;
        case CHIMDEV_LAYER_PATH:
            return CHIM_ST_PATH_ENTRIES;
        default:
            return CHIM_ST_TCP_ENTRIES;
        }
    }
    return chimdev_state_status(st);
}

uint32_t chimdev_state_req_flags(enum toe_req_kind kind, uint32_t flags)
{
    switch (kind) {
    case TOE_REQ_SEND:
        return (flags & CHIM_SEND_MORE ? TOE_SEND_MORE : 0) |
               (flags & CHIM_SEND_PUSH ? TOE_SEND_PUSH : 0);
    case TOE_REQ_RECV:
        return flags & CHIM_RECV_NONPUSH ? TOE_RECV_NONPUSH : 0;
    default:
        return (flags & CHIM_DISCONNECT_GRACEFUL ? TOE_DISC_GRACEFUL : 0) |
               (flags & CHIM_DISCONNECT_ABORTIVE ? TOE_DISC_ABORTIVE : 0);
    }
}

uint32_t chimdev_state_params(const struct chim_params *p,
                              struct toe_params *t)
{
    t->ticks_per_second = le32_to_cpu(p->ticks_per_second);
    t->ack_frequency = p->ack_frequency;
    t->delayed_ack_ticks = p->delayed_ack_ticks;
    t->max_retransmissions = p->max_retransmissions;
    t->doubt_retransmissions = p->doubt_retransmissions;
    t->sws_prevention_ticks = le32_to_cpu(p->sws_prevention_ticks);
    t->dup_ack_threshold = le32_to_cpu(p->dup_ack_threshold);
    t->push_ticks = le32_to_cpu(p->push_ticks);
    t->nce_stale_ticks = le32_to_cpu(p->nce_stale_ticks);
    return p->congestion_algorithm || p->rsvd ? CHIM_ST_INVALID_FIELD
                                              : CHIM_ST_SUCCESS;
}

/*
 * ------------------------------------------------------------ structures in
 */

static const void *state_at(const ChimdevList *l, const ChimdevNode *n, int off)
{
    return l->buf + n->state_off + off;
}

static bool vlan_known(const ChimdevState *s, uint16_t id)
{
    for (unsigned i = 0; i < s->nvlans; i++) {
        if (s->vlan[i] == id) {
            return true;
        }
    }
    return false;
}

/* VLN-3, VLN-4 */
static uint32_t check_vlan(ChimdevState *s, uint16_t id)
{
    uint16_t seen[CHIMDEV_MAX_VLANS];
    unsigned n = 0;

    if (!id) {
        return CHIM_ST_SUCCESS;
    }
    if (s->nvlans && !vlan_known(s, id)) {
        return CHIM_ST_VLAN_MISMATCH;
    }
    for (unsigned i = 0; i < s->nobj; i++) {
        const ChimdevObj *o = &s->obj[i];
        unsigned k;

        if (o->layer != CHIMDEV_LAYER_NEIGHBOR || !o->vlan_id) {
            continue;
        }
        k = 0;
        while (k < n && seen[k] != o->vlan_id) {
            k++;
        }
        if (k == n && n < CHIMDEV_MAX_VLANS) {
            seen[n++] = o->vlan_id;
        }
        if (o->vlan_id == id) {
            return CHIM_ST_SUCCESS;
        }
    }
    return n == CHIMDEV_MAX_VLANS ? CHIM_ST_VLAN_ENTRIES : CHIM_ST_SUCCESS;
}

uint32_t chimdev_state_get_neighbor(ChimdevState *s, const ChimdevList *l,
                                    const ChimdevNode *n,
                                    struct toe_neigh_state *t)
{
    const ChimdevShape *f = chimdev_list_shape(n->type);
    struct chim_neighbor_const k;
    struct chim_neighbor_cached c;
    struct chim_neighbor_delegated d;

    memcpy(&k, state_at(l, n, f->k), sizeof(k));
    memcpy(&c, state_at(l, n, f->c), sizeof(c));
    memcpy(&d, state_at(l, n, f->d), sizeof(d));
    memset(t, 0, sizeof(*t));
    memcpy(t->src_mac, k.src_mac, 6);
    t->vlan_id = le16_to_cpu(k.vlan_id);
    memcpy(t->dst_mac, c.dst_mac, 6);
    t->hrd = le32_to_cpu(c.hrd);
    t->nrd = le32_to_cpu(d.nrd);
    if (c.rsvd0 || c.rsvd1 || d.rsvd || t->vlan_id > 4094 ||
        (t->src_mac[0] & 1)) {
        return CHIM_ST_INVALID_FIELD;
    }
    return check_vlan(s, t->vlan_id);
}

uint32_t chimdev_state_get_path(ChimdevState *s, const ChimdevList *l,
                                const ChimdevNode *n, struct toe_path_state *t)
{
    static const uint8_t zero[12];
    const ChimdevShape *f = chimdev_list_shape(n->type);
    struct chim_path_const k;
    struct chim_path_cached c;

    memcpy(&k, state_at(l, n, f->k), sizeof(k));
    memcpy(&c, state_at(l, n, f->c), sizeof(c));
    t->ipv6 = f->ipv6;
    memcpy(t->src, k.src, 16);
    memcpy(t->dst, k.dst, 16);
    t->mtu = le32_to_cpu(c.path_mtu);
    if (c.rsvd || (!f->ipv6 && (memcmp(k.src + 4, zero, 12) ||
                                memcmp(k.dst + 4, zero, 12)))) {
        return CHIM_ST_INVALID_FIELD;
    }
    if (!chimdev_has_feature(s, f->ipv6 ? CHIM_F_OFFLOAD_IPV6
                                        : CHIM_F_OFFLOAD_IPV4)) {
        return CHIM_ST_FAILURE;
    }
    return CHIM_ST_SUCCESS;
}

static uint32_t get_tcp_const(ChimdevState *s, const struct chim_tcp_const *k,
                              struct toe_tcp_const *t)
{
    static const struct { uint16_t abi; uint32_t toe; } flag[] = {
        { CHIM_TCP_TIMESTAMPS, TOE_TIMESTAMPS },
        { CHIM_TCP_SACK, TOE_SACK },
        { CHIM_TCP_WSCALE, TOE_WSCALE },
        { CHIM_TCP_TS_USEC, TOE_TS_USEC },
    };
    uint16_t flags = le16_to_cpu(k->flags);

    for (size_t i = 0; i < ARRAY_SIZE(flag); i++) {
        if (flags & flag[i].abi) {
            t->flags |= flag[i].toe;
            flags &= ~flag[i].abi;
        }
    }
    t->remote_port = be16_to_cpu(k->remote_port);
    t->local_port = be16_to_cpu(k->local_port);
    t->snd_wscale = k->snd_wscale;
    t->rcv_wscale = k->rcv_wscale;
    t->remote_mss = le16_to_cpu(k->remote_mss);
    t->hash = le32_to_cpu(k->hash);
    if (flags || k->rsvd ||
        ((t->flags & TOE_SACK) && !chimdev_has_feature(s, CHIM_F_SACK)) ||
        ((t->flags & TOE_TS_USEC) &&
         !chimdev_has_feature(s, CHIM_F_EXT_TS_US))) {
        return CHIM_ST_INVALID_FIELD;
    }
    return CHIM_ST_SUCCESS;
}

static uint32_t get_tcp_cached(const struct chim_tcp_cached *k,
                               struct toe_tcp_cached *t, bool update)
{
    static const struct { uint16_t abi; uint32_t toe; bool update; } flag[] = {
        { CHIM_TCP_KEEPALIVE, TOE_KEEPALIVE, false },
        { CHIM_TCP_NAGLE, TOE_NAGLE, false },
        { CHIM_TCP_KA_RESTART, TOE_KA_RESTART, true },
        { CHIM_TCP_MAXRT_RESTART, TOE_MAXRT_RESTART, true },
        { CHIM_TCP_UPDATE_RCV_WND, TOE_UPDATE_RCV_WND, true },
    };
    uint16_t flags = le16_to_cpu(k->flags);

    memset(t, 0, sizeof(*t));
    for (size_t i = 0; i < ARRAY_SIZE(flag); i++) {
        if ((flags & flag[i].abi) && (update || !flag[i].update)) {
            t->flags |= flag[i].toe;
            flags &= ~flag[i].abi;
        }
    }
    t->ka_probe_count = k->ka_probe_count;
    t->ttl = k->ttl;
    t->tos = k->tos;
    t->user_priority = k->user_priority;
    t->initial_rcv_wnd = le32_to_cpu(k->initial_rcv_wnd);
    t->rcv_ind_size = le32_to_cpu(k->rcv_ind_size);
    t->ka_timeout = le32_to_cpu(k->ka_timeout);
    t->ka_interval = le32_to_cpu(k->ka_interval);
    t->max_rt = le32_to_cpu(k->max_rt);
    t->flow_label = le32_to_cpu(k->flow_label);
    return flags || k->rsvd0 ? CHIM_ST_INVALID_FIELD : CHIM_ST_SUCCESS;
}

static uint32_t get_tcp_delegated(ChimdevState *s,
                                  const struct chim_tcp_delegated *k,
                                  ChimdevTcpIn *in)
{
    static const __le32 zero[ARRAY_SIZE(k->rsvd1)];
    struct toe_tcp_delegated *t = &in->d;

    t->state = k->state;
    t->dup_ack_count = k->dup_ack_count;
    t->snd_wnd_probe_count = k->snd_wnd_probe_count;
    t->ka_probe_count = k->ka_probe_count;
    t->rexmit_count = k->rexmit_count;
    t->rcv_nxt = le32_to_cpu(k->rcv_nxt);
    t->rcv_wnd = le32_to_cpu(k->rcv_wnd);
    t->snd_una = le32_to_cpu(k->snd_una);
    t->snd_nxt = le32_to_cpu(k->snd_nxt);
    t->snd_max = le32_to_cpu(k->snd_max);
    t->snd_wnd = le32_to_cpu(k->snd_wnd);
    t->max_snd_wnd = le32_to_cpu(k->max_snd_wnd);
    t->snd_wl1 = le32_to_cpu(k->snd_wl1);
    t->cwnd = le32_to_cpu(k->cwnd);
    t->ssthresh = le32_to_cpu(k->ssthresh);
    t->srtt = le16_to_cpu(k->srtt);
    t->rttvar = le16_to_cpu(k->rttvar);
    t->ts_recent = le32_to_cpu(k->ts_recent);
    t->ts_recent_age = le32_to_cpu(k->ts_recent_age);
    t->ts_time = le32_to_cpu(k->ts_time);
    t->last_ts_val = le32_to_cpu(k->last_ts_val);
    t->total_rt = le32_to_cpu(k->total_rt);
    t->ka_timeout_delta = le32_to_cpu(k->ka_timeout_delta);
    t->rexmit_timeout_delta = le32_to_cpu(k->rexmit_timeout_delta);
    if (chimdev_has_feature(s, CHIM_F_EXT_RTT_US)) {
        t->srtt_us = le32_to_cpu(k->srtt_us);
        t->rttvar_us = le32_to_cpu(k->rttvar_us);
    }
    in->buffered_off = le32_to_cpu(k->buffered_off);
    in->buffered_sges = le32_to_cpu(k->buffered_sges);
    in->buffered_len = le32_to_cpu(k->buffered_len);
    if (k->rsvd0 || k->flags || k->dwnd ||
        memcmp(k->rsvd1, zero, sizeof(zero))) {
        return CHIM_ST_INVALID_FIELD;
    }
    return CHIM_ST_SUCCESS;
}

/* OBJ-H5: only the requests from head to tail hold data (OSD-3). */
static uint32_t get_send_range(const struct chim_tcp_delegated *k,
                               ChimdevTcpIn *in)
{
    uint32_t count = le32_to_cpu(k->send_count);
    uint32_t head = le32_to_cpu(k->send_head);
    uint32_t tail = le32_to_cpu(k->send_tail);

    if (!count) {
        return CHIM_ST_SUCCESS;         /* OSD-4 */
    }
    if (head > tail || tail >= count) {
        return CHIM_ST_INVALID_FIELD;
    }
    in->sends = tail - head + 1;
    in->send_off = le32_to_cpu(k->send_off) +
                   head * sizeof(struct chim_send_ref);
    return CHIM_ST_SUCCESS;
}

/* BufferedData's scatter list must hold just what is announced. */
static uint64_t sge_bytes(const ChimdevList *l, uint32_t off, uint32_t count)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < count; i++) {
        struct chim_sge e;

        memcpy(&e, l->buf + off + i * sizeof(e), sizeof(e));
        sum += le32_to_cpu(e.len);
        if (le64_to_cpu(e.addr) + le32_to_cpu(e.len) < le64_to_cpu(e.addr)) {
            return UINT64_MAX;
        }
    }
    return sum;
}

uint32_t chimdev_state_get_tcp(ChimdevState *s, const ChimdevList *l,
                               const ChimdevNode *n, ChimdevTcpIn *t)
{
    const ChimdevShape *f = chimdev_list_shape(n->type);
    struct chim_tcp_const k;
    struct chim_tcp_cached c;
    struct chim_tcp_delegated d;
    uint32_t status;

    memset(t, 0, sizeof(*t));
    memcpy(&k, state_at(l, n, f->k), sizeof(k));
    memcpy(&c, state_at(l, n, f->c), sizeof(c));
    memcpy(&d, state_at(l, n, f->d), sizeof(d));
    status = get_tcp_const(s, &k, &t->k);
    status = status ? status : get_tcp_cached(&c, &t->c, false);
    status = status ? status : get_tcp_delegated(s, &d, t);
    status = status ? status : get_send_range(&d, t);
    if (status) {
        return status;
    }
    if (t->sends > CHIMDEV_MAX_SENDS) {
        return CHIM_ST_TCP_XMIT_BUFFER;
    }
    if (t->buffered_len > CHIMDEV_MAX_BUFFERED ||
        (t->buffered_len && !chimdev_has_feature(s, CHIM_F_BUFFERED))) {
        return CHIM_ST_TCP_RCV_BUFFER;
    }
    if (sge_bytes(l, t->buffered_off, t->buffered_sges) != t->buffered_len) {
        return CHIM_ST_INVALID_FIELD;
    }
    return CHIM_ST_SUCCESS;
}

ChimdevReq *chimdev_state_get_send(ChimdevState *s, const ChimdevList *l,
                                   const ChimdevTcpIn *t, uint32_t i)
{
    struct chim_send_ref ref;
    uint32_t off, count, flags;
    ChimdevReq *r;

    memcpy(&ref, l->buf + t->send_off + i * sizeof(ref), sizeof(ref));
    off = le32_to_cpu(ref.sge_off);
    count = le32_to_cpu(ref.sge_count);
    flags = le32_to_cpu(ref.flags);
    if (!ref.len || ref.done || ref.rsvd || count > SEND_MAX_SGE ||
        (flags & ~(uint32_t)(CHIM_SEND_MORE | CHIM_SEND_PUSH)) ||
        sge_bytes(l, off, count) != le32_to_cpu(ref.len)) {
        return NULL;
    }
    r = chimdev_req_new(s, &l->at, count);
    if (!r) {
        return NULL;
    }
    for (uint32_t k = 0; k < count; k++) {
        struct chim_sge e;

        memcpy(&e, l->buf + off + k * sizeof(e), sizeof(e));
        r->sge[k].addr = le64_to_cpu(e.addr);
        r->sge[k].len = le32_to_cpu(e.len);
    }
    r->req.kind = TOE_REQ_SEND;
    r->req.flags = chimdev_state_req_flags(TOE_REQ_SEND, flags);
    r->req.len = le32_to_cpu(ref.len);
    r->req.cookie = le64_to_cpu(ref.cookie);
    return r;
}

/* ------------------------------------------------------------ updates in */

void chimdev_state_get_neighbor_cached(const ChimdevList *l,
                                       const ChimdevNode *n, uint8_t mac[6],
                                       uint32_t *hrd)
{
    struct chim_neighbor_cached c;

    memcpy(&c, state_at(l, n, 0), sizeof(c));
    memcpy(mac, c.dst_mac, 6);
    *hrd = le32_to_cpu(c.hrd);
}

uint32_t chimdev_state_get_path_mtu(const ChimdevList *l, const ChimdevNode *n)
{
    struct chim_path_cached c;

    memcpy(&c, state_at(l, n, 0), sizeof(c));
    return le32_to_cpu(c.path_mtu);
}

uint32_t chimdev_state_get_tcp_cached(const ChimdevList *l,
                                      const ChimdevNode *n,
                                      struct toe_tcp_cached *c, bool update)
{
    struct chim_tcp_cached k;

    memcpy(&k, state_at(l, n, 0), sizeof(k));
    return get_tcp_cached(&k, c, update);
}

/*
 * ------------------------------------------------------------ structures out
 */

static struct chim_state_hdr header(size_t len)
{
    return (struct chim_state_hdr) { .length = cpu_to_le32(len) };
}

void chimdev_state_put_neighbor(ChimdevState *s, ChimdevList *l,
                                const ChimdevNode *n, int64_t now)
{
    const ChimdevShape *f = chimdev_list_shape(n->type);
    struct toe_neigh_state t;

    toe_neigh_query(n->obj->u.neigh, &t, now);
    if (f->k >= 0) {
        struct chim_neighbor_const k = { .hdr = header(sizeof(k)) };

        memcpy(k.src_mac, n->obj->src_mac, 6);
        k.vlan_id = cpu_to_le16(t.vlan_id);
        chimdev_list_write(s, l, n->state_off + f->k, &k, sizeof(k));
    }
    if (f->c >= 0) {
        struct chim_neighbor_cached c = { .hdr = header(sizeof(c)) };

        memcpy(c.dst_mac, t.dst_mac, 6);
        c.hrd = cpu_to_le32(t.hrd);
        chimdev_list_write(s, l, n->state_off + f->c, &c, sizeof(c));
    }
    if (f->d >= 0) {
        struct chim_neighbor_delegated d = { .hdr = header(sizeof(d)) };

        d.nrd = cpu_to_le32(t.nrd);
        chimdev_list_write(s, l, n->state_off + f->d, &d, sizeof(d));
    }
}

void chimdev_state_put_path(ChimdevState *s, ChimdevList *l,
                            const ChimdevNode *n)
{
    const ChimdevShape *f = chimdev_list_shape(n->type);
    struct toe_path_state t;

    toe_path_query(n->obj->u.path, &t);
    if (f->k >= 0) {
        struct chim_path_const k = { .hdr = header(sizeof(k)) };
        size_t len = t.ipv6 ? 16 : 4;

        memcpy(k.src, t.src, len);
        memcpy(k.dst, t.dst, len);
        chimdev_list_write(s, l, n->state_off + f->k, &k, sizeof(k));
    }
    if (f->c >= 0) {
        struct chim_path_cached c = { .hdr = header(sizeof(c)) };

        c.path_mtu = cpu_to_le32(t.mtu);
        chimdev_list_write(s, l, n->state_off + f->c, &c, sizeof(c));
    }
    if (f->d >= 0) {
        struct chim_path_delegated d = { .hdr = header(sizeof(d)) };

        chimdev_list_write(s, l, n->state_off + f->d, &d, sizeof(d));
    }
}

static void put_tcp_const(struct chim_tcp_const *k,
                          const struct toe_tcp_const *t)
{
    uint16_t flags = (t->flags & TOE_TIMESTAMPS ? CHIM_TCP_TIMESTAMPS : 0) |
                     (t->flags & TOE_SACK ? CHIM_TCP_SACK : 0) |
                     (t->flags & TOE_WSCALE ? CHIM_TCP_WSCALE : 0) |
                     (t->flags & TOE_TS_USEC ? CHIM_TCP_TS_USEC : 0);

    *k = (struct chim_tcp_const) {
        .hdr = header(sizeof(*k)),
        .flags = cpu_to_le16(flags),
        .remote_port = cpu_to_be16(t->remote_port),
        .local_port = cpu_to_be16(t->local_port),
        .snd_wscale = t->snd_wscale,
        .rcv_wscale = t->rcv_wscale,
        .remote_mss = cpu_to_le16(t->remote_mss),
        .hash = cpu_to_le32(t->hash),
    };
}

static void put_tcp_cached(struct chim_tcp_cached *k,
                           const struct toe_tcp_cached *t)
{
    uint16_t flags = (t->flags & TOE_KEEPALIVE ? CHIM_TCP_KEEPALIVE : 0) |
                     (t->flags & TOE_NAGLE ? CHIM_TCP_NAGLE : 0);

    *k = (struct chim_tcp_cached) {
        .hdr = header(sizeof(*k)),
        .flags = cpu_to_le16(flags),
        .ka_probe_count = t->ka_probe_count,
        .ttl = t->ttl,
        .tos = t->tos,
        .user_priority = t->user_priority,
        .initial_rcv_wnd = cpu_to_le32(t->initial_rcv_wnd),
        .rcv_ind_size = cpu_to_le32(t->rcv_ind_size),
        .ka_timeout = cpu_to_le32(t->ka_timeout),
        .ka_interval = cpu_to_le32(t->ka_interval),
        .max_rt = cpu_to_le32(t->max_rt),
        .flow_label = cpu_to_le32(t->flow_label),
    };
}

static void put_tcp_delegated(ChimdevState *s, struct chim_tcp_delegated *k,
                              const struct toe_tcp_delegated *t)
{
    *k = (struct chim_tcp_delegated) {
        .hdr = header(sizeof(*k)),
        .state = t->state,
        .dup_ack_count = t->dup_ack_count,
        .snd_wnd_probe_count = t->snd_wnd_probe_count,
        .ka_probe_count = t->ka_probe_count,
        .rexmit_count = t->rexmit_count,
        .rcv_nxt = cpu_to_le32(t->rcv_nxt),
        .rcv_wnd = cpu_to_le32(t->rcv_wnd),
        .snd_una = cpu_to_le32(t->snd_una),
        .snd_nxt = cpu_to_le32(t->snd_nxt),
        .snd_max = cpu_to_le32(t->snd_max),
        .snd_wnd = cpu_to_le32(t->snd_wnd),
        .max_snd_wnd = cpu_to_le32(t->max_snd_wnd),
        .snd_wl1 = cpu_to_le32(t->snd_wl1),
        .cwnd = cpu_to_le32(t->cwnd),
        .ssthresh = cpu_to_le32(t->ssthresh),
        .srtt = cpu_to_le16(t->srtt),
        .rttvar = cpu_to_le16(t->rttvar),
        .ts_recent = cpu_to_le32(t->ts_recent),
        .ts_recent_age = cpu_to_le32(t->ts_recent_age),
        .ts_time = cpu_to_le32(t->ts_time),
        .total_rt = cpu_to_le32(t->total_rt),
        .ka_timeout_delta = cpu_to_le32(t->ka_timeout_delta),
        .rexmit_timeout_delta = cpu_to_le32(t->rexmit_timeout_delta),
        .send_backlog_size = cpu_to_le32(t->send_backlog_size),
        .receive_backlog_size = cpu_to_le32(t->receive_backlog_size),
        .last_ts_val = cpu_to_le32(t->last_ts_val),
    };
    if (chimdev_has_feature(s, CHIM_F_EXT_RTT_US)) {
        k->srtt_us = cpu_to_le32(t->srtt_us);
        k->rttvar_us = cpu_to_le32(t->rttvar_us);
    }
}

void chimdev_state_query_tcp(ChimdevState *s, ChimdevList *l,
                             const ChimdevNode *n, int64_t now)
{
    const ChimdevShape *f = chimdev_list_shape(n->type);
    struct toe_tcp_const tk;
    struct toe_tcp_cached tc;
    struct toe_tcp_delegated td;

    toe_conn_query(n->obj->u.conn, &tk, &tc, &td, now);
    if (f->k >= 0) {
        struct chim_tcp_const k;

        put_tcp_const(&k, &tk);
        chimdev_list_write(s, l, n->state_off + f->k, &k, sizeof(k));
    }
    if (f->c >= 0) {
        struct chim_tcp_cached c;

        put_tcp_cached(&c, &tc);
        chimdev_list_write(s, l, n->state_off + f->c, &c, sizeof(c));
    }
    if (f->d >= 0) {
        struct chim_tcp_delegated d;

        put_tcp_delegated(s, &d, &td);
        chimdev_list_write(s, l, n->state_off + f->d, &d, sizeof(d));
    }
}

/* ------------------------------------------------------------ handing back */

static void given(const ChimdevList *l, const ChimdevNode *n,
                  struct chim_tcp_delegated *d)
{
    memcpy(d, state_at(l, n, 0), sizeof(*d));
}

/*
 * The room that the driver gave; a scatter list shorter than announced bounds
 * it.
 */
uint32_t chimdev_state_get_room(const ChimdevList *l, const ChimdevNode *n,
                                ChimdevTcpRoom *room)
{
    struct chim_tcp_delegated d;
    uint64_t sges;

    given(l, n, &d);
    sges = sge_bytes(l, le32_to_cpu(d.buffered_off),
                     le32_to_cpu(d.buffered_sges));
    room->sends = le32_to_cpu(d.send_count);
    room->buffered = MIN(le32_to_cpu(d.buffered_len), sges);
    return sges == UINT64_MAX ? CHIM_ST_INVALID_FIELD : CHIM_ST_SUCCESS;
}

static uint32_t hand_back_sends(ChimdevState *s, ChimdevList *l, uint32_t off,
                                uint32_t room, struct toe_conn *c)
{
    struct toe_req *req = toe_conn_take_sends(c);
    uint32_t n = 0;

    while (req) {
        struct toe_req *next = req->next;
        struct chim_send_ref ref = {
            .cookie = cpu_to_le64(req->cookie),
            .len = cpu_to_le32(req->len),
            .done = cpu_to_le32(req->done),
            .flags = cpu_to_le32((req->flags & TOE_SEND_MORE ?
                                  CHIM_SEND_MORE : 0) |
                                 (req->flags & TOE_SEND_PUSH ?
                                  CHIM_SEND_PUSH : 0)),
        };

        if (n < room) {
            chimdev_list_write(s, l, off + n * sizeof(ref), &ref, sizeof(ref));
            n++;
        } else {
            chimdev_fatal(s, CHIM_FATAL_INTERNAL, &l->at, 0);
        }
        chimdev_req_free(s, container_of(req, ChimdevReq, req));
        req = next;
    }
    s->stats.cases.send_back_requests += n;
    return n;
}

static uint32_t hand_back_bytes(ChimdevState *s, ChimdevList *l, uint32_t off,
                                uint32_t count, uint32_t room,
                                struct toe_conn *c)
{
    const uint8_t *span[2];
    uint32_t len[2], total, done = 0;
    g_autofree struct chim_sge *sge = g_new(struct chim_sge, count + 1);

    memcpy(sge, l->buf + off, count * sizeof(*sge));
    for (uint32_t i = 0; i < count; i++) {
        sge[i].addr = le64_to_cpu(sge[i].addr);
        sge[i].len = le32_to_cpu(sge[i].len);
    }
    total = toe_conn_buffered(c, span, len);
    if (total > room) {
        chimdev_fatal(s, CHIM_FATAL_INTERNAL, &l->at, 0);
        return 0;
    }
    for (unsigned i = 0; i < 2 && done < total; i++) {
        chimdev_sges_write(s, &l->at, sge, count, done, span[i], len[i]);
        done += len[i];
    }
    return total;
}

/* Everything of a stopped connection, into the host's structures. */
void chimdev_state_hand_back(ChimdevState *s, ChimdevList *l,
                             const ChimdevNode *n, int64_t now)
{
    struct chim_tcp_delegated in, out;
    struct toe_tcp_delegated t;
    struct toe_conn *c = n->obj->u.conn;
    ChimdevTcpRoom room;
    uint32_t sends;

    given(l, n, &in);
    chimdev_state_get_room(l, n, &room);
    toe_conn_query(c, NULL, NULL, &t, now);
    put_tcp_delegated(s, &out, &t);
    sends = hand_back_sends(s, l, le32_to_cpu(in.send_off), room.sends, c);
    out.send_off = in.send_off;
    out.send_count = cpu_to_le32(sends);
    out.send_tail = cpu_to_le32(sends ? sends - 1 : 0);
    out.buffered_off = in.buffered_off;
    out.buffered_sges = in.buffered_sges;
    out.buffered_len = cpu_to_le32(
        hand_back_bytes(s, l, le32_to_cpu(in.buffered_off),
                        le32_to_cpu(in.buffered_sges), room.buffered, c));
    chimdev_list_write(s, l, n->state_off, &out, sizeof(out));
}
