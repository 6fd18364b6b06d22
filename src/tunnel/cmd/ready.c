/* tunnel ready: what a connector says of itself, as an exit status for health checks. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/duration.h"
#include "common/base/mem.h"
#include "common/base/out.h"
#include "common/proto/url.h"
#include "tunnel/client.h"
#include "tunnel/cmd/cmd.h"
#include "tunnel/ops/probe.h"

struct ready_flags {
	const char *metrics;
	int64_t timeout_ns;
	bool json;
};

static const struct opt ready_options[] = {
	{0, "metrics", "HOST:PORT",
		"where it listens for operators (default: 127.0.0.1, the first of 20241..20245 that answers)",
		OPT_TEXT(struct ready_flags, metrics), "TUNNEL_METRICS"},
	{0, "timeout", "DURATION", "how long an answer may take (default 5s)",
		OPT_TIME(struct ready_flags, timeout_ns, DURATION_MS, 600 * DURATION_S), NULL},
	{'j', "json", NULL, "a record", OPT_BOOL(struct ready_flags, json), NULL},
	{0},
};

static const struct opt_program ready_program = {.name = "tunnel ready",
	.usage = "[OPTIONS]",
	.summary = "Ask a running connector (or edge) whether it is ready for requests.",
	.more = "exit status: 0 ready, 1 not ready, 2 usage, 3 it cannot be reached\n",
	.options = ready_options};

/* What was found out. */
struct ready_state {
	char *address; /* owned; NULL when nothing answered */
	int status;    /* of HTTP */
	json_t *told;  /* the answer's body; owned */
	uint64_t took_us;
};

/* Connections of a connector, or to an edge; -1 when it is neither that answers. */
static json_int_t ready_connections(json_t *told)
{
	json_t *count = json_object_get(told, "readyConnections");

	if (count == NULL)
		count = json_object_get(told, "tunnelConnections");
	return json_is_integer(count) ? json_integer_value(count) : -1;
}

/* --- Asking --- */

static int ready_ask(struct worker *w, const char *address, const struct ready_flags *f,
	struct ready_state *s, struct err *err)
{
	struct probe_answer answer;
	uint64_t start = loop_clock_us();
	int rc = probe_get(w, address, "/ready", f->timeout_ns / DURATION_MS, &answer, err);

	json_t *told = json_loadb(buf_span(&answer.body).p, buf_len(&answer.body), 0, NULL);
	buf_free(&answer.body);
	if (rc == 0 && ready_connections(told) < 0)
		rc = err_set(err,
			"%s: what answers there (%d) is no tunnel; --metrics of tunnel run says where one "
			"does",
			address, answer.status);
	if (rc < 0) {
		json_decref(told);
		return -1;
	}
	*s = (struct ready_state){mem_strdup(address), answer.status, told, loop_clock_us() - start};
	return 0;
}

static int ready_ask_usual(
	struct worker *w, const struct ready_flags *f, struct ready_state *s, struct err *err)
{
	char address[32];
	struct err ignored;

	for (int port = CLIENT_METRICS_FIRST; port <= CLIENT_METRICS_LAST; port++) {
		snprintf(address, sizeof(address), "127.0.0.1:%d", port);
		if (ready_ask(w, address, f, s, &ignored) == 0)
			return 0;
	}
	return err_set(err, "no connector at 127.0.0.1:%d..%d; say where by --metrics HOST:PORT",
		CLIENT_METRICS_FIRST, CLIENT_METRICS_LAST);
}

/* --- Telling --- */

static json_t *ready_record(const struct ready_state *s)
{
	json_t *record = out_record("probe", "tunnel"), *tunnel = json_object();
	bool ready = s->status == 200;
	json_t *id = json_object_get(s->told, "connectorId");

	json_object_set_new(record, "target", json_pack("{s:s+}", "url", "http://", s->address));
	json_object_set_new(record, "status", json_string(ready ? "ok" : "fail"));
	json_object_set_new(record, "took_ms", json_real((double)s->took_us / 1000));
	json_object_set_new(tunnel, "ready", json_boolean(ready));
	json_object_set_new(tunnel, "connections", json_integer(ready_connections(s->told)));
	if (json_is_string(id))
		json_object_set(tunnel, "connector_id", id);
	json_object_set_new(record, "tunnel", tunnel);
	return record;
}

static void ready_tell(const struct ready_flags *f, const struct ready_state *s)
{
	if (f->json)
		out_line(stdout, ready_record(s));
	else
		printf("%s: %s, connections: %lld\n", s->address, s->status == 200 ? "ready" : "not ready",
			(long long)ready_connections(s->told));
}

static void ready_tell_failure(const struct ready_flags *f, const struct err *err)
{
	json_t *record = out_record("error", "tunnel");

	json_object_set_new(record, "status", json_string("error"));
	json_object_set_new(record, "message", json_string(err->text));
	if (f->metrics != NULL)
		json_object_set_new(record, "target", json_pack("{s:s+}", "url", "http://", f->metrics));
	out_line(stdout, record);
}

/* --- All together --- */

static int ready_run(const struct ready_flags *f, struct err *err)
{
	struct worker *w = worker_new(NULL, err);
	struct ready_state s = {0};
	int status = EXIT_CANNOT;

	if (w == NULL)
		return EXIT_CANNOT;
	int rc = f->metrics != NULL ? ready_ask(w, f->metrics, f, &s, err) : ready_ask_usual(w, f, &s, err);
	if (rc == 0) {
		ready_tell(f, &s);
		status = s.status == 200 ? EXIT_OK : EXIT_WRONG;
	} else if (f->json) {
		ready_tell_failure(f, err);
	}
	free(s.address);
	json_decref(s.told);
	worker_free(w);
	return status;
}

static int ready_check(const struct ready_flags *f, int argc, char **argv, struct err *err)
{
	struct url_authority address;

	if (argc > 0)
		return err_set(err, "unexpected argument \"%s\"; see tunnel ready --help", argv[0]);
	if (f->metrics != NULL && url_parse_address(span_str(f->metrics), &address, err) < 0)
		return err_wrap(err, "--metrics %s", f->metrics);
	return 0;
}

int cmd_ready(int argc, char **argv)
{
	struct ready_flags flags = {.timeout_ns = 5 * DURATION_S};
	struct opt_seen seen = {0};
	struct err err = {0};
	enum opt_result result = opt_parse(&ready_program, &flags, &seen, &argc, &argv, &err);

	if (result == OPT_DONE)
		return EXIT_OK;
	if (result == OPT_BAD || opt_environment(&ready_program, &flags, &seen, &err) == OPT_BAD ||
		ready_check(&flags, argc, argv, &err) < 0)
		return out_die(ready_program.name, &err, EXIT_USAGE);
	int status = ready_run(&flags, &err);
	return status == EXIT_CANNOT ? out_die(ready_program.name, &err, status) : status;
}
