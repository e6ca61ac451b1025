// SPDX-License-Identifier: GPL-2.0-only
/*
 * chimneyctl - show connections and move them between Linux TCP and the chimney card.
 * This file parses the command line; commands.c has the commands.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "netlink.h"
#include "show.h"

static int usage(void)
{
	const struct command *c;

	printf("usage: chimneyctl COMMAND [ARG...] [--json]\n\n"
	       "Show TCP connections and move them between Linux TCP and the chimney card.\n"
	       "WHICH is LOCAL REMOTE (ADDRESS:PORT each, IPv6 as [ADDRESS]:PORT), --port N\n"
	       "(local port), --pid N or all. offload and upload exit with 0 if a connection has\n"
	       "moved; if none has, they print why and exit with 1. Wrong use exits with 2.\n\n");
	for (c = commands; c->name; c++)
		printf("  %-10s %-26s %s\n", c->name, c->args, c->help);
	printf("\n  --json                                print JSON, for programs\n"
	       "  -h, --help                            print this text, or what a command does\n"
	       "  --version                             print the version\n");
	return 0;
}

static int version(void)
{
	puts("chimneyctl " CHIMNEY_VERSION);
	return 0;
}

static int help_of(const struct command *c)
{
	printf("usage: chimneyctl %s %s\n\n%s\n", c->name, c->args, c->help);
	return 0;
}

/* An option that some command takes, or no option at all. */
static bool is_known(const char *word)
{
	static const char * const names[] = { "--port", "--pid", "--abort" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(word, names[i]))
			return true;
	return word[0] != '-';
}

int main(int argc, char **argv)
{
	const struct command *c;
	char *args[16] = { NULL };
	bool help = false;
	int n = 0, i;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json"))
			json = true;
		else if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			help = true;
		else if (!strcmp(argv[i], "--version"))
			return version();
		else if (!is_known(argv[i]))
			wrong_use("there is no option %s; see chimneyctl --help", argv[i]);
		else if (n < 16)
			args[n++] = argv[i];
	}
	if (!n && help)
		return usage();
	if (!n)
		wrong_use("which command? See chimneyctl --help");
	for (c = commands; c->name; c++)
		if (!strcmp(args[0], c->name))
			break;
	if (!c->name)
		wrong_use("no command \"%s\"; see chimneyctl --help", args[0]);
	if (help)
		return help_of(c);
	connect_driver();
	return c->fn(n - 1, args + 1);
}
