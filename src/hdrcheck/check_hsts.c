/* Findings about Strict-Transport-Security. */
#include "common/proto/hsts.h"
#include "hdrcheck/audit.h"

#define DAY INT64_C(86400)
#define LEAST (180 * DAY)
#define PRELOAD_LEAST (365 * DAY)

static void check_directives(struct audit *au, struct span value, const struct hsts *h)
{
	if (h->max_age == 0)
		audit_report(au, "hsts-zero", NULL, value, NULL);
	else if (h->max_age < DAY)
		audit_report(au, "hsts-very-short", NULL, value,
			"protection ends %lld seconds after the last visit", (long long)h->max_age);
	else if (h->max_age < LEAST)
		audit_report(au, "hsts-short", NULL, value, "protection ends %lld days after the last visit",
			(long long)(h->max_age / DAY));
	if (h->unknown.len > 0) {
		bool near = span_distance(h->unknown, SPAN("includeSubDomains")) <= 5;
		audit_report(au, "hsts-unknown-directive", NULL, value, "\"%.*s\" means nothing%s",
			(int)h->unknown.len, h->unknown.p, near ? "; did you mean includeSubDomains?" : "");
	}
	if (h->preload && (h->max_age < PRELOAD_LEAST || !h->subdomains))
		audit_report(au, "hsts-preload-incomplete", NULL, value, NULL);
	else if (!h->subdomains)
		audit_report(au, "hsts-subdomains-off", NULL, value, NULL);
}

void check_hsts(struct audit *au, const struct response *r, bool is_redirect)
{
	struct span name = SPAN("strict-transport-security"), value = header_value(&r->headers, name);
	bool tls = url_is_tls(r->url.scheme);
	struct hsts h;

	if (value.p == NULL) {
		if (tls && !names_is_address(r->url.host))
			audit_report(au, is_redirect ? "hsts-missing-on-redirect" : "hsts-missing", NULL,
				value, NULL);
		return;
	}
	if (!tls) {
		audit_report(au, "hsts-on-http", NULL, value, NULL);
		return;
	}
	if (header_count(&r->headers, name) > 1)
		audit_report(au, "hsts-repeated", NULL, value,
			"sent %zu times: browsers take the first, \"%.*s\"", header_count(&r->headers, name),
			(int)value.len, value.p);
	enum hsts_fault fault = hsts_parse(value, &h);
	if (fault == HSTS_OK)
		check_directives(au, value, &h);
	else
		audit_report(au, "hsts-syntax", NULL, value, "void as a whole: %s", hsts_fault_text(fault))
			->column = h.at + 1;
}
