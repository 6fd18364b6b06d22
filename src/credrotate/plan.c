/* A secret's age is the tunnel's, unless the record tells when it was changed. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/out.h"
#include "common/base/rfc3339.h"
#include "credrotate/plan.h"

#define DAY_US (INT64_C(86400) * 1000000)

/* When the secret was set, as far as the record of `tunnel list --json` says. */
static bool find_set_at(json_t *record, int64_t *us)
{
	static const char *const names[] = {"tunnel_secret_changed_at", "created_at"};
	json_t *tunnel = json_object_get(record, "tunnel");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *text = json_string_value(json_object_get(tunnel, names[i]));
		if (text != NULL && rfc3339_parse(span_str(text), us))
			return true;
	}
	return false;
}

static void judge(const struct flags *f, json_t *record)
{
	json_t *tunnel = json_object_get(record, "tunnel");
	const char *deleted = json_string_value(json_object_get(tunnel, "deleted_at"));
	int64_t at;

	if (!json_is_object(tunnel) || deleted != NULL || !find_set_at(record, &at))
		return; /* not for us */
	int64_t age = rfc3339_now() - at;
	bool due = age > f->older_than / 1000;
	json_object_set_new(record, "rotation",
		json_pack("{s:s, s:b, s:I}", "step", "plan", "due", due, "age_days",
			(json_int_t)(age / DAY_US)));
	json_object_set_new(record, "tool", json_string("credrotate"));
	if (!f->json && due) {
		const char *name = json_string_value(json_object_get(tunnel, "name"));
		const char *id = json_string_value(json_object_get(tunnel, "id"));
		struct buf line = {0};
		out_escape(span_str(id != NULL ? id : "?"), &line);
		buf_add_str(&line, "  ");
		out_escape(span_str(name != NULL ? name : ""), &line);
		printf("%.*s  %lld days\n", (int)buf_len(&line), buf_span(&line).p,
			(long long)(age / DAY_US));
		buf_free(&line);
	}
}

static bool is_record(json_t *line)
{
	const char *schema = json_string_value(json_object_get(line, "schema"));

	return schema != NULL && strcmp(schema, OUT_SCHEMA) == 0;
}

static int refuse(const struct flags *f, size_t number)
{
	struct err err;

	err_set(&err, "standard input: line %zu: not a record of " OUT_SCHEMA, number);
	if (f->json) {
		json_t *record = out_record("error", "credrotate");
		json_object_set_new(record, "status", json_string("error"));
		json_object_set_new(record, "message", json_string(err.text));
		out_line(stdout, record);
	}
	return out_die("credrotate", &err, 3);
}

int plan_due(const struct flags *f)
{
	char *line = NULL;
	size_t room = 0, number = 0;
	ssize_t n;
	int code = 0;

	while ((n = getline(&line, &room, stdin)) > 0) {
		number++;
		json_t *record = (size_t)n <= PLAN_LINE_MAX ? json_loadb(line, (size_t)n, 0, NULL) : NULL;
		if (!is_record(record)) {
			code = refuse(f, number);
		} else {
			judge(f, record);
			if (f->json)
				out_line(stdout, json_incref(record));
		}
		json_decref(record);
	}
	free(line);
	return code;
}
