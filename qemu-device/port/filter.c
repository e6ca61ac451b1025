/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * filter.c - the MAC filter: which received frames the card accepts. rss.c
 * then picks the pair.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "net/eth.h"
#include "core/chimdev.h"
#include "port/filter.h"
#include "trace.h"

struct ChimdevFilter {
    uint32_t flags;                     /* enum chim_rx_mode_flags */
    unsigned uni_count, multi_count;
    uint8_t mac[CHIM_MAC_LIST_MAX][6];
    uint8_t src_mac[CHIMDEV_MAX_SRC_MACS][6];   /* of neighbors */
    unsigned src_mac_refs[CHIMDEV_MAX_SRC_MACS];
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
 * *ours: the address is one of the interface's own, multicast included, so
 * that the target may take the frame (STA-11).
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

/* Add a neighbor's source MAC. False: the table is full (STC-9). */
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
