/* Ports, wildcards and punycode of hostnames. */
#include <idn2.h>
#include <stdlib.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "common/conf/hostname.h"
#include "common/conf/punycode.h"
#include "common/conf/rx_class.h"

bool hostname_split_port(struct span text, struct span *host)
{
	size_t colon = span_rfind(text, ':');
	struct span rest = text; /* where a bracket would be one too many */

	*host = text;
	if (colon == text.len)
		return false;
	if (text.p[0] == '[') {
		size_t close = span_find(text, ']');
		if (close + 1 != colon)
			return false;
		struct span inner = span_of(text.p + 1, close - 1);
		rest = span_skip(text, close + 1);
		if (span_find(inner, '[') < inner.len || span_find(rest, '[') < rest.len ||
			span_find(rest, ']') < rest.len)
			return false;
		*host = inner;
		return true;
	}
	struct span name = span_of(text.p, colon);
	if (span_find(name, ':') < name.len || span_find(rest, '[') < rest.len ||
		span_find(rest, ']') < rest.len)
		return false;
	*host = name;
	return true;
}

bool hostname_has_bad_wildcard(struct span name)
{
	size_t star = span_rfind(name, '*');

	return star < name.len && star > 0;
}

static bool is_ascii(struct span label)
{
	for (size_t i = 0; i < label.len; i++)
		if ((unsigned char)label.p[i] >= 0x80)
			return false;
	return true;
}

/* Asked to apply the STD3 rules, libidn2 deletes ASCII characters that break them, and characters that stand for such
 * ones (U+FF0A for "*"), where it should refuse. So it is not asked: what is written is judged before it, and its
 * result, in which punycode leaves ASCII characters as they are, after it. */
static bool has_ldh_only(struct span label)
{
	for (size_t i = 0; i < label.len; i++) {
		char c = span_lower(label.p[i]);
		if ((unsigned char)c < 0x80 && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
			return false;
	}
	return true;
}

/* The form of a label may be several: U+3002 and its like stand for dots. */
static bool has_form_bytes_only(struct span form)
{
	struct span rest = form;

	while (rest.p != NULL)
		if (!has_ldh_only(span_cut(rest, '.', &rest)))
			return false;
	return true;
}

/* In Go's check, too, positions are bytes. */
static bool breaks_hyphen_rules(struct span label)
{
	if (label.len == 0)
		return false;
	return label.p[0] == '-' || label.p[label.len - 1] == '-' ||
	       (label.len >= 4 && label.p[2] == '-' && label.p[3] == '-');
}

/* Three signs that UTS 46 refuses under the STD3 rules, as "=", "<" and ">" with a stroke: U+2260, U+226E, U+226F. */
static bool has_struck_sign(struct span label)
{
	for (size_t i = 0; i + 2 < label.len; i++)
		if (label.p[i] == '\xe2' && label.p[i + 1] == '\x89' &&
			(label.p[i + 2] == '\xa0' || label.p[i + 2] == '\xae' || label.p[i + 2] == '\xaf'))
			return true;
	return false;
}

/* Symbols that UTS 46 maps or refuses, in whole blocks: what stands beside them there is left without a form, too. */
static const struct rx_range not_plain[] = {{0x2100, 0x214f}, {0x249c, 0x24e9}, {0x2e80, 0x2fff},
	{0x3036, 0x3036}, {0x3190, 0x33ff}, {0xffe0, 0xffff}, {0x1d100, 0x1d1ff}, {0x1f100, 0x1f2ff}};

static bool is_plain_symbol(const struct rx_class *symbols, uint32_t c)
{
	struct rx_ranges others = {not_plain, sizeof(not_plain) / sizeof(not_plain[0])};

	return rx_ranges_have(rx_class_ranges(symbols), c) && !rx_ranges_have(others, c);
}

/* The code points of a label that holds nothing but ASCII and plain symbols; 0 when it holds others, too. */
static size_t symbols_of(struct span label, uint32_t points[PUNYCODE_MAX])
{
	struct rx_class symbols = {0};
	size_t count = 0, len;

	rx_class_add_unicode(&symbols, RELEASE_2025, SPAN("So"));
	rx_class_clean(&symbols);
	for (; label.len > 0 && count < PUNYCODE_MAX; label = span_skip(label, len)) {
		uint32_t c;
		len = utf8_decode(label, &c);
		if (len == 0 || (c >= 0x80 && !is_plain_symbol(&symbols, c)))
			break;
		points[count++] = c < 0x80 ? (uint32_t)span_lower((char)c) : c;
	}
	rx_class_free(&symbols);
	return label.len == 0 ? count : 0;
}

/* libidn2 holds labels against IDNA 2008, which has no symbols; UTS 46 takes them as they are. */
static bool add_symbols(struct buf *out, struct span label)
{
	uint32_t points[PUNYCODE_MAX];
	size_t count = symbols_of(label, points);

	return count > 0 && buf_add_str(out, "xn--") == 0 && punycode_encode(points, count, out) == 0;
}

/* Append one label's form. */
static bool add_label(struct buf *out, struct span label)
{
	bool is_ace = span_starts_nocase(label, SPAN("xn--"));

	if (!has_ldh_only(label) || has_struck_sign(label) || (!is_ace && breaks_hyphen_rules(label)))
		return false;
	if (is_ascii(label) && !is_ace) {
		for (size_t i = 0; i < label.len; i++)
			buf_add_char(out, span_lower(label.p[i]));
		return true;
	}
	char *text = mem_spandup(label), *form = NULL;
	int rc = idn2_to_ascii_8z(text, &form, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	bool good = rc == IDN2_OK && strlen(text) == label.len && has_form_bytes_only(span_str(form));
	if (good)
		buf_add_str(out, form);
	if (form != NULL)
		idn2_free(form);
	free(text);
	return good || (rc == IDN2_DISALLOWED && add_symbols(out, label));
}

char *hostname_punycode(struct span name)
{
	struct buf form = {0};
	struct span rest = name;
	char *result = NULL;
	bool good = name.len > 0;

	while (good && rest.p != NULL) {
		struct span label = span_cut(rest, '.', &rest);
		good = add_label(&form, label) && (rest.p == NULL || buf_add_char(&form, '.') == 0);
	}
	if (good && !span_eq(buf_span(&form), name))
		result = mem_spandup(buf_span(&form));
	buf_free(&form);
	return result;
}
