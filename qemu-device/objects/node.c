/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * node.c - whether a node of a block list may be there: its role, its type, and
 * that its state, its send chain and its scatter lists lie inside the list
 * (OBJ-D1). What the state says is not looked at here.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qemu/bswap.h"
#include "core/chimdev.h"
#include "core/refusal.h"
#include "objects/node.h"
#include "objects/shape.h"

bool chimdev_node_wrong(ChimdevList *l, const ChimdevNode *n,
                        enum chimdev_why why, ChimdevRefused what)
{
    if (!l->why) {
        what.node = n ? n->index + 1 : 0;
        l->why = why;
        l->what = what;
    }
    return false;
}

static bool role_ok(ChimdevList *l, const ChimdevNode *n, unsigned opcode)
{
    bool handle = n->role != CHIM_ROLE_NEW;
    const ChimdevNode *parent = n->parent == CHIM_NODE_NONE ?
                                NULL : &l->node[n->parent];

    bool ok;

    switch (n->role) {
    case CHIM_ROLE_PLACEHOLDER:
        return true;
    case CHIM_ROLE_LINKER:
        ok = opcode == CHIM_OP_INITIATE || opcode == CHIM_OP_UPDATE;
        break;
    case CHIM_ROLE_NEW:
        /* something new needs what it depends on */
        ok = opcode == CHIM_OP_INITIATE &&
             (n->layer == CHIMDEV_LAYER_NEIGHBOR ||
              (parent && parent->role != CHIM_ROLE_PLACEHOLDER));
        break;
    default:
        ok = n->role == CHIM_ROLE_OBJECT && opcode != CHIM_OP_INITIATE;
        break;
    }
    if (!ok) {
        return chimdev_node_wrong(l, n, CHIMDEV_WHY_OBJ_D1_ROLE,
                                  (ChimdevRefused) {
            CHIMDEV_NODE(n, role),
            .allowed = "a role of the operation, at its place",
        });
    }
    if (n->role != CHIM_ROLE_OBJECT && handle != !!n->handle) {
        return chimdev_node_wrong(l, n, CHIMDEV_WHY_OBJ_D1_HANDLE,
                                  (ChimdevRefused) {
            CHIMDEV_NODE(n, handle), .allowed = handle ? "a handle" : "0",
        });
    }
    return true;
}

/*
 * How many bytes of state must follow a node, or -1 if the node may not have
 * that type.
 */
static int state_needed(const ChimdevList *l, const ChimdevNode *n,
                        unsigned opcode)
{
    const ChimdevShape *f = chimdev_shape(n->type);
    /* only a path may get another neighbor, without anything else changing */
    bool relink = n->layer == CHIMDEV_LAYER_PATH &&
                  n->parent != CHIM_NODE_NONE &&
                  l->node[n->parent].role == CHIM_ROLE_LINKER;

    if (n->role == CHIM_ROLE_PLACEHOLDER || n->role == CHIM_ROLE_LINKER) {
        return 0;
    }
    switch (opcode) {
    case CHIM_OP_INITIATE:
        return f->k >= 0 && f->c >= 0 ? f->len : -1;
    case CHIM_OP_TERMINATE:
        return f->k < 0 && f->c < 0 ? f->len : -1;
    case CHIM_OP_UPDATE:
        if (relink && !n->state_len) {
            return 0;
        }
        return f->k < 0 && f->d < 0 ? f->len : -1;
    case CHIM_OP_QUERY:
        return f->len;
    default:
        return 0;
    }
}

/*
 * STA-5. Where the device fills in the structure, the header may still be
 * empty.
 */
static bool header_ok(ChimdevList *l, const ChimdevNode *n, uint32_t part,
                      uint32_t len, bool filled)
{
    uint32_t off = n->state_off + part;
    uint32_t given = ldl_le_p(l->buf + off);
    uint32_t options = ldl_le_p(l->buf + off + 4);

    if (given != len && !(filled && !given)) {
        return chimdev_node_wrong(l, n, CHIMDEV_WHY_OBJ_D1_HEADER,
                                  (ChimdevRefused) {
            .field = "chim_state_hdr.length", .offset = off, .found = given,
            CHIMDEV_RANGE(len, len),
        });
    }
    return !options || chimdev_node_wrong(l, n, CHIMDEV_WHY_OBJ_D1_HEADER,
                             (ChimdevRefused) {
        .field = "chim_state_hdr.options", .offset = off + 4,
        .found = options, CHIMDEV_RANGE(0, 0),
    });
}

static bool headers_ok(ChimdevList *l, const ChimdevNode *n, bool filled)
{
    const ChimdevShape *f = chimdev_shape(n->type);
    uint32_t end_k = f->c >= 0 ? f->c : f->len;
    uint32_t end_c = f->d >= 0 ? f->d : f->len;

    return (f->k < 0 || header_ok(l, n, 0, end_k, filled)) &&
           (f->c < 0 || header_ok(l, n, f->c, end_c - f->c, filled)) &&
           (f->d < 0 || header_ok(l, n, f->d, f->len - f->d, filled));
}

/* What lies at off, as the member at place says, is inside the list. */
static bool range_ok(ChimdevList *l, const ChimdevNode *n, const char *field,
                     uint32_t place, uint32_t off, uint64_t len)
{
    uint64_t first = sizeof(struct chim_block_list) +
                     (uint64_t)l->count * sizeof(struct chim_node);

    if (!len || (off >= first && off % 8 == 0 && off + len <= l->len)) {
        return true;
    }
    if (off % 8 == 0 && len <= l->len - first) {
        return chimdev_node_wrong(l, n, CHIMDEV_WHY_OBJ_D1_OFFSET,
                                  (ChimdevRefused) {
            .field = field, .offset = place, .found = off,
            CHIMDEV_RANGE(first, l->len - len),
        });
    }
    return chimdev_node_wrong(l, n, CHIMDEV_WHY_OBJ_D1_OFFSET,
                              (ChimdevRefused) {
        .field = field, .offset = place, .found = off,
        .allowed = "a multiple of 8, with all that is there inside the list",
    });
}

#define RANGE(l, n, at, type, member, off, len) \
    range_ok(l, n, #type "." #member, (at) + offsetof(struct type, member), \
             off, len)

static bool requests_ok(ChimdevList *l, const ChimdevNode *n, uint32_t off,
                        uint32_t count)
{
    for (uint32_t i = 0; i < count; i++, off += sizeof(struct chim_send_ref)) {
        struct chim_send_ref r;

        memcpy(&r, l->buf + off, sizeof(r));
        if (!RANGE(l, n, off, chim_send_ref, sge_off, le32_to_cpu(r.sge_off),
                   (uint64_t)le32_to_cpu(r.sge_count) *
                   sizeof(struct chim_sge))) {
            return false;
        }
    }
    return true;
}

/* Send chain and BufferedData lie inside the list. */
static bool chains_ok(ChimdevList *l, const ChimdevNode *n, unsigned opcode)
{
    const ChimdevShape *f = chimdev_shape(n->type);
    struct chim_tcp_delegated d;
    uint32_t count, off, at;

    if (n->layer != CHIMDEV_LAYER_TCP || f->d < 0 ||
        (opcode != CHIM_OP_INITIATE && opcode != CHIM_OP_TERMINATE)) {
        return true;
    }
    at = n->state_off + f->d;
    memcpy(&d, l->buf + at, sizeof(d));
    count = le32_to_cpu(d.send_count);
    off = le32_to_cpu(d.send_off);
    return RANGE(l, n, at, chim_tcp_delegated, send_off, off,
                 (uint64_t)count * sizeof(struct chim_send_ref)) &&
           RANGE(l, n, at, chim_tcp_delegated, buffered_off,
                 le32_to_cpu(d.buffered_off),
                 (uint64_t)le32_to_cpu(d.buffered_sges) *
                 sizeof(struct chim_sge)) &&
           (opcode != CHIM_OP_INITIATE || requests_ok(l, n, off, count));
}

bool chimdev_node_ok(ChimdevList *l, const ChimdevNode *n, unsigned opcode)
{
    bool filled = opcode == CHIM_OP_TERMINATE || opcode == CHIM_OP_QUERY;
    int need;

    if (!role_ok(l, n, opcode)) {
        return false;
    }
    need = state_needed(l, n, opcode);
    if (need < 0) {
        return chimdev_node_wrong(l, n, CHIMDEV_WHY_OBJ_D1_TYPE,
                                  (ChimdevRefused) {
            CHIMDEV_NODE(n, type), .allowed = "a type of the operation",
        });
    }
    if (n->state_len != need) {
        return chimdev_node_wrong(l, n, CHIMDEV_WHY_OBJ_D1_LENGTH,
                                  (ChimdevRefused) {
            CHIMDEV_NODE(n, state_len), CHIMDEV_RANGE(need, need),
        });
    }
    return RANGE(l, n, chimdev_list_node_off(n, 0), chim_node, state_off,
                 n->state_off, need) &&
           (!need || (headers_ok(l, n, filled) && chains_ok(l, n, opcode)));
}
