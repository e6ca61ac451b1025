/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qemu_compat.h - where the versions of QEMU that the card is built on differ,
 * each difference with the version that made it. No other file of the device
 * asks for a version; what is patched in QEMU itself is in overlay/.
 */
#ifndef CHIMDEV_QEMU_COMPAT_H
#define CHIMDEV_QEMU_COMPAT_H

#include "net/net.h"
#include "system/runstate.h"

#define QEMU_SINCE(major, minor)                                    \
    (QEMU_VERSION_MAJOR > (major) ||                                \
     (QEMU_VERSION_MAJOR == (major) && QEMU_VERSION_MINOR >= (minor)))

/* 11.0: the headers of the device core moved from hw/ to hw/core/. */
#if QEMU_SINCE(11, 0)
#include "hw/core/qdev-properties.h"
#else
#include "hw/qdev-properties.h"
#endif

/* 10.1: a type's class_init must leave its data as they are. */
#if QEMU_SINCE(10, 1)
typedef const void chimdev_class_data;
#else
typedef void chimdev_class_data;
#endif

/* 10.1: whoever wants to know that the machine runs or stops may fail. */
static inline VMChangeStateEntry *
chimdev_watch_vm_state(DeviceState *dev, VMChangeStateHandler *changed,
                       void *opaque)
{
#if QEMU_SINCE(10, 1)
    return qdev_add_vm_change_state_handler(dev, changed, NULL, opaque);
#else
    return qdev_add_vm_change_state_handler(dev, changed, opaque);
#endif
}

/* 10.2: what a backend may leave to us is one structure, not seven numbers. */
static inline void chimdev_set_offload(NetClientState *backend, bool csum,
                                       bool tso)
{
#if QEMU_SINCE(10, 2)
    NetOffloads offloads = {
        .csum = csum,
        .tso4 = tso,
        .tso6 = tso,
        .ecn = tso,
    };

    qemu_set_offload(backend, &offloads);
#else
    qemu_set_offload(backend, csum, tso, tso, tso, 0, 0, 0);
#endif
}

#endif /* CHIMDEV_QEMU_COMPAT_H */
