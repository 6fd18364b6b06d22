/* What servers give away, and what does what in them (header-policy(5), "Where headers get lost"). */
#include "hdrcheck/product.h"

static const char *const names[] = {[PRODUCT_NGINX] = "nginx",
	[PRODUCT_APACHE] = "Apache httpd",
	[PRODUCT_HAPROXY] = "HAProxy",
	[PRODUCT_CADDY] = "Caddy",
	[PRODUCT_EDGE] = "edge",
	[PRODUCT_UNKNOWN] = ""};

const char *product_label(enum product product)
{
	return names[product];
}

/* Is there a Server or Via that says so here, and none that does behind? */
static bool says(const struct response *here, const struct response *behind, struct span word)
{
	bool found = false;

	for (size_t i = 0; i < here->headers.count; i++) {
		const struct field *f = &here->headers.at[i];
		bool server = span_eq_nocase(f->name, SPAN("server"));
		if (!server && !span_eq_nocase(f->name, SPAN("via")))
			continue;
		struct span rest = f->value, version = server ? f->value : span_cut(f->value, ' ', &rest);
		found = found || span_starts_nocase(server ? version : rest, word);
	}
	for (size_t i = 0; found && i < behind->headers.count; i++)
		if (span_eq_nocase(behind->headers.at[i].name, SPAN("server")) &&
			span_starts_nocase(behind->headers.at[i].value, word))
			return false;
	return found;
}

static bool has_capital(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] >= 'A' && s.p[i] <= 'Z')
			return true;
	return false;
}

/* HAProxy writes names in lower case; so does HTTP/2, whoever speaks it. */
static bool lowers_names(const struct response *here, const struct response *behind)
{
	bool any = false;

	for (size_t i = 0; i < here->headers.count; i++)
		if (has_capital(here->headers.at[i].name))
			return false;
	for (size_t i = 0; i < behind->headers.count; i++)
		any = any || has_capital(behind->headers.at[i].name);
	return any && here->http_version > 0 && here->http_version < 20;
}

enum product product_of(const struct response *here, const struct response *behind)
{
	struct span ray = SPAN("cf-ray");

	if (header_find(&here->headers, ray) != NULL && header_find(&behind->headers, ray) == NULL)
		return PRODUCT_EDGE;
	if (says(here, behind, SPAN("nginx")) || says(here, behind, SPAN("openresty")))
		return PRODUCT_NGINX;
	if (says(here, behind, SPAN("caddy")))
		return PRODUCT_CADDY;
	if (says(here, behind, SPAN("apache")))
		return PRODUCT_APACHE;
	return lowers_names(here, behind) ? PRODUCT_HAPROXY : PRODUCT_UNKNOWN;
}

/* --- Lines; "@" is the header's name --- */

struct lines {
	const char *of[PRODUCT_UNKNOWN];
};

static const struct lines adds = {{
	[PRODUCT_NGINX] = "add_header @",
	[PRODUCT_APACHE] = "Header set @ or Header always set @",
	[PRODUCT_HAPROXY] = "http-response set-header @ or http-after-response set-header @",
	[PRODUCT_CADDY] = "header @",
	[PRODUCT_EDGE] = "@ in the file of --headers",
}};
static const struct lines changes = {{
	[PRODUCT_NGINX] = "proxy_hide_header @ with add_header @",
	[PRODUCT_APACHE] = "Header set @, Header edit @, or Header unset @ with Header always set @",
	[PRODUCT_HAPROXY] = "http-response set-header @ or replace-header @",
	[PRODUCT_CADDY] = "header @ with defer, or header_down @ in reverse_proxy",
	[PRODUCT_EDGE] = "set or strengthen of @ in the file of --headers",
}};
static const struct lines removes = {{
	[PRODUCT_NGINX] = "proxy_hide_header @",
	[PRODUCT_APACHE] = "Header unset @",
	[PRODUCT_HAPROXY] = "http-response del-header @",
	[PRODUCT_CADDY] = "header -@, or header_down -@ in reverse_proxy",
	[PRODUCT_EDGE] = "remove of @ in the file of --headers",
}};
static const struct lines doubles = {{
	[PRODUCT_NGINX] = "add_header @, which wants proxy_hide_header @ beside it",
	[PRODUCT_APACHE] = "Header always set @, which wants Header unset @ beside it",
	[PRODUCT_HAPROXY] = "http-response add-header @, where set-header is meant",
	[PRODUCT_CADDY] = "header @, which wants header_down -@ in reverse_proxy",
	[PRODUCT_EDGE] = "append of @ in the file of --headers",
}};

static const struct lines *lines_for(enum hop_change change)
{
	switch (change) {
	case HOP_ADDED: return &adds;
	case HOP_CHANGED: return &changes;
	case HOP_REMOVED:
	case HOP_FEWER: return &removes;
	case HOP_DOUBLED: return &doubles;
	case HOP_SAME:
	case HOP_RECASED: return NULL;
	}
	return NULL;
}

/* The line with the header's name put in. */
static const char *named(struct arena *a, const char *line, struct span header)
{
	struct span rest = span_str(line);
	const char *out = "";

	while (rest.p != NULL) {
		struct span before = span_cut(rest, '@', &rest);
		out = arena_printf(a, "%s%.*s%.*s", out, (int)before.len, before.p,
			rest.p != NULL ? (int)header.len : 0, header.p);
	}
	return out;
}

const char *product_look(struct arena *a, enum product product, enum hop_change change, struct span header)
{
	const struct lines *lines = lines_for(change);
	const char *out = NULL;

	if (lines == NULL)
		return NULL;
	if (product != PRODUCT_UNKNOWN)
		return arena_printf(a, "%s: %s", names[product], named(a, lines->of[product], header));
	for (enum product p = 0; p < PRODUCT_EDGE; p++) {
		const char *one = arena_printf(a, "%s: %s", names[p], named(a, lines->of[p], header));
		out = out == NULL ? one : arena_printf(a, "%s; %s", out, one);
	}
	return out;
}
