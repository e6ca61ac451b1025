/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * filter.c - which received frames are ours, and which pair they belong to:
 * MAC filter, Toeplitz hash, indirection table.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qemu/bswap.h"
#include "net/eth.h"
#include "core/chimdev.h"
#include "port/filter.h"
#include "rings/pair.h"
#include "trace.h"

/* Receive filter and steering. */
struct ChimdevFilter {
    uint32_t flags;                     /* enum chim_rx_mode_flags */
    unsigned uni_count, multi_count;
    uint8_t mac[CHIM_MAC_LIST_MAX][6];
    uint8_t src_mac[CHIMDEV_MAX_SRC_MACS][6];   /* of neighbors */
    unsigned src_mac_refs[CHIMDEV_MAX_SRC_MACS];
    uint32_t table_len;
    uint8_t table[CHIM_RSS_TABLE_MAX];
    uint32_t toeplitz[36][256];         /* contribution of each input byte */
};

void chimdev_filter_init(ChimdevState *s)
{
    s->filter = g_new0(ChimdevFilter, 1);
}

void chimdev_filter_fini(ChimdevState *s)
{
    g_free(s->filter);
    s->filter = NULL;
}

void chimdev_filter_reset(ChimdevState *s)
{
    memset(s->filter, 0, sizeof(*s->filter));
    s->filter->table_len = 1;
}

/*
 * The address in use: the first of the driver's list, else the permanent one.
 */
const uint8_t *chimdev_filter_mac(const ChimdevState *s)
{
    return s->filter->uni_count ? s->filter->mac[0] : s->conf.macaddr.a;
}

uint32_t chimdev_filter_set_mode(ChimdevState *s, const struct chim_rx_mode *m)
{
    ChimdevFilter *f = s->filter;
    uint32_t flags = le32_to_cpu(m->flags);
    unsigned uni = le16_to_cpu(m->uni_count);
    unsigned multi = le16_to_cpu(m->multi_count);

    if (flags & ~(uint32_t)(CHIM_RX_PROMISC | CHIM_RX_ALLMULTI |
                            CHIM_RX_BROADCAST | CHIM_RX_ENABLE)) {
        return CHIM_ST_INVALID_FIELD;
    }
    if (uni + multi > CHIM_MAC_LIST_MAX) {
        return CHIM_ST_INVALID_FIELD;
    }
    for (unsigned i = 0; i < uni + multi; i++) {
        if ((m->mac[i][0] & 1) != (i >= uni)) {
            return CHIM_ST_INVALID_FIELD;
        }
    }
    for (unsigned i = 0; i < uni + multi; i++) {
        memcpy(f->mac[i], m->mac[i], 6);
    }
    f->uni_count = uni;
    f->multi_count = multi;
    f->flags = flags;
    trace_chimdev_rx_mode(flags, uni, multi);
    return CHIM_ST_SUCCESS;
}

/*
 * Contribution of each input byte to the hash: the XOR of the key's windows at
 * its set bits.
 */
static void build_toeplitz(ChimdevFilter *f, const uint8_t *key)
{
    for (unsigned i = 0; i < ARRAY_SIZE(f->toeplitz); i++) {
        uint64_t k = (uint64_t)ldl_be_p(key + i) << 8 | key[i + 4];

        for (unsigned b = 0; b < 256; b++) {
            uint32_t v = 0;

            for (unsigned bit = 0; bit < 8; bit++) {
                if (b & 0x80 >> bit) {
                    v ^= (uint32_t)(k >> (8 - bit));
                }
            }
            f->toeplitz[i][b] = v;
        }
    }
}

uint32_t chimdev_filter_set_rss(ChimdevState *s, const struct chim_rss *r)
{
    ChimdevFilter *f = s->filter;
    uint32_t len = le32_to_cpu(r->table_len);

    if (!len || len > CHIM_RSS_TABLE_MAX || (len & (len - 1)) || r->rsvd) {
        return CHIM_ST_INVALID_FIELD;
    }
    for (unsigned i = 0; i < len; i++) {
        if (r->table[i] >= s->npairs) {
            return CHIM_ST_INVALID_FIELD;
        }
        if (!chimdev_pair_usable(&s->pair[r->table[i]])) {
            return CHIM_ST_NOT_READY;
        }
    }
    memcpy(f->table, r->table, len);
    f->table_len = len;
    build_toeplitz(f, r->key);
    trace_chimdev_rss(len);
    return CHIM_ST_SUCCESS;
}

static bool in_list(const ChimdevFilter *f, const uint8_t *mac, unsigned first,
                    unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        if (!memcmp(f->mac[i], mac, 6)) {
            return true;
        }
    }
    return false;
}

static bool is_src_mac(const ChimdevFilter *f, const uint8_t *mac)
{
    for (unsigned i = 0; i < CHIMDEV_MAX_SRC_MACS; i++) {
        if (f->src_mac_refs[i] && !memcmp(f->src_mac[i], mac, 6)) {
            return true;
        }
    }
    return false;
}

bool chimdev_filter_receives(const ChimdevState *s)
{
    return s->filter->flags & CHIM_RX_ENABLE;
}

/*
 * *ours: the address is the interface's own, so that the target may take the
 * frame (STA-11).
 */
bool chimdev_filter_accepts(const ChimdevState *s, const uint8_t *frame,
                            bool *ours)
{
    const ChimdevFilter *f = s->filter;
    bool promisc = f->flags & CHIM_RX_PROMISC;

    *ours = false;
    if (is_broadcast_ether_addr(frame)) {
        return promisc || (f->flags & CHIM_RX_BROADCAST);
    }
    if (frame[0] & 1) {
        *ours = in_list(f, frame, f->uni_count, f->multi_count);
        return *ours || promisc || (f->flags & CHIM_RX_ALLMULTI);
    }
    *ours = !memcmp(frame, chimdev_filter_mac(s), 6) ||
            in_list(f, frame, 0, f->uni_count) || is_src_mac(f, frame);
    return *ours || promisc;
}

/* A neighbor's source MAC. False: the table is full (STC-9). */
bool chimdev_filter_add_src(ChimdevState *s, const uint8_t *mac)
{
    ChimdevFilter *f = s->filter;
    int free = -1;

    for (int i = 0; i < CHIMDEV_MAX_SRC_MACS; i++) {
        if (!f->src_mac_refs[i]) {
            free = free < 0 ? i : free;
        } else if (!memcmp(f->src_mac[i], mac, 6)) {
            f->src_mac_refs[i]++;
            return true;
        }
    }
    if (free < 0) {
        return false;
    }
    memcpy(f->src_mac[free], mac, 6);
    f->src_mac_refs[free] = 1;
    return true;
}

void chimdev_filter_del_src(ChimdevState *s, const uint8_t *mac)
{
    ChimdevFilter *f = s->filter;

    for (int i = 0; i < CHIMDEV_MAX_SRC_MACS; i++) {
        if (f->src_mac_refs[i] && !memcmp(f->src_mac[i], mac, 6)) {
            f->src_mac_refs[i]--;
            return;
        }
    }
}

static uint32_t hash_bytes(const ChimdevFilter *f, const uint8_t *p,
                           unsigned first, unsigned n)
{
    uint32_t h = 0;

    for (unsigned i = 0; i < n; i++) {
        h ^= f->toeplitz[first + i][p[i]];
    }
    return h;
}

/*
 * Addresses, and the ports of TCP that is no fragment. 0 for anything but IP.
 */
uint32_t chimdev_filter_hash(const ChimdevState *s, const uint8_t *frame,
                             uint32_t len, uint32_t *flags)
{
    const ChimdevFilter *f = s->filter;
    uint32_t off = 14, l4, addrs, hash;
    uint16_t type = lduw_be_p(frame + 12);
    bool tcp;

    *flags = 0;
    if (f->table_len == 1) {
        return 0;
    }
    if (type == ETH_P_VLAN && len >= 18) {
        type = lduw_be_p(frame + 16);
        off = 18;
    }
    if (type == ETH_P_IP && off + 20 <= len) {
        const uint8_t *ip = frame + off;

        addrs = 8;
        hash = hash_bytes(f, ip + 12, 0, addrs);
        tcp = ip[9] == IP_PROTO_TCP && !(lduw_be_p(ip + 6) & 0x3fff);
        l4 = off + (ip[0] & 15) * 4;
    } else if (type == ETH_P_IPV6 && off + 40 <= len) {
        addrs = 32;
        hash = hash_bytes(f, frame + off + 8, 0, addrs);
        tcp = frame[off + 6] == IP_PROTO_TCP;
        l4 = off + 40;
    } else {
        return 0;
    }
    *flags = CHIM_RX_F_HASH_L3;
    if (tcp && l4 + 4 <= len) {
        *flags = CHIM_RX_F_HASH_L4;
        hash ^= hash_bytes(f, frame + l4, addrs, 4);
    }
    return hash;
}

ChimdevPair *chimdev_filter_steer(ChimdevState *s, uint32_t hash)
{
    const ChimdevFilter *f = s->filter;

    return &s->pair[f->table[hash & (f->table_len - 1)]];
}
