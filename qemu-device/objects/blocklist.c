/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blocklist.c - block lists: copied once, then checked for bounds, links,
 * layers, cycles, roles and types before anything acts on them (SEC-4,
 * OBJ-D1).
 *
 * What the states mean is state_in.c's; that they lie inside the list is
 * checked here.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qemu/bswap.h"
#include "core/chimdev.h"
#include "core/memory.h"
#include "objects/blocklist.h"
#include "rings/payload.h"
#include "trace.h"

#define NB_CONST sizeof(struct chim_neighbor_const)
#define NB_CACHED sizeof(struct chim_neighbor_cached)
#define NB_DELEG sizeof(struct chim_neighbor_delegated)
#define PA_CONST sizeof(struct chim_path_const)
#define PA_CACHED sizeof(struct chim_path_cached)
#define PA_DELEG sizeof(struct chim_path_delegated)
#define TC_CONST sizeof(struct chim_tcp_const)
#define TC_CACHED sizeof(struct chim_tcp_cached)
#define TC_DELEG sizeof(struct chim_tcp_delegated)

static const ChimdevShape shapes[] = {
    [CHIM_NEIGHBOR_CONST] = {
        CHIMDEV_LAYER_NEIGHBOR, false, 0, -1, -1, NB_CONST
    },
    [CHIM_NEIGHBOR_CACHED] = {
        CHIMDEV_LAYER_NEIGHBOR, false, -1, 0, -1, NB_CACHED
    },
    [CHIM_NEIGHBOR_DELEGATED] = {
        CHIMDEV_LAYER_NEIGHBOR, false, -1, -1, 0, NB_DELEG
    },
    [CHIM_NEIGHBOR_ALL] = {
        CHIMDEV_LAYER_NEIGHBOR, false, 0, NB_CONST, NB_CONST + NB_CACHED,
        NB_CONST + NB_CACHED + NB_DELEG
    },
    [CHIM_PATH4_CONST] = { CHIMDEV_LAYER_PATH, false, 0, -1, -1, PA_CONST },
    [CHIM_PATH4_CACHED] = { CHIMDEV_LAYER_PATH, false, -1, 0, -1, PA_CACHED },
    [CHIM_PATH4_DELEGATED] = {
        CHIMDEV_LAYER_PATH, false, -1, -1, 0, PA_DELEG
    },
    [CHIM_PATH4_ALL] = {
        CHIMDEV_LAYER_PATH, false, 0, PA_CONST, PA_CONST + PA_CACHED,
        PA_CONST + PA_CACHED + PA_DELEG
    },
    [CHIM_PATH6_CONST] = { CHIMDEV_LAYER_PATH, true, 0, -1, -1, PA_CONST },
    [CHIM_PATH6_CACHED] = { CHIMDEV_LAYER_PATH, true, -1, 0, -1, PA_CACHED },
    [CHIM_PATH6_DELEGATED] = {
        CHIMDEV_LAYER_PATH, true, -1, -1, 0, PA_DELEG
    },
    [CHIM_PATH6_ALL] = {
        CHIMDEV_LAYER_PATH, true, 0, PA_CONST, PA_CONST + PA_CACHED,
        PA_CONST + PA_CACHED + PA_DELEG
    },
    [CHIM_TCP_CONST] = { CHIMDEV_LAYER_TCP, false, 0, -1, -1, TC_CONST },
    [CHIM_TCP_CACHED] = { CHIMDEV_LAYER_TCP, false, -1, 0, -1, TC_CACHED },
    [CHIM_TCP_DELEGATED] = {
        CHIMDEV_LAYER_TCP, false, -1, -1, 0, TC_DELEG
    },
    [CHIM_TCP_ALL] = {
        CHIMDEV_LAYER_TCP, false, 0, TC_CONST, TC_CONST + TC_CACHED,
        TC_CONST + TC_CACHED + TC_DELEG
    },
};

const ChimdevShape *chimdev_list_shape(uint8_t type)
{
    return type < ARRAY_SIZE(shapes) && shapes[type].layer ? &shapes[type]
                                                           : NULL;
}

/* ---------------------------------------- reading */

static bool parse_node(ChimdevList *l, uint32_t i)
{
    struct chim_node raw;
    ChimdevNode *n = &l->node[i];
    static const __le32 zero[ARRAY_SIZE(raw.rsvd)];

    memcpy(&raw, l->buf + sizeof(struct chim_block_list) + i * sizeof(raw),
           sizeof(raw));
    n->role = raw.role;
    n->type = raw.type;
    n->pair = le16_to_cpu(raw.pair);
    n->next = le32_to_cpu(raw.next);
    n->dependent = le32_to_cpu(raw.dependent);
    n->handle = le32_to_cpu(raw.handle);
    n->cookie = le64_to_cpu(raw.cookie);
    n->state_off = le32_to_cpu(raw.state_off);
    n->state_len = le32_to_cpu(raw.state_len);
    n->index = i;
    n->parent = CHIM_NODE_NONE;
    return !memcmp(raw.rsvd, zero, sizeof(zero));
}

static bool link_ok(const ChimdevList *l, uint32_t link)
{
    return link == CHIM_NODE_NONE || link < l->count;
}

/*
 * Depth first, dependents before the next (TRE-15). Each node may be reached
 * once; so the walk ends, whatever the links say.
 */
static bool walk(ChimdevList *l)
{
    g_autofree uint32_t *stack = g_new(uint32_t, l->count * 2 + 1);
    unsigned top = 0;

    stack[top++] = l->root;
    while (top) {
        ChimdevNode *n = &l->node[stack[--top]];

        if (n->reached || !link_ok(l, n->next) || !link_ok(l, n->dependent)) {
            return false;
        }
        n->reached = true;
        l->order[l->norder++] = n->index;
        if (n->next != CHIM_NODE_NONE) {
            ChimdevNode *next = &l->node[n->next];

            next->parent = n->parent;
            next->depth = n->depth;
            stack[top++] = n->next;
        }
        if (n->dependent != CHIM_NODE_NONE) {
            ChimdevNode *dep = &l->node[n->dependent];

            if (n->depth == 2) {
                return false;
            }
            dep->parent = n->index;
            dep->depth = n->depth + 1;
            stack[top++] = n->dependent;
        }
    }
    return true;
}

/*
 * A type is significant where state follows; it also tells the layer of a
 * linker if it is given.
 */
static bool typed(const ChimdevNode *n)
{
    return n->role == CHIM_ROLE_NEW || n->role == CHIM_ROLE_OBJECT ||
           (n->role == CHIM_ROLE_LINKER && chimdev_list_shape(n->type));
}

/* The layers follow from the root's, and that from any node with a type. */
static bool find_layers(ChimdevList *l)
{
    int root = 0, deepest = 0;

    for (unsigned i = 0; i < l->norder; i++) {
        ChimdevNode *n = &l->node[l->order[i]];
        const ChimdevShape *shape;

        deepest = MAX(deepest, n->depth);
        if (!typed(n)) {
            continue;
        }
        shape = chimdev_list_shape(n->type);
        if (!shape || shape->layer <= n->depth ||
            (root && root != shape->layer - n->depth)) {
            return false;
        }
        root = shape->layer - n->depth;
    }
    root = root ? root : CHIMDEV_LAYER_NEIGHBOR;
    if (root + deepest > CHIMDEV_LAYER_TCP) {
        return false;
    }
    for (unsigned i = 0; i < l->norder; i++) {
        ChimdevNode *n = &l->node[l->order[i]];

        n->layer = root + n->depth;
    }
    return true;
}

static bool role_ok(const ChimdevList *l, const ChimdevNode *n, unsigned opcode)
{
    const ChimdevNode *parent = n->parent == CHIM_NODE_NONE ?
                                NULL : &l->node[n->parent];

    switch (n->role) {
    case CHIM_ROLE_PLACEHOLDER:
        return true;
    case CHIM_ROLE_LINKER:
        return n->handle &&
               (opcode == CHIM_OP_INITIATE || opcode == CHIM_OP_UPDATE);
    case CHIM_ROLE_NEW:
        /* something new needs what it depends on */
        return opcode == CHIM_OP_INITIATE && !n->handle &&
               (n->layer == CHIMDEV_LAYER_NEIGHBOR ||
                (parent && parent->role != CHIM_ROLE_PLACEHOLDER));
    case CHIM_ROLE_OBJECT:
        return opcode != CHIM_OP_INITIATE;
    default:
        return false;
    }
}

/*
 * How many bytes of state must stand behind a node, or -1 if the type is not
 * allowed there.
 */
static int state_needed(const ChimdevList *l, const ChimdevNode *n,
                        unsigned opcode)
{
    const ChimdevShape *f = chimdev_list_shape(n->type);
    bool relink = n->parent != CHIM_NODE_NONE &&
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
 * STA-5. Where the device fills the structure in, the header may still be
 * empty.
 */
static bool header_ok(const ChimdevList *l, uint32_t off, uint32_t len,
                      bool filled)
{
    uint32_t given = ldl_le_p(l->buf + off);

    return (given == len || (filled && !given)) && !ldl_le_p(l->buf + off + 4);
}

static bool headers_ok(const ChimdevList *l, const ChimdevNode *n, bool filled)
{
    const ChimdevShape *f = chimdev_list_shape(n->type);
    uint32_t end_k = f->c >= 0 ? f->c : f->len;
    uint32_t end_c = f->d >= 0 ? f->d : f->len;

    return (f->k < 0 || header_ok(l, n->state_off, end_k, filled)) &&
           (f->c < 0 || header_ok(l, n->state_off + f->c, end_c - f->c,
                                  filled)) &&
           (f->d < 0 || header_ok(l, n->state_off + f->d, f->len - f->d,
                                  filled));
}

static bool range_ok(const ChimdevList *l, uint32_t off, uint64_t len)
{
    uint64_t first = sizeof(struct chim_block_list) +
                     (uint64_t)l->count * sizeof(struct chim_node);

    return !len || (off >= first && off % 8 == 0 && off + len <= l->len);
}

/* Send chain and BufferedData lie inside the list. */
static bool chains_ok(const ChimdevList *l, const ChimdevNode *n,
                      unsigned opcode)
{
    const ChimdevShape *f = chimdev_list_shape(n->type);
    struct chim_tcp_delegated d;
    uint32_t count, off;

    if (n->layer != CHIMDEV_LAYER_TCP || f->d < 0 ||
        (opcode != CHIM_OP_INITIATE && opcode != CHIM_OP_TERMINATE)) {
        return true;
    }
    memcpy(&d, l->buf + n->state_off + f->d, sizeof(d));
    count = le32_to_cpu(d.send_count);
    off = le32_to_cpu(d.send_off);
    if (!range_ok(l, off, (uint64_t)count * sizeof(struct chim_send_ref)) ||
        !range_ok(l, le32_to_cpu(d.buffered_off),
                  (uint64_t)le32_to_cpu(d.buffered_sges) *
                  sizeof(struct chim_sge))) {
        return false;
    }
    for (uint32_t i = 0; opcode == CHIM_OP_INITIATE && i < count; i++) {
        struct chim_send_ref r;

        memcpy(&r, l->buf + off + i * sizeof(r), sizeof(r));
        if (!range_ok(l, le32_to_cpu(r.sge_off),
                      (uint64_t)le32_to_cpu(r.sge_count) *
                      sizeof(struct chim_sge))) {
            return false;
        }
    }
    return true;
}

static uint32_t check_nodes(const ChimdevList *l, unsigned opcode)
{
    bool filled = opcode == CHIM_OP_TERMINATE || opcode == CHIM_OP_QUERY;

    for (unsigned i = 0; i < l->norder; i++) {
        const ChimdevNode *n = &l->node[l->order[i]];
        int need;

        if (!role_ok(l, n, opcode)) {
            return CHIM_ST_INVALID_LIST;
        }
        need = state_needed(l, n, opcode);
        if (need < 0 || n->state_len != need ||
            !range_ok(l, n->state_off, need)) {
            return CHIM_ST_INVALID_LIST;
        }
        if (need && (!headers_ok(l, n, filled) || !chains_ok(l, n, opcode))) {
            return CHIM_ST_INVALID_LIST;
        }
    }
    return CHIM_ST_SUCCESS;
}

static bool make_nodes(ChimdevState *s, ChimdevList *l)
{
    l->node = chimdev_memory_get(s, CHIMDEV_MEM_LISTS,
                                 l->count * sizeof(*l->node));
    l->order = chimdev_memory_get(s, CHIMDEV_MEM_LISTS,
                                  l->count * sizeof(*l->order));
    return l->node && l->order;
}

static uint32_t check(ChimdevState *s, ChimdevList *l, unsigned opcode)
{
    struct chim_block_list head;
    bool reserved_ok = true;

    memcpy(&head, l->buf, sizeof(head));
    l->count = le32_to_cpu(head.node_count);
    l->root = le32_to_cpu(head.root);
    if (le32_to_cpu(head.length) != l->len || le32_to_cpu(head.revision) != 1 ||
        !l->count || l->count > CHIMDEV_MAX_NODES || l->root >= l->count ||
        sizeof(head) + (uint64_t)l->count * sizeof(struct chim_node) > l->len) {
        return CHIM_ST_INVALID_LIST;
    }
    if (!make_nodes(s, l)) {
        return CHIM_ST_RESOURCES;
    }
    for (uint32_t i = 0; i < l->count; i++) {
        reserved_ok &= parse_node(l, i);
    }
    if (!walk(l) || !find_layers(l)) {
        return CHIM_ST_INVALID_LIST;
    }
    return reserved_ok ? check_nodes(l, opcode) : CHIM_ST_INVALID_FIELD;
}

uint32_t chimdev_list_read(ChimdevState *s, unsigned opcode,
                           const ChimdevAt *at, const struct chim_sge *sge,
                           unsigned nsge, uint32_t len, ChimdevList **out)
{
    ChimdevList *l;
    uint32_t status;

    *out = NULL;
    if (len < sizeof(struct chim_block_list) || len > CHIMDEV_MAX_BLOCK_LEN) {
        return CHIM_ST_INVALID_LIST;
    }
    l = g_new0(ChimdevList, 1);
    l->at = *at;
    l->len = len;
    l->buf = chimdev_memory_get(s, CHIMDEV_MEM_LISTS, len);
    l->nsge = nsge;
    l->sge = g_memdup2(sge, nsge * sizeof(*sge));
    if (!l->buf) {
        status = CHIM_ST_RESOURCES;
    } else if (!chimdev_sges_read(s, at, sge, nsge, 0, l->buf, len)) {
        status = CHIM_ST_FAILURE;
    } else {
        status = check(s, l, opcode);
    }
    if (status) {
        trace_chimdev_refused_list(opcode, status);
        chimdev_list_free(s, l);
        return status;
    }
    *out = l;
    return status;
}

void chimdev_list_free(ChimdevState *s, ChimdevList *l)
{
    if (l) {
        chimdev_memory_put(s, CHIMDEV_MEM_LISTS, l->buf, l->len);
        chimdev_memory_put(s, CHIMDEV_MEM_LISTS, l->node,
                           l->count * sizeof(*l->node));
        chimdev_memory_put(s, CHIMDEV_MEM_LISTS, l->order,
                           l->count * sizeof(*l->order));
        g_free(l->sge);
        g_free(l);
    }
}

/* Bytes of a scatter list in the list, or UINT64_MAX if an element wraps. */
uint64_t chimdev_list_sge_bytes(const ChimdevList *l, uint32_t off,
                                uint32_t count)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < count; i++) {
        struct chim_sge e;

        memcpy(&e, l->buf + off + i * sizeof(e), sizeof(e));
        sum += le32_to_cpu(e.len);
        if (le64_to_cpu(e.addr) + le32_to_cpu(e.len) < le64_to_cpu(e.addr)) {
            return UINT64_MAX;
        }
    }
    return sum;
}

/* ---------------------------------------- writing */

void chimdev_list_write(ChimdevState *s, ChimdevList *l, uint32_t off,
                        const void *data, uint32_t len)
{
    chimdev_sges_write(s, &l->at, l->sge, l->nsge, off, data, len);
}

static uint32_t node_off(const ChimdevNode *n, size_t field)
{
    return sizeof(struct chim_block_list) +
           n->index * sizeof(struct chim_node) + field;
}

void chimdev_list_write_result(ChimdevState *s, ChimdevList *l,
                               const ChimdevNode *n)
{
    uint32_t result[2] = { cpu_to_le32(n->status), cpu_to_le32(n->info) };

    if (n->in) {
        uint32_t handle = cpu_to_le32(n->handle);

        chimdev_list_write(s, l, node_off(n, offsetof(struct chim_node,
                                                      handle)),
                           &handle, sizeof(handle));
    }
    chimdev_list_write(s, l, node_off(n, offsetof(struct chim_node, status)),
                       result, sizeof(result));
}

void chimdev_list_write_results(ChimdevState *s, ChimdevList *l)
{
    for (unsigned i = 0; i < l->norder; i++) {
        chimdev_list_write_result(s, l, &l->node[l->order[i]]);
    }
}
