/* Findings as records, one for each input. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/out.h"
#include "common/base/utf8.h"
#include "ingress-lint/report.h"

json_t *report_string(const char *text)
{
	struct span rest = span_str(text);
	struct buf clean = {0};

	while (rest.len > 0) {
		uint32_t c;
		size_t len = utf8_decode(rest, &c);
		if (len > 0)
			buf_add(&clean, rest.p, len);
		else
			buf_add_str(&clean, "\xef\xbf\xbd");
		rest = span_skip(rest, len > 0 ? len : 1);
	}
	json_t *string = json_stringn(buf_span(&clean).p, buf_len(&clean));
	buf_free(&clean);
	return string;
}

static json_t *finding_json(const struct lint_finding *f)
{
	char *where = report_where(f);
	json_t *o = json_object();

	json_object_set_new(o, "id", json_string(f->rule->id));
	json_object_set_new(o, "name", json_string(f->rule->name));
	json_object_set_new(o, "severity", json_string(rulebook_severity_name(f->severity)));
	json_object_set_new(o, "message", report_string(f->message));
	json_object_set_new(o, "where", report_string(where));
	if (f->witness != NULL)
		json_object_set_new(o, "evidence", report_string(f->witness));
	json_object_set_new(o, "fix", json_string(f->rule->fix));
	json_object_set_new(o, "tool", json_string("ingress-lint"));
	free(where);
	return o;
}

/* The verdict: would cloudflared accept it? */
static json_t *verdict_json(const struct view *v)
{
	json_t *o = json_object();

	json_object_set_new(o, "valid", json_boolean(v->fault == INGRESS_OK));
	json_object_set_new(o, "error_class",
		v->fault == INGRESS_OK ? json_null() : json_string(ingress_fault_class(v->fault)));
	json_object_set_new(o, "rules", json_integer((json_int_t)v->count));
	return o;
}

static json_t *ingress_json(const struct input *in)
{
	if (in->view_count == 0)
		return json_null();
	json_t *o = verdict_json(&in->views[0]);
	json_t *all = in->view_count > 1 ? json_array() : NULL;
	for (size_t i = 0; all != NULL && i < in->view_count; i++)
		json_array_append_new(all, verdict_json(&in->views[i]));
	if (all != NULL)
		json_object_set_new(o, "configs", all);
	return o;
}

static const char *status_of(const struct input *in)
{
	if (in->err.text[0] != '\0')
		return "error";
	if (in->errors > 0)
		return "fail";
	if (in->warnings > 0)
		return "warn";
	return in->lint.count > 0 ? "info" : "ok";
}

static json_t *input_json(const struct input *in)
{
	json_t *record = out_record("config", "ingress-lint"), *target = json_object(),
	       *findings = json_array();

	json_object_set_new(target, "file", report_string(in->name));
	json_object_set_new(record, "target", target);
	json_object_set_new(record, "status", json_string(status_of(in)));
	json_object_set_new(record, "ingress", ingress_json(in));
	for (size_t i = 0; i < in->lint.count; i++)
		json_array_append_new(findings, finding_json(&in->lint.findings[i]));
	json_object_set_new(record, "findings", findings);
	if (in->err.text[0] != '\0')
		json_object_set_new(record, "error", report_string(in->err.text));
	return record;
}

int report_json(FILE *to, const struct report *r)
{
	for (size_t i = 0; i < r->count; i++)
		if (out_line(to, input_json(&r->inputs[i])) < 0)
			return -1;
	return 0;
}
