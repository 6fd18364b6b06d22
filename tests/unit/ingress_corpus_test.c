/* Verdicts and choices of the real cloudflared (tests/corpus/ingress) against ours. */
#include <jansson.h>

#include "common/base/base64.h"
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/conf/ingress.h"
#include "test.h"

#define CASE_MAX ((size_t)1 << 20)

/* Call fn for each line of a corpus file; the number of lines. */
static size_t each_case(const char *path, void (*fn)(const json_t *c, void *arg), void *arg)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0, count = 0;

	CHECK_FOR(f != NULL, "%s", path);
	while (f != NULL && getline(&line, &cap, f) > 0) {
		json_error_t why;
		json_t *c = json_loads(line, JSON_ALLOW_NUL, &why);
		CHECK_FOR(c != NULL, "%s: %s", path, why.text);
		fn(c, arg);
		json_decref(c);
		count++;
	}
	free(line);
	if (f != NULL)
		fclose(f);
	return count;
}

static const char *text_of(const json_t *c, const char *key)
{
	return json_string_value(json_object_get(c, key));
}

/* The bytes of a case's file, to be freed. */
static struct span config_of(const json_t *c)
{
	const json_t *text = json_object_get(c, "config");
	size_t len = 0;

	if (json_is_string(text)) {
		struct span s = span_of(json_string_value(text), json_string_length(text));
		return span_of(mem_spandup(s), s.len);
	}
	struct span coded = span_str(text_of(c, "config_base64"));
	char *bytes = mem_alloc(coded.len + 1);
	CHECK(base64_decode(coded, BASE64_PADDED, bytes, coded.len, &len));
	return span_of(bytes, len);
}

/* The verdict of `ingress validate`, whose last step refuses a url beside rules. */
static enum ingress_fault judge(struct span config, struct ingress_file *f)
{
	struct ingress_error error;
	enum ingress_fault fault = ingress_parse(config, f, &error);
	const struct setting *url = settings_find(&f->settings, "url");

	CHECK((fault == INGRESS_OK) == (error.err.text[0] == '\0'));
	if (fault == INGRESS_OK && url != NULL && url->values[0][0] != '\0')
		fault = INGRESS_URL_SETTING;
	return fault;
}

/* --- validate.jsonl --- */

struct tally {
	size_t verdicts, classes, warnings, warned;
};

/* Are the warnings those of cloudflared, in any order? */
static bool warnings_agree(const json_t *c, const struct ingress_file *f)
{
	const json_t *list = json_object_get(c, "warnings");
	size_t found = 0;

	for (size_t i = 0; i < f->warning_count; i++) {
		const struct ingress_warning *w = &f->warnings[i];
		char *text =
			mem_printf("line %u: field %s not found in type %s", w->at.line, w->key, w->type);
		for (size_t j = 0; j < json_array_size(list); j++)
			found += strcmp(text, json_string_value(json_array_get(list, j))) == 0;
		free(text);
	}
	return found == f->warning_count && found == json_array_size(list);
}

static void check_verdict(const json_t *c, void *arg)
{
	struct tally *t = arg;
	struct ingress_file f;
	struct span config = config_of(c);
	const char *expected = text_of(c, "error_class");
	enum ingress_fault fault = judge(config, &f);
	const char *class = fault == INGRESS_OK ? NULL : ingress_fault_class(fault);
	bool same_verdict = json_is_true(json_object_get(c, "valid")) == (fault == INGRESS_OK);
	bool same_class = strcmp(class != NULL ? class : "", expected != NULL ? expected : "") == 0;

	t->verdicts += same_verdict;
	t->classes += same_class;
	if (!same_verdict || !same_class)
		fprintf(stderr, "# %s %s: %s, cloudflared %s\n", text_of(c, "id"), text_of(c, "family"),
			class != NULL ? class : "ok", expected != NULL ? expected : "ok");
	if (same_verdict && fault == INGRESS_OK) {
		bool agree = warnings_agree(c, &f);
		t->warned++;
		t->warnings += agree;
		if (!agree)
			fprintf(stderr, "# %s %s: other warnings\n", text_of(c, "id"), text_of(c, "family"));
	}
	ingress_file_free(&f);
	free((void *)(uintptr_t)config.p);
}

static void test_verdicts(void)
{
	struct tally t = {0};
	size_t count = each_case("tests/corpus/ingress/validate.jsonl", check_verdict, &t);

	printf("# %zu cases: %zu verdicts, %zu classes; of %zu accepted, %zu warnings\n", count, t.verdicts,
		t.classes, t.warned, t.warnings);
	CHECK(count == 1104);
	CHECK(t.verdicts == count);
	CHECK(t.classes == count);
	CHECK(t.warnings == t.warned);
}

/* --- match.jsonl --- */

static struct span decode(struct span s, struct buf *out)
{
	size_t from = buf_len(out);

	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '%' && i + 2 < s.len && span_hex_digit(s.p[i + 1]) >= 0) {
			buf_add_char(
				out, (char)(span_hex_digit(s.p[i + 1]) * 16 + span_hex_digit(s.p[i + 2])));
			i += 2;
		} else {
			buf_add_char(out, s.p[i]);
		}
	}
	return span_skip(buf_span(out), from);
}

/* Host and path as `ingress rule` takes them out of a plain URL. */
static void split_url(struct span url, struct buf *scratch, struct span *host, struct span *path)
{
	struct span cut, rest = span_cut(url, '#', &cut);

	rest = span_cut(rest, '?', &cut);
	span_cut(rest, ':', &rest);
	CHECK(span_starts(rest, SPAN("//")));
	rest = span_skip(rest, 2);
	size_t slash = span_find(rest, '/');
	struct span authority = span_of(rest.p, slash);
	size_t at = span_rfind(authority, '@');
	if (at < authority.len)
		authority = span_skip(authority, at + 1);
	size_t colon = span_rfind(authority, ':');
	if (colon < authority.len && span_find(span_skip(authority, colon), ']') == authority.len - colon)
		authority.len = colon;
	if (authority.len > 1 && authority.p[0] == '[' && authority.p[authority.len - 1] == ']')
		authority = span_of(authority.p + 1, authority.len - 2);
	buf_reserve(scratch, url.len);
	*host = decode(authority, scratch);
	*path = decode(span_skip(rest, slash), scratch);
}

/* Symbols that UTS 46 allows and libidn2, which follows IDNA 2008, does not: such a hostname has no punycode form here
 * (hostname.h). */
static const char *const exceptions[] = {
	"mat-a9e5171487", /* U+2603 */
	"mat-06fa842aa1", /* U+1F600 */
};

static bool is_exception(const char *id)
{
	for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++)
		if (strcmp(id, exceptions[i]) == 0)
			return true;
	return false;
}

static void check_match(const json_t *c, void *arg)
{
	size_t *checked = arg;
	struct ingress_file f;
	struct buf scratch = {0};
	struct span host, path;
	const json_t *rule = json_object_get(c, "rule");

	if (!json_is_integer(rule) && strncmp(text_of(c, "error_class"), "url-", 4) == 0)
		return;
	if (strcmp(text_of(c, "family"), "url-argument") == 0 || is_exception(text_of(c, "id")))
		return;
	struct span config = config_of(c);
	enum ingress_fault fault = judge(config, &f);
	if (!json_is_integer(rule)) {
		CHECK_FOR(strcmp(ingress_fault_class(fault), text_of(c, "error_class")) == 0, "%s",
			text_of(c, "id"));
	} else {
		CHECK_FOR(fault == INGRESS_OK, "%s", text_of(c, "id"));
	}
	if (fault == INGRESS_OK && json_is_integer(rule)) {
		struct ingress_matcher *m = ingress_matcher_new(f.ingress);
		split_url(span_str(text_of(c, "url")), &scratch, &host, &path);
		size_t got = ingress_match(m, host, path);
		CHECK_FOR(got == (size_t)json_integer_value(rule), "%s %s: %s: %zu, cloudflared %lld",
			text_of(c, "id"), text_of(c, "family"), text_of(c, "url"), got,
			(long long)json_integer_value(rule));
		/* A second time, with what the first one learnt. */
		CHECK(ingress_match(m, host, path) == got);
		ingress_matcher_free(m);
		++*checked;
	}
	buf_free(&scratch);
	ingress_file_free(&f);
	free((void *)(uintptr_t)config.p);
}

static void test_matches(void)
{
	size_t checked = 0;
	size_t count = each_case("tests/corpus/ingress/match.jsonl", check_match, &checked);

	printf("# %zu cases, %zu of them choices of a rule\n", count, checked);
	CHECK(count == 1061);
	CHECK(checked > 1000);
}

TEST_MAIN(TEST(test_verdicts), TEST(test_matches))
