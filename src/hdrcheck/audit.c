/* The order of the checks, and the list of findings. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/map.h"
#include "hdrcheck/audit.h"
#include "hdrcheck/text.h"

#define POINTS_ERROR 15
#define POINTS_WARNING 5
#define POINTS_HEADER 30 /* that one header may cost */

struct finding *audit_report(
	struct audit *au, const char *id, const char *header, struct span value, const char *fmt, ...)
{
	const struct rule *rule = rule_find(id);
	char message[512];
	va_list ap;

	if (rule == NULL)
		abort(); /* a name that is misspelt here */
	message[0] = '\0';
	if (fmt != NULL) {
		va_start(ap, fmt);
		vsnprintf(message, sizeof(message), fmt, ap);
		va_end(ap);
	}
	au->findings = arena_more(&au->arena, au->findings, au->count, sizeof(*au->findings));
	struct finding *f = &au->findings[au->count++];
	*f = (struct finding){
		.rule = rule,
		.header = span_str(header != NULL ? header : rule->header),
		.value = value,
		.message = message[0] != '\0' ? arena_copy(&au->arena, span_str(message)).p : rule->why,
		.url = au->at_url,
	};
	return f;
}

bool audit_is_document(const struct response *r)
{
	static const char *const types[] = {
		"text/html", "application/xhtml+xml", "image/svg+xml", "text/xml", "application/xml"};
	struct span type = span_trim(response_type(r));

	if (r->status < 200 || r->status == 204 || r->status == 304 || (r->status >= 300 && r->status < 400))
		return false;
	if (type.len == 0)
		return true;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (span_eq_nocase(type, span_str(types[i])))
			return true;
	return false;
}

static void read_document(struct audit *au)
{
	struct err err;

	if (au->r->body.len > 0 && html_read(&au->arena, au->r->body, &au->html, &err) < 0) {
		audit_report(au, "html-unreadable", "", (struct span){0}, NULL);
		au->html = (struct html){0};
	}
}

static void check_redirection(struct audit *au)
{
	const struct response *r = au->r;
	const struct response_step *last = r->has_http_chain ? &r->http_chain[r->http_chain_count - 1] : NULL;
	struct url first, second;
	struct err err;

	if (r->https == HTTPS_INVALID)
		audit_report(au, "certificate-invalid", NULL, (struct span){0}, NULL);
	if (last == NULL || r->https == HTTPS_NONE)
		return;
	if (!span_starts_nocase(last->url, SPAN("https:")))
		audit_report(au, "http-not-redirected", "", last->url,
			"%.*s answers %d without a redirect to HTTPS", (int)last->url.len, last->url.p,
			last->status);
	else if (r->http_chain_count > 1 && url_parse(r->http_chain[0].url, &first, &err) == 0 &&
		 url_parse(r->http_chain[1].url, &second, &err) == 0 &&
		 !span_eq_nocase(first.host, second.host))
		audit_report(au, "redirect-off-host", NULL, r->http_chain[1].url, NULL);
}

void audit_run(struct audit *au, const struct response *r, const struct names *names, int algorithm)
{
	bool document = audit_is_document(r);
	struct html nothing = {0};

	*au = (struct audit){.r = r, .names = names};
	read_document(au);
	struct obs_scan scan = {&au->arena, r, &au->html, names, algorithm};
	observatory_judge(&scan, &au->observatory);
	csp_collect(&au->arena, r, observatory_is_html(r) ? &au->html : &nothing, &au->csp);
	evaluator_judge(&au->arena, &au->csp, names_bypass(names), &au->evaluator);
	check_hsts(au, r, false);
	check_redirection(au);
	if (r->foreign_origin && r->status == 101)
		audit_report(au, "ws-any-origin", NULL, (struct span){0},
			"a handshake with Origin: %s is accepted", RESPONSE_PROBE_ORIGIN);
	if (document) {
		check_csp(au);
		check_document(au);
		check_scripts(au);
	}
	check_isolation(au);
	check_cors(au);
	check_cookies(au, r);
	check_noise(au, r);
}

void audit_step(struct audit *au, const struct response *step)
{
	au->at_url = arena_copy(&au->arena, step->request_url).p;
	check_hsts(au, step, true);
	check_cookies(au, step);
	check_noise(au, step);
	au->at_url = NULL;
}

void audit_fini(struct audit *au)
{
	arena_free(&au->arena);
	*au = (struct audit){0};
}

bool audit_worst(const struct audit *au, enum severity *out)
{
	*out = SEVERITY_INFO;
	for (size_t i = 0; i < au->count; i++)
		if (au->findings[i].rule->severity > *out)
			*out = au->findings[i].rule->severity;
	return au->count > 0;
}

static int points(const struct finding *f)
{
	switch (f->rule->severity) {
	case SEVERITY_ERROR: return POINTS_ERROR;
	case SEVERITY_WARNING: return POINTS_WARNING;
	case SEVERITY_INFO: return 0;
	}
	return 0;
}

int audit_score(const struct audit *au)
{
	struct map lost = {0}; /* points, by header */
	struct arena names = {0};
	int score = 100;

	for (size_t i = 0; i < au->count; i++) {
		const struct finding *f = &au->findings[i];
		struct span name = text_lower(&names, f->header);
		int before = (int)(intptr_t)map_get(&lost, name);
		int after = before + points(f) < POINTS_HEADER ? before + points(f) : POINTS_HEADER;
		if (after == before)
			continue;
		map_put(&lost, name, (void *)(intptr_t)after);
		score -= after - before;
	}
	map_free(&lost);
	arena_free(&names);
	return score > 0 ? score : 0;
}
