/* Verdicts and choices of the real cloudflared (tests/corpus/ingress) against ours. */
#include <jansson.h>

#include "common/base/base64.h"
#include "common/base/mem.h"
#include "common/conf/ingress.h"
#include "common/conf/ingress_url.h"
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
static enum ingress_fault judge(struct span config, enum release release, struct ingress_file *f)
{
	struct ingress_error error;
	enum ingress_fault fault = ingress_parse_as(config, release, f, &error, NULL);
	const struct setting *url = settings_find(&f->settings, "url");

	CHECK((fault == INGRESS_OK) == (error.err.text[0] == '\0'));
	if (fault == INGRESS_OK && url != NULL && url->values[0][0] != '\0')
		fault = INGRESS_URL_SETTING;
	return fault;
}

/* --- validate.jsonl --- */

struct tally {
	enum release release;
	const json_t *others; /* cases of the release by their id, where it is not 2025.5.0; NULL for none */
	size_t verdicts, classes, warnings, warned, differ;
};

/* What the release says where it does not say what 2025.5.0 does: as the corpus has it for 2023.7.0, else from a file of
 * our own. */
static const json_t *expected_of(const json_t *c, struct tally *t)
{
	const json_t *other = NULL;

	if (t->release == RELEASE_2023_7)
		other = json_object_get(json_object_get(c, "version_differences"), "2023.7.0");
	else if (t->others != NULL)
		other = json_object_get(t->others, text_of(c, "id"));
	t->differ += other != NULL;
	return other != NULL ? other : c;
}

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
	const json_t *says = expected_of(c, t);
	const char *expected = text_of(says, "error_class");
	enum ingress_fault fault = judge(config, t->release, &f);
	const char *class = fault == INGRESS_OK ? NULL : ingress_fault_class(fault);
	bool same_verdict = json_is_true(json_object_get(says, "valid")) == (fault == INGRESS_OK);
	bool same_class = strcmp(class != NULL ? class : "", expected != NULL ? expected : "") == 0;

	t->verdicts += same_verdict;
	t->classes += same_class;
	if (!same_verdict || !same_class)
		fprintf(stderr, "# %s %s: %s, cloudflared %s\n", text_of(c, "id"), text_of(c, "family"),
			class != NULL ? class : "ok", expected != NULL ? expected : "ok");
	if (same_verdict && fault == INGRESS_OK) {
		bool agree = warnings_agree(says, &f);
		t->warned++;
		t->warnings += agree;
		if (!agree)
			fprintf(stderr, "# %s %s: other warnings\n", text_of(c, "id"), text_of(c, "family"));
	}
	ingress_file_free(&f);
	free((void *)(uintptr_t)config.p);
}

static void check_verdicts(struct tally t, size_t differ)
{
	size_t count = each_case("tests/corpus/ingress/validate.jsonl", check_verdict, &t);

	printf("# %zu cases: %zu verdicts, %zu classes; of %zu accepted, %zu warnings\n", count, t.verdicts,
		t.classes, t.warned, t.warnings);
	CHECK(count == 1104);
	CHECK(t.verdicts == count);
	CHECK(t.classes == count);
	CHECK(t.warnings == t.warned);
	CHECK(t.differ == differ);
}

static void test_verdicts(void)
{
	check_verdicts((struct tally){.release = RELEASE_2025}, 0);
}

/* --- match.jsonl --- */

/* The class of the refusal, NULL when a rule is chosen. */
static const char *choose(const struct ingress_file *f, enum ingress_fault fault, struct span url,
	enum release release, size_t *rule)
{
	struct ingress_url u;

	if (fault != INGRESS_OK)
		return ingress_fault_class(fault);
	const char *why = ingress_url_parse(url, release, &u);
	if (why != NULL)
		return why;
	struct ingress_matcher *m = ingress_matcher_new(f->ingress);
	struct span host = span_of(u.host, u.host_len), path = span_of(u.path, u.path_len);
	*rule = ingress_match(m, host, path);
	/* A second time, with what the first one learnt. */
	CHECK(ingress_match(m, host, path) == *rule);
	ingress_matcher_free(m);
	ingress_url_free(&u);
	return NULL;
}

/* The corpus does not classify what 2023.7.0 says of a match: there is one such case. */
static const char *class_of(const json_t *says)
{
	const char *error = text_of(says, "error");

	if (json_object_get(says, "error_class") == NULL && error != NULL)
		return strstr(error, "invalid regex") != NULL ? "regex" : "unknown";
	return text_of(says, "error_class");
}

static void check_match(const json_t *c, void *arg)
{
	struct tally *t = arg;
	size_t rule = 0;
	struct ingress_file f;
	struct span config = config_of(c);
	const json_t *says = expected_of(c, t);
	const char *expected = class_of(says), *id = text_of(c, "id"), *url = text_of(c, "url");
	const char *class = choose(&f, judge(config, t->release, &f), span_str(url), t->release, &rule);

	CHECK_FOR(strcmp(class != NULL ? class : "", expected != NULL ? expected : "") == 0,
		"%s: %s: %s, cloudflared %s", id, url, class, expected);
	if (class == NULL) {
		json_int_t theirs = json_integer_value(json_object_get(says, "rule"));
		CHECK_FOR((json_int_t)rule == theirs, "%s: %s: %zu, cloudflared %lld", id, url, rule,
			(long long)theirs);
		t->verdicts++;
	}
	ingress_file_free(&f);
	free((void *)(uintptr_t)config.p);
}

static void check_matches(struct tally t, size_t choices, size_t differ)
{
	size_t count = each_case("tests/corpus/ingress/match.jsonl", check_match, &t);

	printf("# %zu cases, %zu of them choices of a rule\n", count, t.verdicts);
	CHECK(count == 1061);
	CHECK(t.verdicts == choices);
	CHECK(t.differ == differ);
}

static void test_matches(void)
{
	check_matches((struct tally){.release = RELEASE_2025}, 1044, 0);
}

/* --- Other releases --- */

static void test_2023_7(void)
{
	check_verdicts((struct tally){.release = RELEASE_2023_7}, 25);
	check_matches((struct tally){.release = RELEASE_2023_7}, 1043, 1);
}

static void keep_case(const json_t *c, void *arg)
{
	if (text_of(c, "id") != NULL)
		json_object_set(arg, text_of(c, "id"), (json_t *)(uintptr_t)c);
}

static void check_2026(const json_t *c, void *arg)
{
	if (text_of(c, "url") != NULL)
		check_match(c, arg);
	else
		check_verdict(c, arg);
}

/* releases.jsonl: the cases of the corpus that differ, by their ids, and others. */
static void test_2026(void)
{
	static const char file[] = "tests/corpus/ingress/releases.jsonl";
	json_t *others = json_object();
	struct tally t = {.release = RELEASE_2026};

	size_t count = each_case(file, keep_case, others);
	CHECK(count == 219);
	each_case(file, check_2026, &t);
	CHECK(t.warnings == t.warned);
	check_verdicts((struct tally){.release = RELEASE_2026, .others = others}, 5);
	check_matches((struct tally){.release = RELEASE_2026, .others = others}, 1043, 1);
	json_decref(others);
}

TEST_MAIN(TEST(test_verdicts), TEST(test_matches), TEST(test_2023_7), TEST(test_2026))
