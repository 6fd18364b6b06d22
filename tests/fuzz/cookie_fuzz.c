/* Set-Cookie: a line that is put together from what was read gives the same cookie. */
#include "common/base/buf.h"
#include "common/proto/cookie.h"
#include "fuzz.h"

static void check_within(struct span part, struct span all)
{
	MUST(part.len == 0 || (part.p >= all.p && part.p + part.len <= all.p + all.len));
}

static void check_same(const struct cookie *a, const struct cookie *b)
{
	MUST(span_eq(a->name, b->name) && span_eq(a->value, b->value) && span_eq(a->domain, b->domain) &&
		span_eq(a->path, b->path) && span_eq(a->same_site, b->same_site));
	MUST(a->secure == b->secure && a->http_only == b->http_only && a->partitioned == b->partitioned &&
		a->has_max_age == b->has_max_age && (!a->has_max_age || a->max_age == b->max_age));
}

static void write_line(const struct cookie *c, struct buf *out)
{
	buf_add_span(out, c->name);
	buf_add_str(out, c->has_equals ? "=" : "");
	buf_add_span(out, c->value);
	if (c->has_domain) {
		buf_add_str(out, "; domain=."); /* one dot does not count */
		buf_add_span(out, c->domain);
	}
	if (c->has_path) {
		buf_add_str(out, "; PATH=");
		buf_add_span(out, c->path);
	}
	if (c->has_same_site) {
		buf_add_str(out, ";SameSite=");
		buf_add_span(out, c->same_site);
	}
	if (c->has_max_age)
		buf_addf(out, "; max-age=%lld", (long long)c->max_age);
	buf_addf(out, "%s%s%s", c->secure ? ";secure" : "", c->http_only ? "; HttpOnly=x" : "",
		c->partitioned ? ";Partitioned;" : "");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of((const char *)data, size);
	struct cookie c, again;
	struct buf line = {0};

	if (cookie_parse(in, &c) != COOKIE_OK)
		return 0;
	check_within(c.name, in);
	check_within(c.value, in);
	check_within(c.domain, in);
	check_within(c.path, in);
	check_within(c.expires, in);
	MUST(c.name.len + c.value.len <= COOKIE_PAIR_MAX && c.max_age <= COOKIE_AGE_MAX);
	write_line(&c, &line);
	MUST(cookie_parse(buf_span(&line), &again) == COOKIE_OK);
	check_same(&c, &again);
	buf_free(&line);
	/* What is dropped on HTTPS is dropped on HTTP. */
	MUST(cookie_prefix_fault(&c, true) == NULL || cookie_prefix_fault(&c, false) != NULL);
	MUST(cookie_domain_covers(SPAN("b.example"), SPAN("a.b.example")));
	cookie_domain_covers(c.domain, SPAN("a.b.example"));
	return 0;
}
