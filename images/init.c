// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Process 1 of the guest: mounts, loads the modules of the cards that are there, brings up the
 * network, and starts the agent (and a shell, when asked). The end of the agent, or of the shell,
 * ends the machine; so does the death of this process, by the kernel's panic=-1. It knows nothing
 * of tests. Its words on the console begin with "init: ", and the last of them is always one of
 * READY, ENDED or FAILED below.
 */
#define _GNU_SOURCE
#include "init_net.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READY		   "init: ready"
#define ENDED		   "init: ended"
#define FAILED		   "init: failed"

#define AGENT_PATH	   "/usr/sbin/agent"
#define AGENT_EXIT_NO_PORT 3
#define MODULES_FILE	   "/etc/modules"
#define ALIASES_MAX	   64

static void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

static void power_off(void)
{
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
	_exit(1);
}

static void mount_one(const char *type, const char *where, unsigned long flags, const char *data)
{
	mkdir(where, 0755);
	if (mount(type, where, type, flags, data) && errno != EBUSY)
		say("init: cannot mount %s on %s: %s", type, where, strerror(errno));
}

/* The console of an initramfs is opened by the kernel only where the archive has /dev/console. */
static void open_console(void)
{
	int fd = open("/dev/console", O_RDWR | O_NOCTTY);

	if (fd < 0)
		return;
	for (int i = 0; i < 3; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
}

static void mount_all(void)
{
	mount_one("devtmpfs", "/dev", MS_NOSUID, "mode=0755");
	open_console();
	mount_one("proc", "/proc", 0, NULL);
	mount_one("sysfs", "/sys", 0, NULL);
	mount_one("debugfs", "/sys/kernel/debug", 0, NULL);
	mount_one("tracefs", "/sys/kernel/tracing", 0, NULL);
	mount_one("devpts", "/dev/pts", MS_NOSUID, "mode=0620,ptmxmode=0666");
	mount_one("tmpfs", "/dev/shm", MS_NOSUID, "mode=1777");
	if (symlink("/proc/self/fd", "/dev/fd") || symlink("fd/0", "/dev/stdin") ||
	    symlink("fd/1", "/dev/stdout") || symlink("fd/2", "/dev/stderr"))
		say("init: cannot link /dev/fd: %s", strerror(errno));
}

/* Start a program; its process id, or -1. With a console it becomes a session leader on it. */
static pid_t start(char *const argv[], bool console)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (console) {
			setsid();
			ioctl(STDIN_FILENO, TIOCSCTTY, 1);
		}
		execv(argv[0], argv);
		say("init: cannot run %s: %s", argv[0], strerror(errno));
		_exit(127);
	}
	return pid;
}

static int run(char *const argv[])
{
	pid_t pid = start(argv, false);
	int status;

	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool read_line(const char *path, char *line, size_t size)
{
	FILE *f = fopen(path, "re");
	bool ok = f && fgets(line, (int)size, f);

	if (f)
		fclose(f);
	if (ok)
		line[strcspn(line, "\n")] = '\0';
	return ok;
}

/* One modprobe for everything that the devices of a bus ask for by alias. */
static void load_for_bus(const char *bus)
{
	char *argv[ALIASES_MAX + 4] = {"/usr/sbin/modprobe", "-q", "-a"};
	char path[512], alias[256];
	DIR *dir;
	struct dirent *entry;
	int n = 3;

	snprintf(path, sizeof(path), "/sys/bus/%s/devices", bus);
	dir = opendir(path);
	while (dir && n < ALIASES_MAX + 3 && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/sys/bus/%s/devices/%s/modalias", bus, entry->d_name);
		if (read_line(path, alias, sizeof(alias)))
			argv[n++] = strdup(alias);
	}
	if (dir)
		closedir(dir);
	if (n > 3)
		run(argv);
}

/* Modules that the image names: those that no device asks for, like the driver given by the user.
 */
static void load_named(void)
{
	FILE *f = fopen(MODULES_FILE, "re");
	char name[64];

	while (f && fgets(name, sizeof(name), f)) {
		char *argv[] = {"/usr/sbin/modprobe", name, NULL};

		name[strcspn(name, "\n")] = '\0';
		if (name[0] && run(argv))
			say("init: module %s did not load", name);
	}
	if (f)
		fclose(f);
}

static void load_modules(void)
{
	load_named();
	load_for_bus("pci");
	/* Devices on the virtio bus appear only now, when virtio_pci is there. */
	load_for_bus("virtio");
}

/* A word of the kernel's command line, as init sees it: "guest.shell" or "guest.shell=...". */
static bool asked_for(const char *word)
{
	char line[4096], *save = NULL;

	if (!read_line("/proc/cmdline", line, sizeof(line)))
		return false;
	for (char *w = strtok_r(line, " ", &save); w; w = strtok_r(NULL, " ", &save))
		if (strcmp(w, word) == 0)
			return true;
	return false;
}

static void set_environment(void)
{
	static const char name[] = "guest";

	if (sethostname(name, sizeof(name) - 1))
		say("init: no host name: %s", strerror(errno));
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/root", 1);
	setenv("TERM", "vt102", 0);
	if (chdir("/root"))
		say("init: no /root: %s", strerror(errno));
}

static void report_end(const char *what, int status)
{
	if (WIFSIGNALED(status))
		say(FAILED ": the %s died of signal %d", what, WTERMSIG(status));
	else if (WEXITSTATUS(status))
		say(FAILED ": the %s ended with status %d", what, WEXITSTATUS(status));
	else
		say(ENDED ": the %s is done", what);
}

/* Reap orphans until the agent or the shell ends. A guest without a port lives on for its shell. */
static void watch(pid_t agent, pid_t shell)
{
	for (;;) {
		int status;
		pid_t pid = wait(&status);

		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			break;
		if (pid == shell) {
			report_end("shell", status);
			return;
		}
		if (pid != agent)
			continue;
		if (shell > 0 && WIFEXITED(status) && WEXITSTATUS(status) == AGENT_EXIT_NO_PORT)
			continue;
		report_end("agent", status);
		return;
	}
	say(FAILED ": nothing to run");
}

int main(void)
{
	char *agent[] = {AGENT_PATH, NULL};
	char *sh[] = {"/bin/bash", "-l", NULL};
	struct timespec up;
	pid_t agent_pid, shell_pid = 0;

	if (getpid() != 1) {
		fprintf(stderr, "init: only the kernel starts this\n");
		return 1;
	}
	umask(022);
	mount_all();
	set_environment();
	net_defaults();
	load_modules();
	net_up();
	clock_gettime(CLOCK_BOOTTIME, &up);
	say(READY " after %lld.%03ld s", (long long)up.tv_sec, up.tv_nsec / 1000000);
	agent_pid = start(agent, false);
	if (asked_for("guest.shell"))
		shell_pid = start(sh, true);
	watch(agent_pid, shell_pid);
	power_off();
}
