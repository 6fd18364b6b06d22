/* The algebra of path expressions, against trying every short text. */
#include "common/base/mem.h"
#include "common/conf/rx_algebra.h"
#include "test.h"

#define TERMS 3
#define LENGTH_MAX 5 /* of the texts that are tried */
#define ROUNDS 1500

/* One expression that is being asked about. */
struct language {
	struct rx *rx;
	struct rx_set *set;
	struct rx_scan *scan;
};

static void language_init(struct language *l, const char *expr)
{
	struct err err = {{0}};

	l->rx = rx_new(span_str(expr), RELEASE_2025, NULL, &err);
	CHECK_FOR(l->rx != NULL, "%s: %s", expr, err.text);
	const struct rx *member = l->rx;
	l->set = rx_set_new(&member, 1);
	l->scan = rx_scan_new(l->set);
}

static void language_fini(struct language *l)
{
	rx_scan_free(l->scan);
	rx_set_free(l->set);
	rx_free(l->rx);
}

static bool holds(struct language *l, struct span text)
{
	return rx_scan_first(l->scan, text) == 0;
}

/* --- Known answers --- */

struct known {
	const char *within, *without; /* "": not asked */
	enum rx_answer answer;
	const char *witness;
};

static const struct known knowns[] = {
	{"^/api", "", RX_SOME, "/api"},
	{"^/api(/|$)", "", RX_SOME, "/api"},
	{"^/apikeys", "^/api", RX_NONE, ""},
	{"^/api", "^/api(/|$)", RX_SOME, "/apia"},
	{"/grafana/", "^/grafana/", RX_SOME, "a/grafana/"},
	{"^/grafana/", "/grafana/", RX_NONE, ""},
	{"a^b", "", RX_NONE, ""},
	{"a$b", "", RX_NONE, ""},
	{"^$", "", RX_SOME, ""},
	{"x*", "(?s)^.*$", RX_NONE, ""},
	{"(?s).", ".", RX_SOME, "\n"},
	{"\\x{d800}", "", RX_NONE, ""},
	{"[\\x{d7ff}-\\x{e000}]", "[\\x{d7ff}-\\x{dfff}]", RX_SOME, "\xee\x80\x80"},
	{"^\\pL$", "[a-zA-Z]", RX_SOME, "\xc2\xaa"},
	{"\\bx\\b", "^x$", RX_SOME, "x/"},
	{"(?m)^b", "^b", RX_SOME, "\nb"},
	{"(?i)^/admin$", "^/admin$", RX_SOME, "/admiN"},
	{"^(a|b)*$", "^(a*b*)*$", RX_NONE, ""},
	{"^(a|b)*a(a|b){3}$", "", RX_SOME, "aaaa"},
};

static void test_known_answers(void)
{
	for (size_t i = 0; i < sizeof(knowns) / sizeof(knowns[0]); i++) {
		const struct known *k = &knowns[i];
		struct language within, without;
		struct buf witness = {0};
		language_init(&within, k->within);
		language_init(&without, k->without);
		const struct rx_term terms[] = {{within.set, false}, {without.set, true}};
		enum rx_answer answer =
			rx_witness(terms, k->without[0] != '\0' ? 2 : 1, RX_ALGEBRA_STATES, &witness);
		CHECK_FOR(answer == k->answer, "%s without %s: %d", k->within, k->without, (int)answer);
		CHECK_FOR(span_eq(buf_span(&witness), span_str(k->witness)), "%s without %s: \"%.*s\"",
			k->within, k->without, (int)buf_len(&witness), buf_span(&witness).p);
		buf_free(&witness);
		language_fini(&within);
		language_fini(&without);
	}
}

/* --- Random expressions --- */

static unsigned next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(*seed >> 33);
}

static void add_random_expr(struct buf *out, uint64_t *seed)
{
	static const char *const pieces[] = {"a", "b", "/", ".", "[ab]", "[^a]", "a*", "b?", "(a|b/)",
		"(ab|/)+", "^", "$", "\\b", "(?m)$", "(?s).", "|", "a{2}", "(^|/)", "(/|$)", "\\W"};

	for (unsigned n = 1 + next_random(seed) % 4; n > 0; n--)
		buf_add_str(out, pieces[next_random(seed) % (sizeof(pieces) / sizeof(pieces[0]))]);
	buf_add_char(out, '\0');
}

static bool in_all(struct language *l, const struct rx_term *terms, struct span text)
{
	for (size_t i = 0; i < TERMS; i++)
		if (holds(&l[i], text) == terms[i].without)
			return false;
	return true;
}

/* The length of the shortest text in all terms, by trying them; LENGTH_MAX + 1 when there is none. The letters stand for
 * all that the pieces above tell apart. */
static size_t shortest_by_trial(struct language *l, const struct rx_term *terms)
{
	static const char letters[] = {'a', 'b', '/', 'z', '-', '\n'};
	char text[LENGTH_MAX];
	size_t texts = 1;

	for (size_t len = 0; len <= LENGTH_MAX; len++, texts *= sizeof(letters)) {
		for (size_t number = 0; number < texts; number++) {
			size_t rest = number;
			for (size_t i = 0; i < len; i++, rest /= sizeof(letters))
				text[i] = letters[rest % sizeof(letters)];
			if (in_all(l, terms, span_of(text, len)))
				return len;
		}
	}
	return LENGTH_MAX + 1;
}

static void test_against_trial(void)
{
	uint64_t seed = 1;
	size_t found = 0, empty = 0;

	for (unsigned round = 0; round < ROUNDS; round++) {
		struct language l[TERMS];
		struct rx_term terms[TERMS];
		struct buf exprs = {0}, witness = {0};
		for (size_t i = 0; i < TERMS; i++) {
			size_t from = buf_len(&exprs);
			add_random_expr(&exprs, &seed);
			language_init(&l[i], buf_span(&exprs).p + from);
			terms[i] = (struct rx_term){l[i].set, next_random(&seed) % 2 == 0};
		}
		enum rx_answer answer = rx_witness(terms, TERMS, RX_ALGEBRA_STATES, &witness);
		size_t shortest = shortest_by_trial(l, terms);
		CHECK(answer != RX_UNDECIDED);
		if (answer == RX_SOME) {
			CHECK(in_all(l, terms, buf_span(&witness)));
			CHECK_FOR(buf_len(&witness) == shortest || shortest > LENGTH_MAX,
				"round %u: %zu, by trial %zu", round, buf_len(&witness), shortest);
			CHECK(buf_len(&witness) > LENGTH_MAX || shortest <= LENGTH_MAX);
			found++;
		} else {
			CHECK_FOR(shortest > LENGTH_MAX, "round %u: none, by trial %zu", round, shortest);
			empty++;
		}
		for (size_t i = 0; i < TERMS; i++)
			language_fini(&l[i]);
		buf_free(&exprs);
		buf_free(&witness);
	}
	printf("# %zu with a text, %zu without\n", found, empty);
	CHECK(found > ROUNDS / 10 && empty > ROUNDS / 10);
}

/* --- The budget --- */

static void test_budget(void)
{
	struct language l[2];
	struct buf witness = {0};

	language_init(&l[0], "^(a|b)*a(a|b){12}$");
	language_init(&l[1], "^(a|b)*b(a|b){12}$");
	const struct rx_term terms[] = {{l[0].set, true}, {l[1].set, true}, {l[0].set, false}};
	CHECK(rx_witness(terms, 3, RX_ALGEBRA_STATES, &witness) == RX_UNDECIDED || buf_len(&witness) == 0);
	const struct rx_term simple[] = {{l[0].set, false}};
	CHECK(rx_witness(simple, 1, 5, &witness) == RX_UNDECIDED);
	CHECK(buf_len(&witness) == 0);
	CHECK(rx_witness(simple, 1, RX_ALGEBRA_STATES, &witness) == RX_SOME);
	CHECK(buf_len(&witness) == 13);
	CHECK(rx_witness(simple, 1, RX_ALGEBRA_STATES, NULL) == RX_SOME);
	buf_free(&witness);
	language_fini(&l[0]);
	language_fini(&l[1]);
}

TEST_MAIN(TEST(test_known_answers), TEST(test_against_trial), TEST(test_budget))
