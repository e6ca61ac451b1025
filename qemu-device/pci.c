/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pci.c - the chimney PCI device as QEMU sees it: type, properties, PCI
 * capabilities, life cycle.
 *
 * It knows neither TCP nor the contents of rings.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qemu/main-loop.h"
#include "qapi/error.h"
#include "hw/pci/msix.h"
#include "hw/pci/pcie.h"
#include "hw/pci/pcie_aer.h"
#include "system/runstate.h"
#include "system/system.h"
#include "commands/admin.h"
#include "commands/knobs.h"
#include "core/chimdev.h"
#include "core/core.h"
#include "core/faults.h"
#include "core/irq.h"
#include "core/memory.h"
#include "core/qemu_compat.h"
#include "core/refusal.h"
#include "data/target.h"
#include "objects/fence.h"
#include "port/capture.h"
#include "port/filter.h"
#include "port/rss.h"
#include "rings/payload.h"
#include "mmio.h"
#include "nic.h"
#include "run.h"
#include "vmstate.h"
#include "trace.h"

enum {
    CAP_PM = 0x40,
    CAP_EXPRESS = 0x80,
    CAP_AER = 0x100,
    AER_SIZE = 0x40,
};

static void bh_run(void *opaque)
{
    chimdev_run(opaque);
}

static void vm_state_changed(void *opaque, bool running, RunState state)
{
    if (running) {
        chimdev_kick(opaque);
    }
}

static void chimdev_reset_hold(Object *obj, ResetType type)
{
    chimdev_reset(CHIMDEV(obj));
}

/* ---------------------------------------- PCI */

static unsigned power_state(PCIDevice *pci)
{
    return pci_get_word(pci->config + CAP_PM + PCI_PM_CTRL) &
           PCI_PM_CTRL_STATE_MASK;
}

static void chimdev_write_config(PCIDevice *pci, uint32_t addr, uint32_t val,
                                 int len)
{
    ChimdevState *s = CHIMDEV(pci);
    unsigned before = power_state(pci);

    pci_default_write_config(pci, addr, val, len);
    if (pci_is_express(pci)) {
        pcie_cap_flr_write_config(pci, addr, val, len);
        pcie_aer_write_config(pci, addr, val, len);
    }
    if (!before && power_state(pci)) {
        chimdev_reset(s);       /* LIFE-D1: leaving D0 */
    }
}

static bool init_power(PCIDevice *pci, Error **errp)
{
    if (pci_pm_init(pci, CAP_PM, errp) < 0) {
        return false;
    }
    pci_set_word(pci->config + CAP_PM + PCI_PM_PMC, PCI_PM_CAP_VER_1_1);
    pci_set_word(pci->wmask + CAP_PM + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK);
    return true;
}

static bool init_express(PCIDevice *pci, Error **errp)
{
    if (!pci_is_express(pci)) {
        return true;
    }
    if (pcie_endpoint_cap_init(pci, CAP_EXPRESS) < 0) {
        error_setg(errp, "chimney: the PCI Express capability does not fit");
        return false;
    }
    pcie_cap_flr_init(pci);
    pcie_cap_deverr_init(pci);
    return pcie_aer_init(pci, PCI_ERR_VER, CAP_AER, AER_SIZE, errp) >= 0;
}

static void exit_express(PCIDevice *pci)
{
    if (pci_is_express(pci)) {
        pcie_aer_exit(pci);
        pcie_cap_exit(pci);
    }
}

static bool init_msix(PCIDevice *pci, Error **errp)
{
    unsigned vectors = 1 + CHIMDEV(pci)->npairs;

    if (msix_init_exclusive_bar(pci, vectors, CHIM_BAR_MSIX, errp) < 0) {
        return false;
    }
    for (unsigned v = 0; v < vectors; v++) {
        msix_vector_use(pci, v);
    }
    return true;
}

/* ---------------------------------------- life */

static bool check_properties(ChimdevState *s, Error **errp)
{
    if (!s->npairs || s->npairs > CHIM_PAIRS_LIMIT) {
        error_setg(errp, "chimney: pairs must be 1 to %d", CHIM_PAIRS_LIMIT);
        return false;
    }
    if (s->conf.peers.queues > CHIM_PAIRS_LIMIT) {
        error_setg(errp, "chimney: the netdev has %d queues, %d are possible",
                   s->conf.peers.queues, CHIM_PAIRS_LIMIT);
        return false;
    }
    if (!s->max_conns || !s->max_paths || !s->max_neighbors ||
        s->max_conns + s->max_paths + s->max_neighbors > 0xffff) {
        error_setg(errp, "chimney: max-conns, x-max-paths and x-max-neighbors "
                   "must be 1 at least and 65535 at most together");
        return false;
    }
    if (s->dma_bits < 24 || s->dma_bits > 64) {
        error_setg(errp, "chimney: x-dma-bits must be 24 to 64");
        return false;
    }
    if (s->ip_id_start &&
        (s->ip_id_start < 0x8000 || s->ip_id_start > 0xffff)) {
        error_setg(errp, "chimney: x-ip-id-start must be 0x8000 to 0xffff");
        return false;
    }
    return true;
}

static void chimdev_realize(PCIDevice *pci, Error **errp)
{
    ChimdevState *s = CHIMDEV(pci);
    DeviceState *dev = DEVICE(pci);

    if (!check_properties(s, errp) || !chimdev_knobs_parse(s, errp)) {
        return;
    }
    pci->config[PCI_INTERRUPT_PIN] = 1;
    pci->config_write = chimdev_write_config;
    memory_region_init_io(&s->bar, OBJECT(s), &chimdev_mmio_ops, s,
                          "chimney-regs", CHIM_BAR_REGS_SIZE);
    pci_register_bar(pci, CHIM_BAR_REGS, PCI_BASE_ADDRESS_SPACE_MEMORY,
                     &s->bar);
    if (!init_power(pci, errp) || !init_msix(pci, errp)) {
        return;
    }
    if (!init_express(pci, errp)) {
        goto no_express;
    }
    if (s->pcapng) {
        s->capture = chimdev_capture_open(s->pcapng, s->pcapng_snaplen, errp);
        if (!s->capture) {
            goto no_capture;
        }
    }
    chimdev_memory_limit(s);
    if (!chimdev_target_init(s, errp)) {
        goto no_target;
    }
    chimdev_admin_init(s);
    s->bh = qemu_bh_new_guarded(bh_run, s, &dev->mem_reentrancy_guard);
    chimdev_run_init(s);
    chimdev_nic_init(s);
    s->vmstate = chimdev_watch_vm_state(dev, vm_state_changed, s);
    chimdev_reset(s);
    trace_chimdev_realize(dev->id ? dev->id : "", s->npairs, s->has_vnet);
    return;

no_target:
    chimdev_capture_close(s->capture);
no_capture:
    exit_express(pci);
no_express:
    msix_unuse_all_vectors(pci);
    msix_uninit_exclusive_bar(pci);
}

/* The card is no longer a PCI device: free everything that it works on. */
static void bury(void *opaque)
{
    ChimdevState *s = opaque;

    if (s->busy) {              /* some other device waits inside our run */
        aio_bh_schedule_oneshot(qemu_get_aio_context(), bury, s);
        return;
    }
    chimdev_forget(s);
    qemu_del_vm_change_state_handler(s->vmstate);
    chimdev_nic_fini(s);
    qemu_bh_delete(s->bh);
    chimdev_run_fini(s);
    chimdev_target_fini(s);
    chimdev_capture_close(s->capture);
    object_unref(OBJECT(s));
}

/*
 * Our own DMA or message may have unplugged us. The run under way holds rings
 * and operations, and its callers hold our memory: free it only after all have
 * returned. Until then nothing leaves the device, as before a reset.
 */
static void chimdev_exit(PCIDevice *pci)
{
    ChimdevState *s = CHIMDEV(pci);

    chimdev_irq_reset(s);
    exit_express(pci);
    msix_unuse_all_vectors(pci);
    msix_uninit_exclusive_bar(pci);
    object_ref(OBJECT(s));
    s->unplugged = true;
    if (s->busy) {
        s->reset_pending = true;
        aio_bh_schedule_oneshot(qemu_get_aio_context(), bury, s);
    } else {
        bury(s);
    }
}

static const Property chimdev_properties[] = {
    DEFINE_NIC_PROPERTIES(ChimdevState, conf),
    DEFINE_PROP_UINT32("pairs", ChimdevState, npairs, CHIM_PAIRS_LIMIT),
    DEFINE_PROP_UINT32("max-conns", ChimdevState, max_conns, 16384),
    DEFINE_PROP_UINT32("x-max-paths", ChimdevState, max_paths, 4096),
    DEFINE_PROP_UINT32("x-max-neighbors", ChimdevState, max_neighbors, 1024),
    DEFINE_PROP_STRING("x-pcapng", ChimdevState, pcapng),
    DEFINE_PROP_UINT32("x-pcapng-snaplen", ChimdevState, pcapng_snaplen, 0),
    DEFINE_PROP_STRING("x-terminate-sends", ChimdevState, terminate_sends),
    DEFINE_PROP_UINT32("x-ip-id-start", ChimdevState, ip_id_start, 0),
    DEFINE_PROP_UINT32("x-dma-bits", ChimdevState, dma_bits, 64),
    DEFINE_PROP_SIZE("x-max-bytes", ChimdevState, max_bytes, 4 * GiB),
};

static void chimdev_instance_init(Object *obj)
{
    ChimdevState *s = CHIMDEV(obj);

    device_add_bootindex_property(obj, &s->conf.bootindex, "bootindex",
                                  "/ethernet@0", DEVICE(obj));
    chimdev_memory_init(s);
    chimdev_gather_init(s);
    chimdev_fence_init(s);
    chimdev_filter_init(s);
    chimdev_rss_init(s);
    chimdev_knobs_init(s);
    chimdev_fault_init(s);
    chimdev_refusals_init(s);
}

static void chimdev_instance_finalize(Object *obj)
{
    ChimdevState *s = CHIMDEV(obj);

    chimdev_refusals_fini(s);
    chimdev_fault_fini(s);
    chimdev_knobs_fini(s);
    chimdev_rss_fini(s);
    chimdev_filter_fini(s);
    chimdev_fence_fini(s);
    chimdev_gather_fini(s);
    chimdev_memory_fini(s);
}

static void chimdev_class_init(ObjectClass *klass, chimdev_class_data *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(klass);
    ResettableClass *rc = RESETTABLE_CLASS(klass);

    pc->realize = chimdev_realize;
    pc->exit = chimdev_exit;
    pc->vendor_id = CHIM_PCI_VENDOR;
    pc->device_id = CHIM_PCI_DEVICE;
    pc->revision = CHIM_PCI_REVISION;
    pc->class_id = PCI_CLASS_NETWORK_ETHERNET;
    rc->phases.hold = chimdev_reset_hold;
    dc->desc = "chimney TCP offload network card";
    dc->vmsd = &chimdev_vmstate;
    device_class_set_props(dc, chimdev_properties);
    chimdev_knobs_properties(klass);
    chimdev_fault_property(klass);
    chimdev_refusals_property(klass);
    set_bit(DEVICE_CATEGORY_NETWORK, dc->categories);
}

static const TypeInfo chimdev_types[] = {
    {
        .name = TYPE_CHIMDEV,
        .parent = TYPE_PCI_DEVICE,
        .instance_size = sizeof(ChimdevState),
        .instance_init = chimdev_instance_init,
        .instance_finalize = chimdev_instance_finalize,
        .class_init = chimdev_class_init,
        .interfaces = (InterfaceInfo[]) {
            { INTERFACE_PCIE_DEVICE },
            { }
        },
    },
};

DEFINE_TYPES(chimdev_types)
