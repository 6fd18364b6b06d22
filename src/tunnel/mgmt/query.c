/* Query parameters as url.Values encodes them. */
#include "tunnel/mgmt/private.h"

/* False on a broken escape or a NUL. */
static bool query_decode(struct span s, struct buf *out)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];
		if (c == '+') {
			c = ' ';
		} else if (c == '%') {
			int high = s.len - i > 2 ? span_hex_digit(s.p[i + 1]) : -1;
			int low = s.len - i > 2 ? span_hex_digit(s.p[i + 2]) : -1;
			if (high < 0 || low < 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (c == '\0' || buf_add_char(out, c) < 0)
			return false;
	}
	return true;
}

bool query_value(struct span query, const char *name, struct buf *out)
{
	while (query.len > 0) {
		struct span rest, value, pair = span_cut(query, '&', &rest);
		struct span key = span_cut(pair, '=', &value);
		if (span_eq(key, span_str(name))) {
			buf_clear(out);
			/* One that cannot be read matches nothing, and is no time or number either. */
			if (!query_decode(value, out)) {
				buf_clear(out);
				buf_add_str(out, "\xff");
			}
			return true;
		}
		query = rest;
	}
	return false;
}
