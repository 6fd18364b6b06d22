/* Findings about any response: isolation, CORS, types, what is dead, what leaks, what is there twice. */
#include "common/proto/sfield.h"
#include "hdrcheck/audit.h"
#include "hdrcheck/text.h"

/* --- Isolation --- */

static const struct {
	const char *name, *finding;
	const char *tokens[5];
} isolation[] = {
	{"Cross-Origin-Opener-Policy", "coop-invalid",
		{"unsafe-none", "same-origin-allow-popups", "same-origin", "noopener-allow-popups", NULL}},
	{"Cross-Origin-Embedder-Policy", "coep-invalid",
		{"unsafe-none", "require-corp", "credentialless", NULL}},
	{"Cross-Origin-Resource-Policy", "corp-invalid", {"same-origin", "same-site", "cross-origin", NULL}},
};

static bool is_in(struct span s, const char *const *list)
{
	for (; *list != NULL; list++)
		if (span_eq(s, span_str(*list)))
			return true;
	return false;
}

/* The first two are structured items; the third is the word and nothing else. */
static bool is_valid_isolation(size_t row, struct span value)
{
	struct sfield item;

	if (row == 2)
		return is_in(value, isolation[row].tokens);
	return sfield_item(value, &item) && item.kind == SFIELD_TOKEN &&
	       is_in(item.text, isolation[row].tokens);
}

static void check_types(struct audit *au)
{
	const struct fields *h = &au->r->headers;
	struct span name = SPAN("x-content-type-options"), rest = response_value(&au->arena, h, name.p),
		    all = rest;

	if (au->r->body.len > 0 && header_count(h, SPAN("content-type")) == 0)
		audit_report(au, "content-type-missing", NULL, (struct span){0}, NULL);
	if (all.p == NULL) {
		if (au->r->status >= 200 && au->r->status != 204 && au->r->status != 304 &&
			(au->r->status < 300 || au->r->status >= 400))
			audit_report(au, "xcto-missing", NULL, all, NULL);
		return;
	}
	struct span first = span_trim(span_cut(rest, ',', &rest));
	if (!span_eq_nocase(first, SPAN("nosniff")))
		audit_report(au, "xcto-invalid", NULL, all, NULL);
	else if (rest.p != NULL)
		audit_report(au, "xcto-repeated", NULL, all, NULL);
}

void check_isolation(struct audit *au)
{
	for (size_t i = 0; i < sizeof(isolation) / sizeof(isolation[0]); i++) {
		struct span value = response_value(&au->arena, &au->r->headers, isolation[i].name);
		if (value.p == NULL)
			continue;
		if (!is_valid_isolation(i, value))
			audit_report(au, isolation[i].finding, NULL, value, NULL);
		else if (i < 2 && !url_is_tls(au->r->url.scheme))
			audit_report(au, "isolation-on-http", isolation[i].name, value, NULL);
	}
	check_types(au);
}

/* --- CORS --- */

static void check_cors_answer(struct audit *au, const struct fields *h, struct span sent)
{
	struct span name = SPAN("access-control-allow-origin"), origin = header_value(h, name);
	bool with = span_eq(header_value(h, SPAN("access-control-allow-credentials")), SPAN("true"));

	if (origin.p == NULL)
		return;
	if (header_count(h, name) > 1 || span_find(origin, ',') < origin.len)
		audit_report(au, "cors-several", NULL, response_value(&au->arena, h, name.p), NULL);
	else if (span_eq(origin, SPAN("*"))) {
		if (with)
			audit_report(au, "cors-any-with-credentials", NULL, origin, NULL);
	} else if (span_eq(origin, SPAN("null")))
		audit_report(au, "cors-null", NULL, origin, NULL);
	else if (sent.len > 0 && span_eq(origin, sent)) {
		if (with)
			audit_report(au, "cors-reflects-origin", NULL, origin, NULL);
		if (!header_has_token(h, SPAN("vary"), SPAN("origin")))
			audit_report(au, "cors-no-vary", NULL, origin, NULL);
	}
}

void check_cors(struct audit *au)
{
	for (size_t i = 0; i < au->r->origin_count; i++) {
		bool is_null = strcmp(au->r->origins[i], "null") == 0;
		audit_report(au, is_null ? "cors-null" : "cors-careless-match", NULL,
			span_str(au->r->origins[i]), NULL);
	}
	if (au->r->has_cors)
		check_cors_answer(au, &au->r->cors, au->r->cors_origin);
	check_cors_answer(au, &au->r->headers, (struct span){0});
}

/* --- Noise: dead headers, leaks, repetition --- */

static const struct {
	const char *name, *finding;
} unwanted[] = {
	{"X-XSS-Protection", "header-harmful"},
	{"Public-Key-Pins", "header-harmful"},
	{"Public-Key-Pins-Report-Only", "header-harmful"},
	{"Expect-CT", "header-dead"},
	{"P3P", "header-dead"},
	{"X-UA-Compatible", "header-dead"},
	{"X-Download-Options", "header-dead"},
	{"X-Content-Security-Policy", "csp-legacy-header"},
	{"X-WebKit-CSP", "csp-legacy-header"},
	{"X-Powered-By", "leak-product"},
	{"X-AspNet-Version", "leak-version"},
	{"X-AspNetMvc-Version", "leak-version"},
	{"X-Generator", "leak-product"},
	{"X-Runtime", "leak-product"},
	{"X-Backend", "leak-product"},
	{"X-Backend-Server", "leak-product"},
	{"X-Envoy-Upstream-Service-Time", "leak-product"},
	{"X-Kubernetes-Pf-Flowschema-Uid", "leak-product"},
	{"X-Kubernetes-Pf-Prioritylevel-Uid", "leak-product"},
	{"SourceMap", "leak-product"},
	{"X-SourceMap", "leak-product"},
};

/* That hold one value by definition, and have no finding of their own for it. */
static const char *const single[] = {
	"Server", "Content-Type", "Content-Length", "Referrer-Policy", "Location", "Permissions-Policy"};

static bool has_digit(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] >= '0' && s.p[i] <= '9')
			return true;
	return false;
}

/* RFC 1918, loopback and this machine's own name, as the host of a URL. */
static bool is_private_host(struct span host)
{
	struct span rest, second;
	uint64_t n;

	if (span_eq_nocase(host, SPAN("localhost")))
		return true;
	if (!names_is_address(host))
		return false;
	struct span first = span_cut(host, '.', &rest);
	second = span_cut(rest, '.', &rest);
	if (span_eq(first, SPAN("10")) || span_eq(first, SPAN("127")))
		return true;
	if (span_eq(first, SPAN("192")))
		return span_eq(second, SPAN("168"));
	return span_eq(first, SPAN("172")) && span_to_u64(second, 31, &n) && n >= 16;
}

static bool leaks_address(const struct response *r, struct span location)
{
	struct url url;
	struct err err;

	return url_parse(location, &url, &err) == 0 && is_private_host(url.host) &&
	       !is_private_host(r->url.host);
}

static void check_unwanted(struct audit *au, const struct field *f)
{
	for (size_t i = 0; i < sizeof(unwanted) / sizeof(unwanted[0]); i++) {
		if (!span_eq_nocase(f->name, span_str(unwanted[i].name)))
			continue;
		bool off = i == 0 && span_eq(f->value, SPAN("0")); /* X-XSS-Protection: 0 switched it off */
		audit_report(au, off ? "header-dead" : unwanted[i].finding, unwanted[i].name, f->value, NULL);
	}
}

static void check_clear_site_data(struct audit *au, struct span value)
{
	struct span item;

	while (span_next_item(&value, &item))
		if (item.len < 2 || item.p[0] != '"' || item.p[item.len - 1] != '"')
			audit_report(au, "clear-site-data-syntax", NULL, item, NULL);
}

static void check_endpoints(struct audit *au, struct span value)
{
	struct span rest = value, key;
	struct sfield member;
	enum sfield_step step;

	while ((step = sfield_dictionary_next(&rest, &key, &member)) == SFIELD_NEXT)
		if (member.kind != SFIELD_STRING)
			break;
	if (step != SFIELD_END)
		audit_report(au, "reporting-syntax", NULL, value, NULL)->column =
			(size_t)(rest.p - value.p) + 1;
}

static void check_field(struct audit *au, const struct response *r, const struct field *f)
{
	check_unwanted(au, f);
	if (span_eq_nocase(f->name, SPAN("server")) && has_digit(f->value))
		audit_report(au, "leak-version", "Server", f->value, NULL);
	if (span_eq_nocase(f->name, SPAN("location")) && leaks_address(r, f->value))
		audit_report(au, "leak-address", "Location", f->value, NULL);
	if (span_eq_nocase(f->name, SPAN("clear-site-data")))
		check_clear_site_data(au, f->value);
	if (span_eq_nocase(f->name, SPAN("reporting-endpoints")))
		check_endpoints(au, f->value);
}

void check_noise(struct audit *au, const struct response *r)
{
	for (size_t i = 0; i < r->headers.count; i++)
		check_field(au, r, &r->headers.at[i]);
	for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++)
		if (header_count(&r->headers, span_str(single[i])) > 1)
			audit_report(au, "header-repeated", single[i],
				header_value(&r->headers, span_str(single[i])), NULL);
}
