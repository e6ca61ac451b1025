/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chimdev.h - the device's state and what its files offer one another.
 *
 * Everything runs under QEMU's big lock and inside one "run" at a time
 * (chimdev.c: chimdev_enter, chimdev_leave): a bottom half, the timer, the
 * reception of a frame, or the write of a register. A run neither nests nor
 * blocks; a reset that comes inside one is put off to its end, and what an
 * unplugging frees until its callers have returned. Guest memory is
 * read once into local copies; no pointer into it outlives a run. Each part of
 * the state names the file that writes it.
 */
#ifndef CHIMDEV_H
#define CHIMDEV_H

#include "hw/pci/pci_device.h"
#include "net/net.h"
#include "qemu/queue.h"
#include "qemu/timer.h"
#include "chimney_abi.h"
#include "toe.h"
#include "ring.h"

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

/* Where in the guest's memory a thing came from, for the fatal registers. */
typedef struct ChimdevAt {
    uint32_t ring;
    uint32_t index;
    uint32_t rule;
} ChimdevAt;

/* A command as fetched from a ring, its scatter list gathered. */
typedef struct ChimdevCmd {
    struct chim_sqe e;
    ChimdevAt at;
    unsigned nsge;                      /* up to the first of length 0 */
    uint64_t bytes;                     /* sum of their lengths */
    bool wraps;                         /* one of them passes 2^64 */
    struct chim_sge sge[CHIMDEV_MAX_SGE];
} ChimdevCmd;

/* How a pass over a ring to device ended. */
typedef enum ChimdevPass {
    CHIMDEV_PASS_EMPTY,                 /* everything published is consumed */
    CHIMDEV_PASS_MORE,                  /* the budget is used up */
    CHIMDEV_PASS_BLOCKED,               /* something else must happen first */
} ChimdevPass;

typedef struct ChimdevPair ChimdevPair;
typedef struct ChimdevObj ChimdevObj;
typedef struct ChimdevOp ChimdevOp;
typedef struct ChimdevCapture ChimdevCapture;
typedef struct ChimdevKnobs ChimdevKnobs;
typedef struct ChimdevFaults ChimdevFaults;

/* A request of the guest in the engine's hands; owned by io.c. */
typedef struct ChimdevReq {
    struct toe_req req;                 /* first: the engine hands this back */
    QLIST_ENTRY(ChimdevReq) next;
    ChimdevAt at;
    unsigned nsge;
    unsigned hint;                      /* element used last ... */
    uint32_t hint_off;                  /* ... and where it begins */
    struct chim_sge sge[];
} ChimdevReq;

/* An indication not settled yet, in CQ order; owned by accept.c. */
typedef struct ChimdevInd {
    QTAILQ_ENTRY(ChimdevInd) next;
    uint32_t cq_index;
    uint32_t handle;
    uint32_t number;
    uint32_t len;
} ChimdevInd;

/* A completion that waits for room on its ring; owned by cq.c. */
typedef struct ChimdevWait {
    QSIMPLEQ_ENTRY(ChimdevWait) next;
    struct chim_cqe cqe;
    ChimdevOp *op;                      /* told when it is published */
} ChimdevWait;

/* struct chim_vnet_hdr in host order, without the number of buffers. */
typedef struct ChimdevVnet {
    uint8_t flags, gso_type;
    uint16_t hdr_len, gso_size, csum_start, csum_offset;
} ChimdevVnet;

/* A received frame, or a CUTOVER, that waits for buffers; owned by rx.c. */
typedef struct ChimdevRxWait {
    QSIMPLEQ_ENTRY(ChimdevRxWait) next;
    ChimdevVnet vnet;
    uint32_t hash;
    uint32_t hash_flags;
    uint64_t cookie;                    /* CUTOVER */
    uint32_t len;                       /* 0: a CUTOVER */
    uint8_t data[];
} ChimdevRxWait;

/* A CQ with what waits for it. The admin CQ is one as well. */
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
    uint32_t forward_run;               /* the same, io.c */
    /* interrupt moderation, irq.c */
    uint32_t usecs, frames;
    uint32_t irq_entries;               /* entries put off so far */
    int64_t irq_deadline;               /* or INT64_MAX */
};

/* An offloaded object; owned by handle.c. */
struct ChimdevObj {
    uint8_t layer;                      /* enum chimdev_layer; 0: free */
    bool ipv6;
    bool stopping;                      /* TERMINATE has begun */
    uint16_t generation;
    uint32_t handle;
    uint64_t cookie;
    ChimdevObj *parent;
    unsigned deps;
    ChimdevPair *pair;                  /* TCP */
    ChimdevOp *op;                      /* the operation that runs on it */
    union {
        struct toe_neigh *neigh;
        struct toe_path *path;
        struct toe_conn *conn;
        void *any;
    } u;
    uint64_t number;                    /* TCP: its name in the capture ... */
    uint16_t local_port, remote_port;   /* ... and its ports there */
    bool sends_completed;               /* TCP: some by UPLOAD_IN_PROGRESS */
    bool held;                          /* TCP: its window, by the fence ... */
    uint32_t held_by;                   /* ... of this id; fence.c */
    QLIST_ENTRY(ChimdevObj) held_next;
    uint16_t vlan_id;                   /* neighbor */
    uint8_t src_mac[6];                 /* neighbor; zero: the interface's */
};

enum chimdev_layer {
    CHIMDEV_LAYER_NONE, CHIMDEV_LAYER_NEIGHBOR, CHIMDEV_LAYER_PATH,
    CHIMDEV_LAYER_TCP,
};

/* What host memory is held for; memory.c. */
enum chimdev_memory {
    CHIMDEV_MEM_ENGINE,                 /* connections, received bytes */
    CHIMDEV_MEM_REQUESTS,
    CHIMDEV_MEM_LISTS,                  /* of state operations under way */
    CHIMDEV_MEM_KINDS,
};

typedef struct ChimdevAccount {
    uint64_t used, limit;               /* bytes */
} ChimdevAccount;

/* Counters that are the device's own; the engine has the others. */
typedef struct ChimdevStats {
    struct chim_nic_stats nic;          /* in host order until reported */
    struct chim_case_stats cases;
} ChimdevStats;

/* Receive filter and steering; written by filter.c. */
typedef struct ChimdevFilter {
    uint32_t flags;                     /* enum chim_rx_mode_flags */
    unsigned uni_count, multi_count;
    uint8_t mac[CHIM_MAC_LIST_MAX][6];
    uint8_t src_mac[CHIMDEV_MAX_SRC_MACS][6];   /* of neighbors */
    unsigned src_mac_refs[CHIMDEV_MAX_SRC_MACS];
    uint32_t table_len;
    uint8_t table[CHIM_RSS_TABLE_MAX];
    uint32_t toeplitz[36][256];         /* contribution of each input byte */
} ChimdevFilter;

/* A frame to send, put together for one call of the backend; payload.c. */
typedef struct ChimdevGather {
    struct iovec iov[CHIMDEV_MAX_IOV];
    unsigned niov;
    struct {
        void *p;
        dma_addr_t len;
    } map[CHIMDEV_MAX_IOV];
    unsigned nmap;
    size_t len;                         /* bytes in all */
    size_t used;                        /* of arena */
    bool linear;                        /* everything goes into arena */
    uint8_t arena[CHIMDEV_MAX_FRAME + 2048];
} ChimdevGather;

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

    ChimdevAccount account[CHIMDEV_MEM_KINDS];  /* memory.c */

    /* chimdev.c */
    NICState *nic;
    MemoryRegion bar;
    QEMUBH *bh;
    QEMUTimer *timer;
    VMChangeStateEntry *vmstate;
    bool busy;                          /* between enter and leave */
    bool reset_pending;                 /* as soon as that ends */
    bool unplugged;                     /* no PCI device any more */
    bool again;                         /* the run asks for another one */

    /* mmio.c */
    uint32_t drv_features[2];
    uint32_t ctrl, status;
    uint32_t scratch;
    uint32_t admin_reg[9];              /* ADMIN_SQ_LO .. ADMIN_SIZE */
    struct {
        uint32_t cause, ring, index, rule;
        uint64_t addr;
    } fatal;

    uint32_t isr;                       /* irq.c */

    /* admin pair: admin.c */
    ChimdevRing *admin_sq;
    ChimdevCq admin_cq;
    bool admin_awake;
    ChimdevPass admin_pass;
    bool link_event;                    /* to be told, with the newest state */
    uint32_t mtu;
    uint16_t vlan[CHIMDEV_MAX_VLANS];
    unsigned nvlans;

    ChimdevPair pair[CHIM_PAIRS_LIMIT];

    /* target.c */
    struct toe *toe;
    struct toe_params defaults;
    QLIST_HEAD(, ChimdevReq) reqs;

    /* handle.c */
    ChimdevObj *obj;
    ChimdevObj *obj_free;               /* linked by parent */
    unsigned nobj;
    unsigned count[CHIMDEV_LAYER_TCP + 1];

    QTAILQ_HEAD(, ChimdevOp) ops;       /* stateop.c */
    unsigned nops;
    ChimdevKnobs *knobs;
    ChimdevFaults *faults;
    uint64_t offloads;                  /* a number for the capture */

    struct {                            /* fence.c */
        uint32_t id, count;
    } fence[CHIMDEV_MAX_FENCES], late[CHIMDEV_MAX_FENCES];
    unsigned nfences, nlate;
    QLIST_HEAD(, ChimdevObj) held;      /* windows that a fence holds */

    /* nic.c */
    bool has_vnet;                      /* backends speak virtio_net_hdr */
    unsigned nqueues;
    unsigned backend_busy[CHIM_PAIRS_LIMIT];    /* frames queued */
    int64_t busy_since[CHIM_PAIRS_LIMIT];       /* no frame taken since */
    bool rx_refused;                    /* a backend was told to wait */
    QSIMPLEQ_HEAD(, ChimdevRxWait) deferred;    /* came during a run */
    unsigned ndeferred;
    uint32_t deferred_bytes;

    ChimdevFilter filter;
    ChimdevGather gather;
    ChimdevStats stats;
    ChimdevCapture *capture;
};

/* chimdev.c */
int64_t chimdev_now(ChimdevState *s);
void chimdev_kick(ChimdevState *s);
bool chimdev_enter(ChimdevState *s);
void chimdev_leave(ChimdevState *s);
bool chimdev_alive(const ChimdevState *s);
bool chimdev_may_dma(const ChimdevState *s);
void chimdev_reset(ChimdevState *s);
void chimdev_fatal(ChimdevState *s, uint32_t cause, const ChimdevAt *at,
                   uint64_t addr);
bool chimdev_link_up(ChimdevState *s);
static inline bool chimdev_has_feature(const ChimdevState *s, unsigned bit)
{
    return s->drv_features[bit / 32] >> (bit % 32) & 1;
}

/* run.c: one pass over everything that may have work */
void chimdev_run(ChimdevState *s);
bool chimdev_pair_usable(const ChimdevPair *p);

/* mmio.c */
extern const MemoryRegionOps chimdev_mmio_ops;
void chimdev_mmio_reset(ChimdevState *s);
uint64_t chimdev_features(const ChimdevState *s);

/* irq.c */
void chimdev_irq_raise(ChimdevState *s, unsigned vector);
void chimdev_irq_update(ChimdevState *s);
void chimdev_irq_count(ChimdevPair *p, uint32_t entries, bool want);
void chimdev_irq_expire(ChimdevState *s, int64_t now);
int64_t chimdev_irq_deadline(const ChimdevState *s);
void chimdev_irq_reset(ChimdevState *s);

/* cq.c */
void chimdev_cq_init(ChimdevCq *cq, ChimdevState *s);
void chimdev_cq_fini(ChimdevCq *cq);
bool chimdev_cq_ready(ChimdevCq *cq);
uint32_t chimdev_cq_post(ChimdevCq *cq, const struct chim_cqe *e);
void chimdev_cq_post_or_wait(ChimdevCq *cq, const struct chim_cqe *e,
                             ChimdevOp *op);
void chimdev_cq_drain(ChimdevCq *cq);

/* admin.c */
bool chimdev_admin_enable(ChimdevState *s);
void chimdev_admin_init(ChimdevState *s);
ChimdevPass chimdev_admin_run(ChimdevState *s);
void chimdev_admin_complete(ChimdevState *s, uint64_t cookie, uint32_t status,
                            uint32_t info);
void chimdev_admin_link(ChimdevState *s);
void chimdev_admin_reset(ChimdevState *s);
ChimdevRing *chimdev_ring_by_id(ChimdevState *s, uint32_t id);

/* stats.c */
void chimdev_stats_get(ChimdevState *s, struct chim_stats *out);
void chimdev_stats_reset(ChimdevState *s, uint32_t sets);

/* filter.c */
void chimdev_filter_reset(ChimdevState *s);
uint32_t chimdev_filter_set_mode(ChimdevState *s, const struct chim_rx_mode *m);
uint32_t chimdev_filter_set_rss(ChimdevState *s, const struct chim_rss *r);
const uint8_t *chimdev_filter_mac(const ChimdevState *s);
bool chimdev_filter_accepts(const ChimdevState *s, const uint8_t *frame,
                            bool *ours);
bool chimdev_filter_add_src(ChimdevState *s, const uint8_t *mac);
void chimdev_filter_del_src(ChimdevState *s, const uint8_t *mac);
uint32_t chimdev_filter_hash(const ChimdevState *s, const uint8_t *frame,
                             uint32_t len, uint32_t *flags);
ChimdevPair *chimdev_filter_steer(ChimdevState *s, uint32_t hash);

/* nic.c: the port to QEMU's net layer; tx.c and rx.c sit on it */
void chimdev_nic_init(ChimdevState *s);
void chimdev_nic_fini(ChimdevState *s);
void chimdev_nic_reset(ChimdevState *s);
void chimdev_nic_set_offloads(ChimdevState *s);
bool chimdev_nic_busy(const ChimdevState *s, unsigned pair);
bool chimdev_nic_stalled(const ChimdevState *s, unsigned pair, int64_t before);
int64_t chimdev_nic_first_stall(const ChimdevState *s);
enum chimdev_origin {
    CHIMDEV_FROM_HOST, CHIMDEV_FROM_TARGET, CHIMDEV_RECEIVED,
};
ChimdevGather *chimdev_nic_begin(ChimdevState *s, const ChimdevVnet *vnet);
void chimdev_nic_send(ChimdevState *s, unsigned pair, enum chimdev_origin from,
                      const ChimdevVnet *vnet);
void chimdev_nic_take_deferred(ChimdevState *s);
void chimdev_nic_resume_rx(ChimdevState *s);

/* tx.c */
ChimdevPass chimdev_tx_run(ChimdevPair *p);

/* rx.c */
void chimdev_rx_frame(ChimdevState *s, const ChimdevVnet *vnet,
                      const uint8_t *data, uint32_t len);
void chimdev_rx_cutover(ChimdevState *s, uint32_t hash, uint64_t cookie);
void chimdev_rx_drain(ChimdevPair *p);
bool chimdev_rx_full(const ChimdevPair *p);
bool chimdev_rx_cutover_room(const ChimdevPair *p);
bool chimdev_rx_possible(ChimdevState *s, const uint8_t *data, uint32_t len);
void chimdev_rx_reset(ChimdevPair *p);

/* soft.c: what backends without virtio_net_hdr cannot do */
bool chimdev_soft_csum_ok(const uint8_t *frame, uint32_t len);
bool chimdev_soft_finish_csum(uint8_t *frame, uint32_t len, uint16_t start,
                              uint16_t offset);
typedef void ChimdevSoftEmit(void *opaque, const uint8_t *frame, size_t len);
bool chimdev_soft_segment(const ChimdevVnet *vnet, const uint8_t *frame,
                          uint32_t len, ChimdevSoftEmit *emit, void *opaque);

/* payload.c */
bool chimdev_dma_read(ChimdevState *s, const ChimdevAt *at, uint64_t addr,
                      void *buf, uint64_t len);
bool chimdev_dma_write(ChimdevState *s, const ChimdevAt *at, uint64_t addr,
                       const void *buf, uint64_t len);
bool chimdev_dma_ld32(ChimdevState *s, const ChimdevAt *at, uint64_t addr,
                      uint32_t *v);
bool chimdev_dma_st32(ChimdevState *s, const ChimdevAt *at, uint64_t addr,
                      uint32_t v);
void chimdev_gather_start(ChimdevGather *g, bool linear);
void *chimdev_gather_reserve(ChimdevGather *g, size_t len);
bool chimdev_gather_guest(ChimdevState *s, ChimdevGather *g,
                          const ChimdevAt *at, uint64_t addr, uint32_t len);
void chimdev_gather_done(ChimdevState *s, ChimdevGather *g);
bool chimdev_gather_req(ChimdevState *s, ChimdevGather *g, ChimdevReq *r,
                        uint32_t off, uint32_t len);
bool chimdev_req_write(ChimdevState *s, ChimdevReq *r, uint32_t off,
                       const uint8_t *src, uint32_t len);
bool chimdev_sges_read(ChimdevState *s, const ChimdevAt *at,
                       const struct chim_sge *sge, unsigned nsge,
                       uint64_t off, void *buf, uint64_t len);
bool chimdev_sges_write(ChimdevState *s, const ChimdevAt *at,
                        const struct chim_sge *sge, unsigned nsge,
                        uint64_t off, const void *buf, uint64_t len);

/* memory.c: zeroed; NULL if there is none, or the account is used up */
void chimdev_memory_init(ChimdevState *s);
void *chimdev_memory_get(ChimdevState *s, enum chimdev_memory what,
                         size_t size);
void chimdev_memory_put(ChimdevState *s, enum chimdev_memory what, void *p,
                        size_t size);

/* clock.c */
void chimdev_clock_init(ChimdevState *s);
void chimdev_clock_arm(ChimdevState *s);
void chimdev_clock_stop(ChimdevState *s);
void chimdev_clock_fini(ChimdevState *s);

/* capture.c */
ChimdevCapture *chimdev_capture_open(const char *path, uint32_t snaplen,
                                     Error **errp);
void chimdev_capture_frame(ChimdevCapture *c, enum chimdev_origin from,
                           const struct iovec *iov, unsigned niov);
void chimdev_capture_comment(ChimdevCapture *c, const char *fmt, ...)
    G_GNUC_PRINTF(2, 3);
void chimdev_capture_flush(ChimdevCapture *c);
void chimdev_capture_close(ChimdevCapture *c);

/* vmstate.c */
extern const VMStateDescription chimdev_vmstate;

#endif /* CHIMDEV_H */
