/* Messages and the records that stand for them. */
#include "wscat/form.h"
#include "common/base/base64.h"
#include "common/base/out.h"
#include "common/base/utf8.h"

static int hex_digit(char c)
{
	char lower = span_lower(c);

	if (c >= '0' && c <= '9')
		return c - '0';
	return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static int read_hex(struct span record, struct buf *out, struct err *err)
{
	int high = -1;

	for (size_t i = 0; i < record.len; i++) {
		int digit = hex_digit(record.p[i]);
		if (record.p[i] == ' ' && high < 0)
			continue;
		if (digit < 0)
			return err_set(err, "not hexadecimal at byte %zu", i + 1);
		if (high < 0) {
			high = digit;
		} else {
			buf_add_char(out, (char)(high << 4 | digit));
			high = -1;
		}
	}
	return high < 0 ? 0 : err_set(err, "an odd number of hexadecimal digits");
}

static int read_base64(struct span record, struct buf *out, struct err *err)
{
	size_t len;
	char *to = buf_reserve(out, record.len);

	if (to == NULL || !base64_decode(record, BASE64_PADDED, to, record.len, &len))
		return err_set(err, "not base64");
	buf_commit(out, len);
	return 0;
}

static int read_text(struct span record, struct buf *out, struct err *err)
{
	uint32_t rune;

	for (struct span rest = record; rest.len > 0;) {
		size_t n = utf8_decode(rest, &rune);
		if (n == 0)
			return err_set(err, "not UTF-8 at byte %zu; see --binary", record.len - rest.len + 1);
		rest = span_skip(rest, n);
	}
	return buf_add_span(out, record) == 0 ? 0 : err_set(err, "too long");
}

int form_read(enum form form, struct span record, struct buf *out, struct err *err)
{
	switch (form) {
	case FORM_TEXT: return read_text(record, out, err);
	case FORM_BINARY: return buf_add_span(out, record) == 0 ? 0 : err_set(err, "too long");
	case FORM_HEX: return read_hex(record, out, err);
	case FORM_BASE64: return read_base64(record, out, err);
	}
	return -1;
}

void form_write(
	enum form form, enum ws_opcode opcode, struct span message, bool for_terminal, struct buf *out)
{
	if (form == FORM_HEX && opcode == WS_BINARY) {
		for (size_t i = 0; i < message.len; i++)
			buf_addf(out, "%02x", (unsigned)(unsigned char)message.p[i]);
	} else if (form == FORM_BASE64 && opcode == WS_BINARY) {
		base64_encode(message, BASE64_PADDED, out);
	} else if (for_terminal) {
		out_escape(message, out);
	} else {
		buf_add_span(out, message);
	}
}

bool form_unescape(const char *text, struct buf *out)
{
	for (const char *c = text; *c != '\0'; c++) {
		if (*c != '\\') {
			buf_add_char(out, *c);
			continue;
		}
		switch (*++c) {
		case 'n': buf_add_char(out, '\n'); break;
		case 'r': buf_add_char(out, '\r'); break;
		case 't': buf_add_char(out, '\t'); break;
		case '0': buf_add_char(out, '\0'); break;
		case '\\': buf_add_char(out, '\\'); break;
		case 'x':
			if (hex_digit(c[1]) < 0 || hex_digit(c[2]) < 0)
				return false;
			buf_add_char(out, (char)(hex_digit(c[1]) << 4 | hex_digit(c[2])));
			c += 2;
			break;
		default: return false;
		}
	}
	return buf_len(out) > 0;
}
