/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * noengine.c - the card as an ordinary NIC, until the engine is linked: state
 * operations and commands on connections are answered as impossible.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "chimdev.h"
#include "io.h"
#include "stateop.h"
#include "target.h"

bool chimdev_target_init(ChimdevState *s, Error **errp) { return true; }
void chimdev_target_reset(ChimdevState *s) { }
void chimdev_target_fini(ChimdevState *s) { }
bool chimdev_target_input(ChimdevState *s, const ChimdevVnet *vnet,
                          const uint8_t *data, uint32_t len) { return false; }
void chimdev_target_writable(ChimdevState *s, unsigned pair) { }
void chimdev_target_tick(ChimdevState *s, int64_t now) { }
void chimdev_target_serve(ChimdevState *s, int64_t now) { }
uint32_t chimdev_target_set_params(ChimdevState *s, const struct chim_params *p) { return CHIM_ST_INVALID_OPCODE; }
uint32_t chimdev_target_nce_answer(ChimdevState *s, uint32_t handle, uint32_t hrd) { return CHIM_ST_INVALID_HANDLE; }
void chimdev_accept_reset(ChimdevPair *p) { }
ChimdevPass chimdev_io_run(ChimdevPair *p) { return CHIMDEV_PASS_EMPTY; }
bool chimdev_op_parse_knobs(ChimdevState *s, Error **errp) { return true; }
void chimdev_op_free_knobs(ChimdevState *s) { }
bool chimdev_op_possible(const ChimdevState *s) { return true; }
void chimdev_op_new(ChimdevState *s, const ChimdevCmd *cmd)
{
    chimdev_admin_complete(s, cmd->e.cookie, CHIM_ST_INVALID_OPCODE, 0);
}
void chimdev_op_start(ChimdevState *s, int64_t now) { }
void chimdev_op_finish(ChimdevState *s, int64_t now) { }
void chimdev_op_posted(ChimdevOp *op) { }
int64_t chimdev_op_deadline(const ChimdevState *s) { return INT64_MAX; }
void chimdev_op_reset(ChimdevState *s) { chimdev_fence_reset(s); }
uint64_t toe_next_deadline(const struct toe *t) { return -1; }
void toe_get_stats(const struct toe *t, struct toe_stats *s) { }
void toe_reset_stats(struct toe *t, bool ipv6, bool tcp) { }
