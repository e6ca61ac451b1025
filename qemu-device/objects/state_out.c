/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state_out.c - the reverse of state_in.c: what the engine holds, as state
 * structures for QUERY and TERMINATE, and what a stopped connection leaves.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qemu/bswap.h"
#include "core/chimdev.h"
#include "core/core.h"
#include "objects/blocklist.h"
#include "objects/handle.h"
#include "objects/req.h"
#include "objects/state_out.h"
#include "rings/payload.h"
#include "toe.h"

/* ---------------------------------------- structures out */

static struct chim_state_hdr header(size_t len)
{
    return (struct chim_state_hdr) { .length = cpu_to_le32(len) };
}

void chimdev_state_put_neighbor(ChimdevState *s, ChimdevList *l,
                                const ChimdevNode *n, int64_t now)
{
    const ChimdevShape *f = chimdev_shape(n->type);
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
    const ChimdevShape *f = chimdev_shape(n->type);
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
        .rexmit_segments = cpu_to_le32(t->rexmit_segments),
    };
    if (chimdev_has_feature(s, CHIM_F_EXT_FINS)) {
        k->fins = cpu_to_le32((t->fin_received ? CHIM_FIN_RECEIVED : 0) |
                              (t->fin_sent ? CHIM_FIN_SENT : 0));
    }
    if (chimdev_has_feature(s, CHIM_F_EXT_RTT_US)) {
        k->srtt_us = cpu_to_le32(t->srtt_us);
        k->rttvar_us = cpu_to_le32(t->rttvar_us);
    }
    if (chimdev_has_feature(s, CHIM_F_EXT_TIMERS)) {
        k->tlp_timeout_delta = cpu_to_le32(t->tlp_timeout_delta);
        k->delack_timeout_delta = cpu_to_le32(t->delack_timeout_delta);
        k->idle_time = cpu_to_le32(t->idle_time);
    }
}

void chimdev_state_query_tcp(ChimdevState *s, ChimdevList *l,
                             const ChimdevNode *n, int64_t now)
{
    const ChimdevShape *f = chimdev_shape(n->type);
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

/* ---------------------------------------- handing back */

static void given(const ChimdevList *l, const ChimdevNode *n,
                  struct chim_tcp_delegated *d)
{
    memcpy(d, chimdev_list_state(l, n, 0), sizeof(*d));
}

/*
 * The room that the driver gave, bounded by a scatter list that is shorter
 * than announced.
 */
uint32_t chimdev_state_get_room(const ChimdevList *l, const ChimdevNode *n,
                                ChimdevTcpRoom *room)
{
    struct chim_tcp_delegated d;
    uint64_t sges;

    given(l, n, &d);
    sges = chimdev_list_sge_bytes(l, le32_to_cpu(d.buffered_off),
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
            chimdev_bug(s, &l->at);
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
        chimdev_bug(s, &l->at);
        return 0;
    }
    for (unsigned i = 0; i < 2 && done < total; i++) {
        chimdev_sges_write(s, &l->at, sge, count, done, span[i], len[i]);
        done += len[i];
    }
    return total;
}

/*
 * Write all of a stopped connection to the host's structures. Returns in
 * *sends and *buffered the requests and bytes handed back.
 */
void chimdev_state_hand_back(ChimdevState *s, ChimdevList *l,
                             const ChimdevNode *n, int64_t now,
                             uint32_t *sends, uint32_t *buffered)
{
    struct chim_tcp_delegated in, out;
    struct toe_tcp_delegated t;
    struct toe_conn *c = n->obj->u.conn;
    ChimdevTcpRoom room;

    given(l, n, &in);
    chimdev_state_get_room(l, n, &room);
    toe_conn_query(c, NULL, NULL, &t, now);
    put_tcp_delegated(s, &out, &t);
    *sends = hand_back_sends(s, l, le32_to_cpu(in.send_off), room.sends, c);
    *buffered = hand_back_bytes(s, l, le32_to_cpu(in.buffered_off),
                                le32_to_cpu(in.buffered_sges), room.buffered,
                                c);
    out.send_off = in.send_off;
    out.send_count = cpu_to_le32(*sends);
    out.send_tail = cpu_to_le32(*sends ? *sends - 1 : 0);
    out.buffered_off = in.buffered_off;
    out.buffered_sges = in.buffered_sges;
    out.buffered_len = cpu_to_le32(*buffered);
    chimdev_list_write(s, l, n->state_off, &out, sizeof(out));
}
