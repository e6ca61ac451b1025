/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * req.c - guest requests that the engine holds, and the guest memory that they
 * name: read again for each transmission, written once.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "core/chimdev.h"
#include "core/memory.h"
#include "core/refusal.h"
#include "objects/req.h"
#include "objects/translate.h"
#include "rings/payload.h"

static size_t req_size(unsigned nsge)
{
    return sizeof(ChimdevReq) + nsge * sizeof(struct chim_sge);
}

ChimdevReq *chimdev_req_new(ChimdevState *s, const ChimdevAt *at,
                            unsigned nsge)
{
    ChimdevReq *r = chimdev_memory_get(s, CHIMDEV_MEM_REQUESTS,
                                       req_size(nsge));

    if (r) {
        r->at = *at;
        r->nsge = nsge;
        QLIST_INSERT_HEAD(&s->reqs, r, next);
    }
    return r;
}

void chimdev_req_free(ChimdevState *s, ChimdevReq *r)
{
    QLIST_REMOVE(r, next);
    chimdev_memory_put(s, CHIMDEV_MEM_REQUESTS, r, req_size(r->nsge));
}

void chimdev_req_free_all(ChimdevState *s)
{
    ChimdevReq *r;

    while ((r = QLIST_FIRST(&s->reqs))) {
        chimdev_req_free(s, r);
    }
}

/*
 * Find the element that holds byte off of a request. Start at the one used
 * last unless that lies behind off.
 */
static struct chim_sge *req_seek(ChimdevReq *r, uint32_t off, uint32_t *inside)
{
    if (off < r->hint_off) {
        r->hint = 0;
        r->hint_off = 0;
    }
    while (r->hint < r->nsge && off - r->hint_off >= r->sge[r->hint].len) {
        r->hint_off += r->sge[r->hint].len;
        r->hint++;
    }
    if (r->hint == r->nsge) {
        r->hint = 0;
        r->hint_off = 0;
        return NULL;
    }
    *inside = off - r->hint_off;
    return &r->sge[r->hint];
}

bool chimdev_req_gather(ChimdevState *s, ChimdevGather *g, ChimdevReq *r,
                        uint32_t off, uint32_t len)
{
    while (len) {
        uint32_t inside, n;
        struct chim_sge *e = req_seek(r, off, &inside);

        if (!e) {
            return false;
        }
        n = MIN(len, e->len - inside);
        if (!chimdev_gather_guest(s, g, &r->at, e->addr + inside, n)) {
            return false;
        }
        off += n;
        len -= n;
    }
    return true;
}

bool chimdev_req_write(ChimdevState *s, ChimdevReq *r, uint32_t off,
                       const uint8_t *src, uint32_t len)
{
    while (len) {
        uint32_t inside, n;
        struct chim_sge *e = req_seek(r, off, &inside);

        if (!e) {
            return false;
        }
        n = MIN(len, e->len - inside);
        if (!chimdev_dma_write(s, &r->at, e->addr + inside, src, n)) {
            return false;
        }
        off += n;
        src += n;
        len -= n;
    }
    return true;
}

static uint32_t refused(ChimdevState *s, const ChimdevReq *r,
                        enum chimdev_why why, const char *allowed)
{
    return chimdev_refuse(s, why, &(ChimdevRefused) {
        .at = &r->at, CHIMDEV_IN(chim_sqe, u.io.len), .found = r->req.len,
        .allowed = allowed, .status = chimdev_translate_status(r->req.status),
    });
}

uint32_t chimdev_req_status(ChimdevState *s, const struct toe_req *req)
{
    const ChimdevReq *r = container_of(req, ChimdevReq, req);

    switch (req->status) {
    case TOE_OK:
        return CHIM_ST_SUCCESS;
    case TOE_BAD_STATE:
        return refused(s, r, CHIMDEV_WHY_OP_D21_STATE,
                       "no SEND and no DISCONNECT after a DISCONNECT");
    case TOE_TOO_MANY:
        return refused(s, r, CHIMDEV_WHY_OP_D19_OUTSTANDING,
                       "no more than MAX_SENDS and MAX_RECVS at a time");
    default:
        return chimdev_translate_status(req->status);
    }
}
