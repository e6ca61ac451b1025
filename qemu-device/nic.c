/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nic.c - QEMU's net layer: backends, their abilities, and the path of a
 * received frame into the device: to the target if it wants the frame, else by
 * the raw path to rx.c. nic_out.c sends frames.
 *
 * A backend may answer from inside the call that sends (slirp does): frames
 * that arrive during a run are only queued, up to a bound.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qemu/iov.h"
#include "standard-headers/linux/virtio_net.h"
#include "core/chimdev.h"
#include "core/core.h"
#include "core/qemu_compat.h"
#include "data/target.h"
#include "port/capture.h"
#include "port/filter.h"
#include "port/rss.h"
#include "port/rx.h"
#include "port/soft.h"
#include "port/vnet.h"
#include "nic.h"
#include "run.h"
#include "trace.h"

enum {
    DEFERRED_FRAMES = 4096,
    DEFERRED_BYTES = 16 * MiB,
};

/* ---------------------------------------- receiving */

static bool split_vnet(ChimdevState *s, const uint8_t **data, uint32_t *len,
                       ChimdevVnet *vnet)
{
    struct virtio_net_hdr h;

    memset(vnet, 0, sizeof(*vnet));
    if (!s->has_vnet) {
        return true;
    }
    if (*len < CHIMDEV_VNET_LEN) {
        return false;
    }
    memcpy(&h, *data, sizeof(h));
    vnet->flags = h.flags & (CHIM_VNET_F_NEEDS_CSUM | CHIM_VNET_F_DATA_VALID);
    vnet->gso_type = h.gso_type;
    vnet->hdr_len = h.hdr_len;
    vnet->gso_size = h.gso_size;
    vnet->csum_start = h.csum_start;
    vnet->csum_offset = h.csum_offset;
    *data += CHIMDEV_VNET_LEN;
    *len -= CHIMDEV_VNET_LEN;
    return true;
}

static void raw_frame(ChimdevState *s, const ChimdevVnet *vnet,
                      const uint8_t *data, uint32_t len)
{
    ChimdevRxWait w = { .vnet = *vnet, .len = len };

    w.hash = chimdev_rss_hash(s, data, len, &w.hash_flags);
    if (data[0] & 1) {
        s->stats.nic.rx_multicast++;
    }
    chimdev_rx_deliver(chimdev_rss_steer(s, w.hash), &w, data);
}

static void raw_segment(void *opaque, const uint8_t *frame, size_t len)
{
    ChimdevState *s = opaque;
    ChimdevVnet vnet = { 0 };

    if (chimdev_has_feature(s, CHIM_F_GUEST_CSUM)) {
        vnet.flags = CHIM_VNET_F_DATA_VALID;
    }
    raw_frame(s, &vnet, frame, len);
}

/*
 * REG-D7: undo offloads that the driver did not accept before it gets a frame.
 */
static void raw_path(ChimdevState *s, const ChimdevVnet *vnet,
                     const uint8_t *data, uint32_t len)
{
    bool csum = chimdev_has_feature(s, CHIM_F_GUEST_CSUM);
    ChimdevVnet v = *vnet;

    if (v.gso_type && !chimdev_has_feature(s, CHIM_F_LRO)) {
        if (!chimdev_soft_segment(vnet, data, len, raw_segment, s)) {
            chimdev_rx_count_lost(s, &s->stats.nic.rx_too_long, len);
        }
        return;
    }
    if (!csum && (v.flags & CHIM_VNET_F_NEEDS_CSUM)) {
        g_autofree uint8_t *copy = g_memdup2(data, len);

        chimdev_soft_finish_csum(copy, len, v.csum_start, v.csum_offset);
        v.flags = 0;
        raw_frame(s, &v, copy, len);
        return;
    }
    if (csum && !s->has_vnet && chimdev_soft_csum_ok(data, len)) {
        v.flags = CHIM_VNET_F_DATA_VALID;
    } else if (!csum) {
        v.flags = 0;
    }
    raw_frame(s, &v, data, len);
}

static void rx_frame(ChimdevState *s, const ChimdevVnet *vnet,
                     const uint8_t *data, uint32_t len)
{
    bool ours;

    if (!chimdev_filter_accepts(s, data, &ours)) {
        chimdev_rx_count_lost(s, &s->stats.nic.rx_filtered, len);
        return;
    }
    /* 14 bytes of Ethernet, and room for two VLAN tags */
    if (!vnet->gso_type && len > s->mtu + 22 && len > 60) {
        chimdev_rx_count_lost(s, &s->stats.nic.rx_too_long, len);
        return;
    }
    if (ours && chimdev_target_input(s, vnet, data, len)) {
        s->stats.nic.rx_offloaded_frames++;
        s->stats.cases.target_rx_octets += len;
        return;
    }
    raw_path(s, vnet, data, len);
}

static void take_frame(ChimdevState *s, const uint8_t *data, uint32_t len)
{
    ChimdevVnet vnet;

    if (!split_vnet(s, &data, &len, &vnet) || len < 14) {
        return;
    }
    if (s->capture) {
        struct iovec iov = { (void *)data, len };

        chimdev_capture_frame(s->capture, CHIMDEV_RECEIVED, &iov, 1);
    }
    rx_frame(s, &vnet, data, len);
}

/* This call comes from inside the device's own sending: only queue. */
static bool defer_frame(ChimdevState *s, const struct iovec *iov, int cnt,
                        size_t size)
{
    ChimdevRxWait *w;

    if (s->ndeferred >= DEFERRED_FRAMES ||
        s->deferred_bytes + size > DEFERRED_BYTES) {
        return false;
    }
    w = g_malloc(sizeof(*w) + size);
    w->len = size;
    iov_to_buf(iov, cnt, 0, w->data, size);
    QSIMPLEQ_INSERT_TAIL(&s->deferred, w, next);
    s->ndeferred++;
    s->deferred_bytes += size;
    s->again = true;
    return true;
}

void chimdev_nic_take_deferred(ChimdevState *s)
{
    ChimdevRxWait *w;

    while ((w = QSIMPLEQ_FIRST(&s->deferred))) {
        QSIMPLEQ_REMOVE_HEAD(&s->deferred, next);
        s->ndeferred--;
        s->deferred_bytes -= w->len;
        take_frame(s, w->data, w->len);
        g_free(w);
    }
}

/*
 * Frames for the target must not wait behind others. So while connections are
 * offloaded, nothing is held up; raw frames are dropped instead.
 */
static bool rx_held_up(ChimdevState *s)
{
    if (s->count[CHIMDEV_LAYER_TCP]) {
        return false;
    }
    for (unsigned i = 0; i < s->npairs; i++) {
        if (chimdev_rx_full(&s->pair[i])) {
            return true;
        }
    }
    return false;
}

/*
 * A tap keeps what we cannot take yet, in the kernel's queue in the end. That
 * beats dropping it, as long as no connection is offloaded.
 */
static bool rx_must_wait(ChimdevState *s, const struct iovec *iov, int cnt)
{
    return s->has_vnet && !s->count[CHIMDEV_LAYER_TCP] && cnt == 1 &&
           iov->iov_len >= CHIMDEV_VNET_LEN + 14 &&
           !chimdev_rx_possible(s, (uint8_t *)iov->iov_base + CHIMDEV_VNET_LEN,
                                iov->iov_len - CHIMDEV_VNET_LEN);
}

static ssize_t nic_receive_iov(NetClientState *nc, const struct iovec *iov,
                               int cnt)
{
    ChimdevState *s = qemu_get_nic_opaque(nc);
    size_t size = iov_size(iov, cnt);

    if (!chimdev_may_dma(s) || !chimdev_filter_receives(s)) {
        return size;
    }
    if (size > CHIMDEV_MAX_FRAME + CHIMDEV_VNET_LEN) {
        s->stats.nic.rx_too_long++;
        return size;
    }
    if (!chimdev_enter(s)) {
        if (!defer_frame(s, iov, cnt, size)) {
            s->rx_refused = true;
            return 0;
        }
        return size;
    }
    if (rx_held_up(s) || rx_must_wait(s, iov, cnt)) {
        s->rx_refused = true;
        chimdev_leave(s);
        return 0;
    }
    if (cnt == 1) {
        take_frame(s, iov->iov_base, size);
    } else {
        g_autofree uint8_t *buf = g_malloc(size);

        iov_to_buf(iov, cnt, 0, buf, size);
        take_frame(s, buf, size);
    }
    chimdev_leave(s);
    chimdev_kick(s);
    return size;
}

static ssize_t nic_receive(NetClientState *nc, const uint8_t *buf, size_t size)
{
    struct iovec iov = { (void *)buf, size };

    return nic_receive_iov(nc, &iov, 1);
}

/*
 * If a backend was told to keep its frames, let it try again once there is
 * room.
 */
void chimdev_nic_resume_rx(ChimdevState *s)
{
    if (!s->rx_refused || rx_held_up(s)) {
        return;
    }
    s->rx_refused = false;
    for (unsigned q = 0; q < s->nqueues; q++) {
        qemu_flush_queued_packets(qemu_get_subqueue(s->nic, q));
    }
}

/* ---------------------------------------- life */

static void nic_link_changed(NetClientState *nc)
{
    ChimdevState *s = qemu_get_nic_opaque(nc);

    trace_chimdev_link(chimdev_link_up(s));
    if (chimdev_alive(s)) {
        /* the next run tells the driver; there is none if stopped (LIFE-D3) */
        s->link_event = true;
        chimdev_kick(s);
    }
}

static NetClientInfo nic_info = {
    .type = NET_CLIENT_DRIVER_NIC,
    .size = sizeof(NICState),
    .receive = nic_receive,
    .receive_iov = nic_receive_iov,
    .link_status_changed = nic_link_changed,
};

void chimdev_nic_set_offloads(ChimdevState *s)
{
    bool csum = chimdev_has_feature(s, CHIM_F_GUEST_CSUM);
    bool lro = csum && chimdev_has_feature(s, CHIM_F_LRO);

    if (!s->has_vnet) {
        return;
    }
    for (unsigned q = 0; q < s->nqueues; q++) {
        chimdev_set_offload(qemu_get_subqueue(s->nic, q)->peer, csum, lro);
    }
}

void chimdev_nic_init(ChimdevState *s)
{
    DeviceState *dev = DEVICE(s);

    s->nqueues = MAX(1, s->conf.peers.queues);
    QSIMPLEQ_INIT(&s->deferred);
    qemu_macaddr_default_if_unset(&s->conf.macaddr);
    s->nic = qemu_new_nic(&nic_info, &s->conf, object_get_typename(OBJECT(s)),
                          dev->id, &dev->mem_reentrancy_guard, s);
    qemu_format_nic_info_str(qemu_get_queue(s->nic), s->conf.macaddr.a);
    s->has_vnet = true;
    for (unsigned q = 0; q < s->nqueues; q++) {
        NetClientState *peer = qemu_get_subqueue(s->nic, q)->peer;

        s->has_vnet = s->has_vnet && peer && qemu_has_vnet_hdr(peer) &&
                      qemu_has_vnet_hdr_len(peer, CHIMDEV_VNET_LEN);
    }
    for (unsigned q = 0; s->has_vnet && q < s->nqueues; q++) {
        qemu_set_vnet_hdr_len(qemu_get_subqueue(s->nic, q)->peer,
                              CHIMDEV_VNET_LEN);
    }
}

/*
 * Frames that a backend keeps for us count as still on the wire: leave them.
 * It may have taken part of one already, and will say when it takes more.
 */
void chimdev_nic_reset(ChimdevState *s)
{
    ChimdevRxWait *w;

    while ((w = QSIMPLEQ_FIRST(&s->deferred))) {
        QSIMPLEQ_REMOVE_HEAD(&s->deferred, next);
        g_free(w);
    }
    s->ndeferred = 0;
    s->deferred_bytes = 0;
    chimdev_nic_set_offloads(s);
}

void chimdev_nic_fini(ChimdevState *s)
{
    chimdev_nic_reset(s);
    for (unsigned q = 0; q < s->nqueues; q++) {
        NetClientState *nc = qemu_get_subqueue(s->nic, q);

        if (nc->peer) {
            qemu_purge_queued_packets(nc);      /* they name us */
        }
    }
    qemu_del_nic(s->nic);
}
