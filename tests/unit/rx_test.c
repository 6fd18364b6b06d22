/* Path expressions: what Go's regexp says about some thousands of them, its limits, sets of several, and the cache. */
#include "common/base/buf.h"
#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "common/base/out.h"
#include "common/conf/rx.h"
#include "common/conf/rx_private.h"
#include "test.h"

#define FILE_MAX ((size_t)1 << 20)
#define LINES_LEAST 1000 /* a vector file with fewer is not whole */

static struct rx *parse(struct span text)
{
	struct err err = {{0}};
	struct rx *r = rx_new(text, RELEASE_2025, NULL, &err);

	CHECK_FOR(r != NULL, "%.*s: %s", (int)text.len, text.p, err.text);
	return r;
}

/* One expression, matched with a cache and without: both must agree. */
struct matcher {
	struct rx *rx;
	struct rx_set *set;
	struct rx_scan *cached, *simulated;
};

static void matcher_init(struct matcher *m, struct rx *r)
{
	const struct rx *member = r;

	m->rx = r;
	m->set = rx_set_new(&member, 1);
	m->cached = rx_scan_new(m->set);
	m->simulated = rx_scan_new_sized(m->set, 0);
}

static bool matches(struct matcher *m, struct span text)
{
	size_t found = rx_scan_first(m->cached, text);

	CHECK(rx_scan_first(m->simulated, text) == found);
	return found == 0;
}

static void matcher_fini(struct matcher *m)
{
	rx_scan_free(m->cached);
	rx_scan_free(m->simulated);
	rx_set_free(m->set);
	rx_free(m->rx);
}

static bool expr_matches(const char *expr, struct span text)
{
	struct matcher m;

	matcher_init(&m, parse(span_str(expr)));
	bool found = matches(&m, text);
	matcher_fini(&m);
	return found;
}

/* --- The vectors. A line is described in tests/vectors/rx/generate.go. --- */

/* The next field of the line with %HH undone, into a buffer that was cleared. */
static struct span next_field(struct span *line, struct buf *to)
{
	struct span field = span_cut(*line, '\t', line);
	uint64_t code;

	buf_clear(to);
	for (; field.len > 0; field = span_skip(field, 1)) {
		char c = field.p[0];
		if (c == '%') {
			char hex[3] = {field.p[1], field.p[2], '\0'};
			code = strtoul(hex, NULL, 16);
			c = (char)code;
			field = span_skip(field, 2);
		}
		buf_add_char(to, c);
	}
	return buf_span(to);
}

/* OFFSET+LENGTH REASON */
static void check_refused(struct span expr, const char *verdict, const struct err *err, size_t at)
{
	struct buf part = {.max = ERR_MAX};
	char *end, want[2 * ERR_MAX];
	size_t offset = strtoul(verdict, &end, 10), len = strtoul(end + 1, &end, 10);

	CHECK_FOR(at == offset, "%.*s: at %zu, not %zu", (int)expr.len, expr.p, at, offset);
	out_escape(span_of(expr.p + offset, len), &part);
	snprintf(want, sizeof(want), "%s: `%.*s`", end + 1, (int)buf_len(&part), buf_span(&part).p);
	CHECK_FOR(strncmp(want, err->text, ERR_MAX - 1) == 0, "%.*s: %s, not %s", (int)expr.len, expr.p,
		err->text, want);
	buf_free(&part);
}

/* Texts, each behind the sign of what is due. */
static void check_texts(struct rx *r, struct span expr, struct span line)
{
	struct buf field = {0};
	struct matcher m;

	matcher_init(&m, r);
	while (line.p != NULL) {
		struct span text = next_field(&line, &field);
		CHECK_FOR(matches(&m, span_skip(text, 1)) == (text.p[0] == '+'), "%.*s on %.*s",
			(int)expr.len, expr.p, (int)text.len, text.p);
	}
	matcher_fini(&m);
	buf_free(&field);
}

static void check_line(struct span line, enum release release)
{
	struct buf first = {0}, second = {0};
	struct span expr = next_field(&line, &first);
	struct err err = {{0}};
	size_t at = 0;
	struct rx *r = rx_new(expr, release, &at, &err);
	bool refused = line.len > 0 && line.p[0] == '!';

	CHECK_FOR((r == NULL) == refused, "%.*s: %s", (int)expr.len, expr.p, err.text);
	if (r != NULL) {
		check_texts(r, expr, line);
	} else if (refused) {
		next_field(&line, &second);
		buf_add_char(&second, '\0');
		check_refused(expr, buf_span(&second).p + 1, &err, at);
	}
	buf_free(&first);
	buf_free(&second);
}

static void check_file(const char *path, enum release release)
{
	struct buf file = {.max = FILE_MAX};
	struct err err = {{0}};
	size_t lines = 0;

	CHECK_FOR(fsx_read(path, &file, &err) == 0, "%s", err.text);
	for (struct span rest = buf_span(&file); rest.len > 0;) {
		struct span line = span_cut(rest, '\n', &rest);
		if (line.p[0] == '#')
			continue;
		check_line(line, release);
		lines++;
	}
	CHECK_FOR(lines > LINES_LEAST, "%s: %zu lines", path, lines);
	buf_free(&file);
}

static void agrees_with_go_1_23(void)
{
	check_file("tests/vectors/rx/go-1.23.tsv", RELEASE_2025);
}

static void agrees_with_go_1_19(void)
{
	check_file("tests/vectors/rx/go-1.19.tsv", RELEASE_2023_7);
}

static void knows_the_short_named_group_since_1_23(void)
{
	struct err err = {{0}};
	size_t at = 9;
	struct rx *r = rx_new(SPAN("x(?<n>a)"), RELEASE_2023_7, &at, &err);

	CHECK(r == NULL && at == 1);
	CHECK(strcmp(err.text, "invalid or unsupported Perl syntax: `(?<`") == 0);
	r = rx_new(SPAN("x(?<n>a)"), RELEASE_2025, &at, &err);
	CHECK(r != NULL);
	rx_free(r);
	CHECK(rx_new(SPAN("("), RELEASE_2025, NULL, NULL) == NULL);
}

/* Go 1.23 takes the A of both alternatives for the same, though one ignores case; Go 1.26 does not. */
static void keeps_case_where_a_neighbour_ignores_it(void)
{
	CHECK(expr_matches("(?i:a)b+|Ac+", SPAN("Ac")));
	CHECK(expr_matches("(?i:a)b+|Ac+", SPAN("ab")));
	CHECK(!expr_matches("(?i:a)b+|Ac+", SPAN("ac")));
}

/* --- Limits: what Go 1.23 says of an expression made of count openings, a core and count closings. --- */

struct limit {
	const char *open, *core, *close;
	size_t count;
	const char *reason; /* NULL: accepted */
};

#define DEEP "expression nests too deeply"
#define LARGE "expression too large"

static const struct limit limits[] = {
	{"(", "a", ")", 999, NULL},
	{"(", "a", ")", 1000, DEEP},
	{"(", "a", ")", 5000, DEEP},
	{"(?:", "a", ")", 5000, NULL},
	{"(?:", "a*", ")", 5000, NULL},
	{"(", "", "", 5000, "missing closing )"},
	{"", "a", ")", 5000, "unexpected )"},
	{"(?:b", "a", ")*", 500, NULL},
	{"(?:b", "a", ")*", 999, DEEP},
	{"(?:x*|b", "a", ")", 499, NULL},
	{"(?:x*|b", "a", ")", 500, DEEP},
	{"(?:x|", "a", ")", 5000, NULL},
	{"a|", "b", "", 5000, NULL},
	{"(?:z*|[ab]x*|[ab]c", "a", ")", 249, NULL},
	{"(?:z*|[ab]x*|[ab]c", "a", ")", 250, DEEP},
	{"(", "[ab]c*|[ab]c*", ")", 996, NULL},
	{"(", "[ab]c*|[ab]c*", ")", 997, DEEP},
	{"(", "ab|ac", ")", 998, NULL},
	{"(", "ab|ac", ")", 999, DEEP},
	{"(", "xy|xy", ")", 998, NULL},
	{"(", "xy|xy", ")", 999, DEEP},
	{"x{1000}", "", "", 1677, NULL},
	{"x{1000}", "", "", 3356, LARGE},
	{"(xy){1000}", "", "", 1677, LARGE},
	{"(?:", "\\pL", ")", 8000, NULL},
	{"(?:", "\\pL", ")", 8500, LARGE},
	{"(?:abc*){1000}", "", "", 1677, LARGE},
};

static struct span repeat(struct buf *to, const struct limit *l)
{
	buf_clear(to);
	for (size_t i = 0; i < l->count; i++)
		buf_add_str(to, l->open);
	buf_add_str(to, l->core);
	for (size_t i = 0; i < l->count; i++)
		buf_add_str(to, l->close);
	return buf_span(to);
}

static void has_the_limits_of_go(void)
{
	struct buf text = {0};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		const struct limit *l = &limits[i];
		struct err err = {{0}};
		size_t at = 1;
		struct rx *r = rx_new(repeat(&text, l), RELEASE_2025, &at, &err);
		CHECK_FOR((r == NULL) == (l->reason != NULL), "%s%s%s %zu: %s", l->open, l->core, l->close,
			l->count, err.text);
		if (l->reason != NULL)
			CHECK_FOR(at == 0 && strncmp(err.text, l->reason, strlen(l->reason)) == 0, "%s",
				err.text);
		rx_free(r);
	}
	buf_free(&text);
}

/* Alternatives that share ever longer beginnings make a tree as deep as they are many. */
static void counts_the_depth_of_shared_beginnings(void)
{
	struct buf text = {0};

	for (size_t i = 1; i <= 501; i++) {
		for (size_t k = 0; k < i; k++)
			buf_add_char(&text, 'a');
		buf_add_char(&text, '|');
		if (i < 500)
			continue;
		buf_add_char(&text, 'b');
		struct err err = {{0}};
		struct rx *r = rx_new(buf_span(&text), RELEASE_2025, NULL, &err);
		CHECK_FOR((r != NULL) == (i == 500), "%zu: %s", i, err.text);
		rx_free(r);
		text.tail--; /* the b */
	}
	buf_free(&text);
}

/* --- Sets --- */

static void check_first(const char *const *exprs, size_t count, struct span text, size_t due)
{
	const struct rx *members[8];

	for (size_t i = 0; i < count; i++)
		members[i] = parse(span_str(exprs[i]));
	struct rx_set *set = rx_set_new(members, count);
	static const size_t caches[] = {0, 3000, RX_SCAN_MAX};
	for (size_t i = 0; i < sizeof(caches) / sizeof(caches[0]); i++) {
		struct rx_scan *scan = rx_scan_new_sized(set, caches[i]);
		for (int again = 0; again < 2; again++)
			CHECK_FOR(rx_scan_first(scan, text) == due, "%.*s: %zu, not %zu", (int)text.len,
				text.p, rx_scan_first(scan, text), due);
		rx_scan_free(scan);
	}
	rx_set_free(set);
	for (size_t i = 0; i < count; i++)
		rx_free((struct rx *)(uintptr_t)members[i]);
}

static void finds_the_lowest_member(void)
{
	static const char *const exprs[] = {"^/a$", "b", "/[a-c]+", "(?i)C$", "^"};

	check_first(exprs, 5, SPAN("/a"), 0);
	check_first(exprs, 5, SPAN("/ab"), 1); /* member 2 is found first, further left */
	check_first(exprs, 5, SPAN("/ac"), 2);
	check_first(exprs, 5, SPAN("/xC"), 3);
	check_first(exprs, 5, SPAN("/x"), 4);
	check_first(exprs, 4, SPAN("/x"), 4);
	check_first(exprs, 4, SPAN(""), 4);
	check_first(exprs + 1, 3,
		SPAN("/\xff\xff"
		     "b"),
		0);
	check_first(exprs, 1, SPAN("/a/"), 1);
	check_first(exprs, 0, SPAN("/a"), 0);
	check_first(exprs, 0, SPAN(""), 0);
}

/* Members that may match anywhere stand among such that only match at the begin. */
static void tells_anchored_members_from_free_ones(void)
{
	static const char *const exprs[] = {"^a", "(?:^|x)b", "\\Ac|^d", "(?m)^e", "$f", "z"};

	check_first(exprs, 6, SPAN("qa"), 6);
	check_first(exprs, 6, SPAN("qxb"), 1);
	check_first(exprs, 6, SPAN("qc\nd"), 6);
	check_first(exprs, 6, SPAN("q\ne"), 3);
	check_first(exprs, 6, SPAN("\nez"), 3);
	check_first(exprs, 6, SPAN("qqqqqqz"), 5);
	check_first(exprs, 1, SPAN("ba"), 1);
}

#define MANY 1000

static void matches_a_thousand_at_once(void)
{
	const struct rx *members[MANY];
	char text[64];

	for (size_t i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "^/svc%zu(/|$)|\\.x%zu$", i, i);
		members[i] = parse(span_str(text));
	}
	struct rx_set *set = rx_set_new(members, MANY);
	struct rx_scan *scan = rx_scan_new(set), *other = rx_scan_new(set);
	for (size_t i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "/svc%zu/a.x%zu", i, MANY - 1 - i);
		size_t due = i < MANY - 1 - i ? i : MANY - 1 - i;
		CHECK_FOR(rx_scan_first(scan, span_str(text)) == due, "%s", text);
	}
	CHECK(rx_scan_first(scan, SPAN("/svc/a.x")) == MANY);
	CHECK(rx_scan_first(other, SPAN("/svc7")) == 7);
	CHECK(rx_scan_kept(scan) <= RX_SCAN_MAX);
	rx_scan_free(scan);
	rx_scan_free(other);
	rx_set_free(set);
	for (size_t i = 0; i < MANY; i++)
		rx_free((struct rx *)(uintptr_t)members[i]);
}

/* What is shared by the beginnings of many is visited once: so long a text costs so much, however many there are. */
static void visits_what_many_share_once(void)
{
	static const char *const kinds[] = {"/svc%zu/", "^/[a-z]+/svc%zu$", ".*x%zu", "(?i)/API/v%zu"};
	static const char text[] = "/abc/svc/x/api/v/abcdefghijklmnopqrstuvwxyz";
	const struct rx *members[MANY];
	char expr[64];

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		uint64_t visits[2];
		for (size_t round = 0; round < 2; round++) {
			size_t count = round == 0 ? 10 : MANY;
			for (size_t i = 0; i < count; i++) {
				int len = snprintf(expr, sizeof(expr), "%s", kinds[k]);
				char *number = memmem(expr, (size_t)len, "%zu", 3), rest[8];
				snprintf(rest, sizeof(rest), "%s", number + 3);
				snprintf(number, 24, "%zu%s", i, rest);
				members[i] = parse(span_str(expr));
			}
			struct rx_set *set = rx_set_new(members, count);
			struct rx_scan *scan = rx_scan_new(set);
			CHECK(rx_scan_first(scan, span_str(text)) == count);
			visits[round] = rx_scan_visits(scan);
			CHECK(rx_scan_first(scan, span_str(text)) == count);
			CHECK(rx_scan_visits(scan) == visits[round]); /* the cache knows */
			rx_scan_free(scan);
			rx_set_free(set);
			for (size_t i = 0; i < count; i++)
				rx_free((struct rx *)(uintptr_t)members[i]);
		}
		CHECK_FOR(visits[1] <= 2 * visits[0], "%s: %llu visits for 10, %llu for many", kinds[k],
			(unsigned long long)visits[0], (unsigned long long)visits[1]);
	}
}

static uint32_t draw(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 16) % below;
}

static struct rx *random_expr(uint32_t *seed)
{
	static const char *const pieces[] = {"a", "b", "/", "ab", "a*", "b?", "(a|b)", "(ab)+", "[ab]",
		"[^a]", ".*", "^", "$", "\\b", "(?:a|)", "(a*b)*", "b{2,3}", "(?i:A)", "(?m:^)", "(?m:$)",
		"\\B", "\\n", "(^|/)", "(a|b$)"};
	char text[64] = "";

	for (uint32_t n = 1 + draw(seed, 6); n > 0; n--)
		strcat(text, pieces[draw(seed, sizeof(pieces) / sizeof(pieces[0]))]);
	return parse(span_str(text));
}

/* Whatever is merged, the first is the first that matches alone. */
static void merges_nothing_that_differs(void)
{
	uint32_t seed = 7;
	size_t found = 0;

	for (int round = 0; round < 1500; round++) {
		const struct rx *members[8];
		struct rx_scan *alone[8];
		struct rx_set *sets[8];
		size_t count = 2 + draw(&seed, 7);
		for (size_t i = 0; i < count; i++) {
			members[i] = random_expr(&seed);
			sets[i] = rx_set_new(&members[i], 1);
			alone[i] = rx_scan_new_sized(sets[i], 0);
		}
		struct rx_set *set = rx_set_new(members, count);
		struct rx_scan *scan = rx_scan_new(set);
		for (int n = 0; n < 20; n++) {
			char text[12];
			size_t len = draw(&seed, sizeof(text)), due = 0;
			for (size_t i = 0; i < len; i++)
				text[i] = "ab/A\n"[draw(&seed, 5)];
			while (due < count && rx_scan_first(alone[due], span_of(text, len)) != 0)
				due++;
			size_t got = rx_scan_first(scan, span_of(text, len));
			CHECK_FOR(
				got == due, "round %d: %.*s: %zu, not %zu", round, (int)len, text, got, due);
			found += due < count && due > 0;
		}
		rx_scan_free(scan);
		rx_set_free(set);
		for (size_t i = 0; i < count; i++) {
			rx_scan_free(alone[i]);
			rx_set_free(sets[i]);
			rx_free((struct rx *)(uintptr_t)members[i]);
		}
	}
	CHECK(found > 2000);
}

/* --- The cache --- */

/* An automaton of 2^16 states, of which a random text makes nearly one a byte: nothing that is kept is of use. */
static void stays_within_its_memory(void)
{
	struct rx *r = parse(SPAN("[ab]*a[ab]{15}$"));
	const struct rx *member = r;
	struct rx_set *set = rx_set_new(&member, 1);
	struct rx_scan *small = rx_scan_new_sized(set, 1 << 16), *none = rx_scan_new_sized(set, 0);
	char text[4000];
	uint32_t seed = 1;

	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < sizeof(text); i++) {
			seed = seed * 1664525 + 1013904223;
			text[i] = (seed >> 24) % 2 == 0 ? 'a' : 'b';
		}
		size_t due = text[sizeof(text) - 16] == 'a' ? 0 : 1;
		CHECK(rx_scan_first(small, span_of(text, sizeof(text))) == due);
		CHECK(rx_scan_first(none, span_of(text, sizeof(text))) == due);
		CHECK(rx_scan_kept(small) <= 1 << 16);
	}
	CHECK(rx_scan_kept(small) > 0 && rx_scan_kept(none) == 0);
	rx_scan_free(small);
	rx_scan_free(none);
	rx_set_free(set);
	rx_free(r);
}

/* More classes of characters than a small cache can hold states for. */
static void does_without_a_cache_that_is_too_small(void)
{
	struct rx *r = parse(SPAN("^[\\p{L}\\p{Greek}]\\p{Lu}\\d$"));
	const struct rx *member = r;
	struct rx_set *set = rx_set_new(&member, 1);
	struct rx_scan *scan = rx_scan_new_sized(set, 64);

	CHECK(rx_scan_first(scan, SPAN("\xcf\x83\xce\xa3"
				       "1")) == 0);
	CHECK(rx_scan_first(scan, SPAN("\xcf\x83\xcf\x83"
				       "1")) == 1);
	CHECK(rx_scan_kept(scan) == 0);
	rx_scan_free(scan);
	rx_set_free(set);
	rx_free(r);
}

TEST_MAIN(TEST(agrees_with_go_1_23), TEST(agrees_with_go_1_19), TEST(knows_the_short_named_group_since_1_23),
	TEST(keeps_case_where_a_neighbour_ignores_it), TEST(has_the_limits_of_go),
	TEST(counts_the_depth_of_shared_beginnings), TEST(finds_the_lowest_member),
	TEST(tells_anchored_members_from_free_ones), TEST(matches_a_thousand_at_once),
	TEST(visits_what_many_share_once), TEST(merges_nothing_that_differs), TEST(stays_within_its_memory),
	TEST(does_without_a_cache_that_is_too_small))
