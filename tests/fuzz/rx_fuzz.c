/* Up to four expressions, one a line, then an empty line and a text. However states are kept, thrown away or not kept at
 * all, the same member is found, and it is the first that is found when each is matched alone. */
#include "common/base/utf8.h"
#include "common/conf/rx.h"
#include "common/conf/rx_private.h"
#include "fuzz.h"

#define MEMBERS_MAX 4
#define PROGRAM_MAX 4000 /* instructions; larger ones only slow the fuzzer down */

/* One after the other with the same scan: what the first text left behind must not change the second. */
static size_t match(const struct rx_set *set, struct span text, size_t cache)
{
	struct rx_scan *scan = rx_scan_new_sized(set, cache);
	size_t found = rx_scan_first(scan, text);

	MUST(found <= set->members);
	rx_scan_first(scan, span_of(text.p, text.len / 2));
	MUST(rx_scan_first(scan, text) == found);
	rx_scan_free(scan);
	return found;
}

static size_t match_alone(const struct rx *r, struct span text)
{
	struct rx_set *set = rx_set_new(&r, 1);
	size_t found = match(set, text, 0);

	rx_set_free(set);
	return found;
}

/* A class is whole inside each set or outside of it, and its sample belongs to it. */
static void check_partition(const struct rx_set *set, struct span text)
{
	const struct rx_partition *part = &set->part;
	size_t len;

	for (uint32_t i = 0; i < part->classes; i++)
		MUST(rx_partition_find(part, part->sample[i]) == i);
	for (; text.len > 0; text = span_skip(text, len)) {
		uint32_t class = rx_partition_next(part, text, &len), c = 0xfffd;
		MUST(class < part->classes && len > 0 && len <= text.len);
		if (utf8_decode(text, &c) == 0)
			MUST(len == 1);
		for (size_t i = 0; i < set->sets.count; i++)
			MUST(rx_ranges_have(set->sets.at[i], c) ==
				rx_ranges_have(set->sets.at[i], part->sample[class]));
	}
}

static void check_set(const struct rx *const *members, size_t count, struct span text)
{
	struct rx_set *set = rx_set_new(members, count);
	size_t first = 0;

	if (set->count <= PROGRAM_MAX) {
		while (first < count && match_alone(members[first], text) != 0)
			first++;
		MUST(match(set, text, 0) == first);
		MUST(match(set, text, RX_SCAN_MAX) == first);
		MUST(match(set, text, 24 * (set->part.classes + 8) * sizeof(uint32_t)) == first);
		check_partition(set, text);
	}
	rx_set_free(set);
}

/* The older syntax refuses more, and nothing else. */
static struct rx *parse(struct span text)
{
	struct err err = {{0}};
	size_t at = 0;
	struct rx *r = rx_new(text, RELEASE_2025, &at, &err),
		  *older = rx_new(text, RELEASE_2023_7, NULL, NULL);

	MUST(at <= text.len && (r == NULL) == (err.text[0] != '\0'));
	MUST(r != NULL || older == NULL);
	MUST(older == NULL || older->count == r->count);
	rx_free(older);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of((const char *)data, size);
	struct rx *members[MEMBERS_MAX];
	size_t count = 0;

	while (count < MEMBERS_MAX && text.len > 0) {
		struct span line = span_cut(text, '\n', &text);
		if (line.len == 0)
			break;
		if ((members[count] = parse(line)) != NULL)
			count++;
	}
	if (text.p == NULL)
		text = SPAN("");
	check_set((const struct rx *const *)members, count, text);
	while (count > 0)
		rx_free(members[--count]);
	return 0;
}
