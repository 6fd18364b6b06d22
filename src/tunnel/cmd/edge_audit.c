/* Reads the audit records of a store, also while its edge runs. They stand there in the order of time. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/duration.h"
#include "common/base/mem.h"
#include "common/base/out.h"
#include "common/base/rfc3339.h"
#include "tunnel/cmd/cmd.h"
#include "tunnel/cmd/edge_audit.h"
#include "tunnel/cmd/edge_store.h"

struct audit_flags {
	const char *store, *tunnel, *since, *until;
	bool json;
};

static const struct opt audit_options[] = {
	{0, "store", "FILE", "the database of the edge", OPT_TEXT(struct audit_flags, store), NULL},
	{0, "tunnel", "TUNNEL", "only changes of this one, by id or by name",
		OPT_TEXT(struct audit_flags, tunnel), NULL},
	{0, "since", "TIME", "only changes from then on: RFC 3339, or 24h for a day ago",
		OPT_TEXT(struct audit_flags, since), NULL},
	{0, "until", "TIME", "and before then", OPT_TEXT(struct audit_flags, until), NULL},
	{'j', "json", NULL, "one record a line", OPT_BOOL(struct audit_flags, json), NULL},
	{0},
};

static const struct opt_program audit_program = {.name = "tunnel edge audit",
	.usage = "[OPTIONS] --store FILE",
	.summary = "Who changed what through the management API, oldest first. Values are not on record.",
	.more = "exit status: 0 done, 2 usage, 3 the store cannot be used\n",
	.options = audit_options};

/* What is looked for, and where. */
struct audit {
	const struct audit_flags *flags;
	struct store *store;
	int64_t since, until; /* microseconds since 1970 */
	struct err err;       /* set when one could not be read */
};

/* --- Names --- */

static void take_name(void *arg, const struct store_record *r)
{
	char **name = arg;
	struct tunnel_record t;
	struct err ignored;

	if (tunnel_record_parse(r->value, &t, &ignored) < 0)
		return;
	*name = mem_strdup(t.name);
	tunnel_record_free(&t);
}

static void take_label(void *arg, const struct store_record *r)
{
	char **label = arg;
	struct token_record t;
	struct err ignored;

	if (token_record_parse(r->value, &t, &ignored) < 0)
		return;
	*label = mem_strdup(t.label);
	token_record_free(&t);
}

/* What take finds in the record, or "". To be freed. */
static char *look_up(struct audit *a, struct span prefix, const char *id, store_fn *take)
{
	struct record_key key;
	char *text = NULL;

	if (id[0] != '\0')
		store_get(a->store, record_key(&key, prefix, span_str(id)), take, &text, &a->err);
	return text != NULL ? text : mem_strdup("");
}

/* --- Telling --- */

/* A change with the names of what its ids stand for. */
struct told {
	const struct audit_record *change;
	char id[UUID_TEXT_LEN + 1];
	char *name, *label; /* owned; "" when it is not there any more */
};

static void tell_record(const struct told *t)
{
	const struct audit_record *c = t->change;
	json_t *record = out_record("event", "tunnel"), *fields = json_array();
	struct span word, rest = span_str(c->fields);
	char at[RFC3339_TEXT_MAX];

	rfc3339_print(c->at, 3, at);
	while (rest.len > 0) {
		word = span_cut(rest, ' ', &rest);
		json_array_append_new(fields, json_stringn(word.p, word.len));
	}
	json_object_set_new(record, "event", json_string("audit"));
	json_object_set_new(record, "time", json_string(at));
	json_object_set_new(record, "target", json_pack("{s:s}", "tunnel", t->id));
	json_object_set_new(record, "status", json_string("ok"));
	json_object_set_new(record, "findings", json_array());
	json_object_set_new(record, "took_ms", json_integer(0)); /* it was there */
	json_object_set_new(record, "tunnel",
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:I, s:I}", "id", t->id, "name", t->name,
			"action", c->action, "token", c->token, "label", t->label, "address", c->address,
			"fields", fields, "version_before", (json_int_t)c->version_before, "version_after",
			(json_int_t)c->version_after));
	out_line(stdout, record);
}

static const char *escaped(struct buf *b, const char *text)
{
	buf_clear(b);
	out_escape(span_str(text), b);
	buf_add_char(b, '\0');
	return buf_span(b).p;
}

/* "2026-01-02T03:04:05Z  edit       home                  1111...  by 0123 (ci)  127.0.0.1  tunnel_secret 1 -> 2" */
static void tell_people(const struct told *t)
{
	const struct audit_record *c = t->change;
	struct buf name = {0}, label = {0};
	char at[RFC3339_TEXT_MAX];

	rfc3339_print(c->at, 0, at);
	printf("%s  %-9s  %s  %-20s  by %s", at, c->action, t->id, escaped(&name, t->name),
		c->token[0] != '\0' ? c->token : "anybody");
	if (t->label[0] != '\0')
		printf(" (%s)", escaped(&label, t->label));
	printf("  from %s  %s", c->address, c->fields);
	if (c->version_before != c->version_after && c->version_before != 0)
		printf(" %lld -> %lld", (long long)c->version_before, (long long)c->version_after);
	putchar('\n');
	buf_free(&name);
	buf_free(&label);
}

static void on_change(void *arg, const struct store_record *r)
{
	struct audit *a = arg;
	const char *wanted = a->flags->tunnel;
	struct audit_record change;
	struct told t = {.change = &change};

	if (audit_record_parse(r->value, &change, &a->err) < 0)
		return;
	if (change.at >= a->since && change.at < a->until) {
		uuid_print(&change.tunnel, t.id);
		t.name = look_up(a, RECORD_TUNNEL, t.id, take_name);
		t.label = look_up(a, RECORD_TOKEN, change.token, take_label);
		if (wanted == NULL || strcmp(wanted, t.id) == 0 || strcmp(wanted, t.name) == 0)
			(a->flags->json ? tell_record : tell_people)(&t);
		free(t.name);
		free(t.label);
	}
	audit_record_free(&change);
}

/* --- The command --- */

/* A time, or how long ago it was. */
static int take_time(const char *option, const char *text, int64_t *out, struct err *err)
{
	int64_t ago_ns;

	if (text == NULL || rfc3339_parse(span_str(text), out))
		return 0;
	if (duration_parse(span_str(text), &ago_ns) != DURATION_OK || ago_ns < 0)
		return err_set(err, "%s %s: neither a time, 2026-01-02T03:04:05Z, nor how long ago, 24h",
			option, text);
	*out = rfc3339_now() - ago_ns / 1000;
	return 0;
}

static int list(struct audit *a, struct err *err)
{
	char after[32];
	struct record_key key;

	a->store = store_open_sqlite(a->flags->store, STORE_TOUCH, false, err);
	if (a->store == NULL)
		return -1;
	snprintf(after, sizeof(after), "%016llx", (unsigned long long)(a->since > 0 ? a->since : 0));
	int rc = store_list(a->store, RECORD_AUDIT, record_key(&key, RECORD_AUDIT, span_str(after)), 0,
			 on_change, a, err) == STORE_OK
			 ? 0
			 : -1;
	store_close(a->store);
	if (rc == 0)
		rc = out_end(stdout, "stdout", err);
	if (rc == 0 && a->err.text[0] != '\0') {
		*err = a->err;
		rc = -1;
	}
	return rc;
}

int edge_audit(int argc, char **argv)
{
	struct audit_flags f = {0};
	struct audit a = {.flags = &f, .until = INT64_MAX};
	struct opt_seen seen = {0};
	struct err err = {0};

	switch (opt_parse(&audit_program, &f, &seen, &argc, &argv, &err)) {
	case OPT_DONE: return EXIT_OK;
	case OPT_BAD: return out_die(audit_program.name, &err, EXIT_USAGE);
	case OPT_RUN: break;
	}
	if (argc > 0)
		err_set(&err, "unexpected argument \"%s\"; see tunnel edge audit --help", argv[0]);
	else if (f.store == NULL)
		err_set(&err, "--store FILE is needed: the database of the edge");
	if (err.text[0] != '\0' || take_time("--since", f.since, &a.since, &err) < 0 ||
		take_time("--until", f.until, &a.until, &err) < 0)
		return out_die(audit_program.name, &err, EXIT_USAGE);
	return list(&a, &err) < 0 ? out_die(audit_program.name, &err, EXIT_CANNOT) : EXIT_OK;
}
