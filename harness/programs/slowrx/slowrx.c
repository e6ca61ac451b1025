// SPDX-License-Identifier: GPL-2.0-only
/*
 * slowrx - a kernel module for one test: it makes one TCP segment in `every` wait for `ms`
 * milliseconds on its way into the kernel's TCP, behind every netfilter hook. A segment that was
 * past the driver's hook when a connection was handed over is then still on its way when the card
 * has the connection, unless the driver has waited for it.
 */
#include <linux/delay.h>
#include <linux/kprobes.h>
#include <linux/module.h>

static unsigned int every = 8;
module_param(every, uint, 0644);
MODULE_PARM_DESC(every, "one segment in so many waits; 0: none");

static unsigned int ms = 8;
module_param(ms, uint, 0644);
MODULE_PARM_DESC(ms, "how long it waits, at most 50");

static atomic_t seen;

static int wait_here(struct kprobe *probe, struct pt_regs *regs)
{
	unsigned int n = READ_ONCE(every);

	if (n && (unsigned int)atomic_inc_return(&seen) % n == 0)
		mdelay(min(READ_ONCE(ms), 50u));
	return 0;
}

static struct kprobe probe = {
	.symbol_name = "tcp_v4_rcv",
	.pre_handler = wait_here,
};

static int __init slowrx_init(void)
{
	return register_kprobe(&probe);
}

static void __exit slowrx_exit(void)
{
	unregister_kprobe(&probe);
}

module_init(slowrx_init);
module_exit(slowrx_exit);
MODULE_DESCRIPTION("delays TCP segments, for a test");
MODULE_LICENSE("GPL");
