/* Structured fields (RFC 9651): items, lists and dictionaries, read where they lie. Strict: one error and the field as a
 * whole is void, so a caller acts only after the last member. */
#ifndef PROTO_SFIELD_H
#define PROTO_SFIELD_H

#include "common/base/span.h"

enum sfield_kind {
	SFIELD_INTEGER,
	SFIELD_DECIMAL,
	SFIELD_STRING, /* text is what stands between the quotes, escapes untouched */
	SFIELD_TOKEN,
	SFIELD_BYTES,   /* text is the base64 between the colons */
	SFIELD_BOOLEAN, /* text is "0" or "1", or empty for a dictionary's key without a value, which is true */
	SFIELD_DATE,    /* text is the integer behind "@" */
	SFIELD_DISPLAY,    /* text is what stands between the quotes of %"..." */
	SFIELD_INNER_LIST, /* text is what stands between the parentheses, for sfield_inner_next */
};

struct sfield {
	enum sfield_kind kind;
	struct span text;   /* the bare item, as above */
	struct span params; /* well formed, for sfield_param_next; empty when there are none */
};

enum sfield_step {
	SFIELD_NEXT, /* a member is there */
	SFIELD_END,
	SFIELD_BAD, /* *rest begins where it went wrong */
};

/* The whole value is one item. */
bool sfield_item(struct span value, struct sfield *out);
/* Take the next member of a list or dictionary off *rest, which begins as the value of the field. */
enum sfield_step sfield_list_next(struct span *rest, struct sfield *out);
enum sfield_step sfield_dictionary_next(struct span *rest, struct span *key, struct sfield *out);
/* Take the next item of an inner list, or the next parameter, off *rest, which begins as `text` or `params` and was
 * checked with the member it belongs to. */
bool sfield_inner_next(struct span *rest, struct sfield *out);
bool sfield_param_next(struct span *rest, struct span *key, struct sfield *out);

#endif
