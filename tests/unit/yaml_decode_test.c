/* Structs, lists and values of any shape out of YAML: merge keys, duplicates, nulls, aliases and their limits. */
#include "common/base/buf.h"
#include "common/conf/yaml_decode.h"
#include "test.h"

struct thing {
	bool flag;
	int64_t number, ns;
	uint64_t natural;
	char *text;
	struct yaml_mark flag_at;
	size_t others;
};

static const struct yaml_member members[] = {
	{"flag", yaml_decode_bool, offsetof(struct thing, flag), offsetof(struct thing, flag_at), 0},
	{"number", yaml_decode_int, offsetof(struct thing, number), YAML_NOWHERE, 0},
	{"natural", yaml_decode_uint, offsetof(struct thing, natural), YAML_NOWHERE, 0},
	{"duration", yaml_decode_duration, offsetof(struct thing, ns), YAML_NOWHERE, 0},
	{"text", yaml_decode_text, offsetof(struct thing, text), YAML_NOWHERE, 0},
};

static void take_other(struct yaml_decode *d, struct span name, const struct yaml_node *value, void *out)
{
	struct thing *t = out;

	(void)name;
	t->others += yaml_decode_any(d, value);
}

/* One decoding with all that belongs to it. */
struct fixture {
	struct yaml_tree *tree;
	struct yaml_decode d;
	struct thing thing;
	bool good;
};

static void decode(struct fixture *f, const char *text, bool collect)
{
	struct yaml_struct type = {"test.Thing", members, 5, collect ? take_other : NULL};
	struct yaml_error error;

	*f = (struct fixture){.tree = yaml_tree_parse(span_str(text), &error)};
	CHECK_FOR(f->tree != NULL, "%s: %s", text, error.err.text);
	f->d.tree = f->tree;
	f->good = yaml_decode_struct(&f->d, yaml_tree_root(f->tree), &type, &f->thing);
	CHECK(f->d.alias_depth == 0);
}

static void end(struct fixture *f)
{
	free(f->thing.text);
	yaml_decode_fini(&f->d);
	yaml_tree_free(f->tree);
}

static void test_struct(void)
{
	struct fixture f;

	decode(&f, "flag: yes\nnumber: 0x10\nnatural: 7\nduration: 1m\ntext: 1.50\nother: 1\n", false);
	CHECK(f.good && f.d.problem_count == 0);
	CHECK(f.thing.flag && f.thing.number == 16 && f.thing.natural == 7);
	CHECK(f.thing.ns == INT64_C(60000000000) && strcmp(f.thing.text, "1.50") == 0);
	CHECK(f.thing.flag_at.line == 1 && f.thing.flag_at.column == 7);
	CHECK(f.d.unknown_count == 1 && strcmp(f.d.unknowns[0].name, "other") == 0);
	CHECK(f.d.unknowns[0].at.line == 6 && strcmp(f.d.unknowns[0].type, "test.Thing") == 0);
	end(&f);
}

static void test_nulls(void)
{
	struct fixture f;

	decode(&f, "flag: ~\ntext:\n~: [what, ever]\n", false);
	CHECK(f.good && f.d.problem_count == 0 && f.d.unknown_count == 0);
	CHECK(f.thing.flag_at.line == 0 && f.thing.text == NULL);
	end(&f);
	decode(&f, "~", false);
	CHECK(!f.good && f.d.problem_count == 0);
	end(&f);
}

static void test_merge(void)
{
	struct fixture f;

	/* Own keys win wherever they stand, earlier maps before later ones; what is overridden is not decoded. */
	decode(&f,
		"x: &x {number: 1, natural: 1, flag: nonsense}\ny: &y {number: 2, text: y}\n"
		"<<: [*x, *y]\nflag: true\nnatural: 5\n",
		true);
	CHECK(f.good && f.d.problem_count == 0);
	CHECK(f.thing.number == 1 && f.thing.natural == 5 && f.thing.flag);
	CHECK(strcmp(f.thing.text, "y") == 0);
	end(&f);
	decode(&f, "<<: [{number: 1, flag: bad}, {number: 2, text: y}]\nflag: true\nnatural: 5\n", false);
	CHECK(f.good && f.d.problem_count == 0);
	CHECK(f.thing.number == 1 && f.thing.natural == 5 && f.thing.flag);
	CHECK(strcmp(f.thing.text, "y") == 0);
	end(&f);
	decode(&f, "<<: {<<: {number: 3}, text: a}\n", false);
	CHECK(f.thing.number == 3 && strcmp(f.thing.text, "a") == 0);
	end(&f);
}

static void test_problems(void)
{
	static const struct {
		const char *text;
		enum yaml_problem_kind kind;
		size_t count;
		unsigned line;
		bool stopped;
	} rows[] = {
		{"flag: 1\nnumber: x\nduration: 30\n", YAML_PROBLEM_TYPE, 3, 1, false},
		{"flag: true\nflag: true\n", YAML_PROBLEM_DUPLICATE, 1, 2, false},
		{"'flag': true\nflag: true\nflag: 1\n", YAML_PROBLEM_DUPLICATE, 2, 2, false},
		{"text: {a: 1, a: 2}\n", YAML_PROBLEM_DUPLICATE, 1, 1, false},
		{"text: [a]\n", YAML_PROBLEM_TYPE, 1, 1, false},
		{"[a]\n", YAML_PROBLEM_TYPE, 1, 1, false},
		{"a: b\n? [c]\n: d\n", YAML_PROBLEM_TYPE, 1, 2, false},
		{"<<: 1\nflag: bad\n", YAML_PROBLEM_TYPE, 1, 1, true},
		{"<<: [{number: 1}, x]\n", YAML_PROBLEM_TYPE, 1, 1, true},
		{"<<: {}\n<<: {}\n", YAML_PROBLEM_DUPLICATE, 1, 2, false},
		{"flag: !!bool maybe\ntext: []\n", YAML_PROBLEM_TYPE, 1, 1, true},
		{"text: !!binary '?'\nflag: bad\n", YAML_PROBLEM_TYPE, 1, 1, true},
		{"text: \"a\\0b\"\n", YAML_PROBLEM_TYPE, 1, 1, false},
		{"&a\n<<: *a\n", YAML_PROBLEM_ALIAS, 1, 2, true},
		{"18446744073709551616: 1\nnumber: 18446744073709551615\n", YAML_PROBLEM_TYPE, 1, 2, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture f;
		decode(&f, rows[i].text, false);
		CHECK_FOR(f.d.problem_count == rows[i].count, "%s: %zu", rows[i].text, f.d.problem_count);
		CHECK_FOR(f.d.problem_count > 0 && f.d.problems[0].kind == rows[i].kind &&
				  f.d.problems[0].at.line == rows[i].line,
			"%s", rows[i].text);
		CHECK_FOR(f.d.stopped == rows[i].stopped, "%s", rows[i].text);
		end(&f);
	}
}

static void test_any(void)
{
	static const struct {
		const char *text;
		size_t others, problems;
		enum yaml_problem_kind kind;
	} rows[] = {
		{"a: {b: [1, {c: ~}], d: e}", 1, 0, 0},
		{"a: ~", 0, 0, 0},
		{"a: {b: 1, b: 2}\nc: 1", 1, 1, YAML_PROBLEM_DUPLICATE},
		{"a: [{<<: {x: [{y: 1, y: 2}]}, x: 1}]", 1, 0, 0},
		{"a: [{<<: {x: {y: 1, y: 2}}}]", 0, 1, YAML_PROBLEM_DUPLICATE},
		{"a: {? [x] : 1}", 0, 1, YAML_PROBLEM_TYPE},
		{"a: &a [*a]", 0, 1, YAML_PROBLEM_ALIAS},
		{"a: &a {b: {c: *a}}", 0, 1, YAML_PROBLEM_ALIAS},
		{"a: &a [1]\nb: [*a, *a, {c: *a}]", 2, 0, 0},
		{"a: [!!int x]", 0, 1, YAML_PROBLEM_TYPE},
		{"a: !!map {b: 1}\n<<: {c: [1], a: 2}", 2, 0, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture f;
		decode(&f, rows[i].text, true);
		CHECK_FOR(f.d.problem_count == rows[i].problems, "%s: %zu", rows[i].text, f.d.problem_count);
		CHECK_FOR(f.thing.others == rows[i].others, "%s: %zu", rows[i].text, f.thing.others);
		CHECK_FOR(rows[i].problems == 0 || f.d.problems[0].kind == rows[i].kind, "%s", rows[i].text);
		end(&f);
	}
}

/* Nine lists, each with nine aliases of the one before: 9^9 values, if they were all visited. */
static void test_bomb(void)
{
	struct buf text = {0};
	struct fixture f;

	buf_add_str(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
	for (int i = 1; i <= 9; i++) {
		buf_addf(&text, "a%d: &a%d [", i, i);
		for (int j = 0; j < 9; j++)
			buf_addf(&text, "%s*a%d", j > 0 ? ", " : "", i - 1);
		buf_add_str(&text, "]\n");
	}
	buf_add_char(&text, '\0');
	decode(&f, buf_span(&text).p, true);
	CHECK(f.d.stopped && f.d.problem_count == 1 && f.d.problems[0].kind == YAML_PROBLEM_ALIAS);
	CHECK(f.d.decoded < 1000000);
	end(&f);
	buf_free(&text);
}

/* The deepest that the tree allows, and merges within merges. */
static void test_depth(void)
{
	struct buf text = {0};
	struct fixture f;

	buf_add_str(&text, "a: ");
	for (int i = 0; i < YAML_DEPTH_MAX - 1; i++)
		buf_add_char(&text, '[');
	for (int i = 0; i < YAML_DEPTH_MAX - 1; i++)
		buf_add_char(&text, ']');
	buf_add_char(&text, '\0');
	decode(&f, buf_span(&text).p, true);
	CHECK(f.d.problem_count == 0 && f.thing.others == 1);
	end(&f);
	buf_clear(&text);
	for (int i = 0; i < YAML_DEPTH_MAX - 1; i++)
		buf_add_str(&text, "{<<: ");
	buf_add_str(&text, "{number: 7}");
	for (int i = 0; i < YAML_DEPTH_MAX - 1; i++)
		buf_add_char(&text, '}');
	buf_add_char(&text, '\0');
	decode(&f, buf_span(&text).p, false);
	CHECK(f.d.problem_count == 0 && f.thing.number == 7);
	end(&f);
	buf_free(&text);
}

TEST_MAIN(TEST(test_struct), TEST(test_nulls), TEST(test_merge), TEST(test_problems), TEST(test_any),
	TEST(test_bomb), TEST(test_depth))
