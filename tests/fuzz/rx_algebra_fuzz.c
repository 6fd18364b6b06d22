/* Two expressions, a line each, and a text. What is found in the first language and not in the second is there indeed; and
 * when the text is, something is found, and nothing longer. */
#include "common/base/buf.h"
#include "common/conf/rx_algebra.h"
#include "common/conf/rx_private.h"
#include "fuzz.h"

#define PROGRAM_MAX 400 /* instructions; larger ones only slow the fuzzer down */
#define STATES 2000

static bool holds(const struct rx_set *set, struct span text)
{
	struct rx_scan *scan = rx_scan_new(set);
	bool found = rx_scan_first(scan, text) == 0;

	rx_scan_free(scan);
	return found;
}

static void check(const struct rx_set *within, const struct rx_set *without, struct span text)
{
	const struct rx_term terms[] = {{within, false}, {without, true}};
	struct buf witness = {0};
	enum rx_answer answer = rx_witness(terms, 2, STATES, &witness);
	bool is_one = holds(within, text) && !holds(without, text);

	if (answer == RX_SOME)
		MUST(holds(within, buf_span(&witness)) && !holds(without, buf_span(&witness)));
	else
		MUST(buf_len(&witness) == 0);
	MUST(answer != RX_NONE || !is_one);
	/* Four bytes a character at most, one at least. */
	MUST(answer != RX_SOME || !is_one || buf_len(&witness) <= 4 * text.len);
	buf_free(&witness);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of((const char *)data, size), a = span_cut(text, '\n', &text), b;
	struct rx *first = rx_new(a, RELEASE_2025, NULL, NULL), *second;

	if (first == NULL)
		return 0;
	b = span_cut(text, '\n', &text);
	second = rx_new(b, RELEASE_2025, NULL, NULL);
	if (second != NULL && first->count + second->count < PROGRAM_MAX) {
		const struct rx *x = first, *y = second;
		struct rx_set *within = rx_set_new(&x, 1), *without = rx_set_new(&y, 1);
		check(within, without, text);
		rx_set_free(within);
		rx_set_free(without);
	}
	rx_free(first);
	rx_free(second);
	return 0;
}
