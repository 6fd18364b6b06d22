/* The tree of a YAML text, what is refused as go-yaml refuses it, the limits, and the types of scalars. */
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/conf/yaml.h"
#include "common/conf/yaml_scalar.h"
#include "test.h"

/* Append the tree as one line: tag@line:column, then the text or the children. */
static void print(const struct yaml_node *n, struct buf *out)
{
	if (n->kind == YAML_ALIAS) {
		buf_addf(out, "*%s@%u:%u", n->text.p, n->start.line, n->start.column);
		return;
	}
	buf_addf(out, "%s@%u:%u", yaml_tag_name(n->tag), n->start.line, n->start.column);
	if (n->kind == YAML_SCALAR) {
		buf_addf(out, "=%s", n->text.p);
		return;
	}
	buf_add_str(out, n->kind == YAML_MAPPING ? "{" : "[");
	for (const struct yaml_node *c = n->first; c != NULL; c = c->next) {
		print(c, out);
		buf_add_str(out, c->next != NULL ? " " : "");
	}
	buf_add_str(out, n->kind == YAML_MAPPING ? "}" : "]");
}

static void test_trees(void)
{
	static const struct {
		const char *text, *tree;
	} rows[] = {
		{"a: b", "!!map@1:1{!!str@1:1=a !!str@1:4=b}"},
		{"- 1\n- [x, 'y']\n", "!!seq@1:1[!!int@1:3=1 !!seq@2:3[!!str@2:4=x !!str@2:7=y]]"},
		{"a: &n 1.5\nb: *n", "!!map@1:1{!!str@1:1=a !!float@1:4=1.5 !!str@2:1=b *n@2:4}"},
		{"a: &n 1\nb: &n 2\nc: *n",
			"!!map@1:1{!!str@1:1=a !!int@1:4=1 !!str@2:1=b !!int@2:4=2 !!str@3:1=c *n@3:4}"},
		{"<<: {a: ~}\n'<<': !!str 1", "!!map@1:1{!!merge@1:1=<< !!map@1:5{!!str@1:6=a !!null@1:9=~} "
					      "!!str@2:1=<< !!str@2:7=1}"},
		{"a:\n", "!!map@1:1{!!str@1:1=a !!null@1:3=}"},
		{"a: ! 12\nb: !x 12",
			"!!map@1:1{!!str@1:1=a !!int@1:4=12 !!str@2:1=b a tag of its own@2:4=12}"},
		{"p: |\n  x\n  y\n", "!!map@1:1{!!str@1:1=p !!str@1:4=x\ny\n}"},
		{"\xef\xbb\xbf\xc3\xa9: 1", "!!map@1:1{!!str@1:1=\xc3\xa9 !!int@1:4=1}"},
		{"a: b\n---\nq: 1\nr: \"x", "!!map@1:1{!!str@1:1=a !!str@1:4=b}"},
		{" tunnel: x\ningress: []", "!!map@1:2{!!str@1:2=tunnel !!str@1:10=x}"},
		{"%YAML 1.1\n---\na", "!!str@3:1=a"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct yaml_error error;
		struct buf out = {0};
		struct yaml_tree *y = yaml_tree_parse(span_str(rows[i].text), &error);
		CHECK_FOR(y != NULL, "%s", rows[i].text);
		if (y == NULL)
			continue;
		print(yaml_tree_root(y), &out);
		CHECK_FOR(span_eq(buf_span(&out), span_str(rows[i].tree)), "%s: %.*s", rows[i].text,
			(int)buf_len(&out), buf_span(&out).p);
		buf_free(&out);
		yaml_tree_free(y);
	}
}

static void test_faults(void)
{
	static const struct {
		struct span text;
		enum yaml_fault fault;
		unsigned line, column;
	} rows[] = {
		{{"", 0}, YAML_EMPTY, 0, 0},
		{{"# only\n", 7}, YAML_EMPTY, 0, 0},
		{{"a: \"\\/\"", 7}, YAML_SYNTAX, 1, 5},
		{{"a: b\nc: \"x\\q\"", 13}, YAML_SYNTAX, 2, 6},
		{{"a: *b", 5}, YAML_SYNTAX, 1, 4},
		{{"a:\n\tb", 5}, YAML_SYNTAX, 2, 1},
		{{"a: [b", 5}, YAML_SYNTAX, 1, 6},
		{{"%YAML 1.2\n---\na", 15}, YAML_SYNTAX, 1, 1},
		{{"a: b\n...\n\"\\q\"", 13}, YAML_SYNTAX, 3, 2},
		{{"a: b\n---\n\"\\q\"", 13}, YAML_SYNTAX, 3, 2},
		{{"a: \0", 4}, YAML_SYNTAX, 1, 4},
		{{"a\nb: \xff", 6}, YAML_SYNTAX, 2, 4},
		{{"\xff\xfe\x00\xdc", 4}, YAML_SYNTAX, 1, 1},
		{{"\xff\xfe\x41", 3}, YAML_SYNTAX, 1, 1},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct yaml_error error;
		struct yaml_tree *y = yaml_tree_parse(rows[i].text, &error);
		CHECK_FOR(y == NULL && error.fault == rows[i].fault, "%s", rows[i].text.p);
		CHECK_FOR(error.at.line == rows[i].line && error.at.column == rows[i].column, "%s: %u:%u %s",
			rows[i].text.p, error.at.line, error.at.column, error.err.text);
		CHECK(error.err.text[0] != '\0');
		yaml_tree_free(y);
	}
}

/* Both byte orders, with a character of two units: U+1F600. */
static void test_utf16(void)
{
	static const struct span texts[] = {
		{"\xff\xfe"
		 "a\0:\0 \0\x3d\xd8\x00\xde",
			12},
		{"\xfe\xff\0a\0:\0 \xd8\x3d\xde\x00", 12},
	};

	for (size_t i = 0; i < 2; i++) {
		struct yaml_error error;
		struct yaml_tree *y = yaml_tree_parse(texts[i], &error);
		CHECK(y != NULL);
		const struct yaml_node *value = yaml_tree_root(y)->first->next;
		CHECK(span_eq(value->text, SPAN("\xf0\x9f\x98\x80")));
		CHECK(value->start.column == 4 && value->start.offset == 3 && value->end.offset == 7);
		yaml_tree_free(y);
	}
}

/* What offsets say about the text: scalars are found where they stand. */
static void test_offsets(void)
{
	static const char text[] = "\xc3\xa9: \"\xe2\x98\x83\" # c\nl: [1, {a: b}]\nk: 'z'\n";
	struct yaml_error error;
	struct yaml_tree *y = yaml_tree_parse(span_str(text), &error);

	CHECK(y != NULL);
	const struct yaml_node *snow = yaml_tree_root(y)->first->next, *list = snow->next->next;
	struct span all = yaml_tree_text(y);
	CHECK(span_eq(span_of(all.p + snow->start.offset, snow->end.offset - snow->start.offset),
		SPAN("\"\xe2\x98\x83\"")));
	CHECK(span_eq(span_of(all.p + list->start.offset, list->end.offset - list->start.offset),
		SPAN("[1, {a: b}]")));
	CHECK(yaml_tree_root(y)->end.offset == all.len - 1);
	CHECK(yaml_tree_count(y) == 11);
	yaml_tree_free(y);
}

static void repeat(struct buf *out, const char *text, size_t times)
{
	for (size_t i = 0; i < times; i++)
		buf_add_str(out, text);
}

static void check_limit(struct buf *text, bool fits)
{
	struct yaml_error error;
	struct yaml_tree *y = yaml_tree_parse(buf_span(text), &error);

	CHECK((y != NULL) == fits);
	CHECK(error.fault == (fits ? YAML_OK : YAML_LIMIT));
	yaml_tree_free(y);
	buf_free(text);
}

static void test_limits(void)
{
	struct buf text = {0};

	repeat(&text, "[", YAML_DEPTH_MAX);
	repeat(&text, "]", YAML_DEPTH_MAX);
	check_limit(&text, true);
	repeat(&text, "[", YAML_DEPTH_MAX + 1);
	repeat(&text, "]", YAML_DEPTH_MAX + 1);
	check_limit(&text, false);
	repeat(&text, "- ", YAML_DEPTH_MAX + 1);
	check_limit(&text, false);
	buf_reserve(&text, YAML_BYTES_MAX + 1);
	memset(text.data, '#', YAML_BYTES_MAX + 1);
	buf_commit(&text, YAML_BYTES_MAX + 1);
	check_limit(&text, false);
}

static void test_scalar_types(void)
{
	static const struct {
		const char *text;
		enum yaml_tag tag;
	} rows[] = {
		{"", YAML_TAG_NULL},
		{"~", YAML_TAG_NULL},
		{"NULL", YAML_TAG_NULL},
		{"nUll", YAML_TAG_STR},
		{"True", YAML_TAG_BOOL},
		{"yes", YAML_TAG_STR},
		{"t", YAML_TAG_STR},
		{"0", YAML_TAG_INT},
		{"-0", YAML_TAG_INT},
		{"+12", YAML_TAG_INT},
		{"0x1F", YAML_TAG_INT},
		{"0X1f", YAML_TAG_INT},
		{"0x", YAML_TAG_STR},
		{"0o17", YAML_TAG_INT},
		{"017", YAML_TAG_INT},
		{"08", YAML_TAG_FLOAT},
		{"0b11", YAML_TAG_INT},
		{"0b-1", YAML_TAG_INT},
		{"0b12", YAML_TAG_STR},
		{"1_000", YAML_TAG_INT},
		{"18446744073709551615", YAML_TAG_INT},
		{"18446744073709551616", YAML_TAG_FLOAT},
		{"+18446744073709551615", YAML_TAG_FLOAT},
		{"-9223372036854775808", YAML_TAG_INT},
		{"1.5", YAML_TAG_FLOAT},
		{"1.", YAML_TAG_FLOAT},
		{".5", YAML_TAG_FLOAT},
		{".5_0", YAML_TAG_FLOAT},
		{".5_", YAML_TAG_STR},
		{".", YAML_TAG_STR},
		{"1e3", YAML_TAG_FLOAT},
		{"1e", YAML_TAG_STR},
		{"1e999", YAML_TAG_STR},
		{"-.inf", YAML_TAG_FLOAT},
		{".NaN", YAML_TAG_FLOAT},
		{"1.2.3", YAML_TAG_STR},
		{"1:30", YAML_TAG_STR},
		{"30s", YAML_TAG_STR},
		{"2001-1-2", YAML_TAG_TIMESTAMP},
		{"2001-02-29", YAML_TAG_STR},
		{"2004-02-29", YAML_TAG_TIMESTAMP},
		{"2001-12-14t21:59:43.10-05:00", YAML_TAG_TIMESTAMP},
		{"2001-12-14T21:59:43Z", YAML_TAG_TIMESTAMP},
		{"2001-12-14  21:59:43.10", YAML_TAG_TIMESTAMP},
		{"2001-12-14 21:59:43.10 -5", YAML_TAG_STR},
		{"2001-12-14T21:59", YAML_TAG_STR},
		{"http://a:1", YAML_TAG_STR},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CHECK_FOR(yaml_scalar_tag(span_str(rows[i].text)) == rows[i].tag, "%s: %s", rows[i].text,
			yaml_tag_name(yaml_scalar_tag(span_str(rows[i].text))));
}

/* One row: a scalar as YAML, and what the typed fields make of it; "-" stands for a refusal. */
struct typed {
	const char *yaml, *as_bool, *as_int, *as_uint, *as_duration, *as_text;
};

static void check_typed(const struct typed *row)
{
	struct yaml_error error;
	struct yaml_tree *y = yaml_tree_parse(span_str(row->yaml), &error);
	struct yaml_value v;
	struct err err;
	char text[32] = "-";
	bool b;
	int64_t i, ns;
	uint64_t u;
	size_t len;

	CHECK_FOR(y != NULL && yaml_scalar_value(yaml_tree_root(y), &v, &err) == 0, "%s", row->yaml);
	const struct yaml_node *n = yaml_tree_root(y);
	const char *as_bool = !yaml_as_bool(n, &v, &b) ? "-" : b ? "true" : "false";
	CHECK_FOR(strcmp(as_bool, row->as_bool) == 0, "%s as bool", row->yaml);
	if (yaml_as_int(&v, &i))
		snprintf(text, sizeof(text), "%lld", (long long)i);
	CHECK_FOR(strcmp(text, row->as_int) == 0, "%s as int: %s", row->yaml, text);
	strcpy(text, "-");
	if (yaml_as_uint(&v, &u))
		snprintf(text, sizeof(text), "%llu", (unsigned long long)u);
	CHECK_FOR(strcmp(text, row->as_uint) == 0, "%s as uint: %s", row->yaml, text);
	strcpy(text, "-");
	if (yaml_as_duration(n, &v, &ns))
		snprintf(text, sizeof(text), "%lld", (long long)ns);
	CHECK_FOR(strcmp(text, row->as_duration) == 0, "%s as duration: %s", row->yaml, text);
	char *as_text = yaml_as_text(n, &v, &len);
	CHECK_FOR(strcmp(as_text != NULL ? as_text : "-", row->as_text) == 0, "%s as text", row->yaml);
	free(as_text);
	yaml_tree_free(y);
}

static void test_typed(void)
{
	static const struct typed rows[] = {
		{"true", "true", "-", "-", "-", "true"},
		{"'true'", "-", "-", "-", "-", "true"},
		{"yes", "true", "-", "-", "-", "yes"},
		{"'Off'", "false", "-", "-", "-", "Off"},
		{"1", "-", "1", "1", "-", "1"},
		{"'1'", "-", "-", "-", "-", "1"},
		{"'0'", "-", "-", "-", "0", "0"},
		{"010", "-", "8", "8", "-", "010"},
		{"08", "-", "8", "8", "-", "08"},
		{"1.5", "-", "1", "1", "-", "1.5"},
		{"-1", "-", "-1", "-", "-", "-1"},
		{"1e3", "-", "1000", "1000", "-", "1e3"},
		{"-.inf", "-", "-9223372036854775808", "9223372036854775808", "-", "-.inf"},
		{".nan", "-", "-", "-", "-", ".nan"},
		{"18446744073709551615", "-", "-", "18446744073709551615", "-", "18446744073709551615"},
		{"1h30m", "-", "-", "-", "5400000000000", "1h30m"},
		{"!!binary aGk=", "-", "-", "-", "-", "hi"},
		{"!!binary 'a?'", "-", "-", "-", "-", "-"},
		{"!!float 3", "-", "3", "3", "-", "3"},
		{"!!int '7'", "-", "7", "7", "-", "7"},
		{"!x 5s", "-", "-", "-", "5000000000", "5s"},
		{"2001-01-01", "-", "-", "-", "-", "2001-01-01"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_typed(&rows[i]);
}

static void test_bad_tags(void)
{
	static const char *const texts[] = {"!!int x", "!!int 1.5", "!!bool yes", "!!null x",
		"!!float 18446744073709551615", "!!timestamp 1"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct yaml_error error;
		struct yaml_value v;
		struct err err;
		struct yaml_tree *y = yaml_tree_parse(span_str(texts[i]), &error);
		CHECK_FOR(y != NULL && yaml_scalar_value(yaml_tree_root(y), &v, &err) < 0, "%s", texts[i]);
		yaml_tree_free(y);
	}
}

TEST_MAIN(TEST(test_trees), TEST(test_faults), TEST(test_utf16), TEST(test_offsets), TEST(test_limits),
	TEST(test_scalar_types), TEST(test_typed), TEST(test_bad_tags))
