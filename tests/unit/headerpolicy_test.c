/* Header policies: what applying one makes of a response. */
#include "common/base/buf.h"
#include "common/conf/headerpolicy.h"
#include "test.h"

/* "a: 1\nb: 2\n" of the fields. */
static void print(const struct fields *f, struct buf *out)
{
	for (size_t i = 0; i < f->count; i++)
		buf_addf(out, "%.*s: %.*s\n", (int)f->at[i].name.len, f->at[i].name.p,
			(int)f->at[i].value.len, f->at[i].value.p);
}

static void read(struct span text, struct fields *out)
{
	while (text.len > 0) {
		struct span value, name = span_cut(span_cut(text, '\n', &text), ':', &value);
		header_add(out, name, span_trim(value));
	}
}

/* Apply the policy to headers and compare; twice must be the same as once. */
static void check(const char *yaml, const char *host, const char *path, int status, const char *before,
	const char *after)
{
	struct err err = {0};
	struct headerpolicy *p = headerpolicy_parse(span_str(yaml), &err);
	struct headerpolicy_subject s = {span_str(host), span_str(path), status};
	struct headerpolicy_scratch scratch, again;
	struct fields f = {0};
	struct buf text = {0};

	CHECK_FOR(p != NULL, "%s: %s", yaml, err.text);
	if (p == NULL)
		return;
	read(span_str(before), &f);
	CHECK(headerpolicy_apply(p, &s, &f, &scratch) == 0);
	print(&f, &text);
	CHECK_FOR(span_eq(buf_span(&text), span_str(after)), "%s on %s: %.*s", yaml, before,
		(int)buf_len(&text), buf_span(&text).p);
	CHECK(headerpolicy_apply(p, &s, &f, &again) == 0);
	buf_clear(&text);
	print(&f, &text);
	CHECK_FOR(span_eq(buf_span(&text), span_str(after)), "twice: %s on %s: %.*s", yaml, before,
		(int)buf_len(&text), buf_span(&text).p);
	buf_free(&text);
	header_free(&f);
	headerpolicy_free(p);
}

static void operations_do_what_their_names_say(void)
{
	const char *set = "rules: [{set: {X-A: '1'}}]", *absent = "rules: [{set-if-absent: {X-A: '1'}}]",
		   *append = "rules: [{append: {X-A: '1'}}]";

	check(set, "h", "/", 200, "", "X-A: 1\n");
	check(set, "h", "/", 404, "x-a: 0\nB: 2\nX-A: 3\n", "x-a: 1\nB: 2\n");
	check(set, "h", "/", 101, "", "");
	check(absent, "h", "/", 200, "x-a: 0\n", "x-a: 0\n");
	check(absent, "h", "/", 200, "", "X-A: 1\n");
	check(append, "h", "/", 200, "X-A: 0\n", "X-A: 0\nX-A: 1\n");
	check("rules: [{remove: [A, b]}]", "h", "/", 200, "a: 1\nB: 2\nC: 3\nA: 4\n", "C: 3\n");
	check("rules: [{set: {A: '1'}}, {hosts: x.example, set: {A: '2'}}]", "x.example", "/", 200, "",
		"A: 2\n");
	check("rules: [{set: {A: '1'}, remove: A}]", "h", "/", 200, "A: 0\n", "A: 1\n");
}

static void strengthening_never_loosens(void)
{
	const char *year = "rules: [{strengthen: {Strict-Transport-Security: max-age=31536000}}]",
		   *sub = "rules: [{strengthen: {Strict-Transport-Security: max-age=60; includeSubDomains}}]",
		   *csp = "rules: [{strengthen: {Content-Security-Policy: \"object-src 'none'; base-uri "
			  "'self'\"}}]";
#define H "Strict-Transport-Security: "
#define C "Content-Security-Policy: "

	check(year, "h", "/", 200, "", H "max-age=31536000\n");
	check(year, "h", "/", 200, H "max-age=5\n", H "max-age=31536000\n");
	check(year, "h", "/", 200, H "max-age=63072000; preload\n", H "max-age=63072000; preload\n");
	check(year, "h", "/", 200, H "max-age=abc\n", H "max-age=31536000\n");
	check(year, "h", "/", 200, H "max-age=63072000\n" H "max-age=1\n", H "max-age=63072000\n");
	check(sub, "h", "/", 200, H "max-age=63072000\n", H "max-age=63072000; includeSubDomains\n");
	check(csp, "h", "/", 200, "", C "object-src 'none'; base-uri 'self'\n");
	check(csp, "h", "/", 200, C "default-src 'self'\n",
		C "default-src 'self'\n" C "object-src 'none'; base-uri 'self'\n");
	check(csp, "h", "/", 200, C "script-src *; base-uri 'none'; object-src 'none'\n",
		C "script-src *; base-uri 'none'; object-src 'none'\n");
	check(csp, "h", "/", 200, C "base-uri *; base-uri 'self'; object-src 'none'\n",
		C "base-uri *; base-uri 'self'; object-src 'none'\n" C
		  "object-src 'none'; base-uri 'self'\n");
	check(csp, "h", "/", 200, C "object-src 'none', base-uri 'self'\n",
		C "object-src 'none', base-uri 'self'\n" C "object-src 'none'; base-uri 'self'\n");
	check("rules: [{strengthen: {Content-Security-Policy: \"default-src 'self'\"}}]", "h", "/", 200,
		C "default-src 'none'; script-src *\n",
		C "default-src 'none'; script-src *\n" C "default-src 'self'\n");
}

static void conditions_choose_responses(void)
{
	static const struct {
		const char *when, *host, *path, *headers;
		bool applies;
	} rows[] = {
		{"types: text/html", "h", "/", "Content-Type: Text/HTML; charset=utf-8\n", true},
		{"types: text/html", "h", "/", "", false},
		{"types: [text/html, none]", "h", "/", "", true},
		{"types: image/", "h", "/", "Content-Type: image/png\n", true},
		{"types: image/png", "h", "/", "Content-Type: image/png2\n", false},
		{"except-types: image/", "h", "/", "Content-Type: image/png\n", false},
		{"type-contains: text/html", "h", "/", "Content-Type: TEXT/HTML\n", false},
		{"type-contains: text/html", "h", "/", "", true},
		{"paths: /api/*", "h", "/api/x", "", true},
		{"paths: /api/*", "h", "/ap", "", false},
		{"paths: '*.js'", "h", "/a/b.js", "", true},
		{"except-paths: [/a, /b]", "h", "/b", "", false},
		{"hosts: '*.example.com'", "a.EXAMPLE.com", "/", "", true},
		{"hosts: '*.example.com'", "example.com", "/", "", false},
		{"except-hosts: h", "h", "/", "", false},
		{"unless: X-B", "h", "/", "x-b: 1\n", false},
		{"if-present: [X-C, X-B]", "h", "/", "x-b: 1\n", true},
		{"if-present: X-B", "h", "/", "", false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char yaml[256], after[256];
		snprintf(yaml, sizeof(yaml), "rules:\n- %s\n  set: {X-A: '1'}\n", rows[i].when);
		snprintf(after, sizeof(after), "%s%s", rows[i].headers, rows[i].applies ? "X-A: 1\n" : "");
		check(yaml, rows[i].host, rows[i].path, 200, rows[i].headers, after);
	}
}

static void what_is_wrong_is_told_with_its_line(void)
{
	static const struct {
		const char *yaml, *message;
	} rows[] = {
		{"", "line"},
		{"rules: []", "line 1: there are no rules"},
		{"rule: []", "line 1: no key of a policy: \"rule\""},
		{"rules:\n- sett: {}", "line 2: no key of a rule: \"sett\""},
		{"rules:\n- set: [A]", "line 2: a mapping of header: value is expected here"},
		{"rules:\n- set: {\"A B\": x}", "line 2: this is no header's name"},
		{"rules:\n- set: {A: \"x\\ny\"}", "line 2: this is no value of a header"},
		{"rules:\n- set:\n    Content-Length: 1",
			"line 3: a policy does not touch \"Content-Length\""},
		{"rules:\n- set: {Set-Cookie: a=b}", "line 2: a policy does not touch"},
		{"rules:\n- remove: Connection", "line 2: a policy does not touch"},
		{"rules:\n- strengthen: {X-Frame-Options: DENY}", "line 2: strengthen knows"},
		{"rules:\n- strengthen: {Strict-Transport-Security: max-age=x}",
			"line 2: max-age is not a number"},
		{"rules:\n- set: {A: [b]}", "line 2: a text is expected here"},
		{"rules: {a: b}", "line 1: \"rules\" is a list"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = {0};
		struct headerpolicy *p = headerpolicy_parse(span_str(rows[i].yaml), &err);
		CHECK_FOR(p == NULL && strncmp(err.text, rows[i].message, strlen(rows[i].message)) == 0,
			"%s: %s", rows[i].yaml, err.text);
		headerpolicy_free(p);
	}
}

TEST_MAIN(TEST(operations_do_what_their_names_say), TEST(strengthening_never_loosens),
	TEST(conditions_choose_responses), TEST(what_is_wrong_is_told_with_its_line))
