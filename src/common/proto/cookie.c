/* Cookies: name, value, attributes by their last occurrence. */
#include "common/proto/cookie.h"

static bool has_control(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (((unsigned char)s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7f)
			return true;
	return false;
}

static void read_max_age(struct span value, struct cookie *out)
{
	bool minus = value.len > 0 && value.p[0] == '-';
	struct span digits = minus ? span_skip(value, 1) : value;
	uint64_t n = 0;

	if (digits.len == 0)
		return;
	for (size_t i = 0; i < digits.len; i++) {
		if (digits.p[i] < '0' || digits.p[i] > '9')
			return;
		n = n > COOKIE_AGE_MAX ? n : n * 10 + (uint64_t)(digits.p[i] - '0');
	}
	n = n > COOKIE_AGE_MAX ? COOKIE_AGE_MAX : n;
	out->has_max_age = true;
	out->max_age = minus ? -(int64_t)n : (int64_t)n;
}

static void read_attribute(struct span text, struct cookie *out)
{
	struct span value, name = span_trim(span_cut(text, '=', &value));

	value = span_trim(value);
	if (value.len > COOKIE_ATTRIBUTE_MAX)
		return;
	if (span_eq_nocase(name, SPAN("secure"))) {
		out->secure = true;
	} else if (span_eq_nocase(name, SPAN("httponly"))) {
		out->http_only = true;
	} else if (span_eq_nocase(name, SPAN("partitioned"))) {
		out->partitioned = true;
	} else if (span_eq_nocase(name, SPAN("samesite"))) {
		out->has_same_site = true;
		out->same_site = value;
	} else if (span_eq_nocase(name, SPAN("path"))) {
		out->has_path = true;
		out->path = value;
	} else if (span_eq_nocase(name, SPAN("expires"))) {
		out->expires = value;
	} else if (span_eq_nocase(name, SPAN("max-age"))) {
		read_max_age(value, out);
	} else if (span_eq_nocase(name, SPAN("domain"))) {
		out->has_domain = true;
		if (value.len > 0 && value.p[0] == '.')
			value = span_skip(value, 1);
		if (value.len > 0)
			out->domain = value;
	}
}

enum cookie_fault cookie_parse(struct span line, struct cookie *out)
{
	struct span attributes, value, pair = span_cut(line, ';', &attributes);

	*out = (struct cookie){0};
	out->has_equals = span_find(pair, '=') < pair.len;
	struct span name = span_trim(span_cut(pair, '=', &value));
	out->name = out->has_equals ? name : SPAN("");
	out->value = out->has_equals ? span_trim(value) : name;
	while (attributes.len > 0)
		read_attribute(span_cut(attributes, ';', &attributes), out);
	if (out->name.len == 0 && out->value.len == 0)
		return COOKIE_EMPTY;
	if (has_control(out->name) || has_control(out->value))
		return COOKIE_CONTROL;
	if (out->name.len + out->value.len > COOKIE_PAIR_MAX)
		return COOKIE_LONG;
	return COOKIE_OK;
}

static const struct {
	struct span prefix;
	bool host, http; /* what is asked for beside Secure and HTTPS */
} prefixes[] = {
	{{"__Host-Http-", 12}, true, true},
	{{"__Host-", 7}, true, false},
	{{"__Http-", 7}, false, true},
	{{"__Secure-", 9}, false, false},
};

const char *cookie_prefix_fault(const struct cookie *c, bool is_https)
{
	/* A cookie without a name may not pose as one with a prefix either. */
	struct span name = c->name.len > 0 ? c->name : c->value;

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (!span_starts_nocase(name, prefixes[i].prefix))
			continue;
		if (c->name.len == 0)
			return "a name";
		if (!is_https)
			return "HTTPS";
		if (!c->secure)
			return "Secure";
		if (prefixes[i].http && !c->http_only)
			return "HttpOnly";
		if (prefixes[i].host && c->domain.len > 0)
			return "no Domain";
		if (prefixes[i].host && !span_eq(c->path, SPAN("/")))
			return "Path=/";
		return NULL;
	}
	return NULL;
}

static bool is_ipv4(struct span host)
{
	for (size_t i = 0; i < host.len; i++)
		if (host.p[i] != '.' && (host.p[i] < '0' || host.p[i] > '9'))
			return false;
	return true;
}

bool cookie_domain_covers(struct span domain, struct span host)
{
	if (span_eq_nocase(domain, host))
		return true;
	if (domain.len == 0 || host.len <= domain.len || is_ipv4(host) || span_find(host, ':') < host.len)
		return false;
	struct span tail = span_skip(host, host.len - domain.len);
	return span_eq_nocase(tail, domain) && host.p[host.len - domain.len - 1] == '.';
}
