/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What all sockets together may take.
 */
#ifndef CHIMDRV_COMPAT_MEMORY_H
#define CHIMDRV_COMPAT_MEMORY_H

#include <net/tcp.h>
#include "compat_probe.h"

#if CHIMDRV_HAS_PROTO_MEMORY
#include <net/proto_memory.h>
#endif

#endif /* CHIMDRV_COMPAT_MEMORY_H */
