/* Lines and records. */
#include <stdarg.h>
#include <stdlib.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/out.h"
#include "common/base/rfc3339.h"
#include "credrotate/clock.h"
#include "credrotate/report.h"

static const char *const results[] = {"ok", "wait", "retry", "failed", "skipped"};

static void add_text(json_t *to, const char *name, const char *value)
{
	if (value != NULL && value[0] != '\0')
		json_object_set_new(to, name, json_string(value));
}

/* The record around a section; the section is released. */
static void write_record(
	struct report *r, const char *status, const char *file, int64_t took_ms, json_t *section)
{
	json_t *record = out_record("rotation", "credrotate"), *target = json_object();

	add_text(target, "tunnel", r->tunnel);
	if (file != NULL && strncmp(file, "file:", 5) == 0)
		json_object_set_new(target, "file", json_stringn(file + 5, strcspn(file + 5, ",")));
	json_object_set_new(record, "target", target);
	json_object_set_new(record, "status", json_string(status));
	json_object_set_new(record, "findings", json_array());
	json_object_set_new(record, "took_ms", json_integer(took_ms));
	json_object_set_new(record, "rotation", section);
	if (out_line(r->records, record) < 0)
		r->broken = true;
}

static json_t *begin_section(const struct report *r, const char *step)
{
	char now[RFC3339_TEXT_MAX];

	rfc3339_print(rfc3339_now(), 3, now);
	json_t *section = json_pack("{s:s, s:s}", "time", now, "step", step);
	add_text(section, "run", r->run);
	add_text(section, "tunnel", r->tunnel);
	return section;
}

static void say(const struct report *r, const struct report_step *s, const char *message, int64_t took_ms)
{
	struct buf line = {0};

	if (r->quiet && s->result != REPORT_FAILED)
		return;
	buf_addf(&line, "credrotate: %s", s->step);
	if (s->target != NULL) {
		buf_add_char(&line, ' ');
		out_escape(span_of(s->target, strcspn(s->target, ",")), &line); /* options are known */
	}
	buf_addf(&line, ": %s", results[s->result]);
	if (message[0] != '\0') {
		buf_add_str(&line, ": ");
		out_escape(span_str(message), &line);
	}
	if (s->since_ms > 0)
		buf_addf(&line, " (%lld ms)", (long long)took_ms);
	buf_add_char(&line, '\n');
	fwrite(buf_span(&line).p, 1, buf_len(&line), stderr);
	buf_free(&line);
}

void report_step(struct report *r, const struct report_step *s, const char *fmt, ...)
{
	int64_t took_ms = s->since_ms > 0 ? clock_ms() - s->since_ms : 0;
	char message[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	r->counts[s->result]++;
	say(r, s, message, took_ms);
	if (r->records != NULL) {
		json_t *section = begin_section(r, s->step);
		add_text(section, "target", s->target);
		add_text(section, "result", results[s->result]);
		add_text(section, "message", message);
		if (s->since_ms > 0)
			json_object_set_new(section, "elapsed_ms", json_integer(took_ms));
		if (s->version > 0)
			json_object_set_new(section, "secret_version", json_integer(s->version));
		if (s->fingerprint != NULL)
			add_text(section, "fingerprint", s->fingerprint->text);
		if (s->more != NULL)
			json_object_update(section, s->more);
		write_record(r, s->result == REPORT_FAILED ? "fail" : "ok", s->target, took_ms, section);
	}
	json_decref(s->more);
}

void report_summary(struct report *r, int64_t since_ms, bool good, json_t *more)
{
	int64_t took_ms = clock_ms() - since_ms;

	if (r->records != NULL) {
		json_t *section = begin_section(r, "summary"), *counts = json_object();
		for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
			json_object_set_new(counts, results[i], json_integer(r->counts[i]));
		json_object_set_new(section, "counts", counts);
		json_object_set_new(section, "elapsed_ms", json_integer(took_ms));
		json_object_update(section, more);
		write_record(r, good ? "ok" : "fail", NULL, took_ms, section);
	}
	json_decref(more);
}
