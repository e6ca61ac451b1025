/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands. */
#ifndef CHIMNEYCTL_COMMANDS_H
#define CHIMNEYCTL_COMMANDS_H

/* Ends with an entry without a name. */
extern const struct command {
	const char *name;
	int (*fn)(int argc, char **argv);	/* returns the exit status */
	const char *args;
	const char *help;
} commands[];

#endif /* CHIMNEYCTL_COMMANDS_H */
