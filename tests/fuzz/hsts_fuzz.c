/* Strict-Transport-Security: a value that is put together from what was read says the same, and a fault lies within it. */
#include "common/base/buf.h"
#include "common/proto/hsts.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of((const char *)data, size);
	struct hsts h, again;
	struct buf text = {0};
	enum hsts_fault fault = hsts_parse(in, &h);

	MUST(h.at <= size && hsts_fault_text(fault) != NULL);
	if (fault != HSTS_OK)
		return 0;
	MUST(h.max_age >= 0 && h.max_age <= HSTS_AGE_MAX);
	MUST(h.unknown.len == 0 || (h.unknown.p >= in.p && h.unknown.p + h.unknown.len <= in.p + size));
	buf_addf(&text, "max-age=%lld%s%s", (long long)h.max_age, h.subdomains ? ";includeSubDomains" : "",
		h.preload ? ";preload" : "");
	MUST(hsts_parse(buf_span(&text), &again) == HSTS_OK && hsts_at_least(&again, &h) &&
		hsts_at_least(&h, &again));
	/* One directive twice, or a comma, and it is void. */
	buf_clear(&text);
	buf_add_span(&text, in);
	buf_add_str(&text, ";max-age=1");
	MUST(hsts_parse(buf_span(&text), &again) == HSTS_REPEATED);
	buf_add_str(&text, ",");
	MUST(hsts_parse(buf_span(&text), &again) != HSTS_OK);
	buf_free(&text);
	return 0;
}
