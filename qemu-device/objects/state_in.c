/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state_in.c - translates the state structures from the host for the engine.
 * state_out.c has those back to the host, translate.c statuses and flags, sq.c
 * commands, target.c events, stats.c counters.
 *
 * This file refuses reserved fields and fields of features not accepted; the
 * engine checks whether the values make sense together.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qemu/bswap.h"
#include "core/chimdev.h"
#include "core/core.h"
#include "objects/blocklist.h"
#include "objects/handle.h"
#include "objects/req.h"
#include "objects/state_in.h"
#include "objects/translate.h"
#include "toe.h"

enum { SEND_MAX_SGE = 1024 };

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
    const ChimdevShape *f = chimdev_shape(n->type);
    struct chim_neighbor_const k;
    struct chim_neighbor_cached c;
    struct chim_neighbor_delegated d;

    memcpy(&k, chimdev_list_state(l, n, f->k), sizeof(k));
    memcpy(&c, chimdev_list_state(l, n, f->c), sizeof(c));
    memcpy(&d, chimdev_list_state(l, n, f->d), sizeof(d));
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
    const ChimdevShape *f = chimdev_shape(n->type);
    struct chim_path_const k;
    struct chim_path_cached c;

    memcpy(&k, chimdev_list_state(l, n, f->k), sizeof(k));
    memcpy(&c, chimdev_list_state(l, n, f->c), sizeof(c));
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
    t->total_rt = le32_to_cpu(k->total_rt);
    t->ka_timeout_delta = le32_to_cpu(k->ka_timeout_delta);
    t->rexmit_timeout_delta = le32_to_cpu(k->rexmit_timeout_delta);
    if (chimdev_has_feature(s, CHIM_F_EXT_RTT_US)) {
        t->srtt_us = le32_to_cpu(k->srtt_us);
        t->rttvar_us = le32_to_cpu(k->rttvar_us);
    }
    t->tlp_timeout_delta = CHIM_TIMER_IDLE;
    t->delack_timeout_delta = CHIM_TIMER_IDLE;
    if (chimdev_has_feature(s, CHIM_F_EXT_TIMERS)) {
        t->tlp_timeout_delta = le32_to_cpu(k->tlp_timeout_delta);
        t->delack_timeout_delta = le32_to_cpu(k->delack_timeout_delta);
        t->idle_time = le32_to_cpu(k->idle_time);
    }
    in->buffered_off = le32_to_cpu(k->buffered_off);
    in->buffered_sges = le32_to_cpu(k->buffered_sges);
    in->buffered_len = le32_to_cpu(k->buffered_len);
    if (k->rsvd0 || k->flags || k->dwnd || k->fins || k->rsvd1) {
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

uint32_t chimdev_state_get_tcp(ChimdevState *s, const ChimdevList *l,
                               const ChimdevNode *n, ChimdevTcpIn *t)
{
    const ChimdevShape *f = chimdev_shape(n->type);
    struct chim_tcp_const k;
    struct chim_tcp_cached c;
    struct chim_tcp_delegated d;
    uint32_t status;

    memset(t, 0, sizeof(*t));
    memcpy(&k, chimdev_list_state(l, n, f->k), sizeof(k));
    memcpy(&c, chimdev_list_state(l, n, f->c), sizeof(c));
    memcpy(&d, chimdev_list_state(l, n, f->d), sizeof(d));
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
    if (chimdev_list_sge_bytes(l, t->buffered_off, t->buffered_sges) !=
        t->buffered_len) {
        return CHIM_ST_INVALID_FIELD;
    }
    return CHIM_ST_SUCCESS;
}

uint32_t chimdev_state_get_send(ChimdevState *s, const ChimdevList *l,
                                const ChimdevTcpIn *t, uint32_t i,
                                ChimdevReq **out)
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
        chimdev_list_sge_bytes(l, off, count) != le32_to_cpu(ref.len)) {
        return CHIM_ST_INVALID_FIELD;
    }
    r = chimdev_req_new(s, &l->at, count);
    if (!r) {
        return CHIM_ST_RESOURCES;
    }
    for (uint32_t k = 0; k < count; k++) {
        struct chim_sge e;

        memcpy(&e, l->buf + off + k * sizeof(e), sizeof(e));
        r->sge[k].addr = le64_to_cpu(e.addr);
        r->sge[k].len = le32_to_cpu(e.len);
    }
    r->req.kind = TOE_REQ_SEND;
    r->req.flags = chimdev_translate_req_flags(TOE_REQ_SEND, flags);
    r->req.len = le32_to_cpu(ref.len);
    r->req.cookie = le64_to_cpu(ref.cookie);
    *out = r;
    return CHIM_ST_SUCCESS;
}

/* ---------------------------------------- updates in */

uint32_t chimdev_state_get_neighbor_cached(const ChimdevList *l,
                                           const ChimdevNode *n,
                                           uint8_t mac[6], uint32_t *hrd)
{
    struct chim_neighbor_cached c;

    memcpy(&c, chimdev_list_state(l, n, 0), sizeof(c));
    memcpy(mac, c.dst_mac, 6);
    *hrd = le32_to_cpu(c.hrd);
    return c.rsvd0 || c.rsvd1 ? CHIM_ST_INVALID_FIELD : CHIM_ST_SUCCESS;
}

uint32_t chimdev_state_get_path_cached(const ChimdevList *l,
                                       const ChimdevNode *n, uint32_t *mtu)
{
    struct chim_path_cached c;

    memcpy(&c, chimdev_list_state(l, n, 0), sizeof(c));
    *mtu = le32_to_cpu(c.path_mtu);
    return c.rsvd ? CHIM_ST_INVALID_FIELD : CHIM_ST_SUCCESS;
}

uint32_t chimdev_state_get_tcp_cached(const ChimdevList *l,
                                      const ChimdevNode *n,
                                      struct toe_tcp_cached *c, bool update)
{
    struct chim_tcp_cached k;

    memcpy(&k, chimdev_list_state(l, n, 0), sizeof(k));
    return get_tcp_cached(&k, c, update);
}
