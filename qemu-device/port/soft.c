/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * soft.c - checksums and segmentation in software, for backends that do not
 * speak virtio_net_hdr and for drivers that did not ask for large frames.
 *
 * It works on whole frames in our own memory and trusts nothing in them.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qemu/bswap.h"
#include "net/eth.h"
#include "core/chimdev.h"
#include "port/soft.h"
#include "port/vnet.h"

typedef struct SoftFrame {
    bool ipv6;
    uint32_t l3, l4;            /* offsets */
    uint32_t end;               /* of the IP datagram */
    uint8_t proto;
} SoftFrame;

/*
 * The Internet checksum comes out right in either byte order, as long as words
 * are read and the result is stored in the same one.
 */
static uint64_t sum_bytes(const uint8_t *p, size_t len, uint64_t sum)
{
    while (len >= 4) {
        sum += (uint32_t)ldl_he_p(p);
        p += 4;
        len -= 4;
    }
    if (len >= 2) {
        sum += lduw_he_p(p);
        p += 2;
        len -= 2;
    }
    if (len) {
        uint8_t last[2] = { *p, 0 };

        sum += lduw_he_p(last);
    }
    return sum;
}

static uint16_t fold(uint64_t sum)
{
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

static uint64_t sum_u16(uint16_t v)
{
    return cpu_to_be16(v);
}

/* Find IP and, without fragmentation or extension headers, TCP or UDP. */
static bool parse(const uint8_t *frame, uint32_t len, SoftFrame *f)
{
    uint32_t off = 12;
    uint16_t type;

    for (unsigned tags = 0; ; tags++) {
        if (off + 2 > len) {
            return false;
        }
        type = lduw_be_p(frame + off);
        off += 2;
        if ((type != ETH_P_VLAN && type != ETH_P_DVLAN) || tags == 2) {
            break;
        }
        off += 2;
    }
    f->l3 = off;
    if (type == ETH_P_IP && off + 20 <= len && frame[off] >> 4 == 4) {
        uint32_t ihl = (frame[off] & 15) * 4;

        f->ipv6 = false;
        f->proto = frame[off + 9];
        f->l4 = off + ihl;
        f->end = off + lduw_be_p(frame + off + 2);
        return ihl >= 20 && !(lduw_be_p(frame + off + 6) & 0x3fff) &&
               f->end <= len && f->l4 <= f->end;
    }
    if (type == ETH_P_IPV6 && off + 40 <= len && frame[off] >> 4 == 6) {
        f->ipv6 = true;
        f->proto = frame[off + 6];
        f->l4 = off + 40;
        f->end = f->l4 + lduw_be_p(frame + off + 4);
        return f->end <= len;
    }
    return false;
}

static uint64_t pseudo_sum(const uint8_t *frame, const SoftFrame *f,
                           uint32_t l4_len)
{
    uint64_t sum = sum_u16(f->proto) + sum_u16(l4_len);

    return f->ipv6 ? sum_bytes(frame + f->l3 + 8, 32, sum)
                   : sum_bytes(frame + f->l3 + 12, 8, sum);
}

/* Whether the frame is TCP or UDP with a correct checksum. */
bool chimdev_soft_csum_ok(const uint8_t *frame, uint32_t len)
{
    SoftFrame f;
    uint32_t l4_len;

    if (!parse(frame, len, &f)) {
        return false;
    }
    l4_len = f.end - f.l4;
    if (f.proto == IP_PROTO_TCP ? l4_len < 20
                                : f.proto != IP_PROTO_UDP || l4_len < 8) {
        return false;
    }
    if (f.proto == IP_PROTO_UDP && !lduw_he_p(frame + f.l4 + 6)) {
        return false;
    }
    return fold(sum_bytes(frame + f.l4, l4_len,
                          pseudo_sum(frame, &f, l4_len))) == 0xffff;
}

/* Complete a checksum whose field holds the pseudo header's sum. */
bool chimdev_soft_finish_csum(uint8_t *frame, uint32_t len, uint16_t start,
                              uint16_t offset)
{
    uint16_t sum;

    if ((uint32_t)start + offset + 2 > len) {
        return false;
    }
    sum = ~fold(sum_bytes(frame + start, len - start, 0));
    /* UDP's way to write 0; for TCP it is the same number */
    stw_he_p(frame + start + offset, sum ? sum : 0xffff);
    return true;
}

/* Headers of one segment cut out of a large frame. */
static void fix_segment(uint8_t *seg, const SoftFrame *f, uint32_t hdr,
                        uint32_t payload, unsigned nr, uint32_t done, bool last)
{
    uint8_t *ip = seg + f->l3, *tcp = seg + f->l4;
    uint32_t l4_len = hdr - f->l4 + payload;

    if (f->ipv6) {
        stw_be_p(ip + 4, l4_len);
    } else {
        stw_be_p(ip + 2, hdr - f->l3 + payload);
        stw_be_p(ip + 4, lduw_be_p(ip + 4) + nr);
        stw_he_p(ip + 10, 0);
        stw_he_p(ip + 10, ~fold(sum_bytes(ip, f->l4 - f->l3, 0)));
    }
    stl_be_p(tcp + 4, ldl_be_p(tcp + 4) + done);
    if (nr) {
        tcp[13] &= ~0x80;       /* CWR on the first only */
    }
    if (!last) {
        tcp[13] &= ~0x09;       /* PSH and FIN on the last only */
    }
    stw_he_p(tcp + 16, 0);
    stw_he_p(tcp + 16, ~fold(sum_bytes(tcp, l4_len,
                                       pseudo_sum(seg, f, l4_len))));
}

bool chimdev_soft_segment(const ChimdevVnet *vnet, const uint8_t *frame,
                          uint32_t len, ChimdevSoftEmit *emit, void *opaque)
{
    uint32_t hdr, done = 0, total;
    g_autofree uint8_t *seg = NULL;
    SoftFrame f;

    if (!vnet->gso_size || !parse(frame, len, &f) || f.proto != IP_PROTO_TCP ||
        f.l4 + 20 > f.end) {
        return false;
    }
    hdr = f.l4 + (frame[f.l4 + 12] >> 4) * 4;
    if (hdr < f.l4 + 20 || hdr > f.end) {
        return false;
    }
    total = f.end - hdr;
    seg = g_malloc(hdr + vnet->gso_size);
    for (unsigned nr = 0; nr == 0 || done < total; nr++) {
        uint32_t n = MIN(vnet->gso_size, total - done);

        memcpy(seg, frame, hdr);
        memcpy(seg + hdr, frame + hdr + done, n);
        fix_segment(seg, &f, hdr, n, nr, done, done + n == total);
        emit(opaque, seg, hdr + n);
        done += n;
    }
    return true;
}
