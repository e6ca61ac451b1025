/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * setup_data.c - which field of a set-up command's structure is the reason,
 * once the command has been refused. Offsets count from the structure.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "commands/setup_data.h"
#include "core/chimdev.h"
#include "core/refusal.h"
#include "rings/pair.h"

/* True: a field breaks its bound, and this is said. */
static bool broken(ChimdevState *s, const ChimdevCmd *cmd, uint32_t status,
                   enum chimdev_why why, const ChimdevBound *b, size_t n)
{
    return chimdev_refuse_field(s, why, (ChimdevRefused) {
        .at = &cmd->at, .status = status,
    }, b, n);
}

static void element(ChimdevState *s, const ChimdevCmd *cmd, uint32_t status,
                    enum chimdev_why why, ChimdevRefused what)
{
    what.at = &cmd->at;
    what.status = status;
    chimdev_refuse(s, why, &what);
}

uint32_t chimdev_setup_bad_rx_mode(ChimdevState *s, const ChimdevCmd *cmd,
                                   const struct chim_rx_mode *m,
                                   uint32_t status)
{
    const uint32_t known = CHIM_RX_PROMISC | CHIM_RX_ALLMULTI |
                           CHIM_RX_BROADCAST | CHIM_RX_ENABLE;
    unsigned uni = le16_to_cpu(m->uni_count);
    unsigned multi = le16_to_cpu(m->multi_count);
    const ChimdevBound flags[] = {
        CHIMDEV_BOUND(chim_rx_mode, flags, le32_to_cpu(m->flags) & ~known, 0,
                      0),
    };
    const ChimdevBound counts[] = {
        CHIMDEV_BOUND(chim_rx_mode, uni_count, uni, 0, CHIM_MAC_LIST_MAX),
        CHIMDEV_BOUND(chim_rx_mode, multi_count, multi, 0,
                      CHIM_MAC_LIST_MAX - MIN(uni, CHIM_MAC_LIST_MAX)),
    };

    if (broken(s, cmd, status, CHIMDEV_WHY_RESERVED, flags,
               ARRAY_SIZE(flags)) ||
        broken(s, cmd, status, CHIMDEV_WHY_SETUP_VALUE, counts,
               ARRAY_SIZE(counts))) {
        return status;
    }
    for (unsigned i = 0; i < uni + multi; i++) {
        if ((m->mac[i][0] & 1) != (i >= uni)) {
            element(s, cmd, status, CHIMDEV_WHY_SETUP_VALUE, (ChimdevRefused) {
                .field = "chim_rx_mode.mac group bit",
                .offset = offsetof(struct chim_rx_mode, mac[0]) +
                          i * sizeof(m->mac[0]),
                .found = m->mac[i][0] & 1, CHIMDEV_RANGE(i >= uni, i >= uni),
            });
            return status;
        }
    }
    return status;
}

uint32_t chimdev_setup_bad_rss(ChimdevState *s, const ChimdevCmd *cmd,
                               const struct chim_rss *r, uint32_t status)
{
    uint32_t len = le32_to_cpu(r->table_len);
    const ChimdevBound rsvd[] = {
        CHIMDEV_BOUND(chim_rss, rsvd, le32_to_cpu(r->rsvd), 0, 0),
    };

    if (!len || len > CHIM_RSS_TABLE_MAX || (len & (len - 1))) {
        element(s, cmd, status, CHIMDEV_WHY_SETUP_VALUE, (ChimdevRefused) {
            CHIMDEV_IN(chim_rss, table_len), .found = len,
            .allowed = "a power of two up to CHIM_RSS_TABLE_MAX",
        });
        return status;
    }
    if (broken(s, cmd, status, CHIMDEV_WHY_RESERVED, rsvd,
               ARRAY_SIZE(rsvd))) {
        return status;
    }
    for (unsigned i = 0; i < len; i++) {
        bool exists = r->table[i] < s->npairs;

        if (!exists || !chimdev_pair_usable(&s->pair[r->table[i]])) {
            element(s, cmd, status, exists ? CHIMDEV_WHY_SETUP_RINGS :
                                             CHIMDEV_WHY_SETUP_VALUE,
                    (ChimdevRefused) {
                .field = "chim_rss.table",
                .offset = offsetof(struct chim_rss, table) + i,
                .found = r->table[i],
                .allowed = exists ? "a pair that has its rings" : NULL,
                CHIMDEV_RANGE(0, s->npairs - 1),
            });
            return status;
        }
    }
    return status;
}

uint32_t chimdev_setup_bad_params(ChimdevState *s, const ChimdevCmd *cmd,
                                  const struct chim_params *p,
                                  uint32_t status)
{
    uint32_t ticks = le32_to_cpu(p->ticks_per_second);
    const ChimdevBound values[] = {
        CHIMDEV_BOUND(chim_params, congestion_algorithm,
                      p->congestion_algorithm, 0, 0),
        CHIMDEV_BOUND(chim_params, dup_ack_threshold,
                      le32_to_cpu(p->dup_ack_threshold), 1, UINT8_MAX),
    };
    const ChimdevBound rsvd[] = {
        CHIMDEV_BOUND(chim_params, rsvd, !!p->rsvd, 0, 0),
    };

    if (status == CHIM_ST_IN_USE) {
        element(s, cmd, status, CHIMDEV_WHY_OP_D24_IN_USE, (ChimdevRefused) {
            .field = "connections", .found = s->count[CHIMDEV_LAYER_TCP],
            CHIMDEV_RANGE(0, 0),
        });
    } else if (!broken(s, cmd, status, CHIMDEV_WHY_RESERVED, rsvd,
                       ARRAY_SIZE(rsvd)) &&
               !broken(s, cmd, status, CHIMDEV_WHY_SETUP_VALUE, values,
                       ARRAY_SIZE(values)) &&
               ticks != 10 && ticks != 100 && ticks != 1000) {
        element(s, cmd, status, CHIMDEV_WHY_SETUP_VALUE, (ChimdevRefused) {
            CHIMDEV_IN(chim_params, ticks_per_second), .found = ticks,
            .allowed = "10, 100 or 1000",
        });
    }
    return status;
}
