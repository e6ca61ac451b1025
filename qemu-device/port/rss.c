/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rss.c - which pair gets a received frame: the key, the Toeplitz hash, the
 * indirection table.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qemu/bswap.h"
#include "net/eth.h"
#include "core/chimdev.h"
#include "port/rss.h"
#include "rings/pair.h"
#include "trace.h"

struct ChimdevRss {
    uint32_t table_len;
    uint8_t table[CHIM_RSS_TABLE_MAX];
    uint32_t toeplitz[36][256];         /* contribution of each input byte */
};

void chimdev_rss_init(ChimdevState *s)
{
    s->rss = g_new0(ChimdevRss, 1);
}

void chimdev_rss_fini(ChimdevState *s)
{
    g_free(s->rss);
    s->rss = NULL;
}

void chimdev_rss_reset(ChimdevState *s)
{
    memset(s->rss, 0, sizeof(*s->rss));
    s->rss->table_len = 1;
}

/*
 * Tabulate each input byte's contribution to the hash: the XOR of the key's
 * windows at its set bits.
 */
static void build_toeplitz(ChimdevRss *rss, const uint8_t *key)
{
    for (unsigned i = 0; i < ARRAY_SIZE(rss->toeplitz); i++) {
        uint64_t k = (uint64_t)ldl_be_p(key + i) << 8 | key[i + 4];

        for (unsigned b = 0; b < 256; b++) {
            uint32_t v = 0;

            for (unsigned bit = 0; bit < 8; bit++) {
                if (b & 0x80 >> bit) {
                    v ^= (uint32_t)(k >> (8 - bit));
                }
            }
            rss->toeplitz[i][b] = v;
        }
    }
}

uint32_t chimdev_rss_set(ChimdevState *s, const struct chim_rss *r)
{
    ChimdevRss *rss = s->rss;
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
    memcpy(rss->table, r->table, len);
    rss->table_len = len;
    build_toeplitz(rss, r->key);
    trace_chimdev_rss(len);
    return CHIM_ST_SUCCESS;
}

static uint32_t hash_bytes(const ChimdevRss *rss, const uint8_t *p,
                           unsigned first, unsigned n)
{
    uint32_t h = 0;

    for (unsigned i = 0; i < n; i++) {
        h ^= rss->toeplitz[first + i][p[i]];
    }
    return h;
}

/* Hash the addresses, and the ports of unfragmented TCP. 0 if not IP. */
uint32_t chimdev_rss_hash(const ChimdevState *s, const uint8_t *frame,
                          uint32_t len, uint32_t *flags)
{
    const ChimdevRss *rss = s->rss;
    uint32_t off = 14, l4, addrs, hash;
    uint16_t type = lduw_be_p(frame + 12);
    bool tcp;

    *flags = 0;
    if (rss->table_len == 1) {
        return 0;
    }
    if (type == ETH_P_VLAN && len >= 18) {
        type = lduw_be_p(frame + 16);
        off = 18;
    }
    if (type == ETH_P_IP && off + 20 <= len) {
        const uint8_t *ip = frame + off;

        addrs = 8;
        hash = hash_bytes(rss, ip + 12, 0, addrs);
        tcp = ip[9] == IP_PROTO_TCP && !(lduw_be_p(ip + 6) & 0x3fff);
        l4 = off + (ip[0] & 15) * 4;
    } else if (type == ETH_P_IPV6 && off + 40 <= len) {
        addrs = 32;
        hash = hash_bytes(rss, frame + off + 8, 0, addrs);
        tcp = frame[off + 6] == IP_PROTO_TCP;
        l4 = off + 40;
    } else {
        return 0;
    }
    *flags = CHIM_RX_F_HASH_L3;
    if (tcp && l4 + 4 <= len) {
        *flags = CHIM_RX_F_HASH_L4;
        hash ^= hash_bytes(rss, frame + l4, addrs, 4);
    }
    return hash;
}

ChimdevPair *chimdev_rss_steer(ChimdevState *s, uint32_t hash)
{
    const ChimdevRss *rss = s->rss;

    return &s->pair[rss->table[hash & (rss->table_len - 1)]];
}
