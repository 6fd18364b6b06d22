/* A secret is as old as its tunnel, unless a run of ours changed it since: no API tells when that was. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/out.h"
#include "common/base/rfc3339.h"
#include "common/conf/uuid.h"
#include "credrotate/journal.h"
#include "credrotate/plan.h"
#include "credrotate/session.h"

#define DAY_US (INT64_C(86400) * 1000000)

/* What a record says of a tunnel. Texts are borrowed from it. */
struct due {
	const char *id, *name;
	int64_t age_us;
	bool is_due;
};

/* False when the record is not of a tunnel whose secret could be due. */
static bool judge(const struct flags *f, json_t *record, struct due *out)
{
	json_t *tunnel = json_object_get(record, "tunnel");
	const char *created = json_string_value(json_object_get(tunnel, "created_at"));
	const char *deleted = json_string_value(json_object_get(tunnel, "deleted_at"));
	int64_t at, changed;
	struct uuid id;

	*out = (struct due){.id = json_string_value(json_object_get(tunnel, "id")),
		.name = json_string_value(json_object_get(tunnel, "name"))};
	if (out->id == NULL || !uuid_parse(span_str(out->id), &id) || deleted != NULL || created == NULL ||
		!rfc3339_parse(span_str(created), &at))
		return false;
	if (journal_last_changed(f->state_dir, out->id, &changed) && changed > at)
		at = changed;
	out->age_us = rfc3339_now() - at;
	out->is_due = out->age_us > f->older_than / 1000;
	return true;
}

/* --- Rotating --- */

const char *plan_expand(const char *text, const char *id, const char *name, struct arena *a, struct err *err)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	struct buf out = {0};

	for (; *text != '\0'; text++) {
		if (text[0] != '%' || text[1] == '\0') {
			buf_add_char(&out, *text);
			continue;
		}
		switch (*++text) {
		case 'i': buf_add_str(&out, id); break;
		case 'n':
			if (name == NULL || name[0] == '\0' || name[0] == '.' ||
				name[strspn(name, safe)] != '\0') {
				buf_free(&out);
				err_set(err, "its name has characters that no path should have; use %%i");
				return NULL;
			}
			buf_add_str(&out, name);
			break;
		case '%': buf_add_char(&out, '%'); break;
		default: buf_add_char(&out, '%'); buf_add_char(&out, *text);
		}
	}
	const char *copy = arena_copy(a, buf_span(&out)).p;
	buf_free(&out);
	return copy;
}

/* Rotate one, or with --dry-run look whether it could be. Its exit status. */
static int rotate(struct flags *f, const struct due *d)
{
	const char **texts = mem_array(f->targets.count, sizeof(*texts));
	struct flags one = *f; /* borrows what f owns */
	struct arena a = {0};
	struct err err = {""};
	int code = EXIT_DONE;

	one.from_stdin = one.json = false; /* what goes to standard output is the record */
	one.tunnel = d->id;
	one.targets.items = texts;
	for (size_t i = 0; i < f->targets.count && code == EXIT_DONE; i++) {
		texts[i] = plan_expand(f->targets.items[i], d->id, d->name, &a, &err);
		if (texts[i] == NULL) {
			err_wrap(&err, "tunnel %s", d->id);
			code = out_die("credrotate", &err, EXIT_REFUSED);
		}
	}
	if (code == EXIT_DONE)
		code = session_one(&one);
	f->ended_by = one.ended_by;
	arena_free(&a);
	free(texts);
	return code;
}

/* --- One record --- */

static void print_due(const struct due *d)
{
	struct buf line = {0};

	out_escape(span_str(d->id), &line);
	buf_add_str(&line, "  ");
	out_escape(span_str(d->name != NULL ? d->name : ""), &line);
	printf("%.*s  %lld days\n", (int)buf_len(&line), buf_span(&line).p, (long long)(d->age_us / DAY_US));
	fflush(stdout);
	buf_free(&line);
}

/* What it comes to: the exit status of the run, where there was one. */
static int treat(struct flags *f, json_t *record)
{
	bool acts = f->targets.count > 0;
	int code = EXIT_DONE;
	struct due d;

	if (!judge(f, record, &d))
		return EXIT_DONE; /* not for us */
	if (!f->json && d.is_due)
		print_due(&d);
	if (d.is_due && acts)
		code = rotate(f, &d);
	json_t *section = json_pack("{s:s, s:b, s:I}", "step", acts && !f->dry_run ? "summary" : "plan",
		"due", d.is_due, "age_days", (json_int_t)(d.age_us / DAY_US));
	if (d.is_due && acts) {
		json_object_set_new(section, "exit", json_integer(code));
		f->append_records = true;
	}
	if (code != EXIT_DONE)
		json_object_set_new(record, "status", json_string("fail"));
	json_object_set_new(record, "rotation", section);
	json_object_set_new(record, "tool", json_string("credrotate"));
	return code;
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

/* After such an end the next tunnel may be rotated: this one is as it was, or as it should be. */
static bool is_settled(int code)
{
	return code == EXIT_DONE || code == EXIT_REFUSED || code == EXIT_BUSY;
}

int plan_due(struct flags *f)
{
	char *line = NULL;
	size_t room = 0, number = 0;
	ssize_t n;
	int code = EXIT_DONE, worst = EXIT_DONE;
	struct err err;

	if (f->targets.count > 0 && flags_load_token(f, &err) < 0)
		return out_die("credrotate", &err, EXIT_USAGE);
	while (is_settled(code) && f->ended_by == 0 && (n = getline(&line, &room, stdin)) > 0) {
		number++;
		json_t *record = (size_t)n <= PLAN_LINE_MAX ? json_loadb(line, (size_t)n, 0, NULL) : NULL;
		if (!is_record(record)) {
			code = refuse(f, number);
		} else {
			code = treat(f, record);
			if (f->json)
				out_line(stdout, json_incref(record));
		}
		worst = code != EXIT_DONE ? code : worst;
		json_decref(record);
	}
	free(line);
	if (ferror(stdin) != 0) {
		err_sys(&err, "standard input");
		worst = out_die("credrotate", &err, EXIT_REFUSED);
	}
	return is_settled(code) && f->ended_by != 0 ? 128 + f->ended_by : worst;
}
