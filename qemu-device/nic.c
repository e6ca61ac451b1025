/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nic.c - the port to QEMU's net layer: backends, their abilities, sending
 * with back-pressure, and the way a received frame takes into the device.
 *
 * A backend may answer inside the call that sends (slirp does): frames that
 * come while the device runs are only queued, within a bound. A backend that
 * takes no more stops the pairs that use its queue until it calls back.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qemu/iov.h"
#include "standard-headers/linux/virtio_net.h"
#include "chimdev.h"
#include "target.h"
#include "trace.h"

enum {
    DEFERRED_FRAMES = 4096,
    DEFERRED_BYTES = 16 * MiB,
};

static unsigned queue_of(const ChimdevState *s, unsigned pair)
{
    return pair % s->nqueues;
}

bool chimdev_nic_busy(const ChimdevState *s, unsigned pair)
{
    return s->backend_busy[queue_of(s, pair)];
}

/* Whether the backend has taken nothing since that time or longer. */
bool chimdev_nic_stalled(const ChimdevState *s, unsigned pair, int64_t before)
{
    unsigned q = queue_of(s, pair);

    return s->backend_busy[q] && s->busy_since[q] <= before;
}

/* Since when the longest busy backend has taken nothing, or INT64_MAX. */
int64_t chimdev_nic_first_stall(const ChimdevState *s)
{
    int64_t first = INT64_MAX;

    for (unsigned q = 0; q < s->nqueues; q++) {
        if (s->backend_busy[q]) {
            first = MIN(first, s->busy_since[q]);
        }
    }
    return first;
}

/* ---------------------------------------- sending */

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
        chimdev_target_writable(s, i);
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

/* The backend takes plain frames only: do what the header asks for here. */
static void send_soft(ChimdevState *s, unsigned q, const ChimdevVnet *vnet)
{
    ChimdevGather *g = &s->gather;
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
ChimdevGather *chimdev_nic_begin(ChimdevState *s, const ChimdevVnet *vnet)
{
    ChimdevGather *g = &s->gather;
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

void chimdev_nic_send(ChimdevState *s, unsigned pair, enum chimdev_origin from,
                      const ChimdevVnet *vnet)
{
    ChimdevGather *g = &s->gather;
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
    chimdev_rx_frame(s, &vnet, data, len);
}

/* The device runs, this call comes from inside its own sending: only queue. */
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
 * Frames of the target must not wait behind others: then nothing is held up,
 * but dropped.
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
 * A tap keeps what we cannot take yet, and then the kernel's queue does. That
 * is better than to lose it, as long as the host alone has connections.
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

    if (!chimdev_may_dma(s) || !(s->filter.flags & CHIM_RX_ENABLE)) {
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
 * A backend was told to keep its frames; let it try again if there is room
 * now.
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
        /* the next run tells the driver; a stopped VM has none (LIFE-D3) */
        s->link_event = true;
        chimdev_kick(s);
    }
}

bool chimdev_link_up(ChimdevState *s)
{
    return !qemu_get_queue(s->nic)->link_down;
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
        qemu_set_offload(qemu_get_subqueue(s->nic, q)->peer, csum, lro, lro,
                         lro, 0, 0, 0);
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
 * Frames that a backend keeps for us are on their way, as on a wire: it may
 * have taken a part of one already, and it says when it takes more.
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
