/* The table of options, and what they may be. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/api/cert.h"
#include "common/base/buf.h"
#include "common/base/duration.h"
#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "credrotate/flags.h"

#define HOUR (3600 * DURATION_S)

static const struct opt options[] = {
	{0, "tunnel", "ID|NAME", "the tunnel", OPT_TEXT(struct flags, tunnel), NULL},
	{0, "target", "TARGET", "where its secret is installed; repeat it", OPT_LIST(struct flags, targets),
		NULL},
	{0, "api-url", "URL", "the management API, https://HOST/client/v4", OPT_TEXT(struct flags, api_url),
		"TUNNEL_API_URL"},
	{0, "account", "ID", "the account", OPT_TEXT(struct flags, account), NULL},
	{0, "api-token-file", "FILE", "the API token; - is standard input",
		OPT_TEXT(struct flags, token_file), NULL},
	{0, "api-token-fd", "N", "the same, from an open descriptor",
		OPT_NUMBER(struct flags, token_fd, 0, 1 << 20), NULL},
	{0, "cert", "FILE", "account and API token from a cert.pem", OPT_TEXT(struct flags, cert),
		"TUNNEL_ORIGIN_CERT"},
	{0, "api-ca", "FILE", "trust these authorities for the API", OPT_TEXT(struct flags, api_ca), NULL},
	{0, "insecure-file-mode", NULL, "take a token file that others can read",
		OPT_BOOL(struct flags, insecure_mode), NULL},
	{0, "window", "DURATION", "how long the old secret stays valid (default 15m; manifests 2h)",
		OPT_TIME(struct flags, window, DURATION_S, 24 * HOUR), NULL},
	{0, "settle", "DURATION", "pause between two targets (default 0s, without overlap 10m)",
		OPT_TIME(struct flags, settle, 0, 24 * HOUR), NULL},
	{0, "stable", "DURATION", "how long all has to hold (default 5s)",
		OPT_TIME(struct flags, stable, 0, HOUR), NULL},
	{0, "rejoin-timeout", "DURATION", "how long a target may take (default by signal: 60s to 11m)",
		OPT_TIME(struct flags, rejoin_timeout, DURATION_S, 24 * HOUR), NULL},
	{0, "propagation", "DURATION", "without versions: margin behind the change (default 60s)",
		OPT_TIME(struct flags, propagation, 0, HOUR), NULL},
	{0, "preflight-watch", "DURATION", "how long the fleet is watched before (default 10s)",
		OPT_TIME(struct flags, watch, 0, HOUR), NULL},
	{0, "min-connection-age", "DURATION", "the fleet is in motion with younger ones (default 30s)",
		OPT_TIME(struct flags, min_age, 0, HOUR), NULL},
	{0, "min-connectors", "N", "live connectors that have to be there (default 1, without overlap 2)",
		OPT_NUMBER(struct flags, min_connectors, 1, 10000), NULL},
	{0, "parallel", "N", "targets at a time (default 1)", OPT_NUMBER(struct flags, parallel, 1, 64),
		NULL},
	{0, "on-failure", "WHAT", "stop or rollback (default with overlap) when a target does not rejoin",
		OPT_TEXT(struct flags, failure_text), NULL},
	{0, "stragglers", "WHAT", "connectors with the old secret at the end: wait, keep or evict",
		OPT_TEXT(struct flags, straggler_text), NULL},
	{0, "accept-gap", NULL, "go on with a single connector, which will be away",
		OPT_BOOL(struct flags, accept_gap), NULL},
	{0, "force", NULL, "write what a GitOps controller or operator manages",
		OPT_BOOL(struct flags, force), NULL},
	{0, "force-stale", NULL, "go on when a target does not hold the current secret",
		OPT_BOOL(struct flags, force_stale), NULL},
	{0, "immutable", NULL, "where a Secret is immutable, make another and have the Deployment use it",
		OPT_BOOL(struct flags, immutable), NULL},
	{0, "keep-pending", NULL,
		"keep the new secret in the state directory: for APIs that do not tell tokens",
		OPT_BOOL(struct flags, keep_pending), NULL},
	{0, "dry-run", NULL, "check everything, print the plan, change nothing",
		OPT_BOOL(struct flags, dry_run), NULL},
	{'y', "yes", NULL, "revoke without asking", OPT_BOOL(struct flags, yes), NULL},
	{0, "older-than", "AGE",
		"with records on standard input (-): rotate the secrets that are older, such as 90d",
		OPT_TEXT(struct flags, older_text), NULL},
	{0, "probe", "URL", "ask it every second; a failure keeps the old secret alive",
		OPT_TEXT(struct flags, probe), NULL},
	{0, "probe-ca", "FILE", "trust these authorities for the probe", OPT_TEXT(struct flags, probe_ca),
		NULL},
	{'j', "json", NULL, "records on standard output", OPT_BOOL(struct flags, json), NULL},
	{0, "records", "FILE", "records into a file", OPT_TEXT(struct flags, records), NULL},
	{'q', "quiet", NULL, "on standard error only what went wrong", OPT_BOOL(struct flags, quiet), NULL},
	{0, "state-dir", "DIR", "journals (default /var/lib/credrotate)", OPT_TEXT(struct flags, state_dir),
		NULL},
	{0, "audit", "FILE", "audit log, or none (default /var/log/credrotate/audit.log)",
		OPT_TEXT(struct flags, audit), NULL},
	{0, "audit-syslog", NULL, "audit to syslog as well", OPT_BOOL(struct flags, audit_syslog), NULL},
	{0, "systemctl", "FILE", "the program (default systemctl)", OPT_TEXT(struct flags, systemctl), NULL},
	{0, "kube-server", "URL", "API server (default: the one of this pod)",
		OPT_TEXT(struct flags, kube_server), NULL},
	{0, "kube-ca", "FILE", "its authority", OPT_TEXT(struct flags, kube_ca), NULL},
	{0, "kube-token-file", "FILE", "bearer token, read again for each request",
		OPT_TEXT(struct flags, kube_token_file), NULL},
	{0, "kube-cert", "FILE", "client certificate", OPT_TEXT(struct flags, kube_cert), NULL},
	{0, "kube-key", "FILE", "its key", OPT_TEXT(struct flags, kube_key), NULL},
	{0, "kube-account-dir", "DIR",
		"token and ca.crt of a pod's service account, where they are elsewhere",
		OPT_TEXT(struct flags, kube_account_dir), NULL},
	{0},
};

static const struct opt_program program = {
	.name = "credrotate",
	.usage = "COMMAND --tunnel ID|NAME [OPTIONS]",
	.summary = "Rotate the secret of a tunnel without losing a request.",
	.more = "commands: rotate, resume, status, rollback, adopt, verify, revoke, audit; see "
		"credrotate(1)\n"
		"exit status: 0 done, 1 rolled back, 2 usage, 3 refused, 4 stopped half-way, 5 changed by "
		"someone "
		"else,\n             6 rollback failed, 7 no rights, 75 another run is at work\n",
	.options = options,
	.env_prefix = "OUTBORE_CREDROTATE_",
};

static const char *const names[] = {
	"rotate", "resume", "status", "rollback", "adopt", "verify", "revoke", "audit"};

const char *flags_command_name(enum command c)
{
	return names[c];
}

static int choose(
	const char *option, const char *text, const char *const words[], int count, int *out, struct err *err)
{
	for (int i = 0; text != NULL && i < count; i++)
		if (strcmp(text, words[i]) == 0) {
			*out = i + 1;
			return 0;
		}
	return text == NULL ? 0
			    : err_set(err, "--%s: \"%s\" is none of %s, %s%s%s", option, text, words[0],
				      words[1], count > 2 ? ", " : "", count > 2 ? words[2] : "");
}

/* Days are what people count secrets by, and no unit of other durations. */
static int check_age(struct flags *f, struct err *err)
{
	struct span text = span_str(f->older_text);
	uint64_t days;

	f->older_than = -1;
	if (f->older_text == NULL)
		return 0;
	if (span_ends(text, SPAN("d")) && span_to_u64(span_of(text.p, text.len - 1), 36500, &days))
		f->older_than = (int64_t)days * 24 * HOUR;
	else if (duration_parse(text, &f->older_than) != DURATION_OK || f->older_than < 0)
		return err_set(err, "--older-than: \"%s\" is not an age such as 90d or 12h", f->older_text);
	return 0;
}

static int check_words(struct flags *f, struct err *err)
{
	static const char *const failures[] = {"stop", "rollback"};
	static const char *const stragglers[] = {"wait", "keep", "evict"};
	int failure = FAILURE_DEFAULT, straggler = STRAGGLERS_ASK;

	if (choose("on-failure", f->failure_text, failures, 2, &failure, err) < 0 ||
		choose("stragglers", f->straggler_text, stragglers, 3, &straggler, err) < 0)
		return -1;
	f->on_failure = (enum failure_policy)failure;
	f->stragglers = (enum straggler_policy)straggler;
	return check_age(f, err);
}

/* Tunnels come from records: each target has to say which one it is of. */
static int check_records(const struct flags *f, struct err *err)
{
	if (f->command != COMMAND_ROTATE)
		return err_set(err, "records are for: rotate --older-than AGE -");
	if (f->tunnel != NULL)
		return err_set(err, "--tunnel or records, not both");
	if (f->token_file != NULL && strcmp(f->token_file, "-") == 0)
		return err_set(err, "standard input has the records, and cannot have the API token");
	for (size_t i = 0; i < f->targets.count; i++)
		if (strncmp(f->targets.items[i], "manifest:", 9) == 0)
			return err_set(err, "standard output has the records, and cannot have manifests");
		else if (strstr(f->targets.items[i], "%i") == NULL &&
			 strstr(f->targets.items[i], "%n") == NULL)
			return err_set(err,
				"--target \"%s\": of which tunnel? With records %%i stands for its id, %%n "
				"for "
				"its name",
				f->targets.items[i]);
	return 0;
}

static int check_needed(const struct flags *f, struct err *err)
{
	if (f->command == COMMAND_AUDIT)
		return 0;
	if (f->from_stdin != (f->older_text != NULL))
		return err_set(err, "--older-than and \"-\" go together");
	if (f->from_stdin && check_records(f, err) < 0)
		return -1;
	if (f->from_stdin && f->dry_run && f->targets.count == 0)
		return 0; /* which are due, and nothing else */
	if (!f->from_stdin && f->tunnel == NULL)
		return err_set(err, "--tunnel is missing; see credrotate --help");
	if (f->state_dir[0] == '\0')
		return err_set(err, "--state-dir is empty");
	if (f->command == COMMAND_STATUS && f->api_url == NULL)
		return 0;
	if (f->api_url == NULL)
		return err_set(err, "--api-url is missing");
	if (f->cert == NULL && f->account == NULL)
		return err_set(err, "--account is missing, or --cert, which has it");
	if ((f->token_file != NULL) + (f->token_fd >= 0) + (f->cert != NULL) != 1)
		return err_set(err, "one of --api-token-file, --api-token-fd and --cert has to be given");
	if (f->targets.count == 0 && (f->command == COMMAND_ROTATE || f->command == COMMAND_ADOPT))
		return err_set(err, "--target is missing: where is the secret installed?");
	return 0;
}

static int take_command(struct flags *f, const char *word, struct err *err)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(word, names[i]) == 0) {
			f->command = (enum command)i;
			return 0;
		}
	return err_set(err,
		"no command \"%s\"; there are rotate, resume, status, rollback, adopt, verify, revoke "
		"and audit",
		word);
}

static void set_defaults(struct flags *f)
{
	*f = (struct flags){.token_fd = -1,
		.window = -1,
		.settle = -1,
		.stable = 5 * DURATION_S,
		.rejoin_timeout = -1,
		.propagation = 60 * DURATION_S,
		.watch = 10 * DURATION_S,
		.min_age = 30 * DURATION_S,
		.min_connectors = -1,
		.parallel = 1,
		.state_dir = "/var/lib/credrotate",
		.audit = "/var/log/credrotate/audit.log",
		.systemctl = "systemctl"};
}

enum opt_result flags_read(struct flags *f, int argc, char **argv, struct err *err)
{
	struct opt_seen seen = {{false}};

	set_defaults(f);
	enum opt_result result = opt_parse(&program, f, &seen, &argc, &argv, err);
	if (result == OPT_RUN)
		result = opt_environment(&program, f, &seen, err);
	if (result != OPT_RUN)
		return result;
	if (argc == 0) {
		err_set(err, "which command? See credrotate --help");
		return OPT_BAD;
	}
	if (take_command(f, argv[0], err) < 0)
		return OPT_BAD;
	f->from_stdin = argc == 2 && strcmp(argv[1], "-") == 0;
	if (argc > 1 && !f->from_stdin) {
		err_set(err, "\"%s\" is one argument too many", argv[1]);
		return OPT_BAD;
	}
	if (f->audit != NULL && strcmp(f->audit, "none") == 0)
		f->audit = NULL;
	return check_words(f, err) < 0 || check_needed(f, err) < 0 ? OPT_BAD : OPT_RUN;
}

/* --- The API token --- */

static int read_fd(int fd, const char *name, struct secret *out, struct err *err)
{
	char text[FLAGS_TOKEN_MAX + 1];
	size_t len = 0;
	ssize_t n;

	while (len < sizeof(text) && (n = read(fd, text + len, sizeof(text) - len)) > 0)
		len += (size_t)n;
	struct span s = span_of(text, len);
	while (s.len > 0 && strchr(" \t\r\n", s.p[s.len - 1]) != NULL)
		s.len--;
	int rc = 0;
	if (len > FLAGS_TOKEN_MAX || s.len == 0 || memchr(s.p, '\n', s.len) != NULL)
		rc = err_set(err, "%s: does not hold one API token", name);
	else
		secret_set(out, s.p, s.len);
	secret_wipe(text, sizeof(text));
	return rc;
}

static int check_exposed(const struct flags *f, const char *path, struct err *err)
{
	return fsx_is_exposed(path) && !f->insecure_mode
		       ? err_set(err, "%s: everybody can read it; chmod 600 it, or pass --insecure-file-mode",
				 path)
		       : 0;
}

static int read_token_file(struct flags *f, struct err *err)
{
	struct buf text = {.max = FLAGS_TOKEN_MAX};
	int rc = -1;

	if (strcmp(f->token_file, "-") == 0)
		return read_fd(STDIN_FILENO, "standard input", &f->api_token, err);
	if (check_exposed(f, f->token_file, err) < 0)
		return -1;
	buf_reserve(&text, FLAGS_TOKEN_MAX);
	if (fsx_read(f->token_file, &text, err) == 0) {
		struct span rest, line = span_trim(span_cut(buf_span(&text), '\n', &rest));
		rc = line.len == 0 ? err_set(err, "%s: is empty", f->token_file) : 0;
		secret_set(&f->api_token, line.p, line.len);
	}
	buf_wipe(&text);
	return rc;
}

static int read_cert(struct flags *f, struct err *err)
{
	struct cert cert = {0};

	if (check_exposed(f, f->cert, err) < 0 || cert_read(f->cert, &cert, err) < 0)
		return -1;
	f->cert_account = mem_strdup(cert.account);
	secret_set(&f->api_token, cert.token.data, cert.token.len);
	cert_free(&cert);
	return 0;
}

int flags_load_token(struct flags *f, struct err *err)
{
	char name[32];

	if (f->api_token.data != NULL)
		return 0;
	if (f->token_fd >= 0) {
		snprintf(name, sizeof(name), "descriptor %d", (int)f->token_fd);
		return read_fd((int)f->token_fd, name, &f->api_token, err);
	}
	if (f->cert != NULL)
		return read_cert(f, err);
	return read_token_file(f, err);
}

void flags_drop(struct flags *f)
{
	secret_free(&f->api_token);
	free(f->cert_account);
	opt_free(options, f);
}
