/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * req.h - guest requests that the engine holds.
 */
#ifndef CHIMDEV_REQ_H
#define CHIMDEV_REQ_H

#include "core/chimdev.h"
#include "rings/payload.h"
#include "toe.h"

struct ChimdevReq {
    struct toe_req req;                 /* first: the engine hands this back */
    QLIST_ENTRY(ChimdevReq) next;
    ChimdevAt at;
    unsigned nsge;
    unsigned hint;                      /* element used last ... */
    uint32_t hint_off;                  /* ... and where it begins */
    struct chim_sge sge[];
};

/*
 * A request with room for nsge elements, added to the device's list. NULL: no
 * memory.
 */
ChimdevReq *chimdev_req_new(ChimdevState *s, const ChimdevAt *at,
                            unsigned nsge);
void chimdev_req_free(ChimdevState *s, ChimdevReq *r);
void chimdev_req_free_all(ChimdevState *s);

bool chimdev_req_gather(ChimdevState *s, ChimdevGather *g, ChimdevReq *r,
                        uint32_t off, uint32_t len);
bool chimdev_req_write(ChimdevState *s, ChimdevReq *r, uint32_t off,
                       const uint8_t *src, uint32_t len);

/* What the completion says; if the engine has refused it, say why. */
uint32_t chimdev_req_status(ChimdevState *s, const struct toe_req *req);

#endif /* CHIMDEV_REQ_H */
