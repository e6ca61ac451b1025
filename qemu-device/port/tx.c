/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tx.c - the host's frames: from the TX ring to the backend, in order, with
 * the fences between them.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "core/chimdev.h"
#include "core/core.h"
#include "core/refusal.h"
#include "objects/handle.h"
#include "objects/op.h"
#include "port/capture.h"
#include "port/nic_out.h"
#include "port/tx.h"
#include "port/vnet.h"
#include "rings/payload.h"
#include "rings/ring.h"

enum {
    TX_BUDGET_ENTRIES = 256,
    TX_BUDGET_BYTES = 4 * MiB,
};

static bool vnet_ok(ChimdevState *s, const ChimdevCmd *cmd,
                    const ChimdevVnet *v)
{
    bool tso;

    if ((v->flags & ~CHIM_VNET_F_NEEDS_CSUM) ||
        ((v->flags & CHIM_VNET_F_NEEDS_CSUM) &&
         (!chimdev_has_feature(s, CHIM_F_CSUM) ||
          (uint64_t)v->csum_start + v->csum_offset + 2 > cmd->bytes))) {
        return false;
    }
    switch (v->gso_type & ~CHIM_VNET_GSO_ECN) {
    case CHIM_VNET_GSO_NONE:
        return !v->gso_type;
    case CHIM_VNET_GSO_TCPV4:
        tso = chimdev_has_feature(s, CHIM_F_TSO4);
        break;
    case CHIM_VNET_GSO_TCPV6:
        tso = chimdev_has_feature(s, CHIM_F_TSO6);
        break;
    default:
        return false;
    }
    return tso && (v->flags & CHIM_VNET_F_NEEDS_CSUM) && v->gso_size >= 8 &&
           v->hdr_len <= cmd->bytes;
}

static void drop(ChimdevState *s, const ChimdevCmd *cmd, enum chimdev_why why,
                 ChimdevRefused what)
{
    s->stats.nic.tx_dropped++;
    what.at = &cmd->at;
    chimdev_refuse(s, why, &what);
}

static void drop_length(ChimdevState *s, const ChimdevCmd *cmd)
{
    if (cmd->wraps) {
        drop(s, cmd, CHIMDEV_WHY_FRAME_WRAP, (ChimdevRefused) { 0 });
    } else {
        drop(s, cmd, CHIMDEV_WHY_FRAME_LENGTH, (ChimdevRefused) {
            .field = "length", .offset = offsetof(struct chim_sqe, sge),
            .found = cmd->bytes, CHIMDEV_RANGE(14, CHIMDEV_MAX_FRAME),
        });
    }
}

/* Of a header that is not vnet_ok(): what is wrong with it first. */
static void drop_vnet(ChimdevState *s, const ChimdevCmd *cmd,
                      const ChimdevVnet *v)
{
    uint8_t gso = v->gso_type & ~CHIM_VNET_GSO_ECN;
    bool csum = v->flags & CHIM_VNET_F_NEEDS_CSUM;
    bool tso4 = gso == CHIM_VNET_GSO_TCPV4, tso6 = gso == CHIM_VNET_GSO_TCPV6;

    if (v->flags & ~CHIM_VNET_F_NEEDS_CSUM) {
        drop(s, cmd, CHIMDEV_WHY_FRAME_FLAGS, (ChimdevRefused) {
            CHIMDEV_IN(chim_sqe, u.frame.vnet.flags), .found = v->flags,
            CHIMDEV_RANGE(0, CHIM_VNET_F_NEEDS_CSUM),
        });
    } else if (csum && !chimdev_has_feature(s, CHIM_F_CSUM)) {
        drop(s, cmd, CHIMDEV_WHY_FRAME_FEATURE, (ChimdevRefused) {
            CHIMDEV_IN(chim_sqe, u.frame.vnet.flags), .found = v->flags,
            .allowed = "0 without CHIM_F_CSUM",
        });
    } else if (csum &&
               (uint64_t)v->csum_start + v->csum_offset + 2 > cmd->bytes) {
        drop(s, cmd, CHIMDEV_WHY_FRAME_CSUM, (ChimdevRefused) {
            CHIMDEV_IN(chim_sqe, u.frame.vnet.csum_start),
            .found = v->csum_start + v->csum_offset + 2,
            CHIMDEV_RANGE(2, cmd->bytes),
        });
    } else if ((tso4 && !chimdev_has_feature(s, CHIM_F_TSO4)) ||
               (tso6 && !chimdev_has_feature(s, CHIM_F_TSO6))) {
        drop(s, cmd, CHIMDEV_WHY_FRAME_FEATURE, (ChimdevRefused) {
            CHIMDEV_IN(chim_sqe, u.frame.vnet.gso_type), .found = v->gso_type,
            .allowed = "0 without CHIM_F_TSO4 or CHIM_F_TSO6",
        });
    } else {
        drop(s, cmd, CHIMDEV_WHY_FRAME_GSO, (ChimdevRefused) {
            CHIMDEV_IN(chim_sqe, u.frame.vnet.gso_type), .found = v->gso_type,
            .allowed = "a known type, with a checksum, a gso_size of 8 or "
                       "more, and a hdr_len within the frame",
        });
    }
}

static void send_frame(ChimdevPair *p, const ChimdevCmd *cmd)
{
    ChimdevState *s = p->s;
    const struct chim_vnet_hdr *h = &cmd->e.u.frame.vnet;
    ChimdevVnet vnet = {
        .flags = h->flags,
        .gso_type = h->gso_type,
        .hdr_len = le16_to_cpu(h->hdr_len),
        .gso_size = le16_to_cpu(h->gso_size),
        .csum_start = le16_to_cpu(h->csum_start),
        .csum_offset = le16_to_cpu(h->csum_offset),
    };
    ChimdevGather *g;

    if (cmd->bytes < 14 || cmd->bytes > CHIMDEV_MAX_FRAME || cmd->wraps) {
        drop_length(s, cmd);
        return;
    }
    if (!vnet_ok(s, cmd, &vnet)) {
        drop_vnet(s, cmd, &vnet);
        return;
    }
    g = chimdev_nic_out_begin(s, &vnet);
    for (unsigned i = 0; i < cmd->nsge; i++) {
        if (!chimdev_gather_guest(s, g, &cmd->at, cmd->sge[i].addr,
                                  cmd->sge[i].len)) {
            chimdev_gather_done(s, g);
            s->stats.nic.tx_dropped++;
            return;
        }
    }
    s->stats.nic.tx_frames++;
    s->stats.nic.tx_bytes += cmd->bytes;
    chimdev_nic_out_send(s, p->nr, CHIMDEV_FROM_HOST, &vnet);
}

ChimdevPass chimdev_tx_run(ChimdevPair *p)
{
    ChimdevState *s = p->s;
    uint64_t bytes = 0;
    ChimdevCmd cmd;

    for (unsigned n = 0; n < TX_BUDGET_ENTRIES; n++) {
        if (bytes >= TX_BUDGET_BYTES) {
            return CHIMDEV_PASS_MORE;
        }
        if (chimdev_nic_out_busy(s, p->nr)) {
            return CHIMDEV_PASS_BLOCKED;
        }
        if (chimdev_ring_fetch(p->ring[CHIM_RING_TX], &cmd) !=
            CHIMDEV_FETCH_OK) {
            return CHIMDEV_PASS_EMPTY;
        }
        switch (le32_to_cpu(cmd.e.ctl) & CHIM_CTL_OP_MASK) {
        case CHIM_OP_FRAME:
            send_frame(p, &cmd);
            bytes += cmd.bytes;
            break;
        case CHIM_OP_TX_FENCE:
            chimdev_op_fence(s, le32_to_cpu(cmd.e.u.fence.id), &cmd.at);
            break;
        default:
            cmd.at.rule = CHIM_RULE_RING_H6;
            chimdev_fatal(s, CHIMDEV_WHY_RING_H6_OPCODE, &(ChimdevRefused) {
                .at = &cmd.at, CHIMDEV_IN(chim_sqe, ctl),
                .found = le32_to_cpu(cmd.e.ctl) & CHIM_CTL_OP_MASK,
                .allowed = "FRAME or TX_FENCE", .cause = CHIM_FATAL_OPCODE,
            });
            return CHIMDEV_PASS_EMPTY;
        }
    }
    return CHIMDEV_PASS_MORE;
}
