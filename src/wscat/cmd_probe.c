/* wscat probe: targets from the command line, a file and records; results in five formats. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/duration.h"
#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "common/base/out.h"
#include "wscat/cmd.h"
#include "wscat/probe.h"
#include "wscat/request.h"
#include "wscat/target.h"

#define LINE_MAX_BYTES ((size_t)8 << 20) /* of a record */

static const struct opt options[] = {
	CLIENT_OPTIONS,
	{0, "hop", "NAME=URL", "a hop, outermost first (repeatable)", OPT_LIST(struct probe_conf, hops),
		NULL},
	{0, "hops", "FILE", "hops from a YAML list of {name, url, config}",
		OPT_TEXT(struct probe_conf, hops_file), NULL},
	{0, "config", "HOP=FILE", "that hop's configuration: Apache, nginx, HAProxy or Caddy (repeatable)",
		OPT_LIST(struct probe_conf, configs), NULL},
	{0, "echo", NULL, "send a text and see whether it comes back", OPT_BOOL(struct probe_conf, echo),
		NULL},
	{0, "deep", NULL, "ask hops that work further, and remark on what is odd",
		OPT_BOOL(struct probe_conf, deep), NULL},
	{0, "idle", "TIME", "find the idle timeout, up to this long",
		OPT_TIME(struct probe_conf, idle_ns, DURATION_S, INT64_C(24) * 3600 * DURATION_S), NULL},
	{0, "max-frame", "BYTES", "find the largest message that comes back, up to this size",
		OPT_NUMBER(struct probe_conf, frame_bound, 1, INT64_C(1) << 26), NULL},
	{0, "soak", "TIME", "hold a connection for so long and count how often it is lost",
		OPT_TIME(struct probe_conf, soak_ns, DURATION_S, INT64_C(24) * 3600 * DURATION_S), NULL},
	{0, "expect", "FILE", "compare with a saved record; worse is a failure",
		OPT_TEXT(struct probe_conf, expect_file), NULL},
	{0, "json", NULL, "one record per target", OPT_BOOL(struct probe_conf, json), NULL},
	{0, "format", "text|json|junit|tap|github", "how to print", OPT_TEXT(struct probe_conf, format_name),
		NULL},
	{0, "color", "auto|always|never", "mark the guilty hop (auto: on a terminal, unless NO_COLOR is set)",
		OPT_TEXT(struct probe_conf, color_name), NULL},
	{'v', "verbose", NULL, "print every request and how it was answered",
		OPT_BOOL(struct probe_conf, verbose), NULL},
	{'q', "quiet", NULL, "print nothing when all is well", OPT_BOOL(struct probe_conf, quiet), NULL},
	{0},
};

static const struct opt_program program = {
	.name = "wscat probe",
	.env_prefix = "OUTBORE_WSCAT_",
	.usage = "[OPTIONS] [--hop NAME=URL ...] [URL ... | -]",
	.summary = "Asks every hop for a WebSocket and names the one that breaks it, the cause and the line "
		   "that mends it.",
	.more = "-: records from standard input; hops of one machine and of another further inside make one "
		"picture.\n"
		"At most 12 requests go to a hop, besides --idle, --max-frame and --soak; see wscat explain "
		"ID for a cause.\n"
		"exit status: 0 all hops pass, 1 one is broken, 2 usage, 3 none could be reached.\n",
	.options = options,
};

/* What is left of the run. */
struct run {
	struct probe_conf conf;
	struct env env;
	json_t *expected; /* NULL: none */
	int status;
	size_t number; /* of targets shown */
	bool junit_open;
};

static void worsen(struct run *r, int status)
{
	/* 3 is worse than 1, which is worse than 0. */
	if (status > r->status)
		r->status = status;
}

/* --- Output --- */

static void print_xml(const char *text)
{
	for (; *text != '\0'; text++) {
		switch (*text) {
		case '<': fputs("&lt;", stdout); break;
		case '>': fputs("&gt;", stdout); break;
		case '&': fputs("&amp;", stdout); break;
		case '"': fputs("&quot;", stdout); break;
		default: putchar(*text); break;
		}
	}
}

static const char *title_of(const struct probe *p)
{
	return p->verdict.cause != NULL ? p->verdict.cause->title : p->verdict.what;
}

static const char *hop_name(const struct probe *p)
{
	return p->verdict.hop >= 0 ? p->hops[p->verdict.hop]->name : "client";
}

static const char *url_of(const struct probe *p)
{
	return p->count > 0 && p->hops[0]->url != NULL ? p->hops[0]->url : "";
}

static void print_junit(struct run *r, const struct probe *p)
{
	if (!r->junit_open)
		printf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"wscat probe\">\n");
	r->junit_open = true;
	printf("  <testcase classname=\"wscat.probe\" name=\"");
	print_xml(url_of(p));
	printf("\" time=\"%.3f\"", (double)p->took_us / 1e6);
	if (probe_is_fine(p)) {
		printf("/>\n");
		return;
	}
	printf(">\n    <failure type=\"%s\" message=\"",
		p->verdict.cause != NULL ? p->verdict.cause->id : "WS-UNKNOWN");
	print_xml(hop_name(p));
	printf(": ");
	print_xml(p->regressions != NULL ? p->regressions : title_of(p));
	printf("\">");
	print_xml(p->verdict.evidence);
	printf("\n");
	print_xml(p->verdict.fix);
	printf("</failure>\n  </testcase>\n");
}

static void print_tap(struct run *r, const struct probe *p)
{
	printf("%s %zu - %s\n", probe_is_fine(p) ? "ok" : "not ok", r->number, url_of(p));
	if (!probe_is_fine(p))
		printf("# %s: %s\n# %s\n", hop_name(p), p->regressions != NULL ? p->regressions : title_of(p),
			p->verdict.fix);
}

static void print_github(const struct probe *p)
{
	if (!probe_is_fine(p))
		printf("::error title=%s::%s: %s: %s. %s\n",
			p->verdict.cause != NULL ? p->verdict.cause->id : "WS-UNKNOWN", url_of(p),
			hop_name(p), p->regressions != NULL ? p->regressions : title_of(p), p->verdict.fix);
}

static void show(struct run *r, struct probe *p)
{
	r->number++;
	switch (r->conf.format) {
	case PROBE_JSON: out_line(stdout, json_incref(probe_record(p))); break;
	case PROBE_TEXT:
		if (!r->conf.quiet || !probe_is_fine(p))
			picture_print(p, r->conf.color);
		if (r->conf.verbose)
			picture_print_replies(p);
		break;
	case PROBE_JUNIT: print_junit(r, p); break;
	case PROBE_TAP: print_tap(r, p); break;
	case PROBE_GITHUB: print_github(p); break;
	}
}

/* --- Targets --- */

static void finish(struct run *r, struct probe *p)
{
	struct err err;

	if (probe_run(p, &r->conf, &r->env, &err) < 0) {
		out_die("wscat probe", &err, 0);
		worsen(r, EXIT_CANNOT);
	} else {
		if (r->expected != NULL)
			probe_expect(p, r->expected);
		show(r, p);
		if (!probe_is_fine(p))
			worsen(r, probe_is_unreachable(p) ? EXIT_CANNOT : EXIT_WRONG);
	}
	probe_fini(p);
}

/* The hops of --hop and --hops. -1 with err. */
static int own_hops(struct run *r, struct probe *p, struct err *err)
{
	if (r->conf.hops_file != NULL && hopsfile_read(r->conf.hops_file, p, &r->conf.configs, err) < 0)
		return -1;
	for (size_t i = 0; i < r->conf.hops.count; i++) {
		struct span url, name = span_cut(span_str(r->conf.hops.items[i]), '=', &url);
		if (url.p == NULL || name.len == 0)
			return err_set(err, "--hop \"%s\" is not NAME=URL", r->conf.hops.items[i]);
		char *text = mem_spandup(name);
		struct hop *h = hop_new(text, url.p);
		free(text);
		if (probe_add(p, h, true, err) < 0)
			return -1;
	}
	return 0;
}

/* Hops of a record: measured ones as they are; of others the name and URL, to be measured. */
static void record_hops(struct probe *p, json_t *record)
{
	json_t *measured = json_object_get(json_object_get(record, "ws"), "hops"), *json;
	json_t *named = json_object_get(json_object_get(record, "target"), "hops");
	const char *url = json_string_value(json_object_get(json_object_get(record, "target"), "url"));
	struct err err;
	size_t i;

	json_array_foreach(measured, i, json)
	{
		struct hop *h = hop_from_json(json);
		if (h != NULL)
			probe_add(p, h, false, &err); /* a hop that we measured ourselves goes first */
	}
	if (json_array_size(measured) > 0)
		return;
	json_array_foreach(named, i, json)
	{
		const char *name = json_string_value(json_object_get(json, "name"));
		const char *its = json_string_value(json_object_get(json, "url"));
		if (name != NULL && its != NULL)
			probe_add(p, hop_new(name, its), true, &err);
	}
	if (json_array_size(named) == 0 && url != NULL)
		probe_add(p, hop_new("target", url), true, &err);
}

static void bad_line(struct run *r, size_t line, const char *why)
{
	json_t *record = out_record("error", "wscat");
	struct err err;

	err_set(&err, "standard input, line %zu: %s", line, why);
	out_die("wscat probe", &err, 0);
	json_object_set_new(record, "status", json_string("error"));
	json_object_set_new(record, "message", json_string(err.text));
	if (r->conf.format == PROBE_JSON)
		out_line(stdout, record);
	else
		json_decref(record);
	worsen(r, EXIT_CANNOT);
}

/* One record. own is what --hop made, used up by the first record that has hops. */
static void take_record(struct run *r, struct probe *own, bool *own_used, json_t *record)
{
	struct probe p = {0};

	if (!*own_used && own->count > 0) {
		p = *own;
		*own = (struct probe){0};
	}
	size_t before = p.count;
	record_hops(&p, record);
	if (p.count == before) { /* not for us */
		*own = p;
		if (r->conf.format == PROBE_JSON)
			out_line(stdout, json_incref(record));
		return;
	}
	*own_used = true;
	p.record = json_incref(record);
	finish(r, &p);
}

static const char *judge_record(const json_t *record)
{
	const char *schema = json_string_value(json_object_get(record, "schema"));

	if (!json_is_object(record) || schema == NULL)
		return "not a record";
	if (strncmp(schema, "outbore/", 8) != 0)
		return "a record of another schema";
	return strcmp(schema, OUT_SCHEMA) == 0 || strncmp(schema, OUT_SCHEMA ".", 10) == 0
		       ? NULL
		       : "a record of another major version than outbore/1";
}

static void bad_input(struct run *r)
{
	struct err err;

	err_sys(&err, "standard input");
	out_die("wscat probe", &err, 0);
	worsen(r, EXIT_CANNOT);
}

static void read_records(struct run *r, struct probe *own)
{
	char *line = NULL;
	size_t cap = 0, number = 0;
	ssize_t len;
	bool own_used = false;

	while ((len = getline(&line, &cap, stdin)) >= 0) {
		json_error_t why;
		number++;
		if (strspn(line, " \t\r\n") == (size_t)len)
			continue;
		json_t *record = (size_t)len <= LINE_MAX_BYTES
					 ? json_loadb(line, (size_t)len, JSON_REJECT_DUPLICATES, &why)
					 : NULL;
		const char *bad = record != NULL ? judge_record(record) : "not a record";
		if (bad != NULL)
			bad_line(r, number, bad);
		else
			take_record(r, own, &own_used, record);
		json_decref(record);
	}
	free(line);
	if (ferror(stdin) != 0)
		bad_input(r);
	if (own->count > 0)
		finish(r, own);
}

/* --- Set-up --- */

static int read_format(struct probe_conf *conf, struct err *err)
{
	static const char *const names[] = {"text", "json", "junit", "tap", "github"};

	conf->format = conf->json ? PROBE_JSON : PROBE_TEXT;
	if (conf->format_name == NULL)
		return 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(conf->format_name, names[i]) == 0) {
			conf->format = (enum probe_format)i;
			return 0;
		}
	}
	return err_set(err, "--format %s: text, json, junit, tap or github", conf->format_name);
}

static int read_color(struct probe_conf *conf, struct err *err)
{
	const char *name = conf->color_name != NULL ? conf->color_name : "auto";
	const char *no_color = getenv("NO_COLOR");

	if (strcmp(name, "auto") == 0)
		conf->color = isatty(STDOUT_FILENO) && (no_color == NULL || *no_color == '\0');
	else if (strcmp(name, "always") == 0)
		conf->color = true;
	else if (strcmp(name, "never") != 0)
		return err_set(err, "--color %s: auto, always or never", name);
	return 0;
}

static int read_expected(struct run *r, struct err *err)
{
	struct buf text = {.max = LINE_MAX_BYTES};
	json_error_t why;
	int rc = fsx_read(r->conf.expect_file, &text, err);

	if (rc == 0) {
		r->expected = json_loadb(buf_span(&text).p, buf_len(&text), JSON_DISABLE_EOF_CHECK, &why);
		if (r->expected == NULL || judge_record(r->expected) != NULL)
			rc = err_set(err, "%s: not a record of wscat probe --json", r->conf.expect_file);
	}
	buf_free(&text);
	return rc;
}

static void run_targets(struct run *r, struct probe *own, int argc, char **argv)
{
	struct err err;
	bool records = argc > 0 && strcmp(argv[argc - 1], "-") == 0;

	for (int i = 0; i < argc - records; i++) {
		struct probe p = {0};
		probe_add(&p, hop_new("target", argv[i]), true, &err);
		finish(r, &p);
	}
	if (records)
		read_records(r, own);
	else if (own->count > 0)
		finish(r, own);
	if (r->conf.format == PROBE_TAP)
		printf("1..%zu\n", r->number);
	if (r->junit_open)
		printf("</testsuite>\n");
}

static int check_url(const char *url, struct err *err)
{
	struct target t;

	if (target_parse(url, &t, err) < 0)
		return -1;
	target_free(&t);
	return 0;
}

/* What the command line names, before any hop is asked. Hops of records are not known yet. */
static int check_names(const struct run *r, const struct probe *own, int argc, char **argv, struct err *err)
{
	bool records = argc > 0 && strcmp(argv[argc - 1], "-") == 0;

	for (int i = 0; i < argc - records; i++)
		if (check_url(argv[i], err) < 0)
			return -1;
	for (size_t i = 0; i < own->count; i++)
		if (check_url(own->hops[i]->url, err) < 0)
			return err_wrap(err, "hop %s", own->hops[i]->name);
	for (size_t i = 0; i < r->conf.configs.count && !records; i++) {
		struct span file, name = span_cut(span_str(r->conf.configs.items[i]), '=', &file);
		if (file.p == NULL)
			return err_set(err, "--config \"%s\" is not HOP=FILE", r->conf.configs.items[i]);
		if (!probe_has(own, name) && !(argc > 0 && span_eq(name, SPAN("target"))))
			return err_set(
				err, "--config \"%s\": there is no such hop", r->conf.configs.items[i]);
	}
	return 0;
}

static int probe_main(struct run *r, int argc, char **argv, struct err *err)
{
	struct probe own = {0};
	int status = EXIT_USAGE;

	if (argc == 0 && r->conf.hops.count == 0 && r->conf.hops_file == NULL) {
		err_set(err, "nothing to probe; see wscat probe --help");
	} else if (read_format(&r->conf, err) == 0 && read_color(&r->conf, err) == 0 &&
		   request_check_headers(&r->conf.client, err) == 0) {
		status = r->conf.hops_file != NULL ? EXIT_CANNOT : EXIT_USAGE;
		if (own_hops(r, &own, err) == 0 && check_names(r, &own, argc, argv, err) == 0 &&
			env_init(&r->env, &r->conf.client, &status, err) == 0) {
			status = EXIT_CANNOT;
			if (r->conf.expect_file == NULL || read_expected(r, err) == 0) {
				run_targets(r, &own, argc, argv);
				status = -1;
			}
		}
	}
	probe_fini(&own);
	return status;
}

int cmd_probe(int argc, char **argv)
{
	struct run r = {.conf = {.client = CLIENT_CONF_DEFAULT}};
	struct opt_seen seen = {0};
	struct err err = {0};
	int status;

	enum opt_result parsed = opt_parse(&program, &r.conf, &seen, &argc, &argv, &err);
	if (parsed == OPT_RUN)
		parsed = opt_environment(&program, &r.conf, &seen, &err);
	switch (parsed) {
	case OPT_DONE: break;
	case OPT_BAD: r.status = out_die("wscat probe", &err, EXIT_USAGE); break;
	case OPT_RUN:
		status = probe_main(&r, argc, argv, &err);
		if (status >= 0)
			r.status = out_die("wscat probe", &err, status);
		break;
	}
	json_decref(r.expected);
	env_fini(&r.env);
	opt_free(options, &r.conf);
	return r.status;
}

/* --- wscat explain --- */

static void explain(const struct cause *c)
{
	printf("%s\n  what   %s\n  sees   %s\n  tells  %s\n  fix    %s\n", c->id, c->title, c->sees, c->tells,
		c->fix);
}

int cmd_explain(int argc, char **argv)
{
	size_t count;
	const struct cause *all = catalogue(&count);
	struct err err;
	int status = EXIT_OK;

	if (argc == 1 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)) {
		printf("usage: wscat explain [ID ...]\n\nWhat is known about a cause; without ID, the list "
		       "of all.\n");
		return EXIT_OK;
	}
	for (size_t i = 0; argc == 0 && i < count; i++)
		printf("%-14s %s\n", all[i].id, all[i].title);
	for (int i = 0; i < argc; i++) {
		const struct cause *c = catalogue_find(argv[i]);
		if (c != NULL) {
			explain(c);
		} else {
			err_set(&err, "there is no %s; wscat explain lists all", argv[i]);
			status = out_die("wscat explain", &err, EXIT_USAGE);
		}
	}
	return status;
}
