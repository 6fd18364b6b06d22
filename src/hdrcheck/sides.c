/* Comparing a page with what stands beside it. */
#include "hdrcheck/sides.h"

const char *side_name(enum fetch_side side)
{
	static const char *const names[] = {[FETCH_SIDE_MISSING] = "missing page",
		[FETCH_SIDE_HEAD] = "HEAD",
		[FETCH_SIDE_HTTP] = "other HTTP version",
		[FETCH_SIDE_ASSET] = "asset",
		[FETCH_SIDE_UNCHANGED] = "unchanged",
		[FETCH_SIDE_ENTRY] = "plain HTTP",
		[FETCH_SIDES] = ""};

	return names[side];
}

/* How a finding names it. */
static const char *side_label(struct arena *a, const struct side *s)
{
	switch (s->side) {
	case FETCH_SIDE_HTTP: return s->r->http_version == 20 ? "over HTTP/2" : "over HTTP/1.1";
	case FETCH_SIDE_HEAD: return "by HEAD";
	case FETCH_SIDE_MISSING:
	case FETCH_SIDE_ASSET:
	case FETCH_SIDE_UNCHANGED:
	case FETCH_SIDE_ENTRY:
	case FETCH_SIDES: break;
	}
	return arena_printf(a, "%s (%d)", side_name(s->side), s->r->status);
}

/* --- Headers that are compared --- */

enum scope {
	ON_ALL,       /* every response over HTTPS */
	ON_BODIES,    /* whatever browsers take for something */
	ON_DOCUMENTS, /* what they show */
};

static const struct {
	struct span name;
	enum scope scope;
	const char *missing; /* the finding that says so of a response alone; NULL: none does */
} compared[] = {
	{{"Strict-Transport-Security", 25}, ON_ALL, "hsts-missing"},
	{{"X-Content-Type-Options", 22}, ON_BODIES, "xcto-missing"},
	{{"Content-Security-Policy", 23}, ON_DOCUMENTS, "csp-missing"},
	{{"X-Frame-Options", 15}, ON_DOCUMENTS, "xfo-missing"},
	{{"Referrer-Policy", 15}, ON_DOCUMENTS, NULL},
	{{"Permissions-Policy", 18}, ON_DOCUMENTS, NULL},
	{{"Cross-Origin-Opener-Policy", 26}, ON_DOCUMENTS, NULL},
	{{"Cross-Origin-Embedder-Policy", 28}, ON_DOCUMENTS, NULL},
	{{"Cross-Origin-Resource-Policy", 28}, ON_BODIES, NULL},
};
#define COMPARED (sizeof(compared) / sizeof(compared[0]))

static bool counts(enum scope scope, const struct response *r)
{
	switch (scope) {
	case ON_ALL: return url_is_tls(r->url.scheme);
	case ON_BODIES: return r->status != 304 && (r->status < 300 || r->status >= 400);
	case ON_DOCUMENTS: return audit_is_document(r);
	}
	return false;
}

static void find_lacks(struct audit *au, struct side *s)
{
	const struct fields *page = &au->r->headers;

	for (size_t i = 0; i < COMPARED; i++) {
		if (!counts(compared[i].scope, s->r) || header_find(page, compared[i].name) == NULL ||
			header_find(&s->r->headers, compared[i].name) != NULL)
			continue;
		s->lacks = arena_more(&au->arena, s->lacks, s->lack_count, sizeof(*s->lacks));
		s->lacks[s->lack_count++] = compared[i].name;
	}
}

/* Of a page that should be the same. */
static void find_differences(struct audit *au, struct side *s)
{
	for (size_t i = 0; i < COMPARED; i++) {
		struct span name = compared[i].name;
		struct span one = response_stable(&au->arena, &au->r->headers, name),
			    other = response_stable(&au->arena, &s->r->headers, name);
		bool there = one.p != NULL && other.p != NULL;
		if (there ? span_eq(one, other) : one.p == other.p)
			continue;
		s->differs = arena_more(&au->arena, s->differs, s->differ_count, sizeof(*s->differs));
		s->differs[s->differ_count++] = name;
	}
}

/* --- Findings --- */

static bool is_known(const struct audit *au, size_t count, const struct finding *f)
{
	for (size_t i = 0; i < count; i++) {
		const struct finding *k = &au->findings[i];
		if (k->rule == f->rule && span_eq_nocase(k->header, f->header) && span_eq(k->value, f->value))
			return true;
	}
	return false;
}

/* That a header is not there was said in comparison with the page. */
static bool is_told(const struct side *s, const struct finding *f)
{
	for (size_t i = 0; i < s->lack_count; i++)
		for (size_t k = 0; k < COMPARED; k++)
			if (span_eq(s->lacks[i], compared[k].name) && compared[k].missing != NULL &&
				strcmp(compared[k].missing, f->rule->id) == 0)
				return true;
	return false;
}

/* Take over what was found of a response alone, but for what the page has too. */
static void adopt(struct audit *au, const struct audit *from, const struct side *s)
{
	const char *label = side_label(&au->arena, s);
	size_t known = au->count;

	for (size_t i = 0; i < from->count; i++) {
		const struct finding *f = &from->findings[i];
		if (is_known(au, known, f) || is_told(s, f))
			continue;
		struct finding *own = audit_report(au, f->rule->id, arena_copy(&au->arena, f->header).p,
			f->value.p != NULL ? arena_copy(&au->arena, f->value) : f->value, "%s: %s", label,
			f->message);
		own->column = f->column;
	}
}

static void report_lacks(struct audit *au, const struct side *s)
{
	for (size_t i = 0; i < s->lack_count; i++)
		audit_report(au, "header-lost", s->lacks[i].p, header_value(&au->r->headers, s->lacks[i]),
			"%s: not there, while the page has it", side_label(&au->arena, s));
}

static void report_differences(struct audit *au, const struct side *s)
{
	for (size_t i = 0; i < s->differ_count; i++) {
		struct span value = header_value(&s->r->headers, s->differs[i]);
		audit_report(au, "header-unstable", s->differs[i].p, value, "%s: %s",
			side_label(&au->arena, s),
			value.p == NULL ? "not there, while a GET of the page has it" : "another value");
	}
}

static void judge_alone(struct audit *au, const struct side *s)
{
	struct audit own;

	audit_run(&own, s->r, au->names, au->observatory.algorithm);
	adopt(au, &own, s);
	audit_fini(&own);
}

void sides_judge(struct audit *au, const struct response answers[FETCH_SIDES], struct sides *out)
{
	*out = (struct sides){0};
	for (enum fetch_side side = 0; side < FETCH_SIDES; side++) {
		struct side *s = &out->at[out->count];
		if (answers[side].status == 0)
			continue;
		*s = (struct side){.side = side, .r = &answers[side]};
		out->count++;
		au->at_url = arena_copy(&au->arena, s->r->request_url).p;
		if (side == FETCH_SIDE_HEAD || side == FETCH_SIDE_HTTP) {
			find_differences(au, s);
			report_differences(au, s);
		} else {
			find_lacks(au, s);
			report_lacks(au, s);
			judge_alone(au, s);
		}
		au->at_url = NULL;
	}
}
