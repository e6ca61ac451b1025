/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nic_out.c - frames to QEMU's net layer, with back-pressure. A backend that
 * takes no more stops the pairs that use its queue until it calls back.
 *
 * nic.c receives frames.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qemu/iov.h"
#include "standard-headers/linux/virtio_net.h"
#include "core/chimdev.h"
#include "core/clock.h"
#include "core/core.h"
#include "port/capture.h"
#include "port/nic_out.h"
#include "port/soft.h"
#include "port/vnet.h"
#include "rings/payload.h"
#include "toe.h"
#include "trace.h"

static unsigned queue_of(const ChimdevState *s, unsigned pair)
{
    return pair % s->nqueues;
}

bool chimdev_nic_out_busy(const ChimdevState *s, unsigned pair)
{
    return s->backend_busy[queue_of(s, pair)];
}

/* Whether the backend has taken nothing since that time. */
bool chimdev_nic_out_stalled(const ChimdevState *s, unsigned pair,
                             int64_t before)
{
    unsigned q = queue_of(s, pair);

    return s->backend_busy[q] && s->busy_since[q] <= before;
}

/* When the backend that has been busy longest became so, or INT64_MAX. */
int64_t chimdev_nic_out_first_stall(const ChimdevState *s)
{
    int64_t first = INT64_MAX;

    for (unsigned q = 0; q < s->nqueues; q++) {
        if (s->backend_busy[q]) {
            first = MIN(first, s->busy_since[q]);
        }
    }
    return first;
}

static void frame_sent(NetClientState *nc, ssize_t len)
{
    ChimdevState *s = qemu_get_nic_opaque(nc);
    unsigned q = nc->queue_index;

    s->busy_since[q] = chimdev_now(s);
    if (!s->backend_busy[q] || --s->backend_busy[q]) {
        return;
    }
    trace_chimdev_backend_free(q);
    for (unsigned i = q; i < s->npairs; i += s->nqueues) {
        toe_writable(s->toe, i);
    }
    chimdev_kick(s);
}

static void send_iov(ChimdevState *s, unsigned q, const struct iovec *iov,
                     unsigned niov)
{
    NetClientState *nc = qemu_get_subqueue(s->nic, q);

    if (!qemu_sendv_packet_async(nc, iov, niov, frame_sent)) {
        trace_chimdev_backend_busy(q);
        if (!s->backend_busy[q]++) {
            s->busy_since[q] = chimdev_now(s);
        }
    }
}

typedef struct SoftSend {
    ChimdevState *s;
    unsigned q;
} SoftSend;

static void soft_emit(void *opaque, const uint8_t *frame, size_t len)
{
    SoftSend *e = opaque;
    struct iovec iov = { (void *)frame, len };

    send_iov(e->s, e->q, &iov, 1);
}

/* The backend takes plain frames only: do the requested offloads here. */
static void send_soft(ChimdevState *s, unsigned q, const ChimdevVnet *vnet)
{
    ChimdevGather *g = s->gather;
    SoftSend e = { s, q };

    if (vnet->gso_type) {
        if (!chimdev_soft_segment(vnet, g->arena, g->len, soft_emit, &e)) {
            s->stats.nic.tx_dropped++;
        }
        return;
    }
    if ((vnet->flags & CHIM_VNET_F_NEEDS_CSUM) &&
        !chimdev_soft_finish_csum(g->arena, g->len, vnet->csum_start,
                                  vnet->csum_offset)) {
        s->stats.nic.tx_dropped++;
        return;
    }
    send_iov(s, q, g->iov, g->niov);
}

/* Begin a frame; the caller adds its parts to the result. */
ChimdevGather *chimdev_nic_out_begin(ChimdevState *s, const ChimdevVnet *vnet)
{
    ChimdevGather *g = s->gather;
    struct virtio_net_hdr_mrg_rxbuf h = {
        .hdr.flags = vnet->flags,
        .hdr.gso_type = vnet->gso_type,
        .hdr.hdr_len = vnet->hdr_len,
        .hdr.gso_size = vnet->gso_size,
        .hdr.csum_start = vnet->csum_start,
        .hdr.csum_offset = vnet->csum_offset,
    };

    QEMU_BUILD_BUG_ON(sizeof(h) != CHIMDEV_VNET_LEN);
    chimdev_gather_start(g, !s->has_vnet);
    if (s->has_vnet) {
        memcpy(chimdev_gather_reserve(g, sizeof(h)), &h, sizeof(h));
    }
    return g;
}

void chimdev_nic_out_send(ChimdevState *s, unsigned pair,
                          enum chimdev_origin from, const ChimdevVnet *vnet)
{
    ChimdevGather *g = s->gather;
    unsigned q = queue_of(s, pair);

    if (s->reset_pending) {
        chimdev_gather_done(s, g);
        return;                         /* LIFE-D1: no frame is sent */
    }
    if (s->capture) {
        struct iovec copy[CHIMDEV_MAX_IOV];
        unsigned n = iov_copy(copy, ARRAY_SIZE(copy), g->iov, g->niov,
                              s->has_vnet ? CHIMDEV_VNET_LEN : 0, g->len);

        chimdev_capture_frame(s->capture, from, copy, n);
    }
    if (s->has_vnet) {
        send_iov(s, q, g->iov, g->niov);
    } else {
        send_soft(s, q, vnet);
    }
    chimdev_gather_done(s, g);
}
