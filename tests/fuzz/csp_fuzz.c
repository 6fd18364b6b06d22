/* Content-Security-Policy: a policy that is put together from its directives reads the same, each name is there once, and every
 * source is of one kind. */
#include "common/base/buf.h"
#include "fuzz.h"
#include "hdrcheck/bypass.h"
#include "hdrcheck/csp.h"

static void write_policy(const struct csp_policy *p, struct buf *out)
{
	for (size_t i = 0; i < p->count; i++) {
		buf_add_span(out, p->at[i].name);
		for (size_t k = 0; k < p->at[i].count; k++) {
			buf_add_char(out, ' ');
			buf_add_span(out, p->at[i].values[k]);
		}
		buf_add_char(out, ';');
	}
}

static void check_source(struct span v)
{
	struct span path, host = bypass_host(v, &path);
	enum csp_source kind = csp_classify(v);

	MUST(v.len > 0 && kind >= CSP_KEYWORD && kind <= CSP_BAD);
	MUST(kind != CSP_NONCE || span_starts_nocase(v, SPAN("'nonce-")));
	MUST(host.len + path.len <= v.len);
	MUST(bypass_script(&bypass_builtin, v, true) != NULL ||
		bypass_script(&bypass_builtin, v, false) == NULL);
}

static void check_policy(struct arena *a, const struct csp_policy *p)
{
	struct buf text = {0};
	struct csp_policy again;

	for (size_t i = 0; i < p->count; i++) {
		const char *name = arena_copy(a, p->at[i].name).p;
		MUST(csp_find(p, name) == &p->at[i] || strlen(name) < p->at[i].name.len);
		MUST(csp_governing(p, name) != NULL || strlen(name) < p->at[i].name.len);
		for (size_t k = 0; k < p->at[i].count; k++)
			check_source(p->at[i].values[k]);
	}
	write_policy(p, &text);
	csp_parse(a, arena_copy(a, buf_span(&text)), &again);
	MUST(again.count == p->count && again.repeated.len == 0);
	for (size_t i = 0; i < p->count; i++) {
		MUST(span_eq(again.at[i].name, p->at[i].name) && again.at[i].count == p->at[i].count);
		for (size_t k = 0; k < p->at[i].count; k++)
			MUST(span_eq(again.at[i].values[k], p->at[i].values[k]));
	}
	buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = {0};
	struct csp_policy p;

	csp_parse(&a, response_text(&a, span_of((const char *)data, size)), &p);
	check_policy(&a, &p);
	arena_free(&a);
	return 0;
}
