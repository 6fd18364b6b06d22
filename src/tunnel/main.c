/* tunnel: one program, several roles. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/fsx.h"
#include "common/base/mem.h"
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
};

static int tunnel(int argc, char **argv);
static int cmd_help(int argc, char **argv);
static int cmd_version(int argc, char **argv);

static const struct role roles[] = {
	{"run", cmd_run, "the connector: dial out to an edge, serve its requests from services here"},
	{"edge", cmd_edge, "the public side: take visitors in, send their requests through tunnels"},
	{"quick", cmd_quick, "both at once on this machine, to try it: prints a URL to open"},
	{"ready", cmd_ready, "ask a running connector whether it is connected; exit status 0 or 1"},
	{"help", cmd_help, "this text, or that of COMMAND"},
	{"version", cmd_version, "print the version"},
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

/* Options may stand on both sides of the command's name, as for cloudflared: it is taken out. */
static int tunnel(int argc, char **argv)
{
	struct buf commands = {0};
	struct run_conf_scan scan;
	struct err err = {0};

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
	for (int i = scan.command; i + 1 < argc; i++)
		argv[i] = argv[i + 1];
	return role->run(argc - 1, argv);
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	secret_guard_json();
	fsx_raise_limit();
	mem_expect_traffic();
	return tunnel(argc - 1, argv + 1);
}
