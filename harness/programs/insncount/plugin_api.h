/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plugin_api.h - QEMU's interface for plugins, and where its versions differ: 4 is that of QEMU
 * 10.0, 7 that of 11.1. QEMU 11.0 moved the header; since version 7 a callback gets what it was
 * registered with, and no longer the plugin's number.
 */
#ifndef PLUGIN_API_H
#define PLUGIN_API_H

#if __has_include("plugins/qemu-plugin.h")
#include "plugins/qemu-plugin.h"
#else
#include "qemu/qemu-plugin.h"
#endif

typedef void block_fn(struct qemu_plugin_tb *tb);
typedef void forgotten_fn(void);

static block_fn *block_seen;
static forgotten_fn *blocks_forgotten;

#if QEMU_PLUGIN_VERSION >= 7

static void tell_block(struct qemu_plugin_tb *tb, void *opaque)
{
	(void)opaque;
	block_seen(tb);
}

static void tell_forgotten(void *opaque)
{
	(void)opaque;
	blocks_forgotten();
}

#define NOTHING_ELSE , NULL

#else

static void tell_block(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	block_seen(tb);
}

static void tell_forgotten(qemu_plugin_id_t id)
{
	(void)id;
	blocks_forgotten();
}

#define NOTHING_ELSE

#endif

/* Call seen for each block that is translated from now on. */
static void watch_blocks(qemu_plugin_id_t id, block_fn *seen)
{
	block_seen = seen;
	qemu_plugin_register_vcpu_tb_trans_cb(id, tell_block NOTHING_ELSE);
}

/* Drop all translations and callbacks, then call forgotten. */
static void forget_blocks(qemu_plugin_id_t id, forgotten_fn *forgotten)
{
	blocks_forgotten = forgotten;
	qemu_plugin_reset(id, tell_forgotten NOTHING_ELSE);
}

#endif /* PLUGIN_API_H */
