/* Up to eight expressions, one a line, then an empty line and a text. Matching takes at most a visit of each instruction for
 * each character of the text and two more, none a second time where the cache knows the way, and the merged program is not
 * larger than twice what it is made of. */
#include "common/base/utf8.h"
#include "common/conf/rx.h"
#include "common/conf/rx_private.h"
#include "fuzz.h"

#define MEMBERS_MAX 8
#define PROGRAM_MAX 4000 /* instructions; larger ones only slow the fuzzer down */

static size_t count_characters(struct span text)
{
	size_t count = 0;

	for (uint32_t c; text.len > 0; count++) {
		size_t len = utf8_decode(text, &c);
		text = span_skip(text, len > 0 ? len : 1);
	}
	return count;
}

static void check_visits(const struct rx_set *set, struct span text, size_t cache)
{
	struct rx_scan *scan = rx_scan_new_sized(set, cache);
	uint64_t most = (uint64_t)set->count * (count_characters(text) + 2);

	size_t found = rx_scan_first(scan, text);
	uint64_t visits = rx_scan_visits(scan);
	MUST(visits <= most);
	MUST(rx_scan_first(scan, text) == found);
	/* A cache that never was full threw nothing away. */
	if (cache == RX_SCAN_MAX && rx_scan_kept(scan) < RX_SCAN_MAX / 2)
		MUST(rx_scan_visits(scan) == visits);
	else
		MUST(rx_scan_visits(scan) - visits <= most);
	rx_scan_free(scan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of((const char *)data, size);
	struct rx *members[MEMBERS_MAX];
	size_t count = 0, instructions = 0;

	while (count < MEMBERS_MAX && text.len > 0) {
		struct span line = span_cut(text, '\n', &text);
		if (line.len == 0)
			break;
		if ((members[count] = rx_new(line, RELEASE_2026, NULL, NULL)) != NULL)
			instructions += members[count++]->count;
	}
	if (text.p == NULL)
		text = SPAN("");
	if (instructions <= PROGRAM_MAX) {
		struct rx_set *set = rx_set_new((const struct rx *const *)members, count);
		MUST(set->count <= 2 * instructions);
		check_visits(set, text, 0);
		check_visits(set, text, RX_SCAN_MAX);
		check_visits(set, text, 24 * (set->part.classes + 8) * sizeof(uint32_t));
		rx_set_free(set);
	}
	while (count > 0)
		rx_free(members[--count]);
	return 0;
}
