/* Times as text: what is taken and refused, and the way back. */
#include "common/base/rfc3339.h"
#include "test.h"

static void times_are_taken(void)
{
	static const struct {
		const char *text;
		int64_t us;
		const char *printed;
	} rows[] = {
		{"1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z"},
		{"2026-01-02T03:04:05.123456Z", INT64_C(1767323045123456), "2026-01-02T03:04:05.123456Z"},
		{"2026-01-02t04:04:05.5+01:00", INT64_C(1767323045500000), "2026-01-02T03:04:05.5Z"},
		{"2026-01-01T22:34:05.123456789-04:30", INT64_C(1767323045123456),
			"2026-01-02T03:04:05.123456Z"},
		{"2024-02-29T23:59:60z", INT64_C(1709251199000000), "2024-02-29T23:59:59Z"},
		{"2000-03-01T00:00:00Z", INT64_C(951868800000000), "2000-03-01T00:00:00Z"},
		{"1969-12-31T23:59:59.75Z", -250000, "1969-12-31T23:59:59.75Z"},
		{"0001-01-01T00:00:00Z", INT64_C(-62135596800000000), "0001-01-01T00:00:00Z"},
		{"9999-12-31T23:59:59Z", INT64_C(253402300799000000), "9999-12-31T23:59:59Z"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[RFC3339_TEXT_MAX];
		int64_t us = -1;
		CHECK_FOR(rfc3339_parse(span_str(rows[i].text), &us), "%s", rows[i].text);
		CHECK_FOR(us == rows[i].us, "%s: %lld", rows[i].text, (long long)us);
		rfc3339_print(us, -1, text);
		CHECK_FOR(strcmp(text, rows[i].printed) == 0, "%s: %s", rows[i].text, text);
	}
}

static void what_is_no_time_is_refused(void)
{
	static const char *const rows[] = {"", "2026-01-02", "2026-01-02T03:04:05", "2026-01-02 03:04:05Z",
		"2026-1-02T03:04:05Z", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
		"2026-01-00T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-02T24:00:00Z",
		"2026-01-02T03:60:05Z", "2026-01-02T03:04:61Z", "2026-01-02T03:04:05.Z",
		"2026-01-02T03:04:05+0100", "2026-01-02T03:04:05+24:00", "2026-01-02T03:04:05Zx",
		"0000-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01",
		"+026-01-02T03:04:05Z", "2026-01-02T03:04:05,5Z"};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t us;
		CHECK_FOR(!rfc3339_parse(span_str(rows[i]), &us), "\"%s\"", rows[i]);
	}
}

static void digits_can_be_fixed(void)
{
	char text[RFC3339_TEXT_MAX];

	rfc3339_print(INT64_C(1767323045003456), 3, text);
	CHECK(strcmp(text, "2026-01-02T03:04:05.003Z") == 0);
	rfc3339_print(INT64_C(1767323045003456), 0, text);
	CHECK(strcmp(text, "2026-01-02T03:04:05Z") == 0);
}

TEST_MAIN(TEST(times_are_taken), TEST(what_is_no_time_is_refused), TEST(digits_can_be_fixed))
