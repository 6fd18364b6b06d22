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
	struct headerpolicy_subject s = {span_str(host), span_str(path), status, {0}};
	struct headerpolicy_scratch scratch = {0}, again = {0};
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
	headerpolicy_scratch_free(&scratch);
	headerpolicy_scratch_free(&again);
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

static void a_host_has_its_own(void)
{
	const char *yaml = "rules:\n"
			   "- set: {A: '1', B: '1'}\n"
			   "- set-if-absent: {C: '1'}\n"
			   "hosts:\n"
			   "  a.example: {set: {A: '2'}}\n"
			   "  '*.example': [{remove: B}, {paths: /x, set: {B: '3'}}]\n"
			   "  '*.c.example': {set: {A: '9'}}\n"
			   "  D.test: {leave: [A, c], set-if-absent: {B: '4'}}\n";

	check(yaml, "h", "/", 200, "", "A: 1\nB: 1\nC: 1\n");
	check(yaml, "A.example", "/", 200, "", "B: 1\nC: 1\nA: 2\n");
	check(yaml, "b.example", "/", 200, "B: 0\n", "A: 1\nC: 1\n");
	check(yaml, "b.c.example", "/x", 200, "", "A: 1\nC: 1\nB: 3\n"); /* the first pattern that fits */
	check(yaml, "d.test", "/", 200, "A: 0\n", "A: 0\nB: 4\n");
	check(yaml, "d.test", "/", 200, "B: 0\n", "B: 0\n");
	check("hosts: {a: {set: {A: '1'}}}", "b", "/", 200, "", "");
	check("hosts: {a: {set: {A: '1'}}}", "a", "/", 200, "", "A: 1\n");
}

#define N "AAAAAAAAAAAAAAAAAAAAAA"
#define NONCED "rules: [{set: {C: \"a '{nonce}' b {nonce}\"}}]"

/* Apply to headers and compare. */
static void check_nonce(
	const char *yaml, const char *nonce, int status, const char *before, const char *after)
{
	struct err err = {0};
	struct headerpolicy *p = headerpolicy_parse(span_str(yaml), &err);
	struct headerpolicy_subject s = {SPAN("h"), SPAN("/"), status, span_str(nonce)};
	struct headerpolicy_scratch scratches[2] = {{{0}, {0}}};
	struct fields f = {0};
	struct buf text = {0};

	CHECK_FOR(p != NULL, "%s: %s", yaml, err.text);
	read(span_str(before), &f);
	for (int i = 0; p != NULL && i < 2; i++) {
		CHECK(headerpolicy_apply(p, &s, &f, &scratches[i]) == 0);
		buf_clear(&text);
		print(&f, &text);
		CHECK_FOR(span_eq(buf_span(&text), span_str(after)), "%s on %s: %.*s", yaml, before,
			(int)buf_len(&text), buf_span(&text).p);
	}
	buf_free(&text);
	header_free(&f);
	headerpolicy_scratch_free(&scratches[0]);
	headerpolicy_scratch_free(&scratches[1]);
	headerpolicy_free(p);
}

static void an_edge_puts_its_nonce_in(void)
{
	check_nonce(NONCED, "xyz", 200, "", "C: a 'xyz' b xyz\n");
	check_nonce(NONCED, "xyz", 200, "C: a '" N "' b " N "\n", "C: a 'xyz' b xyz\n");
	check_nonce(NONCED, "xyz", 304, "", "");
	check_nonce("rules: [{set-if-absent: {C: '{nonce}'}}, {append: {D: '{nonce}{nonce}'}}]", "q", 200, "",
		"C: q\nD: qq\n");
	check_nonce("rules: [{strengthen: {Content-Security-Policy: \"script-src 'nonce-{nonce}'\"}}]", "q",
		200, "Content-Security-Policy: a\n",
		"Content-Security-Policy: a\nContent-Security-Policy: script-src 'nonce-q'\n");
}

static void any_valid_nonce_is_as_good(void)
{
	static const struct {
		const char *value;
		bool good;
	} rows[] = {
		{"a '" N "' b " N, true},
		{"a '" N "==' b " N "==", true},
		{"a '-_/+" N "' b -_/+" N, true},
		{"a '" N "' b B" N, false},                                   /* two of them */
		{"a 'AAAAAAAAAAAAAAAAAAAAA' b AAAAAAAAAAAAAAAAAAAAA", false}, /* too short */
		{"a '" N "===' b " N "===", false},
		{"a '" N "' c " N, false},
		{"a '" N "' b " N " ", true}, /* trimmed by the reader of this test */
		{"a '" N "' b " N "'", false},
		{"a '{nonce}' b {nonce}", false},
		{"a ''", false},
		{"", false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char before[256], after[256];
		snprintf(before, sizeof(before), "C: %s\n", rows[i].value);
		snprintf(after, sizeof(after), "C: %.*s\n", (int)span_trim(span_str(rows[i].value)).len,
			rows[i].value);
		check_nonce(NONCED, NULL, 200, before, rows[i].good ? after : "C: a '{nonce}' b {nonce}\n");
	}
	check_nonce("rules: [{append: {C: '{nonce}'}}]", NULL, 200, "C: 1\nC: " N "\n", "C: 1\nC: " N "\n");
}

static void note_overwritten(void *arg, const struct headerpolicy_overwrite *o)
{
	buf_addf(arg, "%u %.*s: %.*s > %.*s\n", o->line, (int)o->name.len, o->name.p, (int)o->was.len,
		o->was.p, (int)o->now.len, o->now.p);
}

static void what_is_overwritten_is_told(void)
{
	struct err err;
	struct headerpolicy *p = headerpolicy_parse(
		SPAN("rules:\n- set:\n    A: '1'\n    B: '2'\n    C: '3'\n  set-if-absent: {D: '4'}\n"),
		&err);
	struct headerpolicy_subject s = {SPAN("h"), SPAN("/"), 200, {0}};
	struct headerpolicy_scratch scratch = {0};
	struct fields f = {0};
	struct buf told = {0};
	struct headerpolicy_observer observer = {note_overwritten, &told};

	read(SPAN("a: 0\nB: 2\nD: 5\n"), &f);
	CHECK(headerpolicy_apply_observed(p, &s, &f, &scratch, &observer) == 0);
	CHECK(span_eq(buf_span(&told), SPAN("3 A: 0 > 1\n")));
	buf_free(&told);
	header_free(&f);
	headerpolicy_scratch_free(&scratch);
	headerpolicy_free(p);
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
		{"rules:\n- leave: A", "line 2: no key of a rule: \"leave\""},
		{"hosts: []", "line 1: \"hosts\" is a mapping"},
		{"hosts:\n  a: []", "line 2: nothing is said for \"a\""},
		{"hosts:\n  a: {hosts: b}", "line 2: no key of a host's rule: \"hosts\""},
		{"hosts:\n  a: {leave: A}\n  A: {leave: A}", "line 3: there already is \"a\""},
		{"rules:\n- set: {Content-Security-Policy: \"script-src 'nonce-abc'\"}",
			"line 2: the nonce of a policy is written 'nonce-{nonce}'"},
		{"nonce-header: X-N\nrules:\n- set: {A: b}", "line 1: there is a nonce-header"},
		{"rules:\n- set: {A: '{nonce}'}\nnonce-header: Cookie", "line 3: a request has another use"},
		{"rules:\n- set: {A: '{nonce}'}\nnonce-header: CF-Ray", "line 3: a request has another use"},
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
	TEST(conditions_choose_responses), TEST(a_host_has_its_own), TEST(an_edge_puts_its_nonce_in),
	TEST(any_valid_nonce_is_as_good), TEST(what_is_overwritten_is_told),
	TEST(what_is_wrong_is_told_with_its_line))
