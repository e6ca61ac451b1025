/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * decode - one processor turns the memory decode of a PCI device off and on, while another reads a
 * register of a second device. However often the map of memory changes, each read must be answered
 * by the device that is asked.
 *
 *   decode SWITCHED READ TIMES
 *
 * The devices are QEMU's `edu`, named as in /sys/bus/pci/devices, without drivers. SWITCHED must
 * have the lower address, so that its coming and going moves what is behind it in QEMU's list of
 * regions. Says how many reads there were; exit status 1 if one of them was wrong.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	COMMAND = 4,
	COMMAND_MEMORY = 2,
	BAR_SIZE = 4096,
	LIVENESS = 1,		/* as a word; reads as the complement of what was written */
	WRITTEN = 0x12345678
};

static atomic_bool over;
static uint64_t reads, wrong;
static uint32_t first_wrong;

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
}

static int open_of(const char *device, const char *file)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", device, file);
	fd = open(path, O_RDWR);
	if (fd < 0)
		die(path);
	return fd;
}

static void decode_memory(int config, bool on)
{
	uint16_t command;

	if (pread(config, &command, sizeof(command), COMMAND) != sizeof(command))
		die("the command register");
	command = on ? command | COMMAND_MEMORY : command & ~COMMAND_MEMORY;
	if (pwrite(config, &command, sizeof(command), COMMAND) != sizeof(command))
		die("the command register");
}

static void *read_on(void *bar)
{
	volatile uint32_t *liveness = (volatile uint32_t *)bar + LIVENESS;

	run_on(1);
	while (!atomic_load_explicit(&over, memory_order_relaxed)) {
		uint32_t value = *liveness;

		reads++;
		if (value == (uint32_t)~WRITTEN)
			continue;
		if (!wrong++)
			first_wrong = value;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int switched;
	uint32_t *bar;
	pthread_t reader;
	long times;

	if (argc != 4) {
		fprintf(stderr, "usage: decode SWITCHED READ TIMES\n");
		return 2;
	}
	switched = open_of(argv[1], "config");
	decode_memory(open_of(argv[2], "config"), true);
	bar = mmap(NULL, BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
		   open_of(argv[2], "resource0"), 0);
	if (bar == MAP_FAILED)
		die("mmap");
	*((volatile uint32_t *)bar + LIVENESS) = WRITTEN;

	if (pthread_create(&reader, NULL, read_on, bar))
		die("pthread_create");
	run_on(0);
	for (times = strtol(argv[3], NULL, 10); times > 0; times--) {
		decode_memory(switched, false);
		decode_memory(switched, true);
	}
	atomic_store(&over, true);
	pthread_join(reader, NULL);

	printf("%llu reads, %llu wrong", (unsigned long long)reads, (unsigned long long)wrong);
	if (wrong)
		printf(", the first 0x%08x", first_wrong);
	printf("\n");
	return wrong || !reads;
}
