/* Verdicts of the MDN HTTP Observatory and of csp_evaluator (tests/corpus/headers) against ours. */
#include <jansson.h>

#include "hdrcheck/evaluator.h"
#include "hdrcheck/observatory.h"
#include "test.h"

#define CASES 1737
#define REPORTED_MAX 20 /* differences that are printed */

struct tally {
	const struct names *names;
	size_t cases, statuses_refused;
	size_t grades[7], scores[7], tests[7], tests_seen[7]; /* by algorithm, 4 and 6 */
	size_t flags, flags_seen;
	size_t findings_equal, findings_seen, findings_skipped;
	size_t reported;
};

static bool report_difference(struct tally *t)
{
	return t->reported++ < REPORTED_MAX;
}

static const char *text_of(const json_t *c, const char *key)
{
	const char *s = json_string_value(json_object_get(c, key));

	return s != NULL ? s : "";
}

/* --- Observatory --- */

static bool test_agrees(const struct observatory *o, enum obs_test test, const json_t *expected)
{
	const struct obs_result *r = o->tests[test];

	return strcmp(r->name, text_of(expected, "result")) == 0 &&
	       r->pass == json_is_true(json_object_get(expected, "pass")) &&
	       observatory_modifier(o, test) ==
		       json_integer_value(json_object_get(expected, "score_modifier"));
}

/* What the corpus says of a test: algorithm 6 where it says something else than 4. */
static const json_t *expected_test(const json_t *c, const char *section, const char *name)
{
	const json_t *found = json_object_get(json_object_get(json_object_get(c, section), "tests"), name);

	if (found == NULL && strcmp(section, "observatory") != 0)
		found = json_object_get(json_object_get(json_object_get(c, "observatory"), "tests"), name);
	return found;
}

static void compare_tests(struct tally *t, const json_t *c, const struct observatory *o, const char *section)
{
	for (enum obs_test test = 0; test < OBS_TESTS; test++) {
		const char *name = observatory_test_name(test);
		const json_t *expected = expected_test(c, section, name);
		if (o->tests[test] == NULL)
			continue;
		bool agrees = expected != NULL ? test_agrees(o, test, expected)
					       : strstr(o->tests[test]->name, "-not-implemented") != NULL;
		t->tests_seen[o->algorithm]++;
		t->tests[o->algorithm] += agrees;
		if (!agrees && report_difference(t))
			fprintf(stderr, "# %s %s: algorithm %d: %s, Observatory %s\n", text_of(c, "id"),
				text_of(c, "family"), o->algorithm, o->tests[test]->name,
				text_of(expected, "result"));
	}
}

static void compare_score(struct tally *t, const json_t *c, const struct observatory *o, const char *section)
{
	const json_t *expected = json_object_get(c, section);
	bool refused = json_object_get(expected, "error") != NULL;
	bool grade = refused ? !o->scored : o->scored && strcmp(o->grade, text_of(expected, "grade")) == 0;
	bool score = refused || o->score == json_integer_value(json_object_get(expected, "score"));

	t->statuses_refused += refused;
	t->grades[o->algorithm] += grade;
	t->scores[o->algorithm] += score;
	if ((!grade || !score) && report_difference(t))
		fprintf(stderr, "# %s %s: algorithm %d: %s %d\n", text_of(c, "id"), text_of(c, "family"),
			o->algorithm, o->grade, o->score);
}

static void compare_flags(struct tally *t, const json_t *c, const struct obs_csp *f)
{
	const json_t *expected =
		json_object_get(expected_test(c, "observatory", "content-security-policy"), "policy");
	const struct {
		const char *name;
		bool value;
	} flags[] = {
		{"antiClickjacking", f->anti_clickjacking},
		{"defaultNone", f->default_none},
		{"insecureBaseUri", f->insecure_base_uri},
		{"insecureFormAction", f->insecure_form_action},
		{"insecureSchemeActive", f->insecure_scheme_active},
		{"insecureSchemePassive", f->insecure_scheme_passive},
		{"strictDynamic", f->strict_dynamic},
		{"unsafeEval", f->unsafe_eval},
		{"unsafeInline", f->unsafe_inline},
		{"unsafeInlineStyle", f->unsafe_inline_style},
		{"unsafeObjects", f->unsafe_objects},
	};

	if (!json_is_object(expected))
		return;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		bool agrees = json_is_true(json_object_get(expected, flags[i].name)) == flags[i].value;
		t->flags_seen++;
		t->flags += agrees;
		if (!agrees && report_difference(t))
			fprintf(stderr, "# %s %s: %s\n", text_of(c, "id"), text_of(c, "family"),
				flags[i].name);
	}
}

static void judge(struct tally *t, const json_t *c, struct obs_scan *scan, const char *section)
{
	struct observatory o;

	observatory_judge(scan, &o);
	compare_tests(t, c, &o, section);
	compare_score(t, c, &o, section);
	if (scan->algorithm == 4)
		compare_flags(t, c, &o.csp);
}

/* --- csp_evaluator --- */

static bool has_text(struct span ours, const json_t *expected)
{
	if (!json_is_string(expected))
		return ours.p == NULL;
	return ours.p != NULL &&
	       span_eq(ours, span_of(json_string_value(expected), json_string_length(expected)));
}

static bool is_same(const struct eval_finding *f, const json_t *expected)
{
	return f->policy == (size_t)json_integer_value(json_object_get(expected, "policy")) &&
	       f->meta == (json_object_get(expected, "source") != NULL) &&
	       strcmp(f->type, text_of(expected, "type")) == 0 &&
	       strcmp(f->severity, text_of(expected, "severity")) == 0 &&
	       has_text(f->directive, json_object_get(expected, "directive")) &&
	       has_text(f->value, json_object_get(expected, "value"));
}

static bool threw_at(const json_t *errors, const struct eval_finding *f)
{
	size_t i;
	const json_t *e;

	json_array_foreach(errors, i,
		e) if ((size_t)json_integer_value(json_object_get(e, "policy")) == f->policy) return true;
	return false;
}

/* Each expected finding takes one of ours. */
static bool findings_agree(const json_t *expected, const json_t *errors, const struct eval_list *list)
{
	bool *taken = calloc(list->count + 1, sizeof(*taken));
	size_t i, found = 0, ours = 0;
	const json_t *e;

	json_array_foreach(expected, i, e) for (size_t j = 0; j < list->count;
						j++) if (!taken[j] && is_same(&list->at[j], e))
	{
		taken[j] = true;
		found++;
		break;
	}
	for (size_t j = 0; j < list->count; j++)
		ours += !threw_at(errors, &list->at[j]);
	free(taken);
	return found == json_array_size(expected) && ours == found;
}

static void compare_findings(struct tally *t, const json_t *c, struct obs_scan *scan)
{
	const json_t *errors = json_object_get(c, "csp_evaluator_errors");
	struct csp_list policies;
	struct eval_list list;

	csp_collect(scan->arena, scan->r, scan->html, &policies);
	evaluator_judge(scan->arena, &policies, &bypass_builtin, &list);
	bool agree = findings_agree(json_object_get(c, "csp_evaluator"), errors, &list);
	t->findings_seen++;
	t->findings_equal += agree;
	t->findings_skipped += errors != NULL;
	if (agree || !report_difference(t))
		return;
	fprintf(stderr, "# %s %s:", text_of(c, "id"), text_of(c, "family"));
	for (size_t i = 0; i < list.count; i++)
		fprintf(stderr, " [%zu %.*s %s %.*s]", list.at[i].policy, (int)list.at[i].directive.len,
			list.at[i].directive.p, list.at[i].type, (int)list.at[i].value.len,
			list.at[i].value.p);
	fputc('\n', stderr);
}

/* --- The corpus --- */

static void check_case(struct tally *t, const json_t *c)
{
	struct arena a = {0};
	struct response r;
	struct html html = {0}, none = {0};
	struct err err = {0};

	t->cases++;
	CHECK_FOR(response_from_json(&a, c, &r, &err) == 0, "%s: %s", text_of(c, "id"), err.text);
	CHECK_FOR(html_read(&a, r.body, &html, &err) == 0, "%s: %s", text_of(c, "id"), err.text);
	struct obs_scan scan = {.arena = &a, .r = &r, .html = &html, .names = t->names, .algorithm = 4};
	judge(t, c, &scan, "observatory");
	scan.algorithm = 6;
	judge(t, c, &scan, "observatory_next");
	if (!observatory_is_html(&r))
		scan.html = &none;
	compare_findings(t, c, &scan);
	response_fini(&r);
	arena_free(&a);
}

static void verdicts_are_those_of_the_observatory_and_csp_evaluator(void)
{
	struct err err = {0};
	struct names *names = names_new("tests/corpus/headers/preload.json", NULL, &err);
	struct tally t = {.names = names};
	FILE *f = fopen("tests/corpus/headers/cases.jsonl", "r");
	char *line = NULL;
	size_t cap = 0;

	CHECK_FOR(names != NULL, "%s", err.text);
	CHECK(f != NULL);
	while (f != NULL && getline(&line, &cap, f) > 0) {
		json_t *c = json_loads(line, JSON_ALLOW_NUL, NULL);
		CHECK(c != NULL);
		check_case(&t, c);
		json_decref(c);
	}
	free(line);
	if (f != NULL)
		fclose(f);
	for (int algorithm = 4; algorithm <= 6; algorithm += 2) {
		printf("# %zu cases, algorithm %d: %zu grades, %zu scores, %zu of %zu tests\n", t.cases,
			algorithm, t.grades[algorithm], t.scores[algorithm], t.tests[algorithm],
			t.tests_seen[algorithm]);
		CHECK(t.grades[algorithm] == CASES);
		CHECK(t.scores[algorithm] == CASES);
		CHECK(t.tests[algorithm] == t.tests_seen[algorithm]);
	}
	printf("# %zu of %zu flags of policies; csp_evaluator: findings of %zu, %zu of which it threw at a "
	       "policy of\n",
		t.flags, t.flags_seen, t.findings_equal, t.findings_skipped);
	CHECK(t.cases == CASES);
	CHECK(t.flags == t.flags_seen && t.flags_seen > 0);
	CHECK(t.findings_equal == CASES);
	names_free(names);
}

TEST_MAIN(TEST(verdicts_are_those_of_the_observatory_and_csp_evaluator))
