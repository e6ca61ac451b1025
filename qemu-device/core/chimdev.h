/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chimdev.h - the card's state. Each file's functions are in its own header.
 *
 * Everything runs under QEMU's big lock and inside one "run" at a time (run.c:
 * chimdev_enter, chimdev_leave): a bottom half, the timer, the reception of a
 * frame, or a register write. A run neither nests nor blocks. A reset that
 * comes during a run waits for its end; what an unplug frees waits until all
 * callers have returned. Guest memory is read once into local copies; no
 * pointer into it outlives a run. Each part of the state names the file that
 * owns it, and any other file that writes to it.
 */
#ifndef CHIMDEV_H
#define CHIMDEV_H

#include "hw/pci/pci_device.h"
#include "net/net.h"
#include "qemu/queue.h"
#include "qemu/timer.h"
#include "chimney_abi.h"

#define TYPE_CHIMDEV "chimney"
OBJECT_DECLARE_SIMPLE_TYPE(ChimdevState, CHIMDEV)

enum {
    CHIMDEV_MAX_SGE = CHIM_SQE_SGES + CHIM_CTL_SG_MASK * CHIM_SG_SGES,
    CHIMDEV_MAX_BUFFERED = 8 * MiB,
    CHIMDEV_MAX_SENDS = 1024,
    CHIMDEV_MAX_RECVS = 256,
    CHIMDEV_MAX_RCV_WND = 8 * MiB,
    CHIMDEV_MAX_MTU = 9000,
    CHIMDEV_MIN_MTU = 68,
    CHIMDEV_MAX_BLOCK_LEN = 1 * MiB,
    CHIMDEV_MAX_NODES = 1024,
    CHIMDEV_MAX_VLANS = 64,
    CHIMDEV_MAX_SRC_MACS = 16,
    CHIMDEV_MAX_SEND_LEN = 1 * MiB,
    CHIMDEV_MAX_OPS = 4096,             /* state operations waiting at a time */
    CHIMDEV_MAX_FENCES = 256,           /* fence ids without a command */
    CHIMDEV_MAX_IOV = 512,              /* parts of one frame, below IOV_MAX */
    CHIMDEV_MAX_FRAME = 66 * KiB,       /* bytes, headers included */
    CHIMDEV_VNET_LEN = 12,              /* of the backend's header */
};

/* The ring entry that is the cause, for the fatal registers. */
typedef struct ChimdevAt {
    uint32_t ring;
    uint32_t index;
    uint32_t rule;
} ChimdevAt;

/* How a pass over a ring to device ended. */
typedef enum ChimdevPass {
    CHIMDEV_PASS_EMPTY,                 /* everything published is consumed */
    CHIMDEV_PASS_MORE,                  /* the budget is used up */
    CHIMDEV_PASS_BLOCKED,               /* something else must happen first */
} ChimdevPass;

typedef struct ChimdevRing ChimdevRing;
typedef struct ChimdevPair ChimdevPair;
typedef struct ChimdevObj ChimdevObj;
typedef struct ChimdevOp ChimdevOp;
typedef struct ChimdevReq ChimdevReq;
typedef struct ChimdevInd ChimdevInd;
typedef struct ChimdevWait ChimdevWait;
typedef struct ChimdevRxWait ChimdevRxWait;
typedef struct ChimdevCapture ChimdevCapture;
typedef struct ChimdevKnobs ChimdevKnobs;
typedef struct ChimdevFaults ChimdevFaults;
typedef struct ChimdevRefusals ChimdevRefusals;
typedef struct ChimdevAccount ChimdevAccount;
typedef struct ChimdevFences ChimdevFences;
typedef struct ChimdevFilter ChimdevFilter;
typedef struct ChimdevRss ChimdevRss;
typedef struct ChimdevGather ChimdevGather;

/* A CQ and the entries that wait for room in it. The admin CQ is one too. */
typedef struct ChimdevCq {
    ChimdevState *s;
    ChimdevRing *ring;
    QSIMPLEQ_HEAD(, ChimdevWait) wait;
} ChimdevCq;

struct ChimdevPair {
    ChimdevState *s;
    unsigned nr;
    ChimdevRing *ring[CHIM_RING_KINDS]; /* admin.c */
    ChimdevCq cq;                       /* cq.c */
    bool sq_awake, tx_awake;            /* run.c */
    ChimdevPass sq_pass, tx_pass;
    unsigned conns;                     /* TCP; initiate.c and terminate.c */
    QTAILQ_HEAD(, ChimdevInd) inds;     /* accept.c */
    QSIMPLEQ_HEAD(, ChimdevRxWait) rx_wait;     /* rx.c */
    uint32_t rx_wait_bytes, rx_wait_markers;
    uint32_t send_run;                  /* completions in a row, target.c */
    uint32_t forward_run;               /* the same, sq.c */
    /* interrupt moderation, irq.c */
    uint32_t usecs, frames;
    uint32_t irq_entries;               /* entries put off so far */
    int64_t irq_deadline;               /* or INT64_MAX */
};

enum chimdev_layer {
    CHIMDEV_LAYER_NONE, CHIMDEV_LAYER_NEIGHBOR, CHIMDEV_LAYER_PATH,
    CHIMDEV_LAYER_TCP,
};

/* The device's own counters; the engine keeps the others. */
typedef struct ChimdevStats {
    struct chim_nic_stats nic;          /* in host order until reported */
    struct chim_case_stats cases;
} ChimdevStats;

struct ChimdevState {
    PCIDevice parent_obj;

    /* properties, fixed at realize */
    NICConf conf;
    uint32_t npairs;
    uint32_t max_conns, max_paths, max_neighbors;
    char *pcapng;
    uint32_t pcapng_snaplen;
    char *terminate_sends;
    uint32_t ip_id_start;
    uint32_t dma_bits;
    uint64_t max_bytes;

    ChimdevAccount *account;            /* memory.c, by purpose */

    /* pci.c */
    MemoryRegion bar;
    QEMUBH *bh;
    VMChangeStateEntry *vmstate;
    bool unplugged;                     /* no PCI device any more */

    /* run.c */
    QEMUTimer *timer;
    bool busy;                          /* between enter and leave */
    bool reset_pending;                 /* after the run; also pci.c */
    bool again;                         /* another run; set by any file */

    /* mmio.c */
    uint32_t drv_features[2];
    uint32_t ctrl, status;
    uint32_t scratch;
    uint32_t admin_reg[9];              /* ADMIN_SQ_LO .. ADMIN_SIZE */
    struct {                            /* core.c */
        uint32_t cause, ring, index, rule;
        uint64_t addr;
    } fatal;

    uint32_t isr;                       /* irq.c */

    /* admin pair: admin.c */
    ChimdevRing *admin_sq;
    ChimdevCq admin_cq;
    bool admin_awake;
    ChimdevPass admin_pass;
    bool link_event;                    /* to be reported, newest state */
    uint32_t mtu;
    uint16_t vlan[CHIMDEV_MAX_VLANS];
    unsigned nvlans;

    ChimdevPair pair[CHIM_PAIRS_LIMIT];

    /* target.c */
    struct toe *toe;
    struct toe_params *defaults;
    QLIST_HEAD(, ChimdevReq) reqs;      /* req.c */

    /* handle.c */
    ChimdevObj *obj;
    ChimdevObj *obj_free;               /* linked by parent */
    unsigned nobj;
    unsigned count[CHIMDEV_LAYER_TCP + 1];

    QTAILQ_HEAD(, ChimdevOp) ops;       /* op.c */
    unsigned nops;
    uint64_t offloads;                  /* initiate.c: for the capture */
    ChimdevKnobs *knobs;                /* knobs.c */
    ChimdevFaults *faults;              /* faults.c */
    ChimdevRefusals *refusals;          /* refusal.c */

    ChimdevFences *fences;              /* fence.c */
    QLIST_HEAD(, ChimdevObj) held;      /* windows that a fence holds */

    /* nic.c */
    NICState *nic;
    bool has_vnet;                      /* backends speak virtio_net_hdr */
    unsigned nqueues;
    /* nic_out.c */
    unsigned backend_busy[CHIM_PAIRS_LIMIT];    /* frames queued */
    int64_t busy_since[CHIM_PAIRS_LIMIT];       /* no frame taken since */
    /* nic.c again */
    bool rx_refused;                    /* a backend was told to wait */
    QSIMPLEQ_HEAD(, ChimdevRxWait) deferred;    /* came during a run */
    unsigned ndeferred;
    uint32_t deferred_bytes;

    ChimdevFilter *filter;              /* filter.c */
    ChimdevRss *rss;                    /* rss.c */
    ChimdevGather *gather;              /* payload.c, nic_out.c */
    ChimdevStats stats;
    ChimdevCapture *capture;
};

#endif /* CHIMDEV_H */
