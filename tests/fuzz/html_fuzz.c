/* HTML: the same each time, whatever stands behind what is read, and URLs over plain HTTP are such. */
#include "fuzz.h"
#include "hdrcheck/html.h"

static void check_plain(const struct html *h)
{
	for (enum html_use use = 0; use < HTML_USES; use++) {
		const struct html_plain *p = &h->plain[use];
		MUST((p->count > 0) == (p->element != NULL));
		MUST(p->count == 0 || span_starts_nocase(p->first, SPAN("http://")));
	}
}

static void check_same(const struct html *a, const struct html *b)
{
	MUST(a->count == b->count && a->inline_handlers == b->inline_handlers);
	for (size_t i = 0; i < a->count; i++) {
		const struct html_element *x = &a->at[i], *y = &b->at[i];
		MUST(x->kind == y->kind && x->in_head == y->in_head && span_eq(x->src, y->src) &&
			span_eq(x->content, y->content) && span_eq(x->nonce, y->nonce));
	}
	for (enum html_use use = 0; use < HTML_USES; use++)
		MUST(a->plain[use].count == b->plain[use].count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of((const char *)data, size);
	struct arena a = {0};
	struct html one, two;
	struct err err;

	if (html_read(&a, in, &one, &err) == 0) {
		check_plain(&one);
		/* In another place of memory, where nothing is zero behind it. */
		char *copy = arena_alloc(&a, size + 8);
		memset(copy, '<', size + 8);
		memcpy(copy, data, size);
		if (html_read(&a, span_of(copy, size), &two, &err) == 0)
			check_same(&one, &two);
	}
	arena_free(&a);
	return 0;
}
