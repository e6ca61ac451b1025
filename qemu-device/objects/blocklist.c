/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blocklist.c - block lists: copied once, then checked for bounds, links,
 * layers, cycles, roles and types before anything acts on them (SEC-4,
 * OBJ-D1).
 *
 * node.c checks that the states lie inside the list, and state_in.c interprets
 * them.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qemu/bswap.h"
#include "core/chimdev.h"
#include "core/memory.h"
#include "core/refusal.h"
#include "objects/blocklist.h"
#include "objects/node.h"
#include "rings/payload.h"

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

static bool links_ok(ChimdevList *l, const ChimdevNode *n)
{
    if (n->next != CHIM_NODE_NONE && n->next >= l->count) {
        return chimdev_node_wrong(l, n, CHIMDEV_WHY_OBJ_D1_LINK,
                                  (ChimdevRefused) {
            CHIMDEV_NODE(n, next), CHIMDEV_RANGE(0, l->count - 1),
        });
    }
    if (n->dependent != CHIM_NODE_NONE && n->dependent >= l->count) {
        return chimdev_node_wrong(l, n, CHIMDEV_WHY_OBJ_D1_LINK,
                                  (ChimdevRefused) {
            CHIMDEV_NODE(n, dependent), CHIMDEV_RANGE(0, l->count - 1),
        });
    }
    return true;
}

/*
 * Depth first, a node's dependents before the next node (TRE-15). A node may
 * be reached only once, so the walk ends whatever the links say.
 */
static bool walk(ChimdevList *l)
{
    g_autofree uint32_t *stack = g_new(uint32_t, l->count * 2 + 1);
    unsigned top = 0;

    stack[top++] = l->root;
    while (top) {
        ChimdevNode *n = &l->node[stack[--top]];

        if (n->reached) {
            return chimdev_node_wrong(l, n, CHIMDEV_WHY_OBJ_D1_TWICE,
                                      (ChimdevRefused) { 0 });
        }
        if (!links_ok(l, n)) {
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
                return chimdev_node_wrong(l, n, CHIMDEV_WHY_OBJ_D1_LAYER,
                                          (ChimdevRefused) {
                    CHIMDEV_NODE(n, dependent), .allowed = "no link",
                });
            }
            dep->parent = n->index;
            dep->depth = n->depth + 1;
            stack[top++] = n->dependent;
        }
    }
    return true;
}

/*
 * A type matters where state follows the node. A linker's type, if it is
 * given, also tells its layer.
 */
static bool typed(const ChimdevNode *n)
{
    return n->role == CHIM_ROLE_NEW || n->role == CHIM_ROLE_OBJECT ||
           (n->role == CHIM_ROLE_LINKER && chimdev_shape(n->type));
}

/* All layers follow from the root's, and the root's from any typed node. */
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
        shape = chimdev_shape(n->type);
        if (!shape || shape->layer <= n->depth ||
            (root && root != shape->layer - n->depth)) {
            return chimdev_node_wrong(l, n, CHIMDEV_WHY_OBJ_D1_LAYER,
                                      (ChimdevRefused) {
                CHIMDEV_NODE(n, type), .allowed = "a type of the node's layer",
            });
        }
        root = shape->layer - n->depth;
    }
    root = root ? root : CHIMDEV_LAYER_NEIGHBOR;
    if (root + deepest > CHIMDEV_LAYER_TCP) {
        return chimdev_node_wrong(l, &l->node[l->root],
                                  CHIMDEV_WHY_OBJ_D1_LAYER,
                                  (ChimdevRefused) { 0 });
    }
    for (unsigned i = 0; i < l->norder; i++) {
        ChimdevNode *n = &l->node[l->order[i]];

        n->layer = root + n->depth;
    }
    return true;
}

static uint32_t check_nodes(ChimdevList *l, unsigned opcode)
{
    for (unsigned i = 0; i < l->norder; i++) {
        if (!chimdev_node_ok(l, &l->node[l->order[i]], opcode)) {
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

static bool head_ok(ChimdevList *l, const struct chim_block_list *h)
{
    const ChimdevBound bounds[] = {
        CHIMDEV_BOUND(chim_block_list, length, le32_to_cpu(h->length), l->len,
                      l->len),
        CHIMDEV_BOUND(chim_block_list, revision, le32_to_cpu(h->revision), 1,
                      1),
        CHIMDEV_BOUND(chim_block_list, node_count, l->count, 1,
                      MIN((l->len - sizeof(*h)) / sizeof(struct chim_node),
                          CHIMDEV_MAX_NODES)),
        CHIMDEV_BOUND(chim_block_list, root, l->root, 0,
                      (uint64_t)l->count - 1),
    };
    ChimdevRefused what = { 0 };

    return !chimdev_bound_broken(bounds, ARRAY_SIZE(bounds), &what) ||
           chimdev_node_wrong(l, NULL, CHIMDEV_WHY_OBJ_D1_HEAD, what);
}

static uint32_t check(ChimdevState *s, ChimdevList *l, unsigned opcode)
{
    const ChimdevNode *reserved = NULL;
    struct chim_block_list head;

    memcpy(&head, l->buf, sizeof(head));
    l->count = le32_to_cpu(head.node_count);
    l->root = le32_to_cpu(head.root);
    if (!head_ok(l, &head)) {
        return CHIM_ST_INVALID_LIST;
    }
    if (!make_nodes(s, l)) {
        return CHIM_ST_RESOURCES;
    }
    for (uint32_t i = 0; i < l->count; i++) {
        if (!parse_node(l, i)) {
            reserved = &l->node[i];
        }
    }
    if (!walk(l) || !find_layers(l)) {
        return CHIM_ST_INVALID_LIST;
    }
    if (reserved) {
        chimdev_node_wrong(l, reserved, CHIMDEV_WHY_RESERVED,
                           (ChimdevRefused) {
            .field = "chim_node.rsvd",
            .offset = chimdev_list_node_off(reserved,
                                            offsetof(struct chim_node, rsvd)),
        });
        return CHIM_ST_INVALID_FIELD;
    }
    return check_nodes(l, opcode);
}

static void refuse(ChimdevState *s, ChimdevList *l, const ChimdevAt *at,
                   uint32_t status)
{
    if (status == CHIM_ST_RESOURCES) {
        l->why = CHIMDEV_WHY_OP_D5_MEMORY;
    }
    if (l->why) {                       /* else it is a DMA error */
        l->what.at = at;
        l->what.status = status;
        chimdev_refuse(s, l->why, &l->what);
    }
}

uint32_t chimdev_list_read(ChimdevState *s, unsigned opcode,
                           const ChimdevAt *at, const struct chim_sge *sge,
                           unsigned nsge, uint32_t len, ChimdevList **out)
{
    ChimdevList *l;
    uint32_t status;

    *out = NULL;
    if (len < sizeof(struct chim_block_list) || len > CHIMDEV_MAX_BLOCK_LEN) {
        return chimdev_refuse(s, CHIMDEV_WHY_OBJ_D1_HEAD, &(ChimdevRefused) {
            .at = at, CHIMDEV_IN(chim_sqe, u.admin.len), .found = len,
            CHIMDEV_RANGE(sizeof(struct chim_block_list),
                          CHIMDEV_MAX_BLOCK_LEN),
            .status = CHIM_ST_INVALID_LIST,
        });
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
        refuse(s, l, at, status);
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

/* Total bytes of a scatter list, or UINT64_MAX if an element wraps. */
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

void chimdev_list_write_result(ChimdevState *s, ChimdevList *l,
                               const ChimdevNode *n)
{
    uint32_t result[2] = { cpu_to_le32(n->status), cpu_to_le32(n->info) };

    if (n->in) {
        uint32_t handle = cpu_to_le32(n->handle);

        chimdev_list_write(s, l, chimdev_list_node_off(n,
                               offsetof(struct chim_node, handle)),
                           &handle, sizeof(handle));
    }
    chimdev_list_write(s, l, chimdev_list_node_off(n,
                       offsetof(struct chim_node, status)),
                       result, sizeof(result));
}

void chimdev_list_write_results(ChimdevState *s, ChimdevList *l)
{
    for (unsigned i = 0; i < l->norder; i++) {
        chimdev_list_write_result(s, l, &l->node[l->order[i]]);
    }
}
