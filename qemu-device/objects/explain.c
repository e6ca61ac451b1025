/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * explain.c - finds out why a node was refused, once it has been: which field
 * of its state breaks what spec chapter 4.3 says.
 *
 * What refuses is state_in.c and the engine. Neither is asked here, so that
 * nodes which are accepted cost nothing; what is not found gets a code that
 * says no more than the status does.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qemu/bswap.h"
#include "core/chimdev.h"
#include "core/core.h"
#include "core/refusal.h"
#include "objects/blocklist.h"
#include "objects/explain.h"

enum { WSCALE_MAX = 14, PRIORITY_MAX = 7, SEND_SGES_MAX = 1024 };

/* The states of a node; those that its type lacks are zero. */
typedef struct States {
    struct chim_neighbor_const nk;
    struct chim_neighbor_cached nc;
    struct chim_neighbor_delegated nd;
    struct chim_path_const pk;
    struct chim_path_cached pc;
    struct chim_tcp_const tk;
    struct chim_tcp_cached tc;
    struct chim_tcp_delegated td;
} States;

typedef struct Case {
    ChimdevState *s;
    const ChimdevList *l;
    const ChimdevNode *n;
    const ChimdevShape *f;
    States st;
} Case;

static void get(const Case *c, int off, void *to, size_t size)
{
    if (off >= 0) {
        memcpy(to, chimdev_list_state(c->l, c->n, off), size);
    }
}

static void get_states(Case *c)
{
    States *st = &c->st;

    switch (c->n->layer) {
    case CHIMDEV_LAYER_NEIGHBOR:
        get(c, c->f->k, &st->nk, sizeof(st->nk));
        get(c, c->f->c, &st->nc, sizeof(st->nc));
        get(c, c->f->d, &st->nd, sizeof(st->nd));
        break;
    case CHIMDEV_LAYER_PATH:
        get(c, c->f->k, &st->pk, sizeof(st->pk));
        get(c, c->f->c, &st->pc, sizeof(st->pc));
        break;
    default:
        get(c, c->f->k, &st->tk, sizeof(st->tk));
        get(c, c->f->c, &st->tc, sizeof(st->tc));
        get(c, c->f->d, &st->td, sizeof(st->td));
        break;
    }
}

/* True: a field of the structure at off breaks its bound, and this is said. */
static bool broken(const Case *c, uint32_t off, enum chimdev_why why,
                   const ChimdevBound *b, size_t n)
{
    return chimdev_refuse_field(c->s, why, (ChimdevRefused) {
        .at = &c->l->at, .node = c->n->index + 1, .offset = off,
        .status = c->n->status,
    }, b, n);
}

#define BROKEN_AT(c, off, why, ...)                                         \
    ({                                                                      \
        const ChimdevBound b_[] = { __VA_ARGS__ };                          \
        broken(c, off, CHIMDEV_WHY_##why, b_, ARRAY_SIZE(b_));              \
    })
/* part: k, c or d of the node's shape */
#define BROKEN(c, part, why, ...)                                           \
    ((c)->f->part >= 0 &&                                                   \
     BROKEN_AT(c, (c)->n->state_off + (c)->f->part, why, __VA_ARGS__))
#define B CHIMDEV_BOUND

/* Without a field. */
static void plain(const Case *c, enum chimdev_why why)
{
    chimdev_refuse(c->s, why, &(ChimdevRefused) {
        .at = &c->l->at, .node = c->n->index + 1, .status = c->n->status,
    });
}

/* ---------------------------------------- fields */

static bool neighbor_field(const Case *c)
{
    const States *st = &c->st;

    return BROKEN(c, c, RESERVED,
               B(chim_neighbor_cached, rsvd0, le16_to_cpu(st->nc.rsvd0), 0, 0),
               B(chim_neighbor_cached, rsvd1, le32_to_cpu(st->nc.rsvd1), 0, 0))
        || BROKEN(c, d, RESERVED,
               B(chim_neighbor_delegated, rsvd, le32_to_cpu(st->nd.rsvd), 0,
                 0))
        || BROKEN(c, k, STATE_VALUE,
               B(chim_neighbor_const, vlan_id, le16_to_cpu(st->nk.vlan_id), 0,
                 4094),
               { "chim_neighbor_const.src_mac group bit",
                 offsetof(struct chim_neighbor_const, src_mac),
                 st->nk.src_mac[0] & 1, 0, 0 });
}

static bool path_field(const Case *c)
{
    static const uint8_t zero[12];
    const States *st = &c->st;
    uint32_t mtu = le32_to_cpu(st->pc.path_mtu);
    bool tail = !c->f->ipv6;

    return BROKEN(c, c, RESERVED,
               B(chim_path_cached, rsvd, le32_to_cpu(st->pc.rsvd), 0, 0))
        || BROKEN(c, c, STATE_VALUE,
               B(chim_path_cached, path_mtu, mtu,
                 c->f->ipv6 ? 1280 : CHIMDEV_MIN_MTU, CHIMDEV_MAX_MTU))
        || BROKEN(c, k, STATE_VALUE,
               { "chim_path_const.src bytes 4..15, not all 0",
                 offsetof(struct chim_path_const, src) + 4,
                 tail && memcmp(st->pk.src + 4, zero, 12), 0, 0 },
               { "chim_path_const.dst bytes 4..15, not all 0",
                 offsetof(struct chim_path_const, dst) + 4,
                 tail && memcmp(st->pk.dst + 4, zero, 12), 0, 0 });
}

static bool tcp_const(const Case *c)
{
    const struct chim_tcp_const *k = &c->st.tk;
    uint16_t flags = le16_to_cpu(k->flags);
    uint16_t unknown = flags & ~(CHIM_TCP_TIMESTAMPS | CHIM_TCP_SACK |
                                 CHIM_TCP_WSCALE | CHIM_TCP_TS_USEC);
    bool sack = (flags & CHIM_TCP_SACK) &&
                !chimdev_has_feature(c->s, CHIM_F_SACK);
    bool usec = (flags & CHIM_TCP_TS_USEC) &&
                !chimdev_has_feature(c->s, CHIM_F_EXT_TS_US);

    return BROKEN(c, k, RESERVED,
               B(chim_tcp_const, flags, unknown, 0, 0),
               B(chim_tcp_const, rsvd, le16_to_cpu(k->rsvd), 0, 0))
        || BROKEN(c, k, STATE_FEATURE,
               { "chim_tcp_const.flags CHIM_TCP_SACK",
                 offsetof(struct chim_tcp_const, flags), sack, 0, 0 },
               { "chim_tcp_const.flags CHIM_TCP_TS_USEC",
                 offsetof(struct chim_tcp_const, flags), usec, 0, 0 })
        || BROKEN(c, k, STATE_VALUE,
               B(chim_tcp_const, snd_wscale, k->snd_wscale, 0, WSCALE_MAX),
               B(chim_tcp_const, rcv_wscale, k->rcv_wscale, 0, WSCALE_MAX));
}

static bool tcp_cached(const Case *c)
{
    const struct chim_tcp_cached *k = &c->st.tc;
    bool update = c->f->k < 0;
    uint16_t known = CHIM_TCP_KEEPALIVE | CHIM_TCP_NAGLE |
                     (update ? CHIM_TCP_KA_RESTART | CHIM_TCP_MAXRT_RESTART |
                               CHIM_TCP_UPDATE_RCV_WND : 0);
    uint16_t flags = le16_to_cpu(k->flags);
    bool wnd = !update || (flags & CHIM_TCP_UPDATE_RCV_WND);

    return BROKEN(c, c, RESERVED,
               B(chim_tcp_cached, flags, flags & ~known, 0, 0),
               B(chim_tcp_cached, rsvd0, le16_to_cpu(k->rsvd0), 0, 0))
        || BROKEN(c, c, STATE_VALUE,
               B(chim_tcp_cached, ttl, k->ttl, 1, UINT8_MAX),
               B(chim_tcp_cached, user_priority, k->user_priority, 0,
                 PRIORITY_MAX),
               B(chim_tcp_cached, flow_label, le32_to_cpu(k->flow_label), 0,
                 0xfffff),
               B(chim_tcp_cached, initial_rcv_wnd,
                 wnd ? le32_to_cpu(k->initial_rcv_wnd) : 1, 1,
                 CHIMDEV_MAX_RCV_WND));
}

static bool tcp_delegated(const Case *c)
{
    const struct chim_tcp_delegated *d = &c->st.td;
    uint32_t count = le32_to_cpu(d->send_count);
    uint32_t tail = le32_to_cpu(d->send_tail);
    uint64_t sges = c->f->d >= 0 ?
                    chimdev_list_sge_bytes(c->l, le32_to_cpu(d->buffered_off),
                                           le32_to_cpu(d->buffered_sges)) : 0;

    return BROKEN(c, d, RESERVED,
               B(chim_tcp_delegated, rsvd0, d->rsvd0, 0, 0),
               B(chim_tcp_delegated, flags, le16_to_cpu(d->flags), 0, 0),
               B(chim_tcp_delegated, dwnd, le32_to_cpu(d->dwnd), 0, 0),
               B(chim_tcp_delegated, fins, le32_to_cpu(d->fins), 0, 0),
               B(chim_tcp_delegated, rsvd1, le32_to_cpu(d->rsvd1), 0, 0))
        || (count && BROKEN(c, d, OBJ_H5_RANGE,
               B(chim_tcp_delegated, send_tail, tail, 0, count - 1),
               B(chim_tcp_delegated, send_head, le32_to_cpu(d->send_head), 0,
                 tail)))
        || BROKEN(c, d, STATE_VALUE,
               B(chim_tcp_delegated, snd_wnd, le32_to_cpu(d->snd_wnd), 0,
                 1u << 30),
               B(chim_tcp_delegated, max_snd_wnd, le32_to_cpu(d->max_snd_wnd),
                 0, 1u << 30),
               B(chim_tcp_delegated, rcv_wnd, le32_to_cpu(d->rcv_wnd), 0,
                 CHIMDEV_MAX_RCV_WND),
               B(chim_tcp_delegated, buffered_len,
                 le32_to_cpu(d->buffered_len), sges, sges));
}

/* A request between head and tail, which lie in the chain. */
static bool request(const Case *c, uint32_t i)
{
    uint32_t off = le32_to_cpu(c->st.td.send_off) +
                   i * sizeof(struct chim_send_ref);
    struct chim_send_ref r;
    uint64_t bytes;
    const uint32_t known = CHIM_SEND_MORE | CHIM_SEND_PUSH;

    memcpy(&r, c->l->buf + off, sizeof(r));
    bytes = chimdev_list_sge_bytes(c->l, le32_to_cpu(r.sge_off),
                                   le32_to_cpu(r.sge_count));
    return BROKEN_AT(c, off, OBJ_H5_REQUEST,
               B(chim_send_ref, len, le32_to_cpu(r.len), 1, UINT32_MAX))
        || BROKEN_AT(c, off, RESERVED,
               B(chim_send_ref, done, le32_to_cpu(r.done), 0, 0),
               B(chim_send_ref, flags, le32_to_cpu(r.flags) & ~known, 0, 0),
               B(chim_send_ref, rsvd, le32_to_cpu(r.rsvd), 0, 0))
        || BROKEN_AT(c, off, STATE_VALUE,
               B(chim_send_ref, sge_count, le32_to_cpu(r.sge_count), 0,
                 SEND_SGES_MAX),
               B(chim_send_ref, len, le32_to_cpu(r.len), bytes, bytes));
}

static bool requests(const Case *c)
{
    uint32_t count = le32_to_cpu(c->st.td.send_count);

    if (c->f->d < 0 || !count) {
        return false;
    }
    for (uint32_t i = le32_to_cpu(c->st.td.send_head);
         i <= le32_to_cpu(c->st.td.send_tail); i++) {
        if (request(c, i)) {
            return true;
        }
    }
    return false;
}

static bool field(const Case *c)
{
    switch (c->n->layer) {
    case CHIMDEV_LAYER_NEIGHBOR:
        return neighbor_field(c);
    case CHIMDEV_LAYER_PATH:
        return path_field(c);
    default:
        return BROKEN_AT(c, chimdev_list_node_off(c->n, 0), STATE_VALUE,
                   B(chim_node, pair, c->f->k < 0 ? 0 : c->n->pair, 0,
                     c->s->npairs - 1)) ||
               tcp_const(c) || tcp_cached(c) || tcp_delegated(c) ||
               requests(c);
    }
}

/* ---------------------------------------- the other statuses */

static bool state(const Case *c)
{
    return c->n->layer == CHIMDEV_LAYER_TCP &&
           BROKEN(c, d, OBJ_H3_STATE,
               B(chim_tcp_delegated, state, c->st.td.state,
                 CHIM_TCP_ESTABLISHED, CHIM_TCP_LAST_ACK),
               B(chim_tcp_delegated, send_count,
                 c->st.td.state == CHIM_TCP_FIN_WAIT2 ?
                     le32_to_cpu(c->st.td.send_count) : 0, 0, 0));
}

/* OBJ-D7: what is sent and acknowledged counts from SndUna. */
static bool sequence(const Case *c)
{
    const struct chim_tcp_delegated *d = &c->st.td;
    uint32_t una = le32_to_cpu(d->snd_una);
    uint32_t nxt = le32_to_cpu(d->snd_nxt) - una;
    uint32_t max = le32_to_cpu(d->snd_max) - una;
    uint64_t bytes = 0;

    if (le32_to_cpu(d->send_count)) {
        for (uint32_t i = le32_to_cpu(d->send_head);
             i <= le32_to_cpu(d->send_tail); i++) {
            struct chim_send_ref r;

            memcpy(&r, c->l->buf + le32_to_cpu(d->send_off) + i * sizeof(r),
                   sizeof(r));
            bytes += le32_to_cpu(r.len);
        }
    }
    bytes += d->state == CHIM_TCP_FIN_WAIT1 || d->state == CHIM_TCP_CLOSING ||
             d->state == CHIM_TCP_LAST_ACK;
    return BROKEN(c, d, OBJ_D7_SEQUENCE,
               { "chim_tcp_delegated.snd_max - snd_una",
                 offsetof(struct chim_tcp_delegated, snd_max), max, 0, bytes },
               { "chim_tcp_delegated.snd_nxt - snd_una",
                 offsetof(struct chim_tcp_delegated, snd_nxt), nxt, 0, max });
}

static bool buffers(const Case *c)
{
    const struct chim_tcp_delegated *d = &c->st.td;
    bool may = chimdev_has_feature(c->s, CHIM_F_BUFFERED);

    return BROKEN(c, d, STATE_LIMIT,
               B(chim_tcp_delegated, send_count,
                 c->n->status == CHIM_ST_TCP_XMIT_BUFFER ?
                     le32_to_cpu(d->send_count) : 0, 0, CHIMDEV_MAX_SENDS),
               B(chim_tcp_delegated, buffered_len,
                 c->n->status == CHIM_ST_TCP_RCV_BUFFER ?
                     le32_to_cpu(d->buffered_len) : 0, 0,
                 may ? CHIMDEV_MAX_BUFFERED : 0));
}

static enum chimdev_why general(uint32_t status)
{
    switch (status) {
    case CHIM_ST_TCP_ENTRIES:
    case CHIM_ST_PATH_ENTRIES:
    case CHIM_ST_NEIGHBOR_ENTRIES:
    case CHIM_ST_HW_ADDRESS_ENTRIES:
    case CHIM_ST_VLAN_ENTRIES:
        return CHIMDEV_WHY_ENTRIES;
    case CHIM_ST_TCP_XMIT_BUFFER:
        return CHIMDEV_WHY_STATE_LIMIT;
    case CHIM_ST_VLAN_MISMATCH:
        return CHIMDEV_WHY_VLAN;
    case CHIM_ST_DUPLICATE:
        return CHIMDEV_WHY_DUPLICATE;
    case CHIM_ST_NOT_READY:
        return CHIMDEV_WHY_NODE_RINGS;
    case CHIM_ST_RESOURCES:
        return CHIMDEV_WHY_NODE_MEMORY;
    case CHIM_ST_INVALID_STATE:
        return CHIMDEV_WHY_INVALIDATED;
    default:
        return CHIMDEV_WHY_NODE;
    }
}

static bool explained(const Case *c)
{
    switch (c->n->status) {
    case CHIM_ST_INVALID_FIELD:
    case CHIM_ST_PATH_MTU:
    case CHIM_ST_TCP_RCV_WINDOW:
        return field(c);
    case CHIM_ST_INVALID_STATE:
        return state(c);
    case CHIM_ST_INVALID_SEQUENCE:
        return c->n->layer == CHIMDEV_LAYER_TCP && sequence(c);
    case CHIM_ST_TCP_XMIT_BUFFER:
    case CHIM_ST_TCP_RCV_BUFFER:
        return c->n->layer == CHIMDEV_LAYER_TCP && buffers(c);
    case CHIM_ST_FAILURE:
        if (c->n->layer == CHIMDEV_LAYER_PATH && c->f->k >= 0 &&
            !chimdev_has_feature(c->s, c->f->ipv6 ? CHIM_F_OFFLOAD_IPV6
                                                  : CHIM_F_OFFLOAD_IPV4)) {
            plain(c, CHIMDEV_WHY_STATE_FEATURE);
            return true;
        }
        if (c->n->layer == CHIMDEV_LAYER_TCP) {
            plain(c, CHIMDEV_WHY_NODE_MEMORY);  /* BRD-4 */
            return true;
        }
        return false;
    default:
        return false;
    }
}

void chimdev_explain(ChimdevState *s, const ChimdevList *l,
                     const ChimdevNode *n)
{
    Case c = { .s = s, .l = l, .n = n, .f = chimdev_shape(n->type) };

    if (n->state_len) {
        get_states(&c);
    }
    if (!n->state_len || !explained(&c)) {
        plain(&c, general(n->status));
    }
}
