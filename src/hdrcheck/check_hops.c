/* Findings about what hops do to security headers. */
#include "hdrcheck/hops.h"

static bool is_about_security(struct span name)
{
	for (size_t i = 0; i < rules_count; i++)
		if (rules[i].header[0] != '\0' && span_eq_nocase(span_str(rules[i].header), name))
			return true;
	return false;
}

/* Where a second line came from shows in the order of the two. */
static const char *doubling_hint(const struct hop_row *r, size_t hop)
{
	if (r->values[hop + 1].p == NULL)
		return "set in two places of it: of Apache httpd, Header set beside Header always set";
	if (span_starts(r->values[hop], r->values[hop + 1]))
		return "its own stands behind: nginx add_header wants proxy_hide_header beside it, HAProxy "
		       "set-header instead of add-header";
	return "its own stands in front: Apache httpd Header always set wants Header unset beside it, Caddy "
	       "header wants header_down in reverse_proxy";
}

static void report_change(struct audit *au, const struct hops *h, const struct hop_row *r, size_t hop)
{
	const char *name = arena_copy(&au->arena, r->name).p, *at = h->at[hop].name,
		   *behind = h->at[hop + 1].name, *look = r->look[hop];
	struct finding *f = NULL;

	switch (r->change[hop]) {
	case HOP_DOUBLED:
		f = audit_report(au, "hop-doubled", name, r->values[hop], "%s sends it %zu times; %s", at,
			r->lines[hop], h->at[hop].product != PRODUCT_UNKNOWN ? look : doubling_hint(r, hop));
		break;
	case HOP_REMOVED:
	case HOP_FEWER:
		f = audit_report(au, "hop-dropped", name, r->values[hop + 1],
			h->at[hop].r->status != h->at[hop + 1].r->status
				? "%s drops what %s sends: it answers %d by itself; %s"
				: "%s drops what %s sends (both %d); %s",
			at, behind, h->at[hop].r->status, look);
		break;
	case HOP_CHANGED:
		f = audit_report(au, "hop-changed", name, r->values[hop], "%s replaces what %s sends; %s", at,
			behind, look);
		break;
	case HOP_SAME:
	case HOP_ADDED:
	case HOP_RECASED: break;
	}
	if (f != NULL)
		f->hop = at;
}

void check_hops(struct audit *au, const struct hops *h)
{
	for (size_t i = 0; i < au->count; i++)
		au->findings[i].hop = hops_origin(h, au->findings[i].header);
	for (size_t row = 0; row < h->row_count; row++)
		for (size_t hop = 0; hop + 1 < h->count; hop++)
			if (is_about_security(h->rows[row].name))
				report_change(au, h, &h->rows[row], hop);
}
