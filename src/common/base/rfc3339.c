/* Times as text. Days are counted by the proleptic Gregorian calendar, so no time zone of the process takes part. */
#include <stdio.h>
#include <time.h>

#include "common/base/rfc3339.h"

#define FIRST_US INT64_C(-62135596800000000) /* 0001-01-01 */
#define END_US INT64_C(253402300800000000)   /* 10000-01-01 */
#define SECOND_US INT64_C(1000000)

/* Days from 1970-01-01 to the first of March 0000 and to any day, years beginning in March so that leap days come last. */
static int64_t days_of(int year, int month, int day)
{
	int64_t y = month > 2 ? year : year - 1;
	int64_t m = month > 2 ? month - 3 : month + 9;

	return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static int days_in(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

/* Exactly `width` digits, then `after` unless it is 0. */
static bool take(struct span *s, size_t width, char after, int *out)
{
	*out = 0;
	if (s->len < width + (after != 0))
		return false;
	for (size_t i = 0; i < width; i++) {
		if (s->p[i] < '0' || s->p[i] > '9')
			return false;
		*out = *out * 10 + (s->p[i] - '0');
	}
	*s = span_skip(*s, width);
	if (after == 0)
		return true;
	bool fits = (s->p[0] | (after >= 'A' && after <= 'Z' ? 0x20 : 0)) ==
		    (after | (after >= 'A' && after <= 'Z' ? 0x20 : 0));
	*s = span_skip(*s, 1);
	return fits;
}

static bool take_fraction(struct span *s, int64_t *us)
{
	int64_t unit = SECOND_US / 10;

	*us = 0;
	if (s->len == 0 || s->p[0] != '.')
		return true;
	*s = span_skip(*s, 1);
	size_t digits = 0;
	for (; digits < s->len && s->p[digits] >= '0' && s->p[digits] <= '9'; digits++, unit /= 10)
		*us += (s->p[digits] - '0') * unit;
	*s = span_skip(*s, digits);
	return digits > 0;
}

static bool take_offset(struct span *s, int *minutes)
{
	int hour, minute;

	*minutes = 0;
	if (s->len == 1 && (s->p[0] == 'Z' || s->p[0] == 'z')) {
		*s = span_skip(*s, 1);
		return true;
	}
	if (s->len == 0 || (s->p[0] != '+' && s->p[0] != '-'))
		return false;
	int sign = s->p[0] == '+' ? 1 : -1;
	*s = span_skip(*s, 1);
	if (!take(s, 2, ':', &hour) || !take(s, 2, 0, &minute) || hour > 23 || minute > 59)
		return false;
	*minutes = sign * (hour * 60 + minute);
	return true;
}

bool rfc3339_parse(struct span s, int64_t *us)
{
	int year, month, day, hour, minute, second, offset;
	int64_t fraction;

	if (!take(&s, 4, '-', &year) || !take(&s, 2, '-', &month) || !take(&s, 2, 'T', &day) ||
		!take(&s, 2, ':', &hour) || !take(&s, 2, ':', &minute) || !take(&s, 2, 0, &second) ||
		!take_fraction(&s, &fraction) || !take_offset(&s, &offset) || s.len > 0)
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in(year, month) || hour > 23 ||
		minute > 59 || second > 60)
		return false;
	if (second == 60)
		second = 59;
	int64_t minutes = (days_of(year, month, day) * 24 + hour) * 60 + minute - offset;
	*us = (minutes * 60 + second) * SECOND_US + fraction;
	return *us >= FIRST_US && *us < END_US; /* in UTC too */
}

void rfc3339_print(int64_t us, int digits, char out[RFC3339_TEXT_MAX])
{
	int64_t fraction = us % SECOND_US;
	time_t seconds = (time_t)((us - fraction) / SECOND_US);
	struct tm utc;
	int unit = 1;

	if (fraction < 0) {
		fraction += SECOND_US;
		seconds--;
	}
	if (digits < 0)
		for (digits = fraction == 0 ? 0 : 6; digits > 0 && fraction % 10 == 0; digits--)
			fraction /= 10;
	else
		for (int i = digits; i < 6; i++)
			unit *= 10;
	gmtime_r(&seconds, &utc);
	/* Four digits, which %Y of the C library does not see to. */
	size_t len = (size_t)snprintf(out, RFC3339_TEXT_MAX, "%04d", utc.tm_year + 1900);
	len += strftime(out + len, RFC3339_TEXT_MAX - len, "-%m-%dT%H:%M:%S", &utc);
	if (digits > 0)
		len += (size_t)snprintf(
			out + len, RFC3339_TEXT_MAX - len, ".%0*d", digits, (int)(fraction / unit));
	snprintf(out + len, RFC3339_TEXT_MAX - len, "Z");
}

int64_t rfc3339_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * SECOND_US + now.tv_nsec / 1000;
}
