/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rx.c - places frames that the target does not want in the receive rings,
 * with the CUTOVER markers between them.
 *
 * A frame for which the driver has no buffers is dropped (RING-D12). A frame
 * for which the completion ring has no room waits, in order and within a
 * bound, and holds up neither another pair nor the target (RING-D7).
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "core/chimdev.h"
#include "core/faults.h"
#include "objects/handle.h"
#include "port/rss.h"
#include "port/rx.h"
#include "port/vnet.h"
#include "rings/payload.h"
#include "rings/ring.h"

enum {
    RX_WAIT_BYTES = 1 * MiB,
    RX_WAIT_COST = 256,         /* what a small frame counts for */
    RX_WAIT_MARKERS = 1024,     /* more than those of one list */
};

/* Count a lost received frame; n is the counter that says why. */
void chimdev_rx_count_lost(ChimdevState *s, __le64 *n, uint32_t len)
{
    (*n)++;
    s->stats.cases.rx_dropped_octets += len;
}

typedef enum RxPlaced { RX_PLACED, RX_NO_ROOM, RX_NO_BUFFER } RxPlaced;

static void fill_first(struct chim_rxe *e, const ChimdevVnet *v, uint32_t hash,
                       uint32_t hash_flags, unsigned nbuf)
{
    e->ctl = cpu_to_le32(CHIM_RX_FRAME | hash_flags << CHIM_CTL_FLAGS_SHIFT);
    e->u.frame.vnet.flags = v->flags;
    e->u.frame.vnet.gso_type = v->gso_type;
    e->u.frame.vnet.hdr_len = cpu_to_le16(v->hdr_len);
    e->u.frame.vnet.gso_size = cpu_to_le16(v->gso_size);
    e->u.frame.vnet.csum_start = cpu_to_le16(v->csum_start);
    e->u.frame.vnet.csum_offset = cpu_to_le16(v->csum_offset);
    e->u.frame.vnet.num_buffers = cpu_to_le16(nbuf);
    e->u.frame.hash = cpu_to_le32(hash);
}

/* The first entry is published last (RING-D11). */
static void write_frame(ChimdevPair *p, const ChimdevRxWait *w,
                        const uint8_t *data, unsigned nbuf)
{
    ChimdevRing *rxb = p->ring[CHIM_RING_RXB], *rxc = p->ring[CHIM_RING_RXC];
    struct chim_rxe first = { 0 };
    uint32_t off = 0;

    fill_first(&first, &w->vnet, w->hash, w->hash_flags, nbuf);
    for (unsigned i = 0; i < nbuf; i++) {
        ChimdevBuf b = chimdev_ring_take(rxb);
        uint32_t n = MIN(b.len, w->len - off);
        ChimdevAt at = { chimdev_ring_id(rxb), b.index, CHIM_RULE_RING_H7 };
        struct chim_rxe more = { .ctl = cpu_to_le32(CHIM_RX_MORE) };
        struct chim_rxe *e = i ? &more : &first;

        chimdev_dma_write(p->s, &at, b.addr, data + off, n);
        e->len = cpu_to_le32(n);
        e->buf = cpu_to_le32(b.index);
        off += n;
        if (i) {
            chimdev_ring_post(rxc, i, &more);
        }
    }
    chimdev_ring_post(rxc, 0, &first);
    chimdev_ring_advance(rxc, nbuf);
    p->s->stats.nic.rx_frames++;
    p->s->stats.nic.rx_bytes += w->len;
}

static RxPlaced place(ChimdevPair *p, const ChimdevRxWait *w,
                      const uint8_t *data)
{
    ChimdevRing *rxb = p->ring[CHIM_RING_RXB], *rxc = p->ring[CHIM_RING_RXC];
    unsigned nbuf = 1;

    if (w->len) {
        if (chimdev_ring_look(rxb, w->len, &nbuf) < w->len ||
            nbuf > chimdev_ring_size(rxc)) {
            return RX_NO_BUFFER;
        }
    }
    while (chimdev_ring_room(rxc, nbuf) < nbuf) {
        if (chimdev_ring_wait_room(rxc)) {
            return RX_NO_ROOM;
        }
    }
    if (w->len) {
        write_frame(p, w, data, nbuf);
    } else if (!chimdev_fault_withholds(p->s, CHIMDEV_FAULT_RX |
                                        CHIM_RX_CUTOVER)) {
        struct chim_rxe e = { .ctl = cpu_to_le32(CHIM_RX_CUTOVER) };

        e.u.cookie = cpu_to_le64(w->cookie);
        chimdev_ring_post(rxc, 0, &e);
        chimdev_ring_advance(rxc, 1);
    }
    return RX_PLACED;
}

/*
 * Whether the driver has buffers for a frame that a backend still holds. If
 * not, its next buffers ring the doorbell.
 */
bool chimdev_rx_possible(ChimdevState *s, const uint8_t *data, uint32_t len)
{
    uint32_t flags;
    ChimdevPair *p;
    ChimdevRing *rxb;

    p = chimdev_rss_steer(s, chimdev_rss_hash(s, data, len, &flags));
    rxb = p->ring[CHIM_RING_RXB];
    while (rxb && chimdev_ring_look(rxb, len, NULL) < len &&
           !chimdev_ring_look_full(rxb)) {
        if (chimdev_ring_sleep(rxb)) {
            return false;
        }
    }
    return true;
}

bool chimdev_rx_full(const ChimdevPair *p)
{
    return p->rx_wait_bytes >= RX_WAIT_BYTES;
}

/* Whether one more CUTOVER may wait. Ask before offloading a connection. */
bool chimdev_rx_cutover_room(const ChimdevPair *p)
{
    return p->rx_wait_markers < RX_WAIT_MARKERS;
}

static void hold(ChimdevPair *p, const ChimdevRxWait *w, const uint8_t *data)
{
    ChimdevRxWait *copy;

    if (w->len && chimdev_rx_full(p)) {
        chimdev_rx_count_lost(p->s, &p->s->stats.nic.rx_no_buffer, w->len);
        return;
    }
    copy = g_malloc(sizeof(*w) + w->len);
    *copy = *w;
    if (w->len) {
        memcpy(copy->data, data, w->len);
    }
    p->rx_wait_bytes += w->len + RX_WAIT_COST;
    p->rx_wait_markers += !w->len;
    QSIMPLEQ_INSERT_TAIL(&p->rx_wait, copy, next);
}

void chimdev_rx_deliver(ChimdevPair *p, const ChimdevRxWait *w,
                        const uint8_t *data)
{
    if (!p->ring[CHIM_RING_RXC] || !p->ring[CHIM_RING_RXB]) {
        if (w->len) {
            chimdev_rx_count_lost(p->s, &p->s->stats.nic.rx_no_buffer, w->len);
        }
        return;
    }
    if (QSIMPLEQ_EMPTY(&p->rx_wait)) {
        switch (place(p, w, data)) {
        case RX_PLACED:
            return;
        case RX_NO_BUFFER:
            chimdev_rx_count_lost(p->s, &p->s->stats.nic.rx_no_buffer, w->len);
            return;
        case RX_NO_ROOM:
            break;
        }
    }
    hold(p, w, data);
}

void chimdev_rx_drain(ChimdevPair *p)
{
    ChimdevRxWait *w;

    while ((w = QSIMPLEQ_FIRST(&p->rx_wait))) {
        RxPlaced r = place(p, w, w->data);

        if (r == RX_NO_ROOM) {
            return;
        }
        if (r == RX_NO_BUFFER) {
            chimdev_rx_count_lost(p->s, &p->s->stats.nic.rx_no_buffer, w->len);
        }
        QSIMPLEQ_REMOVE_HEAD(&p->rx_wait, next);
        p->rx_wait_bytes -= w->len + RX_WAIT_COST;
        p->rx_wait_markers -= !w->len;
        g_free(w);
    }
}

void chimdev_rx_reset(ChimdevPair *p)
{
    ChimdevRxWait *w;

    while ((w = QSIMPLEQ_FIRST(&p->rx_wait))) {
        QSIMPLEQ_REMOVE_HEAD(&p->rx_wait, next);
        g_free(w);
    }
    p->rx_wait_bytes = 0;
    p->rx_wait_markers = 0;
}

void chimdev_rx_cutover(ChimdevState *s, uint32_t hash, uint64_t cookie)
{
    ChimdevRxWait w = { .cookie = cookie };

    chimdev_rx_deliver(chimdev_rss_steer(s, hash), &w, NULL);
}
