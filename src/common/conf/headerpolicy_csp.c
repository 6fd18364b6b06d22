/* Is what a policy line asks for asked for already? Policies intersect (CSP3, 8.1), so it is enough that any line asks for each
 * directive. */
#include "common/conf/headerpolicy_private.h"

/* Directives that nothing more specific takes the place of: a stricter one elsewhere is as good. */
static const struct span leaves[] = {{"base-uri", 8}, {"connect-src", 11}, {"font-src", 8},
	{"form-action", 11}, {"frame-ancestors", 15}, {"img-src", 7}, {"manifest-src", 12}, {"media-src", 9},
	{"object-src", 10}, {"require-trusted-types-for", 25}, {"upgrade-insecure-requests", 25}};

static bool is_leaf(struct span name)
{
	for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++)
		if (span_eq_nocase(name, leaves[i]))
			return true;
	return false;
}

/* Take the next directive off *rest: its name, and its value without white space around. */
static bool next_directive(struct span *rest, struct span *name, struct span *value)
{
	while (rest->len > 0) {
		struct span text = span_trim(span_cut(*rest, ';', rest));
		if (text.len == 0)
			continue;
		*name = span_cut(text, ' ', value);
		*value = span_trim(*value);
		return true;
	}
	return false;
}

/* The first directive of that name in a line that may hold several policies counts only in the first of these: a comma makes
 * it too hard to tell, which is the safe way. */
static bool line_asks(struct span line, struct span wanted, struct span wanted_value)
{
	struct span name, value;

	while (next_directive(&line, &name, &value)) {
		if (span_find(name, ',') < name.len || span_find(value, ',') < value.len)
			return false;
		if (span_eq_nocase(name, wanted))
			return span_eq(value, wanted_value) || span_eq_nocase(value, SPAN("'none'"));
	}
	return false;
}

static bool any_line_asks(
	const struct fields *headers, struct span header, struct span name, struct span value)
{
	for (size_t i = 0; i < headers->count; i++)
		if (span_eq_nocase(headers->at[i].name, header) &&
			line_asks(headers->at[i].value, name, value))
			return true;
	return false;
}

bool headerpolicy_csp_covered(const struct fields *headers, struct span header, struct span wanted)
{
	struct span name, value;

	while (next_directive(&wanted, &name, &value))
		if (!is_leaf(name) || !any_line_asks(headers, header, name, value))
			return false;
	return true;
}
