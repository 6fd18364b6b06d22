/* tunnel: one program, several roles. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "common/base/opt.h"
#include "common/base/out.h"
#include "common/base/secret.h"
#include "common/base/version.h"
#include "tunnel/cmd/cmd.h"
#include "tunnel/cmd/run_conf.h"

#define NEAR 2 /* edits at most between a mistyped command and what was meant */

struct role {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
	const struct opt *options; /* that may stand before its name; NULL: those of run */
};

static int tunnel(int argc, char **argv);
static int cmd_help(int argc, char **argv);
static int cmd_version(int argc, char **argv);

static const struct role roles[] = {
	{"run", cmd_run, "the connector: dial out to an edge, serve its requests from services here", NULL},
	{"edge", cmd_edge, "the public side: take visitors in, send their requests through tunnels", NULL},
	{"quick", cmd_quick, "both at once on this machine, to try it: prints a URL to open", NULL},
	{"ready", cmd_ready, "ask a running connector whether it is connected; exit status 0 or 1", NULL},
	{"create", cmd_create, "make a tunnel, and write its credentials to a file", cmd_create_options},
	{"list", cmd_list, "list the tunnels of an edge", cmd_list_options},
	{"info", cmd_info, "show a tunnel and its connectors", cmd_info_options},
	{"token", cmd_token, "print the token that runs a tunnel", cmd_token_options},
	{"delete", cmd_delete, "delete tunnels", cmd_delete_options},
	{"cleanup", cmd_cleanup, "close the connections of tunnels", cmd_cleanup_options},
	{"route", cmd_route, "send the requests for a host name through a tunnel", cmd_route_options},
	{"config", cmd_config, "read or replace the configuration that an edge keeps", cmd_config_options},
	{"help", cmd_help, "this text, or that of COMMAND", NULL},
	{"version", cmd_version, "print the version", NULL},
};
#define ROLES (sizeof(roles) / sizeof(roles[0]))

static const struct role *role_find(const char *name)
{
	for (size_t i = 0; i < ROLES; i++)
		if (strcmp(roles[i].name, name) == 0)
			return &roles[i];
	return NULL;
}

/* --- A name that is none --- */

static int unknown_command(const char *name)
{
	const struct role *nearest = NULL;
	size_t least = NEAR + 1;
	struct err err;

	for (size_t i = 0; i < ROLES; i++) {
		size_t d = span_distance(span_str(name), span_str(roles[i].name));
		if (d < least) {
			least = d;
			nearest = &roles[i];
		}
	}
	if (nearest != NULL)
		err_set(&err, "no command \"%s\"; did you mean \"tunnel %s\"?", name, nearest->name);
	else
		err_set(&err, "no command \"%s\"; see tunnel --help (a tunnel's name goes after \"run\")",
			name);
	return out_die("tunnel", &err, EXIT_USAGE);
}

/* --- Help and version --- */

static int cmd_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	puts("tunnel " VERSION);
	return EXIT_OK;
}

static void list_roles(struct buf *out)
{
	buf_add_str(out, "commands:\n");
	for (size_t i = 0; i < ROLES; i++)
		buf_addf(out, "  %-8s %s\n", roles[i].name, roles[i].summary);
	buf_add_str(out,
		"\nWithout a command: quick when --url, --unix-socket or --hello-world is given and nothing\n"
		"of an edge or a tunnel, else run. tunnel COMMAND --help shows the options of each.\n");
	buf_add_char(out, '\0');
}

static int cmd_help(int argc, char **argv)
{
	char flag[] = "--help", *help[] = {flag, NULL};

	if (argc == 0 || argv[0][0] == '-')
		return tunnel(1, help);
	const struct role *role = role_find(argv[0]);
	if (role == NULL)
		return unknown_command(argv[0]);
	return role->run(1, help);
}

/* Take the command's name out and run it: options may stand on both sides of it, as for cloudflared. */
static int run_role(const struct role *role, int at, int argc, char **argv)
{
	for (int i = at; i + 1 < argc; i++)
		argv[i] = argv[i + 1];
	return role->run(argc - 1, argv);
}

/* The role that has options of its own and is named behind them; NULL when it is another. */
static const struct role *managing_role(int argc, char **argv, int *at)
{
	const struct opt *tables[ROLES];
	size_t count = 0;

	for (size_t i = 0; i < ROLES; i++)
		if (roles[i].options != NULL)
			tables[count++] = roles[i].options;
	*at = opt_operand(tables, count, argc, argv);
	const struct role *role = *at < argc ? role_find(argv[*at]) : NULL;
	return role != NULL && role->options != NULL ? role : NULL;
}

static int tunnel(int argc, char **argv)
{
	struct buf commands = {0};
	struct run_conf_scan scan;
	struct err err = {0};
	int at;

	const struct role *managing = managing_role(argc, argv, &at);
	if (managing != NULL)
		return run_role(managing, at, argc, argv);
	list_roles(&commands);
	enum opt_result result = run_conf_scan(buf_span(&commands).p, argc, argv, &scan, &err);
	buf_free(&commands);
	if (result == OPT_DONE)
		return EXIT_OK;
	if (result == OPT_BAD)
		return out_die("tunnel", &err, EXIT_USAGE);
	if (scan.command == argc)
		return scan.is_quick ? cmd_quick(argc, argv) : cmd_run(argc, argv);
	const struct role *role = role_find(argv[scan.command]);
	if (role == NULL)
		return unknown_command(argv[scan.command]);
	return run_role(role, scan.command, argc, argv);
}

int main(int argc, char **argv)
{
	fsx_fill_standard();
	signal(SIGPIPE, SIG_IGN);
	secret_guard_json();
	fsx_raise_limit();
	mem_expect_traffic();
	return tunnel(argc - 1, argv + 1);
}
