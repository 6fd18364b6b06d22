/* Directives of Strict-Transport-Security. */
#include "common/proto/hsts.h"
#include "common/proto/header.h"

static bool take_quoted(struct span *rest, struct span *value)
{
	for (size_t i = 1; i < rest->len; i++) {
		if (rest->p[i] == '\\')
			i++;
		else if (rest->p[i] == '"') {
			*value = span_of(rest->p + 1, i - 1);
			*rest = span_skip(*rest, i + 1);
			return true;
		}
	}
	return false;
}

static bool take_token(struct span *rest, struct span *token)
{
	size_t len = 0;

	while (len < rest->len && header_is_token(span_of(rest->p + len, 1)))
		len++;
	*token = span_of(rest->p, len);
	*rest = span_skip(*rest, len);
	return len > 0;
}

/* Take "name" or "name=value" off *rest; value has a NULL pointer when there is none. */
static bool take_directive(struct span *rest, struct span *name, struct span *value)
{
	*value = (struct span){0};
	if (!take_token(rest, name))
		return false;
	*rest = span_trim(*rest);
	if (rest->len == 0 || rest->p[0] != '=')
		return true;
	*rest = span_trim(span_skip(*rest, 1));
	if (rest->len > 0 && rest->p[0] == '"')
		return take_quoted(rest, value);
	return take_token(rest, value);
}

static bool read_age(struct span digits, int64_t *age)
{
	*age = 0;
	for (size_t i = 0; i < digits.len; i++) {
		if (digits.p[i] < '0' || digits.p[i] > '9')
			return false;
		*age = *age * 10 + (digits.p[i] - '0');
		*age = *age > HSTS_AGE_MAX ? HSTS_AGE_MAX : *age;
	}
	return digits.len > 0;
}

struct seen {
	bool age, subdomains, preload;
};

static enum hsts_fault take_flag(bool *seen, bool *out, struct span value)
{
	if (*seen)
		return HSTS_REPEATED;
	*seen = *out = true;
	return value.p != NULL ? HSTS_FLAG_VALUE : HSTS_OK;
}

static enum hsts_fault apply(struct span name, struct span value, struct seen *seen, struct hsts *out)
{
	if (span_eq_nocase(name, SPAN("max-age"))) {
		if (seen->age)
			return HSTS_REPEATED;
		seen->age = true;
		return read_age(value, &out->max_age) ? HSTS_OK : HSTS_BAD_AGE;
	}
	if (span_eq_nocase(name, SPAN("includesubdomains")))
		return take_flag(&seen->subdomains, &out->subdomains, value);
	if (span_eq_nocase(name, SPAN("preload"))) {
		enum hsts_fault fault = take_flag(&seen->preload, &out->preload, value);
		return fault == HSTS_REPEATED ? fault : HSTS_OK;
	}
	out->unknown = name;
	return HSTS_OK;
}

enum hsts_fault hsts_parse(struct span value, struct hsts *out)
{
	struct span rest = span_trim(value), name, argument;
	struct seen seen = {0};

	*out = (struct hsts){0};
	while (rest.len > 0) {
		if (rest.p[0] == ';') {
			rest = span_trim(span_skip(rest, 1));
			continue;
		}
		out->at = (size_t)(rest.p - value.p);
		if (!take_directive(&rest, &name, &argument)) {
			bool is_age = span_eq_nocase(name, SPAN("max-age"));
			return is_age ? HSTS_BAD_AGE : HSTS_SYNTAX;
		}
		rest = span_trim(rest);
		if (rest.len > 0 && rest.p[0] != ';') {
			out->at = (size_t)(rest.p - value.p);
			return HSTS_SYNTAX;
		}
		enum hsts_fault fault = apply(name, argument, &seen, out);
		if (fault != HSTS_OK)
			return fault;
	}
	out->at = 0;
	return seen.age ? HSTS_OK : HSTS_NO_AGE;
}

const char *hsts_fault_text(enum hsts_fault fault)
{
	switch (fault) {
	case HSTS_OK: return "valid";
	case HSTS_SYNTAX: return "this is no directive";
	case HSTS_REPEATED: return "a directive stands there twice";
	case HSTS_NO_AGE: return "max-age is missing";
	case HSTS_BAD_AGE: return "max-age is not a number of seconds";
	case HSTS_FLAG_VALUE: return "includeSubDomains takes no value";
	}
	return "";
}

bool hsts_at_least(const struct hsts *a, const struct hsts *b)
{
	return a->max_age >= b->max_age && a->subdomains >= b->subdomains && a->preload >= b->preload;
}
