/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test.c - main of the unit tests: runs the tests that test.h registered and prints TAP.
 */
#include <setjmp.h>
#include <stdarg.h>

#include "test.h"

static struct test *first, **last = &first;
static jmp_buf failed;
static char why[512];

void test_register(struct test *t)
{
	*last = t;
	last = &t->next;
}

void test_fail(const char *file, int line, const char *format, ...)
{
	va_list ap;
	int n = snprintf(why, sizeof(why), "%s:%d: ", file, line);

	va_start(ap, format);
	vsnprintf(why + n, sizeof(why) - (size_t)n, format, ap);
	va_end(ap);
	longjmp(failed, 1);
}

static bool wanted(const struct test *t, int argc, char **argv)
{
	if (argc < 2)
		return true;
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], t->name))
			return true;
	return false;
}

/* In a separate function, so that longjmp may clobber its variables without harm. */
static bool passes(struct test *t)
{
	if (setjmp(failed))
		return false;
	t->run();
	return true;
}

int main(int argc, char **argv)
{
	int n = 0, bad = 0;

	if (argc == 2 && !strcmp(argv[1], "--list")) {
		for (struct test *t = first; t; t = t->next)
			puts(t->name);
		return 0;
	}
	for (struct test *t = first; t; t = t->next) {
		if (!wanted(t, argc, argv))
			continue;
		n++;
		if (passes(t)) {
			printf("ok %d - %s\n", n, t->name);
		} else {
			printf("not ok %d - %s\n# %s\n", n, t->name, why);
			bad++;
		}
		fflush(stdout);
	}
	printf("1..%d\n", n);
	if (argc > 1 && n != argc - 1) {
		fprintf(stderr, "%s: no such test among those named\n", argv[0]);
		return 2;
	}
	return bad ? 1 : 0;
}
