/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * translate.c - between the engine's terms and the ABI's: statuses, flags,
 * parameters. state_in.c and state_out.c translate states.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "core/chimdev.h"
#include "objects/translate.h"
#include "toe.h"

uint32_t chimdev_translate_status(enum toe_status st)
{
    switch (st) {
    case TOE_OK:
        return CHIM_ST_SUCCESS;
    case TOE_NO_MEMORY:
        return CHIM_ST_RESOURCES;
    case TOE_TOO_MANY:
        return CHIM_ST_LIMIT;
    case TOE_DUPLICATE:
        return CHIM_ST_DUPLICATE;
    case TOE_BAD_STATE:
        return CHIM_ST_INVALID_STATE;
    case TOE_BAD_SEQUENCE:
        return CHIM_ST_INVALID_SEQUENCE;
    case TOE_BAD_FIELD:
        return CHIM_ST_INVALID_FIELD;
    case TOE_BAD_MTU:
        return CHIM_ST_PATH_MTU;
    case TOE_BAD_WINDOW:
        return CHIM_ST_TCP_RCV_WINDOW;
    case TOE_IN_USE:
        return CHIM_ST_IN_USE;
    case TOE_UPLOADING:
        return CHIM_ST_UPLOAD_IN_PROGRESS;
    case TOE_ABORTED:
        return CHIM_ST_REQUEST_ABORTED;
    }
    return CHIM_ST_FAILURE;
}

uint32_t chimdev_translate_initiate(enum toe_status st,
                                    enum chimdev_layer layer)
{
    if (st == TOE_TOO_MANY) {
        switch (layer) {
        case CHIMDEV_LAYER_NEIGHBOR:
            return CHIM_ST_NEIGHBOR_ENTRIES;
        case CHIMDEV_LAYER_PATH:
            return CHIM_ST_PATH_ENTRIES;
        default:
            return CHIM_ST_TCP_ENTRIES;
        }
    }
    return chimdev_translate_status(st);
}

uint32_t chimdev_translate_req_flags(enum toe_req_kind kind, uint32_t flags)
{
    switch (kind) {
    case TOE_REQ_SEND:
        return (flags & CHIM_SEND_MORE ? TOE_SEND_MORE : 0) |
               (flags & CHIM_SEND_PUSH ? TOE_SEND_PUSH : 0);
    case TOE_REQ_RECV:
        return flags & CHIM_RECV_NONPUSH ? TOE_RECV_NONPUSH : 0;
    default:
        return (flags & CHIM_DISCONNECT_GRACEFUL ? TOE_DISC_GRACEFUL : 0) |
               (flags & CHIM_DISCONNECT_ABORTIVE ? TOE_DISC_ABORTIVE : 0);
    }
}

uint32_t chimdev_translate_params(const struct chim_params *p,
                                  struct toe_params *t)
{
    t->ticks_per_second = le32_to_cpu(p->ticks_per_second);
    t->ack_frequency = p->ack_frequency;
    t->delayed_ack_ticks = p->delayed_ack_ticks;
    t->max_retransmissions = p->max_retransmissions;
    t->doubt_retransmissions = p->doubt_retransmissions;
    t->sws_prevention_ticks = le32_to_cpu(p->sws_prevention_ticks);
    t->dup_ack_threshold = le32_to_cpu(p->dup_ack_threshold);
    t->push_ticks = le32_to_cpu(p->push_ticks);
    t->nce_stale_ticks = le32_to_cpu(p->nce_stale_ticks);
    return p->congestion_algorithm || p->rsvd ? CHIM_ST_INVALID_FIELD
                                              : CHIM_ST_SUCCESS;
}
