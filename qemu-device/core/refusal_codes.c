/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * refusal_codes.c - how the codes of refusals are called, and what they mean.
 */

#include "qemu/osdep.h"
#include "core/refusal_codes.h"

static const struct {
    const char *name, *text;
} codes[] = {
    [CHIMDEV_WHY_REG_H1_SIZE] = {
        "REG-H1/size",
        "access that is not of 4 aligned bytes"
    },
    [CHIMDEV_WHY_REG_D1_REGISTER] = {
        "REG-D1/register",
        "access to what is no register"
    },
    [CHIMDEV_WHY_REG_D1_DIRECTION] = {
        "REG-D1/direction",
        "access that the register does not allow"
    },
    [CHIMDEV_WHY_REG_H2_LATCHED] = {
        "REG-H2/latched",
        "the admin pair's registers are fixed while CTRL.ENABLE is set"
    },
    [CHIMDEV_WHY_REG_D3_FEATURES] = {
        "REG-D3/features",
        "features are fixed while CTRL.ENABLE is set"
    },
    [CHIMDEV_WHY_REG_H2_PAIR] = {
        "REG-H2/pair",
        "ENABLE with an admin pair that cannot be"
    },
    [CHIMDEV_WHY_REG_H3_DOORBELL] = {
        "REG-H3/doorbell",
        "doorbell of a ring that does not exist"
    },
    [CHIMDEV_WHY_REG_H4_FEATURES] = {
        "REG-H4/features",
        "features that are not offered"
    },
    [CHIMDEV_WHY_REG_H6_DMA] = {
        "REG-H6/dma",
        "memory access without bus mastering"
    },
    [CHIMDEV_WHY_REG_H6_MESSAGE] = {
        "REG-H6/message",
        "MSI-X message without bus mastering"
    },
    [CHIMDEV_WHY_VECTOR] = {
        "2.3/vector",
        "there is no such vector"
    },
    [CHIMDEV_WHY_LIFE_H1_RESET] = {
        "LIFE-H1/reset",
        "reset while connections are offloaded"
    },
    [CHIMDEV_WHY_RING_H1_DOORBELL] = {
        "RING-H1/doorbell",
        "doorbell too far ahead of the consumer index, or behind it"
    },
    [CHIMDEV_WHY_RING_H2_DOORBELL] = {
        "RING-H2/doorbell",
        "doorbell beyond what is published, or too far behind it"
    },
    [CHIMDEV_WHY_RING_H2_INDEX] = {
        "RING-H2/index",
        "drv_index beyond what is published, or before the last one"
    },
    [CHIMDEV_WHY_RING_H3_PHASE] = {
        "RING-H3/phase",
        "entry that continues a command is not published"
    },
    [CHIMDEV_WHY_RING_H3_LENGTH] = {
        "RING-H3/length",
        "command with more entries than its ring"
    },
    [CHIMDEV_WHY_RING_H4_DMA] = {
        "RING-H4/dma",
        "memory of a command or list that DMA cannot access"
    },
    [CHIMDEV_WHY_RING_H5_DMA] = {
        "RING-H5/dma",
        "ring or control block that DMA cannot access"
    },
    [CHIMDEV_WHY_RING_H6_OPCODE] = {
        "RING-H6/opcode",
        "opcode that the ring does not have"
    },
    [CHIMDEV_WHY_RING_H6_SG] = {
        "RING-H6/sg",
        "entry that should continue a scatter list and does not"
    },
    [CHIMDEV_WHY_RING_H7_LENGTH] = {
        "RING-H7/length",
        "buffer that is too short"
    },
    [CHIMDEV_WHY_RING_H7_WRAP] = {
        "RING-H7/wrap",
        "buffer that wraps past 2^64"
    },
    [CHIMDEV_WHY_RING_H7_DMA] = {
        "RING-H7/dma",
        "buffer that DMA cannot write"
    },
    [CHIMDEV_WHY_RING_H8_VERDICT] = {
        "RING-H8/verdict",
        "verdict on what is no open indication"
    },
    [CHIMDEV_WHY_RING_D9_LENGTH] = {
        "RING-D9/length",
        "scatter list that does not add up to the length"
    },
    [CHIMDEV_WHY_RING_D9_WRAP] = {
        "RING-D9/wrap",
        "scatter list that wraps past 2^64"
    },
    [CHIMDEV_WHY_FRAME_LENGTH] = {
        "3.4/length",
        "frame of impossible length"
    },
    [CHIMDEV_WHY_FRAME_WRAP] = {
        "3.4/wrap",
        "frame that wraps past 2^64"
    },
    [CHIMDEV_WHY_FRAME_FLAGS] = {
        "3.4/flags",
        "virtio_net_hdr with unknown flags"
    },
    [CHIMDEV_WHY_FRAME_CSUM] = {
        "3.4/csum",
        "checksum that lies behind the frame"
    },
    [CHIMDEV_WHY_FRAME_FEATURE] = {
        "3.4/feature",
        "virtio_net_hdr that needs a feature that was not accepted"
    },
    [CHIMDEV_WHY_FRAME_GSO] = {
        "3.4/gso",
        "virtio_net_hdr whose GSO fields make no sense"
    },
    [CHIMDEV_WHY_OP_D20_CONSUMED] = {
        "OP-D20/consumed",
        "verdict that consumes all of the indication"
    },
    [CHIMDEV_WHY_OP_D20_STATUS] = {
        "OP-D20/status",
        "verdict whose status does not go with what it consumes"
    },
    [CHIMDEV_WHY_OP_H3_HANDLE] = {
        "OP-H3/handle",
        "handle that is no connection of this pair"
    },
    [CHIMDEV_WHY_OP_H4_COMMAND] = {
        "OP-H4/command",
        "command on a connection that is being given back"
    },
    [CHIMDEV_WHY_OP_D19_LENGTH] = {
        "OP-D19/length",
        "request of impossible length"
    },
    [CHIMDEV_WHY_OP_D19_PREFILLED] = {
        "OP-D19/prefilled",
        "RECV that leaves no room"
    },
    [CHIMDEV_WHY_OP_D19_MEMORY] = {
        "OP-D19/memory",
        "no memory for the request"
    },
    [CHIMDEV_WHY_OP_D19_SEGMENT] = {
        "OP-D19/segment",
        "FORWARD of what is no segment of the connection"
    },
    [CHIMDEV_WHY_OP_D23_FLAGS] = {
        "OP-D23/flags",
        "DISCONNECT that is not either graceful or abortive"
    },
    [CHIMDEV_WHY_OP_D23_DATA] = {
        "OP-D23/data",
        "abortive DISCONNECT with data"
    },
    [CHIMDEV_WHY_OP_H1_TIMEOUT] = {
        "OP-H1/timeout",
        "fences of the operation have not come"
    },
    [CHIMDEV_WHY_OP_H1_FENCES] = {
        "OP-H1/fences",
        "too many fence ids without a command"
    },
    [CHIMDEV_WHY_OP_H1_TERMINATE] = {
        "OP-H1/terminate",
        "TERMINATE of a connection without a fence"
    },
    [CHIMDEV_WHY_RESERVED] = {
        "1/reserved",
        "reserved field or flag that is not 0"
    },
    [CHIMDEV_WHY_SETUP] = {
        "5.6/command",
        "set-up command that is refused"
    },
    [CHIMDEV_WHY_SETUP_VALUE] = {
        "5.6/value",
        "value that the command cannot have"
    },
    [CHIMDEV_WHY_SETUP_RING] = {
        "5.6/ring",
        "number that no ring can have"
    },
    [CHIMDEV_WHY_SETUP_EXISTS] = {
        "5.6/exists",
        "ring that exists already"
    },
    [CHIMDEV_WHY_SETUP_ABSENT] = {
        "5.6/absent",
        "ring that does not exist"
    },
    [CHIMDEV_WHY_SETUP_IN_USE] = {
        "5.6/in-use",
        "ring that is in use"
    },
    [CHIMDEV_WHY_SETUP_ROOM] = {
        "5.6/room",
        "buffer that is too small for the counters"
    },
    [CHIMDEV_WHY_OP_D9_SENDS] = {
        "OP-D9/sends",
        "no room for the requests that come back"
    },
    [CHIMDEV_WHY_OP_D9_BUFFERED] = {
        "OP-D9/buffered",
        "no room for the bytes that come back"
    },
    [CHIMDEV_WHY_OP_D5_MEMORY] = {
        "OP-D5/memory",
        "no memory for the block list"
    },
    [CHIMDEV_WHY_OBJ_D1_HEAD] = {
        "OBJ-D1/head",
        "block list whose head makes no sense"
    },
    [CHIMDEV_WHY_OBJ_D1_LINK] = {
        "OBJ-D1/link",
        "link that leads to no node"
    },
    [CHIMDEV_WHY_OBJ_D1_TWICE] = {
        "OBJ-D1/twice",
        "node that is reached twice"
    },
    [CHIMDEV_WHY_OBJ_D1_LAYER] = {
        "OBJ-D1/layer",
        "node whose layer does not fit its place in the tree"
    },
    [CHIMDEV_WHY_OBJ_D1_ROLE] = {
        "OBJ-D1/role",
        "role that the operation does not allow here"
    },
    [CHIMDEV_WHY_OBJ_D1_HANDLE] = {
        "OBJ-D1/handle",
        "handle where there must be none, or none"
    },
    [CHIMDEV_WHY_OBJ_D1_TYPE] = {
        "OBJ-D1/type",
        "type of state that the operation does not take"
    },
    [CHIMDEV_WHY_OBJ_D1_LENGTH] = {
        "OBJ-D1/length",
        "state that has not the length of its type"
    },
    [CHIMDEV_WHY_OBJ_D1_OFFSET] = {
        "OBJ-D1/offset",
        "structure that does not lie inside of the list"
    },
    [CHIMDEV_WHY_OBJ_D1_HEADER] = {
        "OBJ-D1/header",
        "state whose header makes no sense"
    },
    [CHIMDEV_WHY_OBJ_D4_HANDLE] = {
        "OBJ-D4/handle",
        "handle that is no object of this layer"
    },
    [CHIMDEV_WHY_OBJ_H4_BUSY] = {
        "OBJ-H4/busy",
        "object that another operation works on"
    },
    [CHIMDEV_WHY_OBJ_H2_DEPENDENTS] = {
        "OBJ-H2/dependents",
        "object on which others depend"
    },
    [CHIMDEV_WHY_OBJ_H3_STATE] = {
        "OBJ-H3/state",
        "connection in a state in which it cannot be offloaded"
    },
    [CHIMDEV_WHY_OBJ_D7_SEQUENCE] = {
        "OBJ-D7/sequence",
        "sequence numbers that contradict each other or the send chain"
    },
    [CHIMDEV_WHY_OBJ_H5_RANGE] = {
        "OBJ-H5/range",
        "head or tail outside of the send chain"
    },
    [CHIMDEV_WHY_OBJ_H5_REQUEST] = {
        "OBJ-H5/request",
        "request without data between head and tail"
    },
    [CHIMDEV_WHY_STATE_VALUE] = {
        "4.3/value",
        "value that the field cannot have"
    },
    [CHIMDEV_WHY_STATE_FEATURE] = {
        "4.3/feature",
        "state that needs a feature that was not accepted"
    },
    [CHIMDEV_WHY_STATE_LIMIT] = {
        "4.3/limit",
        "more than the card takes for a connection"
    },
    [CHIMDEV_WHY_ENTRIES] = {
        "4.3/entries",
        "table of the card that is full"
    },
    [CHIMDEV_WHY_VLAN] = {
        "4.3/vlan",
        "VLAN id that SET_VLANS has not named"
    },
    [CHIMDEV_WHY_DUPLICATE] = {
        "4.3/duplicate",
        "connection that is offloaded already"
    },
    [CHIMDEV_WHY_NODE_RINGS] = {
        "4.3/rings",
        "connection whose pair lacks a ring"
    },
    [CHIMDEV_WHY_NODE_MEMORY] = {
        "4.3/memory",
        "no memory or room for the object"
    },
    [CHIMDEV_WHY_INVALIDATED] = {
        "4.3/invalidated",
        "path or neighbor that has been invalidated"
    },
    [CHIMDEV_WHY_NODE] = {
        "4.3/node",
        "node that is refused"
    },
    [CHIMDEV_WHY_KNOB] = {
        "11.2/knob",
        "refusal that a property has asked for"
    },
    [CHIMDEV_WHY_BUG] = {
        "8.3/bug",
        "bug of the device"
    },
    [CHIMDEV_WHY_SETUP_RINGS] = {
        "5.6/rings",
        "pair that lacks a ring"
    },
    [CHIMDEV_WHY_OP_D24_IN_USE] = {
        "OP-D24/in-use",
        "parameters while connections are offloaded"
    },
    [CHIMDEV_WHY_OP_D21_STATE] = {
        "OP-D21/state",
        "request on a connection whose sending side is closed"
    },
    [CHIMDEV_WHY_OP_D19_OUTSTANDING] = {
        "OP-D19/outstanding",
        "more requests at a time than the card holds"
    },
};

const char *chimdev_refusal_name(enum chimdev_why why)
{
    return codes[why].name;
}

const char *chimdev_refusal_text(enum chimdev_why why)
{
    return codes[why].text;
}
