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

size_t header_count_items(const struct fields *f, struct span name)
{
	size_t n = 0;

	for (size_t i = 0; i < f->count; i++) {
		struct span list = f->at[i].value, item;
		while (span_eq_nocase(f->at[i].name, name) && span_next_item(&list, &item))
			n++;
	}
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

/* RFC 9110, 5.6.2: tchar. A bit for each of the first 128 bytes: !#$%&'*+-. and digits; letters and ^_; `|~. */
static const uint32_t token_chars[4] = {0, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff};

static bool is_tchar(unsigned char c)
{
	return c < 0x80 && (token_chars[c / 32] >> c % 32 & 1) != 0;
}

#define ONES UINT64_C(0x0101010101010101) /* times a byte: that byte eight times */

/* Eight bytes at once: are all of them letters or "-", as most names are? */
static bool is_plain_name(const char *p)
{
	const uint64_t high = ONES << 7;
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	if ((w & high) != 0)
		return false;
	/* Below 0x80 an addition carries into a byte's own top bit only. */
	uint64_t lower = w | ONES * 0x20;
	uint64_t from_a = lower + ONES * (0x80 - 'a'), past_z = lower + ONES * (0x7f - 'z');
	uint64_t not_dash = (w ^ ONES * '-') + ONES * 0x7f;
	return (((from_a & ~past_z) | ~not_dash) & high) == high;
}

bool header_is_token(struct span s)
{
	size_t i = 0;

	while (s.len - i >= 8 && is_plain_name(s.p + i))
		i += 8;
	/* The last word may overlap what was looked at. */
	if (i > 0 && s.len - i < 8 && is_plain_name(s.p + s.len - 8))
		return true;
	for (; i < s.len; i++)
		if (!is_tchar((unsigned char)s.p[i]))
			return false;
	return s.len > 0;
}

static bool is_control(unsigned char c)
{
	return (c < 0x20 && c != '\t') || c == 0x7f;
}

/* Eight bytes at once: may one be below 0x20 or 0x7f? A tab counts, too; the bytes decide then. */
static bool may_have_control(const char *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	uint64_t del = w ^ ONES * 0x7f;
	uint64_t low = (w - ONES * 0x20) & ~w, seven_f = (del - ONES) & ~del;
	return ((low | seven_f) & ONES << 7) != 0;
}

bool header_is_value(struct span s)
{
	if (s.len > 0 && (s.p[0] == ' ' || s.p[0] == '\t' || s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
		return false;
	size_t i = 0;
	while (s.len - i >= 8 && !may_have_control(s.p + i))
		i += 8;
	if (i > 0 && s.len - i < 8 && !may_have_control(s.p + s.len - 8))
		return true;
	for (; i < s.len; i++)
		if (is_control((unsigned char)s.p[i]))
			return false;
	return true;
}

bool header_is_hop_by_hop(struct span name)
{
	switch (name.len) {
	case 2: return span_eq_nocase(name, SPAN("te"));
	case 7: return span_eq_nocase(name, SPAN("trailer")) || span_eq_nocase(name, SPAN("upgrade"));
	case 10: return span_eq_nocase(name, SPAN("connection")) || span_eq_nocase(name, SPAN("keep-alive"));
	case 16: return span_eq_nocase(name, SPAN("proxy-connection"));
	case 17: return span_eq_nocase(name, SPAN("transfer-encoding"));
	default: return false;
	}
}

bool header_is_connection_bound(const struct fields *f, struct span name)
{
	return header_is_hop_by_hop(name) || header_has_token(f, SPAN("connection"), name);
}
