/* The client's side of two proxy protocols. */
#include <arpa/inet.h>
#include <stdlib.h>

#include "common/base/base64.h"
#include "common/proto/http1.h"
#include "wscat/proxy.h"

enum { /* SOCKS5 (RFC 1928) */
	SOCKS_VERSION = 5,
	SOCKS_NO_AUTH = 0,
	SOCKS_PASSWORD = 2,
	SOCKS_CONNECT = 1,
	SOCKS_IPV4 = 1,
	SOCKS_NAME = 3,
	SOCKS_IPV6 = 4,
};

static void begin_http(const struct where *w, struct buf *out)
{
	const char *open = strchr(w->far_host, ':') != NULL ? "[" : "", *shut = *open ? "]" : "";

	buf_addf(out, "CONNECT %s%s%s:%s HTTP/1.1\r\nHost: %s%s%s:%s\r\n", open, w->far_host, shut,
		w->far_port, open, w->far_host, shut, w->far_port);
	if (w->credentials != NULL) {
		buf_add_str(out, "Proxy-Authorization: Basic ");
		base64_encode(span_str(w->credentials), BASE64_PADDED, out);
		buf_add_str(out, "\r\n");
	}
	buf_add_str(out, "\r\n");
}

int proxy_begin(struct proxy_talk *t, const struct where *where, struct buf *out, struct err *err)
{
	*t = (struct proxy_talk){.where = where};
	if (where->proxy == WHERE_HTTP) {
		begin_http(where, out);
		return 0;
	}
	if (strlen(where->far_host) > 255)
		return err_set(err, "the host name is too long for SOCKS5");
	if (where->proxy == WHERE_SOCKS5 && !where_is_address(where->far_host))
		return err_set(err,
			"socks5:// takes addresses only; say socks5h:// to let the proxy resolve %s",
			where->far_host);
	buf_add(out, where->credentials != NULL ? "\x05\x02\x00\x02" : "\x05\x01\x00",
		where->credentials != NULL ? 4 : 3);
	return 0;
}

static enum parse take_http(struct proxy_talk *t, struct buf *in, struct err *err)
{
	struct http1_fault fault = {.why = "head too long"};
	struct http1_response r = {0};
	size_t len;
	enum parse found = http1_find_head(buf_span(in), &t->scanned, &len, &fault);

	if (found == PARSE_MORE)
		return found;
	if (found == PARSE_BAD ||
		!http1_parse_response(span_of(buf_span(in).p, len), SPAN("CONNECT"), &r, &fault)) {
		err_set(err, "the proxy's answer is not HTTP: %s", fault.why);
		found = PARSE_BAD;
	} else if (r.status < 200 || r.status > 299) {
		err_set(err, "the proxy answered %d %.*s", r.status, (int)r.reason.len, r.reason.p);
		found = PARSE_BAD;
	} else {
		buf_consume(in, len);
	}
	http1_response_fini(&r);
	return found;
}

static void put_port(const char *port, struct buf *out)
{
	uint64_t n = 0;

	/* Checked when the URL was read. */
	if (!span_to_u64(span_str(port), UINT16_MAX, &n))
		abort();
	buf_add_char(out, (char)(n >> 8));
	buf_add_char(out, (char)(n & 0xff));
}

static void ask_connect(const struct where *w, struct buf *out)
{
	unsigned char address[16];

	buf_add(out, "\x05\x01\x00", 3);
	if (inet_pton(AF_INET, w->far_host, address) == 1) {
		buf_add_char(out, SOCKS_IPV4);
		buf_add(out, address, 4);
	} else if (inet_pton(AF_INET6, w->far_host, address) == 1) {
		buf_add_char(out, SOCKS_IPV6);
		buf_add(out, address, 16);
	} else {
		buf_add_char(out, SOCKS_NAME);
		buf_add_char(out, (char)strlen(w->far_host));
		buf_add_str(out, w->far_host);
	}
	put_port(w->far_port, out);
}

static int say_password(const struct where *w, struct buf *out, struct err *err)
{
	struct span password, user = span_cut(span_str(w->credentials), ':', &password);

	if (user.len == 0 || user.len > 255 || password.len > 255)
		return err_set(err, "user name or password does not fit SOCKS5");
	buf_add_char(out, 1);
	buf_add_char(out, (char)user.len);
	buf_add_span(out, user);
	buf_add_char(out, (char)password.len);
	buf_add_span(out, password);
	return 0;
}

static const char *socks_why(unsigned char code)
{
	static const char *const why[] = {"", "general failure", "not allowed", "network unreachable",
		"host unreachable", "connection refused", "TTL expired", "command not supported",
		"address type not supported"};

	return code < sizeof(why) / sizeof(why[0]) ? why[code] : "unknown error";
}

/* The answer to the method list. */
static enum parse take_method(struct proxy_talk *t, struct buf *in, struct buf *out, struct err *err)
{
	struct span s = buf_span(in);

	if (s.len < 2)
		return PARSE_MORE;
	if (s.p[0] != SOCKS_VERSION ||
		(s.p[1] != SOCKS_NO_AUTH && (s.p[1] != SOCKS_PASSWORD || t->where->credentials == NULL))) {
		err_set(err, "the proxy speaks no SOCKS5, or wants a login that was not given");
		return PARSE_BAD;
	}
	t->step = s.p[1] == SOCKS_NO_AUTH ? 2 : 1;
	buf_consume(in, 2);
	if (t->step == 2)
		ask_connect(t->where, out);
	else if (say_password(t->where, out, err) < 0)
		return PARSE_BAD;
	return PARSE_MORE;
}

static enum parse take_login(struct proxy_talk *t, struct buf *in, struct buf *out, struct err *err)
{
	struct span s = buf_span(in);

	if (s.len < 2)
		return PARSE_MORE;
	if (s.p[1] != 0) {
		err_set(err, "the proxy refuses user name and password");
		return PARSE_BAD;
	}
	buf_consume(in, 2);
	t->step = 2;
	ask_connect(t->where, out);
	return PARSE_MORE;
}

static enum parse take_connected(struct buf *in, struct err *err)
{
	struct span s = buf_span(in);

	if (s.len < 5)
		return PARSE_MORE;
	size_t len = 6 + (s.p[3] == SOCKS_IPV4          ? 4
				 : s.p[3] == SOCKS_IPV6 ? 16
							: 1 + (size_t)(unsigned char)s.p[4]);
	if (s.p[0] != SOCKS_VERSION || s.p[1] != 0) {
		err_set(err, "the proxy did not connect: %s", socks_why((unsigned char)s.p[1]));
		return PARSE_BAD;
	}
	if (s.len < len)
		return PARSE_MORE;
	buf_consume(in, len);
	return PARSE_OK;
}

enum parse proxy_take(struct proxy_talk *t, struct buf *in, struct buf *out, struct err *err)
{
	enum parse step = PARSE_MORE;
	int before;

	if (t->where->proxy == WHERE_HTTP)
		return take_http(t, in, err);
	do {
		before = t->step;
		switch (t->step) {
		case 0: step = take_method(t, in, out, err); break;
		case 1: step = take_login(t, in, out, err); break;
		default: step = take_connected(in, err); break;
		}
	} while (step == PARSE_MORE && t->step != before);
	return step;
}
