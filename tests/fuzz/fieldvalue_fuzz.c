/* Structured fields, cookies and Strict-Transport-Security: what is taken out of a value lies within it, and a value put
 * together from its parts reads the same. */
#include "common/base/buf.h"
#include "common/proto/cookie.h"
#include "common/proto/hsts.h"
#include "common/proto/sfield.h"
#include "fuzz.h"

static void check_within(struct span part, struct span all)
{
	MUST(part.len == 0 || (part.p >= all.p && part.p + part.len <= all.p + all.len));
}

static void check_inside(const struct sfield *v)
{
	struct span rest = v->text, key;
	struct sfield item;

	while (v->kind == SFIELD_INNER_LIST && sfield_inner_next(&rest, &item))
		check_within(item.text, v->text);
	MUST(v->kind != SFIELD_INNER_LIST || rest.len == 0);
	rest = v->params;
	while (sfield_param_next(&rest, &key, &item))
		check_within(key, v->params);
	MUST(rest.len == 0);
}

static void check_sfield(struct span in)
{
	struct span rest = in, key;
	struct sfield v;
	enum sfield_step step;

	while ((step = sfield_dictionary_next(&rest, &key, &v)) == SFIELD_NEXT) {
		check_within(key, in);
		check_within(v.text, in);
		check_inside(&v);
	}
	MUST(step != SFIELD_END || rest.len == 0);
	rest = in;
	while (sfield_list_next(&rest, &v) == SFIELD_NEXT)
		check_inside(&v);
	if (sfield_item(in, &v))
		check_within(v.text, in);
}

static void check_hsts(struct span in)
{
	struct hsts h, again;
	struct buf text = {0};

	enum hsts_fault fault = hsts_parse(in, &h);
	MUST(h.at <= in.len);
	if (fault != HSTS_OK)
		return;
	MUST(h.max_age >= 0 && h.max_age <= HSTS_AGE_MAX);
	buf_addf(&text, "max-age=%lld%s%s", (long long)h.max_age, h.subdomains ? ";includeSubDomains" : "",
		h.preload ? ";preload" : "");
	MUST(hsts_parse(buf_span(&text), &again) == HSTS_OK && hsts_at_least(&again, &h) &&
		hsts_at_least(&h, &again));
	buf_free(&text);
}

static void check_cookie(struct span in)
{
	struct cookie c;

	if (cookie_parse(in, &c) != COOKIE_OK)
		return;
	check_within(c.name, in);
	check_within(c.value, in);
	check_within(c.domain, in);
	check_within(c.path, in);
	MUST(c.name.len + c.value.len <= COOKIE_PAIR_MAX && c.max_age <= COOKIE_AGE_MAX);
	cookie_prefix_fault(&c, true);
	cookie_domain_covers(c.domain, SPAN("a.b.example"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of((const char *)data, size);

	check_sfield(in);
	check_hsts(in);
	check_cookie(in);
	return 0;
}
