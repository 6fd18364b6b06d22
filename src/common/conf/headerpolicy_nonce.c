/* {nonce} in values: another one for each response, which is why it can only be compared by its shape. */
#include "common/conf/headerpolicy_private.h"

/* Take what stands before the next {nonce} off *rest; *found says whether one follows. */
static struct span before_nonce(struct span *rest, bool *found)
{
	struct span name = HEADERPOLICY_NONCE;
	const char *at = memmem(rest->p, rest->len, name.p, name.len);
	struct span before = span_of(rest->p, at != NULL ? (size_t)(at - rest->p) : rest->len);

	*found = at != NULL;
	*rest = span_skip(*rest, before.len + (*found ? name.len : 0));
	return before;
}

size_t headerpolicy_nonces(struct span value)
{
	size_t count = 0;
	bool found = true;

	while (found) {
		before_nonce(&value, &found);
		count += found;
	}
	return count;
}

struct span headerpolicy_put_nonce(struct span value, struct span nonce, struct buf *out)
{
	size_t start = buf_len(out);
	bool found = true;

	while (found) {
		buf_add_span(out, before_nonce(&value, &found));
		if (found)
			buf_add_span(out, nonce);
	}
	return span_skip(buf_span(out), start);
}

/* base64 or base64url (CSP3, 2.3.1) */
static bool is_nonce_char(char c)
{
	char l = span_lower(c);

	return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '-' ||
	       c == '_';
}

/* Take a nonce off the front of *text; the empty span when there is none. */
static struct span take_nonce(struct span *text)
{
	size_t len = 0, end;

	while (len < text->len && is_nonce_char(text->p[len]))
		len++;
	for (end = len; end < text->len && end < len + 2 && text->p[end] == '=';)
		end++;
	struct span nonce = span_of(text->p, end);
	*text = span_skip(*text, end);
	return len >= HEADERPOLICY_NONCE_MIN ? nonce : SPAN("");
}

bool headerpolicy_has_nonce(struct span value, struct span text)
{
	struct span first = {0};
	bool found = true;

	while (found) {
		struct span before = before_nonce(&value, &found);
		if (!span_starts(text, before))
			return false;
		text = span_skip(text, before.len);
		if (!found)
			break;
		struct span nonce = take_nonce(&text);
		if (nonce.len == 0 || (first.p != NULL && !span_eq(nonce, first)))
			return false;
		first = nonce;
	}
	return text.len == 0;
}
