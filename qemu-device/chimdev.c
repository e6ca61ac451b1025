/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The chimney PCI device: its QOM type and PCI identity.
 *
 * This file owns what QEMU sees of the card as a device (type, class, life
 * cycle). It knows nothing of TCP.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/pci/pci_device.h"
#include "hw/pci/pcie.h"
#include "trace.h"

#define TYPE_CHIMDEV "chimney"
OBJECT_DECLARE_SIMPLE_TYPE(ChimdevState, CHIMDEV)

struct ChimdevState {
    PCIDevice parent_obj;
};

static void chimdev_realize(PCIDevice *pci, Error **errp)
{
    DeviceState *dev = DEVICE(pci);

    if (pci_is_express(pci) && pcie_endpoint_cap_init(pci, 0x80) < 0) {
        error_setg(errp, "chimney: the PCI Express capability does not fit");
        return;
    }
    trace_chimdev_realize(dev->id ? dev->id : "");
}

static void chimdev_exit(PCIDevice *pci)
{
    if (pci_is_express(pci)) {
        pcie_cap_exit(pci);
    }
}

static void chimdev_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(klass);

    pc->realize = chimdev_realize;
    pc->exit = chimdev_exit;
    pc->vendor_id = PCI_VENDOR_ID_REDHAT_QUMRANET;
    pc->device_id = 0x10f7;
    pc->class_id = PCI_CLASS_NETWORK_ETHERNET;
    dc->desc = "chimney TCP offload network card";
    set_bit(DEVICE_CATEGORY_NETWORK, dc->categories);
}

static const TypeInfo chimdev_types[] = {
    {
        .name = TYPE_CHIMDEV,
        .parent = TYPE_PCI_DEVICE,
        .instance_size = sizeof(ChimdevState),
        .class_init = chimdev_class_init,
        .interfaces = (InterfaceInfo[]) {
            { INTERFACE_PCIE_DEVICE },
            { }
        },
    },
};

DEFINE_TYPES(chimdev_types)
