/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * puppet - an ordinary program with sockets that does one thing after the other as it is told, so
 * that a test can put both ends of a connection into a state step by step. It knows nothing of
 * offload.
 *
 * A line on standard input is SECONDS VERB SLOT WORDS...; the answer is one line: "ok key=value
 * ...", "err NAME done=BYTES" with the errno's name, "wrong at=POSITION" when received bytes are
 * not those of the stream, or "late done=BYTES" when the command did not end within its seconds.
 * The end of standard input ends puppet.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "puppet.h"

static struct slot slots[SLOTS];
static volatile sig_atomic_t deadline_passed;

static void on_alarm(int sig)
{
	(void)sig;
	deadline_passed = 1;
}

bool late(void)
{
	return deadline_passed;
}

long number(const char *word)
{
	return strtol(word, NULL, 0);
}

struct slot *slot_of(const char *word)
{
	long n = number(word);

	return n >= 0 && n < SLOTS ? &slots[n] : NULL;
}

void answer(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("ok ", stdout);
	vprintf(format, ap);
	putchar('\n');
	va_end(ap);
	fflush(stdout);
}

void answer_error(uint64_t done)
{
	if (errno == EINTR && late())
		printf("late done=%llu\n", (unsigned long long)done);
	else
		printf("err %s done=%llu\n", strerrorname_np(errno), (unsigned long long)done);
	fflush(stdout);
}

void answer_wrong(uint64_t position)
{
	printf("wrong at=%llu\n", (unsigned long long)position);
	fflush(stdout);
}

/* A timer that goes on ringing, because a call may begin just after the first ring. */
static void arm(long seconds)
{
	struct itimerval t = {{0, seconds ? 100000 : 0}, {seconds, 0}};

	deadline_passed = 0;
	setitimer(ITIMER_REAL, &t, NULL);
}

static const struct verb *find(const char *name)
{
	static const struct verb *const all[] = {data_verbs, ctl_verbs, short_verbs, uring_verbs,
						 stamps_verbs};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (const struct verb *v = all[i]; v->name; v++)
			if (!strcmp(v->name, name))
				return v;
	return NULL;
}

static void obey(char *line)
{
	char *argv[WORDS], *rest = NULL;
	int argc = 0;
	const struct verb *verb;
	struct slot *s;

	for (char *w = strtok_r(line, " \n", &rest); w && argc < WORDS;
	     w = strtok_r(NULL, " \n", &rest))
		argv[argc++] = w;
	verb = argc >= 3 ? find(argv[1]) : NULL;
	s = verb ? slot_of(argv[2]) : NULL;
	if (!s || argc - 3 < verb->words || (s->fd < 0) != verb->opens) {
		printf("err EPROTO done=0\n");
		fflush(stdout);
		return;
	}
	arm(number(argv[0]));
	verb->run(s, argc - 3, argv + 3);
	arm(0);
}

int main(void)
{
	struct sigaction sa = {.sa_handler = on_alarm}; /* no SA_RESTART: calls return EINTR */
	char line[LINE];

	sigaction(SIGALRM, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < SLOTS; i++)
		slots[i].fd = -1;
	for (;;) {
		errno = 0;
		if (fgets(line, sizeof(line), stdin))
			obey(line);
		else if (ferror(stdin) && errno == EINTR)
			clearerr(stdin);
		else
			return 0;
	}
}
