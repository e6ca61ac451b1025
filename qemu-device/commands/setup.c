/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * setup.c - the set-up commands of the admin pair. Spec chapter 5.6.
 *
 * Each handler checks everything first and answers with one status.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "commands/setup.h"
#include "commands/setup_data.h"
#include "commands/stats.h"
#include "core/chimdev.h"
#include "core/refusal.h"
#include "data/accept.h"
#include "data/target.h"
#include "port/filter.h"
#include "port/rss.h"
#include "port/rx.h"
#include "rings/cq.h"
#include "rings/pair.h"
#include "rings/payload.h"
#include "rings/ring.h"

/* Say why the command gets that status, and return it. */
static uint32_t because(ChimdevState *s, const ChimdevCmd *cmd,
                        enum chimdev_why why, ChimdevRefused what,
                        uint32_t status)
{
    what.at = &cmd->at;
    what.status = status;
    return chimdev_refuse(s, why, &what);
}

/* INVALID_FIELD for the first field that breaks its bound. */
#define CHECK(s, cmd, why, ...)                                             \
    ({                                                                      \
        const ChimdevBound bounds_[] = { __VA_ARGS__ };                     \
        chimdev_refuse_field(s, why, (ChimdevRefused) {                     \
            .at = &(cmd)->at, .status = CHIM_ST_INVALID_FIELD,              \
        }, bounds_, ARRAY_SIZE(bounds_));                                   \
    })

static uint32_t check_sges(ChimdevState *s, const ChimdevCmd *cmd,
                           uint64_t len)
{
    if (cmd->wraps) {
        return because(s, cmd, CHIMDEV_WHY_RING_D9_WRAP, (ChimdevRefused) {
            CHIMDEV_IN(chim_sqe, sge),
        }, CHIM_ST_INVALID_FIELD);
    }
    return CHECK(s, cmd, CHIMDEV_WHY_RING_D9_LENGTH,
                 { "chim_sqe.sge lengths", offsetof(struct chim_sqe, sge),
                   cmd->bytes, len, len });
}

/* Copy the command's buffer, which must be size bytes long. */
static uint32_t read_data(ChimdevState *s, const ChimdevCmd *cmd, void *buf,
                          uint32_t size)
{
    uint32_t st = CHECK(s, cmd, CHIMDEV_WHY_RESERVED,
        CHIMDEV_BOUND(chim_sqe, u.admin.fence_id,
                      le32_to_cpu(cmd->e.u.admin.fence_id), 0, 0),
        CHIMDEV_BOUND(chim_sqe, u.admin.fence_count,
                      le32_to_cpu(cmd->e.u.admin.fence_count), 0, 0),
        CHIMDEV_BOUND(chim_sqe, u.admin.flags,
                      le32_to_cpu(cmd->e.u.admin.flags), 0, 0));

    st = st ? st : CHECK(s, cmd, CHIMDEV_WHY_SETUP_VALUE,
        CHIMDEV_BOUND(chim_sqe, u.admin.len,
                      le32_to_cpu(cmd->e.u.admin.len), size, size));
    st = st ? st : check_sges(s, cmd, size);
    if (st) {
        return st;
    }
    if (!chimdev_sges_read(s, &cmd->at, cmd->sge, cmd->nsge, 0, buf, size)) {
        return CHIM_ST_FAILURE; /* the cause is in the fatal registers */
    }
    return CHIM_ST_SUCCESS;
}

static uint32_t check_ring(ChimdevState *s, const ChimdevCmd *cmd,
                           const ChimdevPair *p)
{
    if (!p) {
        return because(s, cmd, CHIMDEV_WHY_SETUP_RING, (ChimdevRefused) {
            CHIMDEV_IN(chim_sqe, u.ring.ring),
            .found = le32_to_cpu(cmd->e.u.ring.ring),
            .allowed = "a ring of a pair below MAX_PAIRS",
        }, CHIM_ST_INVALID_FIELD);
    }
    return CHECK(s, cmd, CHIMDEV_WHY_RESERVED,
        CHIMDEV_BOUND(chim_sqe, u.ring.rsvd,
                      le64_to_cpu(cmd->e.u.ring.rsvd), 0, 0));
}

static uint32_t create_ring(ChimdevState *s, const ChimdevCmd *cmd)
{
    uint32_t id = le32_to_cpu(cmd->e.u.ring.ring);
    uint32_t log2_size = le32_to_cpu(cmd->e.u.ring.log2_size);
    uint64_t base = le64_to_cpu(cmd->e.sge[0].addr);
    uint64_t ctl = le64_to_cpu(cmd->e.sge[1].addr);
    unsigned kind = 0;
    ChimdevPair *p = chimdev_pair_of_ring(s, id, &kind);
    uint32_t st;

    st = check_ring(s, cmd, p);
    if (st) {
        return st;
    }
    if (log2_size > CHIM_RING_LOG2_LIMIT) {
        return because(s, cmd, CHIMDEV_WHY_SETUP_VALUE, (ChimdevRefused) {
            CHIMDEV_IN(chim_sqe, u.ring.log2_size), .found = log2_size,
            CHIMDEV_RANGE(CHIM_RING_LOG2_MIN, CHIM_RING_LOG2_LIMIT),
        }, CHIM_ST_LIMIT);
    }
    st = CHECK(s, cmd, CHIMDEV_WHY_SETUP_VALUE,
        { "chim_sqe.sge[0].addr", offsetof(struct chim_sqe, sge[0].addr),
          base, .align = CHIMDEV_RING_ALIGN },
        { "chim_sqe.sge[1].addr", offsetof(struct chim_sqe, sge[1].addr),
          ctl, .align = CHIMDEV_CTL_ALIGN },
        CHIMDEV_BOUND(chim_sqe, u.ring.log2_size, log2_size,
                      CHIM_RING_LOG2_MIN, CHIM_RING_LOG2_LIMIT));
    if (st) {
        return st;
    }
    if (p->ring[kind]) {
        return because(s, cmd, CHIMDEV_WHY_SETUP_EXISTS, (ChimdevRefused) {
            CHIMDEV_IN(chim_sqe, u.ring.ring), .found = id,
            .allowed = "a ring that does not exist yet",
        }, CHIM_ST_NOT_READY);
    }
    p->ring[kind] = chimdev_ring_create(s, id, base, ctl, log2_size);
    if (!p->ring[kind]) {
        return CHIM_ST_FAILURE;
    }
    if (kind == CHIM_RING_CQ) {
        p->cq.ring = p->ring[kind];
    }
    /* what is published already is found without a doorbell */
    p->sq_awake |= kind == CHIM_RING_SQ;
    p->tx_awake |= kind == CHIM_RING_TX;
    return CHIM_ST_SUCCESS;
}

/*
 * Whether entries of a connection wait for room in the ring: OPENED and LAST,
 * for which an operation waits in turn (OP-D5), or CUTOVER.
 */
static bool ring_owes(const ChimdevPair *p, unsigned kind)
{
    switch (kind) {
    case CHIM_RING_CQ:
        return !QSIMPLEQ_EMPTY(&p->cq.wait);
    case CHIM_RING_RXB:
    case CHIM_RING_RXC:
        return p->rx_wait_markers;
    default:
        return false;
    }
}

void chimdev_setup_drop_ring(ChimdevPair *p, unsigned kind)
{
    if (kind == CHIM_RING_CQ) {
        chimdev_cq_fini(&p->cq);
        chimdev_accept_reset(p);
    } else if (kind == CHIM_RING_RXB || kind == CHIM_RING_RXC) {
        chimdev_rx_reset(p);
    }
    chimdev_ring_destroy(p->ring[kind]);
    p->ring[kind] = NULL;
}

static uint32_t do_destroy_ring(ChimdevState *s, const ChimdevCmd *cmd)
{
    unsigned kind = 0;
    uint32_t id = le32_to_cpu(cmd->e.u.ring.ring);
    ChimdevPair *p = chimdev_pair_of_ring(s, id, &kind);
    uint32_t st = check_ring(s, cmd, p);

    if (st) {
        return st;
    }
    if (!p->ring[kind]) {
        return because(s, cmd, CHIMDEV_WHY_SETUP_ABSENT, (ChimdevRefused) {
            CHIMDEV_IN(chim_sqe, u.ring.ring), .found = id,
            .allowed = "a ring that exists",
        }, CHIM_ST_NOT_READY);
    }
    if (p->conns || ring_owes(p, kind)) {
        return because(s, cmd, CHIMDEV_WHY_SETUP_IN_USE, (ChimdevRefused) {
            CHIMDEV_IN(chim_sqe, u.ring.ring), .found = id,
            .allowed = "a ring that no connection needs",
        }, CHIM_ST_IN_USE);
    }
    chimdev_setup_drop_ring(p, kind);
    return CHIM_ST_SUCCESS;
}

static uint32_t set_rx_mode(ChimdevState *s, const ChimdevCmd *cmd)
{
    g_autofree struct chim_rx_mode *m = g_new0(struct chim_rx_mode, 1);
    uint32_t st = read_data(s, cmd, m, sizeof(*m));

    if (st) {
        return st;
    }
    st = chimdev_filter_set_mode(s, m);
    return st ? chimdev_setup_bad_rx_mode(s, cmd, m, st) : st;
}

static uint32_t set_rss(ChimdevState *s, const ChimdevCmd *cmd)
{
    struct chim_rss r;
    uint32_t st = read_data(s, cmd, &r, sizeof(r));

    if (st) {
        return st;
    }
    st = chimdev_rss_set(s, &r);
    return st ? chimdev_setup_bad_rss(s, cmd, &r, st) : st;
}

static uint32_t set_mtu(ChimdevState *s, const ChimdevCmd *cmd)
{
    uint32_t mtu = le32_to_cpu(cmd->e.u.value);
    uint32_t st = CHECK(s, cmd, CHIMDEV_WHY_SETUP_VALUE,
        CHIMDEV_BOUND(chim_sqe, u.value, mtu, CHIMDEV_MIN_MTU,
                      CHIMDEV_MAX_MTU));

    if (st) {
        return st;
    }
    s->mtu = mtu;
    return CHIM_ST_SUCCESS;
}

static uint32_t set_coalesce(ChimdevState *s, const ChimdevCmd *cmd)
{
    uint32_t pair = le32_to_cpu(cmd->e.u.coalesce.pair);
    uint32_t usecs = le32_to_cpu(cmd->e.u.coalesce.usecs);
    uint32_t st = CHECK(s, cmd, CHIMDEV_WHY_SETUP_VALUE,
        CHIMDEV_BOUND(chim_sqe, u.coalesce.pair, pair, 0, s->npairs - 1),
        CHIMDEV_BOUND(chim_sqe, u.coalesce.usecs, usecs, 0, 1000000));

    st = st ? st : CHECK(s, cmd, CHIMDEV_WHY_RESERVED,
        CHIMDEV_BOUND(chim_sqe, u.coalesce.rsvd,
                      le32_to_cpu(cmd->e.u.coalesce.rsvd), 0, 0));
    if (st) {
        return st;
    }
    s->pair[pair].usecs = usecs;
    s->pair[pair].frames = le32_to_cpu(cmd->e.u.coalesce.frames);
    return CHIM_ST_SUCCESS;
}

static uint32_t get_stats(ChimdevState *s, const ChimdevCmd *cmd)
{
    g_autofree struct chim_stats *st = g_new0(struct chim_stats, 1);
    uint32_t status = check_sges(s, cmd, le32_to_cpu(cmd->e.u.admin.len));

    if (status) {
        return status;
    }
    if (cmd->bytes < sizeof(*st)) {
        return because(s, cmd, CHIMDEV_WHY_SETUP_ROOM, (ChimdevRefused) {
            CHIMDEV_IN(chim_sqe, u.admin.len), .found = cmd->bytes,
            CHIMDEV_RANGE(sizeof(*st), UINT32_MAX),
        }, CHIM_ST_BUFFER_TOO_SMALL);
    }
    chimdev_stats_get(s, st);
    if (!chimdev_sges_write(s, &cmd->at, cmd->sge, cmd->nsge, 0, st,
                            sizeof(*st))) {
        return CHIM_ST_FAILURE;
    }
    return CHIM_ST_SUCCESS;
}

static uint32_t reset_stats(ChimdevState *s, const ChimdevCmd *cmd)
{
    uint32_t sets = le32_to_cpu(cmd->e.u.value);
    uint32_t st = CHECK(s, cmd, CHIMDEV_WHY_SETUP_VALUE,
        CHIMDEV_BOUND(chim_sqe, u.value, sets, 0, CHIM_STATS_CASES * 2 - 1));

    if (st) {
        return st;
    }
    chimdev_stats_reset(s, sets);
    return CHIM_ST_SUCCESS;
}

static uint32_t set_vlans(ChimdevState *s, const ChimdevCmd *cmd)
{
    uint32_t n = le32_to_cpu(cmd->e.u.vlan.count);
    uint16_t id[CHIMDEV_MAX_VLANS];
    uint32_t st;

    if (n > CHIMDEV_MAX_VLANS) {
        return because(s, cmd, CHIMDEV_WHY_SETUP_VALUE, (ChimdevRefused) {
            CHIMDEV_IN(chim_sqe, u.vlan.count), .found = n,
            CHIMDEV_RANGE(0, CHIMDEV_MAX_VLANS),
        }, CHIM_ST_LIMIT);
    }
    st = check_sges(s, cmd, 2 * n);
    if (st) {
        return st;
    }
    if (!chimdev_sges_read(s, &cmd->at, cmd->sge, cmd->nsge, 0, id, 2 * n)) {
        return CHIM_ST_FAILURE;
    }
    for (uint32_t i = 0; i < n; i++) {
        id[i] = le16_to_cpu(id[i]);
        st = CHECK(s, cmd, CHIMDEV_WHY_SETUP_VALUE,
            { "VLAN id", 2 * i, id[i], 1, 4094 });
        if (st) {
            return st;
        }
    }
    memcpy(s->vlan, id, 2 * n);
    s->nvlans = n;
    return CHIM_ST_SUCCESS;
}

typedef struct AdminCommand {
    uint8_t op;
    uint32_t (*run)(ChimdevState *s, const ChimdevCmd *cmd);
    uint32_t info_too_small;    /* bytes needed, for BUFFER_TOO_SMALL */
} AdminCommand;

static uint32_t set_params(ChimdevState *s, const ChimdevCmd *cmd)
{
    struct chim_params p;
    uint32_t st = read_data(s, cmd, &p, sizeof(p));

    if (st) {
        return st;
    }
    st = chimdev_target_set_params(s, &p);
    return st ? chimdev_setup_bad_params(s, cmd, &p, st) : st;
}

static uint32_t nce_answer(ChimdevState *s, const ChimdevCmd *cmd)
{
    uint32_t handle = le32_to_cpu(cmd->e.handle);
    uint32_t st = chimdev_target_nce_answer(s, handle,
                                            le32_to_cpu(cmd->e.u.nce.hrd));

    return st ? because(s, cmd, CHIMDEV_WHY_OBJ_D4_HANDLE, (ChimdevRefused) {
        CHIMDEV_IN(chim_sqe, handle), .found = handle,
        .allowed = "the handle of a neighbor",
    }, st) : st;
}

static const AdminCommand commands[] = {
    { CHIM_OP_CREATE_RING, create_ring },
    { CHIM_OP_DESTROY_RING, do_destroy_ring },
    { CHIM_OP_SET_RX_MODE, set_rx_mode },
    { CHIM_OP_SET_RSS, set_rss },
    { CHIM_OP_SET_MTU, set_mtu },
    { CHIM_OP_SET_COALESCE, set_coalesce },
    { CHIM_OP_GET_STATS, get_stats, sizeof(struct chim_stats) },
    { CHIM_OP_RESET_STATS, reset_stats },
    { CHIM_OP_SET_PARAMS, set_params },
    { CHIM_OP_SET_VLANS, set_vlans },
    { CHIM_OP_NCE_ANSWER, nce_answer },
};

uint32_t chimdev_setup(ChimdevState *s, const ChimdevCmd *cmd, uint8_t op,
                       uint32_t *info)
{
    uint32_t flags = le32_to_cpu(cmd->e.ctl) >> CHIM_CTL_FLAGS_SHIFT & 0xffff;
    uint64_t said = chimdev_refusals_total(s);
    uint32_t status;

    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        if (commands[i].op != op) {
            continue;
        }
        status = CHECK(s, cmd, CHIMDEV_WHY_RESERVED,
            { "chim_sqe.ctl flags", offsetof(struct chim_sqe, ctl), flags });
        status = status ? status : commands[i].run(s, cmd);
        if (status == CHIM_ST_BUFFER_TOO_SMALL) {
            *info = commands[i].info_too_small;
        }
        if (status && chimdev_refusals_total(s) == said) {
            because(s, cmd, CHIMDEV_WHY_SETUP, (ChimdevRefused) {
                CHIMDEV_IN(chim_sqe, ctl), .found = op,
                .allowed = "a command whose data can be accepted",
            }, status);
        }
        return status;
    }
    return because(s, cmd, CHIMDEV_WHY_RING_H6_OPCODE, (ChimdevRefused) {
        CHIMDEV_IN(chim_sqe, ctl), .found = op,
        .allowed = "CREATE_RING to SET_VLANS, INITIATE to NCE_ANSWER",
    }, CHIM_ST_INVALID_OPCODE);
}
