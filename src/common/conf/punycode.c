/* RFC 3492, section 6.3. */
#include "common/conf/punycode.h"

enum { BASE = 36, T_MIN = 1, T_MAX = 26, SKEW = 38, DAMP = 700, FIRST_BIAS = 72, FIRST_CODE = 0x80 };

static uint32_t adapt(uint32_t delta, uint32_t points, bool first)
{
	uint32_t k = 0;

	delta = first ? delta / DAMP : delta / 2;
	for (delta += delta / points; delta > (BASE - T_MIN) * T_MAX / 2; k += BASE)
		delta /= BASE - T_MIN;
	return k + (BASE - T_MIN + 1) * delta / (delta + SKEW);
}

static char digit(uint32_t d)
{
	return (char)(d < 26 ? 'a' + d : '0' + (d - 26));
}

static void add_number(struct buf *out, uint32_t q, uint32_t bias)
{
	for (uint32_t k = BASE;; k += BASE) {
		uint32_t t = k <= bias ? T_MIN : k >= bias + T_MAX ? T_MAX : k - bias;
		if (q < t)
			break;
		buf_add_char(out, digit(t + (q - t) % (BASE - t)));
		q = (q - t) / (BASE - t);
	}
	buf_add_char(out, digit(q));
}

static uint32_t least_from(const uint32_t *label, size_t len, uint32_t n)
{
	uint32_t least = UINT32_MAX;

	for (size_t i = 0; i < len; i++)
		if (label[i] >= n && label[i] < least)
			least = label[i];
	return least;
}

/* Code points are below 2^21 and at most PUNYCODE_MAX, so delta stays far below 2^32. */
int punycode_encode(const uint32_t *label, size_t len, struct buf *out)
{
	uint32_t n = FIRST_CODE, delta = 0, bias = FIRST_BIAS, done = 0;

	if (len > PUNYCODE_MAX)
		return -1;
	for (size_t i = 0; i < len; i++)
		if (label[i] < FIRST_CODE && buf_add_char(out, (char)label[i]) == 0)
			done++;
	uint32_t basic = done;
	if (basic > 0)
		buf_add_char(out, '-');
	while (done < len) {
		uint32_t next = least_from(label, len, n);
		delta += (next - n) * (done + 1);
		n = next;
		for (size_t i = 0; i < len; i++) {
			delta += label[i] < n;
			if (label[i] != n)
				continue;
			add_number(out, delta, bias);
			bias = adapt(delta, done + 1, done == basic);
			delta = 0;
			done++;
		}
		delta++;
		n++;
	}
	return 0;
}
