/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * insncount - a TCG plugin that counts the instructions that the guest executes, and says how many it were whenever
 * someone asks, while the guest runs.
 *
 *   -plugin libinsncount.so,socket=PATH[,io=on]
 *
 * Whoever connects to the UNIX socket gets one line, "INSTRUCTIONS READS WRITES", and the end. Instructions are added
 * up in the translated code itself, one addition per block and processor, so the guest is hardly slower for it. A
 * string instruction counts once, however much it moves: what a copy costs is not seen here. READS and WRITES are the
 * accesses of the guest to device memory and stay 0 without io=on, which costs a call for each access that the kernel
 * of the guest makes to memory of any kind.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "qemu/qemu-plugin.h"

/* Linux of x86-64 lives in the upper half; programs in the lower half reach no device. */
#define KERNEL_HALF (1ull << 63)

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

struct counts {
	uint64_t insns;
	uint64_t io[2];		/* reads, writes */
};

static struct qemu_plugin_scoreboard *board;
static qemu_plugin_u64 insns, io[2];
static bool count_io;
static int ear = -1;

static void on_access(unsigned int vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *udata)
{
	struct qemu_plugin_hwaddr *where = qemu_plugin_get_hwaddr(info, vaddr);

	(void)udata;
	if (where && qemu_plugin_hwaddr_is_io(where))
		qemu_plugin_u64_add(io[qemu_plugin_mem_is_store(info)], vcpu, 1);
}

static void on_block(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64, insns, n);
	if (!count_io || qemu_plugin_tb_vaddr(tb) < KERNEL_HALF)
		return;
	for (size_t i = 0; i < n; i++)
		qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(tb, i), on_access,
						 QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, NULL);
}

/* Answers until QEMU ends, and the thread with it. */
static void *answer(void *unused)
{
	(void)unused;
	for (;;) {
		int fd = accept(ear, NULL, NULL);
		char line[80];
		int n;

		if (fd < 0 && errno != EINTR)
			return NULL;
		n = snprintf(line, sizeof(line), "%" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
			     qemu_plugin_u64_sum(insns), qemu_plugin_u64_sum(io[0]),
			     qemu_plugin_u64_sum(io[1]));
		if (send(fd, line, (size_t)n, MSG_NOSIGNAL) != n)
			fprintf(stderr, "insncount: send: %s\n", strerror(errno));
		close(fd);
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

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	const char *path = NULL;

	(void)info;
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "socket=", 7)) {
			path = argv[i] + 7;
		} else if (!strcmp(argv[i], "io=on")) {
			count_io = true;
		} else {
			fprintf(stderr, "insncount: unknown option: %s\n", argv[i]);
			return -1;
		}
	}
	if (!path) {
		fprintf(stderr, "insncount: socket=PATH is missing\n");
		return -1;
	}
	board = qemu_plugin_scoreboard_new(sizeof(struct counts));
	insns = qemu_plugin_scoreboard_u64_in_struct(board, struct counts, insns);
	io[0] = qemu_plugin_scoreboard_u64_in_struct(board, struct counts, io[0]);
	io[1] = qemu_plugin_scoreboard_u64_in_struct(board, struct counts, io[1]);
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_block);
	return listen_at(path);
}
