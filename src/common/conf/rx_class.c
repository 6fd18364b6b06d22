/* Sets of code points: collecting, folding, negating, and the sets that have names. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/conf/rx_class.h"

static const struct rx_range digit[] = {{'0', '9'}};
static const struct rx_range space[] = {{'\t', '\n'}, {'\f', '\r'}, {' ', ' '}};
static const struct rx_range word[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
static const struct rx_range alnum[] = {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}};
static const struct rx_range alpha[] = {{'A', 'Z'}, {'a', 'z'}};
static const struct rx_range ascii[] = {{0, 0x7f}};
static const struct rx_range blank[] = {{'\t', '\t'}, {' ', ' '}};
static const struct rx_range cntrl[] = {{0, 0x1f}, {0x7f, 0x7f}};
static const struct rx_range graph[] = {{'!', '~'}};
static const struct rx_range lower[] = {{'a', 'z'}};
static const struct rx_range print[] = {{' ', '~'}};
static const struct rx_range punct[] = {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}};
static const struct rx_range posix_space[] = {{'\t', '\r'}, {' ', ' '}};
static const struct rx_range upper[] = {{'A', 'Z'}};
static const struct rx_range xdigit[] = {{'0', '9'}, {'A', 'F'}, {'a', 'f'}};

const struct rx_ranges rx_word = {word, 4};

#define SET(array)                                          \
	{                                                   \
		(array), sizeof(array) / sizeof((array)[0]) \
	}

static const struct rx_named perl_sets[] = {
	{"d", SET(digit)},
	{"s", SET(space)},
	{"w", SET(word)},
	{NULL, {NULL, 0}},
};

static const struct rx_named posix_sets[] = {
	{"alnum", SET(alnum)},
	{"alpha", SET(alpha)},
	{"ascii", SET(ascii)},
	{"blank", SET(blank)},
	{"cntrl", SET(cntrl)},
	{"digit", SET(digit)},
	{"graph", SET(graph)},
	{"lower", SET(lower)},
	{"print", SET(print)},
	{"punct", SET(punct)},
	{"space", SET(posix_space)},
	{"upper", SET(upper)},
	{"word", SET(word)},
	{"xdigit", SET(xdigit)},
	{NULL, {NULL, 0}},
};

/* The first run that ends at c or behind it. */
static size_t fold_search(uint32_t c)
{
	size_t lo = 0, hi = rx_fold_count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (rx_folds[mid].hi < c)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

uint32_t rx_fold_next(uint32_t c)
{
	size_t i = fold_search(c);

	if (i == rx_fold_count || rx_folds[i].lo > c)
		return c;
	const struct rx_fold *f = &rx_folds[i];
	return f->delta != 0 ? (uint32_t)((int64_t)c + f->delta) : f->lo + ((c - f->lo) ^ 1);
}

uint32_t rx_fold_least(uint32_t c)
{
	uint32_t least = c;

	for (uint32_t f = rx_fold_next(c); f != c; f = rx_fold_next(f))
		least = f < least ? f : least;
	return least;
}

bool rx_ranges_have(struct rx_ranges r, uint32_t c)
{
	size_t lo = 0, hi = r.count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (r.at[mid].hi < c)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < r.count && r.at[lo].lo <= c;
}

static int by_bounds(const void *a, const void *b)
{
	const struct rx_range *x = a, *y = b;

	if (x->lo != y->lo)
		return x->lo < y->lo ? -1 : 1;
	return (x->hi < y->hi) - (x->hi > y->hi);
}

void rx_class_clean(struct rx_class *c)
{
	size_t kept = 1;

	if (c->count < 2)
		return;
	qsort(c->at, c->count, sizeof(c->at[0]), by_bounds);
	for (size_t i = 1; i < c->count; i++) {
		struct rx_range *last = &c->at[kept - 1];
		if (c->at[i].lo > last->hi + 1)
			c->at[kept++] = c->at[i];
		else if (c->at[i].hi > last->hi)
			last->hi = c->at[i].hi;
	}
	c->count = kept;
}

/* Room for one more: first what overlaps is merged, so that memory follows what the class holds, not what was added. */
static void make_room(struct rx_class *c)
{
	if (c->count < c->cap)
		return;
	rx_class_clean(c);
	if (c->count < c->cap / 2)
		return;
	c->cap = c->cap > 0 ? 2 * c->cap : 4;
	c->at = mem_grow(c->at, c->cap, sizeof(c->at[0]));
}

/* A range that touches one of the last two extends it: with letters of both cases these grow in turn. */
void rx_class_add(struct rx_class *c, uint32_t lo, uint32_t hi)
{
	for (size_t back = 1; back <= 2 && back <= c->count; back++) {
		struct rx_range *r = &c->at[c->count - back];
		if (lo <= r->hi + 1 && r->lo <= hi + 1) {
			r->lo = lo < r->lo ? lo : r->lo;
			r->hi = hi > r->hi ? hi : r->hi;
			return;
		}
	}
	make_room(c);
	c->at[c->count++] = (struct rx_range){lo, hi};
}

void rx_class_add_ranges(struct rx_class *c, struct rx_ranges r)
{
	for (size_t i = 0; i < r.count; i++)
		rx_class_add(c, r.at[i].lo, r.at[i].hi);
}

/* Add those of the orbit of code that are not between lo and hi. */
static void add_others(struct rx_class *c, uint32_t code, uint32_t lo, uint32_t hi)
{
	for (uint32_t f = rx_fold_next(code); f != code; f = rx_fold_next(f))
		if (f < lo || f > hi)
			rx_class_add(c, f, f);
}

void rx_class_add_folded(struct rx_class *c, uint32_t lo, uint32_t hi)
{
	rx_class_add(c, lo, hi);
	for (size_t i = fold_search(lo); i < rx_fold_count && rx_folds[i].lo <= hi; i++) {
		uint32_t first = lo > rx_folds[i].lo ? lo : rx_folds[i].lo;
		uint32_t last = hi < rx_folds[i].hi ? hi : rx_folds[i].hi;
		for (uint32_t code = first; code <= last; code++)
			add_others(c, code, lo, hi);
	}
}

void rx_class_fold(struct rx_class *c)
{
	struct rx_class out = {0};

	for (size_t i = 0; i < c->count; i++)
		rx_class_add_folded(&out, c->at[i].lo, c->at[i].hi);
	rx_class_clean(&out);
	rx_class_free(c);
	*c = out;
}

void rx_class_add_others(struct rx_class *c, struct rx_ranges r)
{
	uint32_t next = 0;

	for (size_t i = 0; i < r.count; i++) {
		if (next < r.at[i].lo)
			rx_class_add(c, next, r.at[i].lo - 1);
		next = r.at[i].hi + 1;
	}
	if (next <= RX_CODE_MAX)
		rx_class_add(c, next, RX_CODE_MAX);
}

void rx_class_negate(struct rx_class *c)
{
	struct rx_class out = {0};

	rx_class_add_others(&out, rx_class_ranges(c));
	rx_class_free(c);
	*c = out;
}

void rx_class_free(struct rx_class *c)
{
	free(c->at);
	*c = (struct rx_class){0};
}

static bool add_named(struct rx_class *c, const struct rx_named *table, struct span name)
{
	for (; table->name != NULL; table++)
		if (span_eq(span_str(table->name), name)) {
			rx_class_add_ranges(c, table->set);
			return true;
		}
	return false;
}

bool rx_class_add_perl(struct rx_class *c, char name)
{
	return add_named(c, perl_sets, span_of(&name, 1));
}

bool rx_class_add_posix(struct rx_class *c, struct span name)
{
	return add_named(c, posix_sets, name);
}

static bool add_major_category(struct rx_class *c, char letter)
{
	bool found = false;

	for (const struct rx_named *n = rx_categories; n->name != NULL; n++)
		if (n->name[0] == letter) {
			rx_class_add_ranges(c, n->set);
			found = true;
		}
	rx_class_clean(c);
	return found;
}

static bool add_cased_letters(struct rx_class *c)
{
	return add_named(c, rx_categories, SPAN("Lu")) && add_named(c, rx_categories, SPAN("Ll")) &&
	       add_named(c, rx_categories, SPAN("Lt"));
}

static void add_unassigned(struct rx_class *c, bool others)
{
	struct rx_class all = {0};

	for (const struct rx_named *n = rx_categories; n->name != NULL; n++)
		rx_class_add_ranges(&all, n->set);
	rx_class_clean(&all);
	if (others)
		rx_class_add_ranges(c, rx_class_ranges(&all));
	else
		rx_class_add_others(c, rx_class_ranges(&all));
	rx_class_free(&all);
}

/* The same names in any case, with "_", "-" and blanks left out; and so no name that has one of those in the table. */
static struct span canonical(struct span name, char *to)
{
	size_t n = 0;

	for (size_t i = 0; i < name.len; i++) {
		char c = span_lower(name.p[i]);
		if (c == '_' || c == '-' || c == ' ')
			continue;
		to[n] = (char)(n == 0 && c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
		n++;
	}
	return span_of(to, n);
}

/* Unicode's long names of categories, in that form. */
static const char *const aliases[][2] = {{"Casedletter", "Lc"}, {"Closepunctuation", "Pe"},
	{"Combiningmark", "M"}, {"Connectorpunctuation", "Pc"}, {"Control", "Cc"}, {"Currencysymbol", "Sc"},
	{"Dashpunctuation", "Pd"}, {"Decimalnumber", "Nd"}, {"Enclosingmark", "Me"},
	{"Finalpunctuation", "Pf"}, {"Format", "Cf"}, {"Initialpunctuation", "Pi"}, {"Letter", "L"},
	{"Letternumber", "Nl"}, {"Lineseparator", "Zl"}, {"Lowercaseletter", "Ll"}, {"Mark", "M"},
	{"Mathsymbol", "Sm"}, {"Modifierletter", "Lm"}, {"Modifiersymbol", "Sk"}, {"Nonspacingmark", "Mn"},
	{"Number", "N"}, {"Openpunctuation", "Ps"}, {"Other", "C"}, {"Otherletter", "Lo"},
	{"Othernumber", "No"}, {"Otherpunctuation", "Po"}, {"Othersymbol", "So"},
	{"Paragraphseparator", "Zp"}, {"Privateuse", "Co"}, {"Punctuation", "P"}, {"Separator", "Z"},
	{"Spaceseparator", "Zs"}, {"Spacingmark", "Mc"}, {"Surrogate", "Cs"}, {"Symbol", "S"},
	{"Titlecaseletter", "Lt"}, {"Unassigned", "Cn"}, {"Uppercaseletter", "Lu"}, {"Cntrl", "Cc"},
	{"Digit", "Nd"}, {"Punct", "P"}};

/* Names that Go 1.25 brought, but for the aliases. */
static bool add_newer(struct rx_class *c, struct span name)
{
	if (span_eq(name, SPAN("Ascii"))) {
		rx_class_add(c, 0, 0x7f);
		return true;
	}
	if (span_eq(name, SPAN("Lc")))
		return add_cased_letters(c);
	if (span_eq(name, SPAN("C")))
		add_major_category(c, 'C'); /* and what is not assigned */
	if (span_eq(name, SPAN("C")) || span_eq(name, SPAN("Cn")) || span_eq(name, SPAN("Assigned"))) {
		add_unassigned(c, span_eq(name, SPAN("Assigned")));
		return true;
	}
	return false;
}

static bool add_by_name(struct rx_class *c, struct span name)
{
	if (span_eq(name, SPAN("Any"))) {
		rx_class_add(c, 0, RX_CODE_MAX);
		return true;
	}
	if (name.len == 1)
		return add_major_category(c, name.p[0]);
	return add_named(c, rx_categories, name) || add_named(c, rx_scripts, name);
}

#define NAME_MAX_BYTES 64 /* of a property; none is as long */

static bool add_by_any_name(struct rx_class *c, struct span name)
{
	char text[NAME_MAX_BYTES];

	if (name.len > sizeof(text))
		return false;
	name = canonical(name, text);
	if (add_newer(c, name) || add_by_name(c, name))
		return true;
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
		struct span category = span_str(aliases[i][1]);
		if (span_eq(name, span_str(aliases[i][0])))
			return add_newer(c, category) || add_by_name(c, category);
	}
	return false;
}

bool rx_class_add_unicode(struct rx_class *c, enum release release, struct span name)
{
	return release == RELEASE_2026 ? add_by_any_name(c, name) : add_by_name(c, name);
}
