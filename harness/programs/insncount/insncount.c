/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * insncount - a TCG plugin that counts the instructions that the guest executes and its accesses to
 * device memory, and says how many it were whenever someone asks, while the guest runs.
 *
 *   -plugin insncount,socket=PATH[,blocks=on]
 *
 * Whoever connects to the UNIX socket and writes "count\n" gets one line, "INSTRUCTIONS READS
 * WRITES". Instructions are added up in the translated code itself, one addition per block and
 * processor, which costs the guest little.
 *
 * An access is seen by a call, and a call for each load and store makes a guest several times
 * slower. So there are two phases: at first every instruction of the kernel that touches memory is
 * watched, and those that reach a device are remembered; "settle\n" ends that phase, everything is
 * translated anew, and only those few are watched. The interrupt controllers and the timer are no
 * devices here.
 *
 * With blocks=on instructions are counted for each block of code as well, and "blocks\n" gets one
 * line for each, "ADDRESS INSTRUCTIONS".
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "plugin_api.h"

/* Linux of x86-64 lives in the upper half; programs in the lower half reach no device. */
#define KERNEL_HALF (1ull << 63)
/* I/O APIC, HPET and local APICs */
#define CHIPSET_FIRST 0xfec00000ull
#define CHIPSET_LAST 0xfeefffffull

enum { PLACES_MAX = 4096, BLOCKS_MAX = 1 << 17, SETTLE_MS = 3000 };

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

struct counts {
	uint64_t insns;
	uint64_t io[2];		/* reads, writes */
};

static struct qemu_plugin_scoreboard *board;
static qemu_plugin_u64 insns, io[2];
static struct qemu_plugin_scoreboard *blocks;	/* NULL: not asked for */
static int ear = -1;

/* Where in the kernel devices are accessed: a hash table. What does not fit is not watched. */
static pthread_mutex_t places_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t places[PLACES_MAX];
/* Where blocks begin, in the order of their counters; likewise. */
static uint64_t starts[BLOCKS_MAX];

enum phase { LEARNING, ASKED, SETTLED };
static _Atomic enum phase phase = LEARNING;
static qemu_plugin_id_t me;

/* The slot that holds the address or could take it; NULL: neither. The table has 2^n slots. */
static uint64_t *find_slot(uint64_t *table, size_t slots, uint64_t pc)
{
	for (size_t i = 0; i < slots; i++) {
		uint64_t *slot = &table[((pc * 0x9e3779b97f4a7c15ull >> 40) + i) % slots];

		if (!*slot || *slot == pc)
			return slot;
	}
	return NULL;
}

static void remember(uint64_t pc)
{
	uint64_t *slot;

	pthread_mutex_lock(&places_lock);
	slot = find_slot(places, PLACES_MAX, pc);
	if (slot)
		*slot = pc;
	pthread_mutex_unlock(&places_lock);
}

static bool is_remembered(uint64_t pc)
{
	uint64_t *slot;
	bool known;

	pthread_mutex_lock(&places_lock);
	slot = find_slot(places, PLACES_MAX, pc);
	known = slot && *slot == pc;
	pthread_mutex_unlock(&places_lock);
	return known;
}

static void on_block(struct qemu_plugin_tb *tb);

/* Called when all translations are gone, and with them every callback. */
static void settle(void)
{
	watch_blocks(me, on_block);
	atomic_store(&phase, SETTLED);
}

static void on_access(unsigned int vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *pc)
{
	struct qemu_plugin_hwaddr *where = qemu_plugin_get_hwaddr(info, vaddr);
	uint64_t at;

	/* Only a processor may ask for the reset. Repeated calls until it happens do no harm. */
	if (atomic_load(&phase) == ASKED)
		forget_blocks(me, settle);
	if (!where || !qemu_plugin_hwaddr_is_io(where))
		return;
	at = qemu_plugin_hwaddr_phys_addr(where);
	if (at >= CHIPSET_FIRST && at <= CHIPSET_LAST)
		return;
	qemu_plugin_u64_add(io[qemu_plugin_mem_is_store(info)], vcpu, 1);
	if (atomic_load(&phase) != SETTLED)
		remember((uint64_t)(uintptr_t)pc);
}

static qemu_plugin_u64 block_counter(const uint64_t *slot)
{
	return (qemu_plugin_u64){ blocks, (size_t)(slot - starts) * sizeof(uint64_t) };
}

static void count_block(struct qemu_plugin_tb *tb, size_t n)
{
	uint64_t *slot;

	pthread_mutex_lock(&places_lock);
	slot = find_slot(starts, BLOCKS_MAX, qemu_plugin_tb_vaddr(tb));
	if (slot)
		*slot = qemu_plugin_tb_vaddr(tb);
	pthread_mutex_unlock(&places_lock);
	if (slot)
		qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64,
								  block_counter(slot), n);
}

static void on_block(struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);

	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64, insns, n);
	if (blocks)
		count_block(tb, n);
	if (qemu_plugin_tb_vaddr(tb) < KERNEL_HALF)
		return;
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t pc = qemu_plugin_insn_vaddr(insn);

		if (atomic_load(&phase) != SETTLED || is_remembered(pc))
			qemu_plugin_register_vcpu_mem_cb(insn, on_access, QEMU_PLUGIN_CB_NO_REGS,
							 QEMU_PLUGIN_MEM_RW, (void *)(uintptr_t)pc);
	}
}

/* ------------------------------------------------------------ the socket */

/* A guest that does nothing still has its timer, so some access comes soon. */
static bool wait_settled(void)
{
	enum phase learning = LEARNING;

	atomic_compare_exchange_strong(&phase, &learning, ASKED);
	for (int i = 0; i < SETTLE_MS && atomic_load(&phase) != SETTLED; i++)
		usleep(1000);
	return atomic_load(&phase) == SETTLED;
}

/* The thread that answers is the only reader, and a slot that is taken never changes. */
static void tell_blocks(int fd)
{
	FILE *out = fdopen(dup(fd), "w");

	for (size_t i = 0; out && blocks && i < BLOCKS_MAX; i++) {
		if (starts[i])
			fprintf(out, "%" PRIx64 " %" PRIu64 "\n", starts[i],
				qemu_plugin_u64_sum(block_counter(&starts[i])));
	}
	if (out)
		fclose(out);
}

static void serve(int fd)
{
	struct timeval patience = { .tv_sec = 5 };
	char line[80];
	ssize_t n;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	n = recv(fd, line, sizeof(line) - 1, 0);
	if (n <= 0)
		return;
	line[n] = 0;
	if (!strcmp(line, "blocks\n")) {
		tell_blocks(fd);
		return;
	}
	if (!strcmp(line, "settle\n") ? !wait_settled() : strcmp(line, "count\n"))
		return;
	n = snprintf(line, sizeof(line), "%" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
		     qemu_plugin_u64_sum(insns), qemu_plugin_u64_sum(io[0]),
		     qemu_plugin_u64_sum(io[1]));
	if (send(fd, line, (size_t)n, MSG_NOSIGNAL) != n)
		fprintf(stderr, "insncount: send: %s\n", strerror(errno));
}

/* Answers until QEMU ends, and the thread with it. */
static void *answer(void *unused)
{
	(void)unused;
	for (;;) {
		int fd = accept(ear, NULL, NULL);

		if (fd < 0 && errno != EINTR)
			return NULL;
		if (fd >= 0) {
			serve(fd);
			close(fd);
		}
	}
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	pthread_t thread;

	if (strlen(path) >= sizeof(address.sun_path)) {
		fprintf(stderr, "insncount: the path of the socket is too long: %s\n", path);
		return -1;
	}
	strcpy(address.sun_path, path);
	unlink(path);
	ear = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (ear < 0 || bind(ear, (struct sockaddr *)&address, sizeof(address)) || listen(ear, 4) ||
	    pthread_create(&thread, NULL, answer, NULL)) {
		fprintf(stderr, "insncount: %s: %s\n", path, strerror(errno));
		return -1;
	}
	pthread_detach(thread);
	return 0;
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
					   char **argv)
{
	bool want_blocks = argc == 2 && !strcmp(argv[1], "blocks=on");

	(void)info;
	if (argc < 1 || argc > 1 + want_blocks || strncmp(argv[0], "socket=", 7)) {
		fprintf(stderr, "insncount: the options are socket=PATH and blocks=on\n");
		return -1;
	}
	if (want_blocks)
		blocks = qemu_plugin_scoreboard_new(BLOCKS_MAX * sizeof(uint64_t));
	me = id;
	board = qemu_plugin_scoreboard_new(sizeof(struct counts));
	insns = qemu_plugin_scoreboard_u64_in_struct(board, struct counts, insns);
	io[0] = qemu_plugin_scoreboard_u64_in_struct(board, struct counts, io[0]);
	io[1] = qemu_plugin_scoreboard_u64_in_struct(board, struct counts, io[1]);
	watch_blocks(id, on_block);
	return listen_at(argv[0] + 7);
}
