/* Records (share/schema has their shape). */
#include "common/base/out.h"
#include "common/base/utf8.h"
#include "hdrcheck/show.h"

json_t *show_json_text(struct span s)
{
	json_t *text = s.p != NULL ? json_stringn(s.p, s.len) : json_null();

	if (text != NULL)
		return text;
	struct buf clean = {0}; /* not UTF-8: a body's attribute, cut in the middle */
	while (s.len > 0) {
		uint32_t c;
		size_t n = utf8_decode(s, &c);
		if (n == 0)
			buf_add_str(&clean, "\xef\xbf\xbd");
		else
			buf_add(&clean, s.p, n);
		s = span_skip(s, n > 0 ? n : 1);
	}
	text = json_stringn(buf_span(&clean).p, buf_len(&clean));
	buf_free(&clean);
	return text;
}

static void put(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, value);
}

/* --- headers.observatory, headers.csp --- */

static json_t *test_record(const struct observatory *o, enum obs_test test)
{
	const struct obs_result *r = o->tests[test];

	return json_pack("{s:s, s:b, s:i}", "result", r->name, "pass", (int)r->pass, "score_modifier",
		observatory_modifier(o, test));
}

static void put_flags(json_t *test, const struct obs_csp *f)
{
	if (!f->judged)
		return;
	put(test, "policy",
		json_pack("{s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b}", "antiClickjacking",
			(int)f->anti_clickjacking, "defaultNone", (int)f->default_none, "insecureBaseUri",
			(int)f->insecure_base_uri, "insecureFormAction", (int)f->insecure_form_action,
			"insecureSchemeActive", (int)f->insecure_scheme_active, "insecureSchemePassive",
			(int)f->insecure_scheme_passive, "strictDynamic", (int)f->strict_dynamic,
			"unsafeEval", (int)f->unsafe_eval, "unsafeInline", (int)f->unsafe_inline,
			"unsafeInlineStyle", (int)f->unsafe_inline_style, "unsafeObjects",
			(int)f->unsafe_objects));
}

static json_t *observatory_record(const struct observatory *o)
{
	json_t *out = json_pack("{s:i}", "algorithm", o->algorithm), *tests = json_object();

	if (o->scored) {
		put(out, "score", json_integer(o->score));
		put(out, "grade", json_string(o->grade));
	} else {
		put(out, "error", json_string("status-not-scanned"));
	}
	for (enum obs_test t = 0; t < OBS_TESTS; t++)
		if (o->tests[t] != NULL)
			put(tests, observatory_test_name(t), test_record(o, t));
	put_flags(json_object_get(tests, observatory_test_name(OBS_CSP)), &o->csp);
	put(out, "tests", tests);
	return out;
}

static json_t *csp_record(const struct eval_list *list)
{
	json_t *out = json_array();

	for (size_t i = 0; i < list->count; i++) {
		const struct eval_finding *f = &list->at[i];
		json_t *one = json_pack("{s:I, s:s, s:s}", "policy", (json_int_t)f->policy, "type", f->type,
			"severity", f->severity);
		put(one, "directive", show_json_text(f->directive));
		put(one, "value", show_json_text(f->value));
		if (f->meta)
			put(one, "source", json_string("meta"));
		json_array_append_new(out, one);
	}
	return out;
}

/* --- response: what a later run can be fed with. The values of cookies are left out. --- */

static json_t *cookie_text(struct span value)
{
	size_t equals = span_find(value, '='), end = span_find(value, ';');
	struct buf line = {0};

	if (equals < end) {
		buf_add(&line, value.p, equals);
		buf_add_str(&line, "=...");
	} else if (end > 0) { /* the value of a cookie without a name (RFC 6265bis, 5.6) */
		buf_add_str(&line, "...");
	}
	buf_add(&line, value.p + end, value.len - end);
	json_t *out = show_json_text(buf_span(&line));
	buf_free(&line);
	return out;
}

static json_t *fields_record(const struct fields *headers)
{
	json_t *out = json_array();

	for (size_t i = 0; i < headers->count; i++) {
		const struct field *f = &headers->at[i];
		bool cookie = span_eq_nocase(f->name, SPAN("set-cookie"));
		json_array_append_new(
			out, json_pack("[o, o]", show_json_text(f->name),
				     cookie ? cookie_text(f->value) : show_json_text(f->value)));
	}
	return out;
}

static json_t *response_record(const struct response *r)
{
	static const char *const https[] = {
		[HTTPS_VALID] = "valid", [HTTPS_INVALID] = "invalid", [HTTPS_NONE] = "none"};
	json_t *out = json_object(), *chain = json_array();

	put(out, "request_url", show_json_text(r->request_url));
	put(out, "host", show_json_text(r->host));
	put(out, "https", json_string(https[r->https]));
	for (size_t i = 0; i < r->http_chain_count; i++)
		json_array_append_new(chain,
			json_pack("[o, i]", show_json_text(r->http_chain[i].url), r->http_chain[i].status));
	if (r->has_http_chain)
		put(out, "http_chain", chain);
	else {
		put(out, "http_chain", json_null());
		json_decref(chain);
	}
	if (r->has_cors)
		put(out, "cors",
			json_pack("{s:o, s:i, s:o}", "origin", show_json_text(r->cors_origin), "status",
				r->cors_status, "headers", fields_record(&r->cors)));
	put(out, "status", json_integer(r->status));
	if (r->http_version > 0)
		put(out, "http_version",
			json_string(r->http_version == 20   ? "2"
				    : r->http_version == 10 ? "1.0"
							    : "1.1"));
	put(out, "headers", fields_record(&r->headers));
	return out;
}

/* --- headers.hops --- */

static json_t *hops_record(const struct hops *h)
{
	json_t *out = json_array();

	for (size_t i = 0; i < h->count; i++) {
		json_t *changes = json_array();
		for (size_t row = 0; row < h->row_count; row++) {
			const struct hop_row *r = &h->rows[row];
			if (i + 1 == h->count || r->change[i] == HOP_SAME)
				continue;
			json_t *one = json_pack("{s:s, s:I}", "change", hop_change_name(r->change[i]),
				"lines", (json_int_t)r->lines[i]);
			put(one, "header", show_json_text(r->name));
			put(one, "from", show_json_text(r->values[i + 1]));
			put(one, "to", show_json_text(r->values[i]));
			if (r->look[i] != NULL)
				put(one, "look", show_json_text(span_str(r->look[i])));
			json_array_append_new(changes, one);
		}
		json_t *hop = json_pack("{s:s, s:s, s:i, s:o}", "name", h->at[i].name, "url", h->at[i].url,
			"status", h->at[i].r->status, "changes", changes);
		put(hop, "response", response_record(h->at[i].r));
		if (h->at[i].product != PRODUCT_UNKNOWN)
			put(hop, "product", json_string(product_label(h->at[i].product)));
		json_array_append_new(out, hop);
	}
	return out;
}

/* --- findings --- */

static json_t *finding_record(const struct finding *f)
{
	json_t *out = json_pack("{s:s, s:s, s:s, s:s}", "tool", "hdrcheck", "id", f->rule->id, "severity",
		severity_name(f->rule->severity), "message", f->message);

	put(out, "where", f->hop != NULL ? json_string(f->hop) : show_json_text(f->header));
	put(out, "header", show_json_text(f->header));
	if (f->value.p != NULL)
		put(out, "evidence", show_json_text(f->value));
	if (f->column > 0)
		put(out, "column", json_integer((json_int_t)f->column));
	if (f->url != NULL)
		put(out, "url", json_string(f->url));
	put(out, "fix", json_string(f->rule->why));
	return out;
}

static json_t *error_finding(const char *why)
{
	return json_pack("{s:s, s:s, s:s, s:o}", "tool", "hdrcheck", "id", "not-judged", "severity", "error",
		"message", show_json_text(span_str(why)));
}

/* Findings of other tools stay; our own of an earlier run go. */
static json_t *findings_of(const json_t *record)
{
	const json_t *old = json_object_get(record, "findings"), *one;
	json_t *out = json_array();
	size_t i;

	json_array_foreach(old, i, one)
	{
		const char *tool = json_string_value(json_object_get(one, "tool"));
		if (tool == NULL || strcmp(tool, "hdrcheck") != 0)
			json_array_append(out, (json_t *)(uintptr_t)one);
	}
	return out;
}

static const char *const statuses[] = {"ok", "info", "warn", "fail", "error"};

static int status_rank(const char *text)
{
	for (int i = 0; text != NULL && i < 5; i++)
		if (strcmp(text, statuses[i]) == 0)
			return i;
	return 0;
}

/* The worst so far. */
static void raise_status(json_t *out, int rank)
{
	int before = status_rank(json_string_value(json_object_get(out, "status")));

	put(out, "status", json_string(statuses[rank > before ? rank : before]));
}

static void put_target(json_t *out, const char *url)
{
	json_t *target = json_object_get(out, "target");

	if (!json_is_object(target)) {
		target = json_object();
		put(out, "target", target);
	}
	if (json_object_get(target, "url") == NULL && url != NULL)
		put(target, "url", show_json_text(span_str(url)));
}

static json_t *names_record(const struct span *names, size_t count)
{
	json_t *out = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(out, show_json_text(names[i]));
	return out;
}

static json_t *sides_record(const struct sides *sides)
{
	json_t *out = json_array();

	for (size_t i = 0; i < sides->count; i++) {
		const struct side *s = &sides->at[i];
		json_array_append_new(
			out, json_pack("{s:s, s:o, s:i, s:o, s:o}", "what", side_name(s->side), "url",
				     show_json_text(s->r->request_url), "status", s->r->status, "lacks",
				     names_record(s->lacks, s->lack_count), "differs",
				     names_record(s->differs, s->differ_count)));
	}
	return out;
}

static json_t *policy_record(const struct show_target *t)
{
	json_t *list = json_array();

	for (size_t i = 0; i < t->overwrites.count; i++) {
		const struct overwrite *o = &t->overwrites.at[i];
		json_t *one =
			json_pack("{s:b, s:I}", "stronger", (int)o->stronger, "line", (json_int_t)o->line);
		put(one, "header", show_json_text(o->header));
		put(one, "from", show_json_text(o->was));
		put(one, "to", show_json_text(o->now));
		json_array_append_new(list, one);
	}
	return json_pack("{s:s, s:b, s:o}", "name", t->policy, "met", (int)t->policy_met, "overwrites", list);
}

static json_t *headers_record(const struct show_target *t)
{
	json_t *out = json_object();

	put(out, "observatory", observatory_record(&t->audit->observatory));
	put(out, "csp", csp_record(&t->audit->evaluator));
	put(out, "score", json_integer(audit_score(t->audit)));
	if (t->policy != NULL)
		put(out, "policy", policy_record(t));
	if (t->hops != NULL)
		put(out, "hops", hops_record(t->hops));
	if (t->sides.count > 0)
		put(out, "deep", sides_record(&t->sides));
	return out;
}

json_t *show_record(const struct show_target *t)
{
	json_t *out = t->record != NULL ? json_deep_copy(t->record) : json_object();
	json_t *findings = findings_of(out);
	enum severity worst;

	put(out, "schema", json_string(OUT_SCHEMA));
	put(out, "kind", json_string(t->error != NULL ? "error" : "headers"));
	put(out, "tool", json_string("hdrcheck"));
	put_target(out, t->url);
	put(out, "took_ms", json_integer(t->took_ms));
	put(out, "findings", findings);
	if (t->error != NULL) {
		json_array_append_new(findings, error_finding(t->error));
		raise_status(out, 4);
		return out;
	}
	for (size_t i = 0; i < t->audit->count; i++)
		json_array_append_new(findings, finding_record(&t->audit->findings[i]));
	raise_status(out, audit_worst(t->audit, &worst) ? (int)worst + 1 : 0);
	put(out, "headers", headers_record(t));
	if (json_object_get(out, "response") == NULL)
		put(out, "response", response_record(t->audit->r));
	return out;
}
