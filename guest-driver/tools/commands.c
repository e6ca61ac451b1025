// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commands: each sends its request to the driver, shows the answer and returns the
 * exit status.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <netlink/attr.h>

#include "commands.h"
#include "endpoint.h"
#include "netlink.h"
#include "show.h"
#include "stats.h"

#define SHUTTLE_MIN_US	1000	/* how long do_shuttle() leaves a connection where it is */
#define SHUTTLE_HOST_US	30000
#define SHUTTLE_CARD_US	60000

struct counts {
	uint32_t done, refused;
	uint32_t status;	/* the card's, if the reason is that the card refused; else 0 */
	char reason[64];
};

static int take_counts(struct nl_msg *msg, void *arg)
{
	struct nlattr *a[CHIMNEY_A_COUNT];
	struct counts *c = arg;

	parse(msg, a);
	c->done += get_u32(a, CHIMNEY_A_DONE);
	c->refused += get_u32(a, CHIMNEY_A_REFUSED);
	c->status = get_u32(a, CHIMNEY_A_STATUS);
	snprintf(c->reason, sizeof(c->reason), "%s", get_str(a, CHIMNEY_A_REASON));
	return NL_OK;
}

static int cmd_dump(int cmd, int (*fn)(struct nl_msg *, void *))
{
	printf(json ? "[" : "");
	run(request(cmd, NLM_F_DUMP), fn, NULL);
	printf(json ? "]\n" : "");
	return 0;
}

static int do_status(int argc, char **argv)
{
	(void)argv;
	if (argc)
		wrong_use("status takes no argument");
	return cmd_dump(CHIMNEY_CMD_STATUS, show_status);
}

static int do_list(int argc, char **argv)
{
	(void)argv;
	if (argc)
		wrong_use("list takes no argument");
	return cmd_dump(CHIMNEY_CMD_LIST, show_conn);
}

static int do_stats(int argc, char **argv)
{
	(void)argv;
	if (argc)
		wrong_use("stats takes no argument");
	run(request(CHIMNEY_CMD_STATS, NLM_F_DUMP), take_stats, NULL);
	print_stats();
	return 0;
}

/* LOCAL REMOTE | all | --port N | --pid N */
static void put_selector(struct nl_msg *msg, int argc, char **argv)
{
	if (argc == 1 && !strcmp(argv[0], "all"))
		nla_put_flag(msg, CHIMNEY_A_ALL);
	else if (argc == 2 && !strcmp(argv[0], "--port"))
		nla_put_u16(msg, CHIMNEY_A_PORT, number("--port", argv[1], 65535));
	else if (argc == 2 && !strcmp(argv[0], "--pid"))
		nla_put_u32(msg, CHIMNEY_A_PID, number("--pid", argv[1], 4194304));
	else if (argc == 2)
		put_tuple(msg, argv[0], argv[1]);
	else
		wrong_use("which connections? LOCAL REMOTE, --port N, --pid N or all");
}

static struct counts ask(int cmd, int argc, char **argv)
{
	struct nl_msg *msg = request(cmd, 0);
	struct counts c = { 0 };

	put_selector(msg, argc, argv);
	run(msg, take_counts, &c);
	return c;
}

static int move(int cmd, const char *verb, int argc, char **argv)
{
	struct counts c = ask(cmd, argc, argv);
	const char *status = c.status ? status_name(c.status) : "";

	if (json)
		printf("{\"done\":%u,\"refused\":%u,\"reason\":\"%s\",\"status\":\"%s\"}\n",
		       c.done, c.refused, c.reason, status);
	else if (c.refused)
		printf("%u %s, %u not (%s%s%s)\n", c.done, verb, c.refused, c.reason,
		       *status ? ": " : "", status);
	else if (!c.done)
		printf("0 %s (%s)\n", verb, c.reason);
	else
		printf("%u %s\n", c.done, verb);
	return c.done ? 0 : STATUS_FAILED;
}

static int do_offload(int argc, char **argv)
{
	return move(CHIMNEY_CMD_OFFLOAD, "offloaded", argc, argv);
}

static int do_upload(int argc, char **argv)
{
	return move(CHIMNEY_CMD_UPLOAD, "uploaded", argc, argv);
}

static volatile sig_atomic_t ended;

static void on_signal(int sig)
{
	(void)sig;
	ended = 1;
}

/* Same seed, same moments: splitmix64. */
static uint64_t roll(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* Move connections over and back until a signal; one that cannot move now may move next time. */
static int do_shuttle(int argc, char **argv)
{
	static const int ways[] = { CHIMNEY_CMD_OFFLOAD, CHIMNEY_CMD_UPLOAD };
	static const unsigned int spans[] = { SHUTTLE_HOST_US, SHUTTLE_CARD_US };
	unsigned int done[2] = { 0 }, refused = 0, i;
	struct sigaction act = { .sa_handler = on_signal };
	uint64_t state;
	struct counts c;

	if (argc < 2)
		wrong_use("shuttle: SEED, and which connections");
	state = number("the seed", argv[0], UINT32_MAX);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	for (i = 0; !ended; i = !i) {
		usleep(SHUTTLE_MIN_US + roll(&state) % spans[i]);
		c = ask(ways[i], argc - 1, argv + 1);
		done[i] += c.done;
		refused += c.refused;
	}
	printf(json ? "{\"offloads\":%u,\"uploads\":%u,\"refused\":%u}\n" :
	       "%u offloads, %u uploads, %u refused\n", done[0], done[1], refused);
	return 0;
}

static int single(int cmd, const char *what, int argc, char **argv,
		  int (*fn)(struct nl_msg *, void *), bool abortive)
{
	struct nl_msg *msg = request(cmd, 0);
	struct counts c = { 0 };

	if (argc != 2)
		wrong_use("%s: LOCAL REMOTE", what);
	put_tuple(msg, argv[0], argv[1]);
	if (abortive)
		nla_put_flag(msg, CHIMNEY_A_ABORTIVE);
	run(msg, fn ? fn : take_counts, &c);
	if (!fn && json)
		printf("{\"done\":%u}\n", c.done);
	return 0;
}

static int do_disconnect(int argc, char **argv)
{
	bool abortive = argc && !strcmp(argv[0], "--abort");

	return single(CHIMNEY_CMD_DISCONNECT, "disconnect", argc - abortive, argv + abortive, NULL,
		      abortive);
}

static int do_update(int argc, char **argv)
{
	return single(CHIMNEY_CMD_UPDATE, "update", argc, argv, NULL, false);
}

static int do_query(int argc, char **argv)
{
	return single(CHIMNEY_CMD_QUERY, "query", argc, argv, show_query, false);
}

static int do_invalidate(int argc, char **argv)
{
	return single(CHIMNEY_CMD_INVALIDATE, "invalidate", argc, argv, NULL, false);
}

static int do_policy(int argc, char **argv)
{
	struct nl_msg *msg = request(CHIMNEY_CMD_POLICY, 0);
	uint32_t mode;

	if (argc) {
		for (mode = 0; mode <= CHIMNEY_POLICY_AUTO; mode++)
			if (!strcmp(argv[0], mode_name(mode)))
				break;
		if (mode > CHIMNEY_POLICY_AUTO || argc > 1)
			wrong_use("policy: none or auto");
		nla_put_u32(msg, CHIMNEY_A_MODE, mode);
	}
	run(msg, show_policy, NULL);
	return 0;
}

static int do_watch(int argc, char **argv)
{
	(void)argv;
	if (argc)
		wrong_use("watch takes no argument");
	listen_to_events(show_event);
	return 1;
}

const struct command commands[] = {
	{ "status", do_status, "", "state, connections and bytes of each card" },
	{ "list", do_list, "", "every connection that a card has, or that is on its way" },
	{ "offload", do_offload, "WHICH",
	  "hand connections to the card; count those that cannot go" },
	{ "upload", do_upload, "WHICH", "take connections back to Linux TCP" },
	{ "shuttle", do_shuttle, "SEED WHICH",
	  "hand connections over and back at random moments until a signal arrives" },
	{ "query", do_query, "LOCAL REMOTE", "the card's view of one connection" },
	{ "update", do_update, "LOCAL REMOTE", "send the socket's options to the card again" },
	{ "invalidate", do_invalidate, "LOCAL REMOTE",
	  "make the card stop sending, so that the connection comes back" },
	{ "disconnect", do_disconnect, "[--abort] LOCAL REMOTE",
	  "let the card close the connection: FIN, or RST with --abort" },
	{ "policy", do_policy, "[none|auto]",
	  "which connections go over without a request: none or every eligible one" },
	{ "stats", do_stats, "",
	  "counters of driver and card side by side, with the reasons of refusals\n"
	  "                                        "
	  "(each connection once, by its last reason) and of uploads" },
	{ "watch", do_watch, "", "print hand-overs as they happen" },
	{ }
};
