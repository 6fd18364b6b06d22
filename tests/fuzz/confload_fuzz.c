/* Directives that include: each lies in its line, is found again where it was found, and the search comes to an end. */
#include "fuzz.h"
#include "wscat/confload.h"

static void search(struct span line)
{
	while (line.len > 0) {
		struct span pattern = {0};
		size_t len = 0, at = confload_find(line, &pattern, &len), again_len = 0;
		MUST(at <= line.len);
		if (at == line.len)
			return;
		MUST(len > 0 && len <= line.len - at);
		MUST(pattern.len > 0 && pattern.p >= line.p + at &&
			pattern.p + pattern.len <= line.p + at + len);
		struct span again;
		MUST(confload_find(span_of(line.p + at, len), &again, &again_len) == 0);
		MUST(again_len == len && span_eq(again, pattern));
		line = span_skip(line, at + len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of((const char *)data, size);

	while (text.len > 0) {
		struct span rest;
		search(span_cut(text, '\n', &rest));
		text = rest;
	}
	return 0;
}
