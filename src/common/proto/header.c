/* Header fields: finding them, and what is allowed in them. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/proto/header.h"

#define HEADER_FIRST_CAP 32

int header_add(struct fields *f, struct span name, struct span value)
{
	if (f->count == f->cap) {
		if (f->cap == HEADER_FIELDS_MAX)
			return -1;
		f->cap = f->cap > 0 ? f->cap * 2 : HEADER_FIRST_CAP;
		f->at = mem_grow(f->at, f->cap, sizeof(*f->at));
	}
	f->at[f->count++] = (struct field){name, value};
	return 0;
}

void header_clear(struct fields *f)
{
	f->count = 0;
}

void header_free(struct fields *f)
{
	free(f->at);
	*f = (struct fields){0};
}

const struct field *header_find(const struct fields *f, struct span name)
{
	for (size_t i = 0; i < f->count; i++)
		if (span_eq_nocase(f->at[i].name, name))
			return &f->at[i];
	return NULL;
}

struct span header_value(const struct fields *f, struct span name)
{
	const struct field *found = header_find(f, name);

	return found != NULL ? found->value : (struct span){NULL, 0};
}

size_t header_count(const struct fields *f, struct span name)
{
	size_t n = 0;

	for (size_t i = 0; i < f->count; i++)
		n += span_eq_nocase(f->at[i].name, name);
	return n;
}

bool header_has_token(const struct fields *f, struct span name, struct span token)
{
	for (size_t i = 0; i < f->count; i++) {
		struct span list = f->at[i].value, item;
		if (!span_eq_nocase(f->at[i].name, name))
			continue;
		while (span_next_item(&list, &item))
			if (span_eq_nocase(item, token))
				return true;
	}
	return false;
}

/* RFC 9110, 5.6.2: tchar. */
static const unsigned char token_chars[256] = {['!'] = 1,
	['#'] = 1,
	['$'] = 1,
	['%'] = 1,
	['&'] = 1,
	['\''] = 1,
	['*'] = 1,
	['+'] = 1,
	['-'] = 1,
	['.'] = 1,
	['^'] = 1,
	['_'] = 1,
	['`'] = 1,
	['|'] = 1,
	['~'] = 1,
	['0'] = 1,
	['1'] = 1,
	['2'] = 1,
	['3'] = 1,
	['4'] = 1,
	['5'] = 1,
	['6'] = 1,
	['7'] = 1,
	['8'] = 1,
	['9'] = 1,
	['A'] = 1,
	['B'] = 1,
	['C'] = 1,
	['D'] = 1,
	['E'] = 1,
	['F'] = 1,
	['G'] = 1,
	['H'] = 1,
	['I'] = 1,
	['J'] = 1,
	['K'] = 1,
	['L'] = 1,
	['M'] = 1,
	['N'] = 1,
	['O'] = 1,
	['P'] = 1,
	['Q'] = 1,
	['R'] = 1,
	['S'] = 1,
	['T'] = 1,
	['U'] = 1,
	['V'] = 1,
	['W'] = 1,
	['X'] = 1,
	['Y'] = 1,
	['Z'] = 1,
	['a'] = 1,
	['b'] = 1,
	['c'] = 1,
	['d'] = 1,
	['e'] = 1,
	['f'] = 1,
	['g'] = 1,
	['h'] = 1,
	['i'] = 1,
	['j'] = 1,
	['k'] = 1,
	['l'] = 1,
	['m'] = 1,
	['n'] = 1,
	['o'] = 1,
	['p'] = 1,
	['q'] = 1,
	['r'] = 1,
	['s'] = 1,
	['t'] = 1,
	['u'] = 1,
	['v'] = 1,
	['w'] = 1,
	['x'] = 1,
	['y'] = 1,
	['z'] = 1};

bool header_is_token(struct span s)
{
	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!token_chars[(unsigned char)s.p[i]])
			return false;
	return true;
}

bool header_is_value(struct span s)
{
	if (s.len > 0 && (s.p[0] == ' ' || s.p[0] == '\t' || s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

bool header_is_hop_by_hop(struct span name)
{
	static const struct span names[] = {{"connection", 10}, {"keep-alive", 10}, {"proxy-connection", 16},
		{"te", 2}, {"trailer", 7}, {"transfer-encoding", 17}, {"upgrade", 7}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (span_eq_nocase(name, names[i]))
			return true;
	return false;
}

bool header_is_connection_bound(const struct fields *f, struct span name)
{
	return header_is_hop_by_hop(name) || header_has_token(f, SPAN("connection"), name);
}
